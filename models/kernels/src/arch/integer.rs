//! Products of 8-bit weights with the 8-bit activations of many voices; exact, so every path gives the same integers.
//!
//! A tile is four groups of rows by up to four voices: its sums stay in registers, and a weight that was loaded serves all of
//! its voices. Tiles of one block of rows follow each other, so that the weights come from far away once for all voices.
use super::sparse::{self, SparseProduct};
use super::{LANES, Quads, Sums};

/// Groups of sixteen rows that lie together: their quads alternate in memory, so that a tile reads it in one stream.
pub const BLOCK: usize = 4;

/// What a product needs beside its sums.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    /// `[block][quad][BLOCK]`.
    pub weights: &'a [Quads],
    /// What the sums start from: -128 times the sum of each row, `[panels]`, whole blocks.
    pub start: &'a [Sums],
    /// Activations plus 128, 1 to 255, `[voice][quad]`.
    pub x: &'a [[u8; 4]],
    /// Voices to be computed.
    pub voices: &'a [u8],
}

/// One CPU's implementation.
pub struct Integer {
    /// Name in benches and messages: `portable`, `avx2`, `avxvnni`, `avx512vnni`.
    pub name: &'static str,
    /// `y = W x` for each voice named: `(y [voice][panels], product)`.
    pub multiply: fn(&mut [Sums], Product),
    /// The same with weights of which whole blocks are zero: `(y [voice][panels], product)`.
    pub multiply_sparse: fn(&mut [Sums], SparseProduct),
}

impl std::fmt::Debug for Integer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Sixteen sums in the registers of one kind of CPU.
pub(super) trait Dot: Copy {
    /// Four activations, in every row.
    type X: Copy;
    /// Sixteen rows of four weights.
    type W: Copy;
    /// Reads what sums start from.
    fn start(from: &Sums) -> Self;
    /// Copies four activations to every row.
    fn splat(x: &[u8; 4]) -> Self::X;
    /// Reads weights.
    fn load(w: &Quads) -> Self::W;
    /// Adds the four products of every row.
    fn add_product(self, w: Self::W, x: Self::X) -> Self;
    /// Adds other sums.
    fn add(self, sums: Self) -> Self;
    /// Writes the sums.
    fn store(self, to: &mut Sums);
}

/// See [`Integer::multiply`]. A tile has at most `T` voices; `P1`, `P2` and `P4` say how many groups of rows one of one, two and
/// up to four voices has. `S1` says into how many sums each row of a single voice is split: wide registers would leave it too
/// few of them to hide the latency of a product.
#[inline(always)]
pub(super) fn multiply<D: Dot, const T: usize, const P1: usize, const S1: usize, const P2: usize, const P4: usize>(
    y: &mut [Sums],
    product: Product,
) {
    let panels = product.start.len();
    let quads = product.weights.len() / panels;
    for (block, weights) in product.weights.chunks_exact(BLOCK * quads).enumerate() {
        for voices in product.voices.chunks(T) {
            match *voices {
                [a] => rows::<D, P1, 1, S1>(y, &product, weights, block, [a]),
                [a, b] => rows::<D, P2, 2, 1>(y, &product, weights, block, [a, b]),
                [a, b, c] => rows::<D, P4, 3, 1>(y, &product, weights, block, [a, b, c]),
                [a, b, c, d] => rows::<D, P4, 4, 1>(y, &product, weights, block, [a, b, c, d]),
                _ => {}
            }
        }
    }
}

/// One block of rows for `V` voices, `P` groups of rows at a time, each sum in `S` parts.
#[inline(always)]
fn rows<D: Dot, const P: usize, const V: usize, const S: usize>(
    y: &mut [Sums],
    product: &Product,
    weights: &[Quads],
    block: usize,
    voices: [u8; V],
) {
    let panels = product.start.len();
    let (weights, _) = weights.as_chunks::<BLOCK>();
    let quads = weights.len();
    let mut x = [&[][..]; V];
    for v in 0..V {
        x[v] = &product.x[usize::from(voices[v]) * quads..][..quads];
    }
    for first in (0..BLOCK).step_by(P) {
        let mut sums = [[[D::start(&Sums::ZERO); V]; P]; S];
        for p in 0..P {
            sums[0][p] = [D::start(&product.start[block * BLOCK + first + p]); V];
        }
        for k in (0..quads).step_by(S) {
            for s in 0..S {
                let mut xs = [D::splat(&x[0][k + s]); V];
                for v in 1..V {
                    xs[v] = D::splat(&x[v][k + s]);
                }
                for p in 0..P {
                    let w = D::load(&weights[k + s][first + p]);
                    for v in 0..V {
                        sums[s][p][v] = sums[s][p][v].add_product(w, xs[v]);
                    }
                }
            }
        }
        for v in 0..V {
            for p in 0..P {
                let mut sum = sums[0][p][v];
                for s in 1..S {
                    sum = sum.add(sums[s][p][v]);
                }
                sum.store(&mut y[usize::from(voices[v]) * panels + block * BLOCK + first + p]);
            }
        }
    }
}

/// Plain arithmetic, for any CPU; the oracle of the others.
#[derive(Clone, Copy)]
struct Plain([i32; LANES]);

impl Dot for Plain {
    type X = [i32; 4];
    type W = [[i32; 4]; LANES];

    #[inline(always)]
    fn start(from: &Sums) -> Self {
        Self(from.0)
    }
    #[inline(always)]
    fn splat(x: &[u8; 4]) -> Self::X {
        x.map(i32::from)
    }
    #[inline(always)]
    fn load(w: &Quads) -> Self::W {
        w.0.map(|row| row.map(i32::from))
    }
    #[inline(always)]
    fn add_product(mut self, w: Self::W, x: Self::X) -> Self {
        for l in 0..LANES {
            for i in 0..4 {
                self.0[l] += w[l][i] * x[i];
            }
        }
        self
    }
    #[inline(always)]
    fn add(mut self, sums: Self) -> Self {
        for l in 0..LANES {
            self.0[l] += sums.0[l];
        }
        self
    }
    #[inline(always)]
    fn store(self, to: &mut Sums) {
        to.0 = self.0;
    }
}

const PORTABLE: Integer = Integer {
    name: "portable",
    multiply: multiply::<Plain, 1, 1, 1, 1, 1>,
    multiply_sparse: sparse::multiply::<sparse::Plain<1>, sparse::Plain<4>, 1, 1, 4>,
};

#[cfg(target_arch = "x86_64")]
static TABLES: [Integer; 4] =
    [PORTABLE, super::x86_integer::AVX2, super::x86_integer::AVX_VNNI, super::x86_integer::AVX512_VNNI];
#[cfg(not(target_arch = "x86_64"))]
static TABLES: [Integer; 1] = [PORTABLE];

fn runs(integer: &Integer) -> bool {
    match integer.name {
        #[cfg(target_arch = "x86_64")]
        "avx2" => super::x86::has_avx2(),
        #[cfg(target_arch = "x86_64")]
        "avxvnni" => super::x86_integer::has_avx_vnni(),
        #[cfg(target_arch = "x86_64")]
        "avx512vnni" => super::x86_integer::has_avx512_vnni(),
        _ => true,
    }
}

/// Every path that this CPU can run, the slowest first; tests and benches walk it.
pub fn available() -> impl Iterator<Item = &'static Integer> {
    TABLES.iter().filter(|integer| runs(integer))
}

/// The fastest path that this CPU can run.
pub fn best() -> &'static Integer {
    available().last().unwrap_or(&TABLES[0])
}
