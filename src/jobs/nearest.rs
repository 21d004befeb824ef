//! Labelled texts in, for one text those that say most like it out: cosine of the features' weights.
//! Law: the same rows in the same order give the same neighbours; ties fall by row.

use rustc_hash::FxHashMap;

/// Rows by feature.
pub(super) struct Index {
    /// By feature: (row, weight of length one).
    postings: FxHashMap<u32, Vec<(u32, f32)>>,
    n_rows: usize,
}

/// A row like the one asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Neighbour {
    pub row: usize,
    /// 0..=1
    pub cosine: f32,
}

/// A feature of more rows than this share says nothing about likeness and costs most; chosen.
const COMMON_SHARE: f32 = 0.1;

impl Index {
    /// `rows`: features with their weights, as `Features::totals`.
    pub fn new(rows: &[Vec<(u32, f32)>]) -> Index {
        let mut postings: FxHashMap<u32, Vec<(u32, f32)>> = FxHashMap::default();
        for (row, totals) in (0u32..).zip(rows) {
            let scale = unit(totals);
            for (id, weight) in totals {
                postings.entry(*id).or_default().push((row, weight * scale));
            }
        }
        let most = ((rows.len() as f32 * COMMON_SHARE) as usize).max(50);
        postings.retain(|_, held| held.len() <= most);
        Index {
            postings,
            n_rows: rows.len(),
        }
    }

    /// The `n` rows most like `totals`, without those that `skip` names.
    pub fn nearest(
        &self,
        totals: &[(u32, f32)],
        n: usize,
        skip: impl Fn(usize) -> bool,
    ) -> Vec<Neighbour> {
        let mut sums = vec![0.0f32; self.n_rows];
        let scale = unit(totals);
        for (id, weight) in totals {
            for (row, held) in self.postings.get(id).into_iter().flatten() {
                sums[*row as usize] += weight * scale * held;
            }
        }
        let mut found: Vec<Neighbour> = sums
            .into_iter()
            .enumerate()
            .filter(|(row, cosine)| *cosine > 0.0 && !skip(*row))
            .map(|(row, cosine)| Neighbour { row, cosine })
            .collect();
        found.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.row.cmp(&b.row)));
        found.truncate(n);
        found
    }
}

fn unit(totals: &[(u32, f32)]) -> f32 {
    crate::features::unit_scale(totals.iter().map(|(_, w)| w * w).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_with_the_same_words_is_nearest() {
        let rows = vec![
            vec![(1, 1.0), (2, 1.0)],
            vec![(1, 1.0), (3, 1.0)],
            vec![(4, 1.0)],
        ];
        let index = Index::new(&rows);
        let found = index.nearest(&rows[0], 2, |row| row == 0);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].row, 1);
        assert!((found[0].cosine - 0.5).abs() < 1e-6);
    }
}
