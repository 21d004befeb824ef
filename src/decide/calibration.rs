//! Labelled logits in, `Calibration` out: temperatures and thresholds, fitted on a split that training never saw.
//! Law: every threshold carries the precision it was asked for, the one it reached, and n.

use serde::{Deserialize, Serialize};

use crate::model::{HeadKind, HeadSpec};

/// A limit on a calibrated probability, with the evidence for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Rows at or above this probability pass; above 1 nothing does.
    pub prob: f32,
    /// Precision that was asked for, 0..=1.
    pub asked: f32,
    /// Precision reached on the calibration split; 0 if no row passes.
    pub precision: f32,
    /// Rows of the calibration split that pass, and all of them.
    pub n_pass: usize,
    pub n: usize,
}

/// Calibration of one head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadCalibration {
    /// Logits are divided by it (Guo et al. 2017).
    pub temperature: f32,
    /// The first label is right.
    pub auto: Threshold,
    /// One of the first three labels is right.
    pub suggest: Threshold,
    /// For heads with any number of labels: the limit of each label, best F1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<f32>,
    /// Rows of the calibration split with a label for this head.
    pub n: usize,
}

impl HeadCalibration {
    /// Calibrated probabilities of a single-label head.
    pub fn probs(&self, logits: &[f32]) -> Vec<f32> {
        softmax(logits, self.temperature)
    }

    /// The most probable label of a single-label head, and its calibrated probability.
    pub fn first(&self, logits: &[f32]) -> (usize, f32) {
        let probs = softmax(logits, self.temperature);
        let best = ranked(&probs)[0];
        (best, probs[best])
    }

    /// Calibrated probability of each label of a many-label head.
    pub fn label_probs(&self, logits: &[f32]) -> Vec<f32> {
        let prob = |z: &f32| sigmoid(z / self.temperature);
        logits.iter().map(prob).collect()
    }

    /// Labels of a many-label head whose calibrated probability reaches their limit.
    pub fn passing(&self, logits: &[f32]) -> Vec<usize> {
        (0..logits.len())
            .filter(|i| {
                let limit = self.labels.get(*i).copied().unwrap_or(0.5);
                sigmoid(logits[*i] / self.temperature) >= limit
            })
            .collect()
    }
}

/// How probable a level or a higher one must be for a complaint to be raised to it in doubt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caution {
    /// Code of the level.
    pub level: String,
    /// Rows raise at or above this calibrated probability.
    pub prob: f32,
    /// Share of the rows at this level or above that was asked to reach it, 0..=1.
    pub asked: f32,
    /// Share that reached it on the calibration split, rules included, and the number of such rows.
    pub recall: f32,
    pub n: usize,
    /// Share of the lower rows that reached it all the same, and their number.
    pub raised: f32,
    pub n_lower: usize,
    /// With this confidence the share `asked` is reached on complaints like these, 0..1; `None`: on these alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// One calibration row for `Caution::fit`.
#[derive(Debug, Clone, Copy)]
pub struct Doubt {
    /// Calibrated probability of the level or a higher one.
    pub prob: f32,
    /// The right level is this one or a higher one.
    pub is_high: bool,
    /// Model or rules reach the level without any caution.
    pub reached: bool,
}

impl Caution {
    /// The highest probability at which enough of the high rows reach the level; nothing is raised below 0.01.
    pub fn fit(level: &str, asked: f32, rows: &[Doubt]) -> Caution {
        let mut limits: Vec<f32> = rows
            .iter()
            .filter(|r| r.is_high && !r.reached)
            .map(|r| r.prob.max(0.01))
            .collect();
        limits.push(1.1);
        limits.sort_by(|a, b| b.total_cmp(a));
        let reaches = |prob: &f32| reached_share(rows, true, *prob) >= asked;
        let prob = limits.iter().copied().find(reaches).unwrap_or(0.01);
        Caution::at(level, asked, prob, rows)
    }

    /// The highest probability that leaves at most `may_miss` of the high rows below the level.
    pub fn leaving(level: &str, asked: f32, may_miss: usize, rows: &[Doubt]) -> Caution {
        let high = rows.iter().filter(|r| r.is_high);
        let mut doubtful: Vec<f32> = high.filter(|r| !r.reached).map(|r| r.prob).collect();
        doubtful.sort_by(f32::total_cmp);
        // Rows at the limit are raised: it stands at the first one that may not be missed.
        let prob = doubtful.get(may_miss).copied().unwrap_or(1.1);
        Caution::at(level, asked, prob, rows)
    }

    fn at(level: &str, asked: f32, prob: f32, rows: &[Doubt]) -> Caution {
        let n = rows.iter().filter(|r| r.is_high).count();
        Caution {
            level: level.to_owned(),
            prob,
            asked,
            recall: reached_share(rows, true, prob),
            n,
            raised: reached_share(rows, false, prob),
            n_lower: rows.len() - n,
            confidence: None,
        }
    }
}

/// Share of the high or of the lower rows that reach the level when it is given in doubt from `prob` on.
fn reached_share(rows: &[Doubt], high: bool, prob: f32) -> f32 {
    let own = rows.iter().filter(|r| r.is_high == high);
    let n = own.clone().count();
    own.filter(|r| r.reached || r.prob >= prob).count() as f32 / n.max(1) as f32
}

/// What stands between logits and decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// One per head of the network, same order.
    pub heads: Vec<HeadCalibration>,
    /// Levels that must not be missed, for bundles with our heads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cautions: Vec<Caution>,
    /// A text with a smaller share of known features goes to review: the smallest of 99.5 % of the calibration texts.
    pub min_known_share: f32,
}

/// One calibration row: logits of one head and the right labels.
pub type LabelledLogits = (Vec<f32>, Vec<u32>);

/// Precision asked of the automatic band and of the first three suggestions; chosen, not measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Precision {
    pub auto: f32,
    pub suggest: f32,
}

impl Default for Precision {
    fn default() -> Self {
        Precision {
            auto: 0.95,
            suggest: 0.90,
        }
    }
}

/// Fits one head.
pub fn fit_head(head: &HeadSpec, rows: &[LabelledLogits], precision: Precision) -> HeadCalibration {
    let temperature = fit_temperature(head.kind, rows);
    let n = rows.len();
    let mut calibration = HeadCalibration {
        temperature,
        auto: none_pass(precision.auto, n),
        suggest: none_pass(precision.suggest, n),
        labels: Vec::new(),
        n,
    };
    match head.kind {
        HeadKind::Single => {
            let mut first = Vec::with_capacity(n);
            let mut three = Vec::with_capacity(n);
            for (logits, gold) in rows {
                let probs = softmax(logits, temperature);
                let order = ranked(&probs);
                let top = probs[order[0]];
                let is_gold = |i: &usize| gold.contains(&(*i as u32));
                first.push((top, is_gold(&order[0])));
                three.push((top, order.iter().take(3).any(is_gold)));
            }
            let least = LEAST_AUTO_PROB.min(precision.auto);
            calibration.auto = fit_threshold(first, precision.auto, least);
            calibration.suggest = fit_threshold(three, precision.suggest, 0.0);
        }
        HeadKind::Multi => {
            calibration.labels = (0..head.labels.len())
                .map(|label| fit_label(label, rows, temperature))
                .collect();
        }
    }
    calibration
}

fn none_pass(asked: f32, n: usize) -> Threshold {
    Threshold {
        prob: 1.1,
        asked,
        precision: 0.0,
        n_pass: 0,
        n,
    }
}

/// Nothing is decided automatically that would be wrong more often than once in five, however good the rest of the
/// band is: else the easy rows pay for the hard ones. Chosen, not measured.
pub const LEAST_AUTO_PROB: f32 = 0.8;

/// The lowest limit, not below `least`, at which the rows that pass are right often enough.
///
/// A limit counts only where at least 20 rows pass: fewer prove nothing.
pub fn fit_threshold(mut rows: Vec<(f32, bool)>, asked: f32, least: f32) -> Threshold {
    let n = rows.len();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best = none_pass(asked, n);
    let mut right = 0usize;
    for (i, &(prob, ok)) in rows.iter().enumerate() {
        if prob < least {
            break;
        }
        right += usize::from(ok);
        // Equal probabilities pass together.
        if rows.get(i + 1).is_some_and(|next| next.0 == prob) {
            continue;
        }
        let reached = right as f32 / (i + 1) as f32;
        if i + 1 >= 20.min(n.max(1)) && reached >= asked {
            best = Threshold {
                prob,
                asked,
                precision: reached,
                n_pass: i + 1,
                n,
            };
        }
    }
    best
}

/// The limit with the best F1 for one label; 0.5 where the split has too few of it.
fn fit_label(label: usize, rows: &[LabelledLogits], temperature: f32) -> f32 {
    let mut found: Vec<(f32, bool)> = rows
        .iter()
        .map(|(logits, gold)| {
            let prob = sigmoid(logits[label] / temperature);
            (prob, gold.contains(&(label as u32)))
        })
        .collect();
    let positives = found.iter().filter(|f| f.1).count();
    if positives < 5 {
        return 0.5;
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut best, mut best_f1, mut right) = (0.5, 0.0, 0usize);
    for (i, &(prob, ok)) in found.iter().enumerate() {
        right += usize::from(ok);
        let f1 = 2.0 * right as f32 / (i + 1 + positives) as f32;
        if f1 > best_f1 {
            (best_f1, best) = (f1, prob);
        }
    }
    // A rare label's best limit on few rows can be next to nothing: below 0.3 a flag convinces nobody (chosen).
    best.clamp(0.3, 0.9)
}

/// Golden-section search on the mean negative log likelihood over ln T in -2..2.
fn fit_temperature(kind: HeadKind, rows: &[LabelledLogits]) -> f32 {
    if rows.len() < 20 {
        return 1.0;
    }
    let loss = |ln_t: f64| -> f64 {
        let t = ln_t.exp() as f32;
        rows.iter()
            .map(|(logits, gold)| match kind {
                HeadKind::Single => {
                    let probs = softmax(logits, t);
                    gold.iter()
                        .map(|g| -f64::from(probs[*g as usize].max(1e-12).ln()))
                        .sum::<f64>()
                }
                HeadKind::Multi => logits
                    .iter()
                    .enumerate()
                    .map(|(i, z)| {
                        let prob = f64::from(sigmoid(z / t)).clamp(1e-9, 1.0 - 1e-9);
                        if gold.contains(&(i as u32)) {
                            -prob.ln()
                        } else {
                            -(1.0 - prob).ln()
                        }
                    })
                    .sum(),
            })
            .sum()
    };
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (-2.0, 2.0);
    for _ in 0..40 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if loss(a) < loss(b) { high = b } else { low = a }
    }
    ((low + high) / 2.0).exp() as f32
}

pub(crate) fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut probs: Vec<f32> = logits
        .iter()
        .map(|z| ((z - top) / temperature).exp())
        .collect();
    let sum: f32 = probs.iter().sum();
    for p in probs.iter_mut() {
        *p /= sum;
    }
    probs
}

pub(crate) fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}

/// Indices from the most to the least probable; ties by index.
fn ranked(probs: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..probs.len()).collect();
    order.sort_by(|a, b| probs[*b].total_cmp(&probs[*a]).then(a.cmp(b)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_limit_that_keeps_the_precision_is_taken() {
        let rows: Vec<(f32, bool)> = (0..100)
            .map(|i| (1.0 - i as f32 / 100.0, i < 60 || i % 2 == 0))
            .collect();
        let found = fit_threshold(rows.clone(), 0.9, 0.0);
        assert!(found.precision >= 0.9);
        assert!(found.n_pass >= 60 && found.n_pass < 100);
        let next = rows
            .iter()
            .filter(|r| r.0 >= found.prob - 0.05)
            .collect::<Vec<_>>();
        let right = next.iter().filter(|r| r.1).count();
        assert!((right as f32) < 0.9 * next.len() as f32);
        let floored = fit_threshold(rows, 0.9, 0.7);
        assert!(floored.prob >= 0.7 && floored.n_pass < found.n_pass);
    }

    #[test]
    fn an_unreachable_precision_passes_nothing() {
        let rows = (0..50).map(|i| (i as f32 / 50.0, i % 2 == 0)).collect();
        let found = fit_threshold(rows, 0.99, 0.0);
        assert_eq!((found.n_pass, found.prob > 1.0), (0, true));
    }

    #[test]
    fn an_overconfident_head_is_cooled() {
        // Right in 75 of 100 with logits that say 99.9 %.
        let rows: Vec<LabelledLogits> = (0..100)
            .map(|i| (vec![7.0, 0.0], vec![u32::from(i % 4 == 0)]))
            .collect();
        let t = fit_temperature(HeadKind::Single, &rows);
        let prob = softmax(&[7.0, 0.0], t)[0];
        assert!((prob - 0.75).abs() < 0.01, "{prob}");
    }
}
