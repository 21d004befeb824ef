//! Rows of cells to a Parquet file with types: `decisions.parquet`.
//! Law: memory is one row group; a cell that is no date or number of its column's type is null, never a guess.

use std::io::{Read, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::table::{Kind, kind_of};
use crate::clock::{Moment, parse_moment};
use crate::error::{Error, Result};

/// Rows of a row group: chosen, some tens of megabytes.
const GROUP_ROWS: usize = 20_000;

/// Writes the CSV rows of `rows`, header first, as Parquet.
pub fn to_parquet(rows: impl Read, out: impl Write + Send) -> Result<()> {
    let mut rows = csv::ReaderBuilder::new().from_reader(rows);
    let names: Vec<String> = rows
        .headers()
        .map_err(failed)?
        .iter()
        .map(str::to_owned)
        .collect();
    let kinds: Vec<Kind> = names.iter().map(|n| kind_of(n)).collect();
    let fields = names.iter().zip(&kinds).map(|(name, kind)| {
        let (physical, logical) = match kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Prob => (Physical::DOUBLE, None),
            Kind::Day => (Physical::INT32, Some(LogicalType::Date)),
            Kind::From | Kind::By => (
                Physical::INT64,
                Some(LogicalType::timestamp(false, TimeUnit::MILLIS)),
            ),
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
            .map(Arc::new)
    });
    let fields = fields
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(broken)?;
    let schema = Type::group_type_builder("decision")
        .with_fields(fields)
        .build()
        .map_err(broken)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("xiaobao ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut writer =
        SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(broken)?;
    let mut group: Vec<csv::StringRecord> = Vec::new();
    let mut records = rows.records();
    loop {
        let record = records.next().transpose().map_err(failed)?;
        let ended = record.is_none();
        group.extend(record);
        if group.len() == GROUP_ROWS || (ended && !group.is_empty()) {
            write_group(&mut writer, &kinds, &group).map_err(broken)?;
            group.clear();
        }
        if ended {
            break;
        }
    }
    writer.close().map_err(broken)?;
    Ok(())
}

fn write_group<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    kinds: &[Kind],
    rows: &[csv::StringRecord],
) -> std::result::Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for (i, kind) in kinds.iter().enumerate() {
        let Some(mut column) = group.next_column()? else {
            break;
        };
        let cells = rows.iter().map(|r| r.get(i).unwrap_or_default());
        match column.untyped() {
            ColumnWriter::ByteArrayColumnWriter(_) => {
                let (values, levels) = split(cells.map(|c| (!c.is_empty()).then(|| c.into())));
                let values: Vec<ByteArray> = values;
                let typed = column.typed::<ByteArrayType>();
                typed.write_batch(&values, Some(&levels), None)?;
            }
            ColumnWriter::DoubleColumnWriter(_) => {
                let (values, levels) = split(cells.map(prob_of));
                let typed = column.typed::<DoubleType>();
                typed.write_batch(&values, Some(&levels), None)?;
            }
            ColumnWriter::Int32ColumnWriter(_) => {
                let (values, levels) = split(cells.map(day_of));
                let typed = column.typed::<Int32Type>();
                typed.write_batch(&values, Some(&levels), None)?;
            }
            _ => {
                let (values, levels) = split(cells.map(|c| millis_of(c, *kind)));
                let typed = column.typed::<Int64Type>();
                typed.write_batch(&values, Some(&levels), None)?;
            }
        }
        column.close()?;
    }
    group.close()?;
    Ok(())
}

/// Values that are there, and 1 or 0 for each cell.
fn split<T>(cells: impl Iterator<Item = Option<T>>) -> (Vec<T>, Vec<i16>) {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for cell in cells {
        levels.push(i16::from(cell.is_some()));
        values.extend(cell);
    }
    (values, levels)
}

/// The number of a cell of `Kind::Prob`.
pub fn prob_of(cell: &str) -> Option<f64> {
    cell.parse().ok()
}

/// The date of a cell of `Kind::Day`, in days of the Unix epoch.
pub fn day_of(cell: &str) -> Option<i32> {
    day(&moment(cell)?)
}

/// The moment of a cell of `Kind::From` or `Kind::By`, in milliseconds of the Unix epoch by the clock on the wall.
pub fn millis_of(cell: &str, kind: Kind) -> Option<i64> {
    millis(&moment(cell)?, kind)
}

/// The date of a cell, without the mark of a provisional one.
pub(super) fn moment(cell: &str) -> Option<Moment> {
    parse_moment(cell.trim_end_matches("（暂定）"))
}

/// Days of the Unix epoch.
fn day(moment: &Moment) -> Option<i32> {
    let epoch = jiff::civil::date(1970, 1, 1);
    let days = moment.date().since((jiff::Unit::Day, epoch)).ok()?;
    Some(days.get_days())
}

/// Milliseconds of the Unix epoch, by the clock on the wall; a deadline without a time ends with its day.
fn millis(moment: &Moment, kind: Kind) -> Option<i64> {
    let at = match kind {
        Kind::By => moment.end(),
        _ => moment.start(),
    };
    let day = i64::from(day(moment)?);
    let second = at.time().since(jiff::civil::Time::midnight()).ok()?;
    Some(day * 86_400_000 + second.total(jiff::Unit::Second).ok()? as i64 * 1000)
}

fn failed(e: csv::Error) -> Error {
    Error::Failed(format!("the rows written so far cannot be read back: {e}"))
}

fn broken(e: ParquetError) -> Error {
    Error::Failed(format!("the Parquet file cannot be written: {e}"))
}
