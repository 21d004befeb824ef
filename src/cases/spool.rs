//! The tellings of one run, as the run leaves them: files of records in the order of the inputs.
//! Law: a file cut short is an error; a receipt that stands there twice is taken once.

use std::collections::HashSet;
use std::path::Path;

use rustc_hash::FxBuildHasher;

use super::store::damaged;
use super::telling::{Head, Key, Telling};
use crate::error::{Error, Result};

fn read(path: &Path) -> Result<Vec<u8>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes),
        // A partition to which nothing was appended.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(Error::io(path, "cannot be read", e)),
    }
}

/// Calls `visit` with each record, its length taken off; false from it means damage.
fn records(path: &Path, bytes: &[u8], mut visit: impl FnMut(&[u8]) -> bool) -> Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let record = rest
            .split_first_chunk::<4>()
            .and_then(|(len, more)| more.split_at_checked(u32::from_le_bytes(*len) as usize));
        let Some((record, more)) = record else {
            return Err(damaged(path));
        };
        if !visit(record) {
            return Err(damaged(path));
        }
        rest = more;
    }
    Ok(())
}

/// Days of receipt in a spool file, `night` for records without one.
pub fn days(path: &Path, night: i32, visit: &mut dyn FnMut(i32)) -> Result<()> {
    records(path, &read(path)?, |record| {
        let head = Head::of(record);
        head.inspect(|h| visit(h.day.unwrap_or(night))).is_some()
    })
}

/// All tellings of a spool file, each receipt once, by link, then by time of receipt, then in the order of the inputs.
pub fn tellings(path: &Path, night: i32) -> Result<Vec<Telling>> {
    let mut all: Vec<Telling> = Vec::new();
    records(path, &read(path)?, |record| {
        let telling = Telling::decode(record);
        telling.map(|t| all.push(t)).is_some()
    })?;
    all.sort_by_key(|t| (t.link, t.day.unwrap_or(night), t.second, t.order()));
    let mut seen: HashSet<Key, FxBuildHasher> = HashSet::default();
    all.retain(|t| seen.insert(t.key));
    Ok(all)
}
