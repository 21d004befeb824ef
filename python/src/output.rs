//! Tickets and rejects in, Arrow columns out: the typed columns of `decisions.parquet`, why a row was rejected, and lineage.
//! Law: one row out for each row in, in order; every row says which bundle, tables and version it came from.

use std::sync::Arc;

use arrow_array::builder::{
    Date32Builder, Float64Builder, Int64Builder, ListBuilder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use xiaobao::complaint::Rejected;
use xiaobao::pipeline::{Triage, VERSION};
use xiaobao::sink::{
    Cells, Kind, Names, carried_name, day_of, decision_columns, millis_of, prob_of,
};
use xiaobao::ticket::Ticket;
use xiaobao::twins;

/// Columns beside those of the decisions file; `bundle` is one of its own.
pub const REJECT_COLUMNS: [&str; 3] = ["reject_code", "reject_column", "reject_what"];
pub const LINEAGE_COLUMNS: [&str; 2] = ["tables", "pipeline"];
/// On request: what texts are compared by where there are too many to compare them two by two.
pub const MINHASH: &str = "minhash";
/// Its places; chosen: shares are then known to about 0.06.
const N_PLACES: usize = 64;

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::Utf8,
        Kind::Prob => DataType::Float64,
        Kind::Day => DataType::Date32,
        Kind::From | Kind::By => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

/// Our columns, then the carried ones; a carried column with one of our names gets `input.` before it.
pub fn schema<'f>(
    carried: impl Iterator<Item = &'f FieldRef>,
    minhash: bool,
) -> Result<SchemaRef, String> {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let mut fields: Vec<FieldRef> = decision_columns()
        .map(|(name, kind)| Arc::new(Field::new(name, data_type(kind), true)))
        .collect();
    let beside = REJECT_COLUMNS.into_iter().chain(LINEAGE_COLUMNS);
    fields.extend(beside.clone().map(|name| Arc::new(text(name))));
    if minhash {
        let item = Field::new_list_field(DataType::Int64, true);
        fields.push(Arc::new(Field::new_list(MINHASH, item, true)));
    }
    for field in carried {
        let mut name = carried_name(field.name());
        if beside.clone().any(|ours| ours == name) || name == MINHASH {
            name = format!("input.{name}");
        }
        if fields.iter().any(|f| *f.name() == name) {
            return Err(name);
        }
        fields.push(Arc::new(field.as_ref().clone().with_name(name)));
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// The same for every row of one job.
pub struct Lineage<'t> {
    pub names: Names<'t>,
    pub bundle: String,
    /// First twelve hex digits of the SHA-256 over the tables, as a bundle is named.
    pub tables: String,
}

impl<'t> Lineage<'t> {
    pub fn of(triage: &'t Triage) -> Lineage<'t> {
        Lineage {
            names: triage.names(),
            bundle: triage.bundle_ids(),
            tables: triage.tables.sha256[..12].to_owned(),
        }
    }
}

enum Builder {
    Text(StringBuilder),
    Prob(Float64Builder),
    Day(Date32Builder),
    Moment(TimestampMicrosecondBuilder, Kind),
}

impl Builder {
    fn of(kind: Kind, n_rows: usize) -> Builder {
        match kind {
            Kind::Text => Builder::Text(StringBuilder::with_capacity(n_rows, n_rows * 16)),
            Kind::Prob => Builder::Prob(Float64Builder::with_capacity(n_rows)),
            Kind::Day => Builder::Day(Date32Builder::with_capacity(n_rows)),
            Kind::From | Kind::By => {
                Builder::Moment(TimestampMicrosecondBuilder::with_capacity(n_rows), kind)
            }
        }
    }

    fn put(&mut self, cell: &str) {
        match self {
            Builder::Text(b) if cell.is_empty() => b.append_null(),
            Builder::Text(b) => b.append_value(cell),
            Builder::Prob(b) => b.append_option(prob_of(cell)),
            Builder::Day(b) => b.append_option(day_of(cell)),
            Builder::Moment(b, kind) => b.append_option(millis_of(cell, *kind).map(|m| m * 1000)),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Builder::Text(b) => Arc::new(b.finish()),
            Builder::Prob(b) => Arc::new(b.finish()),
            Builder::Day(b) => Arc::new(b.finish()),
            Builder::Moment(b, _) => Arc::new(b.finish()),
        }
    }
}

/// The columns of one piece of a table under way.
pub struct Rows<'l, 't> {
    lineage: &'l Lineage<'t>,
    builders: Vec<(&'static str, Builder)>,
    rejects: [StringBuilder; 3],
    minhash: Option<ListBuilder<Int64Builder>>,
    cells: Cells,
    n_rows: usize,
}

impl<'l, 't> Rows<'l, 't> {
    pub fn new(lineage: &'l Lineage<'t>, n_rows: usize, minhash: bool) -> Rows<'l, 't> {
        Rows {
            lineage,
            builders: decision_columns()
                .map(|(name, kind)| (name, Builder::of(kind, n_rows)))
                .collect(),
            rejects: std::array::from_fn(|_| StringBuilder::new()),
            minhash: minhash.then(|| ListBuilder::new(Int64Builder::new())),
            cells: Cells::new(),
            n_rows: 0,
        }
    }

    pub fn decided(&mut self, ticket: &Ticket<'_>) {
        self.n_rows += 1;
        self.cells.read(ticket, self.lineage.names);
        for ((_, builder), cell) in self.builders.iter_mut().zip(self.cells.values()) {
            builder.put(cell);
        }
        self.rejects.iter_mut().for_each(StringBuilder::append_null);
        if let Some(minhash) = &mut self.minhash {
            let places = twins::minhash(ticket.clean.text(), N_PLACES);
            // The same bits: engines have no unsigned numbers.
            minhash.append_value(places.into_iter().map(|p| Some(p.cast_signed())));
        }
    }

    pub fn rejected(&mut self, rejected: &Rejected, id: &str) {
        self.n_rows += 1;
        for (name, builder) in &mut self.builders {
            builder.put(match *name {
                "id" => id,
                "bundle" => &self.lineage.bundle,
                _ => "",
            });
        }
        let [code, column, what] = &mut self.rejects;
        code.append_value(rejected.code.code());
        column.append_option(rejected.column.as_deref());
        what.append_value(&rejected.what);
        self.minhash.iter_mut().for_each(ListBuilder::append_null);
    }

    pub fn finish(
        mut self,
        schema: &SchemaRef,
        carried: impl Iterator<Item = ArrayRef>,
    ) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<ArrayRef> =
            self.builders.iter_mut().map(|(_, b)| b.finish()).collect();
        columns.extend(
            self.rejects
                .iter_mut()
                .map(|b| Arc::new(b.finish()) as ArrayRef),
        );
        for value in [&*self.lineage.tables, VERSION] {
            let mut same = StringBuilder::with_capacity(self.n_rows, self.n_rows * value.len());
            (0..self.n_rows).for_each(|_| same.append_value(value));
            columns.push(Arc::new(same.finish()));
        }
        columns.extend(
            self.minhash
                .iter_mut()
                .map(|b| Arc::new(b.finish()) as ArrayRef),
        );
        columns.extend(carried);
        RecordBatch::try_new(schema.clone(), columns)
    }
}
