//! The cleaned copy of labelled files, and the list of what was changed in it.
//! Laws: read = copied + duplicates + rejected, each of the latter two is listed; a label is spelled anew, never guessed; the
//! list holds labels only, no text.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::labels::{LABEL_CHARS, usual_spellings};
use super::read::Corpus;
use crate::complaint::{Carried, Position};
use crate::error::{Error, Result};
use crate::jobs::labelled::split;
use crate::sink::{MARK, Row, write_whole};
use crate::source::{ColumnNames, Role};
use crate::taxonomy::{LabelSet, Spelling, fold_label, head};

/// Where the list of changes stands beside the copy.
pub(super) fn changes_path(out: &Path) -> PathBuf {
    out.with_extension("changes.csv")
}

/// One change: what it was about, and the labels before and after.
struct Change {
    position: Position,
    column: String,
    kind: &'static str,
    before: String,
    after: String,
}

/// How the labels of one head are spelled.
enum Spellings<'a> {
    Set(&'a LabelSet, bool),
    /// By folded label.
    Usual(FxHashMap<String, String>),
}

impl Spellings<'_> {
    /// A cell of labels, each in its usual spelling; outer whitespace is gone.
    fn settle(&self, cell: &str) -> String {
        let cell = cell.trim();
        match self {
            Spellings::Set(set, false) => usual(set, cell),
            Spellings::Set(set, true) => {
                let labels: Vec<&str> = split(cell).collect();
                let anew: Vec<String> = labels.iter().map(|l| usual(set, l)).collect();
                if labels == anew {
                    cell.to_owned()
                } else {
                    anew.join(" ")
                }
            }
            Spellings::Usual(known) => known
                .get(&fold_label(cell))
                .map_or_else(|| cell.to_owned(), String::clone),
        }
    }
}

/// A variant as that of code and name which it is; anything else as it is.
fn usual(set: &LabelSet, label: &str) -> String {
    match set.find(label) {
        Spelling::Variant(i) if fold_label(label) == fold_label(set.name(i)) => {
            set.name(i).to_owned()
        }
        Spelling::Variant(i) => set.codes()[i].clone(),
        _ => label.to_owned(),
    }
}

/// Labels of any head in one cell, the marks between them kept.
fn usual_list(sets: &[Option<LabelSet>], cell: &str) -> String {
    let is_mark = |c: char| matches!(c, '|' | '#' | ';' | '；' | '、' | ',' | '，');
    let mut out = String::new();
    for piece in cell.trim().split_inclusive(is_mark) {
        let label = piece.trim_end_matches(is_mark);
        let known = sets
            .iter()
            .flatten()
            .find(|set| set.find(label.trim()).label().is_some());
        out.push_str(&known.map_or_else(|| label.to_owned(), |set| usual(set, label.trim())));
        out.push_str(&piece[label.len()..]);
    }
    out
}

/// Writes the copy and the list; says what was done.
pub(super) fn write(out: &Path, corpus: &Corpus, columns: &ColumnNames) -> Result<String> {
    let table = Table::of(corpus, columns)?;
    let spellings: Vec<Spellings<'_>> = (0..corpus.heads.len())
        .map(|k| match &corpus.sets[k] {
            Some(set) => Spellings::Set(set, corpus.heads[k].head == head::FLAGS),
            None => Spellings::Usual(usual_spellings(corpus, k)),
        })
        .collect();
    let mut changes = Vec::new();
    let mut copy = Row::new();
    let mut first: FxHashMap<(&str, &[String]), usize> = FxHashMap::default();
    let mut n_copied = 0usize;
    let mut n_duplicates = 0usize;
    table.names.iter().for_each(|name| copy.put(name));
    copy.end();
    for (i, row) in corpus.rows.iter().enumerate() {
        let labels = &row.labels[..corpus.heads.len()];
        let earlier = *first.entry((row.text.trim(), labels)).or_insert(i);
        if earlier != i {
            n_duplicates += 1;
            changes.push(Change {
                position: row.position.clone(),
                column: String::new(),
                kind: "duplicate",
                before: String::new(),
                after: corpus.rows[earlier].position.to_string(),
            });
            continue;
        }
        n_copied += 1;
        for (column, cell) in table.cells(corpus, i).iter().enumerate() {
            let head = table.heads.get(column).copied().flatten();
            // Our own guard against Excel's readings is none of the cell.
            let cell = cell.strip_prefix('\t').unwrap_or(cell);
            let anew = match head {
                Some(k) if k < spellings.len() => spellings[k].settle(cell),
                Some(_) => usual_list(&corpus.sets, cell),
                None => cell.trim().to_owned(),
            };
            if anew != cell {
                let is_shown = head.is_some() && cell.chars().nth(LABEL_CHARS).is_none();
                let shown = |s: &str| {
                    if is_shown {
                        s.to_owned()
                    } else {
                        String::new()
                    }
                };
                changes.push(Change {
                    position: row.position.clone(),
                    column: table.names[column].clone(),
                    kind: if anew == cell.trim() {
                        "space"
                    } else {
                        "label"
                    },
                    before: shown(cell),
                    after: shown(&anew),
                });
            }
            copy.put(&anew);
        }
        copy.end();
    }
    for rejected in &corpus.rejects {
        changes.push(Change {
            position: rejected.position.clone(),
            column: rejected.column.clone().unwrap_or_default(),
            kind: "rejected",
            before: String::new(),
            after: rejected.code.code().to_owned(),
        });
    }
    let n_read = corpus.rows.len() + corpus.rejects.len();
    if n_copied + n_duplicates + corpus.rejects.len() != n_read {
        return Err(Error::Failed("the copy does not hold every row".to_owned()));
    }
    let list = changes_path(out);
    write_whole(&list, &with_mark(listed(&changes)))?;
    write_whole(out, &with_mark(copy.into_bytes()))?;
    Ok(format!(
        "{}：读入 {n_read} = 写出 {n_copied} + 重复 {n_duplicates} + 读不了 {}；{} 处改动列在 {}",
        out.display(),
        corpus.rejects.len(),
        changes.len(),
        list.display()
    ))
}

fn with_mark(bytes: Vec<u8>) -> Vec<u8> {
    [MARK, &bytes].concat()
}

fn listed(changes: &[Change]) -> Vec<u8> {
    let mut rows = Row::new();
    for name in ["file", "line", "row", "column", "kind", "before", "after"] {
        rows.put(name);
    }
    rows.end();
    for change in changes {
        rows.put(&change.position.file);
        rows.put(&change.position.line.to_string());
        rows.put(&change.position.row.to_string());
        rows.put(&change.column);
        rows.put(change.kind);
        rows.put(&change.before);
        rows.put(&change.after);
        rows.end();
    }
    rows.into_bytes()
}

/// The columns of the copy: those of the files, or for forms without a header what their records hold.
pub(in crate::jobs) struct Table {
    pub names: Vec<String>,
    /// By column: the head whose labels it holds; the number of heads for the labels of any.
    pub heads: Vec<Option<usize>>,
    /// Members of JSON records behind id, text and labels; `None` for files with a header.
    members: Option<Vec<String>>,
}

impl Table {
    pub fn of(corpus: &Corpus, columns: &ColumnNames) -> Result<Table> {
        let mut headers = corpus.files.iter().map(|f| f.columns.as_ref());
        let first = headers.next().flatten();
        if headers.any(|h| h != first) {
            return Err(Error::Usage(
                "the files have different columns: take them one by one".to_owned(),
            ));
        }
        if let Some(names) = first {
            let mut heads = vec![None; names.len()];
            for (k, place) in corpus.files[0].labels.iter().enumerate() {
                if let Some(at) = place {
                    heads[*at].get_or_insert(k);
                }
            }
            return Ok(Table {
                names: names.clone(),
                heads,
                members: None,
            });
        }
        let mut members: Vec<String> = Vec::new();
        let is_other = |name: &str| {
            let role = columns.role(name);
            let labels = corpus.heads.iter().map(|h| h.column.as_str());
            let one = || std::iter::once(name);
            !matches!(role, Some(Role::Id | Role::Text))
                && labels
                    .chain([crate::source::ANY_LABEL])
                    .all(|l| columns.label_place(l, one()) == Ok(None))
        };
        for row in &corpus.rows {
            if let Carried::Members(found) = &row.carried {
                for name in found.keys() {
                    if !members.contains(name) && is_other(name) {
                        members.push(name.clone());
                    }
                }
            }
            if members.len() > 1000 {
                return Err(Error::Usage(
                    "the records have over 1000 different members: no table".to_owned(),
                ));
            }
        }
        let own = ["id", "text"].map(str::to_owned).into_iter();
        let labels = corpus.heads.iter().map(|h| h.column.clone());
        let names: Vec<String> = own.chain(labels).chain(members.iter().cloned()).collect();
        let heads = (0..names.len())
            .map(|c| c.checked_sub(2).filter(|k| *k < corpus.heads.len()))
            .collect();
        Ok(Table {
            names,
            heads,
            members: Some(members),
        })
    }

    pub fn cells(&self, corpus: &Corpus, i: usize) -> Vec<String> {
        let Some(members) = &self.members else {
            return corpus.cells(i).to_vec();
        };
        let row = &corpus.rows[i];
        let mut cells = vec![row.id.clone(), row.text.clone()];
        cells.extend(corpus.written[i].iter().cloned());
        let found = match &row.carried {
            Carried::Members(found) => Some(found),
            Carried::Cells(_) => None,
        };
        cells.extend(
            members
                .iter()
                .map(|name| match found.and_then(|f| f.get(name)) {
                    None | Some(Value::Null) => String::new(),
                    Some(Value::String(s)) => s.clone(),
                    Some(other) => other.to_string(),
                }),
        );
        cells
    }
}
