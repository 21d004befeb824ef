//! Fine-tuning: an encoder and labelled windows in, `Encoder` out; AdamW with warm-up and linear decay.
//! Law: a batch is cut into shards by a fixed rule and their gradients are added in order, so any number of threads
//! gives the same bits; order and dropout come from the seed alone.

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::layers::{Batch, Dropout, Layers};
use super::{Encoder, EncoderSpec, Pretrained, device, pooled};
use crate::model::fit::loss;
use crate::model::{Progress, Seed, Target, n_outputs};

/// One labelled text.
#[derive(Clone)]
pub struct EncoderExample {
    /// As `Windows::ids`.
    pub windows: Vec<Vec<u32>>,
    /// One per head: `None` where the row has no label for it.
    pub targets: Vec<Option<Target>>,
}

/// Layers that fine-tuning leaves as they are, from the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freeze {
    /// The embeddings and this many layers; 0 for none, the embeddings neither.
    Lower(usize),
    /// All of them: only the heads learn.
    All,
}

impl std::str::FromStr for Freeze {
    type Err = String;

    fn from_str(s: &str) -> std::result::Result<Self, String> {
        match s {
            "all" => Ok(Freeze::All),
            n => n
                .parse()
                .map(Freeze::Lower)
                .map_err(|_| "write a number of layers, or all".to_owned()),
        }
    }
}

/// Numbers of fine-tuning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderFit {
    pub seed: u64,
    pub epochs: usize,
    /// Texts of a step.
    pub batch: usize,
    /// Of the encoder, at the top of the warm-up.
    pub learning_rate: f64,
    /// Of the heads, which start from nothing.
    pub heads_learning_rate: f64,
    pub frozen: Freeze,
    /// Share of the steps in which the rate rises, 0..1.
    pub warm_up: f64,
    /// Decoupled decay of the matrices, per step at full rate.
    pub decay: f64,
    /// Probability mass spread over the other labels, 0..1.
    pub smoothing: f32,
    /// Gradients longer than this are shortened to it.
    pub clip: f64,
}

impl Default for EncoderFit {
    /// Those of BERT's authors for fine-tuning (Devlin et al. 2019, appendix A.3), but for the heads' rate and the
    /// smoothing, which are chosen.
    fn default() -> Self {
        EncoderFit {
            seed: 1,
            epochs: 3,
            batch: 32,
            learning_rate: 3e-5,
            heads_learning_rate: 1e-3,
            frozen: Freeze::Lower(0),
            warm_up: 0.1,
            decay: 0.01,
            smoothing: 0.1,
            clip: 1.0,
        }
    }
}

/// Shards of a batch: their gradients are computed side by side. Fixed, so that threads change nothing.
const N_SHARDS: usize = 4;
/// Batches whose texts are ordered by length together, so that little padding is computed.
const SORTED_BATCHES: usize = 16;

/// Fine-tunes `pretrained` with new heads.
pub fn fit_encoder(
    spec: EncoderSpec,
    pretrained: Pretrained,
    examples: &[EncoderExample],
    options: &EncoderFit,
    progress: Progress<'_>,
) -> Result<Encoder> {
    let device = device()?;
    let seed = Seed::new(options.seed);
    let n_layers = spec.config.num_hidden_layers;
    let (frozen, all_frozen) = match options.frozen {
        Freeze::All => (n_layers, true),
        Freeze::Lower(n) => (n.min(n_layers), false),
    };
    let mut tensors = HashMap::new();
    let mut groups: [Vec<Var>; 4] = Default::default();
    for (name, _) in spec.config.tensors() {
        let tensor = pretrained.tensors[&name].to_device(&device)?;
        if all_frozen || is_frozen(&name, frozen) {
            tensors.insert(name, tensor);
            continue;
        }
        let var = Var::from_tensor(&tensor)?;
        tensors.insert(name.clone(), var.as_tensor().clone());
        // Norms and biases are not drawn to nothing.
        let is_matrix = name.ends_with(".weight") && !name.contains("LayerNorm");
        groups[usize::from(!is_matrix)].push(var);
    }
    let (wide, n_out) = (spec.config.hidden_size, n_outputs(&spec.heads));
    let mut draw = seed.child(1);
    let first: Vec<f32> = (0..wide * n_out).map(|_| 0.02 * draw.normal()).collect();
    let heads_w = Var::from_tensor(&Tensor::from_vec(first, (wide, n_out), &device)?)?;
    let heads_b = Var::from_tensor(&Tensor::zeros(n_out, DType::F32, &device)?)?;
    groups[2].push(heads_w.clone());
    groups[3].push(heads_b.clone());
    let layers = Layers::new(&spec.config, &tensors)?;
    let mut trainer = Trainer {
        spec: &spec,
        options,
        layers: &layers,
        frozen,
        pad: pretrained.tokens.pad,
        cached: None,
        heads_w: &heads_w,
        heads_b: &heads_b,
        steppers: Stepper::of(groups, options)?,
        device: &device,
    };
    if all_frozen {
        // The same vectors in every epoch: computed once.
        let texts = examples.iter().map(|e| e.windows.as_slice());
        let found = pooled(&layers, spec.pooling, trainer.pad, texts, &device)?;
        trainer.cached = Some(found);
    }
    trainer.run(examples, &seed, progress)?;
    drop(trainer);
    let (heads_w, heads_b) = (
        heads_w.as_detached_tensor(),
        heads_b.as_detached_tensor().to_device(&Device::Cpu)?,
    );
    let tensors = tensors.into_iter().map(|(n, t)| (n, t.detach())).collect();
    Encoder::new(spec, pretrained.tokens, tensors, heads_w, heads_b)
}

/// Whether a tensor belongs to the embeddings or to one of the lowest `frozen` layers.
fn is_frozen(name: &str, frozen: usize) -> bool {
    let layer = name
        .strip_prefix("encoder.layer.")
        .and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
    frozen > 0 && layer.is_none_or(|layer| layer < frozen)
}

/// AdamW over variables that share a rate.
struct Stepper {
    vars: Vec<Var>,
    adam: AdamW,
    rate: f64,
}

impl Stepper {
    /// `groups`: matrices and the rest of the encoder, then of the heads.
    fn of(groups: [Vec<Var>; 4], options: &EncoderFit) -> Result<Vec<Stepper>> {
        let (lower, upper) = (options.learning_rate, options.heads_learning_rate);
        let rates = [
            (lower, options.decay),
            (lower, 0.0),
            (upper, options.decay),
            (upper, 0.0),
        ];
        groups
            .into_iter()
            .zip(rates)
            .map(|(vars, (rate, decay))| {
                let params = ParamsAdamW {
                    lr: 0.0,
                    weight_decay: decay,
                    ..ParamsAdamW::default()
                };
                Ok(Stepper {
                    adam: AdamW::new(vars.clone(), params)?,
                    vars,
                    rate,
                })
            })
            .collect()
    }
}

struct Trainer<'a> {
    spec: &'a EncoderSpec,
    options: &'a EncoderFit,
    layers: &'a Layers,
    frozen: usize,
    pad: u32,
    /// Pooled vector of each example, where no layer learns.
    cached: Option<Vec<Vec<f32>>>,
    heads_w: &'a Var,
    heads_b: &'a Var,
    steppers: Vec<Stepper>,
    device: &'a Device,
}

impl Trainer<'_> {
    fn run(
        &mut self,
        examples: &[EncoderExample],
        seed: &Seed,
        progress: Progress<'_>,
    ) -> Result<()> {
        let options = self.options;
        let steps_an_epoch = examples.len().div_ceil(options.batch).max(1);
        let n_steps = steps_an_epoch * options.epochs;
        let mut step = 0;
        for epoch in 0..options.epochs {
            let epoch_seed = seed.child(100 + epoch as u64);
            let mut sum = 0.0;
            for batch in batches(examples, options.batch, &epoch_seed) {
                let done = step as f64 / n_steps as f64;
                let rising = (done + 1.0 / n_steps as f64) / options.warm_up.max(1e-9);
                let rate = rising.min(1.0).min((1.0 - done) / (1.0 - options.warm_up));
                let step_seed = epoch_seed.child(1000 + step as u64);
                step += 1;
                let (value, mut grads) = self.gradient(examples, &batch, &step_seed)?;
                if !value.is_finite() {
                    candle_core::bail!(
                        "the loss is {value} at step {step}; lower --encoder-learning-rate"
                    );
                }
                sum += value;
                self.clip(&mut grads)?;
                for stepper in &mut self.steppers {
                    stepper.adam.set_learning_rate(stepper.rate * rate);
                    stepper.adam.step(&grads)?;
                }
            }
            progress(epoch + 1, options.epochs, sum / steps_an_epoch as f64);
        }
        Ok(())
    }

    /// Mean loss of the batch, and its gradient: the shards' sum in order.
    fn gradient(
        &self,
        examples: &[EncoderExample],
        batch: &[usize],
        seed: &Seed,
    ) -> Result<(f64, GradStore)> {
        let shards: Vec<&[usize]> = batch.chunks(batch.len().div_ceil(N_SHARDS)).collect();
        let parts = shards
            .par_iter()
            .enumerate()
            .map(|(i, shard)| {
                let mut seed = seed.child(i as u64);
                let pooled = self.pooled(examples, shard, &mut seed)?;
                let logits = pooled
                    .matmul(self.heads_w.as_tensor())?
                    .broadcast_add(self.heads_b.as_tensor())?;
                let targets: Vec<&[Option<Target>]> = shard
                    .iter()
                    .map(|i| examples[*i].targets.as_slice())
                    .collect();
                let loss = loss(&logits, &self.spec.heads, &targets, self.options.smoothing)?;
                let loss = (loss * (shard.len() as f64 / batch.len() as f64))?;
                Ok((f64::from(loss.to_scalar::<f32>()?), loss.backward()?))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut parts = parts.into_iter();
        let Some((mut value, mut grads)) = parts.next() else {
            candle_core::bail!("an empty batch");
        };
        for (other, more) in parts {
            value += other;
            for var in self.steppers.iter().flat_map(|s| &s.vars) {
                let sum = match (grads.get(var), more.get(var)) {
                    (Some(a), Some(b)) => (a + b)?,
                    (None, Some(b)) => b.clone(),
                    _ => continue,
                };
                grads.insert(var, sum);
            }
        }
        Ok((value, grads))
    }

    /// `[texts, hidden]`: the mean over each text's windows, with dropout before the heads.
    fn pooled(
        &self,
        examples: &[EncoderExample],
        shard: &[usize],
        seed: &mut Seed,
    ) -> Result<Tensor> {
        let share = self.spec.config.hidden_dropout_prob;
        let mut dropout = Dropout { seed: Some(seed) };
        if let Some(cached) = &self.cached {
            let rows: Vec<f32> = shard
                .iter()
                .flat_map(|i| cached[*i].iter().copied())
                .collect();
            let shape = (shard.len(), self.spec.config.hidden_size);
            let rows = Tensor::from_vec(rows, shape, self.device)?;
            return dropout.apply(rows, share);
        }
        let windows: Vec<&[u32]> = shard
            .iter()
            .flat_map(|i| examples[*i].windows.iter().map(Vec::as_slice))
            .collect();
        let longest = windows.iter().map(|w| w.len()).max().unwrap_or(2);
        let length = self.layers.padded(longest);
        let batch = Batch::new(&windows, length, self.pad, self.device)?;
        let pooled = self
            .layers
            .forward(&batch, self.spec.pooling, self.frozen, &mut dropout)?;
        let mut shares = vec![0f32; shard.len() * windows.len()];
        let mut at = 0;
        for (row, i) in shard.iter().enumerate() {
            let n = examples[*i].windows.len();
            shares[row * windows.len() + at..][..n].fill(1.0 / n as f32);
            at += n;
        }
        let shares = Tensor::from_vec(shares, (shard.len(), windows.len()), self.device)?;
        dropout.apply(shares.matmul(&pooled)?, share)
    }

    /// Shortens the whole gradient to `clip`.
    fn clip(&self, grads: &mut GradStore) -> Result<()> {
        let vars = || self.steppers.iter().flat_map(|s| &s.vars);
        let mut square = 0f64;
        for gradient in vars().filter_map(|v| grads.get(v)) {
            square += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
        }
        let length = square.sqrt();
        if length > self.options.clip {
            for var in vars() {
                if let Some(gradient) = grads.get(var) {
                    let short = (gradient * (self.options.clip / length))?;
                    grads.insert(var, short);
                }
            }
        }
        Ok(())
    }
}

/// One epoch's batches: shuffled, texts of like length together, shuffled again.
fn batches(examples: &[EncoderExample], size: usize, seed: &Seed) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..examples.len()).collect();
    seed.child(0).shuffle(&mut order);
    let tokens = |i: &usize| examples[*i].windows.iter().map(Vec::len).sum::<usize>();
    let mut batches: Vec<Vec<usize>> = order
        .chunks_mut(size * SORTED_BATCHES)
        .flat_map(|run| {
            run.sort_by_key(tokens);
            run.chunks(size).map(<[usize]>::to_vec).collect::<Vec<_>>()
        })
        .collect();
    seed.child(1).shuffle(&mut batches);
    batches
}
