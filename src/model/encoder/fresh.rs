//! An encoder from nothing: a vocabulary of characters from the training texts, and random weights.
//! Law: the same texts and seed give the same vocabulary and weights.

use std::collections::{BTreeMap, HashMap};

use candle_core::{Device, Result, Tensor};

use super::Pretrained;
use super::config::{Activation, EncoderConfig};
use super::tokens::{SPECIAL, Tokens, deciding_text};
use crate::clean::CleanText;
use crate::model::Seed;

/// Shape of a new encoder, written `layers=2,hidden=128,heads=2,inner=512,positions=256,min-count=2`.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEncoder {
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub inner: usize,
    pub positions: usize,
    /// A character must stand in at least this many texts.
    pub min_count: u32,
}

impl Default for NewEncoder {
    /// Small enough to train on two cores in minutes; chosen, not measured.
    fn default() -> Self {
        NewEncoder {
            layers: 2,
            hidden: 128,
            heads: 2,
            inner: 512,
            positions: 256,
            min_count: 2,
        }
    }
}

impl std::str::FromStr for NewEncoder {
    type Err = String;

    fn from_str(s: &str) -> std::result::Result<Self, String> {
        let mut new = NewEncoder::default();
        for part in s.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let number = part
                .split_once('=')
                .and_then(|(key, n)| Some((key.trim(), n.trim().parse::<usize>().ok()?)));
            let Some((key, n)) = number else {
                return Err(format!(
                    "`{part}`: write KEY=NUMBER, e.g. layers=2,hidden=128"
                ));
            };
            match key {
                "layers" => new.layers = n,
                "hidden" => new.hidden = n,
                "heads" => new.heads = n,
                "inner" => new.inner = n,
                "positions" => new.positions = n,
                "min-count" => new.min_count = n.try_into().unwrap_or(u32::MAX),
                _ => {
                    return Err(format!(
                        "`{key}`: not one of layers, hidden, heads, inner, positions, min-count"
                    ));
                }
            }
        }
        new.config(SPECIAL.len()).check()?;
        Ok(new)
    }
}

impl NewEncoder {
    fn config(&self, vocab_size: usize) -> EncoderConfig {
        EncoderConfig {
            model_type: "bert".to_owned(),
            vocab_size,
            hidden_size: self.hidden,
            num_hidden_layers: self.layers,
            num_attention_heads: self.heads,
            intermediate_size: self.inner,
            hidden_act: Activation::Gelu,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            max_position_embeddings: self.positions,
            type_vocab_size: 2,
            layer_norm_eps: 1e-12,
            position_embedding_type: "absolute".to_owned(),
        }
    }

    /// Draws the encoder; `texts` are those it will be trained on.
    pub fn draw<'t>(
        &self,
        texts: impl Iterator<Item = &'t CleanText>,
        seed: u64,
    ) -> Result<Pretrained> {
        let failed = |e: String| candle_core::Error::Msg(format!("the new vocabulary: {e}"));
        let vocabulary = characters(texts, self.min_count);
        let tokens = Tokens::from_vocabulary(&vocabulary, true).map_err(failed)?;
        let config = self.config(tokens.n_rows());
        let tensors = random(&config, &Seed::new(seed))?;
        Ok(Pretrained {
            config,
            tokens,
            tensors,
        })
    }
}

/// The special tokens, then every character as a word and, where BERT joins letters to words, as a part of one.
fn characters<'t>(texts: impl Iterator<Item = &'t CleanText>, min_count: u32) -> String {
    let mut counts: BTreeMap<char, u32> = BTreeMap::new();
    for clean in texts {
        let text = deciding_text(clean).to_lowercase();
        let mut found: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
        found.sort_unstable();
        found.dedup();
        for c in found {
            *counts.entry(c).or_default() += 1;
        }
    }
    let mut kept: Vec<(char, u32)> = counts.into_iter().filter(|c| c.1 >= min_count).collect();
    kept.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut lines: Vec<String> = SPECIAL.map(str::to_owned).to_vec();
    lines.extend(kept.iter().map(|(c, _)| c.to_string()));
    let joined = kept
        .iter()
        .filter(|(c, _)| c.is_alphanumeric() && *c < '\u{2e80}');
    lines.extend(joined.map(|(c, _)| format!("##{c}")));
    lines.join("\n")
}

/// BERT's first weights: normal with deviation 0.02, norms at one, biases at nothing.
pub(super) fn random(config: &EncoderConfig, seed: &Seed) -> Result<HashMap<String, Tensor>> {
    let mut tensors = HashMap::new();
    for (i, (name, shape)) in (0u64..).zip(config.tensors()) {
        let n: usize = shape.iter().product();
        let values: Vec<f32> = if name.ends_with(".bias") {
            vec![0.0; n]
        } else if name.contains("LayerNorm") {
            vec![1.0; n]
        } else {
            let mut seed = seed.child(i);
            (0..n).map(|_| 0.02 * seed.normal()).collect()
        };
        tensors.insert(name, Tensor::from_vec(values, shape, &Device::Cpu)?);
    }
    Ok(tensors)
}
