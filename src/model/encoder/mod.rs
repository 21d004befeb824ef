//! `CleanText` in, logits per head out: a BERT encoder that a site owns, fine-tuned with the heads of the taxonomy.
//! Laws: a text's logits depend on that text alone, with any number of threads; the same data and seed give the same weights.
//! Does not know probabilities: calibration is `decide`. It does not write files: that is `bundle`.

mod config;
mod fit;
mod folder;
mod fresh;
mod layers;
mod tokens;

pub use config::{Activation, EncoderConfig};
pub use fit::{EncoderExample, EncoderFit, Freeze, fit_encoder};
pub use fresh::NewEncoder;
pub use layers::Pooling;
pub use tokens::{WindowSpec, Windows};

use std::collections::HashMap;

use candle_core::{Device, Result as Computed, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::clean::CleanText;
use crate::model::{HeadSpec, n_outputs};
use layers::{Batch, Dropout, Layers};
use tokens::Tokens;

/// An encoder before fine-tuning: shapes, weights and tokenizer, checked against each other.
#[derive(Debug)]
pub struct Pretrained {
    config: EncoderConfig,
    tokens: Tokens,
    tensors: HashMap<String, Tensor>,
}

impl Pretrained {
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Ids of a text without special tokens.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
        self.tokens.ids(text)
    }

    /// The tokenizer as a bundle keeps it.
    pub fn tokenizer_json(&self) -> Result<String, String> {
        self.tokens.to_json()
    }

    /// The text's windows, as fine-tuning and the fine-tuned encoder cut them.
    pub fn windows(&self, clean: &CleanText, spec: WindowSpec) -> Result<Windows, String> {
        self.tokens.windows(clean, spec)
    }
}

/// Everything that fixes a fine-tuned encoder's shapes and how it reads a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderSpec {
    pub config: EncoderConfig,
    pub heads: Vec<HeadSpec>,
    pub pooling: Pooling,
    pub window: WindowSpec,
}

impl EncoderSpec {
    /// What is out of bounds, if anything is.
    pub fn check(&self) -> Result<(), String> {
        self.config.check()?;
        let w = self.window;
        if w.tokens < 8 || w.tokens > self.config.max_position_embeddings {
            return Err(format!(
                "windows of {} tokens: the encoder takes 8 to {}",
                w.tokens, self.config.max_position_embeddings
            ));
        }
        if w.overlap + 3 > w.tokens {
            return Err(format!(
                "an overlap of {} tokens: less than the window's {} minus 2",
                w.overlap, w.tokens
            ));
        }
        if !(1..=64).contains(&w.most) {
            return Err(format!("{} windows a text: 1 to 64", w.most));
        }
        if n_outputs(&self.heads) == 0 {
            return Err("no head has a label".to_owned());
        }
        Ok(())
    }
}

/// Tokens of a batch, padding included: enough for the matrix products, little memory.
const BATCH_TOKENS: usize = 2048;

const HEADS_W: &str = "heads.w";
const HEADS_B: &str = "heads.b";

/// A fine-tuned encoder with its heads.
pub struct Encoder {
    spec: EncoderSpec,
    tokens: Tokens,
    tensors: HashMap<String, Tensor>,
    layers: Layers,
    /// `[hidden, n_outputs]`
    heads_w: Tensor,
    heads_b: Vec<f32>,
    device: Device,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let c = &self.spec.config;
        write!(
            f,
            "Encoder({} × {}, {} layers, windows of {}, outputs {})",
            c.vocab_size,
            c.hidden_size,
            c.num_hidden_layers,
            self.spec.window.tokens,
            self.heads_b.len()
        )
    }
}

/// The GPU where the feature `cuda` found one, the CPU otherwise.
pub(crate) fn device() -> Computed<Device> {
    Device::cuda_if_available(0)
}

impl Encoder {
    /// From the files of a bundle; what is missing, of another shape or not finite is an error.
    pub fn from_parts(
        spec: EncoderSpec,
        tokenizer_json: &[u8],
        mut tensors: HashMap<String, Tensor>,
    ) -> Result<Encoder, String> {
        spec.check()?;
        let tokens = Tokens::from_json(tokenizer_json)?;
        let text = |e: candle_core::Error| e.to_string();
        let mut head = |name: &str, shape: &[usize]| {
            let tensor = tensors
                .remove(name)
                .ok_or_else(|| format!("tensor `{name}` is missing"))?;
            if tensor.dims() != shape {
                return Err(format!(
                    "tensor `{name}` has shape {:?}, the manifest says {shape:?}",
                    tensor.dims()
                ));
            }
            if !layers::is_finite(&tensor).map_err(text)? {
                return Err(format!("tensor `{name}` holds a value that is not finite"));
            }
            Ok(tensor)
        };
        let n_out = n_outputs(&spec.heads);
        let heads_w = head(HEADS_W, &[spec.config.hidden_size, n_out])?;
        let heads_b = head(HEADS_B, &[n_out])?;
        let tensors = folder::pick(&spec.config, tensors)?;
        Encoder::new(spec, tokens, tensors, heads_w, heads_b).map_err(text)
    }

    fn new(
        spec: EncoderSpec,
        tokens: Tokens,
        tensors: HashMap<String, Tensor>,
        heads_w: Tensor,
        heads_b: Tensor,
    ) -> Computed<Encoder> {
        if tokens.n_rows() > spec.config.vocab_size {
            candle_core::bail!(
                "the tokenizer has {} tokens, the encoder {}",
                tokens.n_rows(),
                spec.config.vocab_size
            );
        }
        let device = device()?;
        let placed = tensors
            .iter()
            .map(|(name, t)| Ok((name.clone(), t.to_device(&device)?)))
            .collect::<Computed<HashMap<_, _>>>()?;
        Ok(Encoder {
            layers: Layers::new(&spec.config, &placed)?,
            heads_w: heads_w.to_device(&device)?,
            heads_b: heads_b.to_vec1()?,
            device,
            spec,
            tokens,
            tensors: placed,
        })
    }

    pub fn spec(&self) -> &EncoderSpec {
        &self.spec
    }

    /// All weights by name, sorted.
    pub fn to_tensors(&self) -> Computed<Vec<(String, Tensor)>> {
        let cpu = Device::Cpu;
        let mut all = self
            .tensors
            .iter()
            .map(|(name, t)| Ok((name.clone(), t.to_device(&cpu)?)))
            .collect::<Computed<Vec<_>>>()?;
        all.push((HEADS_W.to_owned(), self.heads_w.to_device(&cpu)?));
        let bias = Tensor::from_slice(&self.heads_b, self.heads_b.len(), &cpu)?;
        all.push((HEADS_B.to_owned(), bias));
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(all)
    }

    pub fn tokenizer_json(&self) -> Result<String, String> {
        self.tokens.to_json()
    }

    /// Adds `shifts`, one per output, to the bias of the heads.
    pub fn shift_bias(&mut self, shifts: &[f32]) {
        for (b, s) in self.heads_b.iter_mut().zip(shifts) {
            *b += s;
        }
    }

    /// The text's windows.
    pub fn windows(&self, clean: &CleanText) -> Result<Windows, String> {
        self.tokens.windows(clean, self.spec.window)
    }

    /// Logits of each text: the mean over its windows. A text's logits are the same whatever stands beside it.
    pub fn logits(&self, texts: &[Windows]) -> Computed<Vec<Vec<f32>>> {
        let pooled = self.pooled(texts)?;
        let width = self.heads_b.len();
        let weights = self.heads_w.to_device(&Device::Cpu)?.flatten_all()?;
        let weights = weights.to_vec1::<f32>()?;
        pooled
            .par_iter()
            .map(|pooled| {
                let mut logits = self.heads_b.clone();
                for (value, row) in pooled.iter().zip(weights.chunks_exact(width)) {
                    for (l, w) in logits.iter_mut().zip(row) {
                        *l += value * w;
                    }
                }
                if logits.iter().all(|l| l.is_finite()) {
                    Ok(logits)
                } else {
                    candle_core::bail!("the encoder gave a logit that is not finite")
                }
            })
            .collect()
    }

    /// The mean pooled vector of each text's windows.
    fn pooled(&self, texts: &[Windows]) -> Computed<Vec<Vec<f32>>> {
        pooled(
            &self.layers,
            self.spec.pooling,
            self.tokens.pad,
            texts.iter().map(|t| t.ids.as_slice()),
            &self.device,
        )
    }
}

/// The mean pooled vector of each text's windows, without dropout; batches run side by side.
fn pooled<'t>(
    layers: &Layers,
    pooling: Pooling,
    pad: u32,
    texts: impl Iterator<Item = &'t [Vec<u32>]>,
    device: &Device,
) -> Computed<Vec<Vec<f32>>> {
    let mut counts = Vec::new();
    let mut windows: Vec<&[u32]> = Vec::new();
    for text in texts {
        counts.push(text.len());
        windows.extend(text.iter().map(Vec::as_slice));
    }
    let length = |i: &usize| layers.padded(windows[*i].len());
    let mut order: Vec<usize> = (0..windows.len()).collect();
    order.sort_by_key(|i| (length(i), *i));
    let batches: Vec<&[usize]> = order
        .chunk_by(|a, b| length(a) == length(b))
        .flat_map(|run| run.chunks((BATCH_TOKENS / length(&run[0])).max(1)))
        .collect();
    let vectors = batches
        .par_iter()
        .map(|batch| {
            let own: Vec<&[u32]> = batch.iter().map(|i| windows[*i]).collect();
            let batch = Batch::new(&own, length(&batch[0]), pad, device)?;
            let mut off = Dropout { seed: None };
            layers
                .forward(&batch, pooling, 0, &mut off)?
                .to_vec2::<f32>()
        })
        .collect::<Computed<Vec<_>>>()?;
    let mut by_window: Vec<Vec<f32>> = vec![Vec::new(); windows.len()];
    for (i, vector) in order.iter().zip(vectors.into_iter().flatten()) {
        by_window[*i] = vector;
    }
    let mut rest = by_window.into_iter();
    Ok(counts
        .into_iter()
        .map(|n| {
            let mut sum: Vec<f32> = rest.next().unwrap_or_default();
            for other in rest.by_ref().take(n.saturating_sub(1)) {
                for (s, v) in sum.iter_mut().zip(other) {
                    *s += v;
                }
            }
            for s in sum.iter_mut() {
                *s /= n.max(1) as f32;
            }
            sum
        })
        .collect())
}
