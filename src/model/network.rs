//! The network's shape and weights, and its forward pass in candle tensors.
//!
//! `pooled = weighted sum of rows (weights of length one) + sum of signal rows`, `hidden = relu(pooled · W1 + b1)`, `logits = [pooled, hidden] · W2 + b2`.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::features::Features;
use crate::model::table::Table;
use crate::model::weights::Weights;

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

/// Labels of all heads together: the width of the logits.
pub fn n_outputs(heads: &[HeadSpec]) -> usize {
    heads.iter().map(|h| h.labels.len()).sum()
}

/// First logit of each head.
pub fn offsets(heads: &[HeadSpec]) -> Vec<usize> {
    let mut at = 0;
    heads
        .iter()
        .map(|h| {
            let first = at;
            at += h.labels.len();
            first
        })
        .collect()
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
    /// Networks that stand side by side: each part of a row meets its own part of the hidden layer only.
    pub blocks: usize,
    pub heads: Vec<HeadSpec>,
}

impl NetworkSpec {
    /// Labels of all heads together: the width of the logits.
    pub fn n_outputs(&self) -> usize {
        n_outputs(&self.heads)
    }

    /// First logit of each head.
    pub fn offsets(&self) -> Vec<usize> {
        offsets(&self.heads)
    }

    pub(super) fn inner(&self) -> usize {
        self.dim + self.hidden
    }

    /// Widths of a row and of the hidden layer in one block.
    pub(super) fn block(&self) -> (usize, usize) {
        (self.dim / self.blocks, self.hidden / self.blocks)
    }
}

/// Shape and weights as a bundle keeps them. All matrices are row-major.
#[derive(Clone)]
pub struct Network {
    pub(super) spec: NetworkSpec,
    /// `[n_features, dim]`
    pub(super) table: Table,
    /// `[dim, hidden / blocks]`, block under block.
    pub(super) w1: Vec<f32>,
    pub(super) b1: Vec<f32>,
    /// `[dim + hidden, n_outputs]`
    pub(super) w2: Vec<f32>,
    pub(super) b2: Vec<f32>,
    /// `w1` (each block) and `w2` by columns, for the contributions: `[hidden, dim / blocks]`, `[n_outputs, dim + hidden]`.
    pub(super) w1_columns: Vec<f32>,
    pub(super) w2_columns: Vec<f32>,
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

const NAMES: [&str; 6] = [
    "table",
    "table.scale",
    "hidden.w",
    "hidden.b",
    "heads.w",
    "heads.b",
];

/// Row-major `[rows, columns]` by columns.
fn columns(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|c| matrix.iter().skip(c).step_by(columns))
        .copied()
        .collect()
}

impl Network {
    /// Rounds trained weights to what a bundle keeps.
    pub(super) fn round(weights: Weights) -> Network {
        let table = Table::round(&weights.table, weights.spec.dim);
        Network::assemble(
            weights.spec,
            table,
            [weights.w1, weights.b1, weights.w2, weights.b2],
        )
    }

    fn assemble(spec: NetworkSpec, table: Table, [w1, b1, w2, b2]: [Vec<f32>; 4]) -> Network {
        let (dim, hidden) = spec.block();
        let w1_columns = match hidden {
            0 => Vec::new(),
            _ => w1
                .chunks_exact(dim * hidden)
                .flat_map(|block| columns(block, hidden))
                .collect(),
        };
        Network {
            table,
            w1_columns,
            w2_columns: columns(&w2, spec.n_outputs()),
            w1,
            b1,
            w2,
            b2,
            spec,
        }
    }

    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Adds `shifts`, one per output, to the last bias.
    pub fn shift_bias(&mut self, shifts: &[f32]) {
        for (b, s) in self.b2.iter_mut().zip(shifts) {
            *b += s;
        }
    }

    fn shapes(spec: &NetworkSpec) -> [Vec<usize>; 6] {
        let (dim, hidden, out) = (spec.dim, spec.hidden, spec.n_outputs());
        [
            vec![spec.n_features, dim],
            vec![spec.n_features],
            vec![dim, hidden / spec.blocks],
            vec![hidden],
            vec![spec.inner(), out],
            vec![out],
        ]
    }

    /// The weights as named tensors: the table in bytes, the rest in single precision.
    pub fn to_tensors(&self) -> Result<Vec<(&'static str, Tensor)>> {
        let (codes, scales) = self.table.to_tensors()?;
        let mut tensors = vec![codes, scales];
        let dense = [&self.w1, &self.b1, &self.w2, &self.b2];
        for (part, shape) in dense.into_iter().zip(&Self::shapes(&self.spec)[2..]) {
            tensors.push(Tensor::from_slice(part, shape.as_slice(), &Device::Cpu)?);
        }
        Ok(NAMES.into_iter().zip(tensors).collect())
    }

    /// Rebuilds a network; a missing tensor, a wrong shape or a weight that is not finite is an error.
    pub fn from_tensors(
        spec: NetworkSpec,
        mut tensors: HashMap<String, Tensor>,
    ) -> std::result::Result<Network, String> {
        let mut found = Vec::new();
        for (name, shape) in NAMES.into_iter().zip(Self::shapes(&spec)) {
            let tensor = tensors
                .remove(name)
                .ok_or_else(|| format!("tensor `{name}` is missing"))?;
            if tensor.dims() != shape {
                return Err(format!(
                    "tensor `{name}` has shape {:?}, the manifest says {shape:?}",
                    tensor.dims()
                ));
            }
            found.push(tensor);
        }
        if let Some(name) = tensors.keys().next() {
            return Err(format!("tensor `{name}` is unknown"));
        }
        let table = Table::from_tensors(&found[0], &found[1], spec.dim)
            .map_err(|e| format!("tensor `table` {e}"))?;
        let mut dense: [Vec<f32>; 4] = Default::default();
        for ((part, tensor), name) in dense.iter_mut().zip(&found[2..]).zip(&NAMES[2..]) {
            let values = tensor.flatten_all().and_then(|t| t.to_vec1::<f32>());
            *part = values.map_err(|e| format!("tensor `{name}`: {e}"))?;
            if part.iter().any(|v| !v.is_finite()) {
                return Err(format!("tensor `{name}` holds a value that is not finite"));
            }
        }
        Ok(Network::assemble(spec, table, dense))
    }

    /// `[dim, hidden]`, with zeros outside the blocks.
    fn whole_w1(&self) -> Vec<f32> {
        let (dim, hidden) = self.spec.block();
        let mut whole = vec![0.0; self.spec.dim * self.spec.hidden];
        if hidden > 0 {
            for (d, row) in self.w1.chunks_exact(hidden).enumerate() {
                let at = d * self.spec.hidden + d / dim * hidden;
                whole[at..][..hidden].copy_from_slice(row);
            }
        }
        whole
    }

    /// Logits `[n, n_outputs]` of a batch, all in candle tensors: the reference for the kernel.
    pub fn forward_tensors(&self, batch: &[Features]) -> Result<Tensor> {
        let device = Device::Cpu;
        let dim = self.spec.dim;
        let table = Tensor::from_vec(self.table.values(), (self.spec.n_features, dim), &device)?;
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
            w1: Tensor::from_vec(self.whole_w1(), (dim, self.spec.hidden), &device)?,
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
