//! The options of the analyst's verbs `check` and `evaluate`, and how files of labelled rows are read.

use std::path::PathBuf;

use clap::Args;

use super::{PlaceArgs, SourceArgs, TierArgs};
use crate::error::{Error, Result};
use crate::jobs::check::CheckOptions;
use crate::jobs::evaluate::EvaluateOptions;
use crate::jobs::{HeadColumn, Split};
use crate::source::{SourceOptions, plain_columns};

/// How files of labelled rows are read.
#[derive(Debug, Args)]
pub(super) struct LabelledArgs {
    /// Columns of tab-separated lines without header, instead of finding them out: text, label, a head's name, `_` for one
    /// that is not read
    #[arg(long, value_name = "COLUMNS")]
    columns: Option<String>,
    #[command(flatten)]
    source: SourceArgs,
}

impl LabelledArgs {
    pub(super) fn options(self) -> Result<SourceOptions> {
        let plain = self.columns.as_deref().map(plain_columns).transpose();
        Ok(SourceOptions {
            plain: plain.map_err(|e| Error::Usage(format!("--columns: {e}")))?,
            ..self.source.options()
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Labelled files, or folders of them: labels, doubles, shifted columns, damaged texts, personal data, counts
    inputs: Vec<PathBuf>,
    /// Label column to look at, COLUMN or COLUMN=HEAD; without it those of our heads that the files have
    #[arg(long, value_name = "COLUMN[=HEAD]", requires = "inputs")]
    head: Vec<HeadColumn>,
    /// End with exit code 1 if labelled files have findings
    #[arg(long)]
    deny_warnings: bool,
    /// A class with fewer rows is told as too thin
    #[arg(long, value_name = "N", default_value_t = 20)]
    least_per_class: usize,
    /// Also write the findings as JSON
    #[arg(long, value_name = "FILE", requires = "inputs")]
    json: Option<PathBuf>,
    /// Write a cleaned copy as CSV, and the list of its changes beside it as FILE.changes.csv
    #[arg(long, value_name = "FILE.csv", requires = "inputs")]
    fix: Option<PathBuf>,
    /// Overwrite the files of --json and --fix
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    source: LabelledArgs,
}

impl CheckArgs {
    pub(super) fn options(self) -> Result<CheckOptions> {
        Ok(CheckOptions {
            data: self.place.data,
            model: self.place.model,
            inputs: self.inputs,
            source: self.source.options()?,
            heads: self.head,
            deny_warnings: self.deny_warnings,
            least_per_class: self.least_per_class,
            json: self.json,
            fix: self.fix,
            force: self.force,
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct EvaluateArgs {
    /// Labelled files, or folders of them
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Label column to score, COLUMN or COLUMN=HEAD
    #[arg(long, value_name = "COLUMN[=HEAD]")]
    head: Vec<HeadColumn>,
    /// Only the rows of one split of voices.toml
    #[arg(long, value_enum)]
    split: Option<Split>,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the rows with a wrong label, masked, as CSV
    #[arg(long, value_name = "FILE")]
    bad_cases: Option<PathBuf>,
    /// Write the figures as one page for the browser: intervals, confusions, curves, worst mistakes (masked)
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Learn anew from ever larger shares of these labelled files, and show what more rows bring
    #[arg(long, value_name = "FILE", num_args = 1..)]
    learning_curve: Vec<PathBuf>,
    /// Overwrite the files of --json, --bad-cases and --report
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    tier: TierArgs,
    #[command(flatten)]
    source: LabelledArgs,
}

impl EvaluateArgs {
    pub(super) fn options(self) -> Result<EvaluateOptions> {
        Ok(EvaluateOptions {
            inputs: self.inputs,
            model: self.place.model,
            cascade: self.tier.cascade,
            prior: self.tier.prior,
            data: self.place.data,
            source: self.source.options()?,
            heads: self.head,
            split: self.split,
            json: self.json,
            bad_cases: self.bad_cases,
            report: self.report,
            learning_curve: self.learning_curve,
            force: self.force,
        })
    }
}
