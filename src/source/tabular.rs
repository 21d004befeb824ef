//! Workbooks and Parquet files as the CSV that they would be exported to: everything behind reads one form.
//! Law: a cell keeps its digits; dates become ISO 8601; a bounded channel keeps memory flat (a workbook's shared strings aside).

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use calamine::{DataRef, Reader as _, Xlsx};
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;

use crate::error::{Error, Result};

const BLOCK_BYTES: usize = 256 * 1024;

/// CSV bytes made by another thread.
struct Made {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: io::Cursor<Vec<u8>>,
}

impl Read for Made {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.block.read(out)?;
            if n > 0 {
                return Ok(n);
            }
            match self.blocks.recv() {
                Ok(block) => self.block = io::Cursor::new(block?),
                Err(_) => return Ok(0),
            }
        }
    }
}

/// Where a maker puts its rows.
struct Rows {
    sender: SyncSender<io::Result<Vec<u8>>>,
    writer: csv::Writer<Vec<u8>>,
}

impl Rows {
    /// `false`: nobody reads on.
    fn put(&mut self, cells: &[impl AsRef<[u8]>]) -> io::Result<bool> {
        self.writer.write_record(cells).map_err(io::Error::other)?;
        if self.writer.get_ref().len() < BLOCK_BYTES {
            return Ok(true);
        }
        self.send()
    }

    fn send(&mut self) -> io::Result<bool> {
        let writer = std::mem::replace(&mut self.writer, csv_writer());
        let block = writer.into_inner().map_err(|e| e.into_error())?;
        Ok(self.sender.send(Ok(block)).is_ok())
    }
}

fn csv_writer() -> csv::Writer<Vec<u8>> {
    csv::WriterBuilder::new()
        .flexible(true)
        .buffer_capacity(1 << 12)
        .from_writer(Vec::new())
}

fn made(make: impl FnOnce(&mut Rows) -> io::Result<()> + Send + 'static) -> Box<dyn Read + Send> {
    let (sender, blocks) = sync_channel(4);
    std::thread::spawn(move || {
        let mut rows = Rows {
            sender: sender.clone(),
            writer: csv_writer(),
        };
        if let Err(e) = make(&mut rows).and_then(|()| rows.send().map(|_| ())) {
            // Nobody may be listening any more; then nobody misses the message.
            let _ = sender.send(Err(e));
        }
    });
    Box::new(Made {
        blocks,
        block: io::Cursor::default(),
    })
}

/// The first sheet of a workbook that has rows; returns its name.
pub(super) fn workbook(path: &Path, file: File) -> Result<(Box<dyn Read + Send>, String)> {
    let failed = |e: calamine::XlsxError| {
        Error::Usage(format!(
            "{}: is no workbook that can be read ({e}): save it as .xlsx without a password, or export it as CSV",
            path.display()
        ))
    };
    let mut book: Xlsx<_> = Xlsx::new(BufReader::new(file)).map_err(failed)?;
    let mut chosen = None;
    for name in book.sheet_names() {
        let mut cells = book.worksheet_cells_reader(&name).map_err(failed)?;
        if cells.next_cell().map_err(failed)?.is_some() {
            chosen = Some(name);
            break;
        }
    }
    let Some(sheet) = chosen else {
        return Err(Error::Usage(format!(
            "{}: no sheet of the workbook has a cell: nothing to read",
            path.display()
        )));
    };
    let name = sheet.clone();
    let reader = made(move |rows| {
        let mut cells = book
            .worksheet_cells_reader(&name)
            .map_err(io::Error::other)?;
        let mut row: Vec<String> = Vec::new();
        let (mut n_columns, mut at) = (0, 0);
        while let Some(cell) = cells.next_cell().map_err(io::Error::other)? {
            let (line, column) = cell.get_position();
            if line != at {
                if !end_row(&mut row, &mut n_columns, rows)? {
                    return Ok(());
                }
                at = line;
            }
            let written = written(cell.get_value());
            if !written.is_empty() {
                row.resize(row.len().max(column as usize + 1), String::new());
                row[column as usize] = written;
            }
        }
        end_row(&mut row, &mut n_columns, rows).map(|_| ())
    });
    Ok((reader, sheet))
}

/// Rows end at their last filled cell: those shorter than the header are filled up, empty ones are none.
fn end_row(row: &mut Vec<String>, n_columns: &mut usize, rows: &mut Rows) -> io::Result<bool> {
    if row.is_empty() {
        return Ok(true);
    }
    if *n_columns == 0 {
        *n_columns = row.len();
    }
    row.resize(row.len().max(*n_columns), String::new());
    let more = rows.put(row)?;
    row.clear();
    Ok(more)
}

fn written(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(n) => n.to_string(),
        DataRef::Float(x) => written_number(*x),
        DataRef::String(s) => s.clone(),
        DataRef::SharedString(s) => (*s).to_owned(),
        DataRef::Bool(b) => b.to_string(),
        DataRef::DateTime(at) if at.is_datetime() => {
            let (y, mo, d, h, mi, s, _) = at.to_ymd_hms_milli();
            if (h, mi, s) == (0, 0, 0) {
                format!("{y:04}-{mo:02}-{d:02}")
            } else {
                format!("{y:04}-{mo:02}-{d:02} {h:02}:{mi:02}:{s:02}")
            }
        }
        DataRef::DateTime(at) => written_number(at.as_f64()),
        DataRef::DateTimeIso(s) | DataRef::DurationIso(s) => s.clone(),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

/// A number that was kept as a float: whole ones are written without a point or an exponent.
pub fn written_number(x: f64) -> String {
    if x.fract() == 0.0 && x.abs() < 1e18 {
        format!("{x:.0}")
    } else {
        x.to_string()
    }
}

/// The columns of a Parquet file, one row a record.
pub(super) fn parquet(path: &Path, file: File) -> Result<Box<dyn Read + Send>> {
    let reader = SerializedFileReader::new(file).map_err(|e| {
        Error::Usage(format!(
            "{}: is no Parquet file that can be read: {e}",
            path.display()
        ))
    })?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let fields = schema.root_schema().get_fields().to_vec();
    let names: Vec<String> = fields.iter().map(|f| f.name().to_owned()).collect();
    let times: Vec<Time> = fields.iter().map(|f| Time::of(f)).collect();
    Ok(made(move |rows| {
        if !rows.put(&names)? {
            return Ok(());
        }
        for row in RowIter::from_file_into(Box::new(reader)) {
            let row = row.map_err(io::Error::other)?;
            let cells: Vec<Vec<u8>> = row
                .get_column_iter()
                .zip(&times)
                .map(|((_, field), time)| field_written(field, *time))
                .collect();
            if !rows.put(&cells)? {
                return Ok(());
            }
        }
        Ok(())
    }))
}

/// What the schema says of a column of times.
#[derive(Clone, Copy)]
struct Time {
    nanos: bool,
    /// Instants; else what a clock on the wall showed. Files without the newer annotation, Spark's among them, hold instants.
    instants: bool,
}

impl Time {
    fn of(field: &parquet::schema::types::Type) -> Time {
        match field.get_basic_info().logical_type_ref() {
            Some(LogicalType::Timestamp(t)) => Time {
                nanos: matches!(t.unit, TimeUnit::NANOS),
                instants: t.is_adjusted_to_u_t_c,
            },
            _ => Time {
                nanos: false,
                instants: true,
            },
        }
    }

    /// Seconds of the Unix epoch as ISO 8601.
    fn write(self, seconds: i64) -> Vec<u8> {
        written_moment(seconds, self.instants).into_bytes()
    }
}

/// Seconds of the Unix epoch as ISO 8601: an instant, or what a clock on the wall showed.
pub fn written_moment(seconds: i64, is_instant: bool) -> String {
    let Ok(at) = jiff::Timestamp::from_second(seconds) else {
        return seconds.to_string();
    };
    let form = if is_instant {
        "%Y-%m-%dT%H:%M:%SZ"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    at.strftime(form).to_string()
}

fn field_written(field: &Field, time: Time) -> Vec<u8> {
    match field {
        Field::Null => Vec::new(),
        Field::Str(s) => s.clone().into_bytes(),
        // Not text after all: the reader behind says so.
        Field::Bytes(bytes) => bytes.data().to_vec(),
        Field::Date(days) => {
            let mut day = time.write(i64::from(*days) * 86_400);
            day.truncate(10);
            day
        }
        Field::Long(n) if time.nanos => time.write(n.div_euclid(1_000_000_000)),
        Field::TimestampMillis(n) => time.write(n.div_euclid(1000)),
        Field::TimestampMicros(n) => time.write(n.div_euclid(1_000_000)),
        Field::Float(x) => written_number(f64::from(*x)).into_bytes(),
        Field::Double(x) => written_number(*x).into_bytes(),
        other => other.to_string().into_bytes(),
    }
}
