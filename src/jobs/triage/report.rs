//! The night on one page for those who come in the morning: `report.html`, self-contained, printable.
//! Law: counts and codes only, no complaint text; the same run gives the same bytes.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::manifest::chain;
use super::summary::{Counts, Summary};
use crate::complaint::RejectCode;
use crate::error::Result;
use crate::jobs::page::{Card, render};
use crate::metrics::URGENT_LEVELS;
use crate::tables::Tables;

pub(super) const FILE: &str = "report.html";

const PAGE: &str = include_str!("report.html.j2");

/// Nights of the chain that are shown beside this one.
const NIGHTS: usize = 14;

/// Alerts shown; the rest stand in `alerts.csv`.
const ALERTS: usize = 30;

/// Days of due dates drawn.
const DAYS: usize = 60;

#[derive(Serialize)]
struct Bar {
    name: String,
    n: u64,
    /// Percent of the longest bar.
    width: String,
    share: String,
}

#[derive(Serialize)]
struct TypeRow {
    name: String,
    n: u64,
    cells: Vec<Heat>,
}

#[derive(Serialize)]
struct Heat {
    n: u64,
    rgb: &'static str,
    depth: String,
}

#[derive(Serialize)]
struct QueueRow {
    name: String,
    n: u64,
    urgent: u64,
    review: u64,
    width: String,
}

#[derive(Serialize, Default)]
struct Due {
    width: usize,
    bar_width: usize,
    most: u64,
    without: u64,
    bars: Vec<DueBar>,
}

#[derive(Serialize)]
struct DueBar {
    day: String,
    n: u64,
    x: usize,
    y: u64,
    height: u64,
    label: String,
}

#[derive(Serialize)]
struct NightRow {
    name: String,
    read: u64,
    urgent: u64,
    urgent_share: String,
    review: u64,
    rejected: u64,
    repeats: String,
    alerts: String,
}

fn percent(n: u64, of: u64) -> String {
    if of == 0 {
        return "–".to_owned();
    }
    format!("{:.1} %", n as f64 / of as f64 * 100.0)
}

fn width(n: u64, most: u64) -> String {
    format!("{:.1}", n as f64 / most.max(1) as f64 * 100.0)
}

fn bars(counts: &Counts, name: impl Fn(&str) -> String) -> Vec<Bar> {
    let total = counts.values().sum();
    let most = counts.values().copied().max().unwrap_or(0);
    let mut rows: Vec<(&String, u64)> = counts.iter().map(|(k, n)| (k, *n)).collect();
    rows.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    rows.into_iter()
        .map(|(key, n)| Bar {
            name: name(key),
            n,
            width: width(n, most),
            share: percent(n, total),
        })
        .collect()
}

/// The page; `alerts`: rows of `alerts.csv` with their header.
pub(super) fn page(
    total: &Summary,
    tables: &Tables,
    alerts: &[u8],
    store: Option<&Path>,
) -> Result<Vec<u8>> {
    let taxonomy = &tables.taxonomy;
    let levels: Vec<(&str, &str)> = taxonomy
        .levels
        .iter()
        .map(|l| (l.label.code.as_str(), l.label.name.as_str()))
        .collect();
    let urgent_codes: Vec<&str> = levels.iter().take(URGENT_LEVELS).map(|l| l.0).collect();
    let urgent =
        |counts: &Counts| -> u64 { urgent_codes.iter().filter_map(|c| counts.get(*c)).sum() };
    let review: u64 = total
        .by_band
        .iter()
        .filter(|(band, _)| *band != "auto")
        .map(|(_, n)| n)
        .sum();
    let card = |name: &str, n: u64, tone| Card {
        name: name.to_owned(),
        value: n.to_string(),
        tone,
    };
    let mut cards = vec![
        card("读入", total.read, ""),
        card("已决定", total.decided, ""),
        card("拒收", total.rejected, tone(total.rejected, "warm")),
    ];
    for ((code, name), hue) in levels.iter().zip(["hot", "warm"]) {
        let n = total.by_urgency.get(*code).copied().unwrap_or(0);
        cards.push(card(&format!("{code} {name}"), n, tone(n, hue)));
    }
    cards.push(card("须人工确认类型", review, ""));
    if let Some(cases) = &total.cases {
        cards.push(card("再次投诉", cases.repeats, ""));
        cards.push(card(
            "集中投诉预警",
            cases.alerts,
            tone(cases.alerts, "hot"),
        ));
    }
    let none = Counts::new();
    let types = types(total, tables);
    let most = total.by_queue.values().copied().max().unwrap_or(0);
    let queues: Vec<QueueRow> = taxonomy
        .queues
        .iter()
        .filter_map(|q| {
            let n = *total.by_queue.get(&q.code)?;
            Some(QueueRow {
                name: q.name.clone(),
                n,
                urgent: urgent(total.urgency_by_queue.get(&q.code).unwrap_or(&none)),
                review: total.review_by_queue.get(&q.code).copied().unwrap_or(0),
                width: width(n, most),
            })
        })
        .collect();
    let rejects = bars(&total.by_reject, |code| match RejectCode::parse(code) {
        Some(found) => format!("{code} · {}", found.remedy()),
        None => code.to_owned(),
    });
    let reason_name = |code: &str| {
        let found = taxonomy.reasons.iter().find(|r| r.label.code == code);
        found.map_or_else(|| code.to_owned(), |r| r.label.name.clone())
    };
    let (alerts_header, alerts) = table(alerts, ALERTS);
    let n_alerts = total.cases.as_ref().map_or(0, |c| c.alerts as usize);
    let alerts_more = n_alerts.saturating_sub(ALERTS);
    let page = Page {
        title: total.cases.as_ref().map_or("", |c| &c.night),
        total,
        cards,
        levels: levels
            .iter()
            .map(|(code, name)| format!("{code} {name}"))
            .collect(),
        types,
        reasons: bars(&total.by_reason, reason_name),
        channels: bars(&total.by_channel, str::to_owned),
        queues,
        due: due(total),
        alerts_header,
        alerts,
        alerts_more,
        rejects,
        nights: nights(total, store, &urgent)?,
    };
    render(FILE, PAGE, &page)
}

/// What the template shows.
#[derive(Serialize)]
struct Page<'p> {
    title: &'p str,
    #[serde(flatten)]
    total: &'p Summary,
    cards: Vec<Card>,
    levels: Vec<String>,
    types: Vec<TypeRow>,
    reasons: Vec<Bar>,
    channels: Vec<Bar>,
    queues: Vec<QueueRow>,
    due: Due,
    alerts_header: Vec<String>,
    alerts: Vec<Vec<String>>,
    alerts_more: usize,
    rejects: Vec<Bar>,
    nights: Vec<NightRow>,
}

fn tone(n: u64, hue: &'static str) -> &'static str {
    if n > 0 { hue } else { "" }
}

/// Types by levels, the commonest first.
fn types(total: &Summary, tables: &Tables) -> Vec<TypeRow> {
    let levels = &tables.taxonomy.levels;
    let most = total
        .urgency_by_type
        .values()
        .flat_map(BTreeMap::values)
        .copied()
        .max()
        .unwrap_or(0);
    let mut rows: Vec<TypeRow> = tables
        .taxonomy
        .types
        .iter()
        .filter_map(|t| {
            let by_level = total.urgency_by_type.get(&t.label.code)?;
            let cells = levels.iter().enumerate().map(|(i, level)| {
                let n = by_level.get(&level.label.code).copied().unwrap_or(0);
                Heat {
                    n,
                    rgb: match i {
                        0 => "179,38,30",
                        1 => "199,119,0",
                        _ => "59,110,165",
                    },
                    depth: format!("{:.2}", (n as f64 / most.max(1) as f64).sqrt() * 0.6),
                }
            });
            Some(TypeRow {
                name: format!("{} {}", t.label.code, t.label.name),
                n: by_level.values().sum(),
                cells: cells.collect(),
            })
        })
        .collect();
    rows.sort_by_key(|r| std::cmp::Reverse(r.n));
    rows
}

/// Bars of the first days on which something is due.
fn due(total: &Summary) -> Due {
    const WIDTH: usize = 960;
    const HEIGHT: u64 = 110;
    let days: Vec<(&String, u64)> = total
        .due_by_day
        .iter()
        .take(DAYS)
        .map(|(day, n)| (day, *n))
        .collect();
    let most = days.iter().map(|(_, n)| *n).max().unwrap_or(0);
    let step = WIDTH / days.len().max(1);
    let labelled = days.len().div_ceil(10).max(1);
    let bars = days.iter().enumerate().map(|(i, (day, n))| {
        let height = (n * HEIGHT / most.max(1)).max(1);
        DueBar {
            day: (*day).clone(),
            n: *n,
            x: i * step,
            y: 20 + HEIGHT - height,
            height,
            label: if i % labelled == 0 {
                day.get(5..).unwrap_or_default().to_owned()
            } else {
                String::new()
            },
        }
    });
    Due {
        width: WIDTH,
        bar_width: (step * 4 / 5).clamp(2, 40),
        most,
        without: total.without_receipt,
        bars: bars.collect(),
    }
}

/// Header and the first rows of CSV bytes.
fn table(bytes: &[u8], most: usize) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(bytes);
    let mut rows = reader.records().filter_map(|r| {
        let row = r.ok()?;
        Some(
            row.iter()
                .map(|c| c.trim_start_matches(['\t', '\'']).to_owned())
                .collect(),
        )
    });
    let header = rows.next().unwrap_or_default();
    (header, rows.take(most).collect())
}

/// This night, and those before it in the store whose folders are still there.
fn nights(
    total: &Summary,
    store: Option<&Path>,
    urgent: &dyn Fn(&Counts) -> u64,
) -> Result<Vec<NightRow>> {
    let Some(store) = store else {
        return Ok(Vec::new());
    };
    let row = |name: String, s: &Summary| {
        let cases = |n: fn(&super::summary::CaseCounts) -> u64| {
            s.cases
                .as_ref()
                .map_or_else(|| "–".to_owned(), |c| n(c).to_string())
        };
        let urgent = urgent(&s.by_urgency);
        NightRow {
            name,
            read: s.read,
            urgent,
            urgent_share: percent(urgent, s.decided),
            review: s.decided - s.by_band.get("auto").copied().unwrap_or(0).min(s.decided),
            rejected: s.rejected,
            repeats: cases(|c| c.repeats),
            alerts: cases(|c| c.alerts),
        }
    };
    let mut rows = vec![row("本次".to_owned(), total)];
    for link in chain(store)?.iter().rev().take(NIGHTS) {
        let Ok(bytes) = std::fs::read(Path::new(&link.out).join("summary.json")) else {
            continue;
        };
        if let Ok(summary) = serde_json::from_slice::<Summary>(&bytes) {
            let night = summary
                .cases
                .as_ref()
                .map_or_else(|| link.out.clone(), |c| c.night.clone());
            rows.push(row(night, &summary));
        }
    }
    Ok(rows)
}
