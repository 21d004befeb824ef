//! The lexicon of the trade, `lexicon.toml`: which words speak of one thing (催收 催债 要账 讨债).
//! A concept is a feature of its own, so a text may use a word that no training text had.

use std::collections::BTreeMap;
use std::path::Path;

use rustc_hash::FxHashMap;

use super::enumerate::{CONCEPT_SEED, fold, key_of, step};
use crate::error::Fault;

/// Distinct words of one concept that still count: one, two, three and more.
pub(super) const MOST: usize = 3;

/// How an entry is written.
const ENTRY: &str = "write \"concept\" = \"word word …\"";

/// Concepts and their words, as a trie of hashed prefixes over folded characters.
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    source: String,
    names: Vec<String>,
    /// Feature keys by concept and rank.
    keys: Vec<[u64; MOST]>,
    prefixes: FxHashMap<u64, Prefix>,
    /// Characters that open a word, one bit each, by their lower sixteen bits.
    openings: Vec<u64>,
}

/// Words of concepts met in one text, each once; memory reused from text to text.
pub(super) type Seen = Vec<(u16, u64)>;

#[derive(Debug, Clone, Default)]
struct Prefix {
    /// A longer word begins like this.
    goes_on: bool,
    /// Concepts of which this is a whole word.
    concepts: Vec<u16>,
}

impl Lexicon {
    /// Reads `concept = "word word …"` lines; `path` is named in faults.
    pub fn parse(source: &str, path: &Path, faults: &mut Vec<Fault>) -> Lexicon {
        let table: BTreeMap<String, String> = toml::from_str(source).unwrap_or_else(|e| {
            faults.push(Fault::toml(path, source, &e, ENTRY));
            BTreeMap::new()
        });
        let mut lexicon = Lexicon {
            source: source.to_owned(),
            ..Lexicon::default()
        };
        for (name, words) in table {
            if name.contains(char::is_whitespace) || words.trim().is_empty() {
                faults.push(Fault::new(
                    path,
                    0,
                    format!("concept `{name}` has a space in its name, or no words"),
                    ENTRY,
                ));
                continue;
            }
            let concept = lexicon.names.len() as u16;
            for word in words.split_whitespace() {
                lexicon.add(word, concept);
            }
            lexicon.keys.push([1, 2, 3].map(|rank| {
                // A name of this form always has a key.
                key_of(&format!("x/{name} {rank}")).unwrap_or_default()
            }));
            lexicon.names.push(name);
        }
        lexicon
    }

    fn add(&mut self, word: &str, concept: u16) {
        let mut key = CONCEPT_SEED;
        let mut chars = word.chars().peekable();
        if let Some(&c) = chars.peek() {
            self.openings.resize(1 << 10, 0);
            let (word, bit) = place(fold(c));
            self.openings[word] |= bit;
        }
        while let Some(c) = chars.next() {
            key = step(key, fold(c));
            let prefix = self.prefixes.entry(key).or_default();
            if chars.peek().is_some() {
                prefix.goes_on = true;
            } else if !prefix.concepts.contains(&concept) {
                prefix.concepts.push(concept);
            }
        }
    }

    /// The text that was read, as it is kept in a bundle.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Vocabulary name of a concept's feature: `x/催收 2` for its second distinct word.
    pub(super) fn name(&self, concept: u16, rank: u8) -> String {
        format!("x/{} {rank}", self.names[usize::from(concept)])
    }

    pub(super) fn key(&self, concept: u16, rank: u8) -> u64 {
        self.keys[usize::from(concept)][usize::from(rank) - 1]
    }

    /// Calls `visit(concept, rank, first, end)` where the first, second and third distinct word of a concept stands;
    /// `rank` is 1, 2 or 3.
    pub(super) fn visit(
        &self,
        chars: &[u32],
        seen: &mut Seen,
        mut visit: impl FnMut(u16, u8, u32, u32),
    ) {
        seen.clear();
        if self.openings.is_empty() {
            return;
        }
        for (first, &opening) in chars.iter().enumerate() {
            let (word, bit) = place(opening);
            if self.openings[word] & bit == 0 {
                continue;
            }
            let mut key = CONCEPT_SEED;
            for (i, &c) in chars[first..].iter().enumerate() {
                key = step(key, c);
                let Some(prefix) = self.prefixes.get(&key) else {
                    break;
                };
                for &concept in &prefix.concepts {
                    let of_it = seen.iter().filter(|(c, _)| *c == concept);
                    let (n, known) =
                        of_it.fold((0, false), |(n, known), (_, k)| (n + 1, known || *k == key));
                    if n < MOST && !known {
                        seen.push((concept, key));
                        let end = (first + i + 1) as u32;
                        visit(concept, n as u8 + 1, first as u32, end);
                    }
                }
                if !prefix.goes_on {
                    break;
                }
            }
        }
    }
}

/// Where the bit of a character stands.
#[inline(always)]
fn place(c: u32) -> (usize, u64) {
    ((c as usize >> 6) & 0x3ff, 1 << (c & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, u32, u32)> {
        let mut faults = Vec::new();
        let source = "\"催收\" = \"催收 催债 第三方催收\"\n\"信用卡\" = \"信用卡 12期\"\n";
        let lexicon = Lexicon::parse(source, Path::new("lexicon.toml"), &mut faults);
        assert_eq!(faults, []);
        let chars: Vec<u32> = text.chars().map(fold).collect();
        let mut out = Vec::new();
        lexicon.visit(&chars, &mut Seen::new(), |concept, rank, first, end| {
            out.push((lexicon.name(concept, rank), first, end));
        });
        out
    }

    #[test]
    fn distinct_words_count_and_repeats_do_not() {
        let of = |name: &str, first, end| (name.to_owned(), first, end);
        assert_eq!(
            found("催收又催收还催债36期"),
            [
                of("x/催收 1", 0, 2),
                of("x/催收 2", 6, 8),
                of("x/信用卡 1", 8, 11)
            ]
        );
        assert_eq!(
            found("第三方催收"),
            [of("x/催收 1", 0, 5), of("x/催收 2", 3, 5)]
        );
        assert_eq!(found("第三方"), []);
        assert_eq!(found(""), []);
    }

    #[test]
    fn faults_name_the_line() {
        let mut faults = Vec::new();
        let path = Path::new("lexicon.toml");
        Lexicon::parse("\"a\" = \"x\"\nb = 3\n", path, &mut faults);
        assert!(
            faults[0].to_string().starts_with("lexicon.toml:2"),
            "{faults:?}"
        );
        faults.clear();
        Lexicon::parse("\"a\" = \" \"\n", path, &mut faults);
        assert_eq!(faults.len(), 1);
    }
}
