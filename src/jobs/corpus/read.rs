//! Labelled files in, everything that a check looks at out: rows, labels as written, all cells, cleaned texts.

use std::path::PathBuf;

use rayon::prelude::*;

use crate::clean::MaskKind;
use crate::complaint::{Carried, Complaint, Rejected};
use crate::error::Result;
use crate::jobs::label_files::{Reader, files};
use crate::jobs::labelled::HeadColumn;
use crate::source::{NearName, Role, Source, SourceOptions};
use crate::tables::Tables;
use crate::taxonomy::LabelSet;

/// One file, as far as the rows do not tell.
pub(in crate::jobs) struct File {
    pub name: String,
    /// Names of all columns; `None` for forms without a header.
    pub columns: Option<Vec<String>>,
    /// Place of the text and of the date of receipt.
    pub text: Option<usize>,
    pub received: Option<usize>,
    /// Place of each head's labels, and behind them of the labels of any head.
    pub labels: Vec<Option<usize>>,
    pub near: Vec<NearName>,
}

/// The rows of all files.
pub(in crate::jobs) struct Corpus {
    pub files: Vec<File>,
    /// Labels are codes where the taxonomy knows them.
    pub rows: Vec<Complaint>,
    /// By row: its file.
    pub file_of: Vec<usize>,
    /// By row and head: the labels as they were written.
    pub written: Vec<Vec<String>>,
    pub rejects: Vec<Rejected>,
    pub heads: Vec<HeadColumn>,
    /// By head: its set, where the taxonomy has one.
    pub sets: Vec<Option<LabelSet>>,
    /// By row: normalised and masked.
    pub texts: Vec<String>,
    /// By row: what was masked that had not been before.
    pub personal: Vec<Vec<MaskKind>>,
}

impl Corpus {
    pub fn read(
        inputs: &[PathBuf],
        options: &SourceOptions,
        tables: &Tables,
        heads: &[HeadColumn],
        voices: bool,
    ) -> Result<Corpus> {
        let options = SourceOptions {
            as_it_is: true,
            ..options.clone()
        };
        let mut reader = Reader::new(&options, &tables.taxonomy, heads, voices);
        let mut out = Corpus {
            files: Vec::new(),
            rows: Vec::new(),
            file_of: Vec::new(),
            written: Vec::new(),
            rejects: Vec::new(),
            heads: Vec::new(),
            sets: Vec::new(),
            texts: Vec::new(),
            personal: Vec::new(),
        };
        for input in inputs {
            for path in files(input)? {
                let source = Source::open(&path, reader.options())?;
                let (mut rows, mut rejects, source) = reader.read_source(source)?;
                let n_heads = heads.len();
                let mut labels = source.label_places();
                labels.truncate(n_heads + 1);
                out.written
                    .extend(rows.iter().map(|r| r.labels[..n_heads].to_vec()));
                reader.settle(&mut rows);
                out.file_of
                    .extend(std::iter::repeat_n(out.files.len(), rows.len()));
                out.rows.append(&mut rows);
                out.rejects.append(&mut rejects);
                out.files.push(File {
                    name: source.file().to_string(),
                    columns: source.carried_names().map(<[String]>::to_vec),
                    text: source.place(Role::Text),
                    received: source.place(Role::ReceivedAt),
                    labels,
                    near: source.near_names().to_vec(),
                });
            }
        }
        let kept = reader.finish(&mut out.rows)?;
        let places: Vec<usize> = (0..heads.len())
            .filter(|k| kept.contains(&heads[*k]))
            .collect();
        for written in &mut out.written {
            *written = places
                .iter()
                .map(|k| std::mem::take(&mut written[*k]))
                .collect();
        }
        for file in &mut out.files {
            let any = file.labels.last().copied().flatten();
            file.labels = places
                .iter()
                .map(|k| file.labels[*k])
                .chain([any])
                .collect();
        }
        out.sets = kept
            .iter()
            .map(|h| LabelSet::of(&tables.taxonomy, &h.head))
            .collect();
        out.heads = kept;
        let cleaned: (Vec<String>, Vec<Vec<MaskKind>>) = out
            .rows
            .par_iter()
            .map(|row| {
                let clean = tables.cleaner.apply(&row.text);
                // A mask that stood there already is no data.
                let found = clean.masks().iter().filter(|m| {
                    !row.text
                        .get(m.original.clone())
                        .is_some_and(|s| s.starts_with('〔'))
                });
                let mut kinds: Vec<MaskKind> = found.map(|m| m.kind).collect();
                kinds.sort_unstable();
                kinds.dedup();
                (clean.text().to_owned(), kinds)
            })
            .unzip();
        (out.texts, out.personal) = cleaned;
        Ok(out)
    }

    /// The cells of a row, by column; none for forms without a header.
    pub fn cells(&self, row: usize) -> &[String] {
        match &self.rows[row].carried {
            Carried::Cells(cells) => cells,
            Carried::Members(_) => &[],
        }
    }

    pub fn file(&self, row: usize) -> &File {
        &self.files[self.file_of[row]]
    }
}
