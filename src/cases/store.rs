//! The tellings of the nights before, on disk: one file a partition, sorted by link, read and written group by group.
//! Law: memory holds one group; a file appears under its name only by `Found::commit`; a damaged file ends the run.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::telling::{Head, Key, Telling};
use crate::error::{Error, Result};
use crate::sink::part_path;

/// Begins every file of the store.
const MAGIC: &[u8; 8] = b"XBCASE01";
/// Before the telling's record: parent, day, night.
const OWN_BYTES: usize = 16 + 4 + 4;
/// Longer records are damage: texts are bounded by `--max-record-bytes`.
const MAX_BYTES: u32 = 1 << 28;

/// A telling in its case.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The case's first telling; `None` if this is it.
    pub parent: Option<Key>,
    /// Day of receipt; the night's where the record says none.
    pub day: i32,
    /// The night in which it was first read, days since 1970-01-01.
    pub night: i32,
    pub telling: Telling,
}

impl Kept {
    /// The key of the case: that of its first telling.
    pub fn case(&self) -> Key {
        self.parent.unwrap_or(self.telling.key)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.parent.unwrap_or_default());
        out.extend(self.day.to_le_bytes());
        out.extend(self.night.to_le_bytes());
        let start = out.len();
        self.telling.encode(out);
        // The file has lengths of its own.
        out.drain(start..start + 4);
    }
}

/// A record as it lies in the file, its beginning read.
#[derive(Debug, Clone)]
pub struct Raw {
    pub parent: Option<Key>,
    pub day: i32,
    pub night: i32,
    pub head: Head,
    bytes: Vec<u8>,
}

impl Raw {
    fn of(bytes: Vec<u8>) -> Option<Raw> {
        let parent: Key = bytes.get(..16)?.try_into().ok()?;
        let number = |at: usize| Some(i32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        Some(Raw {
            parent: (parent != [0; 16]).then_some(parent),
            day: number(16)?,
            night: number(20)?,
            head: Head::of(&bytes[OWN_BYTES..])?,
            bytes,
        })
    }

    pub fn case(&self) -> Key {
        self.parent.unwrap_or(self.head.key)
    }

    /// Reads all of it; `None` if it is damaged.
    pub fn kept(&self) -> Option<Kept> {
        Some(Kept {
            parent: self.parent,
            day: self.day,
            night: self.night,
            telling: Telling::decode(&self.bytes[OWN_BYTES..])?,
        })
    }
}

/// Where partition `p` lies.
pub fn partition_path(folder: &Path, p: usize) -> PathBuf {
    folder.join(format!("tellings-{p:04}.bin"))
}

/// The name a file has until it is put in place.
pub fn temporary(path: &Path) -> PathBuf {
    part_path(Path::new(""), path)
}

/// An error that says what to do about a damaged file.
pub fn damaged(path: &Path) -> Error {
    Error::Failed(format!(
        "{}: is damaged or of another version: restore it from a backup, or begin a new store folder",
        path.display()
    ))
}

/// Groups of one partition, by ascending link.
pub struct Reader {
    path: PathBuf,
    /// `None` if there is no such file yet.
    input: Option<BufReader<File>>,
    next: Option<Raw>,
}

impl Reader {
    /// Opens partition `p` of `n`; a missing one is empty.
    pub fn open(folder: &Path, p: usize, n: usize) -> Result<Reader> {
        let path = partition_path(folder, p);
        let input = match File::open(&path) {
            Ok(file) => Some(BufReader::with_capacity(1 << 18, file)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(Error::io(&path, "cannot be opened", e)),
        };
        let mut reader = Reader {
            path,
            input,
            next: None,
        };
        if reader.input.is_some() {
            let mut head = [0; 16];
            if !reader.fill(&mut head)? || head[..8] != *MAGIC {
                return Err(damaged(&reader.path));
            }
            let made = [&head[8..12], &head[12..]]
                .map(|b| b.try_into().map_or(0, u32::from_le_bytes) as usize);
            if made != [p, n] {
                return Err(Error::Usage(format!(
                    "{}: the store has {} partitions, cases.toml says {n}: set it back, or begin a new store folder",
                    reader.path.display(),
                    made[1]
                )));
            }
        }
        reader.next = reader.record()?;
        Ok(reader)
    }

    /// False at the end of the file; half a buffer is damage.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool> {
        let Some(input) = &mut self.input else {
            return Ok(false);
        };
        let mut n = 0;
        while n < buffer.len() {
            match input.read(&mut buffer[n..]) {
                Ok(0) if n == 0 => return Ok(false),
                Ok(0) => return Err(damaged(&self.path)),
                Ok(more) => n += more,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io(&self.path, "cannot be read", e)),
            }
        }
        Ok(true)
    }

    fn record(&mut self) -> Result<Option<Raw>> {
        let mut len = [0; 4];
        if !self.fill(&mut len)? {
            return Ok(None);
        }
        let len = u32::from_le_bytes(len);
        let mut bytes = vec![0; if len <= MAX_BYTES { len as usize } else { 0 }];
        let whole = !bytes.is_empty() && self.fill(&mut bytes)?;
        let raw = whole.then(|| Raw::of(bytes)).flatten();
        raw.map(Some).ok_or_else(|| damaged(&self.path))
    }

    /// Link of the next group.
    pub fn link(&self) -> Option<Key> {
        self.next.as_ref().map(|r| r.head.link)
    }

    /// The next group, in the order in which its tellings were first read.
    pub fn group(&mut self) -> Result<Vec<Raw>> {
        let mut group: Vec<Raw> = Vec::new();
        while let Some(raw) = self.next.take() {
            match group.last().map(|g| g.head.link.cmp(&raw.head.link)) {
                Some(std::cmp::Ordering::Greater) => return Err(damaged(&self.path)),
                Some(std::cmp::Ordering::Less) => {
                    self.next = Some(raw);
                    break;
                }
                _ => group.push(raw),
            }
            self.next = self.record()?;
        }
        Ok(group)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Writes one partition anew, under a temporary name.
pub struct Writer {
    path: PathBuf,
    output: BufWriter<File>,
    buffer: Vec<u8>,
}

impl Writer {
    pub fn create(folder: &Path, p: usize, n: usize) -> Result<Writer> {
        let path = partition_path(folder, p);
        let file =
            File::create(temporary(&path)).map_err(|e| Error::io(&path, "cannot be made", e))?;
        let mut writer = Writer {
            path,
            output: BufWriter::with_capacity(1 << 18, file),
            buffer: Vec::new(),
        };
        writer.buffer.extend(MAGIC);
        writer.buffer.extend((p as u32).to_le_bytes());
        writer.buffer.extend((n as u32).to_le_bytes());
        writer.flush()?;
        Ok(writer)
    }

    fn flush(&mut self) -> Result<()> {
        let written = self.output.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|e| Error::io(&self.path, "cannot be written", e))
    }

    pub fn raw(&mut self, raw: &Raw) -> Result<()> {
        self.buffer.extend((raw.bytes.len() as u32).to_le_bytes());
        self.buffer.extend(&raw.bytes);
        self.flush()
    }

    pub fn kept(&mut self, kept: &Kept) -> Result<()> {
        self.buffer.extend([0; 4]);
        kept.encode(&mut self.buffer);
        let len = (self.buffer.len() - 4) as u32;
        self.buffer[..4].copy_from_slice(&len.to_le_bytes());
        self.flush()
    }

    /// Makes the file whole on disk; returns its temporary and its final name.
    pub fn finish(self) -> Result<(PathBuf, PathBuf)> {
        let path = self.path;
        let failed = |e| Error::io(&path, "cannot be written", e);
        let file = self
            .output
            .into_inner()
            .map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        Ok((temporary(&path), path))
    }
}
