//! Synthetic personal data in every shape, and look-alikes that must survive: `tests/redaction/cases.txt`.
//!
//! The cases were written apart from the masker, by the rules of the regulations' redaction section alone.

use std::collections::BTreeMap;

use xiaobao::clean::Cleaner;

use crate::run::{csv_rows, read, root, write, xiaobao};

struct Case {
    line: usize,
    /// `keep` or the kind under test.
    kind: String,
    text: String,
    /// (kind, byte range of the value in `text`)
    marks: Vec<(String, std::ops::Range<usize>)>,
}

fn cases() -> Vec<Case> {
    let file = read(root().join("tests/redaction/cases.txt"));
    let mut cases: Vec<(usize, String, String)> = Vec::new();
    for (number, line) in file.lines().enumerate() {
        if let Some(kind) = line.strip_prefix("### ") {
            cases.push((number + 1, kind.trim().to_owned(), String::new()));
        } else if let Some((.., text)) = cases.last_mut() {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line);
        }
    }
    cases
        .into_iter()
        .map(|(line, kind, marked)| {
            let (mut text, mut marks) = (String::new(), Vec::new());
            let mut rest = marked.trim();
            while let Some((before, tail)) = rest.split_once("{{") {
                let (mark, tail) = tail.split_once("}}").expect("a closed mark");
                let (kind, value) = mark.split_once(':').expect("kind and value");
                text.push_str(before);
                let start = text.len();
                text.push_str(value);
                marks.push((kind.to_owned(), start..text.len()));
                rest = tail;
            }
            text.push_str(rest);
            Case {
                line,
                kind,
                text,
                marks,
            }
        })
        .collect()
}

fn cleaner() -> Cleaner {
    Cleaner::load(&root().join("data/clean")).expect("the cleaner loads")
}

#[test]
fn personal_data_is_masked_and_look_alikes_survive() {
    let cleaner = cleaner();
    let (mut n_values, mut n_masked, mut n_masks, mut n_false) = (0, 0, 0, 0);
    let mut by_kind: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut shown = Vec::new();
    for case in cases() {
        let clean = cleaner.apply(&case.text);
        for (kind, range) in &case.marks {
            // Masks that touch each other may share a value written over a line end.
            let mut at = range.start;
            for mask in clean.masks() {
                if mask.original.start <= at && at < mask.original.end {
                    at = mask.original.end;
                }
            }
            // Of a surname with its title the title stays: 〔姓名1〕先生.
            let ok = at >= range.end || (kind == "name_partial" && at > range.start);
            n_values += 1;
            n_masked += usize::from(ok);
            let entry = by_kind.entry(kind.clone()).or_default();
            entry.0 += 1;
            entry.1 += usize::from(ok);
            if !ok {
                shown.push(format!("line {}: a {kind} is not masked", case.line));
            }
        }
        for mask in clean.masks() {
            n_masks += 1;
            let touches = |r: &std::ops::Range<usize>| {
                mask.original.start < r.end && r.start < mask.original.end
            };
            if !case.marks.iter().any(|(_, r)| touches(r)) {
                n_false += 1;
                shown.push(format!(
                    "line {} ({}): a false {}",
                    case.line,
                    case.kind,
                    mask.kind.code()
                ));
            }
        }
    }
    println!(
        "{n_masked} of {n_values} values masked, {n_false} of {n_masks} masks false; by kind (n, masked): {by_kind:?}"
    );
    assert!(n_values >= 300);
    assert!(n_masked * 100 >= n_values * 99, "{shown:#?}");
    assert!(n_false * 100 <= n_masks, "{shown:#?}");
}

/// The labelled spans of `data/complaints`, written by people who did not know the masker.
#[test]
fn the_corpus_is_masked() {
    let cleaner = cleaner();
    let mut by_kind: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut n_masks, mut n_false) = (0, 0);
    let mut shown = Vec::new();
    for entry in std::fs::read_dir(root().join("data/complaints")).expect("data/complaints") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|e| e != "csv") {
            continue;
        }
        for row in csv_rows(path) {
            let text = &row["text"];
            let bytes: Vec<usize> = text
                .char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .collect();
            let marks: Vec<(&str, std::ops::Range<usize>)> = row["personal_data"]
                .split_whitespace()
                .map(|mark| {
                    let (kind, range) = mark.split_once(':').expect("kind:start-end");
                    let (start, end) = range.split_once('-').expect("start-end");
                    let at = |n: &str| bytes[n.parse::<usize>().expect("a number")];
                    (kind, at(start)..at(end))
                })
                .collect();
            let clean = cleaner.apply(text);
            for (kind, range) in &marks {
                let touched = clean.masks().iter().any(|m| {
                    m.original.start <= range.start
                        && (range.end <= m.original.end || *kind == "name_partial")
                        || range.start < m.original.end && range.end <= m.original.end
                });
                let entry = by_kind.entry((*kind).to_owned()).or_default();
                entry.0 += 1;
                entry.1 += usize::from(touched);
                if !touched {
                    shown.push(format!("{} {kind} {}", row["id"], &text[range.clone()]));
                }
            }
            for mask in clean.masks() {
                n_masks += 1;
                let touches = |r: &std::ops::Range<usize>| {
                    mask.original.start < r.end && r.start < mask.original.end
                };
                if !marks.iter().any(|(_, r)| touches(r)) {
                    n_false += 1;
                    let from = text.floor_char_boundary(mask.original.start.saturating_sub(15));
                    let to = text.ceil_char_boundary((mask.original.end + 15).min(text.len()));
                    shown.push(format!(
                        "{} false {} [{}] in {}",
                        row["id"],
                        mask.kind.code(),
                        &text[mask.original.clone()],
                        &text[from..to]
                    ));
                }
            }
        }
    }
    println!("{n_false} of {n_masks} masks false; by kind (n, masked): {by_kind:?}");
    // Kinds that show by themselves; the others need a cue that the writers did not always give.
    let floors = [
        ("phone", 99),
        ("id18", 99),
        ("card", 97),
        ("email", 99),
        ("uscc", 97),
        ("landline", 97),
        ("name", 80),
    ];
    for (kind, floor) in floors {
        let (n, masked) = by_kind[kind];
        assert!(
            masked * 100 >= n * floor,
            "{kind}: {masked} of {n}; {shown:#?}"
        );
    }
    assert!(n_false * 100 <= n_masks * 6, "{shown:#?}");
}

#[test]
fn no_output_shows_what_was_masked() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let cleaner = cleaner();
    let mut input = csv::Writer::from_writer(Vec::new());
    input
        .write_record(["id", "text", "received_at", "channel"])
        .expect("a header");
    let mut values: Vec<String> = Vec::new();
    let mut n_rows = 0;
    for (i, case) in cases().iter().enumerate() {
        let clean = cleaner.apply(&case.text);
        for (_, range) in &case.marks {
            let value = &case.text[range.clone()];
            let masked = !clean.text().contains(value);
            // Short names are words elsewhere, too.
            if masked && value.len() >= 8 && !values.iter().any(|v| v == value) {
                values.push(value.to_owned());
            }
        }
        // A third becomes rejects: no log line or reject may quote them either.
        let date = if i % 3 == 0 {
            "2026-13-45"
        } else {
            "2026-03-01"
        };
        input
            .write_record([&format!("r{i}"), &case.text, date, "hotline"])
            .expect("a row");
        n_rows += 1;
    }
    let kept: String = cases()
        .iter()
        .map(|c| cleaner.apply(&c.text).text().to_owned() + "\n")
        .collect();
    values.retain(|v| !kept.contains(v.as_str()));
    assert!(values.len() > 200);
    let path = write(dir.path(), "in.csv", input.into_inner().expect("bytes"));
    let out = dir.path().join("out");
    let args = [
        "triage",
        &path.display().to_string(),
        "--out",
        &out.display().to_string(),
    ]
    .map(str::to_owned);
    let csv_run = xiaobao(&args);
    assert_eq!(csv_run.code, 1, "{}", csv_run.stderr);
    let summary = crate::run::json(&read(out.join("summary.json")));
    assert_eq!(summary["read"], n_rows);
    let jsonl_run = xiaobao(&["triage", &path.display().to_string()]);
    let inspected = xiaobao(&["inspect", &path.display().to_string(), "--records", "700"]);
    let mut all = vec![
        ("stderr".to_owned(), csv_run.stderr),
        ("stdout".to_owned(), csv_run.stdout),
        ("filter".to_owned(), jsonl_run.stdout),
        ("filter stderr".to_owned(), jsonl_run.stderr),
        ("inspect".to_owned(), inspected.stdout + &inspected.stderr),
    ];
    for sub in ["", "lists", "replies"] {
        for entry in std::fs::read_dir(out.join(sub)).expect("the outputs") {
            let path = entry.expect("entry").path();
            if path.is_file() {
                all.push((path.display().to_string(), read(&path)));
            }
        }
    }
    let long = cases()
        .into_iter()
        .find(|c| c.kind == "mixed")
        .expect("a mixed case");
    let explained = xiaobao(&["explain", &long.text, "--sheet"]);
    all.push(("explain".to_owned(), explained.stdout + &explained.stderr));
    for (name, text) in &all {
        for value in &values {
            assert!(
                !text.contains(value.as_str()),
                "{name} shows a value that was masked"
            );
        }
    }
}
