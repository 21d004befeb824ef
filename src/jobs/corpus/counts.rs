//! Tables of counts: level by type, genre and voice where there are levels, else the labels of each head.

use std::collections::BTreeMap;

use super::labels::looks_like_text;
use super::read::Corpus;
use crate::complaint::Complaint;
use crate::tables::Tables;
use crate::taxonomy::head;

pub(super) fn print(corpus: &Corpus, tables: &Tables, voices: bool) {
    let heads = &corpus.heads;
    let place = |name: &str| heads.iter().position(|h| h.head == name);
    let label =
        |row: &Complaint, name: &str| place(name).map_or("", |k| row.labels[k].trim()).to_owned();
    if place(head::URGENCY).is_none() {
        for (k, column) in heads.iter().enumerate() {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for row in &corpus.rows {
                let label = row.labels[k].trim();
                // What is no label may be a text, and none is shown.
                let shown = if looks_like_text(label) { "…" } else { label };
                *counts.entry(shown).or_default() += 1;
            }
            println!("\n| {} | n |\n|---|---|", column.head);
            // More classes than a screen holds are no table.
            for (label, n) in counts.iter().take(200) {
                println!("| {label} | {n} |");
            }
        }
        return;
    }
    let levels = tables.taxonomy.codes(head::URGENCY);
    let genre = |row: &Complaint| {
        row.channel
            .map_or("unknown", |c| &tables.taxonomy.channels[c].genre)
            .to_owned()
    };
    let table = |title: &str, key: &dyn Fn(&Complaint) -> String| {
        let mut by_key: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for row in &corpus.rows {
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
    if place(head::TYPE).is_some() {
        table("type", &|r| label(r, head::TYPE));
    }
    table("genre", &genre);
    if voices {
        table("voice", &|r| r.labels[heads.len()].trim().to_owned());
    }
}
