//! Named signals and their weights in, a probability out.

use rustc_hash::FxHashMap;

/// Probability, 0..=1, by the weights of the named signals and `bias`; a signal without a weight counts nothing.
pub fn probability(weights: &FxHashMap<String, f32>, names: &[&str], signals: &[f32]) -> f32 {
    let weight = |name: &str| weights.get(name).copied().unwrap_or(0.0);
    let logit = names
        .iter()
        .zip(signals)
        .fold(weight("bias"), |sum, (name, x)| sum + weight(name) * x);
    1.0 / (1.0 + (-logit).exp())
}
