//! Products of 8-bit weights of which whole blocks are zero: blocks of eight rows by four columns, the others are not kept.
//!
//! A broadcast of four activations serves only eight rows, an eighth of what it serves in a full product. So there are two
//! kinds of tile: one voice, whose registers hold eight rows; and four voices, whose registers hold rows times voices, so that
//! one load brings the activations of all four. Groups of rows follow each other for all voices, as in [`super::integer`].
use super::{LANES, Sums};
use std::array::from_fn;

/// Rows of a block.
pub const BLOCK_ROWS: usize = 8;
/// Groups of four columns that a matrix may have at most.
pub const MOST_QUADS: usize = 128;
/// A group has a multiple of so many blocks, the last ones zero if need be: they are computed in turn.
pub const TURNS: usize = 2;
/// Voices that one pass over the weights serves.
const MOST_VOICES: usize = 16;

/// Four columns of eight rows of 8-bit weights, `[row][column]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct Block(pub [[i8; 4]; BLOCK_ROWS]);

impl Block {
    /// All weights zero.
    pub const ZERO: Self = Self([[0; 4]; BLOCK_ROWS]);
}

/// Eight rows and what is kept of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its first row is eight times this.
    pub place: u32,
    /// Blocks that it has, of those that follow the ones of the group before; a multiple of [`TURNS`].
    pub blocks: u32,
    /// What the sums start from: -128 times the sum of each row.
    pub start: [i32; BLOCK_ROWS],
}

/// What a product needs beside its sums.
#[derive(Clone, Copy)]
pub struct SparseProduct<'a> {
    /// Every eight rows of `y`, also those without blocks; in whatever order.
    pub groups: &'a [Group],
    /// Of one group after the other.
    pub blocks: &'a [Block],
    /// Which four columns a block is of, below [`MOST_QUADS`].
    pub columns: &'a [u8],
    /// Activations plus 128, 1 to 255, `[voice][quad]`.
    pub x: &'a [[u8; 4]],
    /// Groups of four columns, at most [`MOST_QUADS`].
    pub quads: usize,
    /// Voices to be computed.
    pub voices: &'a [u8],
}

/// Sums of eight rows for `V` voices in the registers of one kind of CPU.
pub(super) trait Tile<const V: usize>: Copy {
    /// Four activations of each voice in memory, made once for all rows.
    type Entry: Copy;
    /// The same in registers.
    type X: Copy;
    /// A block, as it is multiplied with them.
    type W: Copy;
    /// Sums of one voice.
    type Rows: Copy;
    /// What a place without activations holds.
    const NOTHING: Self::Entry;
    /// All sums zero.
    fn zero() -> Self;
    /// Activations plus 128 as they are wanted.
    fn enter(x: [[u8; 4]; V]) -> Self::Entry;
    /// Reads activations.
    fn spread(x: &Self::Entry) -> Self::X;
    /// Reads weights.
    fn load(w: &Block) -> Self::W;
    /// Adds the four products of every row and voice.
    fn add_product(self, w: Self::W, x: Self::X) -> Self;
    /// Adds other sums.
    fn add(self, sums: Self) -> Self;
    /// Adds what they start from, and parts the voices.
    fn split(self, start: &[i32; BLOCK_ROWS]) -> [Self::Rows; V];
    /// Writes the sums of one voice.
    fn store(rows: Self::Rows, to: &mut [i32; BLOCK_ROWS]);
}

/// See [`super::integer::Integer::multiply_sparse`]. Up to `G` fours of voices share a load of weights, each of their sums in `S`
/// parts; `LEAST` voices or more that are left over make another four, in which the last one stands more than once.
#[inline(always)]
pub(super) fn multiply<One: Tile<1>, Four: Tile<4>, const G: usize, const S: usize, const LEAST: usize>(
    y: &mut [Sums],
    product: SparseProduct,
) {
    for voices in product.voices.chunks(MOST_VOICES) {
        let left = voices.len() % 4;
        let (together, ones) = voices.split_at(voices.len() - if left < LEAST { left } else { 0 });
        let mut fours = [[0; 4]; MOST_VOICES / 4];
        for (four, voices) in fours.iter_mut().zip(together.chunks(4)) {
            *four = from_fn(|v| voices[v.min(voices.len() - 1)]);
        }
        let fours = &fours[..together.len().div_ceil(4)];
        // Room that is not needed is not made, since it would have to be cleared.
        match (fours.len(), ones.len()) {
            (0, 1) => pass::<One, Four, G, S, 0, 1>(y, &product, fours, ones),
            (0, _) => pass::<One, Four, G, S, 0, 3>(y, &product, fours, ones),
            (1, 0) => pass::<One, Four, G, S, 1, 0>(y, &product, fours, ones),
            _ => pass::<One, Four, G, S, 4, 3>(y, &product, fours, ones),
        }
    }
}

/// One pass over all weights, for at most `FOURS` fours of voices and `ONES` single ones.
#[inline(always)]
fn pass<One: Tile<1>, Four: Tile<4>, const G: usize, const S: usize, const FOURS: usize, const ONES: usize>(
    y: &mut [Sums],
    product: &SparseProduct,
    fours: &[[u8; 4]],
    ones: &[u8],
) {
    let mut in_fours = [[Four::NOTHING; MOST_QUADS]; FOURS];
    for (entries, voices) in in_fours.iter_mut().zip(fours) {
        enter::<Four, 4>(entries, product, *voices);
    }
    let mut in_ones = [[One::NOTHING; MOST_QUADS]; ONES];
    for (entries, voice) in in_ones.iter_mut().zip(ones) {
        enter::<One, 1>(entries, product, [*voice]);
    }
    let (mut blocks, mut columns) = (product.blocks, product.columns);
    for group in product.groups {
        let count = group.blocks as usize;
        let kept = (blocks[..count].as_chunks().0, columns[..count].as_chunks().0);
        (blocks, columns) = (&blocks[count..], &columns[count..]);
        for (x, voices) in in_fours.chunks(G).zip(fours.chunks(G)) {
            match (x, voices) {
                ([a, ..], [v]) => rows::<Four, 4, 1, 2>(y, product, group, kept, [a], [*v]),
                ([a, b, ..], [v, w]) => rows::<Four, 4, 2, S>(y, product, group, kept, [a, b], [*v, *w]),
                ([a, b, c, ..], [u, v, w]) => {
                    rows::<Four, 4, 3, S>(y, product, group, kept, [a, b, c], [*u, *v, *w]);
                }
                ([a, b, c, d], [t, u, v, w]) => {
                    rows::<Four, 4, 4, S>(y, product, group, kept, [a, b, c, d], [*t, *u, *v, *w]);
                }
                _ => {}
            }
        }
        for (x, voice) in in_ones.iter().zip(ones) {
            rows::<One, 1, 1, 2>(y, product, group, kept, [x], [[*voice]]);
        }
    }
}

/// The activations of `V` voices, four columns after four.
#[inline(always)]
fn enter<T: Tile<V>, const V: usize>(entries: &mut [T::Entry; MOST_QUADS], product: &SparseProduct, voices: [u8; V]) {
    let quads = product.quads;
    let mut x = [&[][..]; V];
    for v in 0..V {
        x[v] = &product.x[usize::from(voices[v]) * quads..][..quads];
    }
    for (k, entry) in entries[..quads].iter_mut().enumerate() {
        let mut quad = [[0; 4]; V];
        for v in 0..V {
            quad[v] = x[v][k];
        }
        *entry = T::enter(quad);
    }
}

/// One group of rows for `G` tiles of `V` voices, each sum in `S` parts, which hides the latency of a product.
#[inline(always)]
fn rows<T: Tile<V>, const V: usize, const G: usize, const S: usize>(
    y: &mut [Sums],
    product: &SparseProduct,
    group: &Group,
    (blocks, columns): (&[[Block; TURNS]], &[[u8; TURNS]]),
    x: [&[T::Entry; MOST_QUADS]; G],
    voices: [[u8; V]; G],
) {
    let mut sums = [[T::zero(); G]; S];
    for (blocks, columns) in blocks.iter().zip(columns) {
        for turn in 0..TURNS {
            let w = T::load(&blocks[turn]);
            // The remainder changes nothing, and says so to the compiler.
            let k = usize::from(columns[turn]) % MOST_QUADS;
            for g in 0..G {
                sums[turn % S][g] = sums[turn % S][g].add_product(w, T::spread(&x[g][k]));
            }
        }
    }
    let (panels, place) = (product.groups.len() * BLOCK_ROWS / LANES, group.place as usize);
    for g in 0..G {
        let mut sum = sums[0][g];
        for s in 1..S {
            sum = sum.add(sums[s][g]);
        }
        let parts = sum.split(&group.start);
        for v in 0..V {
            let panel = &mut y[usize::from(voices[g][v]) * panels + place / 2];
            T::store(parts[v], &mut panel.0.as_chunks_mut().0[place % 2]);
        }
    }
}

/// Plain arithmetic, for any CPU; the oracle of the others.
#[derive(Clone, Copy)]
pub(super) struct Plain<const V: usize>([[i32; BLOCK_ROWS]; V]);

impl<const V: usize> Tile<V> for Plain<V> {
    type Entry = [[u8; 4]; V];
    type X = [[i32; 4]; V];
    type W = [[i32; 4]; BLOCK_ROWS];
    type Rows = [i32; BLOCK_ROWS];
    const NOTHING: [[u8; 4]; V] = [[0; 4]; V];

    #[inline(always)]
    fn zero() -> Self {
        Self([[0; BLOCK_ROWS]; V])
    }
    #[inline(always)]
    fn enter(x: [[u8; 4]; V]) -> Self::Entry {
        x
    }
    #[inline(always)]
    fn spread(x: &Self::Entry) -> Self::X {
        x.map(|x| x.map(i32::from))
    }
    #[inline(always)]
    fn load(w: &Block) -> Self::W {
        w.0.map(|row| row.map(i32::from))
    }
    #[inline(always)]
    fn add_product(mut self, w: Self::W, x: Self::X) -> Self {
        for v in 0..V {
            for l in 0..BLOCK_ROWS {
                for i in 0..4 {
                    self.0[v][l] += w[l][i] * x[v][i];
                }
            }
        }
        self
    }
    #[inline(always)]
    fn add(self, sums: Self) -> Self {
        Self(from_fn(|v| from_fn(|l| self.0[v][l] + sums.0[v][l])))
    }
    #[inline(always)]
    fn split(self, start: &[i32; BLOCK_ROWS]) -> [Self::Rows; V] {
        self.add(Self([*start; V])).0
    }
    #[inline(always)]
    fn store(rows: Self::Rows, to: &mut [i32; BLOCK_ROWS]) {
        *to = rows;
    }
}
