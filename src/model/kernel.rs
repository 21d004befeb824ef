//! The forward pass and the exact contributions, written by hand for one text at a time.
//!
//! For a given text the ReLU pattern is fixed, so each logit is linear in the pooled rows:
//! `logit = bias + sum over features of contribution`, exactly; that is what `contributions` returns.

use crate::features::Features;
use crate::model::Network;

/// Intermediate values of one text; reused between texts.
#[derive(Debug, Default, Clone)]
pub struct Activations {
    /// `[pooled, hidden]`
    inner: Vec<f32>,
    logits: Vec<f32>,
    scale: f32,
}

impl Activations {
    /// All heads side by side, `NetworkSpec::offsets` says where each begins.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }
}

/// How much each word moved one logit.
#[derive(Debug, Default, Clone)]
pub struct Contributions {
    per_char: Vec<f32>,
    gradient: Vec<f32>,
    passed: Vec<f32>,
    /// One value per `Features::words`, in logits.
    pub words: Vec<f32>,
    /// What the logit is without any word: the bias and the signals of the whole text.
    pub bias: f32,
}

impl Network {
    /// Logits of one text.
    pub fn forward(&self, features: &Features, out: &mut Activations) {
        let (dim, hidden) = (self.spec.dim, self.spec.hidden);
        out.inner.clear();
        out.inner.resize(self.spec.inner(), 0.0);
        let (pooled, upper) = out.inner.split_at_mut(dim);
        pool(&self.table, dim, features, pooled);
        out.scale = features.scale();
        for value in pooled.iter_mut() {
            *value *= out.scale;
        }
        // What is known of the whole text weighs the same in a long one.
        for &id in features.signals() {
            let row = &self.table[id as usize * dim..][..dim];
            for (value, v) in pooled.iter_mut().zip(row) {
                *value += v;
            }
        }
        upper.copy_from_slice(&self.b1);
        add_product(pooled, &self.w1, hidden, upper);
        for value in upper.iter_mut() {
            *value = value.max(0.0);
        }
        out.logits.clear();
        out.logits.extend_from_slice(&self.b2);
        add_product(&out.inner, &self.w2, self.spec.n_outputs(), &mut out.logits);
    }

    /// Exact contribution of every word to logit `output`; call after `forward` on the same text.
    pub fn contributions(
        &self,
        features: &Features,
        activations: &Activations,
        output: usize,
        out: &mut Contributions,
    ) {
        let (dim, hidden, n_out) = (self.spec.dim, self.spec.hidden, self.spec.n_outputs());
        let (_, upper) = activations.inner.split_at(dim);
        out.gradient.clear();
        out.gradient
            .extend((0..dim).map(|d| self.w2[d * n_out + output]));
        out.bias = self.b2[output];
        // What each active unit passes on; the others pass nothing.
        out.passed.clear();
        for (h, &active) in upper.iter().enumerate() {
            let weight = self.w2[(dim + h) * n_out + output];
            let passed = if active > 0.0 { weight } else { 0.0 };
            out.bias += passed * self.b1[h];
            out.passed.push(passed);
        }
        if hidden > 0 {
            for (g, row) in out.gradient.iter_mut().zip(self.w1.chunks_exact(hidden)) {
                *g += dot(row, &out.passed);
            }
        }
        for &id in features.signals() {
            out.bias += dot(&self.table[id as usize * dim..][..dim], &out.gradient);
        }
        for g in out.gradient.iter_mut() {
            *g *= activations.scale;
        }
        // Each feature's share is spread over its characters: a difference array, then a running sum.
        out.per_char.clear();
        out.per_char.resize(features.n_chars() + 1, 0.0);
        shares(&self.table, dim, features, &out.gradient, &mut out.per_char);
        let mut running = 0.0;
        for value in out.per_char.iter_mut() {
            running += *value;
            *value = running;
        }
        out.words.clear();
        out.words.extend(features.words().iter().map(|w| {
            out.per_char[w.chars.0 as usize..w.chars.1 as usize]
                .iter()
                .sum::<f32>()
        }));
    }
}

/// Defines `$name` as `$plain`, which must be `inline(always)`, compiled for wider registers where the CPU has them:
/// the same arithmetic in the same order.
macro_rules! wide {
    ($(#[$doc:meta])* $name:ident = $plain:ident($($arg:ident: $type:ty),*)) => {
        $(#[$doc])*
        fn $name($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $type),*) {
                    $plain($($arg),*);
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the CPU has AVX2; the function asks for nothing else.
                    return unsafe { avx2($($arg),*) };
                }
            }
            $plain($($arg),*);
        }
    };
}

wide! {
    /// `out += x · w`, `w` row-major `[x.len(), width]`.
    add_product = add_product_plain(x: &[f32], w: &[f32], width: usize, out: &mut [f32])
}
wide! {
    /// Adds each feature's share of the logit to the difference array over characters.
    shares = shares_plain(
        table: &[f32], dim: usize, features: &Features, gradient: &[f32], per_char: &mut [f32]
    )
}
wide! {
    /// `out = weighted sum of the rows`, in text order.
    pool = pool_plain(table: &[f32], dim: usize, features: &Features, out: &mut [f32])
}

#[inline(always)]
fn add_product_plain(x: &[f32], w: &[f32], width: usize, out: &mut [f32]) {
    if width == 0 {
        return;
    }
    for (&value, row) in x.iter().zip(w.chunks_exact(width)) {
        if value != 0.0 {
            for (o, &weight) in out.iter_mut().zip(row) {
                *o += value * weight;
            }
        }
    }
}

/// Sum of eight running lanes, in a fixed order: the same bits on every class of CPU.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    for (x, y) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for ((lane, p), q) in lanes.iter_mut().zip(x).zip(y) {
            *lane += p * q;
        }
    }
    lanes.iter().sum()
}

#[inline(always)]
fn shares_plain(
    table: &[f32],
    dim: usize,
    features: &Features,
    gradient: &[f32],
    per_char: &mut [f32],
) {
    let places = features.weights().iter().zip(features.spans());
    for (&id, (&weight, &(first, end))) in features.ids().iter().zip(places) {
        let row = &table[id as usize * dim..][..dim];
        let share = weight * dot(row, gradient) / (end - first) as f32;
        per_char[first as usize] += share;
        per_char[end as usize] -= share;
    }
}

/// A loop of its own for the usual widths.
#[inline(always)]
fn pool_plain(table: &[f32], dim: usize, features: &Features, out: &mut [f32]) {
    match dim {
        32 => pool_fixed::<32>(table, features, out),
        64 => pool_fixed::<64>(table, features, out),
        128 => pool_fixed::<128>(table, features, out),
        _ => {
            for (&id, &weight) in features.ids().iter().zip(features.weights()) {
                let row = &table[id as usize * dim..][..dim];
                for (o, v) in out.iter_mut().zip(row) {
                    *o += weight * v;
                }
            }
        }
    }
}

#[inline(always)]
fn pool_fixed<const DIM: usize>(table: &[f32], features: &Features, out: &mut [f32]) {
    let mut sum = [0.0f32; DIM];
    for (&id, &weight) in features.ids().iter().zip(features.weights()) {
        let row = &table[id as usize * DIM..][..DIM];
        for (s, v) in sum.iter_mut().zip(row) {
            *s += weight * v;
        }
    }
    out.copy_from_slice(&sum);
}
