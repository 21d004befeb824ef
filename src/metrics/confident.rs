//! Out-of-sample probabilities and given labels in, suspected labels out: confident learning (Northcutt, Jiang, Chuang 2021).
//! Law: nothing is suspected without a label that the model holds for more probable; ties fall by row.

use serde::Serialize;

/// A row whose label is doubted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Suspect {
    pub row: usize,
    pub given: usize,
    /// The label that the row more probably has.
    pub likely: usize,
    pub given_prob: f32,
    pub likely_prob: f32,
    /// Among as many suspects as the estimated noise has.
    pub counted: bool,
}

/// What is doubted about the labels of one head.
#[derive(Debug, Clone, Serialize)]
pub struct Doubts {
    pub n: usize,
    /// Mean probability of each label over the rows that carry it: what it takes to be confident of it.
    pub thresholds: Vec<f32>,
    /// Rows that carry a label (line) and confidently have another (column), and on the diagonal those that agree.
    pub joint: Vec<Vec<usize>>,
    /// Wrong labels among `n`, as the joint estimates them.
    pub n_wrong: f64,
    /// All rows that probably have another label, the most doubtful first.
    pub suspects: Vec<Suspect>,
}

impl Doubts {
    /// `probs`: calibrated, by row and label; `given`: the label of each row.
    pub fn find(probs: &[Vec<f32>], given: &[u32], n_labels: usize) -> Doubts {
        let thresholds = thresholds(probs, given, n_labels);
        let mut joint = vec![vec![0usize; n_labels]; n_labels];
        for (p, g) in probs.iter().zip(given) {
            if let Some(label) = confident_label(p, &thresholds) {
                joint[*g as usize][label] += 1;
            }
        }
        let counts: Vec<usize> = (0..n_labels)
            .map(|l| given.iter().filter(|g| **g as usize == l).count())
            .collect();
        // Each line of the joint is brought to the number of rows that carry the label (eq. 3).
        let n_wrong: f64 = joint
            .iter()
            .zip(&counts)
            .enumerate()
            .map(|(label, (line, n))| {
                let sum: usize = line.iter().sum();
                let off = sum - line[label];
                off as f64 / sum.max(1) as f64 * *n as f64
            })
            .sum();
        let mut suspects: Vec<Suspect> = probs
            .iter()
            .zip(given)
            .enumerate()
            .filter_map(|(row, (p, g))| {
                let given = *g as usize;
                let likely = (0..n_labels)
                    .filter(|l| *l != given)
                    .max_by(|a, b| p[*a].total_cmp(&p[*b]).then(b.cmp(a)))?;
                (p[likely] > p[given]).then_some(Suspect {
                    row,
                    given,
                    likely,
                    given_prob: p[given],
                    likely_prob: p[likely],
                    counted: false,
                })
            })
            .collect();
        suspects.sort_by(|a, b| {
            // By self-confidence, which finds more flipped labels than the margin does (docs/desk.md).
            a.given_prob
                .total_cmp(&b.given_prob)
                .then(a.row.cmp(&b.row))
        });
        for suspect in suspects.iter_mut().take(n_wrong.round() as usize) {
            suspect.counted = true;
        }
        Doubts {
            n: given.len(),
            thresholds,
            joint,
            n_wrong,
            suspects,
        }
    }
}

/// A label that no row carries is never confident.
fn thresholds(probs: &[Vec<f32>], given: &[u32], n_labels: usize) -> Vec<f32> {
    let mut sums = vec![(0.0f64, 0usize); n_labels];
    for (p, g) in probs.iter().zip(given) {
        let (sum, n) = &mut sums[*g as usize];
        *sum += f64::from(p[*g as usize]);
        *n += 1;
    }
    sums.into_iter()
        .map(|(sum, n)| match n {
            0 => f32::INFINITY,
            n => (sum / n as f64) as f32,
        })
        .collect()
}

/// The most probable of the labels that reach their threshold.
fn confident_label(probs: &[f32], thresholds: &[f32]) -> Option<usize> {
    (0..probs.len())
        .filter(|l| probs[*l] >= thresholds[*l])
        .max_by(|a, b| probs[*a].total_cmp(&probs[*b]).then(b.cmp(a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_with_the_wrong_label_stands_first() {
        // Three sure rows of each label, one of label 0 that is surely 1, one that is hard to say.
        let sure = |label: usize| {
            let mut p = vec![0.1f32; 2];
            p[label] = 0.9;
            p
        };
        let mut probs: Vec<Vec<f32>> = [0, 0, 0, 1, 1, 1].map(sure).to_vec();
        probs.push(sure(1));
        probs.push(vec![0.45, 0.55]);
        let given = [0, 0, 0, 1, 1, 1, 0, 0];
        let found = Doubts::find(&probs, &given, 2);
        let rows: Vec<usize> = found.suspects.iter().map(|s| s.row).collect();
        assert_eq!(rows, [6, 7]);
        assert_eq!(found.suspects[0].likely, 1);
        // Rows of 0: three agree, one is confidently 1; of five rows that carry it that makes 5/4.
        assert_eq!(found.joint[0], [3, 1]);
        assert!((found.n_wrong - 1.25).abs() < 1e-9);
        assert!(found.suspects[0].counted && !found.suspects[1].counted);
    }
}
