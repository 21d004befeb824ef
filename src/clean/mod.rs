//! Raw complaint text enters, `CleanText` leaves: one canonical spelling, personal data masked, the customer's turns known.
//! Laws: total (no input fails); idempotent; no matcher finds anything in a masked text; offsets lead back to the raw bytes.
//! Only this room makes a `CleanText`. It does not segment words and it decides nothing about the complaint.

mod mask;
mod normalise;
mod offsets;
mod tables;
#[cfg(test)]
mod tests;
mod turns;

use std::fmt;
use std::ops::Range;
use std::path::Path;

pub use mask::{Mask, MaskKind};
pub use turns::{Speaker, Turn};

use crate::error::Result;

/// Cleans complaint texts by the tables of one `data/clean/` folder; immutable, shared between threads.
pub struct Cleaner {
    normaliser: normalise::Normaliser,
    masker: mask::Masker,
}

impl Cleaner {
    /// Reads the tables of `dir`; `Error::Config` with every fault at once if one of them is wrong.
    pub fn load(dir: &Path) -> Result<Cleaner> {
        let tables = tables::Tables::load(dir)?;
        Ok(Cleaner {
            normaliser: normalise::Normaliser::new(tables.fillers.clone()),
            masker: mask::Masker::new(tables),
        })
    }

    /// Normalises, masks and finds the turns. Never fails, whatever `raw` holds.
    pub fn apply(&self, raw: &str) -> CleanText {
        let normal = self.normaliser.apply(raw);
        let (text, masks, sources) = self.masker.apply(&normal.text, &normal.offsets);
        let turns = self.masker.speakers.turns(&text);
        CleanText {
            text,
            turns,
            masks,
            sources,
            offsets: normal.offsets,
        }
    }
}

/// A complaint ready for the rooms to the right: normalised and masked, whole, the agent's words and the labels included.
#[derive(Clone)]
pub struct CleanText {
    text: String,
    turns: Vec<Turn>,
    masks: Vec<Mask>,
    /// For each mask, what it stands for in the normalised text.
    sources: Vec<Range<usize>>,
    offsets: offsets::Offsets,
}

impl CleanText {
    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Turns in order, not overlapping, labels excluded. A text without speakers is one `Unknown` turn; an empty one has none.
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// Byte ranges of the turns that decide: the customer's and the unknown ones; the whole text if there is none of these.
    pub fn deciding(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let whole = self.turns.iter().all(|t| t.speaker == Speaker::Agent);
        let turns = self.turns.iter().filter(|t| t.speaker != Speaker::Agent);
        whole
            .then_some(0..self.text.len())
            .into_iter()
            .chain(turns.map(|t| t.range.clone()))
    }

    /// Masks in order, those that stood in the raw text included.
    pub fn masks(&self) -> &[Mask] {
        &self.masks
    }

    /// Bytes of the raw text that made bytes `r` of `text()`; covers at least them. `r` is cut to the text.
    pub fn original(&self, r: Range<usize>) -> Range<usize> {
        let end = r.end.min(self.text.len());
        let start = r.start.min(end);
        let normal = |at: usize, upper: bool| {
            let k = self.masks.partition_point(|m| m.range.start < at);
            let Some(k) = k.checked_sub(1) else { return at };
            let (new, old) = (&self.masks[k].range, &self.sources[k]);
            match (at < new.end, upper) {
                (true, true) => old.end,
                (true, false) => old.start,
                _ => old.end + (at - new.end),
            }
        };
        let from = normal(start, false);
        self.offsets.source(from..normal(end, true).max(from))
    }
}

/// Lengths and counts only, never text.
impl fmt::Debug for CleanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CleanText")
            .field("text_bytes", &self.text.len())
            .field("turns", &self.turns.len())
            .field("masks", &self.masks.len())
            .finish()
    }
}
