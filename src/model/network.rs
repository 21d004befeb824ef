//! The network's shape and weights, and its forward pass in candle tensors.
//!
//! `pooled = weighted sum of rows (weights of length one) + sum of signal rows`, `hidden = relu(pooled · W1 + b1)`, `logits = [pooled, hidden] · W2 + b2`.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::features::Features;
use crate::model::Seed;

/// Whether one or any number of labels hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// Exactly one label: softmax.
    Single,
    /// Any number of labels: one sigmoid each.
    Multi,
}

/// One question that the network answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadSpec {
    pub name: String,
    pub kind: HeadKind,
    pub labels: Vec<String>,
}

/// Everything that fixes the shapes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// Rows of the embedding table, the unknown row 0 included.
    pub n_features: usize,
    /// Width of an embedding row; a multiple of 8.
    pub dim: usize,
    /// Width of the hidden layer; may be 0.
    pub hidden: usize,
    pub heads: Vec<HeadSpec>,
}

impl NetworkSpec {
    /// Labels of all heads together: the width of the logits.
    pub fn n_outputs(&self) -> usize {
        self.heads.iter().map(|h| h.labels.len()).sum()
    }

    /// First logit of each head.
    pub fn offsets(&self) -> Vec<usize> {
        let mut at = 0;
        self.heads
            .iter()
            .map(|h| {
                let first = at;
                at += h.labels.len();
                first
            })
            .collect()
    }

    pub(super) fn inner(&self) -> usize {
        self.dim + self.hidden
    }
}

/// Shape and weights. All matrices are row-major.
#[derive(Clone)]
pub struct Network {
    pub(super) spec: NetworkSpec,
    /// `[n_features, dim]`
    pub(super) table: Vec<f32>,
    /// `[dim, hidden]`
    pub(super) w1: Vec<f32>,
    pub(super) b1: Vec<f32>,
    /// `[dim + hidden, n_outputs]`
    pub(super) w2: Vec<f32>,
    pub(super) b2: Vec<f32>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let s = &self.spec;
        write!(
            f,
            "Network({} × {}, hidden {}, outputs {})",
            s.n_features,
            s.dim,
            s.hidden,
            s.n_outputs()
        )
    }
}

const NAMES: [&str; 5] = ["table", "hidden.w", "hidden.b", "heads.w", "heads.b"];

impl Network {
    /// Initial weights, drawn from `seed`; `spread` is the standard deviation of the table.
    pub fn random(spec: NetworkSpec, seed: &Seed, spread: f32) -> Network {
        let draw = |name: u64, n: usize, deviation: f32| {
            let mut seed = seed.child(name);
            (0..n)
                .map(|_| seed.normal() * deviation)
                .collect::<Vec<f32>>()
        };
        let (dim, hidden, inner, out) = (spec.dim, spec.hidden, spec.inner(), spec.n_outputs());
        Network {
            table: draw(1, spec.n_features * dim, spread),
            w1: draw(2, dim * hidden, (2.0 / dim as f32).sqrt()),
            b1: vec![0.0; hidden],
            w2: draw(3, inner * out, (1.0 / inner as f32).sqrt()),
            b2: vec![0.0; out],
            spec,
        }
    }

    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// One network whose logits are the mean of the members' (all of one shape; at least one).
    ///
    /// Rows stand side by side and the hidden layer falls into blocks, so the mean is exact.
    pub(super) fn fold(members: Vec<Network>) -> Network {
        let k = members.len();
        let one = members[0].spec.clone();
        let (dim, hidden, out) = (one.dim, one.hidden, one.n_outputs());
        let spec = NetworkSpec {
            dim: dim * k,
            hidden: hidden * k,
            ..one
        };
        let mut folded = Network {
            table: vec![0.0; spec.n_features * spec.dim],
            w1: vec![0.0; spec.dim * spec.hidden],
            b1: Vec::with_capacity(spec.hidden),
            w2: vec![0.0; spec.inner() * out],
            b2: vec![0.0; out],
            spec,
        };
        let share = 1.0 / k as f32;
        for (m, member) in members.iter().enumerate() {
            let rows = folded.table.chunks_exact_mut(dim * k);
            for (to, from) in rows.zip(member.table.chunks_exact(dim)) {
                to[m * dim..][..dim].copy_from_slice(from);
            }
            if hidden > 0 {
                for (d, from) in member.w1.chunks_exact(hidden).enumerate() {
                    let at = (m * dim + d) * hidden * k + m * hidden;
                    folded.w1[at..][..hidden].copy_from_slice(from);
                }
            }
            folded.b1.extend_from_slice(&member.b1);
            for (i, from) in member.w2.chunks_exact(out).enumerate() {
                let row = if i < dim {
                    m * dim + i
                } else {
                    dim * k + m * hidden + (i - dim)
                };
                for (to, from) in folded.w2[row * out..][..out].iter_mut().zip(from) {
                    *to = from * share;
                }
            }
            for (to, from) in folded.b2.iter_mut().zip(&member.b2) {
                *to += from * share;
            }
        }
        folded
    }

    fn shapes(spec: &NetworkSpec) -> [Vec<usize>; 5] {
        let (dim, hidden, out) = (spec.dim, spec.hidden, spec.n_outputs());
        [
            vec![spec.n_features, dim],
            vec![dim, hidden],
            vec![hidden],
            vec![spec.inner(), out],
            vec![out],
        ]
    }

    /// The weights as named tensors: the table in half precision, the rest in single.
    pub fn to_tensors(&self) -> Result<Vec<(&'static str, Tensor)>> {
        let parts = [&self.table, &self.w1, &self.b1, &self.w2, &self.b2];
        NAMES
            .into_iter()
            .zip(parts)
            .zip(Self::shapes(&self.spec))
            .map(|((name, part), shape)| {
                let tensor = Tensor::from_slice(part, shape, &Device::Cpu)?;
                let tensor = if name == "table" {
                    tensor.to_dtype(DType::F16)?
                } else {
                    tensor
                };
                Ok((name, tensor))
            })
            .collect()
    }

    /// Rebuilds a network; a missing tensor, a wrong shape or a weight that is not finite is an error.
    pub fn from_tensors(
        spec: NetworkSpec,
        mut tensors: HashMap<String, Tensor>,
    ) -> std::result::Result<Network, String> {
        let shapes = Self::shapes(&spec);
        let mut parts = Vec::new();
        for (name, shape) in NAMES.into_iter().zip(shapes) {
            let tensor = tensors
                .remove(name)
                .ok_or_else(|| format!("tensor `{name}` is missing"))?;
            if tensor.dims() != shape {
                return Err(format!(
                    "tensor `{name}` has shape {:?}, the manifest says {shape:?}",
                    tensor.dims()
                ));
            }
            let values = tensor
                .to_dtype(DType::F32)
                .and_then(|t| t.flatten_all())
                .and_then(|t| t.to_vec1::<f32>())
                .map_err(|e| format!("tensor `{name}`: {e}"))?;
            if values.iter().any(|v| !v.is_finite()) {
                return Err(format!("tensor `{name}` holds a value that is not finite"));
            }
            parts.push(values);
        }
        if let Some(name) = tensors.keys().next() {
            return Err(format!("tensor `{name}` is unknown"));
        }
        let mut parts = parts.into_iter();
        let mut take = || parts.next().unwrap_or_default();
        Ok(Network {
            table: take(),
            w1: take(),
            b1: take(),
            w2: take(),
            b2: take(),
            spec,
        })
    }

    /// Logits `[n, n_outputs]` of a batch, all in candle tensors: the reference for the kernel.
    pub fn forward_tensors(&self, batch: &[Features]) -> Result<Tensor> {
        let device = Device::Cpu;
        let dim = self.spec.dim;
        let table = Tensor::from_slice(&self.table, (self.spec.n_features, dim), &device)?;
        let rows = batch
            .iter()
            .map(|features| {
                let sum = |ids: &[u32], weights: &[f32]| {
                    if ids.is_empty() {
                        return Tensor::zeros((1, dim), DType::F32, &device);
                    }
                    let rows = Tensor::from_slice(ids, ids.len(), &device)?;
                    let weights = Tensor::from_slice(weights, (ids.len(), 1), &device)?;
                    table
                        .index_select(&rows, 0)?
                        .broadcast_mul(&weights)?
                        .sum_keepdim(0)
                };
                let words = sum(features.ids(), features.weights())?;
                let signals = features.signals();
                (words * f64::from(features.scale()))? + sum(signals, &vec![1.0; signals.len()])?
            })
            .collect::<Result<Vec<_>>>()?;
        let pooled = Tensor::cat(&rows, 0)?;
        let head = HeadTensors {
            w1: Tensor::from_slice(&self.w1, (dim, self.spec.hidden), &device)?,
            b1: Tensor::from_slice(&self.b1, self.spec.hidden, &device)?,
            w2: Tensor::from_slice(
                &self.w2,
                (self.spec.inner(), self.spec.n_outputs()),
                &device,
            )?,
            b2: Tensor::from_slice(&self.b2, self.spec.n_outputs(), &device)?,
        };
        head.forward(&pooled)
    }
}

/// The part of the network behind the pooling, as tensors: shared by training and the reference pass.
pub(super) struct HeadTensors {
    pub w1: Tensor,
    pub b1: Tensor,
    pub w2: Tensor,
    pub b2: Tensor,
}

impl HeadTensors {
    /// `pooled [n, dim]` to logits `[n, n_outputs]`.
    pub fn forward(&self, pooled: &Tensor) -> Result<Tensor> {
        let inner = if self.b1.elem_count() > 0 {
            let hidden = pooled.matmul(&self.w1)?.broadcast_add(&self.b1)?.relu()?;
            Tensor::cat(&[pooled, &hidden], 1)?
        } else {
            pooled.clone()
        };
        inner.matmul(&self.w2)?.broadcast_add(&self.b2)
    }
}
