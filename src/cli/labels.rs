//! The options of the verbs that work on labels: `label-audit`, `suggest`.

use std::path::PathBuf;

use clap::Args;

use super::PlaceArgs;
use super::desk::LabelledArgs;
use super::train::FitArgs;
use crate::error::Result;
use crate::jobs::label_audit::{self, ApplyOptions, LabelAuditOptions};
use crate::jobs::suggest::{Form, SuggestOptions};
use crate::jobs::{HeadColumn, Outcome};

#[derive(Debug, Args)]
pub(super) struct LabelAuditArgs {
    /// Labelled files, or folders of them
    #[arg(required_unless_present = "apply", conflicts_with = "apply")]
    inputs: Vec<PathBuf>,
    /// The review list, a CSV for Excel; with --apply the folder of the files with the new labels
    #[arg(long, value_name = "FILE|DIR")]
    out: PathBuf,
    /// Put the labels of this review list, its last column filled in, into copies of the files that it names
    #[arg(long, value_name = "FILE")]
    apply: Option<PathBuf>,
    /// Replace what is there under these names
    #[arg(long)]
    force: bool,
    /// Label column to judge, COLUMN or COLUMN=HEAD; without it type, reason, urgency and flags
    #[arg(long, value_name = "COLUMN[=HEAD]")]
    head: Vec<HeadColumn>,
    /// Parts that the rows are dealt into; each is judged by a network that learnt the others
    #[arg(long, value_name = "K", default_value_t = 5)]
    folds: usize,
    /// Passes over all folds; a later one learns without the labels that the one before doubts
    #[arg(long, value_name = "N", default_value_t = 1)]
    rounds: usize,
    /// Labels listed for a head; as many as are estimated to be wrong if not given
    #[arg(long, value_name = "N")]
    most: Option<usize>,
    /// Also write the out-of-sample probabilities of every label of every row
    #[arg(long, value_name = "FILE")]
    probabilities: Option<PathBuf>,
    /// Folder of tables (labels, masking, dictionary)
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    fit: FitArgs,
    #[command(flatten)]
    source: LabelledArgs,
}

impl LabelAuditArgs {
    pub(super) fn run(self) -> Result<Outcome> {
        if let Some(review) = self.apply {
            return label_audit::apply(&ApplyOptions {
                review,
                out: self.out,
                force: self.force,
                data: self.data,
                source: self.source.options()?,
                heads: self.head,
            });
        }
        self.fit.check()?;
        let (features, fit) = self.fit.options();
        label_audit::run(&LabelAuditOptions {
            inputs: self.inputs,
            out: self.out,
            force: self.force,
            data: self.data,
            source: self.source.options()?,
            heads: self.head,
            features,
            fit,
            folds: self.folds,
            rounds: self.rounds,
            most: self.most,
            probabilities: self.probabilities,
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct SuggestArgs {
    /// Unlabelled files, or folders of them
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Complaints to suggest
    #[arg(short, value_name = "N", default_value_t = 200)]
    n: usize,
    /// How much more rare labels weigh, 0 to 1: for macro-F1 none is best, for a label with few rows more
    #[arg(long, value_name = "POWER", default_value_t = 0.0)]
    rare: f32,
    /// Where the suggestions go
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Form of the file
    #[arg(long, value_enum, default_value_t)]
    form: Form,
    /// Head that is to be labelled; without it all with one label a row
    #[arg(long, value_name = "HEAD")]
    head: Vec<String>,
    /// Replace what is there under this name
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    source: LabelledArgs,
}

impl SuggestArgs {
    pub(super) fn options(self) -> Result<SuggestOptions> {
        Ok(SuggestOptions {
            inputs: self.inputs,
            model: self.place.model,
            data: self.place.data,
            source: self.source.options()?,
            heads: self.head,
            n: self.n,
            rare: self.rare,
            out: self.out,
            form: self.form,
            force: self.force,
        })
    }
}
