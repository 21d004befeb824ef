//! The tellings of one run, as the run leaves them: files of records in the order of the inputs.
//! Laws: a file cut short is an error; a receipt that stands there twice is taken once; memory holds one person's tellings
//! and 24 bytes for each of the others.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rustc_hash::FxBuildHasher;

use super::store::damaged;
use super::telling::{Head, Key, Telling};
use crate::error::{Error, Result};

/// The records of one file, one after the other.
struct Records {
    path: PathBuf,
    /// `None` for a partition to which nothing was appended.
    input: Option<BufReader<File>>,
    /// Where the next record begins.
    offset: u64,
    record: Vec<u8>,
}

impl Records {
    fn open(path: &Path) -> Result<Records> {
        let input = match File::open(path) {
            Ok(file) => Some(BufReader::with_capacity(1 << 18, file)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(Error::io(path, "cannot be read", e)),
        };
        Ok(Records {
            path: path.to_owned(),
            input,
            offset: 0,
            record: Vec::new(),
        })
    }

    /// Whether there is one more; it stands in `record`, its length taken off.
    fn next(&mut self) -> Result<bool> {
        let Some(input) = &mut self.input else {
            return Ok(false);
        };
        let mut length = Vec::with_capacity(4);
        let failed = |e| Error::io(&self.path, "cannot be read", e);
        input.take(4).read_to_end(&mut length).map_err(failed)?;
        if length.is_empty() {
            return Ok(false);
        }
        let Ok(length) = <[u8; 4]>::try_from(length.as_slice()) else {
            return Err(damaged(&self.path));
        };
        let length = u64::from(u32::from_le_bytes(length));
        self.record.clear();
        let read = input.take(length).read_to_end(&mut self.record);
        if read.map_err(failed)? as u64 != length {
            return Err(damaged(&self.path));
        }
        self.offset += 4 + length;
        Ok(true)
    }

    fn go_to(&mut self, offset: u64) -> Result<()> {
        let failed = |e| Error::io(&self.path, "cannot be read", e);
        if let Some(input) = &mut self.input {
            let by = offset as i64 - self.offset as i64;
            input.seek_relative(by).map_err(failed)?;
        }
        self.offset = offset;
        Ok(())
    }
}

/// Days of receipt in a spool file, `night` for records without one.
pub fn days(path: &Path, night: i32, visit: &mut dyn FnMut(i32)) -> Result<()> {
    let mut records = Records::open(path)?;
    while records.next()? {
        let head = Head::of(&records.record).ok_or_else(|| damaged(path))?;
        visit(head.day.unwrap_or(night));
    }
    Ok(())
}

/// The tellings of a spool file, person by person, by ascending link.
pub struct Fresh {
    records: Records,
    /// Link and place of each record, the last one first.
    places: Vec<(Key, u64)>,
    night: i32,
}

impl Fresh {
    pub fn open(path: &Path, night: i32) -> Result<Fresh> {
        let mut records = Records::open(path)?;
        let mut places = Vec::new();
        loop {
            let offset = records.offset;
            if !records.next()? {
                break;
            }
            let head = Head::of(&records.record).ok_or_else(|| damaged(path))?;
            places.push((head.link, offset));
        }
        places.sort_unstable_by(|a, b| b.cmp(a));
        // From now on records are read here and there: a large buffer would be filled for each.
        if let Some(input) = records.input.take() {
            let mut file = input.into_inner();
            file.seek(SeekFrom::Start(0))
                .map_err(|e| Error::io(path, "cannot be read", e))?;
            records.input = Some(BufReader::with_capacity(1 << 11, file));
            records.offset = 0;
        }
        Ok(Fresh {
            records,
            places,
            night,
        })
    }

    /// The next person.
    pub fn link(&self) -> Option<Key> {
        self.places.last().map(|p| p.0)
    }

    /// All tellings of a person, each receipt once, by time of receipt, then in the order of the inputs.
    pub fn take(&mut self, link: Key) -> Result<Vec<Telling>> {
        let mut group: Vec<Telling> = Vec::new();
        while let Some((_, offset)) = self.places.pop_if(|p| p.0 == link) {
            self.records.go_to(offset)?;
            let whole = self.records.next()?;
            let telling = whole.then(|| Telling::decode(&self.records.record));
            group.push(
                telling
                    .flatten()
                    .ok_or_else(|| damaged(&self.records.path))?,
            );
        }
        let night = self.night;
        group.sort_by_key(|t| (t.day.unwrap_or(night), t.second, t.order()));
        let mut seen: HashSet<Key, FxBuildHasher> = HashSet::default();
        group.retain(|t| seen.insert(t.key));
        Ok(group)
    }
}
