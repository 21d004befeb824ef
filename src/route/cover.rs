//! Sets of complaints as boxes: which rows of the table can be reached, and whether all complaints are covered.
//!
//! A region is a product of label sets and a demand on flags (“at least one of these”, or none asked).
//! Subtracting boxes from a box leaves boxes, so the proof is exact.

/// A product of sets, as bit masks; one per dimension of `Space`.
#[derive(Debug, Clone)]
pub(super) struct Region {
    sets: [u64; 5],
    /// At least one of these flags must hold; 0 asks for none.
    any_flag: u64,
}

/// Sizes of the dimensions: type, reason, urgency, channel, band; each at most 64.
#[derive(Debug)]
pub(super) struct Space {
    full: [u64; 5],
}

/// A region for the proof: flags that must and must not hold.
#[derive(Debug, Clone, Copy)]
struct Cell {
    sets: [u64; 5],
    on: u64,
    off: u64,
}

impl Space {
    pub fn new(sizes: [usize; 5]) -> Space {
        let bits = |n: usize| if n >= 64 { u64::MAX } else { (1 << n) - 1 };
        Space {
            full: sizes.map(bits),
        }
    }

    /// An empty set stands for “any”.
    pub fn region(&self, sets: &[Vec<usize>; 5], flags: &[usize]) -> Region {
        let bits = |items: &[usize]| items.iter().fold(0u64, |b, i| b | 1 << (i & 63));
        let mut out = self.full;
        for (o, set) in out.iter_mut().zip(sets) {
            if !set.is_empty() {
                *o = bits(set);
            }
        }
        Region {
            sets: out,
            any_flag: bits(flags),
        }
    }

    pub fn everything(&self) -> Region {
        Region {
            sets: self.full,
            any_flag: 0,
        }
    }

    #[inline]
    pub fn holds(&self, region: &Region, point: &[usize; 5], flags: u64) -> bool {
        region
            .sets
            .iter()
            .zip(point)
            .all(|(set, i)| set >> i & 1 == 1)
            && (region.any_flag == 0 || region.any_flag & flags != 0)
    }

    /// Whether every complaint of `region` lies in one of `others`.
    pub fn is_covered(&self, region: &Region, others: &[&Region]) -> bool {
        let mut left = cells(region);
        for other in others {
            for minus in cells(other) {
                left = left
                    .into_iter()
                    .flat_map(|cell| subtract(cell, minus))
                    .collect();
            }
            if left.is_empty() {
                return true;
            }
        }
        left.is_empty()
    }
}

/// “At least one of a, b, c” as disjoint cells: a; not a and b; not a, not b and c.
fn cells(region: &Region) -> Vec<Cell> {
    let sets = region.sets;
    if region.any_flag == 0 {
        return vec![Cell {
            sets,
            on: 0,
            off: 0,
        }];
    }
    let mut off = 0;
    (0..64)
        .map(|i| 1u64 << i)
        .filter(|bit| region.any_flag & bit != 0)
        .map(|bit| {
            let cell = Cell { sets, on: bit, off };
            off |= bit;
            cell
        })
        .collect()
}

/// What is left of `cell` without `minus`, as disjoint cells.
fn subtract(cell: Cell, minus: Cell) -> Vec<Cell> {
    let apart = cell.sets.iter().zip(&minus.sets).any(|(a, b)| a & b == 0)
        || cell.on & minus.off != 0
        || cell.off & minus.on != 0;
    if apart {
        return vec![cell];
    }
    let mut out = Vec::new();
    let mut rest = cell;
    for i in 0..rest.sets.len() {
        let outside = rest.sets[i] & !minus.sets[i];
        if outside != 0 {
            let mut piece = rest;
            piece.sets[i] = outside;
            out.push(piece);
            rest.sets[i] &= minus.sets[i];
        }
    }
    for bit in (0..64).map(|i| 1u64 << i) {
        if minus.on & bit != 0 && rest.on & bit == 0 {
            let mut piece = rest;
            piece.off |= bit;
            out.push(piece);
            rest.on |= bit;
        }
        if minus.off & bit != 0 && rest.off & bit == 0 {
            let mut piece = rest;
            piece.on |= bit;
            out.push(piece);
            rest.off |= bit;
        }
    }
    out
}
