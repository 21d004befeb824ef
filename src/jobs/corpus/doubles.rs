//! Texts told twice: with one answer or with two, word for word or nearly, within a split or across; and alike openings.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::findings::{Findings, Kind, Place};
use super::read::Corpus;
use crate::jobs::voices::Split;
use crate::twins;

/// Two texts that share this much of the shorter one are told as doubles; chosen.
const LEAST_SHARE: f32 = 0.3;
/// Letters that make an opening, and how many texts of a thousand may begin alike; chosen.
const OPENING_CHARS: usize = 6;
const ALIKE_PER_MILLE: usize = 5;

pub(super) fn find(corpus: &Corpus, splits: &[Option<Split>], findings: &mut Findings) {
    same(corpus, splits, findings);
    nearly(corpus, splits, findings);
    openings(corpus, findings);
}

/// The labels of a row that heads know, without the voice.
fn labels(corpus: &Corpus, row: usize) -> &[String] {
    &corpus.rows[row].labels[..corpus.heads.len()]
}

fn places(corpus: &Corpus, rows: [usize; 2]) -> Vec<Place> {
    rows.map(|r| Place::of(&corpus.rows[r].position)).to_vec()
}

/// The same text once more: each row against the first one with its text.
fn same(corpus: &Corpus, splits: &[Option<Split>], findings: &mut Findings) {
    let mut first: FxHashMap<&str, usize> = FxHashMap::default();
    for (later, text) in corpus.texts.iter().enumerate() {
        // Marks alone say nothing twice.
        if !text.contains(char::is_alphanumeric) {
            continue;
        }
        let earlier = *first.entry(text).or_insert(later);
        if earlier == later {
            continue;
        }
        let two = places(corpus, [later, earlier]);
        let (a, b) = (labels(corpus, earlier), labels(corpus, later));
        let differ =
            |k: &usize| !a[*k].is_empty() && !b[*k].is_empty() && a[*k].trim() != b[*k].trim();
        let differing: Vec<usize> = (0..a.len()).filter(differ).collect();
        for k in &differing {
            let head = &corpus.heads[*k].head;
            let what = format!("同一文本，{head} 的标签不同");
            findings.add(
                Kind::TwoLabels,
                Some(head),
                two.clone(),
                what,
                "看哪个对，改另一个",
            );
        }
        if splits[earlier] != splits[later] {
            let what = "同一文本分在不同的集里";
            findings.add(
                Kind::DuplicateAcross,
                None,
                two,
                what,
                "只留一处，否则评估虚高",
            );
        } else if differing.is_empty() {
            let remedy = "删去一条，或用 --fix（正文逐字相同才删）";
            findings.add(Kind::Duplicate, None, two, "同一文本出现两次", remedy);
        }
    }
}

/// Texts that share much, though they are not the same.
fn nearly(corpus: &Corpus, splits: &[Option<Split>], findings: &mut Findings) {
    for twin in twins::find(corpus.texts.iter().map(String::as_str), LEAST_SHARE) {
        let (a, b) = (twin.earlier, twin.later);
        if corpus.texts[a] == corpus.texts[b] {
            continue;
        }
        let mut what = format!("有 {:.0} % 与另一条相同", twin.share * 100.0);
        if labels(corpus, a) != labels(corpus, b) {
            what.push_str("，标签不同");
        }
        let (kind, remedy) = if splits[a] != splits[b] {
            (Kind::DoubleAcross, "只留一处，否则评估虚高")
        } else {
            (Kind::Double, "改写或删去一条")
        };
        findings.add(kind, None, places(corpus, [b, a]), what, remedy);
    }
}

/// Beginnings that too many texts have.
fn openings(corpus: &Corpus, findings: &mut Findings) {
    let mut by_opening: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, text) in corpus.texts.iter().enumerate() {
        let opening = twins::opening(text, OPENING_CHARS);
        if opening.chars().count() == OPENING_CHARS {
            by_opening.entry(opening).or_default().push(i);
        }
    }
    let most = (corpus.rows.len() * ALIKE_PER_MILLE / 1000).max(10);
    for found in by_opening.values().filter(|f| f.len() > most) {
        findings.add(
            Kind::Opening,
            None,
            vec![Place::of(&corpus.rows[found[0]].position)],
            format!(
                "{} 条文本以同样的 {OPENING_CHARS} 个字开头，此为第一条",
                found.len()
            ),
            "换些说法，或确认不是模板带入",
        );
    }
}
