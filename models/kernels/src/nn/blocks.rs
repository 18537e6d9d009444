//! Rows of 8-bit weights of which only those blocks of eight rows by four columns are kept that are not all zero.
use super::quantised::Row;
use crate::arch::sparse::{BLOCK_ROWS, Block, Group, MOST_QUADS, SparseProduct, TURNS};
use crate::arch::{LANES, panels};

/// What is kept, as the inner loops read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blocks {
    /// Eight rows each, those with the fewest blocks first, so that the CPU foresees where each loop over blocks ends.
    groups: Vec<Group>,
    /// Of one group after the other.
    blocks: Vec<Block>,
    /// Which four columns each is of.
    columns: Vec<u8>,
    /// Blocks that are not all zero.
    kept: usize,
    /// Blocks of all rows and columns.
    all: usize,
}

impl Blocks {
    /// From rows, or none for an output of zero, filled up to whole groups of `LANES` in blocks of `panel_block`; none if there
    /// are too many columns.
    pub fn from_rows(rows: &[Option<Row>], inputs: usize, panel_block: usize) -> Option<Self> {
        if inputs > 4 * MOST_QUADS {
            return None;
        }
        let places = panels(rows.len()).next_multiple_of(panel_block) * LANES / BLOCK_ROWS;
        let quads = inputs.div_ceil(4);
        let mut found: Vec<_> = (0..places).map(|place| group(rows, quads, place)).collect();
        let kept = found.iter().map(|(_, blocks)| blocks.len()).sum();
        found.sort_by_key(|(_, blocks)| blocks.len());

        let mut all = Self {
            groups: Vec::new(),
            blocks: Vec::new(),
            columns: Vec::new(),
            kept,
            all: rows.len().div_ceil(BLOCK_ROWS) * quads,
        };
        for (mut group, mut blocks) in found {
            blocks.resize(blocks.len().next_multiple_of(TURNS), (0, Block::ZERO));
            group.blocks = blocks.len() as u32;
            all.groups.push(group);
            all.columns.extend(blocks.iter().map(|(column, _)| column));
            all.blocks.extend(blocks.iter().map(|(_, block)| block));
        }
        Some(all)
    }

    /// Share of the blocks that are not all zero.
    pub fn density(&self) -> f64 {
        self.kept as f64 / self.all.max(1) as f64
    }

    /// The product of activations `[voice][quads]` with what is kept.
    pub fn product<'a>(&'a self, quads: usize, voices: &'a [u8], x: &'a [[u8; 4]]) -> SparseProduct<'a> {
        SparseProduct { groups: &self.groups, blocks: &self.blocks, columns: &self.columns, x, quads, voices }
    }
}

/// Eight rows from `8 place` on, and which of their blocks are not all zero.
fn group(rows: &[Option<Row>], quads: usize, place: usize) -> (Group, Vec<(u8, Block)>) {
    let mut group = Group { place: place as u32, blocks: 0, start: [0; BLOCK_ROWS] };
    let row = |n: usize| rows.get(place * BLOCK_ROWS + n).copied().flatten().map_or(&[][..], |row| row.values);
    let mut blocks = Vec::new();
    for quad in 0..quads {
        let mut block = Block::ZERO;
        for (n, weights) in block.0.iter_mut().enumerate() {
            for (weight, value) in weights.iter_mut().zip(row(n).iter().skip(4 * quad)) {
                *weight = *value;
                group.start[n] -= 128 * i32::from(*value);
            }
        }
        if block != Block::ZERO {
            blocks.push((quad as u8, block));
        }
    }
    (group, blocks)
}
