//! The forward pass and the exact contributions, written by hand for one text at a time.
//!
//! For a given text the ReLU pattern is fixed, so each logit is linear in the pooled rows:
//! `logit = bias + sum over features of contribution`, exactly; that is what `contributions` returns.

use crate::features::Features;
use crate::model::Network;
use crate::model::table::Table;

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

/// How much each word moved each of two logits.
#[derive(Debug, Default, Clone)]
pub struct Contributions {
    per_char: Vec<[f32; 2]>,
    gradients: [Vec<f32>; 2],
    passed: Vec<f32>,
    /// One pair of values per `Features::words`, in logits.
    pub words: Vec<[f32; 2]>,
    /// What each logit is without any word: the bias and the signals of the whole text.
    pub bias: [f32; 2],
}

impl Network {
    /// Logits of one text.
    pub fn forward(&self, features: &Features, out: &mut Activations) {
        let dim = self.spec.dim;
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
            let (row, scale) = self.table.row(id);
            for (value, code) in pooled.iter_mut().zip(row) {
                *value += scale * f32::from(*code);
            }
        }
        upper.copy_from_slice(&self.b1);
        let (block_dim, block_hidden) = self.spec.block();
        if block_hidden > 0 {
            let blocks = pooled
                .chunks_exact(block_dim)
                .zip(self.w1.chunks_exact(block_dim * block_hidden))
                .zip(upper.chunks_exact_mut(block_hidden));
            for ((pooled, w1), upper) in blocks {
                add_product(pooled, w1, block_hidden, upper);
            }
        }
        for value in upper.iter_mut() {
            *value = value.max(0.0);
        }
        out.logits.clear();
        out.logits.extend_from_slice(&self.b2);
        add_product(&out.inner, &self.w2, self.spec.n_outputs(), &mut out.logits);
    }

    /// Exact contributions of every word to two logits; call after `forward` on the same text.
    pub fn contributions(
        &self,
        features: &Features,
        activations: &Activations,
        outputs: [usize; 2],
        out: &mut Contributions,
    ) {
        let (dim, inner) = (self.spec.dim, self.spec.inner());
        let (_, upper) = activations.inner.split_at(dim);
        for (k, output) in outputs.into_iter().enumerate() {
            let (direct, through) = self.w2_columns[output * inner..][..inner].split_at(dim);
            // What each active unit passes on; the others pass nothing.
            out.passed.clear();
            let units = through.iter().zip(upper);
            let passed = units.map(|(w, active)| if *active > 0.0 { *w } else { 0.0 });
            out.passed.extend(passed);
            let gradient = &mut out.gradients[k];
            gradient.clear();
            gradient.extend_from_slice(direct);
            let (block_dim, block_hidden) = self.spec.block();
            if block_hidden > 0 {
                let blocks = out
                    .passed
                    .chunks_exact(block_hidden)
                    .zip(self.w1_columns.chunks_exact(block_dim * block_hidden))
                    .zip(gradient.chunks_exact_mut(block_dim));
                for ((passed, w1), gradient) in blocks {
                    add_product(passed, w1, block_dim, gradient);
                }
            }
            let biases = out.passed.iter().zip(&self.b1);
            out.bias[k] = self.b2[output] + biases.map(|(w, b)| w * b).sum::<f32>();
            for &id in features.signals() {
                let (row, scale) = self.table.row(id);
                let products = row.iter().zip(&*gradient);
                out.bias[k] += scale * products.map(|(c, g)| f32::from(*c) * g).sum::<f32>();
            }
            for g in gradient.iter_mut() {
                *g *= activations.scale;
            }
        }
        // Each feature's share is spread over its characters: a difference array, then a running sum.
        out.per_char.clear();
        out.per_char.resize(features.n_chars() + 1, [0.0; 2]);
        shares(&self.table, features, &out.gradients, &mut out.per_char);
        let mut running = [0.0; 2];
        for value in out.per_char.iter_mut() {
            running = plus(running, *value);
            *value = running;
        }
        out.words.clear();
        out.words.extend(features.words().iter().map(|w| {
            let own = &out.per_char[w.chars.0 as usize..w.chars.1 as usize];
            own.iter().fold([0.0; 2], |sum, v| plus(sum, *v))
        }));
    }
}

#[inline(always)]
fn plus(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

/// Defines `$name` as `$plain`, which must be `inline(always)`, compiled for wider registers where the CPU has them:
/// the same arithmetic in the same order.
macro_rules! wide {
    ($(#[$doc:meta])* $name:ident = $plain:ident($($arg:ident: $type:ty),*)) => {
        $(#[$doc])*
        fn $name($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f")]
                fn avx512($($arg: $type),*) {
                    $plain($($arg),*);
                }
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $type),*) {
                    $plain($($arg),*);
                }
                if std::arch::is_x86_feature_detected!("avx512f") {
                    // SAFETY: the CPU has AVX-512F; the function asks for nothing else.
                    return unsafe { avx512($($arg),*) };
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
    /// Adds each feature's share of two logits to the difference array over characters.
    shares = shares_plain(
        table: &Table,
        features: &Features,
        gradients: &[Vec<f32>; 2],
        per_char: &mut [[f32; 2]]
    )
}
wide! {
    /// `out = weighted sum of the rows`, in text order.
    pool = pool_plain(table: &Table, dim: usize, features: &Features, out: &mut [f32])
}

/// Column by column of blocks that fit the registers; every sum runs over `x` in order.
#[inline(always)]
fn add_product_plain(x: &[f32], w: &[f32], width: usize, out: &mut [f32]) {
    let mut at = 0;
    while width - at >= 64 {
        add_columns::<64>(x, w, width, at, out);
        at += 64;
    }
    while width - at >= 16 {
        add_columns::<16>(x, w, width, at, out);
        at += 16;
    }
    while width - at >= 4 {
        add_columns::<4>(x, w, width, at, out);
        at += 4;
    }
    while at < width {
        add_columns::<1>(x, w, width, at, out);
        at += 1;
    }
}

#[inline(always)]
fn add_columns<const N: usize>(x: &[f32], w: &[f32], width: usize, at: usize, out: &mut [f32]) {
    let mut sum = [0.0f32; N];
    sum.copy_from_slice(&out[at..at + N]);
    for (&value, row) in x.iter().zip(w.chunks_exact(width)) {
        for (s, &weight) in sum.iter_mut().zip(&row[at..at + N]) {
            *s += value * weight;
        }
    }
    out[at..at + N].copy_from_slice(&sum);
}

/// Lanes of a running sum: enough that no addition waits for the one before.
const LANES: usize = 16;

/// The codes of a row times each of two gradients: running lanes, then by halves, in the same order, and so with the same
/// bits, on every class of CPU.
#[inline(always)]
fn dots(row: &[i8], gradients: [&[f32]; 2]) -> [f32; 2] {
    let mut lanes = [[0.0f32; LANES]; 2];
    let (codes, rest) = row.as_chunks::<LANES>();
    for (i, codes) in codes.iter().enumerate() {
        let values = codes.map(f32::from);
        for (lanes, gradient) in lanes.iter_mut().zip(gradients) {
            let gradient = &gradient[i * LANES..][..LANES];
            for ((lane, value), g) in lanes.iter_mut().zip(&values).zip(gradient) {
                *lane += value * g;
            }
        }
    }
    for (lanes, gradient) in lanes.iter_mut().zip(gradients) {
        let gradient = &gradient[row.len() - rest.len()..];
        for ((lane, code), g) in lanes.iter_mut().zip(rest).zip(gradient) {
            *lane += f32::from(*code) * g;
        }
    }
    lanes.map(|lanes| {
        let eight: [f32; 8] = std::array::from_fn(|i| lanes[i] + lanes[i + 8]);
        let [a, b, c, d] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
        (a + c) + (b + d)
    })
}

/// A loop of its own for the usual widths.
#[inline(always)]
fn shares_plain(
    table: &Table,
    features: &Features,
    gradients: &[Vec<f32>; 2],
    per_char: &mut [[f32; 2]],
) {
    match gradients[0].len() {
        32 => shares_fixed::<32>(table, features, gradients, per_char),
        64 => shares_fixed::<64>(table, features, gradients, per_char),
        96 => shares_fixed::<96>(table, features, gradients, per_char),
        128 => shares_fixed::<128>(table, features, gradients, per_char),
        _ => {
            for (i, &id) in features.ids().iter().enumerate() {
                let (row, scale) = table.row(id);
                let [a, b] = gradients;
                share(i, dots(row, [a, b]), scale, features, per_char);
            }
        }
    }
}

#[inline(always)]
fn shares_fixed<const DIM: usize>(
    table: &Table,
    features: &Features,
    gradients: &[Vec<f32>; 2],
    per_char: &mut [[f32; 2]],
) {
    let [a, b] = gradients;
    let (a, b) = (&a[..DIM], &b[..DIM]);
    for (i, &id) in features.ids().iter().enumerate() {
        let (row, scale) = table.row_of::<DIM>(id);
        share(i, dots(row, [a, b]), scale, features, per_char);
    }
}

/// Spreads what feature `i` adds to each logit over its characters; `dots`: its codes times the gradient of each logit.
#[inline(always)]
fn share(i: usize, dots: [f32; 2], scale: f32, features: &Features, per_char: &mut [[f32; 2]]) {
    let (first, end) = features.spans()[i];
    let part = features.weights()[i] * scale / (end - first) as f32;
    for (k, dot) in dots.into_iter().enumerate() {
        per_char[first as usize][k] += part * dot;
        per_char[end as usize][k] -= part * dot;
    }
}

/// A loop of its own for the usual widths.
#[inline(always)]
fn pool_plain(table: &Table, dim: usize, features: &Features, out: &mut [f32]) {
    match dim {
        32 => pool_columns::<32, 32>(table, 0, features, out),
        64 => pool_columns::<64, 64>(table, 0, features, out),
        96 => pool_columns::<96, 96>(table, 0, features, out),
        // In two passes: sums of 128 columns would not fit the sixteen registers of AVX2.
        128 => {
            pool_columns::<128, 64>(table, 0, features, out);
            pool_columns::<128, 64>(table, 64, features, out);
        }
        _ => {
            for (&id, &weight) in features.ids().iter().zip(features.weights()) {
                let (row, scale) = table.row(id);
                let weight = weight * scale;
                for (o, code) in out.iter_mut().zip(row) {
                    *o += weight * f32::from(*code);
                }
            }
        }
    }
}

/// Columns `at..at + N` of the sum.
#[inline(always)]
fn pool_columns<const DIM: usize, const N: usize>(
    table: &Table,
    at: usize,
    features: &Features,
    out: &mut [f32],
) {
    let mut sum = [0.0f32; N];
    for (&id, &weight) in features.ids().iter().zip(features.weights()) {
        let (row, scale) = table.row_of::<DIM>(id);
        let weight = weight * scale;
        for (s, code) in sum.iter_mut().zip(&row[at..at + N]) {
            *s += weight * f32::from(*code);
        }
    }
    out[at..at + N].copy_from_slice(&sum);
}
