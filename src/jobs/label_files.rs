//! The files of labelled rows: which ones there are, what each is, and whose labels are whose.
//! Law: a label is written as its code from here on; one that is not known stays as it was, for its reader to refuse.

use std::path::{Path, PathBuf};

use super::labelled::{HeadColumn, split};
use super::voices::VOICE;
use crate::complaint::{Complaint, Rejected};
use crate::error::{Error, Result};
use crate::source::{ANY_LABEL, LABEL_MARK, Source, SourceOptions};
use crate::taxonomy::{LabelSet, Spelling, Taxonomy, head};

/// Extensions that are read from a folder.
const EXTENSIONS: [&str; 8] = [
    "csv", "tsv", "jsonl", "ndjson", "json", "xlsx", "parquet", "txt",
];

/// Files of a path: itself, or the labelled files of a folder in the order of their names.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |e| Error::io(path, "cannot be listed", e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.is_file() && is_labelled(&file) {
            found.push(file);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(Error::Usage(format!(
            "{}: holds no file of labelled rows ({}, also packed as .gz or .zst)",
            path.display(),
            EXTENSIONS.map(|e| format!(".{e}")).join(" ")
        )));
    }
    Ok(found)
}

fn is_labelled(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // Of an office program's lock file, or of the system.
    if name.starts_with(['.', '~']) {
        return false;
    }
    let name = name.to_lowercase();
    let unpacked = name.trim_end_matches(".gz").trim_end_matches(".zst");
    let extension = unpacked.rsplit_once('.').map_or("", |(_, e)| e);
    match extension {
        // A folder may hold a readme beside them.
        "txt" if unpacked == name => begins_as_lines(file),
        other => EXTENSIONS.contains(&other),
    }
}

/// The first line of a text file has a tab or fastText's prefix.
fn begins_as_lines(file: &Path) -> bool {
    use std::io::Read;
    let mut beginning = Vec::new();
    let read = std::fs::File::open(file).and_then(|f| f.take(4096).read_to_end(&mut beginning));
    let line = beginning.split(|b| *b == b'\n').next().unwrap_or_default();
    read.is_ok() && (line.contains(&b'\t') || memchr::memmem::find(line, b"__label__").is_some())
}

/// Reads the labelled files of one job, one after another.
pub(super) struct Reader<'a> {
    options: SourceOptions,
    taxonomy: &'a Taxonomy,
    heads: &'a [HeadColumn],
    sets: Vec<Option<LabelSet>>,
    voices: bool,
    files: Vec<Found>,
}

/// One file that was read.
struct Found {
    file: String,
    told: String,
    /// By head: the file labels it.
    labels: Vec<bool>,
}

impl<'a> Reader<'a> {
    /// `voices`: the last column of labels is the voice.
    pub fn new(
        options: &SourceOptions,
        taxonomy: &'a Taxonomy,
        heads: &'a [HeadColumn],
        voices: bool,
    ) -> Reader<'a> {
        let mut options = options.clone();
        options.labels = heads.iter().map(|h| h.column.clone()).collect();
        options.labels.push(ANY_LABEL.to_owned());
        options.labels.extend(voices.then(|| VOICE.to_owned()));
        Reader {
            options,
            taxonomy,
            heads,
            sets: heads
                .iter()
                .map(|h| LabelSet::of(taxonomy, &h.head))
                .collect(),
            voices,
            files: Vec::new(),
        }
    }

    /// How the files are opened.
    pub fn options(&self) -> &SourceOptions {
        &self.options
    }

    /// All records of one file; labels stand under their heads, as they were written.
    pub fn read(&mut self, file: &Path) -> Result<(Vec<Complaint>, Vec<Rejected>)> {
        let source = Source::open(file, &self.options)?;
        self.read_source(source)
            .map(|(rows, rejects, _)| (rows, rejects))
    }

    /// As `read`, and gives the source back for what else it knows.
    pub fn read_source(
        &mut self,
        mut source: Source,
    ) -> Result<(Vec<Complaint>, Vec<Rejected>, Source)> {
        let (mut rows, mut rejects) = (Vec::new(), Vec::new());
        loop {
            let batch = source.next_batch(4096, self.taxonomy)?;
            if batch.is_empty() {
                break;
            }
            for record in batch {
                match record {
                    Ok(row) => rows.push(row),
                    Err(rejected) => rejects.push(rejected),
                }
            }
        }
        let n_heads = self.heads.len();
        let seen = source.labels_seen();
        if self.voices && seen.last() == Some(&false) {
            return Err(Error::Usage(format!(
                "{}: has no column `{VOICE}`, by which voices.toml splits the rows",
                source.file()
            )));
        }
        let mut labels = seen[..n_heads].to_vec();
        let is_ours =
            |h: &HeadColumn| h.column == h.head && !self.taxonomy.codes(&h.head).is_empty();
        let all_ours = self.heads.iter().all(is_ours);
        // 标签 is the column of flags beside others, and alone whatever it holds.
        let lone = labels.iter().position(|seen| *seen).filter(|k| {
            all_ours
                && n_heads > 1
                && !seen[n_heads]
                && self.heads[*k].head == head::FLAGS
                && labels.iter().filter(|seen| **seen).count() == 1
        });
        let by_any = lone.is_some()
            || seen[n_heads]
                && (source.has_no_columns() || all_ours && labels.iter().all(|seen| !seen));
        if let Some(k) = lone {
            labels[k] = false;
        }
        if by_any && n_heads > 1 && self.sets.iter().any(Option::is_none) {
            return Err(Error::Usage(format!(
                "{}: has one list of labels: ask for one head, e.g. --head {}",
                source.file(),
                self.heads[0].head
            )));
        }
        for row in &mut rows {
            let mut any = row.labels.remove(n_heads);
            if let Some(k) = lone {
                any = std::mem::take(&mut row.labels[k]);
            }
            if by_any {
                self.spread(&any, &mut row.labels[..n_heads], &mut labels);
            }
        }
        if let Some(k) = lone {
            // Not one label: then it says that no row has a flag.
            labels[k] |= labels.iter().all(|seen| !seen);
        }
        let found = source.found();
        let packed = found
            .packed
            .as_deref()
            .map_or_else(String::new, |p| format!(", {p}"));
        self.files.push(Found {
            file: found.file.clone(),
            told: format!("{}, {}{packed}", found.format, found.encoding),
            labels,
        });
        Ok((rows, rejects, source))
    }

    /// Gives each label of a list to the head that knows it, or else to the head that knows the nearest one.
    fn spread(&self, any: &str, labels: &mut [String], found: &mut [bool]) {
        if self.heads.len() == 1 {
            labels[0] = any.to_owned();
            found[0] = true;
            return;
        }
        let knows = |label: &str| {
            let knows = |set: &Option<LabelSet>| set.as_ref()?.find(label).label();
            self.sets.iter().position(|set| knows(set).is_some())
        };
        let mut give = |label: &str| {
            let likeness = |set: &Option<LabelSet>| Some(set.as_ref()?.nearest(label)?.1);
            let nearest = || {
                let likenesses = self.sets.iter().map(|s| likeness(s).unwrap_or(0.0));
                likenesses
                    .enumerate()
                    .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
                    .map_or(0, |(k, _)| k)
            };
            let k = knows(label).unwrap_or_else(nearest);
            found[k] = true;
            if !labels[k].is_empty() {
                labels[k].push(LABEL_MARK);
            }
            labels[k].push_str(label);
        };
        for label in any
            .split(LABEL_MARK)
            .map(str::trim)
            .filter(|l| !l.is_empty())
        {
            if knows(label).is_some() {
                give(label);
            } else {
                split(label).for_each(&mut give);
            }
        }
    }

    /// Writes labels that the taxonomy knows as their codes.
    pub fn settle(&self, rows: &mut [Complaint]) {
        for row in rows {
            for (k, set) in self.sets.iter().enumerate() {
                if let Some(set) = set {
                    settle_cell(set, self.heads[k].head == head::FLAGS, &mut row.labels[k]);
                }
            }
        }
    }

    /// Tells what the files are, and takes the heads out of the rows that no file labels; the heads that are left.
    pub fn finish(self, rows: &mut [Complaint]) -> Result<Vec<HeadColumn>> {
        self.tell();
        let n_heads = self.heads.len();
        let kept: Vec<bool> = (0..n_heads)
            .map(|k| self.files.iter().any(|f| f.labels[k]))
            .collect();
        for (k, column) in self.heads.iter().enumerate().filter(|(k, _)| kept[*k]) {
            let Some(without) = self.files.iter().find(|f| !f.labels[k]) else {
                continue;
            };
            if column.head == head::FLAGS {
                return Err(Error::Usage(format!(
                    "{}: holds no {}, others do, and no flag is an answer, too: name the heads that all files label with --head",
                    without.file, column.column
                )));
            }
            eprintln!(
                "{}: holds no labels of {}: its rows count for the other heads",
                without.file, column.column
            );
        }
        for row in rows {
            let mut place = 0..;
            // What stands behind the heads stays.
            row.labels.retain(|_| {
                place
                    .next()
                    .is_none_or(|k| kept.get(k).copied().unwrap_or(true))
            });
        }
        let heads = self.heads.iter().zip(kept);
        Ok(heads
            .filter(|(_, kept)| *kept)
            .map(|(h, _)| h.clone())
            .collect())
    }

    /// One line for files of one kind that follow each other.
    fn tell(&self) {
        let describe = |found: &Found| {
            let heads = self.heads.iter().zip(&found.labels);
            let heads: Vec<&str> = heads
                .filter(|(_, there)| **there)
                .map(|(h, _)| h.head.as_str())
                .collect();
            let heads = if heads.is_empty() {
                "none".to_owned()
            } else {
                heads.join(", ")
            };
            format!("{}; labels: {heads}", found.told)
        };
        for alike in self
            .files
            .chunk_by(|a, b| a.told == b.told && a.labels == b.labels)
        {
            let more = match alike.len() - 1 {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            eprintln!("{}{more}: {}", alike[0].file, describe(&alike[0]));
        }
    }
}

/// Writes what the set knows as codes; several labels are joined by spaces.
fn settle_cell(set: &LabelSet, many: bool, cell: &mut String) {
    let labels: Vec<&str> = if many {
        split(cell).collect()
    } else {
        Some(cell.trim())
            .filter(|c| !c.is_empty())
            .into_iter()
            .collect()
    };
    let found: Vec<Spelling> = labels.iter().map(|l| set.find(l)).collect();
    // As it was, byte by byte, where it was right already.
    if found
        .iter()
        .all(|f| matches!(f, Spelling::Code(_) | Spelling::Unknown))
    {
        return;
    }
    let codes: Vec<&str> = labels
        .iter()
        .zip(&found)
        .map(|(label, found)| found.label().map_or(*label, |i| &set.codes()[i]))
        .collect();
    *cell = codes.join(" ");
}
