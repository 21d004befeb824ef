//! `CleanText` in, windows of token ids out: the site's own tokenizer over the turns that decide.
//! Law: a text gives the same windows whatever stands beside it; their number is bounded.

use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

use crate::clean::CleanText;

/// The special tokens of BERT, in the order of a vocabulary made here.
pub(super) const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// How long texts are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSpec {
    /// Tokens of a window, `[CLS]` and `[SEP]` included.
    pub tokens: usize,
    /// Tokens that neighbouring windows share at least, where there are enough windows.
    pub overlap: usize,
    /// Windows of one text at most; a longer text's windows are spread over it, first and last included.
    pub most: usize,
}

impl Default for WindowSpec {
    /// Chosen, not measured: most complaints fit one window of 128.
    fn default() -> Self {
        WindowSpec {
            tokens: 128,
            overlap: 32,
            most: 8,
        }
    }
}

/// One text as the encoder reads it.
#[derive(Clone, PartialEq)]
pub struct Windows {
    /// At least one; each from `[CLS]` to `[SEP]`.
    pub ids: Vec<Vec<u32>>,
    /// Share of tokens that are not `[UNK]`, 0..=1; 0 for a text without any.
    pub known_share: f32,
}

/// Lengths only: ids can be read back into text.
impl std::fmt::Debug for Windows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lengths: Vec<usize> = self.ids.iter().map(Vec::len).collect();
        write!(f, "Windows({lengths:?})")
    }
}

/// A tokenizer with the ids that the encoder needs by name.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    pub pad: u32,
    unknown: u32,
    first: u32,
    last: u32,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens({})", self.n_rows())
    }
}

impl Tokens {
    /// From a `tokenizer.json`; truncation and padding in it are left out, windows are cut here.
    pub fn from_json(bytes: &[u8]) -> Result<Tokens, String> {
        let tokenizer = Tokenizer::from_bytes(bytes).map_err(|e| e.to_string())?;
        Tokens::new(tokenizer)
    }

    /// From the lines of a `vocab.txt`: BERT's WordPiece, every Chinese character a word of its own.
    pub fn from_vocabulary(text: &str, lowercase: bool) -> Result<Tokens, String> {
        // Of a token that stands twice the last line counts, as in Hugging Face transformers.
        let ids = WordPiece::read_bytes(text.as_bytes()).map_err(|e| e.to_string())?;
        for special in &SPECIAL[..4] {
            if !ids.contains_key(*special) {
                return Err(format!("the token {special} is missing"));
            }
        }
        let model = WordPiece::builder()
            .vocab(ids)
            .unk_token(SPECIAL[1].to_owned())
            .build()
            .map_err(|e| e.to_string())?;
        let mut tokenizer = Tokenizer::new(model);
        let normaliser = BertNormalizer::new(true, true, None, lowercase);
        tokenizer
            .with_normalizer(Some(normaliser))
            .map_err(|e| e.to_string())?
            .with_pre_tokenizer(Some(BertPreTokenizer));
        Tokens::new(tokenizer)
    }

    fn new(mut tokenizer: Tokenizer) -> Result<Tokens, String> {
        tokenizer
            .with_truncation(None)
            .map_err(|e| e.to_string())?
            .with_padding(None);
        let id = |token: &str| {
            tokenizer
                .token_to_id(token)
                .ok_or_else(|| format!("the token {token} is missing"))
        };
        let (pad, unknown, first, last) = (
            id(SPECIAL[0])?,
            id(SPECIAL[1])?,
            id(SPECIAL[2])?,
            id(SPECIAL[3])?,
        );
        Ok(Tokens {
            tokenizer,
            pad,
            unknown,
            first,
            last,
        })
    }

    pub fn to_json(&self) -> Result<String, String> {
        self.tokenizer.to_string(false).map_err(|e| e.to_string())
    }

    /// Rows that the word embeddings must have at least.
    pub fn n_rows(&self) -> usize {
        let ids = self.tokenizer.get_vocab(true).into_values();
        ids.max().map_or(0, |id| id as usize + 1)
    }

    /// Ids of a text without special tokens.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoding = self
            .tokenizer
            .encode_fast(text, false)
            .map_err(|e| e.to_string())?;
        Ok(encoding.get_ids().to_vec())
    }

    pub fn windows(&self, clean: &CleanText, spec: WindowSpec) -> Result<Windows, String> {
        let ids = self.ids(&deciding_text(clean))?;
        let known = ids.iter().filter(|id| **id != self.unknown).count();
        let windows = cut(ids.len(), spec).into_iter().map(|range| {
            let mut window = Vec::with_capacity(range.len() + 2);
            window.push(self.first);
            window.extend_from_slice(&ids[range]);
            window.push(self.last);
            window
        });
        Ok(Windows {
            ids: windows.collect(),
            known_share: known as f32 / ids.len().max(1) as f32,
        })
    }
}

/// The turns that decide, one a line: the same words that the fast model sees.
pub(super) fn deciding_text(clean: &CleanText) -> String {
    let mut text = String::with_capacity(clean.text().len());
    for range in clean.deciding() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&clean.text()[range]);
    }
    text
}

/// Ranges of tokens, evenly spread; only as many as the overlap asks for and the spec allows.
fn cut(n: usize, spec: WindowSpec) -> Vec<std::ops::Range<usize>> {
    let width = spec.tokens - 2;
    if n <= width {
        return std::iter::once(0..n).collect();
    }
    let step = width - spec.overlap;
    let wanted = 1 + (n - width).div_ceil(step);
    let count = wanted.min(spec.most);
    if count < 2 {
        return std::iter::once(0..width).collect();
    }
    (0..count)
        .map(|i| {
            let start = i * (n - width) / (count - 1);
            start..start + width
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_text_and_share_their_edges() {
        let spec = WindowSpec {
            tokens: 34,
            overlap: 8,
            most: 6,
        };
        let bounds = |n, spec| -> Vec<(usize, usize)> {
            cut(n, spec).iter().map(|r| (r.start, r.end)).collect()
        };
        assert_eq!(bounds(0, spec), [(0, 0)]);
        assert_eq!(bounds(32, spec), [(0, 32)]);
        assert_eq!(bounds(33, spec), [(0, 32), (1, 33)]);
        for n in 33..=32 + 5 * 24 {
            let found = cut(n, spec);
            assert_eq!(found[0].start, 0);
            assert_eq!(found.last().map(|r| r.end), Some(n));
            for pair in found.windows(2) {
                assert!(
                    pair[0].end >= pair[1].start + spec.overlap,
                    "{n}: {found:?}"
                );
            }
        }
        let far = cut(100_000, spec);
        assert_eq!((far.len(), far[5].end), (6, 100_000));
        assert_eq!(bounds(100, WindowSpec { most: 1, ..spec }), [(0, 32)]);
    }

    #[test]
    fn a_vocabulary_needs_its_special_tokens() {
        let whole = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n款\nab\n##c\n";
        let tokens = Tokens::from_vocabulary(whole, true).expect("a vocabulary");
        assert_eq!(tokens.ids("款ABC 水").expect("ids"), [5, 6, 7, 1]);
        let again = Tokens::from_json(tokens.to_json().expect("json").as_bytes()).expect("json");
        assert_eq!(again.ids("款ABC 水").expect("ids"), [5, 6, 7, 1]);
        let damaged = Tokens::from_vocabulary("[PAD]\n[UNK]\n[CLS]\n", true);
        assert!(damaged.expect_err("no [SEP]").contains("[SEP]"));
    }
}
