//! Rows that a person reads and edits in Excel, to the bytes of a CSV file.
//! Law: no cell can run as a formula, and long numbers keep their digits; `read` takes back what `push` guarded.

use crate::sink::MARK;
use crate::sink::table::{Row, guard};

/// A CSV file with a byte order mark, in memory.
pub struct Sheet(Row);

impl Sheet {
    pub fn new<'c>(header: impl IntoIterator<Item = &'c str>) -> Sheet {
        let mut sheet = Sheet(Row::new());
        sheet.push(header);
        sheet
    }

    pub fn push<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) {
        cells.into_iter().for_each(|cell| self.0.put(cell));
        self.0.end();
    }

    pub fn into_bytes(self) -> Vec<u8> {
        [MARK, &self.0.into_bytes()].concat()
    }
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
            let mut sheet = Sheet::new(["a"]);
            sheet.push([cell]);
            let bytes = sheet.into_bytes();
            let mut reader = csv::Reader::from_reader(&bytes[MARK.len()..]);
            let row = reader.records().next().expect("a row").expect("a row");
            assert_eq!(unguarded(&row[0]), cell);
        }
    }
}
