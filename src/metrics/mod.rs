//! Gold labels and answers in, a `Scorecard` out: per-class figures with n, confusion, calibration, bad cases.
//! Law: no figure without its n; a class that does not occur has no figure instead of a zero.

mod confident;
mod cost;
mod curve;
pub mod exact;
mod interval;
mod paired;
mod reference;

use serde::Serialize;

pub use confident::{Doubts, Suspect};
pub use cost::{LevelCosts, URGENT_LEVELS, level_costs};
pub use curve::{CurvePoint, at, curve};
pub use interval::{f1_interval, wilson};
pub use paired::{ClassDifference, Comparison, Difference, Pair, compare};
pub use reference::{Reference, Seen, Spread, Stability, class_mix};

/// Precision, recall and F1 of one label; `None` where nothing was there to count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassScore {
    pub label: String,
    /// Rows that carry the label.
    pub n: usize,
    /// Rows that were given it.
    pub n_given: usize,
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: Option<f64>,
    /// 95 % intervals: Wilson's for precision and recall, `f1_interval` for F1.
    pub precision_interval: Option<[f64; 2]>,
    pub recall_interval: Option<[f64; 2]>,
    pub f1_interval: Option<[f64; 2]>,
}

/// One bin of the reliability diagram.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReliabilityBin {
    pub from: f64,
    pub n: usize,
    pub mean_prob: f64,
    pub accuracy: f64,
}

/// The figures of one head.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scorecard {
    pub head: String,
    pub n: usize,
    pub accuracy: f64,
    /// 95 %, Wilson.
    pub accuracy_interval: Option<[f64; 2]>,
    /// Mean F1 over the labels that occur in the gold labels.
    pub macro_f1: f64,
    pub classes: Vec<ClassScore>,
    /// Rows gold, columns answer, in the order of `classes`; empty for heads with many labels.
    pub confusion: Vec<Vec<usize>>,
    /// Expected calibration error over ten equal bins (Guo et al. 2017).
    pub expected_calibration_error: f64,
    pub reliability: Vec<ReliabilityBin>,
}

/// One row of one single-label head.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub gold: usize,
    pub given: usize,
    /// Calibrated probability of the answer.
    pub prob: f32,
}

/// Scores a single-label head.
pub fn score(head: &str, labels: &[String], answers: &[Answer]) -> Scorecard {
    let k = labels.len();
    let mut confusion = vec![vec![0usize; k]; k];
    for a in answers {
        confusion[a.gold][a.given] += 1;
    }
    let classes: Vec<ClassScore> = labels
        .iter()
        .enumerate()
        .map(|(i, label)| {
            let right = confusion[i][i];
            let n = confusion[i].iter().sum();
            let n_given = confusion.iter().map(|row| row[i]).sum();
            class_score(label, right, n, n_given)
        })
        .collect();
    let right = answers.iter().filter(|a| a.gold == a.given).count();
    let reliability = reliability(answers);
    let n = answers.len();
    Scorecard {
        head: head.to_owned(),
        n,
        accuracy: share(right, n).unwrap_or(0.0),
        accuracy_interval: wilson(right, n),
        macro_f1: macro_f1(&classes),
        expected_calibration_error: reliability
            .iter()
            .map(|b| (b.mean_prob - b.accuracy).abs() * b.n as f64 / n.max(1) as f64)
            .sum(),
        classes,
        confusion,
        reliability,
    }
}

/// Scores a head with any number of labels: gold and given label sets, row by row.
pub fn score_multi(head: &str, labels: &[String], rows: &[(Vec<usize>, Vec<usize>)]) -> Scorecard {
    let classes: Vec<ClassScore> = labels
        .iter()
        .enumerate()
        .map(|(i, label)| {
            let n = rows.iter().filter(|r| r.0.contains(&i)).count();
            let n_given = rows.iter().filter(|r| r.1.contains(&i)).count();
            let right = rows
                .iter()
                .filter(|r| r.0.contains(&i) && r.1.contains(&i))
                .count();
            class_score(label, right, n, n_given)
        })
        .collect();
    let same = rows
        .iter()
        .filter(|(gold, given)| gold.len() == given.len() && gold.iter().all(|g| given.contains(g)))
        .count();
    Scorecard {
        head: head.to_owned(),
        n: rows.len(),
        accuracy: share(same, rows.len()).unwrap_or(0.0),
        accuracy_interval: wilson(same, rows.len()),
        macro_f1: macro_f1(&classes),
        classes,
        confusion: Vec::new(),
        expected_calibration_error: 0.0,
        reliability: Vec::new(),
    }
}

fn class_score(label: &str, right: usize, n: usize, n_given: usize) -> ClassScore {
    ClassScore {
        label: label.to_owned(),
        n,
        n_given,
        precision: share(right, n_given),
        recall: share(right, n),
        f1: (n > 0).then(|| 2.0 * right as f64 / (n + n_given) as f64),
        precision_interval: wilson(right, n_given),
        recall_interval: wilson(right, n),
        f1_interval: (n > 0).then(|| f1_interval(right, n, n_given)).flatten(),
    }
}

fn macro_f1(classes: &[ClassScore]) -> f64 {
    let found: Vec<f64> = classes.iter().filter_map(|c| c.f1).collect();
    if found.is_empty() {
        0.0
    } else {
        found.iter().sum::<f64>() / found.len() as f64
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn reliability(answers: &[Answer]) -> Vec<ReliabilityBin> {
    (0..10)
        .filter_map(|bin| {
            let inside: Vec<&Answer> = answers
                .iter()
                .filter(|a| ((a.prob * 10.0) as usize).min(9) == bin)
                .collect();
            let n = inside.len();
            let right = inside.iter().filter(|a| a.gold == a.given).count();
            let sum: f64 = inside.iter().map(|a| f64::from(a.prob)).sum();
            (n > 0).then(|| ReliabilityBin {
                from: bin as f64 / 10.0,
                n,
                mean_prob: sum / n as f64,
                accuracy: right as f64 / n as f64,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_agree_with_a_count_by_hand() {
        let labels: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let answer = |gold, given| Answer {
            gold,
            given,
            prob: 0.8,
        };
        let card = score(
            "x",
            &labels,
            &[answer(0, 0), answer(0, 1), answer(1, 1), answer(1, 1)],
        );
        assert_eq!(card.classes[0].f1, Some(2.0 / 3.0));
        assert_eq!(card.classes[1].f1, Some(0.8));
        assert_eq!(card.classes[2].f1, None);
        assert!((card.macro_f1 - (2.0 / 3.0 + 0.8) / 2.0).abs() < 1e-12);
        assert!((card.accuracy - 0.75).abs() < 1e-12);
        assert!((card.expected_calibration_error - 0.05).abs() < 1e-6);
    }
}
