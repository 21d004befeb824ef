//! The exact vocabulary: which features a model knows, as a `tokenizer.json` that the `tokenizers` crate loads.
//! Law: ids are ordered by number of texts (most first), then by name, so the same texts give the same ids.

use rustc_hash::FxHashMap;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::{Tokenizer, pre_tokenizers::whitespace::WhitespaceSplit};

use super::enumerate::{FeatureSpec, Folded, key_of, signal_key, signal_name};
use super::{Features, Lexicon, unit_scale};
use crate::cues::Signal;
use crate::segment::Segments;

/// Name of id 0 in `tokenizer.json`; never produced by a text.
const UNKNOWN: &str = "[UNK]";

/// Feature keys and their ids, in an open-addressing table of at most half load.
pub struct Vocabulary {
    spec: FeatureSpec,
    lexicon: Lexicon,
    names: Vec<String>,
    /// Inverse document frequency of each id, `ln((1 + N) / (1 + n)) + 1`.
    idf: Vec<f32>,
    slots: Vec<Slot>,
    mask: usize,
}

#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    key: u64,
    id: u32,
    /// As in `Vocabulary::idf`: here it comes with the lookup.
    idf: f32,
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
        let n = f64::from(self.n_texts) + 1.0;
        let rarity = |count: u32| match self.spec.idf {
            true => ((n / (f64::from(count) + 1.0)).ln() + 1.0) as f32,
            false => 1.0,
        };
        let mut idf = vec![0.0];
        let mut names = vec![UNKNOWN.to_owned()];
        for (count, name) in kept {
            idf.push(rarity(count));
            names.push(name);
        }
        Vocabulary::from_names(self.spec, self.lexicon, names, idf)
    }
}

impl Vocabulary {
    fn from_names(
        spec: FeatureSpec,
        lexicon: Lexicon,
        names: Vec<String>,
        idf: Vec<f32>,
    ) -> Vocabulary {
        let size = (names.len() * 2).next_power_of_two().max(16);
        let mut slots = vec![Slot::default(); size];
        let mask = size - 1;
        for (id, name) in names.iter().enumerate().skip(1) {
            let Some(key) = key_of(name) else { continue };
            let mut at = home(key, mask);
            // Two names with one 64-bit key: the more frequent one keeps it.
            while slots[at].id != 0 && slots[at].key != key {
                at = (at + 1) & mask;
            }
            if slots[at].id == 0 {
                slots[at] = Slot {
                    key,
                    id: id as u32,
                    idf: idf[id],
                };
            }
        }
        Vocabulary {
            spec,
            lexicon,
            names,
            idf,
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

    /// Inverse document frequency by id, as a bundle keeps it.
    pub fn idf(&self) -> &[f32] {
        &self.idf
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
        out.weights.clear();
        out.signals.clear();
        if self.spec.signals {
            let known = signals.iter().filter_map(|s| self.find(signal_key(*s)));
            out.signals.extend(known.map(|slot| slot.id));
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
        scratch.times.resize(self.names.len(), 0);
        let mut square = 0.0;
        for &(key, first, end) in keys.iter() {
            if let Some(slot) = self.find(key) {
                let times = &mut scratch.times[slot.id as usize];
                let before = frequency(*times);
                *times = times.saturating_add(1);
                let now = frequency(*times);
                out.ids.push(slot.id);
                out.weights.push((now - before) * slot.idf);
                square += (now * now - before * before) * slot.idf * slot.idf;
                out.spans.push(scratch.folded.within_words(first, end));
            }
        }
        for id in &out.ids {
            scratch.times[*id as usize] = 0;
        }
        out.scale = unit_scale(square);
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
    fn find(&self, key: u64) -> Option<Slot> {
        let mut at = home(key, self.mask);
        loop {
            let slot = self.slots[at];
            if slot.id == 0 {
                return None;
            }
            if slot.key == key {
                return Some(slot);
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
        idf: Vec<f32>,
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
        if idf.len() != names.len() || idf.iter().any(|v| !v.is_finite()) {
            return Err(format!(
                "{} weights for {} features",
                idf.len(),
                names.len()
            ));
        }
        Ok(Vocabulary::from_names(spec, lexicon, names, idf))
    }
}

/// Memory reused from text to text.
#[derive(Default)]
pub struct Scratch {
    folded: Folded,
    keys: Vec<(u64, u32, u32)>,
    /// How often each id stood in the text so far; all 0 between texts.
    times: Vec<u16>,
}

/// `1 + ln n`: the tenth time says little more than the ninth.
#[inline(always)]
fn frequency(times: u16) -> f32 {
    match times {
        0 => 0.0,
        1 => 1.0,
        n => 1.0 + f32::from(n).ln(),
    }
}

#[inline(always)]
fn home(key: u64, mask: usize) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize & mask
}
