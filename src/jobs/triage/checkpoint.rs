//! Where an interrupted run goes on: written only after the output that it names is on disk.
//! Law: a resumed run writes the same bytes as one that was not interrupted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Kept;
use super::summary::Summary;
use crate::error::{Error, Result};
use crate::proof::Tree;
use crate::sink::{remove_parts, write_whole};
use crate::source::Mark;

/// In the output folder while a run is under way.
pub(super) const FILE: &str = ".checkpoint.json";

const FORMAT: u32 = 1;

/// Folders of a run's files, below its own.
const FOLDERS: [&str; 5] = ["", "lists", "replies", "proof", "spool"];

/// What must be the same for a run to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunKey {
    pub version: String,
    pub bundle: String,
    pub data_sha256: String,
    pub inputs: Vec<String>,
    /// The options that change what is written.
    pub options: Kept,
}

impl RunKey {
    /// Refuses to go on with another run's parts.
    pub fn same_as(&self, now: &RunKey, out: &Path) -> Result<()> {
        let pairs = [
            ("the version of xiaobao", &self.version, &now.version),
            ("the model bundle", &self.bundle, &now.bundle),
            ("the tables in --data", &self.data_sha256, &now.data_sha256),
        ];
        let differs = pairs.iter().find(|(_, then, now)| then != now);
        let what = match differs {
            Some((what, ..)) => what,
            None if self.options != now.options => &"one of the options",
            None if self.inputs != now.inputs => &"the list of inputs",
            None => return Ok(()),
        };
        Err(Error::Usage(format!(
            "{}: {what} changed since the run was interrupted: give it back, or start anew with --force",
            out.display()
        )))
    }
}

/// Everything that grows while records are read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub total: Summary,
    pub decisions: Tree,
    pub rejects: Tree,
    /// Latest day of receipt, days since 1970-01-01: the night, if nobody names it.
    pub latest: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Records are being decided.
    Reading,
    /// All are decided; what is made from all of them is under way.
    Finishing,
    /// Everything is whole; files are getting their names.
    Committing,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    format: u32,
    pub run: RunKey,
    pub stage: Stage,
    /// Number of the input under way.
    pub input: usize,
    pub mark: Mark,
    /// Bytes of each file that are on disk.
    pub parts: BTreeMap<PathBuf, u64>,
    pub state: State,
}

impl Checkpoint {
    pub fn new(run: RunKey) -> Checkpoint {
        Checkpoint {
            format: FORMAT,
            run,
            stage: Stage::Reading,
            input: 0,
            mark: Mark::default(),
            parts: BTreeMap::new(),
            state: State::default(),
        }
    }

    fn load(out: &Path) -> Result<Option<Checkpoint>> {
        let path = out.join(FILE);
        let bytes = match std::fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|e| Error::io(&path, "cannot be read", e))?,
        };
        match serde_json::from_slice::<Checkpoint>(&bytes) {
            Ok(found) if found.format == FORMAT => Ok(Some(found)),
            _ => Err(Error::Usage(format!(
                "{}: is no checkpoint of this version: start anew with --force",
                path.display()
            ))),
        }
    }

    /// As `load`; with `forced` whatever is there is forgotten.
    pub fn load_unless(out: &Path, forced: bool) -> Result<Option<Checkpoint>> {
        if forced {
            Checkpoint::forget(out)?;
            return Ok(None);
        }
        Checkpoint::load(out)
    }

    pub fn save(&self, out: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self)
            .map_err(|e| Error::Failed(format!("the checkpoint cannot be written: {e}")))?;
        write_whole(&out.join(FILE), &bytes)
    }

    pub fn remove(out: &Path) -> Result<()> {
        let path = out.join(FILE);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(&path, "cannot be removed", e))
            }
            _ => Ok(()),
        }
    }

    /// Forgets an interrupted run and all that it left.
    fn forget(out: &Path) -> Result<()> {
        Checkpoint::remove(out)?;
        clear_parts(out)
    }
}

/// Parts that no checkpoint names are of no use to anybody.
pub(super) fn clear_parts(out: &Path) -> Result<()> {
    FOLDERS
        .iter()
        .try_for_each(|sub| remove_parts(&out.join(sub)))
}
