//! Rows that a caller holds in memory, column by column: a `Record` from the cells of one row.
//! Law: a row passes the checks of every reader; columns that are not read stay with the caller.

use std::borrow::Cow;

use super::encoding::{Encoding, decode};
use super::{Carried, ColumnNames, Fields, Header, Record, Role, SourceOptions, reject};
use crate::clock::parse_events;
use crate::complaint::{Position, RejectCode};
use crate::error::Result;
use crate::taxonomy::Taxonomy;

/// The cells of one row by role, in the encoding of the options (UTF-8 if they name none).
#[derive(Default)]
pub struct RowCells<'a>([Option<Cow<'a, [u8]>>; Role::ALL.len()]);

impl<'a> RowCells<'a> {
    /// A role without a cell is not there; an empty cell is there and empty.
    pub fn put(&mut self, role: Role, cell: Cow<'a, [u8]>) {
        self.0[role as usize] = Some(cell);
    }

    /// Judges the row; it is bounded by `Limits` over all cells that were put.
    pub fn into_record(
        self,
        position: Position,
        taxonomy: &Taxonomy,
        options: &SourceOptions,
    ) -> Record {
        let n_bytes: usize = self.0.iter().flatten().map(|c| c.len()).sum();
        let max_bytes = options.limits.max_record_bytes;
        if n_bytes > max_bytes {
            let what = format!("the record is longer than {max_bytes} bytes");
            let code = RejectCode::RecordTooLong;
            return Err(reject(position, n_bytes as u64, None, code, &what));
        }
        let encoding = options.encoding.unwrap_or(Encoding::Utf8);
        let mut texts = [const { None }; Role::ALL.len()];
        for (role, cell) in Role::ALL.into_iter().zip(&self.0) {
            let Some(cell) = cell else { continue };
            match decode(cell, encoding) {
                Ok(text) => texts[role as usize] = Some(text.into_owned()),
                Err(at) => {
                    let what = format!("byte {} of the cell is not {encoding}", at + 1);
                    let column = Some(role.name().to_owned());
                    let code = RejectCode::EncodingInvalid;
                    return Err(reject(position, n_bytes as u64, column, code, &what));
                }
            }
        }
        let mut take = |role: Role| texts[role as usize].take();
        Fields {
            id: take(Role::Id),
            text: take(Role::Text),
            channel: take(Role::Channel),
            received_at: take(Role::ReceivedAt),
            events: take(Role::Events).map(|c| parse_events(&c).map_err(|e| e.to_string())),
            labels: Vec::new(),
            complainant: take(Role::Complainant),
            institution: take(Role::Institution),
            carried: Carried::Cells(Vec::new()),
        }
        .into_record(position, n_bytes as u64, taxonomy, options.as_it_is)
    }
}

impl Header {
    /// The columns of a table in memory; `table` names it in messages.
    pub fn of_table(names: &[String], columns: &ColumnNames, table: &str) -> Result<Header> {
        Header::read(names, columns, &[], false, table)
    }

    /// The place of a role's column, from 0.
    pub fn place(&self, role: Role) -> Option<usize> {
        self.roles.get(&role).copied()
    }

    /// The places of the columns that are carried through, from 0.
    pub fn carried(&self) -> &[usize] {
        &self.carried
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(text: Option<&[u8]>, encoding: Option<Encoding>) -> Record {
        let taxonomy = Taxonomy::load(Path::new("data/taxonomy"), &mut Vec::new());
        let options = SourceOptions {
            encoding,
            ..SourceOptions::default()
        };
        let mut row = RowCells::default();
        if let Some(text) = text {
            row.put(Role::Text, text.into());
        }
        row.put(Role::ReceivedAt, b"2026-03-01".as_slice().into());
        let position = Position {
            file: "table".into(),
            row: 7,
            line: 7,
            byte: 0,
        };
        row.into_record(position, &taxonomy, &options)
    }

    #[test]
    fn a_row_in_memory_is_judged_like_a_row_of_a_file() {
        let complaint = read(Some("信用卡被盗刷".as_bytes()), None).expect("a complaint");
        assert_eq!(complaint.id, "row7");
        assert!(complaint.received.is_some());
        let code = |record: Record| record.expect_err("a reject").code;
        assert_eq!(code(read(None, None)), RejectCode::TextMissing);
        assert_eq!(code(read(Some(b" \n"), None)), RejectCode::TextEmpty);
        assert_eq!(
            code(read(Some(b"\xff\xfe"), None)),
            RejectCode::EncodingInvalid
        );
        let long = vec![b'a'; (1 << 20) + 1];
        assert_eq!(code(read(Some(&long), None)), RejectCode::RecordTooLong);
        let gbk = encoding_rs::GB18030.encode("信用卡被盗刷").0;
        let complaint = read(Some(&gbk), Some(Encoding::Gb18030)).expect("a complaint");
        assert_eq!(complaint.text, "信用卡被盗刷");
    }
}
