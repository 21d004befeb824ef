//! What the one pass over a text leaves behind: the places of all words, each with its clause and its sentence.

use super::trie::Char;

/// Where a word of the tables stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Bytes of the text.
    pub start: u32,
    pub end: u32,
    /// Number of the word.
    pub word: u16,
    /// A word of address stands right before it: 跟客服.
    pub addressed: bool,
    /// Number of the clause, from the beginning of the text.
    pub clause: u32,
    /// Number of the sentence, from the beginning of the text; no sentence passes a turn of the customer's.
    pub sentence: u32,
}

impl Place {
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Memory of `Cues::apply`, reused from text to text.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) chars: Vec<Char>,
    pub(super) places: Vec<Place>,
    /// The places of words with a role: cues, units, demands, products.
    pub(super) cues: Vec<u32>,
}
