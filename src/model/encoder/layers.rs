//! Token ids in, one vector per window out: BERT's layers in candle tensors, written so that gradients pass.
//!
//! candle-transformers' `BertModel` normalises by a fused operator without a backward pass and has no dropout,
//! so it cannot be fine-tuned; the sums here are the same (tested against Hugging Face transformers).

use std::collections::HashMap;

use candle_core::{D, DType, Device, Result, Tensor};

use super::config::{Activation, EncoderConfig};
use crate::model::Seed;

/// How the vectors of a window's tokens become one.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The vector of `[CLS]`.
    #[default]
    Cls,
    /// The mean over the window's tokens.
    Mean,
}

/// Windows are padded to a multiple of this many tokens, and only windows of one length share a batch.
const LENGTH_STEP: usize = 16;

/// Windows of one padded length, ready for the encoder.
pub(super) struct Batch {
    /// `[windows, length]`
    pub ids: Tensor,
    /// `[windows, length]`: 1 for a token, 0 for padding.
    pub mask: Tensor,
}

impl Batch {
    /// Pads with `pad` to `length`.
    pub fn new(windows: &[&[u32]], length: usize, pad: u32, device: &Device) -> Result<Batch> {
        let shape = (windows.len(), length);
        let mut ids = Vec::with_capacity(windows.len() * length);
        let mut mask = Vec::with_capacity(windows.len() * length);
        for window in windows {
            ids.extend_from_slice(window);
            ids.resize(ids.len() + length - window.len(), pad);
            mask.resize(mask.len() + window.len(), 1f32);
            mask.resize(mask.len() + length - window.len(), 0f32);
        }
        Ok(Batch {
            ids: Tensor::from_vec(ids, shape, device)?,
            mask: Tensor::from_vec(mask, shape, device)?,
        })
    }
}

/// Dropout while training; a named stream of its own, so that the same seed drops the same units.
pub(super) struct Dropout<'s> {
    pub seed: Option<&'s mut Seed>,
}

impl Dropout<'_> {
    pub fn apply(&mut self, x: Tensor, share: f32) -> Result<Tensor> {
        let Some(seed) = self.seed.as_mut().filter(|_| share > 0.0) else {
            return Ok(x);
        };
        let kept = 1.0 / (1.0 - share);
        let mask: Vec<f32> = (0..x.elem_count())
            .map(|_| if seed.unit() < share { 0.0 } else { kept })
            .collect();
        &x * Tensor::from_vec(mask, x.shape(), x.device())?
    }

    fn is_training(&self) -> bool {
        self.seed.is_some()
    }
}

struct Dense {
    /// `[out, in]`, as stored.
    weight: Tensor,
    bias: Tensor,
}

impl Dense {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        // One flat product: a batched one would copy the weights per window.
        let dims = x.dims();
        let (rows, width) = (
            dims[..dims.len() - 1].iter().product::<usize>(),
            dims[dims.len() - 1],
        );
        let mut shape = dims.to_vec();
        shape[dims.len() - 1] = self.weight.dim(0)?;
        x.reshape((rows, width))?
            .matmul(&self.weight.t()?)?
            .broadcast_add(&self.bias)?
            .reshape(shape)
    }
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f64,
}

impl Norm {
    /// `differentiable`: by plain operators, several times slower than the fused one.
    fn forward(&self, x: &Tensor, differentiable: bool) -> Result<Tensor> {
        if !differentiable {
            let x = x.contiguous()?;
            return candle_nn::ops::layer_norm(&x, &self.weight, &self.bias, self.epsilon as f32);
        }
        let width = x.dim(D::Minus1)? as f64;
        let centred = x.broadcast_sub(&(x.sum_keepdim(D::Minus1)? / width)?)?;
        let variance = (centred.sqr()?.sum_keepdim(D::Minus1)? / width)?;
        centred
            .broadcast_div(&(variance + self.epsilon)?.sqrt()?)?
            .broadcast_mul(&self.weight)?
            .broadcast_add(&self.bias)
    }
}

fn softmax(x: &Tensor, differentiable: bool) -> Result<Tensor> {
    if !differentiable {
        return candle_nn::ops::softmax_last_dim(&x.contiguous()?);
    }
    let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?;
    let shares = shifted.exp()?;
    shares.broadcast_div(&shares.sum_keepdim(D::Minus1)?)
}

struct Block {
    query: Dense,
    key: Dense,
    value: Dense,
    attended: Dense,
    attended_norm: Norm,
    inner: Dense,
    outer: Dense,
    outer_norm: Norm,
}

/// Token ids to pooled vectors; holds the tensors it was given, so variables among them stay variables.
pub(super) struct Layers {
    config: EncoderConfig,
    words: Tensor,
    positions: Tensor,
    /// Row of the first segment: we never have a second one.
    segment: Tensor,
    norm: Norm,
    blocks: Vec<Block>,
}

impl Layers {
    /// `tensors` as `EncoderConfig::tensors` lists them, shapes already checked.
    pub fn new(config: &EncoderConfig, tensors: &HashMap<String, Tensor>) -> Result<Layers> {
        let take = |name: &str| {
            tensors
                .get(name)
                .cloned()
                .ok_or_else(|| candle_core::Error::Msg(format!("tensor `{name}` is missing")))
        };
        let dense = |name: &str| -> Result<Dense> {
            Ok(Dense {
                weight: take(&format!("{name}.weight"))?,
                bias: take(&format!("{name}.bias"))?,
            })
        };
        let norm = |name: &str| -> Result<Norm> {
            Ok(Norm {
                weight: take(&format!("{name}.weight"))?,
                bias: take(&format!("{name}.bias"))?,
                epsilon: config.layer_norm_eps,
            })
        };
        let blocks = (0..config.num_hidden_layers)
            .map(|i| {
                let at = |name: &str| format!("encoder.layer.{i}.{name}");
                Ok(Block {
                    query: dense(&at("attention.self.query"))?,
                    key: dense(&at("attention.self.key"))?,
                    value: dense(&at("attention.self.value"))?,
                    attended: dense(&at("attention.output.dense"))?,
                    attended_norm: norm(&at("attention.output.LayerNorm"))?,
                    inner: dense(&at("intermediate.dense"))?,
                    outer: dense(&at("output.dense"))?,
                    outer_norm: norm(&at("output.LayerNorm"))?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Layers {
            words: take("embeddings.word_embeddings.weight")?,
            positions: take("embeddings.position_embeddings.weight")?,
            segment: take("embeddings.token_type_embeddings.weight")?,
            norm: norm("embeddings.LayerNorm")?,
            blocks,
            config: config.clone(),
        })
    }

    /// The length that a window of `n` tokens is padded to, by itself alone.
    pub fn padded(&self, n: usize) -> usize {
        n.next_multiple_of(LENGTH_STEP)
            .min(self.config.max_position_embeddings)
    }

    /// Pooled vectors `[windows, hidden]`. Where `frozen` is above 0, the embeddings and that many blocks drop nothing
    /// and pass no gradient: they give the same vectors in every epoch.
    pub fn forward(
        &self,
        batch: &Batch,
        pooling: Pooling,
        frozen: usize,
        dropout: &mut Dropout<'_>,
    ) -> Result<Tensor> {
        let mut off = Dropout { seed: None };
        let (_, length) = batch.ids.dims2()?;
        let mut x = {
            let drop = if frozen > 0 { &mut off } else { &mut *dropout };
            let training = drop.is_training();
            let words = self.words.index_select(&batch.ids.flatten_all()?, 0)?;
            let words = words.reshape((batch.ids.dim(0)?, length, self.config.hidden_size))?;
            let places = self
                .positions
                .narrow(0, 0, length)?
                .broadcast_add(&self.segment.narrow(0, 0, 1)?)?;
            let x = words.broadcast_add(&places)?;
            drop.apply(
                self.norm.forward(&x, training)?,
                self.config.hidden_dropout_prob,
            )?
        };
        // Padding gets the lowest finite number, as in Hugging Face: its share is exactly 0.
        let shut = ((&batch.mask - 1.0)? * f64::from(f32::MAX))?
            .unsqueeze(1)?
            .unsqueeze(1)?;
        for (i, block) in self.blocks.iter().enumerate() {
            let drop = if i < frozen { &mut off } else { &mut *dropout };
            x = self.block(block, &x, &shut, drop)?;
        }
        match pooling {
            Pooling::Cls => x.narrow(1, 0, 1)?.squeeze(1),
            Pooling::Mean => {
                let mask = batch.mask.unsqueeze(2)?;
                x.broadcast_mul(&mask)?
                    .sum(1)?
                    .broadcast_div(&batch.mask.sum_keepdim(1)?)
            }
        }
    }

    fn block(
        &self,
        block: &Block,
        x: &Tensor,
        shut: &Tensor,
        dropout: &mut Dropout<'_>,
    ) -> Result<Tensor> {
        let (config, training) = (&self.config, dropout.is_training());
        let heads = config.num_attention_heads;
        let width = config.hidden_size / heads;
        let (n, length, _) = x.dims3()?;
        let split = |t: Tensor| {
            t.reshape((n, length, heads, width))?
                .transpose(1, 2)?
                .contiguous()
        };
        let query = split((block.query.forward(x)? / (width as f64).sqrt())?)?;
        let key = split(block.key.forward(x)?)?;
        let value = split(block.value.forward(x)?)?;
        let scores = query.matmul(&key.t()?)?.broadcast_add(shut)?;
        let shares = dropout.apply(
            softmax(&scores, training)?,
            config.attention_probs_dropout_prob,
        )?;
        let context =
            shares
                .matmul(&value)?
                .transpose(1, 2)?
                .reshape((n, length, config.hidden_size))?;
        let attended = dropout.apply(
            block.attended.forward(&context)?,
            config.hidden_dropout_prob,
        )?;
        let x = block.attended_norm.forward(&(attended + x)?, training)?;
        let inner = block.inner.forward(&x)?;
        let inner = match config.hidden_act {
            Activation::Gelu => inner.gelu_erf()?,
            Activation::GeluTanh => inner.gelu()?,
            Activation::Relu => inner.relu()?,
        };
        let outer = dropout.apply(block.outer.forward(&inner)?, config.hidden_dropout_prob)?;
        block.outer_norm.forward(&(outer + x)?, training)
    }
}

/// Whether every value is a finite number.
pub(super) fn is_finite(tensor: &Tensor) -> Result<bool> {
    let values = tensor
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1::<f32>()?;
    Ok(values.iter().all(|v| v.is_finite()))
}
