//! What drifted on one page for people who are no statisticians: `--report`. Self-contained, printable, no scripts.
//! Law: shares, labels and words that many texts have; no text.

use serde::Serialize;

use super::{Drift, Expected, Moved};
use crate::error::Result;
use crate::jobs::page::{Card, percent, render, shown, title};
use crate::tables::Tables;

const FILE: &str = "drift.html";
const PAGE: &str = include_str!("report.html.j2");

#[derive(Serialize)]
struct Page<'d> {
    bundle: &'d str,
    version: &'static str,
    n: usize,
    n_reference: u64,
    rejected: usize,
    verdict: String,
    tone: &'static str,
    cards: Vec<Card>,
    spreads: Vec<Shift>,
    expected: Vec<Guess>,
    words: &'d [super::NewWord],
}

#[derive(Serialize)]
struct Shift {
    name: String,
    verdict: &'static str,
    tone: &'static str,
    psi: String,
    by_chance: String,
    bins: Vec<Pair>,
}

#[derive(Serialize)]
struct Pair {
    name: String,
    reference: String,
    now: String,
    /// Percent of the longest bar of the spread.
    reference_width: String,
    now_width: String,
    /// Among the largest changes of a spread that is not stable.
    marked: bool,
}

#[derive(Serialize)]
struct Guess {
    head: String,
    reference: String,
    accuracy: String,
    same_mix: String,
}

pub(super) fn page(drift: &Drift, rejected: usize, tables: &Tables) -> Result<Vec<u8>> {
    let with = |verdict: &str| -> Vec<String> {
        let those = drift.spreads.iter().filter(|m| m.verdict == verdict);
        those.map(|m| name(&m.name)).collect()
    };
    let (moved, watch) = (with("moved"), with("watch"));
    let (verdict, tone) = match (moved.is_empty(), watch.is_empty()) {
        (false, _) => (
            format!(
                "{} 已明显变了：先看下面的分布，抽样复核，再决定是否重训。",
                moved.join("、")
            ),
            "hot",
        ),
        (true, false) => (
            format!("{} 有变化，值得留意；其余平稳。", watch.join("、")),
            "warm",
        ),
        (true, true) => ("与模型学习时相比，没有超出偶然的变化。".to_owned(), ""),
    };
    let card = |name: String, value: String, tone| Card { name, value, tone };
    let mut cards = vec![card("这批投诉".to_owned(), drift.n.to_string(), "")];
    cards.push(card(
        "明显变了的项".to_owned(),
        moved.len().to_string(),
        if moved.is_empty() { "" } else { "hot" },
    ));
    cards.push(card(
        "需留意的项".to_owned(),
        watch.len().to_string(),
        if watch.is_empty() { "" } else { "warm" },
    ));
    for e in &drift.expected {
        let then = e
            .reference_accuracy
            .map(|a| format!("（校准时 {}）", percent(a)));
        let name = format!("{}预计判对{}", title(&e.head), then.unwrap_or_default());
        cards.push(card(name, percent(e.accuracy), ""));
    }
    if rejected > 0 {
        cards.push(card(
            "读不了的记录".to_owned(),
            rejected.to_string(),
            "warm",
        ));
    }
    let mut spreads: Vec<&Moved> = drift.spreads.iter().collect();
    // What moved stands first.
    spreads.sort_by_key(|m| {
        ["moved", "watch"]
            .iter()
            .position(|v| *v == m.verdict)
            .unwrap_or(2)
    });
    let page = Page {
        bundle: &drift.bundle,
        version: env!("CARGO_PKG_VERSION"),
        n: drift.n,
        n_reference: drift.n_reference,
        rejected,
        verdict,
        tone,
        cards,
        spreads: spreads.into_iter().map(|m| shift(m, tables)).collect(),
        expected: drift.expected.iter().map(guess).collect(),
        words: &drift.new_words,
    };
    render(FILE, PAGE, &page)
}

/// What a spread is called by those who read pages.
fn name(spread: &str) -> String {
    match spread {
        "known features" => "认得的特征".to_owned(),
        "characters" => "字数".to_owned(),
        "band" => "处理方式".to_owned(),
        other => match other.strip_suffix(" probability") {
            Some(head) => format!("{}的把握", title(head)),
            None => title(other).to_owned(),
        },
    }
}

fn shift(moved: &Moved, tables: &Tables) -> Shift {
    let most = moved
        .bins
        .iter()
        .map(|b| b.reference.max(b.now))
        .fold(1e-9, f64::max);
    let largest = moved.largest();
    let (verdict, tone) = match moved.verdict {
        "moved" => ("明显变了", "hot"),
        "watch" => ("留意", "warm"),
        _ => ("平稳", ""),
    };
    let width = |share: f64| format!("{:.1}", share / most * 100.0);
    let bins = moved.bins.iter().enumerate().map(|(i, b)| Pair {
        name: match (moved.name.as_str(), b.name.as_str()) {
            ("band", "auto") => "自动".to_owned(),
            ("band", "person") => "交给人".to_owned(),
            (head, label) => shown(tables, head, label),
        },
        reference: percent(b.reference),
        now: percent(b.now),
        reference_width: width(b.reference),
        now_width: width(b.now),
        marked: !tone.is_empty() && largest.contains(&i),
    });
    Shift {
        name: name(&moved.name),
        verdict,
        tone,
        psi: format!("{:.3}", moved.stability.psi),
        by_chance: format!("{:.3}", moved.stability.by_chance),
        bins: bins.collect(),
    }
}

fn guess(e: &Expected) -> Guess {
    Guess {
        head: title(&e.head).to_owned(),
        reference: e.reference_accuracy.map_or_else(|| "—".to_owned(), percent),
        accuracy: percent(e.accuracy),
        same_mix: percent(e.accuracy_same_mix),
    }
}
