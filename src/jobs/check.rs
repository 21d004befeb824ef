//! `xiaobao check`: every table, rule, template and the bundle, checked as triage would load them; labelled files, too.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Outcome, corpus};
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
    /// Findings in labelled files end with exit code 1.
    pub deny_warnings: bool,
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
