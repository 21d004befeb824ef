//! Tables over the Arrow PyCapsule interface: `decide_batch`, and what it gives.
//! Laws: rows out = rows in, in order; the same rows for any number of threads; no text is copied twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StructArray};
use arrow_schema::{ArrowError, Field, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::{ArrayIterator, to_schema_pycapsule, to_stream_pycapsule};
use pyo3_arrow::input::AnyRecordBatch;
use rayon::prelude::*;
use xiaobao::complaint::Rejected;
use xiaobao::error::Error;
use xiaobao::pipeline::{CHUNK_RECORDS, Triage, Workspace};
use xiaobao::source::{Record, SourceOptions};

use crate::input::{Cells, Columns};
use crate::output::{Lineage, Rows, schema};
use crate::{Engine, errors};

/// Rows of one batch that comes out: few enough that a column of the longest records stays below two gigabytes.
const PIECE_ROWS: usize = 1024;
/// Pieces that a batch is cut into at most, while they hold more rows than this.
const PIECES: usize = 64;
const LEAST_ROWS: usize = 256;

/// What its engine says might show a cell.
const UNREADABLE: &str =
    "the table cannot be read to its end: run what makes it by itself to see why";

/// The decisions of a table: one row for each of its rows; an Arrow stream.
#[pyclass(frozen, module = "xiaobao._native")]
pub struct Decisions {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    n_rows: usize,
    rejects: BTreeMap<&'static str, u64>,
}

#[pymethods]
impl Decisions {
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, self.schema.as_ref())?)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let row = Arc::new(Field::new_struct("", self.schema.fields().clone(), false));
        let batches = self.batches.clone().into_iter();
        let arrays = batches.map(|b| Ok::<ArrayRef, ArrowError>(Arc::new(StructArray::from(b))));
        let arrays = Box::new(ArrayIterator::new(arrays, row));
        Ok(to_stream_pycapsule(py, arrays, requested_schema)?)
    }

    fn __len__(&self) -> usize {
        self.n_rows
    }

    /// Names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.schema
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect()
    }

    #[getter]
    fn decided(&self) -> u64 {
        self.n_rows as u64 - self.rejected()
    }

    #[getter]
    fn rejected(&self) -> u64 {
        self.rejects.values().sum()
    }

    fn __repr__(&self) -> String {
        let (n, rejected) = (self.n_rows, self.rejected());
        format!(
            "Decisions({n} rows, {rejected} rejected, {} columns)",
            self.schema.fields().len()
        )
    }

    /// As a `pyarrow.Table`, without a copy.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("pyarrow")?.call_method1("table", (slf,))
    }

    /// As a `pandas.DataFrame`; needs pyarrow.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Decisions::to_pyarrow(slf)?.call_method0("to_pandas")
    }

    /// As a `polars.DataFrame`.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("polars")?.call_method1("DataFrame", (slf,))
    }

    /// How many rows were rejected, by code.
    #[getter]
    fn rejects(&self) -> BTreeMap<&'static str, u64> {
        self.rejects.clone()
    }
}

impl Engine {
    /// By role, the column that plays it in a table of these columns.
    pub fn roles_of(
        &self,
        table: &AnyRecordBatch,
        columns: &[(String, String)],
    ) -> PyResult<BTreeMap<&'static str, String>> {
        let options = self.source_options(None, None)?;
        let schema = table.schema()?;
        Ok(Columns::find(&schema, &options.columns, columns)?.roles())
    }

    /// Decides every row of a table; `columns` are roles and the columns that play them.
    pub fn decide_table(
        &self,
        py: Python<'_>,
        table: AnyRecordBatch,
        columns: &[(String, String)],
        options: &SourceOptions,
        strict: bool,
        minhash: bool,
    ) -> PyResult<Decisions> {
        let mut reader = table.into_reader()?;
        let read = reader.schema();
        let columns = Columns::find(&read, &options.columns, columns)?;
        let carried = columns.carried().iter().map(|at| &read.fields()[*at]);
        let schema = schema(carried, minhash).map_err(|name| {
            let message = format!("the table carries `{name}` twice beside our own: rename one");
            errors::column(&message, &name)
        })?;
        let pool = self.pool()?;
        let desk = Desk {
            triage: &self.triage,
            lineage: Lineage::of(&self.triage),
            columns: &columns,
            options,
            schema: &schema,
            strict,
            minhash,
        };
        let mut out = Decisions {
            schema: schema.clone(),
            batches: Vec::new(),
            n_rows: 0,
            rejects: BTreeMap::new(),
        };
        while let Some(batch) = py.detach(|| reader.next()) {
            let batch = batch.map_err(|_| errors::usage(UNREADABLE))?;
            let before = out.n_rows as u64;
            for (decided, rejects) in py.detach(|| pool.install(|| desk.decide(&batch, before)))? {
                out.batches.push(decided);
                for (code, n) in rejects {
                    *out.rejects.entry(code).or_default() += n;
                }
            }
            out.n_rows += batch.num_rows();
            py.check_signals()?;
        }
        Ok(out)
    }
}

/// Why a table cannot be decided.
enum Stop {
    Failed(Error),
    Arrow(ArrowError),
    /// With `strict`: the first row that cannot be.
    Rejected(Rejected),
}

impl From<Stop> for PyErr {
    fn from(stop: Stop) -> PyErr {
        match stop {
            Stop::Failed(e) => errors::of_error(e),
            Stop::Arrow(e) => errors::usage(&format!("the table cannot be read: {e}")),
            Stop::Rejected(rejected) => errors::rejected(&rejected),
        }
    }
}

type Piece = (RecordBatch, BTreeMap<&'static str, u64>);

struct Desk<'t> {
    triage: &'t Triage,
    lineage: Lineage<'t>,
    columns: &'t Columns,
    options: &'t SourceOptions,
    schema: &'t SchemaRef,
    strict: bool,
    minhash: bool,
}

impl Desk<'_> {
    /// Decides a batch piece by piece; `before` rows of the table came before it.
    fn decide(&self, batch: &RecordBatch, before: u64) -> Result<Vec<Piece>, Stop> {
        let cells = self.columns.cells(batch).map_err(Stop::Arrow)?;
        let n_rows = batch.num_rows();
        // By the number of rows alone: the pieces, too, are the same for any number of threads.
        let size = (n_rows / PIECES).clamp(LEAST_ROWS, PIECE_ROWS);
        let starts: Vec<usize> = (0..n_rows).step_by(size).collect();
        let pieces: Vec<Result<Piece, Stop>> = starts
            .into_par_iter()
            .map_init(Workspace::default, |work, start| {
                let end = (start + size).min(n_rows);
                self.piece(batch, &cells, start..end, before, work)
            })
            .collect();
        // The first fault by row, whichever was met first.
        pieces.into_iter().collect()
    }

    fn piece(
        &self,
        batch: &RecordBatch,
        cells: &Cells,
        range: std::ops::Range<usize>,
        before: u64,
        work: &mut Workspace,
    ) -> Result<Piece, Stop> {
        let taxonomy = &self.triage.tables.taxonomy;
        let mut rows = Rows::new(&self.lineage, range.len(), self.minhash);
        let mut rejects: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut start = range.start;
        while start < range.end {
            let end = (start + CHUNK_RECORDS).min(range.end);
            let record =
                |at: usize| cells.record(at, before + at as u64 + 1, taxonomy, self.options);
            let records: Vec<Record> = (start..end).map(record).collect();
            if let (true, Some(rejected)) =
                (self.strict, records.iter().find_map(|r| r.as_ref().err()))
            {
                return Err(Stop::Rejected(rejected.clone()));
            }
            let mut at = start;
            let decided = self.triage.each(&records, work, |decided| {
                match decided {
                    Ok(ticket) => rows.decided(&ticket),
                    Err(rejected) => {
                        *rejects.entry(rejected.code.code()).or_default() += 1;
                        let row = rejected.position.row;
                        let id = cells.id(at).unwrap_or_else(|| format!("row{row}"));
                        rows.rejected(rejected, &id);
                    }
                }
                at += 1;
                Ok(())
            });
            decided.map_err(Stop::Failed)?;
            start = end;
        }
        let carried = self.columns.carried().iter();
        let carried = carried.map(|at| batch.column(*at).slice(range.start, range.len()));
        let made = rows.finish(self.schema, carried).map_err(Stop::Arrow)?;
        Ok((made, rejects))
    }
}
