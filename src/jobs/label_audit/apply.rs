//! `xiaobao label-audit --apply REVIEW`: a review list that a person filled in, and the labelled files with the new labels out.
//! Laws: only the cells that the list names change, and every row stays; a row that is not the one that was judged, or that is
//! kept for tests, ends the job before anything is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::Outcome;
use super::super::corpus::{Corpus, Table};
use super::super::labelled::{HeadColumn, split};
use super::super::voices::{Split, Voices};
use super::review::{COLUMNS, fingerprint};
use crate::error::{Error, Fault, Result};
use crate::sink::{Sheet, unguarded, write_whole};
use crate::source::SourceOptions;
use crate::tables::Tables;
use crate::taxonomy::{LabelSet, Spelling};

/// What `label-audit --apply` was asked to do.
#[derive(Debug)]
pub struct ApplyOptions {
    /// The review list, its last column filled in.
    pub review: PathBuf,
    /// Folder of the new files.
    pub out: PathBuf,
    pub force: bool,
    pub data: PathBuf,
    pub source: SourceOptions,
    /// Label columns whose names are not those of the heads.
    pub heads: Vec<HeadColumn>,
}

/// One filled line of the list.
struct Edit {
    /// Line in the list.
    line: usize,
    at: u64,
    head: String,
    given: String,
    fingerprint: String,
    new: String,
}

/// What stands in the last column to take the likely label over.
const YES: [&str; 6] = ["是", "y", "yes", "√", "1", "对"];
/// And to leave the given one.
const NO: [&str; 6] = ["否", "n", "no", "×", "0", "不改"];

pub fn apply(options: &ApplyOptions) -> Result<Outcome> {
    let tables = Tables::load(&options.data)?;
    let edits = read_review(&options.review)?;
    if edits.is_empty() {
        return Err(Error::Usage(format!(
            "{}: the last column is empty everywhere: write a label, or 是 to take the likely one",
            options.review.display()
        )));
    }
    let mut written: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut faults = Vec::new();
    let mut changes = Sheet::new(["file", "line", "id", "head", "before", "after"]);
    let mut n_changed = 0;
    for (file, edits) in &edits {
        let name = Path::new(file).file_stem().unwrap_or_default();
        let to = options.out.join(name).with_extension("csv");
        if to.exists() && !options.force {
            return Err(Error::Usage(format!(
                "{}: exists already: choose another --out, or add --force",
                to.display()
            )));
        }
        if written.iter().any(|(path, _)| *path == to) {
            return Err(Error::Usage(format!(
                "{file}: two files of the list have this name: apply them one by one"
            )));
        }
        let copy = Copy::of(file, edits, options, &tables)?;
        let bytes = copy.apply(
            edits,
            &options.review,
            &mut changes,
            &mut n_changed,
            &mut faults,
        )?;
        written.push((to, bytes));
    }
    if !faults.is_empty() {
        faults.truncate(50);
        return Err(Error::Config(faults));
    }
    std::fs::create_dir_all(&options.out)
        .map_err(|e| Error::io(&options.out, "cannot be made", e))?;
    let list = options.out.join("changes.csv");
    if list.exists() && !options.force {
        return Err(Error::Usage(format!(
            "{}: exists already: choose another --out, or add --force",
            list.display()
        )));
    }
    for (path, bytes) in &written {
        write_whole(path, bytes)?;
    }
    write_whole(&list, &changes.into_bytes())?;
    eprintln!(
        "{n_changed} labels changed in {} files, written to {}; changes.csv lists them",
        written.len(),
        options.out.display()
    );
    Ok(Outcome::Done)
}

/// The filled lines by file.
fn read_review(path: &Path) -> Result<BTreeMap<String, Vec<Edit>>> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, "cannot be read", e))?;
    // Excel saves in UTF-8 or in the system's encoding.
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            let (text, _, broken) = encoding_rs::GB18030.decode(e.as_bytes());
            if broken {
                return Err(Error::Usage(format!(
                    "{}: neither UTF-8 nor GB18030: save it as CSV UTF-8",
                    path.display()
                )));
            }
            text.into_owned()
        }
    };
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|d| first.bytes().filter(|b| b == d).count())
        .unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .map_err(|e| Error::Usage(format!("{}: {e}", path.display())))?
        .clone();
    let place = |name: &str| {
        header.iter().position(|h| h.trim() == name).ok_or_else(|| {
            Error::Usage(format!(
                "{}: has no column `{name}`: is it a list of `label-audit`?",
                path.display()
            ))
        })
    };
    let [file, line, head, given, likely, print, new] = [
        COLUMNS[0],
        COLUMNS[1],
        COLUMNS[3],
        COLUMNS[4],
        COLUMNS[6],
        COLUMNS[14],
        COLUMNS[15],
    ]
    .map(place);
    let (file, line, head, given) = (file?, line?, head?, given?);
    let (likely, print, new) = (likely?, print?, new?);
    let mut out: BTreeMap<String, Vec<Edit>> = BTreeMap::new();
    let mut faults = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| Error::Usage(format!("{}: {e}", path.display())))?;
        let cell = |at: usize| {
            unguarded(record.get(at).unwrap_or_default())
                .trim()
                .to_owned()
        };
        let asked = cell(new);
        let folded = asked.to_lowercase();
        if asked.is_empty() || NO.contains(&folded.as_str()) {
            continue;
        }
        let listed_at = record.position().map_or(0, |p| p.line()) as usize;
        let Ok(at) = cell(line).parse() else {
            faults.push(Fault::new(
                path,
                listed_at,
                format!("`{}` is no number", COLUMNS[1]),
                "leave the columns before the last as they were",
            ));
            continue;
        };
        out.entry(cell(file)).or_default().push(Edit {
            line: listed_at,
            at,
            head: cell(head),
            given: cell(given),
            fingerprint: cell(print),
            new: if YES.contains(&folded.as_str()) {
                cell(likely)
            } else {
                asked
            },
        });
    }
    match faults.is_empty() {
        true => Ok(out),
        false => Err(Error::Config(faults)),
    }
}

/// One labelled file with all its cells.
struct Copy {
    corpus: Corpus,
    table: Table,
    voices: Option<Voices>,
}

impl Copy {
    fn of(file: &str, edits: &[Edit], options: &ApplyOptions, tables: &Tables) -> Result<Copy> {
        let mut heads = options.heads.clone();
        for edit in edits {
            if heads.iter().all(|h| h.head != edit.head) {
                heads.push(HeadColumn {
                    column: edit.head.clone(),
                    head: edit.head.clone(),
                });
            }
        }
        let path = PathBuf::from(file);
        let folder = path.parent().map(Path::to_owned);
        let voices = folder.map_or(Ok(None), |f| Voices::find(&[f]))?;
        let source = tables.source_options(&options.source)?;
        let corpus = Corpus::read(&[path], &source, tables, &heads, voices.is_some())?;
        let table = Table::of(&corpus, &source.columns)?;
        Ok(Copy {
            corpus,
            table,
            voices,
        })
    }

    /// The whole file with the new labels.
    fn apply(
        &self,
        edits: &[Edit],
        review: &Path,
        changes: &mut Sheet,
        n_changed: &mut usize,
        faults: &mut Vec<Fault>,
    ) -> Result<Vec<u8>> {
        let corpus = &self.corpus;
        // By row and head: the new cell.
        let mut new: BTreeMap<(usize, usize), String> = BTreeMap::new();
        for edit in edits {
            let mut fault = |what: String, mend: &str| {
                faults.push(Fault::new(review, edit.line, what, mend));
            };
            let row = corpus.rows.iter().position(|r| r.position.line == edit.at);
            let Some(row) = row.filter(|r| fingerprint(&corpus.texts[*r]) == edit.fingerprint)
            else {
                fault(
                    format!("line {} is not the row that was judged", edit.at),
                    "the file changed since: audit it again",
                );
                continue;
            };
            if let Some(voices) = &self.voices
                && voices.split(&corpus.rows[row])? == Split::Test
            {
                fault(
                    format!("line {} is kept for tests", edit.at),
                    "take the line out of the list",
                );
                continue;
            }
            let Some(k) = corpus.heads.iter().position(|h| h.head == edit.head) else {
                fault(
                    format!("the file has no labels of `{}`", edit.head),
                    "name its column with --head COLUMN=HEAD",
                );
                continue;
            };
            match self.cell(k, row, edit) {
                Ok(cell) => {
                    let before = &corpus.written[row][k];
                    if cell != *before {
                        let position = &corpus.rows[row].position;
                        changes.push([
                            &*position.file,
                            &position.line.to_string(),
                            &corpus.rows[row].id,
                            &edit.head,
                            before,
                            &cell,
                        ]);
                        *n_changed += 1;
                        new.insert((row, k), cell);
                    }
                }
                Err(what) => fault(
                    what,
                    "write a label of the head, or 是 to take the likely one",
                ),
            }
        }
        let mut copy = Sheet::new(self.table.names.iter().map(String::as_str));
        for row in 0..corpus.rows.len() {
            let mut cells = self.table.cells(corpus, row);
            for (cell, head) in cells.iter_mut().zip(&self.table.heads) {
                if let Some(anew) = head.and_then(|k| new.get(&(row, k))) {
                    cell.clone_from(anew);
                }
            }
            copy.push(cells.iter().map(|c| unguarded(c)));
        }
        Ok(copy.into_bytes())
    }

    /// What the cell becomes: in the spelling, code or name, that it had.
    fn cell(&self, k: usize, row: usize, edit: &Edit) -> std::result::Result<String, String> {
        let before = self.corpus.written[row][k].trim();
        let Some(set) = &self.corpus.sets[k] else {
            return Ok(edit.new.clone());
        };
        if self.corpus.rows[row].labels[k].trim() != edit.given
            && !same_labels(set, before, &edit.given)
        {
            return Err(format!(
                "line {} is labelled otherwise than when it was judged",
                edit.at
            ));
        }
        let by_name = matches!(set.find(before), Spelling::Name(_));
        let anew: Vec<String> = split(&edit.new)
            .map(|label| match set.find(label).label() {
                Some(i) if by_name => Ok(set.name(i).to_owned()),
                Some(i) => Ok(set.codes()[i].clone()),
                None => Err(format!("the new label is none of `{}`", edit.head)),
            })
            .collect::<std::result::Result<_, _>>()?;
        let is_flags = self.corpus.heads[k].head == crate::taxonomy::head::FLAGS;
        if anew.len() > 1 && !is_flags {
            return Err(format!("`{}` takes one label", edit.head));
        }
        Ok(anew.join("|"))
    }
}

/// Two cells that name the same labels, in any spelling and order.
fn same_labels(set: &LabelSet, a: &str, b: &str) -> bool {
    let places = |cell: &str| {
        let mut all: Vec<Option<usize>> = split(cell).map(|l| set.find(l).label()).collect();
        all.sort_unstable();
        all
    };
    places(a) == places(b)
}
