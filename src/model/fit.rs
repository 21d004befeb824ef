//! Training: labelled features in, `Network` out.
//!
//! Rows are pooled by hand, the pooled batch becomes a candle variable, candle runs and differentiates the heads,
//! and only the rows that a batch touched are moved (`step`).
//! Law: sums run in a fixed order, so threads do not change a bit.

use std::sync::Mutex;

use candle_core::{Device, Result, Tensor, Var};
use rayon::prelude::*;

use crate::features::unit_scale;
use crate::model::network::{HeadTensors, offsets};
use crate::model::step::{Adam, Dense, Pair, RowStep, Rows};
use crate::model::weights::Weights;
use crate::model::{HeadKind, HeadSpec, Network, NetworkSpec, Seed};

/// One labelled text.
#[derive(Debug, Clone)]
pub struct Example {
    /// As `Features::totals`.
    pub words: Vec<(u32, f32)>,
    /// As `Features::signals`.
    pub signals: Vec<u32>,
    /// One per head: `None` where the row has no label for it.
    pub targets: Vec<Option<Target>>,
}

/// The right answer to one head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    One(u32),
    Any(Vec<u32>),
}

/// Numbers of training; the defaults were chosen on a development split, see docs/model.md.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitOptions {
    pub seed: u64,
    /// Networks trained from different seeds and folded into one, whose logits are their mean.
    pub members: usize,
    pub epochs: usize,
    pub batch: usize,
    /// Width of each member's embedding rows.
    pub dim: usize,
    /// Width of each member's hidden layer.
    pub hidden: usize,
    pub learning_rate: f64,
    pub rows: Option<RowStep>,
    /// Share of features left out of a text at each visit, 0..1.
    pub dropout: f32,
    /// Probability mass spread over the other labels, 0..1.
    pub smoothing: f32,
    /// Standard deviation of the first embedding rows.
    pub spread: f32,
    /// Decoupled decay of the rows touched and of the heads, per step at full rate.
    pub decay: f64,
}

impl Default for FitOptions {
    fn default() -> Self {
        FitOptions {
            seed: 1,
            members: 2,
            epochs: 40,
            batch: 32,
            dim: 64,
            hidden: 128,
            learning_rate: 0.005,
            rows: None,
            dropout: 0.4,
            smoothing: 0.1,
            spread: 0.01,
            decay: 0.0,
        }
    }
}

impl FitOptions {
    /// How embedding rows learn: as asked, otherwise as suits so many examples.
    pub fn rows_for(&self, n_examples: usize, begun: bool) -> RowStep {
        let few = begun || n_examples < FEW_EXAMPLES;
        self.rows
            .unwrap_or(if few { RowStep::Adam } else { RowStep::Plain })
    }
}

/// Below this many examples a plain step hardly moves a row: macro-F1 on civic_complaints .425 plain and .496 adam at 50 rows,
/// .576 and .628 at 100, .723 and .747 at 200, .822 and .825 at 500, but .865 and .858 at 1,000 (three seeds, n 918).
const FEW_EXAMPLES: usize = 1000;

/// Told once an epoch: epochs done, epochs of all members, mean loss.
pub type Progress<'a> = &'a mut (dyn FnMut(usize, usize, f64) + Send);

/// Trains a network over `n_features` rows; the result is rounded to what a bundle stores.
///
/// `init`: weights to begin with, over the same features and of the same widths; its labels may be others.
pub fn fit(
    n_features: usize,
    heads: &[HeadSpec],
    examples: &[Example],
    options: &FitOptions,
    init: Option<&Network>,
    progress: Progress<'_>,
) -> Result<Network> {
    let spec = NetworkSpec {
        n_features,
        dim: options.dim,
        hidden: options.hidden,
        blocks: 1,
        heads: heads.to_vec(),
    };
    let rows = options.rows_for(examples.len(), init.is_some());
    let seed = Seed::new(options.seed);
    let n_epochs = options.epochs * options.members;
    let told = Mutex::new((0, progress));
    // Members know nothing of each other: side by side they give the same weights as one after another.
    let members = (0..options.members)
        .into_par_iter()
        .map(|member| {
            let tell = |loss: f64| {
                // A poisoned lock means that another member panicked: nobody is left to be told.
                if let Ok(mut told) = told.lock() {
                    told.0 += 1;
                    let done = told.0;
                    (told.1)(done, n_epochs, loss);
                }
            };
            let seed = seed.child(member as u64);
            let mut weights = Weights::random(spec.clone(), &seed, options.spread);
            if let Some(init) = init {
                weights.begin_with(init, member);
            }
            fit_member(weights, examples, options, rows, &seed, &tell)
        })
        .collect::<Result<Vec<_>>>()?;
    // What is stored is what is measured from here on.
    Ok(Network::round(Weights::fold(members)))
}

fn fit_member(
    mut network: Weights,
    examples: &[Example],
    options: &FitOptions,
    rows: RowStep,
    seed: &Seed,
    tell: &dyn Fn(f64),
) -> Result<Weights> {
    let mut trainer = Trainer::new(&network, rows)?;
    let steps_an_epoch = examples.len().div_ceil(options.batch).max(1);
    let n_steps = steps_an_epoch * options.epochs;
    let mut order: Vec<u32> = (0..examples.len() as u32).collect();
    let mut step = 0;
    for epoch in 0..options.epochs {
        let epoch_seed = seed.child(100 + epoch as u64);
        epoch_seed.child(0).shuffle(&mut order);
        let mut loss = 0.0;
        for batch in order.chunks(options.batch) {
            // Warm up over a twentieth, then fall in a line to nothing.
            let done = step as f64 / n_steps as f64;
            let rate = options.learning_rate * (done / 0.05).min(1.0).min((1.0 - done) / 0.95);
            step += 1;
            let kept: Vec<Kept> = batch
                .par_iter()
                .map(|&i| {
                    let mut seed = epoch_seed.child(1 + u64::from(i));
                    let example = &examples[i as usize];
                    let words = thin(&example.words, options.dropout, &mut seed);
                    let mut signals = example.signals.clone();
                    signals.retain(|_| seed.unit() >= options.dropout * SIGNAL_DROPOUT);
                    Kept { words, signals }
                })
                .collect();
            let targets: Vec<&[Option<Target>]> = batch
                .iter()
                .map(|&i| examples[i as usize].targets.as_slice())
                .collect();
            loss += trainer.step(&mut network, &kept, &targets, options, rate, step)?;
        }
        tell(loss / steps_an_epoch as f64);
    }
    trainer.finish(&mut network)?;
    Ok(network)
}

/// Signals are left out this much more seldom than words, so that a fact which a rule or a number settles is learnt from
/// there and not from the words beside it. Chosen: it moves urgency by half a point (test .910 against .904 with half as much dropout,
/// seed 1, n 1,239) and minimal pairs by a few.
const SIGNAL_DROPOUT: f32 = 0.25;

/// What dropout left of a text.
struct Kept {
    words: Vec<(u32, f32)>,
    signals: Vec<u32>,
}

/// Leaves out each feature with probability `dropout`, but never all of them.
fn thin(words: &[(u32, f32)], dropout: f32, seed: &mut Seed) -> Vec<(u32, f32)> {
    let kept: Vec<(u32, f32)> = words
        .iter()
        .copied()
        .filter(|_| seed.unit() >= dropout)
        .collect();
    if kept.is_empty() {
        words.to_vec()
    } else {
        kept
    }
}

struct Trainer {
    w1: Dense,
    b1: Dense,
    w2: Dense,
    b2: Dense,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Trainer {
    fn new(network: &Weights, rows: RowStep) -> Result<Trainer> {
        let spec = &network.spec;
        let (dim, hidden, out) = (spec.dim, spec.hidden, spec.n_outputs());
        let moments = match rows {
            RowStep::Plain => 0,
            RowStep::Adam => network.table.len(),
        };
        Ok(Trainer {
            w1: Dense::new(&network.w1, &[dim, hidden])?,
            b1: Dense::new(&network.b1, &[hidden])?,
            w2: Dense::new(&network.w2, &[spec.inner(), out])?,
            b2: Dense::new(&network.b2, &[out])?,
            first: vec![0.0; moments],
            second: vec![0.0; moments],
        })
    }

    fn step(
        &mut self,
        network: &mut Weights,
        kept: &[Kept],
        targets: &[&[Option<Target>]],
        options: &FitOptions,
        rate: f64,
        step: usize,
    ) -> Result<f64> {
        let dim = network.spec.dim;
        let scales: Vec<f32> = kept
            .iter()
            .map(|k| {
                let square: f32 = k.words.iter().map(|(_, w)| w * w).sum();
                unit_scale(square)
            })
            .collect();
        let table = &network.table;
        let pooled: Vec<f32> = kept
            .par_iter()
            .zip(&scales)
            .flat_map_iter(|(kept, &scale)| {
                let mut sum = vec![0.0f32; dim];
                let row = |id: u32| &table[id as usize * dim..][..dim];
                for &(id, weight) in &kept.words {
                    for (s, v) in sum.iter_mut().zip(row(id)) {
                        *s += weight * v;
                    }
                }
                for s in sum.iter_mut() {
                    *s *= scale;
                }
                for &id in &kept.signals {
                    for (s, v) in sum.iter_mut().zip(row(id)) {
                        *s += v;
                    }
                }
                sum
            })
            .collect();
        let pooled = Var::from_slice(&pooled, (kept.len(), dim), &Device::Cpu)?;
        let heads = HeadTensors {
            w1: self.w1.var.as_tensor().clone(),
            b1: self.b1.var.as_tensor().clone(),
            w2: self.w2.var.as_tensor().clone(),
            b2: self.b2.var.as_tensor().clone(),
        };
        let logits = heads.forward(pooled.as_tensor())?;
        let loss = loss(&logits, &network.spec.heads, targets, options.smoothing)?;
        let value = f64::from(loss.to_scalar::<f32>()?);
        if !value.is_finite() {
            return Err(candle_core::Error::Msg(format!(
                "the loss is {value} at step {step}; lower --learning-rate"
            )));
        }
        let grads = loss.backward()?;
        let adam = Adam::new(rate, options.decay, step);
        for dense in [&mut self.w1, &mut self.b1, &mut self.w2, &mut self.b2] {
            if let Some(gradient) = grads.get(dense.var.as_tensor()) {
                let gradient = gradient.clone();
                dense.update(&gradient, &adam)?;
            }
        }
        let Some(gradient) = grads.get(pooled.as_tensor()) else {
            return Ok(value);
        };
        let gradient = gradient.flatten_all()?.to_vec1::<f32>()?;
        let mut pairs: Vec<Pair> = Vec::new();
        for ((k, &scale), doc) in kept.iter().zip(&scales).zip(0u32..) {
            let words = k.words.iter().map(|&(row, w)| (row, w * scale));
            let signals = k.signals.iter().map(|&row| (row, 1.0));
            let all = words.chain(signals);
            pairs.extend(all.map(|(row, weight)| Pair { row, doc, weight }));
        }
        pairs.par_sort_unstable_by_key(|p| (p.row, p.doc));
        Rows {
            dim,
            base: 0,
            table: &mut network.table,
            first: &mut self.first,
            second: &mut self.second,
        }
        .update(&pairs, &gradient, &adam);
        Ok(value)
    }

    fn finish(self, network: &mut Weights) -> Result<()> {
        network.w1 = self.w1.values()?;
        network.b1 = self.b1.values()?;
        network.w2 = self.w2.values()?;
        network.b2 = self.b2.values()?;
        Ok(())
    }
}

/// Mean over the texts of the summed losses of their labelled heads.
pub(super) fn loss(
    logits: &Tensor,
    heads: &[HeadSpec],
    targets: &[&[Option<Target>]],
    smoothing: f32,
) -> Result<Tensor> {
    let (n, device) = (targets.len(), logits.device());
    let mut total: Option<Tensor> = None;
    for (head, (spec_head, first)) in heads.iter().zip(offsets(heads)).enumerate() {
        let width = spec_head.labels.len();
        let z = logits.narrow(1, first, width)?;
        let mut want = vec![0.0f32; n * width];
        let mut labelled = vec![0.0f32; n];
        for (i, target) in targets.iter().enumerate() {
            let row = &mut want[i * width..][..width];
            match target.get(head).and_then(Option::as_ref) {
                Some(Target::One(label)) => {
                    row.fill(smoothing / width as f32);
                    row[*label as usize] += 1.0 - smoothing;
                    labelled[i] = 1.0;
                }
                Some(Target::Any(labels)) => {
                    for &label in labels {
                        row[label as usize] = 1.0;
                    }
                    labelled[i] = 1.0;
                }
                None => {}
            }
        }
        let want = Tensor::from_vec(want, (n, width), device)?;
        let part = match spec_head.kind {
            HeadKind::Single => {
                let top = z.max_keepdim(1)?.detach();
                let shifted = z.broadcast_sub(&top)?;
                let norm = shifted.exp()?.sum_keepdim(1)?.log()?;
                (want * shifted.broadcast_sub(&norm)?)?.sum_all()?.neg()?
            }
            HeadKind::Multi => {
                // softplus(z) - z · want, in the form that cannot overflow
                let soft = (z.relu()? + (z.abs()?.neg()?.exp()? + 1.0)?.log()?)?;
                let labelled = Tensor::from_vec(labelled, (n, 1), device)?;
                (soft - (z * want)?)?.broadcast_mul(&labelled)?.sum_all()?
            }
        };
        total = Some(match total {
            Some(sum) => (sum + part)?,
            None => part,
        });
    }
    match total {
        Some(sum) => sum / n as f64,
        None => Tensor::zeros((), candle_core::DType::F32, device),
    }
}
