//! `Ticket` or `Rejected` to bytes, and bytes to files: CSV, JSON Lines, work lists, handling sheets.
//! Law: a file appears under its name only when it is whole: temp file, fsync, rename.

mod json;
mod table;

pub use json::{Names, line_of, write_rejected, write_ticket};
pub use table::{Cells, Layout, Row, list_header};

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A byte order mark: Excel then reads UTF-8.
pub const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Files that appear together, when all are whole; dropped before `commit`, nothing is left.
pub struct Outputs {
    dir: PathBuf,
    open: BTreeMap<PathBuf, BufWriter<File>>,
    done: bool,
}

impl Outputs {
    /// Makes `dir` if it is missing.
    pub fn new(dir: &Path) -> Result<Outputs> {
        std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, "cannot be made", e))?;
        Ok(Outputs {
            dir: dir.to_owned(),
            open: BTreeMap::new(),
            done: false,
        })
    }

    fn temporary(&self, name: &Path) -> PathBuf {
        let mut file = std::ffi::OsString::from(".");
        file.push(name.file_name().unwrap_or_default());
        file.push(".part");
        self.dir.join(name).with_file_name(file)
    }

    /// Appends to the file `name` (relative to the folder); `head` opens a new one.
    pub fn write(
        &mut self,
        name: &Path,
        head: &dyn Fn() -> Result<Vec<u8>>,
        bytes: &[u8],
    ) -> Result<()> {
        let path = self.dir.join(name);
        if !self.open.contains_key(name) {
            let temporary = self.temporary(name);
            if let Some(parent) = temporary.parent() {
                std::fs::create_dir_all(parent)
                    .map_err(|e| Error::io(parent, "cannot be made", e))?;
            }
            let file =
                File::create(&temporary).map_err(|e| Error::io(&path, "cannot be made", e))?;
            let mut file = BufWriter::with_capacity(1 << 18, file);
            file.write_all(&head()?)
                .map_err(|e| Error::io(&path, "cannot be written", e))?;
            self.open.insert(name.to_owned(), file);
        }
        match self.open.get_mut(name) {
            Some(file) => file
                .write_all(bytes)
                .map_err(|e| Error::io(&path, "cannot be written", e)),
            None => Ok(()),
        }
    }

    /// Flushes and renames everything; returns the names.
    pub fn commit(mut self) -> Result<Vec<PathBuf>> {
        let names: Vec<PathBuf> = self.open.keys().cloned().collect();
        for (name, file) in std::mem::take(&mut self.open) {
            let path = self.dir.join(&name);
            let failed = |e: std::io::Error| Error::io(&path, "cannot be written", e);
            let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
            file.sync_all().map_err(failed)?;
        }
        for name in &names {
            let path = self.dir.join(name);
            std::fs::rename(self.temporary(name), &path)
                .map_err(|e| Error::io(&path, "cannot be put in place", e))?;
        }
        self.done = true;
        Ok(names)
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        if !self.done {
            let names: Vec<PathBuf> = self.open.keys().cloned().collect();
            self.open.clear();
            for name in names {
                let _ = std::fs::remove_file(self.temporary(&name));
            }
        }
    }
}
