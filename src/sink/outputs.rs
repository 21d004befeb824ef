//! Bytes to files that appear together: parts beside their names, synced, renamed when all are whole.
//! Law: nothing stands under its name before it is whole; a part can be cut back to a length that was once on disk.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest::hex;
use crate::error::{Error, Result};

/// What a file of the run is: of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    pub n_bytes: u64,
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
}

struct Part {
    file: BufWriter<File>,
    n_bytes: u64,
    hasher: Sha256,
}

/// Files that appear together, when all are whole.
///
/// Dropped before `commit`, nothing is left, unless `keep` was called: then the parts stay for `resume`.
pub struct Outputs {
    dir: PathBuf,
    open: BTreeMap<PathBuf, Part>,
    keep: bool,
}

/// Where the bytes of a file stand until it is whole.
pub fn part_path(dir: &Path, name: &Path) -> PathBuf {
    let mut file = std::ffi::OsString::from(".");
    file.push(name.file_name().unwrap_or_default());
    file.push(".part");
    dir.join(name).with_file_name(file)
}

fn make_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(parent) => {
            std::fs::create_dir_all(parent).map_err(|e| Error::io(parent, "cannot be made", e))
        }
        None => Ok(()),
    }
}

/// A rename is on disk only when its folder is.
pub fn sync_dir(dir: &Path) -> Result<()> {
    let synced = File::open(dir).and_then(|d| d.sync_all());
    match synced {
        // Some file systems know no such thing.
        Err(e) if e.kind() == std::io::ErrorKind::InvalidInput => Ok(()),
        other => other.map_err(|e| Error::io(dir, "cannot be synced", e)),
    }
}

impl Outputs {
    /// Makes `dir` if it is missing.
    pub fn new(dir: &Path) -> Result<Outputs> {
        std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, "cannot be made", e))?;
        Ok(Outputs {
            dir: dir.to_owned(),
            open: BTreeMap::new(),
            keep: false,
        })
    }

    /// Goes on with the parts of an interrupted run, cut back to `lengths`, bytes by name.
    pub fn resume(dir: &Path, lengths: &BTreeMap<PathBuf, u64>) -> Result<Outputs> {
        let mut outputs = Outputs {
            dir: dir.to_owned(),
            open: BTreeMap::new(),
            keep: true,
        };
        for (name, n_bytes) in lengths {
            let path = part_path(dir, name);
            let failed = |e| Error::io(&path, "cannot be gone on with", e);
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(&path)
                .map_err(failed)?;
            if file.metadata().map_err(failed)?.len() < *n_bytes {
                return Err(Error::Failed(format!(
                    "{}: is shorter than its checkpoint says: start anew with --force",
                    path.display()
                )));
            }
            file.set_len(*n_bytes).map_err(failed)?;
            let mut hasher = Sha256::new();
            let mut block = vec![0; 1 << 18];
            loop {
                match file.read(&mut block).map_err(failed)? {
                    0 => break,
                    n => hasher.update(&block[..n]),
                }
            }
            outputs.open.insert(
                name.clone(),
                Part {
                    file: BufWriter::with_capacity(1 << 18, file),
                    n_bytes: *n_bytes,
                    hasher,
                },
            );
        }
        Ok(outputs)
    }

    /// From now on the parts stay if the run ends early.
    pub fn keep(&mut self) {
        self.keep = true;
    }

    fn part(&mut self, name: &Path, head: &dyn Fn() -> Vec<u8>) -> Result<&mut Part> {
        if !self.open.contains_key(name) {
            let path = part_path(&self.dir, name);
            make_parent(&path)?;
            let failed = |e| Error::io(&self.dir.join(name), "cannot be made", e);
            // Read too: what is spooled is read again at the end.
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)
                .map_err(failed)?;
            let part = Part {
                file: BufWriter::with_capacity(1 << 18, file),
                n_bytes: 0,
                hasher: Sha256::new(),
            };
            self.open.insert(name.to_owned(), part);
            self.append(name, &head())?;
        }
        self.open
            .get_mut(name)
            .ok_or_else(|| Error::Failed("an output is not open".to_owned()))
    }

    fn append(&mut self, name: &Path, bytes: &[u8]) -> Result<()> {
        let Some(part) = self.open.get_mut(name) else {
            return Ok(());
        };
        part.hasher.update(bytes);
        part.n_bytes += bytes.len() as u64;
        let path = self.dir.join(name);
        part.file
            .write_all(bytes)
            .map_err(|e| Error::io(&path, "cannot be written", e))
    }

    /// Appends to the file `name` (relative to the folder); `head` opens a new one.
    pub fn write(&mut self, name: &Path, head: &dyn Fn() -> Vec<u8>, bytes: &[u8]) -> Result<()> {
        self.part(name, head)?;
        self.append(name, bytes)
    }

    /// Puts everything on disk; returns the length of each file in bytes.
    pub fn sync(&mut self) -> Result<BTreeMap<PathBuf, u64>> {
        let mut lengths = BTreeMap::new();
        for (name, part) in &mut self.open {
            let path = self.dir.join(name);
            let failed = |e| Error::io(&path, "cannot be written", e);
            part.file.flush().map_err(failed)?;
            part.file.get_ref().sync_data().map_err(failed)?;
            lengths.insert(name.clone(), part.n_bytes);
        }
        Ok(lengths)
    }

    /// What each file holds so far.
    pub fn marks(&self) -> BTreeMap<PathBuf, FileMark> {
        let mark = |part: &Part| FileMark {
            n_bytes: part.n_bytes,
            sha256: hex(&part.hasher.clone().finalize()),
        };
        self.open
            .iter()
            .map(|(name, part)| (name.clone(), mark(part)))
            .collect()
    }

    /// Rows that only serve to make another file: read from their beginning, and no output from now on.
    ///
    /// Their part stays on the disk until `remove_parts`, so that a killed run can make the other file again.
    pub fn take_back(&mut self, name: &Path) -> Result<Option<File>> {
        let Some(part) = self.open.remove(name) else {
            return Ok(None);
        };
        let path = part_path(&self.dir, name);
        let failed = |e| Error::io(&path, "cannot be read back", e);
        let mut file = part.file.into_inner().map_err(|e| failed(e.into_error()))?;
        std::io::Seek::rewind(&mut file).map_err(failed)?;
        Ok(Some(file))
    }

    /// Names of the files so far.
    pub fn names(&self) -> Vec<PathBuf> {
        self.open.keys().cloned().collect()
    }

    /// The folder of the run.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Renames everything, `last` after all others; returns the names. Call `sync` first.
    pub fn commit(mut self, last: &Path) -> Result<Vec<PathBuf>> {
        let names: Vec<PathBuf> = std::mem::take(&mut self.open).into_keys().collect();
        put_in_place(&self.dir, &names, last)?;
        self.keep = true;
        Ok(names)
    }
}

/// Renames the parts of `names` that still are parts: also after a run that was killed amid its renames.
pub fn put_in_place(dir: &Path, names: &[PathBuf], last: &Path) -> Result<()> {
    let others = names.iter().filter(|n| *n != last);
    for name in others.map(PathBuf::as_path).chain([last]) {
        let (path, part) = (dir.join(name), part_path(dir, name));
        match std::fs::rename(&part, &path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && path.exists() => {}
            other => other.map_err(|e| Error::io(&path, "cannot be put in place", e))?,
        }
        if let Some(parent) = path.parent() {
            sync_dir(parent)?;
        }
    }
    Ok(())
}

/// The folder that a file or folder stands in; the parent of a bare name is empty, and no folder.
pub fn folder_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Writes a small file whole or not at all.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = folder_of(path);
    let part = part_path(dir, Path::new(path.file_name().unwrap_or_default()));
    let failed = |e| Error::io(path, "cannot be written", e);
    let mut file = File::create(&part).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)?;
    sync_dir(dir)
}

/// Removes what an interrupted run left under `dir`.
pub fn remove_parts(dir: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Ok(());
    };
    for path in entries.filter_map(|e| Some(e.ok()?.path())) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') && name.ends_with(".part") {
            std::fs::remove_file(&path).map_err(|e| Error::io(&path, "cannot be removed", e))?;
        }
    }
    Ok(())
}

impl Drop for Outputs {
    fn drop(&mut self) {
        if !self.keep {
            let names: Vec<PathBuf> = self.open.keys().cloned().collect();
            self.open.clear();
            for name in names {
                let _ = std::fs::remove_file(part_path(&self.dir, &name));
            }
        }
    }
}
