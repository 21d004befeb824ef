//! Gold labels and two models' answers to the same rows in, what is better and what is worse out, each with its interval.
//! Law: rows are compared row by row; the same seed gives the same intervals.

use std::collections::BTreeMap;

use serde::Serialize;

use super::exact::sign_test;
use crate::model::Seed;

/// One row of one single-label head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    pub gold: usize,
    pub old: usize,
    pub new: usize,
}

/// A figure of both models and their difference, with the 95 % interval of the difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub old: f64,
    pub new: f64,
    pub change: f64,
    pub low: f64,
    pub high: f64,
}

/// One label of both models.
#[derive(Debug, Clone, Serialize)]
pub struct ClassDifference {
    pub label: String,
    /// Rows that carry the label.
    pub n: usize,
    pub f1: Difference,
    /// Rows of the label that only the new model finds, and that only the old one found.
    pub won: usize,
    pub lost: usize,
    /// Two-sided exact sign test over those rows (McNemar 1947).
    pub p: f64,
}

/// A head under both models.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    pub head: String,
    pub n: usize,
    pub accuracy: Difference,
    pub macro_f1: Difference,
    pub won: usize,
    pub lost: usize,
    pub p: f64,
    /// Labels that occur in the gold labels.
    pub classes: Vec<ClassDifference>,
}

/// Resamples behind an interval.
const N_RESAMPLES: usize = 1000;

/// Compares two models on one head.
pub fn compare(head: &str, labels: &[String], rows: &[Pair], seed: u64) -> Comparison {
    let mut cells: BTreeMap<Pair, f64> = BTreeMap::new();
    for row in rows {
        *cells.entry(*row).or_default() += 1.0;
    }
    let cells: Vec<(Pair, f64)> = cells.into_iter().collect();
    let k = labels.len();
    let figures = Figures::of(&cells, k);
    // Each row counts as often as a Poisson variate says, which is the bootstrap of a large sample; rows of one cell
    // are alike, so the cell's count is drawn at once.
    let mut chance = Seed::new(seed).child(0x706169);
    let drawn: Vec<Figures> = (0..N_RESAMPLES)
        .map(|_| {
            let resample: Vec<(Pair, f64)> = cells
                .iter()
                .map(|(pair, n)| (*pair, poisson(*n, &mut chance)))
                .collect();
            Figures::of(&resample, k)
        })
        .collect();
    let difference = |own: &dyn Fn(&Figures) -> [f64; 2]| {
        let [old, new] = own(&figures);
        let mut changes: Vec<f64> = drawn
            .iter()
            .map(|f| {
                let [old, new] = own(f);
                new - old
            })
            .collect();
        changes.sort_by(f64::total_cmp);
        let at = |share: f64| changes[((N_RESAMPLES - 1) as f64 * share).round() as usize];
        Difference {
            old,
            new,
            change: new - old,
            low: at(0.025),
            high: at(0.975),
        }
    };
    let count = |keep: &dyn Fn(&Pair) -> bool| rows.iter().filter(|p| keep(p)).count();
    let (won, lost) = (
        count(&|p| p.new == p.gold && p.old != p.gold),
        count(&|p| p.old == p.gold && p.new != p.gold),
    );
    let classes = (0..k)
        .filter_map(|label| {
            let n = count(&|p| p.gold == label);
            let won = count(&|p| p.gold == label && p.new == label && p.old != label);
            let lost = count(&|p| p.gold == label && p.old == label && p.new != label);
            (n > 0).then(|| ClassDifference {
                label: labels[label].clone(),
                n,
                f1: difference(&|f| [f.f1[0][label], f.f1[1][label]]),
                won,
                lost,
                p: sign_test(won, lost),
            })
        })
        .collect();
    Comparison {
        head: head.to_owned(),
        n: rows.len(),
        accuracy: difference(&|f| f.accuracy),
        macro_f1: difference(&|f| f.macro_f1),
        won,
        lost,
        p: sign_test(won, lost),
        classes,
    }
}

/// Figures of both models on weighted cells.
struct Figures {
    accuracy: [f64; 2],
    macro_f1: [f64; 2],
    /// By model and label.
    f1: [Vec<f64>; 2],
}

impl Figures {
    fn of(cells: &[(Pair, f64)], k: usize) -> Figures {
        let mut gold = vec![0.0; k];
        let mut given = [vec![0.0; k], vec![0.0; k]];
        let mut right = [vec![0.0; k], vec![0.0; k]];
        for (pair, n) in cells {
            gold[pair.gold] += n;
            for (model, answer) in [pair.old, pair.new].into_iter().enumerate() {
                given[model][answer] += n;
                if answer == pair.gold {
                    right[model][answer] += n;
                }
            }
        }
        let n: f64 = gold.iter().sum();
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let f1 = [0, 1].map(|model| {
            (0..k)
                .map(|l| share(2.0 * right[model][l], gold[l] + given[model][l]))
                .collect::<Vec<f64>>()
        });
        let there: Vec<usize> = (0..k).filter(|l| gold[*l] > 0.0).collect();
        Figures {
            accuracy: [0, 1].map(|model| share(right[model].iter().sum(), n)),
            macro_f1: [0, 1].map(|model| {
                let sum: f64 = there.iter().map(|l| f1[model][*l]).sum();
                share(sum, there.len() as f64)
            }),
            f1,
        }
    }
}

/// A Poisson variate: by multiplication for small means (Knuth), by its normal limit beyond.
fn poisson(mean: f64, chance: &mut Seed) -> f64 {
    if mean > 50.0 {
        return (mean + mean.sqrt() * f64::from(chance.normal()))
            .round()
            .max(0.0);
    }
    let limit = (-mean).exp();
    let (mut n, mut product) = (0.0, f64::from(chance.unit()));
    while product > limit {
        n += 1.0;
        product *= f64::from(chance.unit());
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_mends_one_class_is_told_from_chance() {
        let labels = ["a", "b"].map(str::to_owned).to_vec();
        let mut rows = Vec::new();
        for i in 0..200usize {
            let gold = i % 2;
            // The old model gives half of b to a; the new one does so for one in ten.
            let old = if gold == 1 && i % 4 == 1 { 0 } else { gold };
            let new = if gold == 1 && i % 20 == 1 { 0 } else { gold };
            rows.push(Pair { gold, old, new });
        }
        let found = compare("x", &labels, &rows, 1);
        assert_eq!((found.won, found.lost), (40, 0));
        assert!(found.p < 1e-9);
        assert!(found.accuracy.change > 0.19 && found.accuracy.low > 0.1);
        let same = compare(
            "x",
            &labels,
            &rows
                .iter()
                .map(|r| Pair { new: r.old, ..*r })
                .collect::<Vec<_>>(),
            1,
        );
        assert_eq!((same.accuracy.change, same.p), (0.0, 1.0));
        assert!(same.accuracy.low <= 0.0 && same.accuracy.high >= 0.0);
    }
}
