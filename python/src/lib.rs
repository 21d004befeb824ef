//! `xiaobao._native`: the pipeline of the library for Python; `python/xiaobao/` gives it its shape there.
//! Laws: what decides is the road of the command, from `source` to `sink`; nothing prints; work is done without the GIL.

mod batch;
mod errors;
mod input;
mod learn;
mod one;
mod output;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3_arrow::input::AnyRecordBatch;
use rayon::{ThreadPool, ThreadPoolBuilder};
use xiaobao::pipeline::{Triage, VERSION};
use xiaobao::source::{Encoding, Limits, SourceOptions};

use batch::Decisions;
use learn::{evaluate, train};

/// Tables, bundle and threads: everything that decides.
#[pyclass(frozen, module = "xiaobao._native")]
struct Engine {
    triage: Triage,
    n_threads: usize,
    /// With the process that made it: threads do not live on in a forked one.
    pool: Mutex<Option<(u32, Arc<ThreadPool>)>>,
}

impl Engine {
    fn pool(&self) -> PyResult<Arc<ThreadPool>> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if let Some((owner, pool)) = &*pool
            && *owner == process
        {
            return Ok(pool.clone());
        }
        let made = ThreadPoolBuilder::new()
            .num_threads(self.n_threads)
            .thread_name(|i| format!("xiaobao-{i}"))
            .build()
            .map_err(|e| errors::usage(&format!("threads={}: {e}", self.n_threads)))?;
        let made = Arc::new(made);
        // Another process's pool is not dropped: its threads are not here to be joined.
        if let Some((_, theirs)) = pool.replace((process, made.clone())) {
            std::mem::forget(theirs);
        }
        Ok(made)
    }

    /// How the cells of a row are read.
    fn source_options(
        &self,
        encoding: Option<&str>,
        max_record_bytes: Option<usize>,
    ) -> PyResult<SourceOptions> {
        let mut given = SourceOptions {
            encoding: encoding.map(encoding_of).transpose()?,
            ..SourceOptions::default()
        };
        if let Some(max_record_bytes) = max_record_bytes {
            given.limits = Limits { max_record_bytes };
        }
        self.triage
            .tables
            .source_options(&given)
            .map_err(errors::of_error)
    }
}

/// An encoding of cells that are bytes.
fn encoding_of(name: &str) -> PyResult<Encoding> {
    match name.to_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" => Ok(Encoding::Utf8),
        "gb18030" | "gbk" | "gb2312" => Ok(Encoding::Gb18030),
        _ => Err(errors::usage(&format!(
            "encoding=`{name}` is not known: use utf-8 or gb18030 (gbk, gb2312)"
        ))),
    }
}

#[pymethods]
impl Engine {
    #[new]
    fn new(
        py: Python<'_>,
        data: PathBuf,
        model: PathBuf,
        cascade: Option<PathBuf>,
        prior: Option<PathBuf>,
        threads: usize,
    ) -> PyResult<Engine> {
        let triage = py
            .detach(|| Triage::load_with(&data, &model, cascade.as_deref(), prior.as_deref()))
            .map_err(errors::of_error)?;
        Ok(Engine {
            triage,
            n_threads: threads,
            pool: Mutex::new(None),
        })
    }

    /// Id of the bundle, and of the encoder behind it.
    #[getter]
    fn bundle(&self) -> String {
        self.triage.bundle_ids()
    }

    /// SHA-256 over the tables, hex.
    #[getter]
    fn tables(&self) -> &str {
        &self.triage.tables.sha256
    }

    #[getter]
    fn threads(&self) -> PyResult<usize> {
        Ok(self.pool()?.current_num_threads())
    }

    /// The line of `triage -` for one complaint; roles and cells as they would stand in a row.
    fn decide(&self, py: Python<'_>, cells: Vec<(String, String)>) -> PyResult<String> {
        self.decide_one(py, cells)
    }

    /// The pair of the decision and what stands beside it: the sheet, and the words for and against.
    fn explain(&self, py: Python<'_>, cells: Vec<(String, String)>) -> PyResult<String> {
        self.explain_one(py, cells)
    }

    /// By role, the column that plays it; `columns` are roles and columns that the caller named.
    fn roles(
        &self,
        table: AnyRecordBatch,
        columns: Vec<(String, String)>,
    ) -> PyResult<BTreeMap<&'static str, String>> {
        self.roles_of(&table, &columns)
    }

    /// Decides every row of a table.
    #[expect(clippy::too_many_arguments, reason = "keywords of the Python method")]
    fn decide_batch(
        &self,
        py: Python<'_>,
        table: AnyRecordBatch,
        columns: Vec<(String, String)>,
        encoding: Option<&str>,
        max_record_bytes: Option<usize>,
        strict: bool,
        minhash: bool,
    ) -> PyResult<Decisions> {
        let options = self.source_options(encoding, max_record_bytes)?;
        self.decide_table(py, table, &columns, &options, strict, minhash)
    }

    fn taxonomy(&self) -> String {
        one::taxonomy(&self.triage.tables.taxonomy).to_string()
    }
}

#[pymodule]
mod _native {
    use super::*;

    #[pymodule_export]
    use super::Decisions;
    #[pymodule_export]
    use super::Engine;
    #[pymodule_export]
    use super::{evaluate, train};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("VERSION", VERSION)
    }
}
