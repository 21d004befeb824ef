//! Prepared rows in, what networks that did not see them say out: k networks, each learnt without one part of the rows.
//! Law: rows that share their words stand in one fold, so that no double vouches for another; the same seed gives the same folds.

use super::learn::Learner;
use super::prepared::Prepared;
use crate::error::Result;
use crate::model::{Seed, Target};
use crate::twins;

/// Texts that share this much of the shorter one stand in one fold; chosen.
const TWIN_SHARE: f32 = 0.5;

/// Which fold each of `rows` stands in, 0..k: by the first head's label, so that each fold has its share of it.
pub(super) fn deal(prepared: &Prepared, rows: &[usize], k: usize, seed: u64) -> Vec<usize> {
    let texts = rows.iter().map(|i| prepared.cleaned[*i].text());
    let mut root: Vec<usize> = (0..rows.len()).collect();
    for twin in twins::find(texts, TWIN_SHARE) {
        // The earlier one has found its root already.
        root[twin.later] = root[twin.earlier];
    }
    let label = |at: usize| match &prepared.targets[rows[at]][0] {
        Some(Target::One(label)) => *label,
        _ => u32::MAX,
    };
    let mut heads: Vec<usize> = (0..rows.len()).filter(|at| root[*at] == *at).collect();
    Seed::new(seed).child(7).shuffle(&mut heads);
    heads.sort_by_key(|at| label(*at));
    let mut folds = vec![0; rows.len()];
    for (n, at) in heads.into_iter().enumerate() {
        folds[at] = n % k;
    }
    (0..rows.len()).map(|at| folds[root[at]]).collect()
}

/// Logits of each of `rows` by a network that learnt the `targets` (by row and head) of the other folds.
pub(super) fn out_of_sample(
    learner: &Learner<'_>,
    targets: &[Vec<Option<Target>>],
    rows: &[usize],
    folds: &[usize],
    tell: &(dyn Fn(f64) + Sync),
) -> Result<Vec<Vec<f32>>> {
    let k = folds.iter().max().map_or(0, |f| f + 1);
    let mut logits: Vec<Vec<f32>> = vec![Vec::new(); rows.len()];
    for fold in 0..k {
        let places =
            |inside: bool| (0..rows.len()).filter(move |at| (folds[*at] == fold) == inside);
        let learnt_from: Vec<usize> = places(false).map(|at| rows[at]).collect();
        let learnt = learner.learn(&learnt_from, targets, &mut |_, _, loss| tell(loss))?;
        let held: Vec<usize> = places(true).map(|at| rows[at]).collect();
        let judged = learner.judge(&learnt, &held);
        for (at, own) in places(true).zip(judged.logits) {
            logits[at] = own;
        }
    }
    Ok(logits)
}
