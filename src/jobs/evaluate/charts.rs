//! Figures in, pictures out: inline SVG by plotters, its text left to the reader's own Chinese fonts.
//! Law: the same figures give the same bytes; a picture holds counts and names of labels, no text.

use plotters::prelude::*;

use super::learning::Point;
use super::{HeadDetails, ThresholdFigures};
use crate::error::{Error, Result};
use crate::jobs::page::title;
use crate::metrics::Scorecard;

const INK: RGBColor = RGBColor(31, 41, 51);
const QUIET: RGBColor = RGBColor(102, 114, 127);
const LINE: RGBColor = RGBColor(217, 223, 229);
const BAR: RGBColor = RGBColor(59, 110, 165);
const HOT: RGBColor = RGBColor(179, 38, 30);
const WARM: RGBColor = RGBColor(199, 119, 0);
const FONT: &str = "Noto Sans CJK SC, Source Han Sans SC, PingFang SC, Microsoft YaHei, sans-serif";

/// A picture that takes half the page, and all of a telephone's.
const HALF: (u32, u32) = (440, 320);

/// Classes of a heat map; of more the largest are shown.
pub(super) const HEAT_CLASSES: usize = 30;

/// Draws into a string; what can fail is plotters' own.
fn draw(
    size: (u32, u32),
    picture: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Drawn,
) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        picture(&area)
            .and_then(|()| area.present().map_err(|e| e.to_string()))
            .map_err(|e| Error::Failed(format!("a picture cannot be drawn: {e}")))?;
    }
    Ok(svg)
}

type Drawn = std::result::Result<(), String>;

fn failed<E: std::fmt::Display>(e: E) -> String {
    e.to_string()
}

fn percent(x: &f64) -> String {
    format!("{:.0}%", x * 100.0)
}

/// The lines and words behind a curve: so many labels below, and for either axis its name and how a value is written. A macro,
/// for the types of a chart cannot be named in a line.
macro_rules! mesh {
    ($chart:ident, $n:expr, [$x:expr, $x_label:expr], [$y:expr, $y_label:expr]) => {
        $chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(LINE)
            .axis_style(QUIET)
            .x_labels($n)
            .y_labels(6)
            .x_label_formatter($x_label)
            .y_label_formatter($y_label)
            .label_style((FONT, 13).into_font().color(&QUIET))
            .axis_desc_style((FONT, 13).into_font().color(&INK))
            .x_desc($x)
            .y_desc($y)
            .draw()
            .map_err(failed)?
    };
}

/// Mean probability against the share that was right, one disc a bin, its area by the rows in it.
pub(super) fn reliability(card: &Scorecard) -> Result<String> {
    let most = card
        .reliability
        .iter()
        .map(|b| b.n)
        .max()
        .unwrap_or(1)
        .max(1);
    draw(HALF, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(24)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(0f64..1f64, 0f64..1f64)
            .map_err(failed)?;
        mesh!(
            chart,
            6,
            ["模型说有多大把握", &percent],
            ["其中真对的比例", &percent]
        );
        let ideal = LineSeries::new([(0.0, 0.0), (1.0, 1.0)], QUIET);
        chart.draw_series(ideal).map_err(failed)?;
        let points = card.reliability.iter().map(|b| (b.mean_prob, b.accuracy));
        let line = LineSeries::new(points, BAR.stroke_width(2));
        chart.draw_series(line).map_err(failed)?;
        for bin in &card.reliability {
            let at = (bin.mean_prob, bin.accuracy);
            let radius = (4.0 + 10.0 * (bin.n as f64 / most as f64).sqrt()) as i32;
            let disc = Circle::new(at, radius, BAR.mix(0.55).filled());
            chart.draw_series([disc]).map_err(failed)?;
            // Beneath the disc where there is room, so that the line stays visible.
            let lift = if bin.accuracy > 0.15 {
                radius + 4
            } else {
                -radius - 16
            };
            let label = EmptyElement::at(at)
                + Text::new(
                    bin.n.to_string(),
                    (-8, lift),
                    (FONT, 12).into_font().color(&INK),
                );
            chart.draw_series([label]).map_err(failed)?;
        }
        Ok(())
    })
}

/// Two curves over the share that goes by itself.
#[derive(Clone, Copy)]
pub(super) enum Curve {
    /// Share of the right ones among those.
    Precision,
    /// Wrong ones among 1,000 rows that nobody would look at.
    Errors,
}

pub(super) fn curve(details: &HeadDetails, which: Curve) -> Result<String> {
    let n = details.curve.last().map_or(1, |p| p.n.max(1)) as f64;
    let value = |wrong: usize, precision: f64| match which {
        Curve::Precision => precision,
        Curve::Errors => wrong as f64 * 1000.0 / n,
    };
    let points: Vec<(f64, f64)> = details
        .curve
        .iter()
        .map(|p| match which {
            Curve::Precision => (p.coverage, value(p.wrong, p.precision)),
            Curve::Errors => (1.0 - p.coverage, value(p.wrong, p.precision)),
        })
        .collect();
    let values = || points.iter().map(|p| p.1);
    let (low, high) = match which {
        // Rounded down to a tenth, so that the curve fills the picture.
        Curve::Precision => {
            let low = values().fold(1.0f64, f64::min);
            (((low * 10.0).floor() / 10.0).min(0.9), 1.0)
        }
        Curve::Errors => (0.0, values().fold(1.0f64, f64::max) * 1.05),
    };
    let (x_desc, y_desc) = match which {
        Curve::Precision => ("自动处理的比例", "其中判对的比例"),
        Curve::Errors => ("交给人看的比例（工作量）", "每千条里漏过去的错"),
    };
    draw(HALF, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(24)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(0f64..1f64, low..high)
            .map_err(failed)?;
        let y_label = |y: &f64| match which {
            Curve::Precision => percent(y),
            Curve::Errors => format!("{y:.0}"),
        };
        mesh!(chart, 6, [x_desc, &percent], [y_desc, &y_label]);
        let line = LineSeries::new(points.iter().copied(), BAR.stroke_width(2));
        chart.draw_series(line).map_err(failed)?;
        for threshold in details.thresholds.iter().filter(|t| t.point.n > 0) {
            mark(&mut chart, threshold, which, value)?;
        }
        Ok(())
    })
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// A disc where the bundle's threshold stands.
fn mark(
    chart: &mut Chart<'_, '_>,
    threshold: &ThresholdFigures,
    which: Curve,
    value: impl Fn(usize, f64) -> f64,
) -> Drawn {
    let p = &threshold.point;
    let x = match which {
        Curve::Precision => p.coverage,
        Curve::Errors => 1.0 - p.coverage,
    };
    let at = (x, value(p.wrong, p.precision));
    let disc = Circle::new(at, 6, HOT.filled());
    chart.draw_series([disc]).map_err(failed)?;
    let words = format!("{} ≥ {:.2}", threshold.name, p.prob);
    // Where the curve is not: it falls to the right in both pictures.
    let shift = match which {
        Curve::Precision if x > 0.4 => (-92, 8),
        Curve::Precision => (6, 8),
        Curve::Errors if x > 0.6 => (-92, -20),
        Curve::Errors => (8, -16),
    };
    let label = EmptyElement::at(at) + Text::new(words, shift, (FONT, 13).into_font().color(&HOT));
    chart.draw_series([label]).map(|_| ()).map_err(failed)
}

/// Rows gold, columns given; right ones blue, wrong ones by their share of the row.
pub(super) fn heat(card: &Scorecard, classes: &[usize]) -> Result<String> {
    let k = classes.len() as i32;
    let left = 86;
    let side = ((960 - left - 12) / k.max(1)).clamp(26, 90);
    let top = 52;
    let size = ((left + side * k + 12) as u32, (top + side * k + 10) as u32);
    draw(size, |area| {
        let text = |words: String, at: (i32, i32), px: i32, colour: RGBColor| {
            let style = (FONT, px).into_font().color(&colour);
            area.draw(&Text::new(words, at, style)).map_err(failed)
        };
        text("实际 ↓ 判为 →".to_owned(), (2, 8), 12, QUIET)?;
        for (at, class) in classes.iter().enumerate() {
            let at = at as i32;
            let name = short(&card.classes[*class].label);
            let px = if name.chars().count() > 5 { 9 } else { 12 };
            text(name.clone(), (left + at * side + 2, top - 18), px, INK)?;
            text(name, (4, top + at * side + side / 2 - 7), px + 1, INK)?;
        }
        for (row, gold) in classes.iter().enumerate() {
            let n = card.classes[*gold].n.max(1);
            for (column, given) in classes.iter().enumerate() {
                let count = card.confusion[*gold][*given];
                let (x, y) = (left + column as i32 * side, top + row as i32 * side);
                let share = (count as f64 / n as f64).sqrt();
                let fill = match (gold == given, count) {
                    (_, 0) => RGBColor(246, 248, 250).mix(1.0),
                    (true, _) => BAR.mix(0.12 + 0.68 * share),
                    (false, _) => HOT.mix(0.10 + 0.80 * share),
                };
                let cell = Rectangle::new([(x, y), (x + side - 1, y + side - 1)], fill.filled());
                area.draw(&cell).map_err(failed)?;
                if count > 0 {
                    let words = count.to_string();
                    let width = words.len() as i32 * 7;
                    let at = (x + (side - width) / 2, y + side / 2 - 7);
                    let dark = share > 0.75;
                    text(words, at, 12, if dark { WHITE } else { INK })?;
                }
            }
        }
        Ok(())
    })
}

/// A label as short as a column's head.
fn short(label: &str) -> String {
    if label.chars().count() <= 8 {
        return label.to_owned();
    }
    label.chars().take(7).chain(['…']).collect()
}

/// F1 with its interval, a line a class.
pub(super) fn intervals(card: &Scorecard, names: &[String]) -> Result<String> {
    let rows: Vec<(&String, f64, [f64; 2])> = card
        .classes
        .iter()
        .zip(names)
        .filter_map(|(c, name)| Some((name, c.f1?, c.f1_interval?)))
        .take(HEAT_CLASSES)
        .collect();
    let (left, step, width) = (250, 24, 960);
    let height = 34 + step * rows.len() as i32;
    let x = |share: f64| left + (share * f64::from(width - left - 20)) as i32;
    draw((width as u32, height as u32), |area| {
        for tenth in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
            let line = PathElement::new(vec![(x(tenth), 22), (x(tenth), height)], LINE);
            area.draw(&line).map_err(failed)?;
            let style = (FONT, 12).into_font().color(&QUIET);
            let at = (x(tenth) - 12, 4);
            area.draw(&Text::new(percent(&tenth), at, style))
                .map_err(failed)?;
        }
        for (i, (name, f1, [low, high])) in rows.iter().enumerate() {
            let y = 34 + i as i32 * step;
            let style = (FONT, 13).into_font().color(&INK);
            let name: String = name.chars().take(18).collect();
            area.draw(&Text::new(name, (2, y - 6), style))
                .map_err(failed)?;
            let colour = if *high < 0.8 { WARM } else { BAR };
            let line = PathElement::new(vec![(x(*low), y), (x(*high), y)], colour.stroke_width(3));
            area.draw(&line).map_err(failed)?;
            let disc = Circle::new((x(*f1), y), 5, colour.filled());
            area.draw(&disc).map_err(failed)?;
        }
        Ok(())
    })
}

/// Colours of the lines of one picture; heads beyond them begin again.
const LINES: [RGBColor; 4] = [BAR, WARM, HOT, QUIET];

/// Macro-F1 by rows learnt from, a line a head; the axis of rows in doublings.
pub(super) fn learning(points: &[Point]) -> Result<String> {
    let rows = |p: &Point| (p.rows as f64).log2();
    let (first, last) = match points {
        [first, .., last] => (rows(first), rows(last)),
        _ => return Ok(String::new()),
    };
    let values = || points.iter().flat_map(|p| &p.heads).map(|h| h.macro_f1);
    let low = (values().fold(1.0f64, f64::min) * 10.0).floor() / 10.0;
    let high = (values().fold(0.0f64, f64::max) * 10.0).ceil() / 10.0;
    draw((960, 340), |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(120)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(first..last, low.min(high - 0.1)..high)
            .map_err(failed)?;
        mesh!(
            chart,
            points.len(),
            ["学了多少条（每格翻一倍）", &|x| format!(
                "{:.0}",
                x.exp2()
            )],
            ["各类 F1 平均", &percent]
        );
        let heads = points.last().map_or(&[][..], |p| &p.heads);
        for (k, (head, colour)) in heads.iter().zip(LINES.iter().cycle()).enumerate() {
            let at = |p: &Point| Some((rows(p), p.heads.get(k)?.macro_f1));
            let line: Vec<(f64, f64)> = points.iter().filter_map(at).collect();
            let discs = line.iter().map(|at| Circle::new(*at, 4, colour.filled()));
            chart.draw_series(discs).map_err(failed)?;
            let end = (last, head.macro_f1);
            let words = format!("{} {}", title(&head.head), percent(&head.macro_f1));
            let label = EmptyElement::at(end)
                + Text::new(words, (10, -8), (FONT, 13).into_font().color(colour));
            let stroke = LineSeries::new(line, colour.stroke_width(2));
            chart.draw_series(stroke).map_err(failed)?;
            chart.draw_series([label]).map_err(failed)?;
        }
        Ok(())
    })
}
