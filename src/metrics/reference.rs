//! Answers without labels in, how they are spread out: what a bundle keeps of its own rows, and what later rows are held against.
//! Law: shares and counts only; no text.

use serde::{Deserialize, Serialize};

/// How one thing is spread over fixed bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// What is counted, such as `type` or `length`.
    pub name: String,
    pub bins: Vec<String>,
    pub counts: Vec<u64>,
}

/// What is known of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// By head with one label a row: the most probable label and its calibrated probability.
    pub firsts: Vec<(usize, f32)>,
    /// Share of the text's features that the model knows, 0..=1.
    pub known_share: f32,
    pub n_chars: usize,
    /// Whether the first head's answer is automatic.
    pub is_auto: bool,
}

/// Upper ends of the bins of lengths, characters; the last bin is open.
const LENGTHS: [usize; 7] = [20, 50, 100, 200, 400, 800, 1600];
/// Upper ends of the bins of known shares; the last is 1.
const KNOWN: [f32; 7] = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/// Upper ends of the bins of probabilities; the last is 1.
const PROBS: [f32; 7] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

/// What rows look like to a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    pub n: u64,
    pub spreads: Vec<Spread>,
}

impl Reference {
    /// `heads`: name and labels of the heads with one label a row, in the order of `Seen::firsts`.
    pub fn of(heads: &[(&str, &[String])], rows: &[Seen]) -> Reference {
        let mut spreads = Vec::new();
        for (k, (name, labels)) in heads.iter().enumerate() {
            let mut counts = vec![0; labels.len()];
            rows.iter().for_each(|r| counts[r.firsts[k].0] += 1);
            spreads.push(Spread {
                name: (*name).to_owned(),
                bins: labels.to_vec(),
                counts,
            });
            let probs = rows.iter().map(|r| r.firsts[k].1);
            spreads.push(binned(&format!("{name} probability"), &PROBS, probs));
        }
        let known = rows.iter().map(|r| r.known_share);
        spreads.push(binned("known features", &KNOWN, known));
        let ends = LENGTHS.map(|n| n as f32);
        let lengths = rows.iter().map(|r| r.n_chars as f32);
        spreads.push(binned("characters", &ends, lengths));
        let n_auto = rows.iter().filter(|r| r.is_auto).count() as u64;
        spreads.push(Spread {
            name: "band".to_owned(),
            bins: ["auto", "person"].map(str::to_owned).to_vec(),
            counts: vec![n_auto, rows.len() as u64 - n_auto],
        });
        Reference {
            n: rows.len() as u64,
            spreads,
        }
    }

    pub fn spread(&self, name: &str) -> Option<&Spread> {
        self.spreads.iter().find(|s| s.name == name)
    }
}

fn binned(name: &str, ends: &[f32], values: impl Iterator<Item = f32>) -> Spread {
    let mut counts = vec![0; ends.len() + 1];
    for value in values {
        counts[ends.partition_point(|end| *end <= value)] += 1;
    }
    let mut bins = vec![format!("<{}", ends[0])];
    bins.extend(ends.windows(2).map(|w| format!("{}–{}", w[0], w[1])));
    bins.push(format!("≥{}", ends[ends.len() - 1]));
    Spread {
        name: name.to_owned(),
        bins,
        counts,
    }
}

/// The population stability index of two spreads, with what chance alone would give.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stability {
    /// `Σ (q - p) ln(q / p)` over the bins.
    pub psi: f64,
    /// Mean of the index were nothing changed: `(bins - 1) (1/n + 1/m)` (Yurdakul 2018).
    pub expected: f64,
    /// 95th percentile of the index were nothing changed, by the chi-square law with as many degrees.
    pub by_chance: f64,
}

impl Stability {
    /// Half a row is added to every bin of both, so that an empty one has a logarithm.
    pub fn of(old: &[u64], new: &[u64]) -> Stability {
        let filled = |counts: &[u64]| -> Vec<f64> {
            let n: f64 = counts.iter().map(|c| *c as f64 + 0.5).sum();
            counts.iter().map(|c| (*c as f64 + 0.5) / n).collect()
        };
        let (p, q) = (filled(old), filled(new));
        let psi = p.iter().zip(&q).map(|(p, q)| (q - p) * (q / p).ln()).sum();
        let used = old.iter().zip(new).filter(|(a, b)| **a + **b > 0).count();
        let degrees = used.saturating_sub(1).max(1) as f64;
        let n = |counts: &[u64]| counts.iter().sum::<u64>().max(1) as f64;
        let scale = 1.0 / n(old) + 1.0 / n(new);
        // Wilson and Hilferty 1931: the cube root of a chi-square variate is nearly normal.
        let cube = 1.0 - 2.0 / (9.0 * degrees) + 1.645 * (2.0 / (9.0 * degrees)).sqrt();
        Stability {
            psi,
            expected: degrees * scale,
            by_chance: degrees * cube.powi(3) * scale,
        }
    }
}

/// The class mix of new rows from their probabilities alone, by expectation and maximisation (Saerens et al. 2002).
///
/// `prior`: mix that the probabilities were made for. Returns the mix and each row's probabilities under it.
pub fn class_mix(probs: &[Vec<f32>], prior: &[f64]) -> (Vec<f64>, Vec<Vec<f32>>) {
    let k = prior.len();
    let mut mix = prior.to_vec();
    let adjusted = |mix: &[f64], row: &[f32]| -> Vec<f64> {
        let mut own: Vec<f64> = (0..k)
            .map(|l| f64::from(row[l]) * mix[l] / prior[l].max(1e-9))
            .collect();
        let sum: f64 = own.iter().sum();
        own.iter_mut().for_each(|p| *p /= sum.max(1e-12));
        own
    };
    for _ in 0..50 {
        let mut sums = vec![0.0; k];
        for row in probs {
            for (sum, p) in sums.iter_mut().zip(adjusted(&mix, row)) {
                *sum += p;
            }
        }
        let n = probs.len().max(1) as f64;
        let next: Vec<f64> = sums.into_iter().map(|s| s / n).collect();
        let moved: f64 = mix.iter().zip(&next).map(|(a, b)| (a - b).abs()).sum();
        mix = next;
        if moved < 1e-5 {
            break;
        }
    }
    let rows = probs
        .iter()
        .map(|row| adjusted(&mix, row).into_iter().map(|p| p as f32).collect())
        .collect();
    (mix, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_change_lies_within_chance() {
        let old = [500, 300, 200];
        let same = Stability::of(&old, &[250, 150, 100]);
        assert!(same.psi < same.by_chance);
        let moved = Stability::of(&old, &[100, 150, 250]);
        assert!(moved.psi > moved.by_chance && moved.psi > 0.25);
        // 95th percentile of chi-square with two degrees is 5.991.
        assert!((same.by_chance / (1.0 / 1000.0 + 1.0 / 500.0) - 5.991).abs() < 0.1);
    }

    #[test]
    fn the_mix_of_new_rows_is_found_without_labels() {
        // Probabilities for an even mix: right ones 0.8. Of 1,000 new rows 900 are of label 0.
        let row = |p: f32| vec![p, 1.0 - p];
        let mut probs = Vec::new();
        for i in 0..1000 {
            let is_first = i % 10 != 0;
            let seems_first = if i / 10 % 5 == 0 { !is_first } else { is_first };
            probs.push(row(if seems_first { 0.8 } else { 0.2 }));
        }
        let (mix, rows) = class_mix(&probs, &[0.5, 0.5]);
        assert!((mix[0] - 0.9).abs() < 0.03, "{mix:?}");
        assert!(rows[0][0] < probs[0][0] || rows[0][0] > 0.8);
    }
}
