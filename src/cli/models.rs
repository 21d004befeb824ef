//! The options of the verbs that judge models: `compare`, `promote`, `thresholds`, `drift`.

use std::path::PathBuf;

use clap::Args;

use super::desk::LabelledArgs;
use crate::error::{Error, Result};
use crate::jobs::compare::{CompareOptions, Guards, PromoteOptions, Record, UndoOptions};
use crate::jobs::drift::DriftOptions;
use crate::jobs::thresholds::{AutoGoal, ThresholdsOptions};
use crate::jobs::{HeadColumn, Outcome, Split, compare};

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// Folder of the bundle in force
    old: PathBuf,
    /// Folder of the new bundle
    new: PathBuf,
    #[command(flatten)]
    rows: RowArgs,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write every answer that changes, masked, as a CSV for Excel
    #[arg(long, value_name = "FILE")]
    flips: Option<PathBuf>,
    /// The files have no labels: tell only what changes
    #[arg(long, conflicts_with = "head")]
    unlabelled: bool,
    /// Replace what is there under these names
    #[arg(long)]
    force: bool,
}

/// Labelled rows to judge by.
#[derive(Debug, Args)]
struct RowArgs {
    /// Labelled files, or folders of them, that neither bundle was trained on
    inputs: Vec<PathBuf>,
    /// Label column to score, COLUMN or COLUMN=HEAD
    #[arg(long, value_name = "COLUMN[=HEAD]")]
    head: Vec<HeadColumn>,
    /// Only the rows of one split of voices.toml
    #[arg(long, value_enum)]
    split: Option<Split>,
    /// Folder of tables, rules and templates
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    source: LabelledArgs,
}

impl RowArgs {
    fn options(self, old: PathBuf, new: PathBuf) -> Result<CompareOptions> {
        Ok(CompareOptions {
            old,
            new,
            inputs: self.inputs,
            data: self.data,
            source: self.source.options()?,
            heads: self.head,
            split: self.split,
            unlabelled: false,
            json: None,
            flips: None,
            force: false,
        })
    }
}

impl CompareArgs {
    pub(super) fn options(self) -> Result<CompareOptions> {
        Ok(CompareOptions {
            unlabelled: self.unlabelled,
            json: self.json,
            flips: self.flips,
            force: self.force,
            ..self.rows.options(self.old, self.new)?
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct PromoteArgs {
    /// Folder of the new bundle
    #[arg(required_unless_present = "undo")]
    new: Option<PathBuf>,
    /// Folder of the bundle in force, which the new one replaces
    #[arg(long, value_name = "DIR")]
    over: PathBuf,
    /// Who decides
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Bring back the bundle that the last promotion replaced
    #[arg(long)]
    undo: bool,
    /// Judge only, change nothing
    #[arg(long)]
    dry_run: bool,
    /// A class may lose this much F1
    #[arg(long, value_name = "X", default_value_t = Guards::default().max_class_drop)]
    max_class_drop: f64,
    /// Classes with fewer rows are not judged
    #[arg(long, value_name = "N", default_value_t = Guards::default().least_rows)]
    least_rows: usize,
    /// The share of urgent complaints that are raised may fall by this much
    #[arg(long, value_name = "X", default_value_t = Guards::default().max_urgent_drop)]
    max_urgent_drop: f64,
    #[command(flatten)]
    rows: RowArgs,
}

impl PromoteArgs {
    pub(super) fn run(self) -> Result<Outcome> {
        let record = Record {
            by: self.by,
            why: self.why,
            at: jiff::Timestamp::now().to_string(),
        };
        let Some(new) = self.new.filter(|_| !self.undo) else {
            return compare::undo(&UndoOptions {
                over: self.over,
                record,
            });
        };
        if self.rows.inputs.is_empty() {
            return Err(Error::Usage(
                "name labelled files to judge the new bundle on".to_owned(),
            ));
        }
        compare::promote(&PromoteOptions {
            compare: self.rows.options(self.over, new)?,
            guards: Guards {
                max_class_drop: self.max_class_drop,
                least_rows: self.least_rows,
                max_urgent_drop: self.max_urgent_drop,
            },
            record,
            dry_run: self.dry_run,
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct ThresholdsArgs {
    /// Folder of the bundle
    model: PathBuf,
    /// Labelled files, or folders of them, that the bundle was not trained on
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Set the automatic band for this share of right answers, e.g. 0.97
    #[arg(long, value_name = "SHARE", conflicts_with = "review_share")]
    precision: Option<f64>,
    /// Set it so that people read this share of all complaints, e.g. 0.1
    #[arg(long, value_name = "SHARE")]
    review_share: Option<f64>,
    /// Set the limits of the urgent levels for a promise: this share of the urgent complaints is raised
    #[arg(long, value_name = "SHARE")]
    urgent_recall: Option<f64>,
    /// Confidence of the promise
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    confidence: f64,
    /// Write the bundle with the new limits here
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace an existing bundle
    #[arg(long)]
    force: bool,
    /// Label column, COLUMN or COLUMN=HEAD; without it the bundle's heads
    #[arg(long, value_name = "COLUMN[=HEAD]")]
    head: Vec<HeadColumn>,
    /// Rows of which split of voices.toml
    #[arg(long, value_enum, default_value = "calibration")]
    split: Split,
    /// Folder of tables, rules and templates
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    source: LabelledArgs,
}

impl ThresholdsArgs {
    pub(super) fn options(self) -> Result<ThresholdsOptions> {
        let shares = [
            ("--precision", self.precision),
            ("--review-share", self.review_share),
            ("--urgent-recall", self.urgent_recall),
            ("--confidence", Some(self.confidence)),
        ];
        for (name, share) in shares {
            if share.is_some_and(|s| !(s > 0.0 && s < 1.0)) {
                return Err(Error::Usage(format!("{name}: between 0 and 1")));
            }
        }
        let goals = [
            self.precision.map(AutoGoal::Precision),
            self.review_share.map(AutoGoal::ReviewShare),
        ];
        Ok(ThresholdsOptions {
            model: self.model,
            inputs: self.inputs,
            data: self.data,
            source: self.source.options()?,
            heads: self.head,
            split: self.split,
            auto: goals.into_iter().flatten().next(),
            urgent_recall: self.urgent_recall,
            confidence: self.confidence,
            out: self.out,
            force: self.force,
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct DriftArgs {
    /// Folder of the bundle
    model: PathBuf,
    /// New complaints, labels not needed
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the figures as one page for the browser
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Replace what is there under this name
    #[arg(long)]
    force: bool,
    /// New words told
    #[arg(long, value_name = "N", default_value_t = 30)]
    words: usize,
    /// Folder of tables
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    source: LabelledArgs,
}

impl DriftArgs {
    pub(super) fn options(self) -> Result<DriftOptions> {
        Ok(DriftOptions {
            model: self.model,
            inputs: self.inputs,
            data: self.data,
            source: self.source.options()?,
            json: self.json,
            report: self.report,
            force: self.force,
            words: self.words,
        })
    }
}
