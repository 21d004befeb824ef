//! Lines of tab-separated cells without header or quotes, as Hive and Spark hand them to a `TRANSFORM` script.
//! Law: every line is one record, an empty one too; `\N` is a cell that is not there.

use std::borrow::Cow;

use super::encoding::decode;
use super::{Carried, Fields, Record, Role, Source, Step, reject};
use crate::clock::parse_events;
use crate::complaint::{Position, RejectCode, Rejected};
use crate::error::Result;
use crate::taxonomy::Taxonomy;

/// A column of such lines; `None` is not read.
pub type LineColumn = Option<Role>;

/// Reads `--tsv id,text,_,channel`: `_` for a column that is not read.
pub fn line_columns(written: &str) -> std::result::Result<Vec<LineColumn>, String> {
    let mut columns = Vec::new();
    for name in written.split(',').map(str::trim) {
        let role = match name {
            "_" => None,
            _ => Some(Role::parse(name).ok_or_else(|| {
                format!(
                    "`{name}`: use {} or _ for a column that is not read",
                    Role::names()
                )
            })?),
        };
        if role.is_some() && columns.contains(&role) {
            return Err(format!("`{name}` stands twice"));
        }
        columns.push(role);
    }
    if columns.contains(&Some(Role::Text)) {
        Ok(columns)
    } else {
        Err("one column must be `text`".to_owned())
    }
}

impl Source {
    pub(super) fn line_step(
        &mut self,
        columns: &[LineColumn],
        before: Position,
        taxonomy: &Taxonomy,
    ) -> Result<Step> {
        let n_bytes = match self.line_ahead(&before)? {
            Ok(n_bytes) => n_bytes,
            Err(step) => return Ok(step),
        };
        let bytes = self.window.bytes();
        let record = self.read_cells_of(columns, &bytes[..n_bytes], before, taxonomy);
        self.window.consume(n_bytes);
        Ok(Step::Record(record))
    }

    /// A line as text; a byte that is none of the encoding costs the line.
    pub(super) fn decoded<'l>(
        &self,
        line: &'l [u8],
        position: &Position,
    ) -> std::result::Result<Cow<'l, str>, Rejected> {
        decode(line, self.encoding).map_err(|at| {
            let what = format!("byte {} of the line is not {}", at + 1, self.encoding);
            let code = RejectCode::EncodingInvalid;
            reject(position.clone(), line.len() as u64, None, code, &what)
        })
    }

    fn read_cells_of(
        &self,
        columns: &[LineColumn],
        line: &[u8],
        position: Position,
        taxonomy: &Taxonomy,
    ) -> Record {
        let n_bytes = line.len() as u64;
        let text = self.decoded(line, &position)?;
        let cells: Vec<&str> = text.trim_end_matches(['\n', '\r']).split('\t').collect();
        if cells.len() != columns.len() {
            let what = format!("{} cells, --tsv names {}", cells.len(), columns.len());
            let code = RejectCode::ColumnCount;
            return Err(reject(position, n_bytes, None, code, &what));
        }
        let cell = |role: Role| {
            let at = columns.iter().position(|c| *c == Some(role))?;
            (cells[at] != r"\N").then(|| unescape(cells[at]))
        };
        Fields {
            id: cell(Role::Id),
            text: cell(Role::Text),
            channel: cell(Role::Channel),
            received_at: cell(Role::ReceivedAt),
            complainant: cell(Role::Complainant),
            institution: cell(Role::Institution),
            events: cell(Role::Events).map(|c| parse_events(&c).map_err(|e| e.to_string())),
            labels: Vec::new(),
            carried: Carried::Cells(Vec::new()),
        }
        .into_record(position, n_bytes, taxonomy, self.options.as_it_is)
    }
}

/// `\t`, `\n`, `\r` and `\\` as Hive escapes them.
fn unescape(cell: &str) -> String {
    if !cell.contains('\\') {
        return cell.to_owned();
    }
    let mut out = String::with_capacity(cell.len());
    let mut chars = cell.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some(next @ ('t' | 'n' | 'r' | '\\'))) => {
                out.push(match next {
                    't' => '\t',
                    'n' => '\n',
                    'r' => '\r',
                    _ => '\\',
                });
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_back() {
        assert_eq!(unescape(r"a\tb\nc\\d\x"), "a\tb\nc\\d\\x");
        assert_eq!(unescape(r"\"), r"\");
    }

    #[test]
    fn columns_are_roles_or_nothing() {
        assert_eq!(
            line_columns("id,_,text"),
            Ok(vec![Some(Role::Id), None, Some(Role::Text)])
        );
        assert!(line_columns("id,channel").is_err());
        assert!(line_columns("text,text").is_err());
        assert!(line_columns("text,词").is_err());
    }
}
