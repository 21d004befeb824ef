//! Labels outside their set, spelled in several ways, missing, or in classes too thin to learn.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::findings::{Findings, Kind, Place};
use super::read::Corpus;
use crate::jobs::labelled::split;
use crate::taxonomy::{LabelSet, Spelling, fold_label, head};

/// A label of more characters is rather a text; the longest name of the taxonomy has 17. Chosen.
pub(super) const LABEL_CHARS: usize = 30;

pub(super) fn find(corpus: &Corpus, least: usize, findings: &mut Findings) {
    for (k, column) in corpus.heads.iter().enumerate() {
        let counts = match &corpus.sets[k] {
            Some(set) => of_set(corpus, k, set, findings),
            None => of_what_occurs(corpus, k, findings),
        };
        for (label, n) in counts.iter().filter(|(_, n)| *n < least) {
            findings.add(
                Kind::ClassThin,
                Some(&column.head),
                Vec::new(),
                format!("{} {label}：{n} 条，少于 {least} 条", column.head),
                "补标这一类，或并入相近的类",
            );
        }
    }
}

/// Labels of a head of the taxonomy; returns the rows of each.
fn of_set(
    corpus: &Corpus,
    k: usize,
    set: &LabelSet,
    findings: &mut Findings,
) -> Vec<(String, usize)> {
    let name = &corpus.heads[k].head;
    let many = *name == head::FLAGS;
    let mut n = vec![0usize; set.codes().len()];
    for (row, written) in corpus.rows.iter().zip(&corpus.written) {
        let cell = written[k].as_str();
        let place = || vec![Place::of(&row.position)];
        if cell.trim().is_empty() && !many {
            let remedy = "补上标签，或删去该行";
            findings.add(
                Kind::LabelMissing,
                Some(name),
                place(),
                format!("{name} 为空"),
                remedy,
            );
        }
        for label in labels_of(cell, many) {
            let found = set.find(label);
            if let Some(i) = found.label() {
                n[i] += 1;
            }
            match found {
                Spelling::Unknown if looks_like_text(label) => findings.add(
                    Kind::Shifted,
                    Some(name),
                    place(),
                    format!("{name} 列里是一段文字"),
                    "该行的列可能错位：对照表头改正",
                ),
                Spelling::Unknown => findings.add(
                    Kind::LabelUnknown,
                    Some(name),
                    place(),
                    format!("{name} 的标签不在 taxonomy/{name}.csv 中"),
                    set.remedy(label),
                ),
                Spelling::Variant(i) => spelling(findings, name, place(), &set.shown(i)),
                // A cell is trimmed before it is looked at; that is all that differs.
                Spelling::Code(i) | Spelling::Name(i) if !many && label.len() != cell.len() => {
                    spelling(findings, name, place(), &set.shown(i));
                }
                Spelling::Code(_) | Spelling::Name(_) => {}
            }
        }
    }
    set.codes().iter().cloned().zip(n).collect()
}

fn labels_of(cell: &str, many: bool) -> Vec<&str> {
    if many {
        split(cell).collect()
    } else {
        Some(cell.trim())
            .filter(|c| !c.is_empty())
            .into_iter()
            .collect()
    }
}

/// A text that has come into a label's place.
pub(super) fn looks_like_text(label: &str) -> bool {
    label.chars().nth(LABEL_CHARS).is_some() || label.contains(['。', '，', '！', '？', '\n'])
}

fn spelling(findings: &mut Findings, head: &str, places: Vec<Place>, label: &str) {
    findings.add(
        Kind::LabelSpelling,
        Some(head),
        places,
        format!("{head} 的标签与 {label} 只差全半角、大小写、空格或繁简"),
        "改成一种写法，或用 --fix",
    );
}

/// Labels of any other head: those that differ only in what people do not see are one; the most frequent spelling counts.
fn of_what_occurs(corpus: &Corpus, k: usize, findings: &mut Findings) -> Vec<(String, usize)> {
    let name = &corpus.heads[k].head;
    let usual = usual_spellings(corpus, k);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (row, written) in corpus.rows.iter().zip(&corpus.written) {
        let place = || vec![Place::of(&row.position)];
        let cell = written[k].as_str();
        if cell.trim().is_empty() {
            let remedy = "补上标签；不补也可以，该行只用于其他任务";
            findings.add(
                Kind::LabelMissing,
                Some(name),
                place(),
                format!("{name} 为空"),
                remedy,
            );
            continue;
        }
        if looks_like_text(cell) {
            let what = format!("{name} 列里是一段文字");
            let remedy = "该行的列可能错位：对照表头改正";
            findings.add(Kind::Shifted, Some(name), place(), what, remedy);
            continue;
        }
        let Some(meant) = usual.get(&fold_label(cell)) else {
            continue;
        };
        *counts.entry(meant).or_default() += 1;
        if *meant != cell {
            spelling(findings, name, place(), meant);
        }
    }
    counts.into_iter().map(|(l, n)| (l.to_owned(), n)).collect()
}

/// By folded label: the most frequent of its spellings, of equals the first by letters.
pub(super) fn usual_spellings(corpus: &Corpus, k: usize) -> FxHashMap<String, String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for written in &corpus.written {
        *counts.entry(written[k].trim()).or_default() += 1;
    }
    let mut usual: FxHashMap<String, (String, usize)> = FxHashMap::default();
    for (label, n) in counts {
        let best = usual.entry(fold_label(label)).or_default();
        if n > best.1 {
            *best = (label.to_owned(), n);
        }
    }
    usual
        .into_iter()
        .map(|(fold, (label, _))| (fold, label))
        .collect()
}
