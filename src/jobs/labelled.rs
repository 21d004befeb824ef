//! Labelled files in, rows with gold labels out: shared by `train`, `evaluate` and `check`.
//! Law: a row whose label is not known is reported with its place, never dropped in silence.

use std::path::{Path, PathBuf};

use super::label_files::{Reader, files};
use super::voices::{Split, Voices};
use crate::complaint::Complaint;
use crate::error::{Error, Fault, Result};
use crate::model::{HeadKind, HeadSpec, Target};
use crate::source::SourceOptions;
use crate::tables::Tables;
use crate::taxonomy::{LabelSet, Taxonomy, head};

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

/// Label columns of a bundle: those asked for, ours, or its own where it has other heads.
pub(super) fn columns_for(asked: &[HeadColumn], heads: &[HeadSpec]) -> Vec<HeadColumn> {
    if asked.is_empty() && heads.iter().all(|h| h.name != head::TYPE) {
        return columns_of(heads);
    }
    heads_or_default(asked)
}

/// Labelled rows, and how many records could not be read.
pub(super) struct Labelled {
    pub rows: Vec<Complaint>,
    pub rejected: usize,
    /// Heads that have labels, the order of the rows' labels.
    pub heads: Vec<HeadColumn>,
}

/// Reads all files with the labels of `heads`, and behind them the voice where voices are listed; a head that no file labels is
/// an error.
///
/// What the files are, and records that cannot be read, are told on stderr.
pub(super) fn read(
    paths: &[PathBuf],
    options: &SourceOptions,
    tables: &Tables,
    heads: &[HeadColumn],
    voices: Option<&Voices>,
) -> Result<Labelled> {
    let read = read_present(paths, options, tables, heads, voices)?;
    if read.heads.len() == heads.len() {
        return Ok(read);
    }
    Err(missing(heads, &read.heads))
}

/// Heads that no file labels.
fn missing(heads: &[HeadColumn], there: &[HeadColumn]) -> Error {
    let missing: Vec<&str> = heads
        .iter()
        .filter(|h| !there.contains(h))
        .map(|h| h.column.as_str())
        .collect();
    let there: Vec<String> = there.iter().map(|h| format!("--head {}", h.head)).collect();
    Error::Usage(format!(
        "no file has labels of {}: name their columns with --head COLUMN=HEAD{}",
        missing.join(", "),
        if there.is_empty() {
            String::new()
        } else {
            format!(", or take only what there is with {}", there.join(" "))
        }
    ))
}

/// As `read`, but heads may be missing, though not all: those that some file labels are kept.
pub(super) fn read_present(
    paths: &[PathBuf],
    options: &SourceOptions,
    tables: &Tables,
    heads: &[HeadColumn],
    voices: Option<&Voices>,
) -> Result<Labelled> {
    let mut reader = Reader::new(options, &tables.taxonomy, heads, voices.is_some());
    let mut out = Labelled {
        rows: Vec::new(),
        rejected: 0,
        heads: Vec::new(),
    };
    for path in paths {
        for file in files(path)? {
            let (mut rows, rejects) = reader.read(&file)?;
            reader.settle(&mut rows);
            out.rows.append(&mut rows);
            for rejected in rejects {
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
    if out.rejected > 10 {
        eprintln!("… and {} more records rejected", out.rejected - 10);
    }
    out.heads = reader.finish(&mut out.rows)?;
    if out.heads.is_empty() {
        return Err(missing(heads, &[]));
    }
    Ok(out)
}

impl Labelled {
    /// Leaves the rows of one split.
    pub fn keep(&mut self, voices: Option<&Voices>, split: Option<Split>) -> Result<()> {
        let (Some(voices), Some(split)) = (voices, split) else {
            return Ok(());
        };
        let mut kept = Vec::new();
        for row in std::mem::take(&mut self.rows) {
            if voices.split(&row)? == split {
                kept.push(row);
            }
        }
        self.rows = kept;
        Ok(())
    }
}

/// The labels of all rows, by row and head; unknown ones are faults together.
pub(super) fn targets<'s>(
    rows: &[Complaint],
    specs: impl IntoIterator<Item = &'s HeadSpec>,
    taxonomy: &Taxonomy,
) -> Result<Vec<Vec<Option<Target>>>> {
    let mut faults = Vec::new();
    let sets: Vec<(HeadKind, LabelSet)> = specs
        .into_iter()
        .map(|s| (s.kind, LabelSet::new(taxonomy, &s.name, &s.labels)))
        .collect();
    let targets = rows
        .iter()
        .map(|row| {
            sets.iter()
                .enumerate()
                .map(|(i, (kind, set))| target(row, i, *kind, set, &mut faults))
                .collect()
        })
        .collect();
    if faults.is_empty() {
        return Ok(targets);
    }
    faults.truncate(50);
    Err(Error::Config(faults))
}

/// The label of one row for one head; an unknown label is a fault, which asks about the nearest one.
fn target(
    row: &Complaint,
    column: usize,
    kind: HeadKind,
    labels: &LabelSet,
    faults: &mut Vec<Fault>,
) -> Option<Target> {
    let written = row.labels[column].trim();
    let mut find = |label: &str| {
        let found = labels.find(label).label();
        if found.is_none() {
            faults.push(Fault::new(
                Path::new(&*row.position.file),
                row.position.line as usize,
                "a label is not among the head's labels",
                labels.remedy(label),
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
    cell.split([' ', '|', ';', '；', '、', ',', '，'])
        .map(str::trim)
        .filter(|s| !s.is_empty())
}
