//! `xiaobao check FILE…`: labelled files in, findings and counts out, before hours are spent on training.
//! Law: a finding names file and line and says what to do; no text is shown.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Outcome;
use super::check::CheckOptions;
use super::labelled::{self, HeadColumn, heads_or_default};
use super::voices::{Split, Voices};
use crate::complaint::Complaint;
use crate::error::Result;
use crate::tables::Tables;
use crate::taxonomy::head;
use crate::twins;

/// Two texts that share this much of the shorter one are told as doubles; chosen.
const LEAST_SHARE: f32 = 0.3;
/// Letters that make an opening, and how many texts of a thousand may begin alike; chosen.
const OPENING_CHARS: usize = 6;
const ALIKE_PER_MILLE: usize = 5;
/// A class with fewer texts is too thin to learn; chosen.
const THIN: usize = 20;
/// Findings of one kind that are listed; the rest is counted.
const LISTED: usize = 20;

pub(super) fn check(options: &CheckOptions, tables: &Tables) -> Result<Outcome> {
    let heads = heads_or_default(&[]);
    let voices = Voices::find(&options.inputs)?;
    let source = tables.source_options(&options.source)?;
    let read = labelled::read(&options.inputs, &source, tables, &heads, voices.as_ref())?;
    let rows = &read.rows;
    let mut findings = Findings::default();
    label_findings(rows, &heads, tables, &mut findings);
    let splits: Vec<Option<Split>> = rows
        .iter()
        .map(|r| voices.as_ref().map(|v| v.split(r)).transpose())
        .collect::<Result<_>>()?;
    let texts: Vec<String> = rows
        .par_iter()
        .map(|r| tables.cleaner.apply(&r.text).text().to_owned())
        .collect();
    twin_findings(rows, &texts, &splits, heads.len(), &mut findings);
    opening_findings(rows, &texts, &mut findings);
    counts(rows, &heads, tables, voices.is_some());
    println!();
    findings.print();
    println!(
        "{} rows, {} rejected, {} findings",
        rows.len(),
        read.rejected,
        findings.n
    );
    let bad = read.rejected > 0 || options.deny_warnings && findings.n > 0;
    Ok(if bad {
        Outcome::DoneWithRejects
    } else {
        Outcome::Done
    })
}

/// What was found, by kind.
#[derive(Default)]
struct Findings {
    by_kind: BTreeMap<&'static str, Vec<String>>,
    n: usize,
}

impl Findings {
    fn add(&mut self, kind: &'static str, line: String) {
        self.n += 1;
        self.by_kind.entry(kind).or_default().push(line);
    }

    fn print(&self) {
        for (kind, lines) in &self.by_kind {
            println!("{kind}: {}", lines.len());
            for line in lines.iter().take(LISTED) {
                println!("  {line}");
            }
            if lines.len() > LISTED {
                println!("  … and {} more", lines.len() - LISTED);
            }
        }
    }
}

/// Labels outside the sets, empty ones, and classes that are thin.
fn label_findings(
    rows: &[Complaint],
    heads: &[HeadColumn],
    tables: &Tables,
    findings: &mut Findings,
) {
    for (k, h) in heads.iter().enumerate() {
        let codes = tables.taxonomy.codes(&h.head);
        let mut n = vec![0usize; codes.len()];
        for row in rows {
            let cell = &row.labels[k];
            let many = h.head == head::FLAGS;
            if cell.trim().is_empty() && !many {
                findings.add(
                    "labels",
                    format!(
                        "{}: {} is empty: label it, or take the row out",
                        row.position, h.head
                    ),
                );
            }
            for label in labelled::split(cell) {
                match codes.iter().position(|c| *c == label) {
                    Some(i) => n[i] += 1,
                    None => findings.add(
                        "labels",
                        format!(
                            "{}: {} is not a code of taxonomy/{}.csv: correct it",
                            row.position, h.head, h.head
                        ),
                    ),
                }
            }
        }
        for (code, n) in codes.iter().zip(&n).filter(|(_, n)| **n < THIN) {
            findings.add(
                "thin classes",
                format!("{} {code}: {n} rows, below {THIN}: label more", h.head),
            );
        }
    }
}

/// Near-doubles; worse across splits or with other labels.
fn twin_findings(
    rows: &[Complaint],
    texts: &[String],
    splits: &[Option<Split>],
    n_heads: usize,
    findings: &mut Findings,
) {
    for twin in twins::find(texts.iter().map(String::as_str), LEAST_SHARE) {
        let (a, b) = (&rows[twin.earlier], &rows[twin.later]);
        let mut what = format!(
            "{}: shares {:.0} % with {}",
            b.position,
            twin.share * 100.0,
            a.position
        );
        if a.labels[..n_heads] != b.labels[..n_heads] {
            what.push_str(", with other labels");
        }
        let across = splits[twin.earlier] != splits[twin.later];
        if across {
            what.push_str(", across splits");
        }
        what.push_str(": rewrite it or take it out");
        findings.add(
            if across {
                "doubles across splits"
            } else {
                "doubles"
            },
            what,
        );
    }
}

/// Beginnings that too many texts have.
fn opening_findings(rows: &[Complaint], texts: &[String], findings: &mut Findings) {
    let mut by_opening: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, text) in texts.iter().enumerate() {
        let opening = twins::opening(text, OPENING_CHARS);
        if opening.chars().count() == OPENING_CHARS {
            by_opening.entry(opening).or_default().push(i);
        }
    }
    let most = (rows.len() * ALIKE_PER_MILLE / 1000).max(10);
    for found in by_opening.values().filter(|f| f.len() > most) {
        findings.add(
            "openings",
            format!(
                "{} texts begin with the same {OPENING_CHARS} letters, the first at {}: vary them",
                found.len(),
                rows[found[0]].position
            ),
        );
    }
}

/// Tables of counts: level by type, genre and voice.
fn counts(rows: &[Complaint], heads: &[HeadColumn], tables: &Tables, voices: bool) {
    let label = |row: &Complaint, name: &str| {
        let k = heads.iter().position(|h| h.head == name);
        k.map_or("", |k| row.labels[k].trim()).to_owned()
    };
    let levels = tables.taxonomy.codes(head::URGENCY);
    let genre = |row: &Complaint| {
        row.channel
            .map_or("unknown", |c| &tables.taxonomy.channels[c].genre)
            .to_owned()
    };
    let table = |title: &str, key: &dyn Fn(&Complaint) -> String| {
        let mut by_key: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for row in rows {
            let counts = by_key
                .entry(key(row))
                .or_insert_with(|| vec![0; levels.len()]);
            let level = label(row, head::URGENCY);
            if let Some(i) = levels.iter().position(|l| *l == level) {
                counts[i] += 1;
            }
        }
        println!("\n| {title} | {} | n |", levels.join(" | "));
        println!("|{}", "---|".repeat(levels.len() + 2));
        for (key, counts) in by_key {
            let cells: Vec<String> = counts.iter().map(usize::to_string).collect();
            let n: usize = counts.iter().sum();
            println!("| {key} | {} | {n} |", cells.join(" | "));
        }
    };
    table("type", &|r| label(r, head::TYPE));
    table("genre", &genre);
    if voices {
        table("voice", &|r| r.labels[heads.len()].trim().to_owned());
    }
}
