//! What a run read and wrote, by hash: `manifest.json`, linked to that of the run before it.
//! Law: written last; every other file of the run stands in it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::checkpoint::RunKey;
use super::summary::{InputReport, Summary};
use super::{Job, Kept};
use crate::digest::sha256;
use crate::error::{Error, Result};
use crate::proof::Tree;
use crate::sink::{FileMark, write_whole};

pub(crate) const FILE: &str = "manifest.json";

const FORMAT: u32 = 1;

/// Manifests of all runs that shared a store, in their order.
const CHAIN: &str = "chain.jsonl";

/// A file of rows, each provable.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Rows {
    pub file: PathBuf,
    pub rows: u64,
    /// Merkle root over the rows, header not counted (RFC 6962, SHA-256).
    pub root: String,
    /// Where the leaf of each row lies, 32 bytes each.
    pub leaves: PathBuf,
}

impl Rows {
    pub fn new(file: &str, leaves: &str, tree: &Tree) -> Rows {
        Rows {
            file: file.into(),
            rows: tree.n(),
            root: tree.root(),
            leaves: leaves.into(),
        }
    }
}

/// A run that came before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    /// Its folder, as it was named then.
    pub out: String,
    /// SHA-256 of its manifest's bytes, hex.
    pub manifest_sha256: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub format: u32,
    pub version: String,
    /// The run before this one in the same `--store`.
    pub previous: Option<Link>,
    pub bundle: String,
    pub data_sha256: String,
    /// The options that change what is written.
    pub options: Kept,
    pub model: PathBuf,
    pub data: PathBuf,
    pub cascade: Option<PathBuf>,
    pub prior: Option<PathBuf>,
    pub read: u64,
    pub decided: u64,
    pub rejected: u64,
    pub inputs: Vec<InputReport>,
    pub decisions: Rows,
    pub rejects: Rows,
    pub files: BTreeMap<PathBuf, FileMark>,
}

impl Manifest {
    pub(super) fn of(total: &Summary, run: &RunKey, job: &Job<'_>) -> Manifest {
        Manifest {
            format: FORMAT,
            version: run.version.clone(),
            bundle: run.bundle.clone(),
            data_sha256: run.data_sha256.clone(),
            options: run.options.clone(),
            model: job.given.model.clone(),
            data: job.given.data.clone(),
            cascade: job.given.cascade.clone(),
            prior: job.given.prior.clone(),
            read: total.read,
            decided: total.decided,
            rejected: total.rejected,
            inputs: total.inputs.clone(),
            ..Manifest::default()
        }
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::Failed(format!("{FILE} cannot be written: {e}")))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    pub fn load(dir: &Path) -> Result<Manifest> {
        let path = dir.join(FILE);
        let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, "cannot be read", e))?;
        match serde_json::from_slice::<Manifest>(&bytes) {
            Ok(found) if found.format == FORMAT => Ok(found),
            Ok(found) => Err(Error::Usage(format!(
                "{}: has format {}, this version reads {FORMAT}",
                path.display(),
                found.format
            ))),
            Err(e) => Err(Error::Failed(format!(
                "{}:{}:{}: is no manifest, or was changed",
                path.display(),
                e.line(),
                e.column()
            ))),
        }
    }
}

/// The chain of a store, oldest first.
pub(crate) fn chain(store: &Path) -> Result<Vec<Link>> {
    let path = store.join(CHAIN);
    let text = match std::fs::read_to_string(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|e| Error::io(&path, "cannot be read", e))?,
    };
    let mut links = Vec::new();
    for (i, line) in text.lines().enumerate() {
        match serde_json::from_str(line) {
            Ok(link) => links.push(link),
            // The last line of a run that was killed while it wrote it: written again.
            Err(_) if i + 1 == text.lines().count() && !text.ends_with('\n') => {}
            Err(_) => {
                return Err(Error::Failed(format!(
                    "{}:{}: is no link of the chain, or was changed",
                    path.display(),
                    i + 1
                )));
            }
        }
    }
    Ok(links)
}

/// The run before the one that is about to end.
pub(super) fn last_of(store: &Path) -> Result<Option<Link>> {
    Ok(chain(store)?.pop())
}

/// Adds the manifest in `out` to the chain; twice adds nothing twice.
pub(super) fn append_to(store: &Path, out: &Path) -> Result<()> {
    let path = out.join(FILE);
    let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, "cannot be read", e))?;
    let link = Link {
        out: out.display().to_string(),
        manifest_sha256: sha256(&bytes),
    };
    let mut links = chain(store)?;
    if links
        .last()
        .is_some_and(|l| l.manifest_sha256 == link.manifest_sha256)
    {
        return Ok(());
    }
    links.push(link);
    std::fs::create_dir_all(store).map_err(|e| Error::io(store, "cannot be made", e))?;
    let mut lines = Vec::new();
    for link in &links {
        serde_json::to_writer(&mut lines, link)
            .map_err(|e| Error::Failed(format!("{CHAIN} cannot be written: {e}")))?;
        lines
            .write_all(b"\n")
            .map_err(|e| Error::io(&path, "cannot be written", e))?;
    }
    write_whole(&store.join(CHAIN), &lines)
}
