//! `xiaobao check FILE…`: labelled files in, findings and counts out, before hours are spent on training; a cleaned copy if
//! asked for.
//! Law: a finding names file and row and says what to do; no text is shown.

mod cells;
mod counts;
mod doubles;
mod findings;
mod fix;
mod labels;
mod read;
mod texts;

use std::path::Path;

use super::Outcome;
use super::check::CheckOptions;
use super::labelled::heads_or_default;
use super::voices::{Split, Voices};
use crate::error::{Error, Result};
use crate::tables::Tables;
use findings::{Findings, Kind, Place};
pub(super) use fix::Table;
pub(super) use read::Corpus;

pub(super) fn check(options: &CheckOptions, tables: &Tables) -> Result<Outcome> {
    refuse_existing(options)?;
    let heads = heads_or_default(&options.heads);
    let voices = Voices::find(&options.inputs)?;
    let source = tables.source_options(&options.source)?;
    let corpus = Corpus::read(&options.inputs, &source, tables, &heads, voices.is_some())?;
    if !options.heads.is_empty()
        && let Some(missing) = heads.iter().find(|h| !corpus.heads.contains(h))
    {
        return Err(Error::Usage(format!(
            "--head {}: no file has that column",
            missing.column
        )));
    }
    let splits: Vec<Option<Split>> = corpus
        .rows
        .iter()
        .map(|r| voices.as_ref().map(|v| v.split(r)).transpose())
        .collect::<Result<_>>()?;
    let mut findings = Findings::default();
    for rejected in &corpus.rejects {
        let place = vec![Place::of(&rejected.position)];
        findings.add(
            Kind::Rejected,
            None,
            place,
            &*rejected.what,
            rejected.remedy,
        );
    }
    labels::find(&corpus, options.least_per_class, &mut findings);
    texts::find(&corpus, &mut findings);
    let n_undated = cells::find(&corpus, &mut findings);
    doubles::find(&corpus, &splits, &mut findings);
    counts::print(&corpus, tables, voices.is_some());
    println!();
    findings.print();
    let (n_findings, n_notes) = findings.counts();
    println!(
        "{} rows, {} rejected, {n_findings} findings, {n_notes} notes",
        corpus.rows.len(),
        corpus.rejects.len(),
    );
    if let Some(path) = &options.json {
        findings.write(path, corpus.rows.len(), corpus.rejects.len())?;
    }
    if let Some(path) = &options.fix {
        println!("{}", fix::write(path, &corpus, &source.columns)?);
    }
    let unreadable = corpus.rejects.len() + n_undated;
    let bad = unreadable > 0 || options.deny_warnings && n_findings > 0;
    Ok(if bad {
        Outcome::DoneWithRejects
    } else {
        Outcome::Done
    })
}

/// Nothing is overwritten without `--force`, and an input not even with it.
fn refuse_existing(options: &CheckOptions) -> Result<()> {
    let mut outputs: Vec<&Path> = options.json.iter().map(AsRef::as_ref).collect();
    let changes = options.fix.as_deref().map(fix::changes_path);
    outputs.extend(options.fix.as_deref());
    outputs.extend(changes.as_deref());
    for output in outputs {
        let same = |input: &Path| match (input.canonicalize(), output.canonicalize()) {
            (Ok(input), Ok(output)) => input == output,
            _ => false,
        };
        if options.inputs.iter().any(|i| same(i)) {
            return Err(Error::Usage(format!(
                "{}: is an input: write the copy elsewhere",
                output.display()
            )));
        }
        super::refuse_existing(output, options.force)?;
    }
    Ok(())
}
