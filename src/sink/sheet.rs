//! Rows that a person reads and edits in Excel, to the bytes of a CSV file.
//! Law: no cell can run as a formula, and long numbers keep their digits; `read` takes back what `push` guarded.

use crate::error::{Error, Result};
use crate::sink::MARK;
use crate::sink::table::guard;

/// A CSV file with a byte order mark, in memory.
pub struct Sheet(csv::Writer<Vec<u8>>);

impl Sheet {
    pub fn new<'c>(header: impl IntoIterator<Item = &'c str>) -> Result<Sheet> {
        let mut sheet = Sheet(csv::Writer::from_writer(MARK.to_vec()));
        sheet.push(header)?;
        Ok(sheet)
    }

    pub fn push<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> Result<()> {
        for cell in cells {
            let written = match guard(cell) {
                Some(before) => self.0.write_field([&[before], cell.as_bytes()].concat()),
                None => self.0.write_field(cell),
            };
            written.map_err(failed)?;
        }
        self.0.write_record(None::<&[u8]>).map_err(failed)
    }

    pub fn into_bytes(self) -> Result<Vec<u8>> {
        self.0
            .into_inner()
            .map_err(|e| Error::Failed(format!("a table cannot be written: {e}")))
    }
}

fn failed(e: csv::Error) -> Error {
    Error::Failed(format!("a table cannot be written: {e}"))
}

/// A cell without what `push` put before it.
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix(['\'', '\t']) {
        Some(rest) if guard(rest).is_some() => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guarded_can_be_read_again() {
        for cell in ["=1+1", "00123", "退款", "'quoted", "20260301000123456", ""] {
            let mut sheet = Sheet::new(["a"]).expect("in memory");
            sheet.push([cell]).expect("in memory");
            let bytes = sheet.into_bytes().expect("in memory");
            let mut reader = csv::Reader::from_reader(&bytes[MARK.len()..]);
            let row = reader.records().next().expect("a row").expect("a row");
            assert_eq!(unguarded(&row[0]), cell);
        }
    }
}
