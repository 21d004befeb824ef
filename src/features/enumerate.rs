//! Names every feature of a text: the one place that says what a feature is, for `fit` and for `apply`.
//! A feature is a 64-bit key; its readable name is made only when a vocabulary is fitted or shown.

use serde::{Deserialize, Serialize};

use crate::cues::Signal;
use crate::features::lexicon::Seen;
use crate::features::{Lexicon, WordSpan};
use crate::segment::{Segments, WordKind};

/// Which features a model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSpec {
    /// Longest word n-gram: 1 or 2.
    pub word_ngram: u8,
    /// Longest character n-gram: 0 (none) to 4.
    pub char_ngram: u8,
    /// Whether the concepts of the lexicon are features.
    pub lexicon: bool,
    /// Whether the signals of `cues` are features.
    pub signals: bool,
    /// Whether rare features weigh more than frequent ones.
    pub idf: bool,
    /// A feature must stand in at least this many training texts.
    pub min_count: u32,
    /// At most this many features are kept, the most frequent first.
    pub max_features: usize,
}

impl Default for FeatureSpec {
    fn default() -> Self {
        FeatureSpec {
            word_ngram: 1,
            char_ngram: 2,
            lexicon: true,
            signals: true,
            idf: true,
            min_count: 2,
            max_features: 80_000,
        }
    }
}

/// What kind of feature a key stands for; the letter opens its name in the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureKind {
    Word,
    Bigram,
    Chars,
    /// Number of the concept, and which distinct word of it stands there: 1, 2 or 3.
    Concept(u16, u8),
}

/// The deciding characters of one text, folded, with word borders; reused between texts.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// Folded code points; `BORDER` where an n-gram may not pass.
    chars: Vec<u32>,
    words: Vec<WordSpan>,
}

/// Stands for punctuation, spaces, masks, turn borders and the ends of the text; no word holds it.
const BORDER: u32 = '_' as u32;

impl Folded {
    /// Lower-cases ASCII and maps every digit to `0`, so that 3500 and 4800 are one shape.
    pub(super) fn read(&mut self, segments: &Segments<'_>) {
        self.chars.clear();
        self.words.clear();
        let text = segments.clean().text();
        let mut last_end = None;
        for word in segments.words() {
            if last_end != Some(word.start) {
                self.border();
            }
            last_end = Some(word.end);
            if word.kind != WordKind::Text {
                self.border();
                continue;
            }
            let first = self.chars.len() as u32;
            for c in text[word.range()].chars() {
                self.chars.push(fold(c));
            }
            self.words.push(WordSpan {
                chars: (first, self.chars.len() as u32),
                bytes: (word.start, word.end),
            });
        }
        self.border();
    }

    fn border(&mut self) {
        if self.chars.last() != Some(&BORDER) {
            self.chars.push(BORDER);
        }
    }

    /// The range without the borders at its ends: evidence belongs to words.
    pub(super) fn within_words(&self, first: u32, end: u32) -> (u32, u32) {
        let border = |i: u32| u32::from(self.chars[i as usize] == BORDER);
        (first + border(first), end - border(end - 1))
    }

    pub(super) fn words(&self) -> &[WordSpan] {
        &self.words
    }

    pub(super) fn n_chars(&self) -> usize {
        self.chars.len()
    }

    /// Calls `visit(key, kind, first_char, end_char)` for every feature, words first, in text order.
    pub(super) fn visit(
        &self,
        spec: &FeatureSpec,
        lexicon: &Lexicon,
        concepts: &mut Seen,
        mut visit: impl FnMut(u64, FeatureKind, u32, u32),
    ) {
        let mut before: Option<(u64, WordSpan)> = None;
        for word in &self.words {
            let (first, end) = word.chars;
            let key = self.chars[first as usize..end as usize]
                .iter()
                .fold(WORD_SEED, |key, &c| step(key, c));
            visit(finish(key), FeatureKind::Word, first, end);
            if spec.word_ngram >= 2
                && let Some((left, span)) = before
                && span.chars.1 == first
            {
                let key = step(left ^ BIGRAM_SEED, 0xffff) ^ key.rotate_left(23);
                visit(finish(key), FeatureKind::Bigram, span.chars.0, end);
            }
            before = Some((key, *word));
        }
        let longest = spec.char_ngram as usize;
        for first in 0..self.chars.len() {
            let mut key = CHARS_SEED;
            for (i, &c) in self.chars[first..].iter().take(longest).enumerate() {
                key = step(key, c);
                if c == BORDER && i == 0 {
                    continue;
                }
                visit(
                    finish(key),
                    FeatureKind::Chars,
                    first as u32,
                    (first + i + 1) as u32,
                );
                // A border ends an n-gram: what stands behind it belongs to another clause.
                if c == BORDER {
                    break;
                }
            }
        }
        if spec.lexicon {
            lexicon.visit(&self.chars, concepts, |concept, rank, first, end| {
                let key = lexicon.key(concept, rank);
                visit(key, FeatureKind::Concept(concept, rank), first, end);
            });
        }
    }

    /// The readable name of a feature that stands in the text, unique per key: `w/退款`, `b/申请 退款`, `c/退款`, `x/催收 2`.
    pub(super) fn name(
        &self,
        lexicon: &Lexicon,
        kind: FeatureKind,
        first: u32,
        end: u32,
    ) -> String {
        let text = |a: u32, b: u32| {
            self.chars[a as usize..b as usize]
                .iter()
                .filter_map(|&c| char::from_u32(c))
                .collect::<String>()
        };
        match kind {
            FeatureKind::Word => format!("w/{}", text(first, end)),
            FeatureKind::Chars => format!("c/{}", text(first, end)),
            FeatureKind::Concept(concept, rank) => lexicon.name(concept, rank),
            FeatureKind::Bigram => {
                let middle = self
                    .words
                    .iter()
                    .find(|w| w.chars.0 == first)
                    .map_or(end, |w| w.chars.1);
                format!("b/{} {}", text(first, middle), text(middle, end))
            }
        }
    }
}

/// Key of a signal's feature.
pub(super) fn signal_key(signal: Signal<'_>) -> u64 {
    finish(text_key(step(SIGNAL_SEED, signal.kind as u32), signal.name))
}

/// Vocabulary name of a signal's feature: `r/fraud.recent`.
pub(super) fn signal_name(signal: Signal<'_>) -> String {
    format!("{}/{}", signal.kind, signal.name)
}

/// The key of a feature from its vocabulary name; the inverse of `Folded::name`.
pub(super) fn key_of(name: &str) -> Option<u64> {
    let word = |s: &str| text_key(WORD_SEED, s);
    match name.get(..2)? {
        "w/" => Some(finish(word(&name[2..]))),
        "c/" => Some(finish(text_key(CHARS_SEED, &name[2..]))),
        "b/" => {
            let (left, right) = name[2..].split_once(' ')?;
            let key = step(word(left) ^ BIGRAM_SEED, 0xffff) ^ word(right).rotate_left(23);
            Some(finish(key))
        }
        // Concepts (`x/`) are named like signals.
        _ => {
            let (kind, name) = name.split_once('/')?;
            let kind = kind.chars().next()?;
            Some(signal_key(Signal { kind, name }))
        }
    }
}

pub(super) fn fold(c: char) -> u32 {
    match c {
        '0'..='9' => u32::from('0'),
        'A'..='Z' => u32::from(c.to_ascii_lowercase()),
        _ => c as u32,
    }
}

const WORD_SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const BIGRAM_SEED: u64 = 0xc2b2_ae3d_27d4_eb4f;
const CHARS_SEED: u64 = 0x1656_67b1_9e37_79f9;
const SIGNAL_SEED: u64 = 0x1656_67c5_85eb_ca6b;
pub(super) const CONCEPT_SEED: u64 = 0x27d4_eb2f_1656_67c5;

#[inline(always)]
pub(super) fn step(key: u64, c: u32) -> u64 {
    (key.rotate_left(7) ^ u64::from(c)).wrapping_mul(0x9fb2_1c65_1e98_df25)
}

fn text_key(seed: u64, text: &str) -> u64 {
    text.chars().fold(seed, |key, c| step(key, c as u32))
}

#[inline(always)]
fn finish(key: u64) -> u64 {
    key ^ (key >> 29)
}
