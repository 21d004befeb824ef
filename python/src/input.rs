//! Arrow columns in, records out: which column plays which role, and the cells of a row as bytes.
//! Law: text is read where it lies and copied once, into the complaint; a string that is no UTF-8 costs its row only.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BinaryArray, LargeBinaryArray, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};
use pyo3::PyResult;
use xiaobao::complaint::Position;
use xiaobao::source::{
    ColumnNames, Header, Record, Role, RowCells, SourceOptions, written_moment, written_number,
};
use xiaobao::taxonomy::Taxonomy;

use crate::errors;

/// What the table is called where a name is needed.
const TABLE: &str = "table";

/// The columns of a table that are read, and those that are carried.
pub struct Columns {
    header: Header,
    names: Vec<String>,
}

impl Columns {
    /// `given`: role and column as the caller named them; the rest go by their names.
    pub fn find(
        schema: &Schema,
        known: &ColumnNames,
        given: &[(String, String)],
    ) -> PyResult<Columns> {
        let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        let mut known = known.clone();
        for (role, column) in given {
            let Some(role) = Role::ALL.into_iter().find(|r| r.name() == role) else {
                return Err(errors::usage(&format!("`{role}` is no role of a column")));
            };
            if !names.contains(column) {
                let message = format!(
                    "{}=`{column}`: the table has no such column; it has {}",
                    role.name(),
                    listed(&names)
                );
                return Err(errors::column(&message, column));
            }
            known.assign(column, role);
        }
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                return Err(errors::column(
                    &format!("two columns are called `{name}`: rename one"),
                    name,
                ));
            }
        }
        for role in Role::ALL {
            let found: Vec<&String> = names
                .iter()
                .filter(|n| known.role(n) == Some(role))
                .collect();
            if role == Role::Text && found.is_empty() {
                let message = format!(
                    "no column is known as the complaint text: name it with text=…, or call it 投诉内容; the table has {}",
                    listed(&names)
                );
                return Err(errors::column(&message, role.name()));
            }
            let is_carried = matches!(role, Role::Complainant | Role::Institution);
            if let ([first, second, ..], false) = (found.as_slice(), is_carried) {
                let message = format!(
                    "`{first}` and `{second}` can both be read as {0}: choose one with {0}=…",
                    role.name()
                );
                return Err(errors::column(&message, second));
            }
        }
        let header = Header::of_table(&names, &known, TABLE).map_err(errors::of_error)?;
        let columns = Columns { header, names };
        for role in Role::ALL {
            columns.check(schema, role)?;
        }
        Ok(columns)
    }

    /// Places of the carried columns.
    pub fn carried(&self) -> &[usize] {
        self.header.carried()
    }

    /// By role, the column that plays it.
    pub fn roles(&self) -> BTreeMap<&'static str, String> {
        let place = |role: Role| Some((role.name(), self.names[self.header.place(role)?].clone()));
        Role::ALL.into_iter().filter_map(place).collect()
    }

    fn check(&self, schema: &Schema, role: Role) -> PyResult<()> {
        let Some(place) = self.header.place(role) else {
            return Ok(());
        };
        let kind = schema.field(place).data_type();
        if form(kind, role).is_some() {
            return Ok(());
        }
        let wanted = match role {
            Role::Text | Role::Events => "a string, or bytes",
            Role::ReceivedAt => "a string, a date or a timestamp",
            _ => "a string or a number",
        };
        let name = &self.names[place];
        let message = format!(
            "column `{name}`, read as {}: is {kind}, should be {wanted}",
            role.name()
        );
        Err(errors::column_type(&message, name))
    }

    /// The cells of one batch, which has the columns' schema.
    pub fn cells(&self, batch: &RecordBatch) -> Result<Cells, ArrowError> {
        let mut columns = Vec::new();
        for role in Role::ALL {
            if let Some(place) = self.header.place(role) {
                columns.push((role, Column::of(batch.column(place), role)?));
            }
        }
        Ok(Cells {
            columns,
            file: Arc::from(TABLE),
        })
    }
}

/// At most twenty names of columns.
fn listed(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(20).map(String::as_str).collect();
    let more = if names.len() > shown.len() {
        " …"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}

/// The columns of one batch that are read.
pub struct Cells {
    columns: Vec<(Role, Column)>,
    file: Arc<str>,
}

impl Cells {
    /// Row `at` of the batch, which is `row` of the table, from 1.
    pub fn record(
        &self,
        at: usize,
        row: u64,
        taxonomy: &Taxonomy,
        options: &SourceOptions,
    ) -> Record {
        let mut cells = RowCells::default();
        for (role, column) in &self.columns {
            if let Some(cell) = column.cell(at) {
                cells.put(*role, cell);
            }
        }
        let position = Position {
            file: self.file.clone(),
            row,
            line: row,
            byte: 0,
        };
        cells.into_record(position, taxonomy, options)
    }

    /// The id as it stands in the table, for a row that was rejected.
    pub fn id(&self, at: usize) -> Option<String> {
        let (_, column) = self.columns.iter().find(|(role, _)| *role == Role::Id)?;
        let cell = column.cell(at)?;
        let id = std::str::from_utf8(&cell).ok()?.trim();
        (!id.is_empty()).then(|| id.to_owned())
    }
}

/// A column of one batch, in one of the forms that a cell can be written from.
enum Column {
    Nothing,
    Bytes(BinaryArray),
    LargeBytes(LargeBinaryArray),
    Views(arrow_array::BinaryViewArray),
    Floats(arrow_array::Float64Array),
    Days(arrow_array::Date32Array),
    /// Ticks since 1970, so many a second; instants, or by the clock on the wall.
    Ticks(arrow_array::Int64Array, i64, bool),
}

/// What a column of this type is turned into before it is read: itself, or a type that it is cast to.
fn form(kind: &DataType, role: Role) -> Option<DataType> {
    use DataType::*;
    let is_name = !matches!(role, Role::Text | Role::Events | Role::ReceivedAt);
    match kind {
        Null | Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => {
            Some(kind.clone())
        }
        Dictionary(_, values) => form(values, role),
        Date32 | Date64 if role == Role::ReceivedAt => Some(Date32),
        Timestamp(..) if role == Role::ReceivedAt => Some(Int64),
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 if is_name => Some(Utf8),
        Float16 | Float32 | Float64 if is_name => Some(Float64),
        _ => None,
    }
}

impl Column {
    fn of(array: &ArrayRef, role: Role) -> Result<Column, ArrowError> {
        let kind = array.data_type();
        let Some(form) = form(kind, role) else {
            return Err(ArrowError::SchemaError(format!(
                "a batch has another type: {kind}"
            )));
        };
        if let DataType::Timestamp(unit, zone) = kind {
            let per_second = match unit {
                TimeUnit::Second => 1,
                TimeUnit::Millisecond => 1_000,
                TimeUnit::Microsecond => 1_000_000,
                TimeUnit::Nanosecond => 1_000_000_000,
            };
            let ticks = cast(array, &DataType::Int64)?;
            return Ok(Column::Ticks(
                ticks.as_primitive::<Int64Type>().clone(),
                per_second,
                zone.is_some(),
            ));
        }
        let array = if form == *kind {
            array.clone()
        } else {
            cast(array, &form)?
        };
        Ok(match form {
            DataType::Utf8 => Column::Bytes(array.as_string::<i32>().clone().into()),
            DataType::LargeUtf8 => Column::LargeBytes(array.as_string::<i64>().clone().into()),
            DataType::Utf8View => Column::Views(array.as_string_view().clone().to_binary_view()),
            DataType::Binary => Column::Bytes(array.as_binary::<i32>().clone()),
            DataType::LargeBinary => Column::LargeBytes(array.as_binary::<i64>().clone()),
            DataType::BinaryView => Column::Views(array.as_binary_view().clone()),
            DataType::Float64 => Column::Floats(array.as_primitive::<Float64Type>().clone()),
            DataType::Date32 => Column::Days(array.as_primitive::<Date32Type>().clone()),
            _ => Column::Nothing,
        })
    }

    fn cell(&self, at: usize) -> Option<Cow<'_, [u8]>> {
        let borrowed = |bytes| Some(Cow::Borrowed(bytes));
        let owned = |text: String| Some(Cow::Owned(text.into_bytes()));
        match self {
            Column::Bytes(a) if a.is_valid(at) => borrowed(a.value(at)),
            Column::LargeBytes(a) if a.is_valid(at) => borrowed(a.value(at)),
            Column::Views(a) if a.is_valid(at) => borrowed(a.value(at)),
            Column::Floats(a) if a.is_valid(at) && !a.value(at).is_nan() => {
                owned(written_number(a.value(at)))
            }
            Column::Days(a) if a.is_valid(at) => {
                let mut day = written_moment(i64::from(a.value(at)) * 86_400, false);
                day.truncate(10);
                owned(day)
            }
            Column::Ticks(a, per_second, is_instant) if a.is_valid(at) => owned(written_moment(
                a.value(at).div_euclid(*per_second),
                *is_instant,
            )),
            _ => None,
        }
    }
}
