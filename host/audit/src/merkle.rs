//! What is the root of a growing tree of hashes? The Merkle tree of RFC 6962, kept as its right edge.
//!
//! The edge is all that is needed to go on: one hash for each bit that is set in the size, the largest subtree first.

use freehold_model::audit::Digest;
use sha2::{Digest as _, Sha256};

/// A tree as far as it has grown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    edge: Vec<Digest>,
}

impl Tree {
    /// The tree of `size` leaves whose edge [`Self::edge`] gave.
    pub fn of_edge(size: u64, edge: &[u8]) -> Option<Tree> {
        let (hashes, rest) = edge.as_chunks::<32>();
        let fits = rest.is_empty() && u32::try_from(hashes.len()) == Ok(size.count_ones());
        fits.then(|| Tree { size, edge: hashes.iter().map(|hash| Digest(*hash)).collect() })
    }

    /// The edge as bytes.
    pub fn edge(&self) -> Vec<u8> {
        self.edge.iter().flat_map(|hash| hash.0).collect()
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: &Digest) {
        let mut hash = hashed(&[&[0], &leaf.0]);
        // Each set bit at the end of the size is a complete subtree as large as the new one: the two become one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.edge.pop() {
                hash = parent(&left, &hash);
            }
        }
        self.edge.push(hash);
        self.size += 1;
    }

    /// Its root.
    pub fn root(&self) -> Digest {
        let mut subtrees = self.edge.iter().rev();
        let Some(smallest) = subtrees.next() else { return hashed(&[]) };
        subtrees.fold(*smallest, |right, left| parent(left, &right))
    }
}

fn parent(left: &Digest, right: &Digest) -> Digest {
    hashed(&[&[1], &left.0, &right.0])
}

fn hashed(parts: &[&[u8]]) -> Digest {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part));
    Digest(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree as RFC 6962 section 2.1 defines it, over all leaves at once.
    fn defined(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => hashed(&[]),
            [leaf] => hashed(&[&[0], &leaf.0]),
            _ => {
                let left = leaves.len().next_power_of_two() / 2;
                parent(&defined(&leaves[..left]), &defined(&leaves[left..]))
            }
        }
    }

    fn leaves(count: u8) -> Vec<Digest> {
        (0..count).map(|number| Digest([number; 32])).collect()
    }

    #[test]
    fn the_root_is_as_the_rfc_defines_it_at_every_size() {
        let leaves = leaves(130);
        let mut tree = Tree::default();
        assert_eq!(tree.root(), defined(&[]));

        for size in 1..=leaves.len() {
            tree.push(&leaves[size - 1]);

            assert_eq!(tree.root(), defined(&leaves[..size]), "{size}");
        }
    }

    /// From the test vectors of <https://github.com/google/certificate-transparency>: the root of no leaves is the hash of
    /// nothing, and the leaf hash of nothing is that of one zero byte.
    #[test]
    fn hashes_are_those_of_certificate_transparency() {
        assert_eq!(
            Tree::default().root().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(hashed(&[&[0]]).to_string(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn a_tree_goes_on_from_its_edge() {
        let leaves = leaves(37);
        for cut in 0..leaves.len() {
            let mut tree = Tree::default();
            leaves[..cut].iter().for_each(|leaf| tree.push(leaf));

            let mut resumed = Tree::of_edge(tree.size(), &tree.edge()).unwrap();
            leaves[cut..].iter().for_each(|leaf| resumed.push(leaf));

            assert_eq!(resumed.root(), defined(&leaves));
        }
        assert_eq!(Tree::of_edge(3, &[0; 32]), None);
        assert_eq!(Tree::of_edge(1, &[0; 33]), None);
    }
}
