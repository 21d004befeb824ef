//! `Ticket` or `Rejected` to bytes, and bytes to files: CSV, JSON Lines, Parquet, work lists, workbooks, handling sheets.
//! Law: a file appears under its name only when it is whole: temp file, fsync, rename.

mod json;
mod outputs;
mod parquet;
mod sheet;
mod table;
mod workbook;

pub use self::parquet::{day_of, millis_of, prob_of, to_parquet};
pub use json::{Names, line_of, write_rejected, write_ticket};
pub use outputs::{
    FileMark, Outputs, folder_of, part_path, put_in_place, remove_parts, sync_dir, write_whole,
};
pub use sheet::{Sheet, unguarded};
pub use table::{
    Cells, Kind, Layout, Row, carried_name, decision_columns, list_header, reject_line,
};
pub use workbook::{SHEET_ROWS, to_workbook};

/// A byte order mark: Excel then reads UTF-8.
pub const MARK: &[u8] = b"\xEF\xBB\xBF";
