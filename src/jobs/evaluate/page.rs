//! The figures on one page for people who are no statisticians: `--report`. Self-contained, printable, no scripts.
//! Law: masked text only, all of it escaped; the same figures give the same bytes.

use serde::Serialize;

use super::charts::{self, Curve, HEAT_CLASSES};
use super::learning::Point;
use super::worst::{Mistake, Part};
use super::{HeadDetails, Report};
use crate::error::Result;
use crate::jobs::page::{Card, percent, render, shown, title};
use crate::metrics::{LevelCosts, Scorecard, URGENT_LEVELS};
use crate::tables::Tables;
use crate::taxonomy::head;

const FILE: &str = "evaluate.html";
const PAGE: &str = include_str!("report.html.j2");

/// Confusions told in words, and classes of a table.
const TOLD: usize = 8;
const CLASSES: usize = 300;

#[derive(Serialize)]
struct Page<'r> {
    bundle: &'r str,
    version: &'static str,
    n: usize,
    rejected: usize,
    split: Option<&'r str>,
    cards: Vec<Card>,
    heads: Vec<Head>,
    genres: Vec<Group>,
    lengths: Vec<Group>,
    group_heads: Vec<String>,
    learning: String,
    learnt: Vec<String>,
}

#[derive(Serialize)]
struct Head {
    name: String,
    n: usize,
    accuracy: String,
    accuracy_interval: String,
    macro_f1: String,
    ece: String,
    classes: Vec<Class>,
    more_classes: usize,
    intervals: String,
    heat: String,
    heat_cut: bool,
    confusions: Vec<String>,
    reliability: String,
    precision: String,
    workload: String,
    thresholds: Vec<String>,
    /// Triage goes by the type's threshold, not by this head's.
    beside: bool,
    costs: Option<Costs>,
    mistakes: Vec<Wrong>,
    words: bool,
}

#[derive(Serialize)]
struct Class {
    name: String,
    n: usize,
    n_given: usize,
    precision: Figure,
    recall: Figure,
    f1: Figure,
}

#[derive(Serialize)]
struct Figure {
    value: String,
    interval: String,
}

#[derive(Serialize)]
struct Costs {
    levels: Vec<String>,
    /// By gold level: cells of count, cost of one, cost of all.
    rows: Vec<(String, Vec<CostCell>)>,
    total: u64,
    per_row: String,
    missed: String,
    raised: String,
    urgent: String,
}

#[derive(Serialize)]
struct CostCell {
    n: usize,
    cost: u32,
    spent: u64,
    depth: String,
    low: bool,
}

#[derive(Serialize)]
struct Wrong {
    place: String,
    gold: String,
    given: String,
    prob: String,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Group {
    name: String,
    n: usize,
    cells: Vec<Figure>,
}

fn span(interval: Option<[f64; 2]>) -> String {
    interval.map_or_else(String::new, |[low, high]| {
        format!("{:.0}–{:.0}%", low * 100.0, high * 100.0)
    })
}

fn figure(value: Option<f64>, interval: Option<[f64; 2]>) -> Figure {
    Figure {
        value: value.map_or_else(|| "—".to_owned(), percent),
        interval: span(interval),
    }
}

/// The page; `worst`: by head.
pub(super) fn page(report: &Report, tables: &Tables, worst: Vec<Vec<Mistake>>) -> Result<Vec<u8>> {
    let heads = report
        .heads
        .iter()
        .zip(&report.details)
        .zip(worst)
        .map(|((card, details), worst)| {
            let mut one = one_head(card, details, worst, tables)?;
            one.beside = !report.bands.is_empty() && card.head != head::TYPE;
            Ok(one)
        })
        .collect::<Result<Vec<Head>>>()?;
    let group = |name: String, cards: &[Scorecard]| Group {
        name,
        n: cards.iter().map(|c| c.n).max().unwrap_or(0),
        cells: cards
            .iter()
            .map(|c| figure((c.n > 0).then_some(c.accuracy), c.accuracy_interval))
            .collect(),
    };
    let page = Page {
        bundle: &report.bundle,
        version: env!("CARGO_PKG_VERSION"),
        n: report.n,
        rejected: report.rejected,
        split: report.split.as_deref(),
        cards: cards(report),
        learning: charts::learning(&report.learning_curve)?,
        learnt: learnt(&report.learning_curve),
        group_heads: report
            .heads
            .iter()
            .map(|h| title(&h.head).to_owned())
            .collect(),
        genres: report
            .by_genre
            .iter()
            .map(|(name, cards)| group(genre(name), cards))
            .collect(),
        lengths: report
            .by_length
            .iter()
            .map(|l| group(l.name.to_owned(), &l.heads))
            .collect(),
        heads,
    };
    render(FILE, PAGE, &page)
}

/// What the last doubling brought, in words.
fn learnt(points: &[Point]) -> Vec<String> {
    let [.., before, last] = points else {
        return Vec::new();
    };
    let told = last.heads.iter().zip(&before.heads).map(|(now, then)| {
        format!(
            "{}：从 {} 条到 {} 条，{} → {}（{:+.1} 个百分点，{} 条上测）",
            title(&now.head),
            before.rows,
            last.rows,
            percent(then.macro_f1),
            percent(now.macro_f1),
            (now.macro_f1 - then.macro_f1) * 100.0,
            now.n
        )
    });
    told.collect()
}

fn genre(code: &str) -> String {
    let name = match code {
        "transcript" => "通话",
        "form" => "表单",
        "letter" => "信件",
        "post" => "社交与平台帖",
        "forward" => "转办",
        "note" => "网点记录",
        other => other,
    };
    name.to_owned()
}

fn cards(report: &Report) -> Vec<Card> {
    let card = |name: String, value: String, tone| Card { name, value, tone };
    let mut cards = vec![card("评估条数".to_owned(), report.n.to_string(), "")];
    for head in &report.heads {
        cards.push(card(
            format!(
                "{}判对（{}）",
                title(&head.head),
                span(head.accuracy_interval)
            ),
            percent(head.accuracy),
            "",
        ));
    }
    if let Some(auto) = report.bands.get("auto").filter(|b| b.n > 0) {
        let n: usize = report.bands.values().map(|b| b.n).sum();
        cards.push(card(
            format!(
                "可自动处理（其中类型判对 {}）",
                percent(auto.right as f64 / auto.n as f64)
            ),
            percent(auto.n as f64 / n.max(1) as f64),
            "",
        ));
    }
    if let Some(costs) = report.details.iter().find_map(|d| d.costs.as_ref()) {
        let tone = if costs.missed > 0 { "hot" } else { "" };
        let name = format!(
            "紧急件漏判（共 {} 件，{}）",
            costs.n_urgent,
            span(costs.missed_interval)
        );
        cards.push(card(name, costs.missed.to_string(), tone));
    }
    if report.rejected > 0 {
        cards.push(card(
            "读不了的记录".to_owned(),
            report.rejected.to_string(),
            "warm",
        ));
    }
    cards
}

fn one_head(
    card: &Scorecard,
    details: &HeadDetails,
    worst: Vec<Mistake>,
    tables: &Tables,
) -> Result<Head> {
    let names: Vec<String> = card
        .classes
        .iter()
        .map(|c| shown(tables, &card.head, &c.label))
        .collect();
    let occurs = |i: &usize| card.classes[*i].n + card.classes[*i].n_given > 0;
    let all: Vec<usize> = (0..names.len()).filter(occurs).collect();
    // The largest classes of many, in the order of the set.
    let mut largest = all.clone();
    largest.sort_by_key(|i| std::cmp::Reverse(card.classes[*i].n));
    largest.truncate(HEAT_CLASSES);
    largest.sort_unstable();
    let single = !card.confusion.is_empty() && card.n > 0;
    let draw = |yes: bool, picture: &dyn Fn() -> Result<String>| {
        if yes { picture() } else { Ok(String::new()) }
    };
    Ok(Head {
        name: title(&card.head).to_owned(),
        n: card.n,
        accuracy: percent(card.accuracy),
        accuracy_interval: span(card.accuracy_interval),
        macro_f1: percent(card.macro_f1),
        ece: percent(card.expected_calibration_error),
        classes: all
            .iter()
            .take(CLASSES)
            .map(|i| {
                let c = &card.classes[*i];
                Class {
                    name: names[*i].clone(),
                    n: c.n,
                    n_given: c.n_given,
                    precision: figure(c.precision, c.precision_interval),
                    recall: figure(c.recall, c.recall_interval),
                    f1: figure(c.f1, c.f1_interval),
                }
            })
            .collect(),
        more_classes: all.len().saturating_sub(CLASSES),
        intervals: draw(card.n > 0, &|| charts::intervals(card, &names))?,
        heat: draw(single, &|| charts::heat(card, &largest))?,
        heat_cut: all.len() > largest.len(),
        confusions: confusions(card, &names),
        reliability: draw(single, &|| charts::reliability(card))?,
        precision: draw(single, &|| charts::curve(details, Curve::Precision))?,
        workload: draw(single, &|| charts::curve(details, Curve::Errors))?,
        thresholds: thresholds(details, card.n),
        beside: false,
        costs: details.costs.as_ref().map(|c| costs(c, card, &names)),
        words: worst.iter().any(|m| m.parts.iter().any(|p| p.spoke)),
        mistakes: worst
            .into_iter()
            .map(|m| Wrong {
                place: m.place,
                gold: names[m.gold].clone(),
                given: names[m.given].clone(),
                prob: m.prob,
                parts: m.parts,
            })
            .collect(),
    })
}

/// The most frequent confusions, in words.
fn confusions(card: &Scorecard, names: &[String]) -> Vec<String> {
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    for (gold, row) in card.confusion.iter().enumerate() {
        let wrong = row
            .iter()
            .enumerate()
            .filter(|(given, n)| *given != gold && **n > 0);
        found.extend(wrong.map(|(given, n)| (*n, gold, given)));
    }
    found.sort_by_key(|(n, gold, given)| (std::cmp::Reverse(*n), *gold, *given));
    found
        .into_iter()
        .take(TOLD)
        .map(|(n, gold, given)| {
            let of = card.classes[gold].n;
            let share = percent(n as f64 / of.max(1) as f64);
            format!(
                "{} 被判成 {}：{n} 条（占该类 {of} 条的 {share}）",
                names[gold], names[given]
            )
        })
        .collect()
}

fn thresholds(details: &HeadDetails, n: usize) -> Vec<String> {
    let mut out = Vec::new();
    for t in &details.thresholds {
        let p = &t.point;
        if p.n == 0 {
            out.push(format!(
                "模型包的 {} 阈值（{:.2}）在这批数据上没有一条达到。",
                t.name, p.prob
            ));
            continue;
        }
        out.push(format!(
            "模型包的 {} 阈值是 {:.2}（定它时要求判对 {}）：这批 {n} 条里有 {} 条（{}）达到，其中判对 {}、判错 {} 条；其余 {} 条交给人看。",
            t.name,
            p.prob,
            percent(f64::from(t.asked)),
            p.n,
            percent(p.coverage),
            percent(p.precision),
            p.wrong,
            n - p.n
        ));
    }
    out
}

fn costs(costs: &LevelCosts, card: &Scorecard, names: &[String]) -> Costs {
    let most = costs
        .spent
        .iter()
        .flatten()
        .copied()
        .max()
        .unwrap_or(0)
        .max(1);
    let rows = card.confusion.iter().enumerate().map(|(g, row)| {
        let cells = row.iter().enumerate().map(|(p, n)| CostCell {
            n: *n,
            cost: costs.matrix[g][p],
            spent: costs.spent[g][p],
            depth: format!(
                "{:.2}",
                (costs.spent[g][p] as f64 / most as f64).sqrt() * 0.6
            ),
            low: p > g,
        });
        (names[g].clone(), cells.collect())
    });
    let of = |part: usize, whole: usize, interval| {
        let share = part as f64 / whole.max(1) as f64;
        format!(
            "{part} / {whole}（{}，95% 区间 {}）",
            percent(share),
            span(interval)
        )
    };
    let labels: Vec<&str> = card.classes.iter().map(|c| c.label.as_str()).collect();
    Costs {
        levels: names.to_vec(),
        rows: rows.collect(),
        total: costs.total,
        per_row: format!("{:.2}", costs.per_row),
        missed: of(costs.missed, costs.n_urgent, costs.missed_interval),
        raised: of(costs.raised, costs.n_calm, costs.raised_interval),
        urgent: labels[..URGENT_LEVELS.min(labels.len())].join("、"),
    }
}
