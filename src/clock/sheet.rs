//! TOML text in, typed cells out, every fault kept with its line: the walk over `clock.toml`.
//! Law: an unknown key is a fault; reading goes on after a fault so that all come together.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::error::Fault;

pub type Cell<'t> = Spanned<DeValue<'t>>;

/// One table of the file: its cells and where its header stands.
#[derive(Clone, Copy)]
pub struct Row<'a, 't> {
    pub cells: &'a DeTable<'t>,
    pub line: usize,
}

/// Collects the faults of one file.
pub struct Sheet<'t> {
    path: PathBuf,
    text: &'t str,
    pub faults: Vec<Fault>,
}

impl<'t> Sheet<'t> {
    /// The top table, empty where the syntax is at fault; the faults are kept.
    pub fn parse(path: &Path, text: &'t str) -> (Sheet<'t>, DeTable<'t>) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut sheet = Sheet {
            path: path.to_owned(),
            text,
            faults: Vec::new(),
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for e in &errors {
            let line = e.span().map_or(0, |span| sheet.line(span));
            let what = e.message().replace('\n', ", ");
            sheet.fault(line, what, "mend the TOML syntax");
        }
        let table = if errors.is_empty() {
            table.into_inner()
        } else {
            DeTable::new()
        };
        (sheet, table)
    }

    pub fn fault(&mut self, line: usize, what: impl Into<String>, mend: impl Into<String>) {
        self.faults.push(Fault::new(&self.path, line, what, mend));
    }

    pub fn line(&self, span: Range<usize>) -> usize {
        let end = span.start.min(self.text.len());
        1 + self.text.as_bytes()[..end]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
    }

    /// A fault for each key that is not among `known`.
    pub fn only(&mut self, cells: &DeTable<'t>, known: &[&str]) {
        for key in cells.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                let line = self.line(key.span());
                let what = format!("unknown key `{}`", key.get_ref());
                self.fault(line, what, format!("use one of: {}", known.join(", ")));
            }
        }
    }

    /// `value` as a table, named `key` for the fault.
    pub fn row<'a>(&mut self, key: &str, value: &'a Cell<'t>) -> Option<Row<'a, 't>> {
        let line = self.line(value.span());
        match value.get_ref().as_table() {
            Some(cells) => Some(Row { cells, line }),
            None => {
                self.fault(
                    line,
                    format!("`{key}` is no table"),
                    format!("write it as [{key}]"),
                );
                None
            }
        }
    }

    /// The tables below `name`, such as `[rule.x]`, in the order of the file; a fault if there are none.
    pub fn rows<'a>(&mut self, top: &'a DeTable<'t>, name: &str) -> Vec<(&'a str, Row<'a, 't>)> {
        let Some(value) = top.get(name) else {
            self.fault(
                0,
                format!("[{name}] is missing"),
                format!("add its [{name}…] tables"),
            );
            return Vec::new();
        };
        let Some(group) = self.row(name, value) else {
            return Vec::new();
        };
        let mut found: Vec<(&'a Spanned<DeString<'t>>, &'a Cell<'t>)> =
            group.cells.iter().collect();
        found.sort_by_key(|(key, _)| key.span().start);
        found
            .into_iter()
            .filter_map(|(key, value)| {
                let name = key.get_ref().as_ref();
                let row = self.row(name, value)?;
                let line = self.line(key.span());
                Some((name, Row { line, ..row }))
            })
            .collect()
    }

    /// A text cell that is not blank; `None` where absent or at fault.
    pub fn text<'a>(&mut self, row: Row<'a, 't>, key: &str) -> Option<&'a str> {
        let value = row.cells.get(key)?;
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Some(text),
            _ => {
                let line = self.line(value.span());
                self.fault(
                    line,
                    format!("`{key}` is no text"),
                    "write a text in quotes",
                );
                None
            }
        }
    }

    /// As `text`, with a fault where the cell is absent.
    pub fn needed<'a>(&mut self, row: Row<'a, 't>, key: &str) -> Option<&'a str> {
        if !row.cells.contains_key(key) {
            self.fault(row.line, format!("`{key}` is missing"), "add it");
        }
        self.text(row, key)
    }

    /// A needed text read as `T`, whose error says what was expected.
    pub fn parsed<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        row: Row<'_, 't>,
        key: &str,
    ) -> Option<T> {
        let text = self.needed(row, key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(e) => {
                self.fault(self.line_of(row, key), format!("`{key}`: {e}"), "mend it");
                None
            }
        }
    }

    /// The line of a cell, of the whole row where it is absent.
    pub fn line_of(&self, row: Row<'_, 't>, key: &str) -> usize {
        row.cells
            .get(key)
            .map_or(row.line, |cell| self.line(cell.span()))
    }

    /// A fault where the row has a cell that has no meaning in it.
    pub fn absent(&mut self, row: Row<'_, 't>, key: &str, why: &str) {
        if row.cells.contains_key(key) {
            self.fault(
                self.line_of(row, key),
                format!("`{key}` has no meaning here"),
                why,
            );
        }
    }
}
