//! `Segments` in, `Features` out: words, character n-grams, concepts and signals as ids of an exact vocabulary.
//! Law: `fit` and `apply` enumerate features by the same code; the vocabulary is sorted by count, then name.
//! A feature that the vocabulary does not know is counted, never guessed.

mod enumerate;
mod lexicon;
mod vocabulary;

pub use enumerate::{FeatureKind, FeatureSpec};
pub use lexicon::Lexicon;
pub use vocabulary::{Scratch, Vocabulary, VocabularyFit};

use std::ops::Range;

/// The known features of one complaint, with where each stands.
///
/// Positions are indices into the characters that decide; `word_bytes` maps words back to bytes of `CleanText`.
#[derive(Debug, Default, Clone)]
pub struct Features {
    ids: Vec<u32>,
    weights: Vec<f32>,
    scale: f32,
    signals: Vec<u32>,
    spans: Vec<(u32, u32)>,
    words: Vec<WordSpan>,
    n_chars: u32,
    n_seen: u32,
}

/// One word in characters (index into what decides) and in bytes of `CleanText::text`.
#[derive(Debug, Clone, Copy)]
pub struct WordSpan {
    pub chars: (u32, u32),
    pub bytes: (u32, u32),
}

impl WordSpan {
    pub fn byte_range(&self) -> Range<usize> {
        self.bytes.0 as usize..self.bytes.1 as usize
    }
}

/// The factor that brings weights with this sum of squares to length one; 0 where there are none.
pub(crate) fn unit_scale(square: f32) -> f32 {
    if square > 0.0 {
        1.0 / square.sqrt()
    } else {
        0.0
    }
}

impl Features {
    /// Ids in `0..vocabulary.len()`, one per occurrence, in text order.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// What each id adds to its feature's weight, same order as `ids`; over a text a feature comes to
    /// `(1 + ln occurrences) · idf`.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The factor that brings the features' weights to length one; 0 for a text without features.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Every feature once, with its whole weight, by id.
    pub fn totals(&self) -> Vec<(u32, f32)> {
        let mut all: Vec<(u32, f32)> = self
            .ids
            .iter()
            .copied()
            .zip(self.weights.iter().copied())
            .collect();
        // Stable: the parts of a feature are added in the order of the text.
        all.sort_by_key(|(id, _)| *id);
        all.chunk_by(|a, b| a.0 == b.0)
            .map(|run| (run[0].0, run.iter().map(|(_, w)| w).sum()))
            .collect()
    }

    /// Ids of what is known of the text as a whole, once each, in no place of it.
    pub fn signals(&self) -> &[u32] {
        &self.signals
    }

    /// Character range of each id, same order as `ids`.
    pub fn spans(&self) -> &[(u32, u32)] {
        &self.spans
    }

    /// Words that carry features, in order.
    pub fn words(&self) -> &[WordSpan] {
        &self.words
    }

    /// Number of characters that decide.
    pub fn n_chars(&self) -> usize {
        self.n_chars as usize
    }

    /// Share of the text's features that the vocabulary knows, 0..=1; 0 for a text without features.
    pub fn known_share(&self) -> f32 {
        if self.n_seen == 0 {
            0.0
        } else {
            self.ids.len() as f32 / self.n_seen as f32
        }
    }
}
