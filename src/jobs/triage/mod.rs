//! `xiaobao triage`: inputs to decisions, work lists, handling sheets, rejects, a summary and a manifest.
//! Law: nothing is lost; memory is bounded by a few batches, whatever the input's size.

mod checkpoint;
mod chunk;
mod filter;
mod finish;
mod inputs;
mod manifest;
mod night;
mod report;
mod summary;
mod watch;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::Outcome;
use crate::error::{Error, Result};
use crate::pipeline::{CHUNK_RECORDS, Triage};
use serde::{Deserialize, Serialize};

use crate::source::{Encoding, Limits, SourceOptions};

pub(super) use chunk::Desk;
pub(super) use manifest::{FILE as MANIFEST, Manifest, Rows, chain};
pub use summary::{CascadeCounts, InputReport, Summary};

/// Form of the decisions file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Csv,
    Jsonl,
    /// With types, for pandas, DuckDB and Spark.
    Parquet,
}

impl Format {
    pub(crate) fn file(self) -> &'static str {
        match self {
            Format::Csv => "decisions.csv",
            Format::Jsonl => "decisions.jsonl",
            Format::Parquet => "decisions.parquet",
        }
    }

    /// Where the rows stand while the run is under way.
    fn rows(self) -> &'static str {
        match self {
            Format::Parquet => "decisions.rows",
            _ => self.file(),
        }
    }
}

/// Form of the work lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lists {
    #[default]
    Csv,
    /// Workbooks with filters, a header that stays and dates as dates.
    Xlsx,
}

/// How a run says how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Progress {
    /// A bar, if stderr is a terminal.
    #[default]
    Bar,
    /// One line of JSON a second on stderr.
    Json,
    None,
}

/// `--max-rejects 100` or `0.5%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxRejects {
    Count(u64),
    /// Of the records read, 0 to 1.
    Share(f64),
}

impl MaxRejects {
    /// `judged`: enough records were read to speak of a share.
    fn passed(self, rejected: u64, read: u64, judged: bool) -> bool {
        match self {
            MaxRejects::Count(n) => rejected > n,
            MaxRejects::Share(share) => judged && rejected as f64 > share * read as f64,
        }
    }
}

impl FromStr for MaxRejects {
    type Err = String;

    fn from_str(written: &str) -> std::result::Result<Self, String> {
        let wrong = || "write a number of records, or a share like 0.5%".to_owned();
        match written.trim().strip_suffix('%') {
            Some(share) => match share.trim().parse::<f64>() {
                Ok(p) if (0.0..=100.0).contains(&p) => Ok(MaxRejects::Share(p / 100.0)),
                _ => Err(wrong()),
            },
            None => written
                .trim()
                .parse()
                .map(MaxRejects::Count)
                .map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for MaxRejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MaxRejects::Count(n) => write!(f, "{n}"),
            MaxRejects::Share(share) => write!(f, "{}%", share * 100.0),
        }
    }
}

/// Rows between two checkpoints, if not asked otherwise: some seconds of work.
pub const CHECKPOINT_ROWS: u64 = 200_000;

/// What `triage` was asked to do.
#[derive(Debug, Default)]
pub struct TriageOptions {
    pub inputs: Vec<PathBuf>,
    /// `None`: filter, JSON Lines to standard output.
    pub out: Option<PathBuf>,
    pub format: Format,
    pub lists: Lists,
    pub data: PathBuf,
    pub model: PathBuf,
    /// An encoder bundle for what the fast model leaves below `auto`.
    pub cascade: Option<PathBuf>,
    /// The site's class mix.
    pub prior: Option<PathBuf>,
    pub source: SourceOptions,
    /// Read and decide everything, write nothing.
    pub dry_run: bool,
    /// Replace the results of an earlier run.
    pub force: bool,
    /// Go on with an interrupted run; one that is complete stays as it is.
    pub resume: bool,
    /// Rows between two checkpoints; `None`: `CHECKPOINT_ROWS`.
    pub checkpoint_rows: Option<u64>,
    /// End early when more records are rejected.
    pub max_rejects: Option<MaxRejects>,
    /// What runs share: the chain of their manifests, and the complaints of the nights before.
    pub store: Option<PathBuf>,
    /// The night that the run belongs to; if not named, the latest day of receipt.
    pub night: Option<jiff::civil::Date>,
    pub progress: Progress,
    /// Set from outside: end cleanly at the next batch.
    pub stop: Arc<AtomicBool>,
    /// Say nothing on stderr but errors.
    pub quiet: bool,
}

/// Records of a batch: enough chunks for all threads, little memory; the same for any number of them.
fn batch_records() -> usize {
    64 * CHUNK_RECORDS
}

pub fn run(options: &TriageOptions) -> Result<Outcome> {
    let (cascade, prior) = (options.cascade.as_deref(), options.prior.as_deref());
    let triage = Triage::load_with(&options.data, &options.model, cascade, prior)?;
    run_with(&triage, options)
}

/// As `run`, with tables and bundle already loaded.
pub fn run_with(triage: &Triage, given: &TriageOptions) -> Result<Outcome> {
    let job = &Job {
        given,
        inputs: inputs::expand(&given.inputs)?,
        source: triage.tables.source_options(&given.source)?,
    };
    match &given.out {
        Some(out) => night::to_folder(triage, job, out),
        None if given.dry_run => night::to_folder(triage, job, Path::new("")),
        None if given.resume => Err(Error::Usage(
            "--resume: a filter leaves nothing to go on with: name the folder of the interrupted run with --out"
                .to_owned(),
        )),
        None => filter::to_stdout(triage, job),
    }
}

/// The options with the site's column names in them, and the inputs one by one.
struct Job<'o> {
    given: &'o TriageOptions,
    inputs: Vec<PathBuf>,
    source: SourceOptions,
}

impl Job<'_> {
    /// The options that change what is written.
    fn kept(&self) -> Kept {
        let s = &self.given.source;
        Kept {
            format: self.given.format,
            lists: self.given.lists,
            stored: self.given.store.is_some(),
            encoding: s.encoding,
            delimiter: s.delimiter,
            map: s.map.clone(),
            max_record_bytes: s.limits.max_record_bytes,
        }
    }
}

/// The options that change what is written: a run goes on, and is replayed, with the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub format: Format,
    #[serde(default)]
    pub lists: Lists,
    /// Whether tellings were kept for the store.
    #[serde(default)]
    pub stored: bool,
    pub encoding: Option<Encoding>,
    pub delimiter: Option<u8>,
    pub map: Vec<String>,
    pub max_record_bytes: usize,
}

impl Kept {
    pub fn source_options(&self) -> SourceOptions {
        SourceOptions {
            encoding: self.encoding,
            delimiter: self.delimiter,
            map: self.map.clone(),
            limits: Limits {
                max_record_bytes: self.max_record_bytes,
            },
            ..SourceOptions::default()
        }
    }
}
