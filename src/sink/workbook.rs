//! Rows of a work list to a workbook: dates as dates, a header that stays, filters on every column.
//! Law: texts stay texts, no cell is a formula; same rows, same bytes; memory is one row and the links between sheets.

use std::io::{Read, Seek, Write};
use std::path::Path;

use rust_xlsxwriter::{
    Color, DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, Worksheet, XlsxError,
};

use super::parquet::moment;
use super::table::{Kind, kind_of};
use crate::error::{Error, Result};

/// Rows of a sheet, header included: Excel's limit.
pub const SHEET_ROWS: u32 = 1_048_576;

/// Characters of a cell: Excel's limit.
const CELL_CHARS: usize = 32_767;

struct Formats {
    header: Format,
    text: Format,
    day: Format,
    time: Format,
}

impl Formats {
    fn new() -> Formats {
        let top = Format::new().set_align(FormatAlign::Top);
        Formats {
            header: Format::new()
                .set_bold()
                .set_background_color(Color::RGB(0xDD_E6_F0))
                .set_align(FormatAlign::Top)
                .set_text_wrap(),
            text: top.clone().set_text_wrap(),
            day: top.clone().set_num_format("yyyy-mm-dd"),
            time: top.set_num_format("yyyy-mm-dd hh:mm:ss"),
        }
    }
}

/// Writes the CSV rows of `rows`, header first, up to the limit of one sheet from row `skip` on.
///
/// `scratch` holds rows until the workbook is whole. Returns the rows written, header not counted.
pub fn to_workbook(
    rows: impl Read,
    skip: u64,
    title: &str,
    scratch: &Path,
    out: impl Write + Seek + Send,
) -> Result<u64> {
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(rows);
    let unreadable =
        |e: csv::Error| Error::Failed(format!("the rows written so far cannot be read back: {e}"));
    let mut book = Workbook::new();
    // Else the moment of writing stands there, and no two runs give the same bytes.
    let made = ExcelDateTime::from_ymd(2000, 1, 1).map_err(broken)?;
    let properties = DocProperties::new()
        .set_title(title)
        .set_creation_datetime(&made);
    book.set_properties(&properties);
    book.set_tempdir(scratch).map_err(broken)?;
    let formats = Formats::new();
    let sheet = book.add_worksheet_with_constant_memory().map_err(broken)?;
    sheet.set_name(title).map_err(broken)?;
    let mut record = csv::StringRecord::new();
    let mut names: Vec<String> = Vec::new();
    let mut line = 0;
    let mut seen = 0;
    while rows.read_record(&mut record).map_err(unreadable)? {
        if names.is_empty() {
            names = record.iter().map(str::to_owned).collect();
            dress(sheet, &names).map_err(broken)?;
        } else {
            seen += 1;
            if seen <= skip {
                continue;
            }
        }
        for (column, cell) in (0..).zip(&record) {
            let name = names.get(usize::from(column)).map_or("", String::as_str);
            put(sheet, line, column, name, cell, &formats).map_err(broken)?;
        }
        line += 1;
        if line == SHEET_ROWS {
            break;
        }
    }
    let last = u16::try_from(names.len().saturating_sub(1)).unwrap_or(0);
    sheet
        .autofilter(0, 0, line.saturating_sub(1), last)
        .map_err(broken)?;
    book.save_to_writer(out).map_err(broken)?;
    Ok(u64::from(line.saturating_sub(1)))
}

fn dress(sheet: &mut Worksheet, names: &[String]) -> std::result::Result<(), XlsxError> {
    sheet.set_freeze_panes(1, 1)?;
    for (column, name) in (0..).zip(names) {
        let width = match kind_of(name) {
            Kind::Text if name.contains("内容") => 60,
            Kind::Text if name.contains("依据") || name.contains("理由") => 28,
            Kind::Text => 16,
            Kind::Prob => 9,
            Kind::Day => 12,
            Kind::From | Kind::By => 19,
        };
        sheet.set_column_width(column, width)?;
    }
    Ok(())
}

fn put(
    sheet: &mut Worksheet,
    line: u32,
    column: u16,
    name: &str,
    cell: &str,
    formats: &Formats,
) -> std::result::Result<(), XlsxError> {
    if line == 0 {
        sheet.write_string_with_format(line, column, cell, &formats.header)?;
        return Ok(());
    }
    if cell.is_empty() {
        return Ok(());
    }
    let dated = matches!(kind_of(name), Kind::Day | Kind::From | Kind::By);
    // A provisional date stays a text, so that nobody overlooks the word.
    if dated
        && !cell.ends_with('）')
        && let Some(moment) = moment(cell)
    {
        let date = moment.date();
        let day = ExcelDateTime::from_ymd(
            date.year().unsigned_abs(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )?;
        let time = moment.has_time().then(|| moment.start().time());
        match time {
            Some(t) => {
                let at = day.and_hms(
                    u16::from(t.hour().unsigned_abs()),
                    t.minute().unsigned_abs(),
                    t.second(),
                )?;
                sheet.write_datetime_with_format(line, column, &at, &formats.time)?;
            }
            None => {
                sheet.write_datetime_with_format(line, column, &day, &formats.day)?;
            }
        }
        return Ok(());
    }
    let end = cell.char_indices().nth(CELL_CHARS - 1).map(|(i, _)| i);
    match end {
        Some(end) => sheet.write_string_with_format(
            line,
            column,
            format!("{}…", &cell[..end]),
            &formats.text,
        )?,
        None => sheet.write_string_with_format(line, column, cell, &formats.text)?,
    };
    Ok(())
}

fn broken(e: XlsxError) -> Error {
    Error::Failed(format!("the workbook cannot be written: {e}"))
}
