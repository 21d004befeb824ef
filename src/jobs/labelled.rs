//! Labelled files in, rows with gold labels out: shared by `train`, `evaluate` and `check`.
//! Law: a row whose label is not known is reported with its place, never dropped in silence.

use std::path::{Path, PathBuf};

use super::voices::{VOICE, Voices};
use crate::complaint::Complaint;
use crate::error::{Error, Fault, Result};
use crate::model::{HeadKind, HeadSpec, Target};
use crate::source::{Source, SourceOptions};
use crate::tables::Tables;
use crate::taxonomy::head;

/// A label column and the head it teaches: `--head 类型=type`, or one name for both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadColumn {
    pub column: String,
    pub head: String,
}

impl std::str::FromStr for HeadColumn {
    type Err = String;

    fn from_str(s: &str) -> std::result::Result<Self, String> {
        let (column, head) = s.split_once('=').unwrap_or((s, s));
        if column.trim().is_empty() || head.trim().is_empty() {
            return Err("write COLUMN or COLUMN=HEAD".to_owned());
        }
        Ok(HeadColumn {
            column: column.trim().to_owned(),
            head: head.trim().to_owned(),
        })
    }
}

/// The heads that `--head` names, or our four.
pub(super) fn heads_or_default(heads: &[HeadColumn]) -> Vec<HeadColumn> {
    if !heads.is_empty() {
        return heads.to_vec();
    }
    [head::TYPE, head::REASON, head::URGENCY, head::FLAGS]
        .map(|name| HeadColumn {
            column: name.to_owned(),
            head: name.to_owned(),
        })
        .to_vec()
}

/// The heads of a bundle, in columns of their names.
pub(super) fn columns_of(heads: &[HeadSpec]) -> Vec<HeadColumn> {
    let own = heads.iter().map(|h| HeadColumn {
        column: h.name.clone(),
        head: h.name.clone(),
    });
    own.collect()
}

/// Labelled rows, and how many records could not be read.
pub(super) struct Labelled {
    pub rows: Vec<Complaint>,
    pub rejected: usize,
}

/// Files of a path: itself, or the CSV, TSV and JSON Lines files of a folder in the order of their names.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |e| Error::io(path, "cannot be listed", e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let known = file
            .extension()
            .and_then(|e| e.to_str())
            .is_some_and(|e| ["csv", "tsv", "jsonl"].contains(&e));
        if known {
            found.push(file);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(Error::Usage(format!(
            "{}: holds no .csv, .tsv or .jsonl file",
            path.display()
        )));
    }
    Ok(found)
}

/// Reads all files with the labels of `heads`, and behind them the voice where voices are listed.
///
/// Records that cannot be read are told on stderr.
pub(super) fn read(
    paths: &[PathBuf],
    options: &SourceOptions,
    tables: &Tables,
    heads: &[HeadColumn],
    voices: Option<&Voices>,
) -> Result<Labelled> {
    let mut options = options.clone();
    options.labels = heads.iter().map(|h| h.column.clone()).collect();
    options.labels.extend(voices.map(|_| VOICE.to_owned()));
    let mut out = Labelled {
        rows: Vec::new(),
        rejected: 0,
    };
    for path in paths {
        for file in files(path)? {
            let mut source = Source::open(&file, &options)?;
            loop {
                let batch = source.next_batch(4096, &tables.taxonomy)?;
                if batch.is_empty() {
                    break;
                }
                for record in batch {
                    match record {
                        Ok(row) => out.rows.push(row),
                        Err(rejected) => {
                            out.rejected += 1;
                            if out.rejected <= 10 {
                                eprintln!(
                                    "{}: {}: {}",
                                    rejected.position, rejected.what, rejected.remedy
                                );
                            }
                        }
                    }
                }
            }
        }
    }
    if out.rejected > 10 {
        eprintln!("… and {} more records rejected", out.rejected - 10);
    }
    Ok(out)
}

/// The label of one row for one head; an unknown label is a fault.
pub(super) fn target(
    row: &Complaint,
    column: usize,
    kind: HeadKind,
    labels: &[String],
    faults: &mut Vec<Fault>,
) -> Option<Target> {
    let written = row.labels[column].trim();
    let mut find = |label: &str| {
        let found = labels.iter().position(|l| l == label);
        if found.is_none() {
            faults.push(Fault::new(
                Path::new(&*row.position.file),
                row.position.line as usize,
                "a label is not among the head's labels",
                "correct it, or add it to the table",
            ));
        }
        found.map(|i| i as u32)
    };
    match kind {
        HeadKind::Single if written.is_empty() => None,
        HeadKind::Single => find(written).map(Target::One),
        HeadKind::Multi => {
            let mut found: Vec<u32> = split(written).filter_map(&mut find).collect();
            found.sort_unstable();
            found.dedup();
            Some(Target::Any(found))
        }
    }
}

/// Labels of a cell that may hold several.
pub(super) fn split(cell: &str) -> impl Iterator<Item = &str> {
    cell.split([' ', '|', ';', '；', '、'])
        .map(str::trim)
        .filter(|s| !s.is_empty())
}
