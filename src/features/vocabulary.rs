//! The exact vocabulary: which features a model knows, as a `tokenizer.json` that the `tokenizers` crate loads.
//! Law: ids are ordered by number of texts (most first), then by name, so the same texts give the same ids.

use rustc_hash::FxHashMap;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::{Tokenizer, pre_tokenizers::whitespace::WhitespaceSplit};

use super::enumerate::{FeatureSpec, Folded, key_of, signal_key, signal_name};
use super::{Features, Lexicon};
use crate::cues::Signal;
use crate::segment::Segments;

/// Name of id 0 in `tokenizer.json`; never produced by a text.
const UNKNOWN: &str = "[UNK]";

/// Feature keys and their ids, in an open-addressing table of at most half load.
pub struct Vocabulary {
    spec: FeatureSpec,
    lexicon: Lexicon,
    names: Vec<String>,
    slots: Vec<(u64, u32)>,
    mask: usize,
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vocabulary({} features)", self.names.len())
    }
}

/// Counts features over training texts; `finish` gives the vocabulary.
pub struct VocabularyFit {
    spec: FeatureSpec,
    lexicon: Lexicon,
    folded: Folded,
    seen: FxHashMap<u64, (u32, u32, String)>,
    n_texts: u32,
}

impl VocabularyFit {
    pub fn new(spec: FeatureSpec, lexicon: Lexicon) -> Self {
        VocabularyFit {
            spec,
            lexicon,
            folded: Folded::default(),
            seen: FxHashMap::default(),
            n_texts: 0,
        }
    }

    pub fn add(&mut self, segments: &Segments<'_>, signals: &[Signal<'_>]) {
        self.n_texts += 1;
        let n_texts = self.n_texts;
        self.folded.read(segments);
        let (folded, seen, lexicon) = (&self.folded, &mut self.seen, &self.lexicon);
        let mut count = |key: u64, name: &dyn Fn() -> String| {
            let (count, last, _) = seen.entry(key).or_insert_with(|| (0, 0, name()));
            if *last != n_texts {
                *last = n_texts;
                *count += 1;
            }
        };
        folded.visit(&self.spec, lexicon, |key, kind, first, end| {
            count(key, &|| folded.name(lexicon, kind, first, end));
        });
        if self.spec.signals {
            for &signal in signals {
                count(signal_key(signal), &|| signal_name(signal));
            }
        }
    }

    pub fn finish(self) -> Vocabulary {
        let mut kept: Vec<(u32, String)> = self
            .seen
            .into_values()
            .filter(|(count, ..)| *count >= self.spec.min_count)
            .map(|(count, _, name)| (count, name))
            .collect();
        kept.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        kept.truncate(self.spec.max_features);
        let names = std::iter::once(UNKNOWN.to_owned())
            .chain(kept.into_iter().map(|(_, name)| name))
            .collect();
        Vocabulary::from_names(self.spec, self.lexicon, names)
    }
}

impl Vocabulary {
    fn from_names(spec: FeatureSpec, lexicon: Lexicon, names: Vec<String>) -> Vocabulary {
        let size = (names.len() * 2).next_power_of_two().max(16);
        let mut slots = vec![(0, 0); size];
        let mask = size - 1;
        for (id, name) in names.iter().enumerate().skip(1) {
            let Some(key) = key_of(name) else { continue };
            let mut at = home(key, mask);
            // Two names with one 64-bit key: the more frequent one keeps it.
            while slots[at].1 != 0 && slots[at].0 != key {
                at = (at + 1) & mask;
            }
            if slots[at].1 == 0 {
                slots[at] = (key, id as u32);
            }
        }
        Vocabulary {
            spec,
            lexicon,
            names,
            slots,
            mask,
        }
    }

    /// Number of rows an embedding table needs, the unknown row 0 included.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.len() <= 1
    }

    pub fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    pub fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    /// Readable name of a feature, such as `w/退款`.
    pub fn name(&self, id: u32) -> &str {
        self.names.get(id as usize).map_or(UNKNOWN, String::as_str)
    }

    /// Reads the features of one text into `out`, reusing its memory.
    pub fn apply_into(
        &self,
        segments: &Segments<'_>,
        signals: &[Signal<'_>],
        scratch: &mut Scratch,
        out: &mut Features,
    ) {
        out.ids.clear();
        out.signals.clear();
        if self.spec.signals {
            let known = signals.iter().filter_map(|s| self.find(signal_key(*s)));
            out.signals.extend(known);
        }
        out.spans.clear();
        scratch.keys.clear();
        scratch.folded.read(segments);
        let keys = &mut scratch.keys;
        scratch
            .folded
            .visit(&self.spec, &self.lexicon, |key, _, first, end| {
                keys.push((key, first, end))
            });
        out.n_seen = keys.len() as u32;
        for &(key, first, end) in keys.iter() {
            if let Some(id) = self.find(key) {
                out.ids.push(id);
                out.spans.push(scratch.folded.within_words(first, end));
            }
        }
        out.words.clear();
        out.words.extend_from_slice(scratch.folded.words());
        out.n_chars = scratch.folded.n_chars() as u32;
    }

    pub fn apply(&self, segments: &Segments<'_>, signals: &[Signal<'_>]) -> Features {
        let mut out = Features::default();
        self.apply_into(segments, signals, &mut Scratch::default(), &mut out);
        out
    }

    #[inline(always)]
    fn find(&self, key: u64) -> Option<u32> {
        let mut at = home(key, self.mask);
        loop {
            let (found, id) = self.slots[at];
            if id == 0 {
                return None;
            }
            if found == key {
                return Some(id);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// The vocabulary as the JSON text of a Hugging Face tokenizer (word level, whitespace split).
    pub fn to_tokenizer_json(&self) -> Result<String, String> {
        let vocab = self
            .names
            .iter()
            .enumerate()
            .map(|(id, name)| (name.clone(), id as u32))
            .collect();
        let model = WordLevel::builder()
            .vocab(vocab)
            .unk_token(UNKNOWN.to_owned())
            .build()
            .map_err(|e| e.to_string())?;
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(WhitespaceSplit));
        tokenizer.to_string(false).map_err(|e| e.to_string())
    }

    /// Reads what `to_tokenizer_json` wrote; ids must be 0..n without gaps.
    pub fn from_tokenizer_json(
        json: &[u8],
        spec: FeatureSpec,
        lexicon: Lexicon,
    ) -> Result<Vocabulary, String> {
        let tokenizer = Tokenizer::from_bytes(json).map_err(|e| e.to_string())?;
        let vocab = tokenizer.get_vocab(true);
        let mut names = vec![None; vocab.len()];
        for (name, id) in vocab {
            *names
                .get_mut(id as usize)
                .ok_or_else(|| format!("id {id} is beyond the vocabulary"))? = Some(name);
        }
        let names: Vec<String> = names
            .into_iter()
            .collect::<Option<_>>()
            .ok_or("ids are not 0..n without gaps")?;
        if names.first().map(String::as_str) != Some(UNKNOWN) {
            return Err(format!("id 0 is not {UNKNOWN}"));
        }
        Ok(Vocabulary::from_names(spec, lexicon, names))
    }
}

/// Memory reused from text to text.
#[derive(Default)]
pub struct Scratch {
    folded: Folded,
    keys: Vec<(u64, u32, u32)>,
}

#[inline(always)]
fn home(key: u64, mask: usize) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize & mask
}
