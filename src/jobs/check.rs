//! `xiaobao check`: every table, rule, template and the bundle, checked as triage would load them; labelled files, too.

use std::path::PathBuf;
use std::sync::Arc;

use super::{HeadColumn, Outcome, corpus};
use crate::bundle::Bundle;
use crate::error::Result;
use crate::pipeline::Triage;
use crate::source::SourceOptions;
use crate::tables::Tables;

/// What `check` was asked to do.
#[derive(Debug)]
pub struct CheckOptions {
    pub data: PathBuf,
    pub model: PathBuf,
    /// Labelled files or folders; without them tables and bundle are checked.
    pub inputs: Vec<PathBuf>,
    pub source: SourceOptions,
    /// Label columns to look at; empty: those of our heads that the files have.
    pub heads: Vec<HeadColumn>,
    /// Findings in labelled files end with exit code 1.
    pub deny_warnings: bool,
    /// A class with fewer rows is told as too thin.
    pub least_per_class: usize,
    /// The findings as JSON.
    pub json: Option<PathBuf>,
    /// A cleaned copy; the list of its changes stands beside it.
    pub fix: Option<PathBuf>,
    /// Overwrite results.
    pub force: bool,
}

pub fn run(options: &CheckOptions) -> Result<Outcome> {
    let tables = Arc::new(Tables::load(&options.data)?);
    let t = &tables.taxonomy;
    println!(
        "{}: {} types, {} reasons, {} levels, {} flags, {} channels, {} queues, {} routing rules, {} urgency rules; calendar to {}",
        options.data.display(),
        t.types.len(),
        t.reasons.len(),
        t.levels.len(),
        t.flags.len(),
        t.channels.len(),
        t.queues.len(),
        tables.routing.rules().len(),
        tables.cues.rules().len(),
        tables.clock.calendar().last_year()
    );
    if !options.inputs.is_empty() {
        return corpus::check(options, &tables);
    }
    let bundle = Arc::new(Bundle::load(&options.model)?);
    let triage = Triage::new(tables, bundle)?;
    println!(
        "{}: bundle {}, {} features, fits the tables",
        options.model.display(),
        triage.bundle.id(),
        triage.bundle.vocabulary().len()
    );
    Ok(Outcome::Done)
}
