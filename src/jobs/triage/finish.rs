//! After the last record: what is made from all of them, the manifest, and every file under its name.
//! Law: may be run again from its start after a crash; the manifest comes last.

use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, Stage};
use super::chunk::{DECISION_LEAVES, Desk, REJECT_LEAVES, REJECTS};
use super::manifest::{self, Manifest, Rows};
use super::{Job, Summary};
use crate::error::{Error, Result};
use crate::sink::{Outputs, put_in_place};

const SUMMARY: &str = "summary.json";

pub(super) fn run(
    desk: &Desk<'_>,
    job: &Job<'_>,
    out: &Path,
    outputs: Option<Outputs>,
    checkpoint: &mut Checkpoint,
    resumable: bool,
) -> Result<()> {
    if let Some(mut outputs) = outputs {
        write_summary(&mut outputs, &checkpoint.state.total)?;
        let manifest = Manifest {
            previous: job
                .given
                .store
                .as_deref()
                .map(manifest::last_of)
                .transpose()?
                .flatten(),
            decisions: Rows::new(
                desk.format.file(),
                DECISION_LEAVES,
                &checkpoint.state.decisions,
            ),
            rejects: Rows::new(REJECTS, REJECT_LEAVES, &checkpoint.state.rejects),
            files: outputs.marks(),
            ..Manifest::of(&checkpoint.state.total, &checkpoint.run, job)
        };
        outputs.write(Path::new(manifest::FILE), &Vec::new, &manifest.to_bytes()?)?;
        checkpoint.parts = outputs.sync()?;
        checkpoint.stage = Stage::Committing;
        if resumable {
            checkpoint.save(out)?;
            outputs.keep();
        }
        outputs.commit(Path::new(manifest::FILE))?;
    } else {
        // Killed amid its renames.
        let names: Vec<PathBuf> = checkpoint.parts.keys().cloned().collect();
        put_in_place(out, &names, Path::new(manifest::FILE))?;
    }
    if let Some(store) = &job.given.store {
        manifest::append_to(store, out)?;
    }
    if job.given.force {
        remove_older(out, checkpoint)?;
    }
    Checkpoint::remove(out)
}

fn write_summary(outputs: &mut Outputs, total: &Summary) -> Result<()> {
    let mut bytes = serde_json::to_vec_pretty(total)
        .map_err(|e| Error::Failed(format!("{SUMMARY} cannot be written: {e}")))?;
    bytes.push(b'\n');
    outputs.write(Path::new(SUMMARY), &Vec::new, &bytes)
}

/// Files of an earlier run that this run did not write again.
fn remove_older(out: &Path, checkpoint: &Checkpoint) -> Result<()> {
    let ours = |sub: &str, path: &Path| match sub {
        "lists" => path.extension().is_some_and(|e| e == "csv"),
        "replies" => path.extension().is_some_and(|e| e == "md"),
        _ => path.file_stem().is_some_and(|s| s == "decisions"),
    };
    for sub in ["", "lists", "replies"] {
        let Ok(entries) = std::fs::read_dir(out.join(sub)) else {
            continue;
        };
        for path in entries.filter_map(|e| Some(e.ok()?.path())) {
            let name = Path::new(sub).join(path.file_name().unwrap_or_default());
            if ours(sub, &path) && !checkpoint.parts.contains_key(&name) {
                std::fs::remove_file(&path)
                    .map_err(|e| Error::io(&path, "cannot be removed", e))?;
            }
        }
    }
    Ok(())
}
