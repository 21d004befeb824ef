//! A CSV table that a user may edit: rows with line numbers, unknown columns refused, all faults collected.

use std::path::{Path, PathBuf};

use crate::error::Fault;

/// The rows of one table; cells are trimmed.
#[derive(Debug)]
pub struct Table {
    path: PathBuf,
    columns: &'static [&'static str],
    rows: Vec<(usize, Vec<String>)>,
}

/// One row of a `Table`.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    pub line: usize,
    cells: &'a [String],
}

impl Table {
    /// Reads `path`; its header must name exactly `columns`, in any order. Faults go to `faults`.
    pub fn read(path: &Path, columns: &'static [&'static str], faults: &mut Vec<Fault>) -> Table {
        let mut table = Table {
            path: path.to_owned(),
            columns,
            rows: Vec::new(),
        };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) => {
                faults.push(Fault::new(
                    path,
                    0,
                    format!("cannot be read ({e})"),
                    "restore the file, or point --data at a complete folder",
                ));
                return table;
            }
        };
        if std::str::from_utf8(&bytes).is_err() {
            faults.push(Fault::new(
                path,
                0,
                "is not UTF-8",
                "save it as “CSV UTF-8”",
            ));
            return table;
        }
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(&bytes[..]);
        let header = match reader.headers() {
            Ok(header) => header.clone(),
            Err(e) => {
                faults.push(Fault::new(path, 1, e.to_string(), "mend the header row"));
                return table;
            }
        };
        let known = format!("the columns are {}", columns.join(","));
        for name in &header {
            if !columns.contains(&name) {
                faults.push(Fault::new(
                    path,
                    1,
                    format!("unknown column `{name}`"),
                    &known,
                ));
            }
        }
        let places: Vec<Option<usize>> = columns
            .iter()
            .map(|c| header.iter().position(|h| h == *c))
            .collect();
        for (column, place) in columns.iter().zip(&places) {
            if place.is_none() {
                faults.push(Fault::new(
                    path,
                    1,
                    format!("column `{column}` is missing"),
                    &known,
                ));
            }
        }
        for record in reader.records() {
            match record {
                Ok(record) => {
                    let line = record.position().map_or(0, |p| p.line() as usize);
                    if record.len() != header.len() {
                        faults.push(Fault::new(
                            path,
                            line,
                            format!("{} cells, the header has {}", record.len(), header.len()),
                            "quote cells that hold a comma, and fill every column",
                        ));
                        continue;
                    }
                    let cells = places
                        .iter()
                        .map(|p| p.and_then(|p| record.get(p)).unwrap_or("").to_owned())
                        .collect();
                    table.rows.push((line, cells));
                }
                Err(e) => {
                    let line = e.position().map_or(0, |p| p.line() as usize);
                    faults.push(Fault::new(path, line, e.to_string(), "mend the row"));
                }
            }
        }
        table
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, cells)| Row {
            table: self,
            line: *line,
            cells,
        })
    }
}

impl<'a> Row<'a> {
    /// The cell of a column named in `Table::read`; empty for any other.
    pub fn get(&self, column: &str) -> &'a str {
        self.table
            .columns
            .iter()
            .position(|c| *c == column)
            .map_or("", |i| &self.cells[i])
    }

    /// A fault that points at this row.
    pub fn fault(&self, what: impl Into<String>, mend: impl Into<String>) -> Fault {
        Fault::new(&self.table.path, self.line, what, mend)
    }
}
