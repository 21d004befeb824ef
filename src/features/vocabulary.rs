//! The exact vocabulary: which features a model knows, as a `tokenizer.json` that the `tokenizers` crate loads.
//! Law: ids are ordered by number of texts (most first), then by name, so the same texts give the same ids.

use rustc_hash::{FxHashMap, FxHashSet};
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::{Tokenizer, pre_tokenizers::whitespace::WhitespaceSplit};

use super::enumerate::{FeatureSpec, Folded, key_of, signal_key, signal_name};
use super::lexicon::Seen;
use super::{Features, Lexicon, unit_scale};
use crate::cues::Signal;
use crate::segment::Segments;

/// Name of id 0 in `tokenizer.json`; never produced by a text.
const UNKNOWN: &str = "[UNK]";

/// Feature keys and their ids, in an open-addressing table of at most two thirds load.
#[derive(Clone)]
pub struct Vocabulary {
    spec: FeatureSpec,
    lexicon: Lexicon,
    names: Vec<String>,
    /// Inverse document frequency of each id, `ln((1 + N) / (1 + n)) + 1`.
    idf: Vec<f32>,
    slots: Slots,
    /// `frequency` of small counts.
    frequencies: [f32; 64],
}

/// An open-addressing table of keys.
#[derive(Clone)]
struct Slots {
    slots: Vec<Slot>,
    /// How far a hash is shifted to be a place.
    shift: u32,
}

/// What comes with one read of memory; id 0 where nothing stands.
#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    key: u64,
    id: u32,
    /// As in `Vocabulary::idf`.
    idf: f32,
}

impl Slots {
    /// Room for `n` keys.
    fn new(n: usize) -> Slots {
        let size = (n + n / 2).next_power_of_two().max(16);
        Slots {
            slots: vec![Slot::default(); size],
            shift: 64 - size.trailing_zeros(),
        }
    }

    #[inline(always)]
    fn home(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    /// Where `key` would stand first.
    #[inline(always)]
    fn first(&self, key: u64) -> Slot {
        self.slots[self.home(key)]
    }

    /// A key that stands already stays as it is.
    fn insert(&mut self, slot: Slot) {
        let mut at = self.home(slot.key);
        while self.slots[at].id != 0 {
            if self.slots[at].key == slot.key {
                return;
            }
            at = (at + 1) % self.slots.len();
        }
        self.slots[at] = slot;
    }

    /// The slot of `key`, whose `first` slot was read.
    #[inline(always)]
    fn find_from(&self, first: Slot, key: u64) -> Option<Slot> {
        if first.key == key {
            return (first.id != 0).then_some(first);
        }
        let mut slot = first;
        let mut at = self.home(key);
        while slot.id != 0 {
            at = (at + 1) & (self.slots.len() - 1);
            slot = self.slots[at];
            if slot.key == key {
                return (slot.id != 0).then_some(slot);
            }
        }
        None
    }

    fn find(&self, key: u64) -> Option<Slot> {
        self.find_from(self.first(key), key)
    }
}

/// How often each id stood in one text so far: a small table that stays in the nearest cache.
#[derive(Default)]
struct Times {
    /// (id, count); id 0 where nothing stands.
    slots: Vec<(u32, u16)>,
    used: Vec<u32>,
}

impl Times {
    /// Begins a text of at most `n` features.
    fn begin(&mut self, n: usize) {
        for at in self.used.drain(..) {
            self.slots[at as usize] = (0, 0);
        }
        let size = (2 * n).next_power_of_two().max(64);
        if self.slots.len() < size {
            self.slots.resize(size, (0, 0));
        }
    }

    /// Counts `id` once more; returns how often it stood before.
    #[inline(always)]
    fn add(&mut self, id: u32) -> u16 {
        let mask = self.slots.len() - 1;
        let mut at = id as usize & mask;
        loop {
            let slot = &mut self.slots[at];
            if slot.0 == id {
                let before = slot.1;
                slot.1 = before.saturating_add(1);
                return before;
            }
            if slot.0 == 0 {
                *slot = (id, 1);
                self.used.push(at as u32);
                return 0;
            }
            at = (at + 1) & mask;
        }
    }
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
    concepts: Seen,
    seen: FxHashMap<u64, (u32, u32, String)>,
    n_texts: u32,
}

impl VocabularyFit {
    pub fn new(spec: FeatureSpec, lexicon: Lexicon) -> Self {
        VocabularyFit {
            spec,
            lexicon,
            folded: Folded::default(),
            concepts: Seen::default(),
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
        let concepts = &mut self.concepts;
        folded.visit(&self.spec, lexicon, concepts, |key, kind, first, end| {
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
        let mut slots = Slots::new(names.len());
        // Two names with one key: the more frequent one, which comes first, keeps it.
        for ((id, name), &idf) in (0u32..).zip(&names).zip(&idf).skip(1) {
            if let Some(key) = key_of(name) {
                slots.insert(Slot { key, id, idf });
            }
        }
        Vocabulary {
            spec,
            lexicon,
            names,
            idf,
            slots,
            frequencies: std::array::from_fn(|n| frequency(n as u16)),
        }
    }

    /// This vocabulary, its ids unchanged, and behind it what `more` has besides.
    ///
    /// `n_texts`, `n_more`: texts behind either. What only `more` knows stood in none of the others, and is as rare.
    pub fn extended(&self, more: &Vocabulary, n_texts: usize, n_more: usize) -> Vocabulary {
        let known: FxHashSet<&str> = self.names.iter().map(String::as_str).collect();
        let (mut names, mut idf) = (self.names.clone(), self.idf.clone());
        let rarer = ((n_texts + n_more + 1) as f64 / (n_more + 1) as f64).ln() as f32;
        for (name, own) in more.names.iter().zip(&more.idf) {
            if !known.contains(name.as_str()) {
                names.push(name.clone());
                idf.push(if self.spec.idf { own + rarer } else { 1.0 });
            }
        }
        Vocabulary::from_names(self.spec, self.lexicon.clone(), names, idf)
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
        out.signals.clear();
        if self.spec.signals {
            let known = signals
                .iter()
                .filter_map(|s| self.slots.find(signal_key(*s)));
            out.signals.extend(known.map(|slot| slot.id));
        }
        scratch.keys.clear();
        scratch.folded.read(segments);
        let keys = &mut scratch.keys;
        scratch.folded.visit(
            &self.spec,
            &self.lexicon,
            &mut scratch.concepts,
            |key, _, first, end| keys.push((key, first, end)),
        );
        out.n_seen = keys.len() as u32;
        scratch.times.begin(keys.len());
        // Reads that do not wait for each other come first: most of them miss the caches.
        scratch.firsts.clear();
        scratch
            .firsts
            .extend(keys.iter().map(|(key, ..)| self.slots.first(*key)));
        let n_keys = keys.len();
        out.ids.resize(n_keys, 0);
        out.weights.resize(n_keys, 0.0);
        out.spans.resize(n_keys, (0, 0));
        let (mut square, mut n) = (0.0, 0);
        for (&(key, first, end), &slot) in keys.iter().zip(&scratch.firsts) {
            if let Some(Slot { id, idf, .. }) = self.slots.find_from(slot, key) {
                let times = scratch.times.add(id);
                let before = self.frequency(times);
                let now = self.frequency(times.saturating_add(1));
                out.ids[n] = id;
                out.weights[n] = (now - before) * idf;
                out.spans[n] = scratch.folded.within_words(first, end);
                square += (now * now - before * before) * idf * idf;
                n += 1;
            }
        }
        out.ids.truncate(n);
        out.weights.truncate(n);
        out.spans.truncate(n);
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
    fn frequency(&self, times: u16) -> f32 {
        let known = self.frequencies.get(usize::from(times));
        known.copied().unwrap_or_else(|| frequency(times))
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
    /// The first slot of each key.
    firsts: Vec<Slot>,
    concepts: Seen,
    times: Times,
}

/// `1 + ln n`: the tenth time says little more than the ninth.
fn frequency(times: u16) -> f32 {
    match times {
        0 => 0.0,
        1 => 1.0,
        n => 1.0 + f32::from(n).ln(),
    }
}
