//! Labelled files in, rows cleaned, split and with their targets out: what every job that learns begins with.
//! Law: a row that misses a label for one head still counts for the others; labels that no head knows end the job.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Outcome;
use super::labelled::{self, HeadColumn, heads_or_default};
use super::voices::{Split, Voices};
use crate::clean::CleanText;
use crate::complaint::Complaint;
use crate::cues::{Findings, Scratch};
use crate::decide::LabelCounts;
use crate::digest::hex;
use crate::error::{Error, Result};
use crate::model::{HeadKind, HeadSpec, Target};
use crate::source::SourceOptions;
use crate::tables::Tables;
use crate::taxonomy::{Taxonomy, head};

/// Which files to read, and how.
pub(super) struct Reading<'a> {
    pub inputs: &'a [PathBuf],
    pub data: &'a Path,
    pub source: &'a SourceOptions,
    pub heads: &'a [HeadColumn],
    /// Share of rows held out where no voices are listed, 0..1.
    pub holdout: f64,
}

/// Labelled rows, cleaned and split.
pub(super) struct Prepared {
    pub tables: Tables,
    pub rows: Vec<Complaint>,
    pub rejected: usize,
    pub splits: Vec<Split>,
    pub specs: Vec<HeadSpec>,
    /// By row and head.
    pub targets: Vec<Vec<Option<Target>>>,
    pub cleaned: Vec<CleanText>,
    pub findings: Vec<Findings>,
}

impl Prepared {
    pub fn read(reading: &Reading<'_>) -> Result<Prepared> {
        let tables = Tables::load(reading.data)?;
        let heads = heads_or_default(reading.heads);
        let voices = Voices::find(reading.inputs)?;
        let source = tables.source_options(reading.source)?;
        let labelled = labelled::read(reading.inputs, &source, &tables, &heads, voices.as_ref())?;
        let rows = labelled.rows;
        let splits = split(&rows, voices.as_ref(), reading.holdout)?;
        let specs = specs(&heads, &rows, &tables.taxonomy)?;
        let targets = labelled::targets(&rows, &specs, &tables.taxonomy)?;
        let cleaned: Vec<CleanText> = rows
            .par_iter()
            .map(|row| tables.cleaner.apply(&row.text))
            .collect();
        let findings: Vec<Findings> = rows
            .par_iter()
            .zip(&cleaned)
            .map_init(Scratch::default, |scratch, (row, clean)| {
                tables.findings(row, clean, scratch)
            })
            .collect();
        Ok(Prepared {
            rejected: labelled.rejected,
            tables,
            rows,
            splits,
            specs,
            targets,
            cleaned,
            findings,
        })
    }

    /// Places of the rows of one split.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.rows.len())
            .filter(|i| self.splits[*i] == split)
            .collect()
    }

    /// Labels among the training rows.
    pub fn label_counts(&self) -> Vec<LabelCounts> {
        let train = self.splits.iter().zip(&self.targets);
        let train = train.filter(|(split, _)| **split == Split::Train);
        LabelCounts::of(&self.specs, train.map(|(_, targets)| targets.as_slice()))
    }

    /// Over texts and labels, in order, each with its length so that no two data sets look alike.
    pub fn data_sha256(&self) -> String {
        let mut hash = Sha256::new();
        for row in &self.rows {
            for part in std::iter::once(&row.text).chain(&row.labels) {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
        }
        hex(&hash.finalize())
    }

    pub fn outcome(&self) -> Outcome {
        Outcome::of(self.rejected)
    }
}

fn split(rows: &[Complaint], voices: Option<&Voices>, holdout: f64) -> Result<Vec<Split>> {
    rows.iter()
        .map(|row| match voices {
            Some(voices) => voices.split(row),
            None => {
                // By the text alone: a row keeps its split when others come and go.
                let digest = Sha256::digest(row.text.as_bytes());
                let point = f64::from(u16::from_be_bytes([digest[0], digest[1]])) / 65536.0;
                Ok(if point < holdout {
                    Split::Calibration
                } else {
                    Split::Train
                })
            }
        })
        .collect()
}

/// Label sets: the taxonomy's for our heads, what occurs for any other.
fn specs(heads: &[HeadColumn], rows: &[Complaint], taxonomy: &Taxonomy) -> Result<Vec<HeadSpec>> {
    let mut out = Vec::new();
    for (i, head_column) in heads.iter().enumerate() {
        let name = &head_column.head;
        let known = taxonomy.codes(name);
        let kind = if name == head::FLAGS {
            HeadKind::Multi
        } else {
            HeadKind::Single
        };
        let labels = if known.is_empty() {
            let mut found: Vec<String> = rows
                .iter()
                .map(|r| r.labels[i].trim().to_owned())
                .filter(|l| !l.is_empty())
                .collect();
            found.sort();
            found.dedup();
            found
        } else {
            known.into_iter().map(str::to_owned).collect()
        };
        if labels.len() < 2 {
            return Err(Error::Usage(format!(
                "column `{}`: fewer than two different labels",
                head_column.column
            )));
        }
        if labels.len() > 2000 {
            return Err(Error::Usage(format!(
                "column `{}`: {} different labels: is it really a label column?",
                head_column.column,
                labels.len()
            )));
        }
        out.push(HeadSpec {
            name: name.clone(),
            kind,
            labels,
        });
    }
    Ok(out)
}
