//! The weights while they are trained, all in single precision; `Network` is what becomes of them.

use crate::model::{HeadSpec, Network, NetworkSpec, Seed, offsets};

/// Shape and weights in training. All matrices are row-major.
pub(super) struct Weights {
    pub spec: NetworkSpec,
    /// `[n_features, dim]`
    pub table: Vec<f32>,
    /// `[dim, hidden / blocks]`
    pub w1: Vec<f32>,
    pub b1: Vec<f32>,
    /// `[dim + hidden, n_outputs]`
    pub w2: Vec<f32>,
    pub b2: Vec<f32>,
}

impl Weights {
    /// Initial weights, drawn from `seed`; `spread` is the standard deviation of the table.
    pub fn random(spec: NetworkSpec, seed: &Seed, spread: f32) -> Weights {
        let draw = |name: u64, n: usize, deviation: f32| {
            let mut seed = seed.child(name);
            (0..n)
                .map(|_| seed.normal() * deviation)
                .collect::<Vec<f32>>()
        };
        let (dim, hidden, inner, out) = (spec.dim, spec.hidden, spec.inner(), spec.n_outputs());
        Weights {
            table: draw(1, spec.n_features * dim, spread),
            w1: draw(2, dim * hidden, (2.0 / dim as f32).sqrt()),
            b1: vec![0.0; hidden],
            w2: draw(3, inner * out, (1.0 / inner as f32).sqrt()),
            b2: vec![0.0; out],
            spec,
        }
    }

    /// Puts the weights of block `member` of `init` in place of the drawn ones; both are of the same features and widths.
    ///
    /// A label that `init` has under the same head keeps its weights; any other begins with none, for what it would draw
    /// is noise beside rows that already mean something.
    pub fn begin_with(&mut self, init: &Network, member: usize) {
        let (dim, hidden, inner) = (self.spec.dim, self.spec.hidden, self.spec.inner());
        let known = init.spec.n_features.min(self.spec.n_features);
        for id in 0..known {
            let (codes, scale) = init.table.row(id as u32);
            let own = &codes[member * dim..][..dim];
            let row = &mut self.table[id * dim..][..dim];
            for (to, from) in row.iter_mut().zip(own) {
                *to = INIT_SHARE * scale * f32::from(*from);
            }
        }
        self.w1
            .copy_from_slice(&init.w1[member * dim * hidden..][..dim * hidden]);
        self.b1
            .copy_from_slice(&init.b1[member * hidden..][..hidden]);
        let (out, theirs) = (self.spec.n_outputs(), init.spec.n_outputs());
        self.w2.fill(0.0);
        self.b2.fill(0.0);
        // The blocks' outputs are summed with equal shares (`fold`): one block alone says as many times as much.
        let blocks = init.spec.blocks;
        let n_rows = init.spec.dim;
        for (own, their) in same_labels(&self.spec.heads, &init.spec.heads) {
            self.b2[own] = init.b2[their];
            for i in 0..inner {
                let row = if i < dim {
                    member * dim + i
                } else {
                    n_rows + member * hidden + (i - dim)
                };
                self.w2[i * out + own] = init.w2[row * theirs + their] * blocks as f32;
            }
        }
    }

    /// Weights whose logits are the mean of the members' (all of one shape; at least one).
    ///
    /// Rows stand side by side and the hidden layer is a block of each, so the mean is exact.
    pub fn fold(mut members: Vec<Weights>) -> Weights {
        let k = members.len();
        if k == 1 {
            return members.remove(0);
        }
        let one = members[0].spec.clone();
        let (dim, hidden, out) = (one.dim, one.hidden, one.n_outputs());
        let spec = NetworkSpec {
            dim: dim * k,
            hidden: hidden * k,
            blocks: k,
            ..one
        };
        let mut folded = Weights {
            table: vec![0.0; spec.n_features * spec.dim],
            w1: Vec::with_capacity(spec.dim * hidden),
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
            folded.w1.extend_from_slice(&member.w1);
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
}

/// What rows that are begun with keep of their length: at full length they drown what a few new rows teach. Of 0.1, 0.3 and
/// 1 the best on 50, 200 and 500 rows of civic_complaints, two seeds.
const INIT_SHARE: f32 = 0.3;

/// Outputs of the labels that both have under heads of one name and kind.
fn same_labels(own: &[HeadSpec], their: &[HeadSpec]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (head, first) in own.iter().zip(offsets(own)) {
        let like = their.iter().zip(offsets(their));
        for (other, other_first) in like.filter(|(o, _)| o.name == head.name && o.kind == head.kind)
        {
            for (i, label) in head.labels.iter().enumerate() {
                if let Some(j) = other.labels.iter().position(|l| l == label) {
                    pairs.push((first + i, other_first + j));
                }
            }
        }
    }
    pairs
}
