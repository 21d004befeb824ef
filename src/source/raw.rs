//! The bytes of an input as they lie on the disk: counted and hashed while they are read, unpacked if they are packed.
//! Law: the hash is that of the whole file, as `sha256sum` gives it, once the input was read to its end.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest::hex;

/// How much of an input was read, and what it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawMark {
    pub n_bytes: u64,
    /// SHA-256 of those bytes, hex.
    pub sha256: String,
}

#[derive(Default)]
struct State {
    n_bytes: u64,
    hasher: Sha256,
    expected: Option<RawMark>,
    changed: bool,
}

impl State {
    fn add(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if let Some(expected) = &self.expected
            && expected.n_bytes <= self.n_bytes + rest.len() as u64
        {
            let (before, after) = rest.split_at((expected.n_bytes - self.n_bytes) as usize);
            self.hasher.update(before);
            self.n_bytes += before.len() as u64;
            self.changed = hex(&self.hasher.clone().finalize()) != expected.sha256;
            self.expected = None;
            rest = after;
        }
        self.hasher.update(rest);
        self.n_bytes += rest.len() as u64;
    }
}

/// A view of what a reader, by now owned by others, has read.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<Mutex<State>>);

impl Meter {
    /// Fails the input where its first bytes are not those that an earlier run read.
    pub fn expect(&self, mark: &RawMark) {
        self.with(|s| s.expected = (mark.n_bytes > 0).then(|| mark.clone()));
    }

    pub fn mark(&self) -> RawMark {
        self.with(|s| RawMark {
            n_bytes: s.n_bytes,
            sha256: hex(&s.hasher.clone().finalize()),
        })
    }

    pub fn n_bytes(&self) -> u64 {
        self.with(|s| s.n_bytes)
    }

    /// Something expected did not come, or came otherwise.
    pub fn changed(&self) -> bool {
        self.with(|s| s.changed || s.expected.is_some())
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn reader(&self, inner: Box<dyn Read + Send>) -> impl Read + Send + 'static {
        Metered {
            inner,
            meter: self.clone(),
        }
    }

    /// Hashes a file that is read out of order, from end to end, and goes back to its start.
    pub fn whole(&self, file: &mut File) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 18];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => self.with(|s| s.add(&buffer[..n])),
            }
        }
        file.seek(SeekFrom::Start(0)).map(|_| ())
    }
}

struct Metered {
    inner: Box<dyn Read + Send>,
    meter: Meter,
}

impl Read for Metered {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        self.meter.with(|s| s.add(&out[..n]));
        Ok(n)
    }
}

/// What the first bytes say that a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    None,
    Gzip,
    Zstd,
    /// A ZIP archive: a workbook, or nothing that we read.
    Zip,
    Parquet,
}

pub(super) fn wrapping(beginning: &[u8]) -> Wrapping {
    match beginning {
        [0x1f, 0x8b, 8, ..] => Wrapping::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Wrapping::Zstd,
        [b'P', b'K', 3, 4, ..] => Wrapping::Zip,
        [b'P', b'A', b'R', b'1', ..] => Wrapping::Parquet,
        _ => Wrapping::None,
    }
}

/// Unpacks gzip (all members) and zstd (all frames, windows up to 128 MiB).
pub(super) fn unpack(
    wrapping: Wrapping,
    input: impl Read + Send + 'static,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match wrapping {
        Wrapping::Gzip => Box::new(flate2::read::MultiGzDecoder::new(BufReader::with_capacity(
            1 << 17,
            input,
        ))),
        Wrapping::Zstd => Box::new(zstd::Decoder::new(input)?),
        _ => Box::new(input),
    })
}
