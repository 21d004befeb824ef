//! Rows in, one Merkle root out, by which a run can prove each row it wrote.
//! Law: leaves and nodes as in RFC 6962 §2.1 (SHA-256, 0x00 before a leaf, 0x01 before a node); memory grows with the
//! logarithm of the rows.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest::hex;

/// Hash of one row.
pub type Leaf = [u8; 32];

/// Bytes of a leaf.
pub const LEAF_BYTES: usize = 32;

/// The leaf of a row: its bytes as they stand in the file, line end included.
pub fn leaf(row: &[u8]) -> Leaf {
    Sha256::new()
        .chain_update([0])
        .chain_update(row)
        .finalize()
        .into()
}

fn node(left: &Leaf, right: &Leaf) -> Leaf {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// A tree that grows leaf by leaf: the roots of its full subtrees, the largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Leaves so far.
    n: u64,
    full: Vec<Leaf>,
}

impl Tree {
    pub fn push(&mut self, leaf: Leaf) {
        let mut grown = leaf;
        let mut n = self.n;
        while n & 1 == 1 {
            // As many subtrees stand here as `n` has ones.
            let Some(left) = self.full.pop() else { break };
            grown = node(&left, &grown);
            n >>= 1;
        }
        self.full.push(grown);
        self.n += 1;
    }

    /// Leaves so far.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Root in hex; that of an empty tree is the hash of nothing.
    pub fn root(&self) -> String {
        let mut roots = self.full.iter().rev();
        let Some(last) = roots.next() else {
            return hex(&Sha256::digest(b""));
        };
        hex(&roots.fold(*last, |right, left| node(left, &right)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962 as it is written: split at the largest power of two below n.
    fn by_the_book(leaves: &[Leaf]) -> Leaf {
        match leaves {
            [] => Sha256::digest(b"").into(),
            [one] => *one,
            _ => {
                let k = leaves.len().next_power_of_two() / 2;
                node(&by_the_book(&leaves[..k]), &by_the_book(&leaves[k..]))
            }
        }
    }

    #[test]
    fn it_is_the_tree_of_the_rfc() {
        let leaves: Vec<Leaf> = (0..70u8).map(|i| leaf(&[i])).collect();
        let mut tree = Tree::default();
        for n in 0..=leaves.len() {
            assert_eq!(tree.root(), hex(&by_the_book(&leaves[..n])), "n = {n}");
            assert_eq!(tree.n(), n as u64);
            if let Some(next) = leaves.get(n) {
                tree.push(*next);
            }
        }
    }

    #[test]
    fn published_roots() {
        // Certificate-transparency reference vectors: the empty tree and the leaf of no bytes.
        assert_eq!(
            Tree::default().root(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            hex(&leaf(b"")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }
}
