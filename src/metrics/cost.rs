//! Levels in order, what it costs to give the wrong one out. Too low costs more than too high: somebody waits who must not.

use serde::Serialize;

use super::interval::wilson;

/// Cost of a level that is too low by so many steps, the last for any more; chosen, not measured.
const TOO_LOW: [u32; 4] = [0, 3, 10, 30];
/// Cost of one that is too high: somebody hurries in vain; chosen, not measured.
const TOO_HIGH: [u32; 4] = [0, 1, 2, 3];

/// The first levels that cannot wait, by their place in the table of levels.
pub const URGENT_LEVELS: usize = 2;

/// What one row of gold level `gold` costs when it is given `given`; 0 is the highest level.
pub fn cost(gold: usize, given: usize) -> u32 {
    if given > gold {
        TOO_LOW[(given - gold).min(3)]
    } else {
        TOO_HIGH[(gold - given).min(3)]
    }
}

/// Cost of a confusion of levels, and the urgent rows among them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelCosts {
    pub n: usize,
    /// Cost of one row, by gold and given level.
    pub matrix: Vec<Vec<u32>>,
    /// Cost of all rows, by gold and given level.
    pub spent: Vec<Vec<u64>>,
    pub total: u64,
    pub per_row: f64,
    /// Rows of the first two levels, and those of them that were given neither.
    pub n_urgent: usize,
    pub missed: usize,
    pub missed_interval: Option<[f64; 2]>,
    /// The other rows, and those that were given one of the first two.
    pub n_calm: usize,
    pub raised: usize,
    pub raised_interval: Option<[f64; 2]>,
}

/// Costs of a confusion matrix, rows gold, columns given, the highest level first.
pub fn level_costs(confusion: &[Vec<usize>]) -> LevelCosts {
    let k = confusion.len();
    let by = |f: &dyn Fn(usize, usize) -> u64| -> Vec<Vec<u64>> {
        let row = |g| (0..k).map(|p| f(g, p)).collect();
        (0..k).map(row).collect()
    };
    let spent = by(&|g, p| u64::from(cost(g, p)) * confusion[g][p] as u64);
    let count = |gold: bool, given: bool| -> usize {
        let rows = confusion.iter().enumerate();
        let rows = rows.filter(|(g, _)| (*g < URGENT_LEVELS) == gold);
        rows.flat_map(|(_, row)| row.iter().enumerate())
            .filter(|(p, _)| (*p < URGENT_LEVELS) == given)
            .map(|(_, n)| n)
            .sum()
    };
    let (missed, raised) = (count(true, false), count(false, true));
    let (n_urgent, n_calm) = (missed + count(true, true), raised + count(false, false));
    let total = spent.iter().flatten().sum();
    let n = n_urgent + n_calm;
    LevelCosts {
        n,
        matrix: (0..k)
            .map(|g| (0..k).map(|p| cost(g, p)).collect())
            .collect(),
        spent,
        total,
        per_row: total as f64 / n.max(1) as f64,
        n_urgent,
        missed,
        missed_interval: wilson(missed, n_urgent),
        n_calm,
        raised,
        raised_interval: wilson(raised, n_calm),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_agree_with_a_count_by_hand() {
        let confusion = vec![
            vec![8, 1, 1, 0],
            vec![0, 5, 0, 2],
            vec![0, 1, 9, 0],
            vec![1, 0, 0, 7],
        ];
        let costs = level_costs(&confusion);
        // 1×3 + 1×10 + 2×10 too low, 1×1 + 1×3 too high.
        assert_eq!(costs.total, 37);
        assert_eq!((costs.n_urgent, costs.missed), (17, 3));
        assert_eq!((costs.n_calm, costs.raised), (18, 2));
        assert_eq!(costs.n, 35);
    }
}
