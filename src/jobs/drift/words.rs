//! Segmented texts in, runs of segments that hold together and that the model has never seen out.
//! Law: a phrase is told only if many texts have it; masks are never part of one; memory is bounded.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use crate::features::Vocabulary;
use crate::segment::Segments;

/// Segments that a phrase may have, and characters.
const MOST_SEGMENTS: usize = 4;
const MOST_CHARS: usize = 8;
/// Fewer texts prove nothing; chosen.
const LEAST_TEXTS: u32 = 5;
/// How much more often the parts stand together than by chance (logarithm), and how free its neighbours must be (nats); chosen.
const LEAST_COHESION: f64 = 3.0;
const LEAST_FREEDOM: f64 = 1.0;
/// A segment that makes up more of all text than this is a word of every day, and no part of a new one; chosen.
const COMMON_SHARE: f64 = 0.0005;
/// Neighbours counted on each side.
const MOST_NEIGHBOURS: usize = 8;
/// Phrases held in memory; the rarest are forgotten beyond it.
const MOST_HELD: usize = 1_000_000;

/// A phrase that the model does not know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct NewWord {
    pub word: String,
    pub n_texts: u32,
    /// Its segments today.
    pub cut: String,
}

#[derive(Default)]
struct Held {
    n_texts: u32,
    n: u32,
    /// The text that it was last counted in.
    last: u32,
    left: FxHashMap<String, u32>,
    right: FxHashMap<String, u32>,
}

/// Counts of phrases and of their parts.
pub(super) struct Phrases {
    known: FxHashSet<String>,
    held: FxHashMap<Vec<String>, Held>,
    single: FxHashMap<String, u32>,
    n_segments: u64,
    n_texts: u32,
}

impl Phrases {
    pub fn new(vocabulary: &Vocabulary) -> Phrases {
        let names = (1..vocabulary.len() as u32).map(|id| vocabulary.name(id));
        // `w/退款`, `b/申请 退款`, `c/退款`: what stands behind the kind, without borders.
        let plain = names.filter_map(|n| Some(n.split_once('/')?.1.replace([' ', '_'], "")));
        Phrases {
            known: plain.collect(),
            held: FxHashMap::default(),
            single: FxHashMap::default(),
            n_segments: 0,
            n_texts: 0,
        }
    }

    pub fn add(&mut self, segments: &Segments<'_>) {
        self.n_texts += 1;
        let text = segments.clean().text();
        let words: Vec<&str> = segments.words().iter().map(|w| &text[w.range()]).collect();
        for word in words.iter().filter(|w| is_plain(w)) {
            *self.single.entry((*word).to_owned()).or_default() += 1;
            self.n_segments += 1;
        }
        for first in 0..words.len() {
            let mut chars = 0;
            for end in first + 1..=words.len().min(first + MOST_SEGMENTS) {
                let word = words[end - 1];
                chars += word.chars().count();
                if !is_plain(word) || chars > MOST_CHARS {
                    break;
                }
                if end - first < 2 {
                    continue;
                }
                let key: Vec<String> = words[first..end].iter().map(|w| (*w).to_owned()).collect();
                if self.known.contains(&key.concat()) {
                    continue;
                }
                let held = self.held.entry(key).or_default();
                held.n += 1;
                if held.last != self.n_texts {
                    held.last = self.n_texts;
                    held.n_texts += 1;
                }
                let left = first.checked_sub(1).map_or("", |i| words[i]);
                let right = words.get(end).copied().unwrap_or("");
                count(&mut held.left, left);
                count(&mut held.right, right);
            }
        }
        if self.held.len() > MOST_HELD {
            self.held.retain(|_, held| held.n_texts > 1);
        }
    }

    /// The `n` in most texts, longer ones before their parts.
    pub fn new_words(self, n: usize) -> Vec<NewWord> {
        let total = self.n_segments.max(1) as f64;
        let mut found: BTreeMap<String, NewWord> = BTreeMap::new();
        for (key, held) in &self.held {
            if held.n_texts < LEAST_TEXTS {
                continue;
            }
            let share = |w: &String| f64::from(self.single.get(w).copied().unwrap_or(1)) / total;
            let is_number = |w: &String| w.chars().all(|c| c.is_ascii_digit());
            if key.iter().any(|w| share(w) > COMMON_SHARE || is_number(w)) {
                continue;
            }
            // Against its parts independent of each other.
            let together = (f64::from(held.n) / total).ln();
            let apart: f64 = key.iter().map(|w| share(w).ln()).sum();
            let is_free = |side: &FxHashMap<String, u32>| freedom(side) >= LEAST_FREEDOM;
            if together - apart < LEAST_COHESION * (key.len() - 1) as f64
                || !is_free(&held.left)
                || !is_free(&held.right)
            {
                continue;
            }
            let word = key.concat();
            found.insert(
                word.clone(),
                NewWord {
                    word,
                    n_texts: held.n_texts,
                    cut: key.join(" / "),
                },
            );
        }
        let mut all: Vec<NewWord> = found.into_values().collect();
        all.sort_by(|a, b| b.n_texts.cmp(&a.n_texts).then_with(|| a.word.cmp(&b.word)));
        all.truncate(n);
        all
    }
}

/// A few neighbours show that a phrase is free; more are not kept.
fn count(beside: &mut FxHashMap<String, u32>, word: &str) {
    if let Some(n) = beside.get_mut(word) {
        *n += 1;
    } else if beside.len() < MOST_NEIGHBOURS {
        beside.insert(word.to_owned(), 1);
    }
}

/// Letters, digits and Han only: no mask, no mark.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.chars().all(char::is_alphanumeric)
}

/// Entropy of what stands beside, nats; the border of a text counts as a new neighbour each time.
fn freedom(beside: &FxHashMap<String, u32>) -> f64 {
    let n: f64 = beside.values().map(|c| f64::from(*c)).sum();
    beside
        .iter()
        .map(|(word, count)| {
            let c = f64::from(*count);
            match word.is_empty() {
                true => c / n * n.ln(),
                false => -(c / n) * (c / n).ln(),
            }
        })
        .sum()
}
