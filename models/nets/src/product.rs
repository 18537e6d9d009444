//! Matrix products for the networks that are trained on the CPU: candle's own leave half of a core unused.
//!
//! One order of additions for every number of threads, so that a run is the same wherever it is repeated.
use multiversion::multiversion;
use rayon::prelude::*;

/// Columns of a panel: two vectors of AVX-512, four of AVX2.
const WIDTH: usize = 32;
/// Rows of a tile: with [`WIDTH`] as many sums as AVX-512 has room for in its registers.
const TILE: usize = 8;
/// Rows that are summed up before a weight's gradient is touched again: a panel of them stays in the first cache.
const DEPTH: usize = 256;
/// Rows of a product that go to one thread.
const SHARE: usize = 256;
/// Parts of a weight's gradient that go to one thread each.
const SHARES: usize = 4;

/// A matrix `[depth, columns]` in panels of 32 columns, so that a product reads it straight through.
pub struct Panels {
    depth: usize,
    columns: usize,
    /// `[panel][depth][32]`, zeros beyond the last column.
    values: Vec<[f32; WIDTH]>,
}

impl Panels {
    /// From rows: `b` is `[depth, columns]`.
    pub fn new(b: &[f32], columns: usize) -> Self {
        let depth = b.len() / columns;
        let mut values = vec![[0.0; WIDTH]; depth * columns.div_ceil(WIDTH)];
        for (panel, values) in values.chunks_exact_mut(depth).enumerate() {
            let width = WIDTH.min(columns - panel * WIDTH);
            for (k, row) in values.iter_mut().enumerate() {
                row[..width].copy_from_slice(&b[k * columns + panel * WIDTH..][..width]);
            }
        }
        Self { depth, columns, values }
    }

    /// From columns: `b` is `[columns, depth]`, as a layer's weight.
    pub fn transposed(b: &[f32], columns: usize) -> Self {
        let depth = b.len() / columns;
        let mut values = vec![[0.0; WIDTH]; depth * columns.div_ceil(WIDTH)];
        for (column, row) in b.chunks_exact(depth).enumerate() {
            let panel = &mut values[column / WIDTH * depth..][..depth];
            panel.iter_mut().zip(row).for_each(|(to, from)| to[column % WIDTH] = *from);
        }
        Self { depth, columns, values }
    }
}

/// `y += a b`: `a` `[rows, depth]`, `y` `[rows, columns]`; on this thread.
pub fn add_product(y: &mut [f32], a: &[f32], b: &Panels) {
    let rows = a.len() / b.depth;
    if rows == 0 {
        return;
    }
    for_rows(y, a, b.depth, b.columns, &b.values);
}

/// `y = a b + bias` for every row, on all threads; `bias` `[columns]` may be empty.
pub fn affine(a: &[f32], b: &Panels, bias: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; a.len() / b.depth * b.columns];
    y.par_chunks_mut(SHARE * b.columns).zip(a.par_chunks(SHARE * b.depth)).for_each(|(y, a)| {
        if !bias.is_empty() {
            y.chunks_exact_mut(b.columns).for_each(|row| row.copy_from_slice(bias));
        }
        add_product(y, a, b);
    });
    y
}

/// `y += a^T b`, the gradient of a weight: `a` `[rows, m]`, `b` `[rows, n]`, `y` `[m, n]`; on all threads.
pub fn add_transposed_product(y: &mut [f32], a: &[f32], b: &[f32], m: usize, n: usize) {
    let share = m.div_ceil(SHARES);
    for (a, b) in a.chunks(DEPTH * m).zip(b.chunks(DEPTH * n)) {
        let b = Panels::new(b, n);
        y.par_chunks_mut(share * n).enumerate().for_each(|(place, y)| {
            let columns = y.len() / n;
            let mut turned = vec![0.0; columns * b.depth];
            // A few columns at a time: each is a stream of its own to the cache.
            for first in (0..columns).step_by(TILE) {
                let width = TILE.min(columns - first);
                for (k, row) in a.chunks_exact(m).enumerate() {
                    for (c, x) in row[place * share + first..][..width].iter().enumerate() {
                        turned[(first + c) * b.depth + k] = *x;
                    }
                }
            }
            add_product(y, &turned, &b);
        });
    }
}

// No closures below: they would be compiled for the plainest CPU, or kept from being one with their caller.

#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma", "aarch64+neon"))]
fn for_rows(y: &mut [f32], a: &[f32], depth: usize, columns: usize, panels: &[[f32; WIDTH]]) {
    for (p, panel) in panels.chunks_exact(depth).enumerate() {
        let width = WIDTH.min(columns - p * WIDTH);
        let mut tiles = a.chunks_exact(TILE * depth);
        let mut row = 0;
        for a in tiles.by_ref() {
            let sums = row_tile::<TILE>(panel, a, depth);
            add_tile(&mut y[row * columns + p * WIDTH..], &sums, columns, width);
            row += TILE;
        }
        for a in tiles.remainder().chunks_exact(depth) {
            let sums = row_tile::<1>(panel, a, depth);
            add_tile(&mut y[row * columns + p * WIDTH..], &sums, columns, width);
            row += 1;
        }
    }
}

/// Products of `R` rows of `a` with the panel's columns.
#[inline(always)]
fn row_tile<const R: usize>(panel: &[[f32; WIDTH]], a: &[f32], depth: usize) -> [[f32; WIDTH]; R] {
    let mut rows = [&a[..0]; R];
    for r in 0..R {
        rows[r] = &a[r * depth..][..depth];
    }
    let panel = &panel[..depth];
    let mut sums = [[0.0; WIDTH]; R];
    for k in 0..depth {
        for r in 0..R {
            let x = rows[r][k];
            for l in 0..WIDTH {
                sums[r][l] = x.mul_add(panel[k][l], sums[r][l]);
            }
        }
    }
    sums
}

/// Adds a tile to rows that lie `stride` apart.
#[inline(always)]
fn add_tile<const R: usize>(y: &mut [f32], sums: &[[f32; WIDTH]; R], stride: usize, width: usize) {
    for r in 0..R {
        let y = &mut y[r * stride..][..width];
        if let Some(y) = y.first_chunk_mut::<WIDTH>() {
            for l in 0..WIDTH {
                y[l] += sums[r][l];
            }
        } else {
            // By way of a whole row: an index that is not fixed would keep the sums out of the registers.
            let mut row = [0.0; WIDTH];
            row[..width].copy_from_slice(y);
            for l in 0..WIDTH {
                row[l] += sums[r][l];
            }
            y.copy_from_slice(&row[..width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    fn noise(seed: u64, len: usize) -> Vec<f32> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        (0..len).map(|_| rng.random::<f32>() - 0.5).collect()
    }

    /// `[m, k] x [k, n]` by the definition.
    fn naive(a: impl Fn(usize, usize) -> f32, b: impl Fn(usize, usize) -> f32, [m, k, n]: [usize; 3]) -> Vec<f64> {
        let cell = |i: usize| (0..k).map(|j| f64::from(a(i / n, j)) * f64::from(b(j, i % n))).sum();
        (0..m * n).map(cell).collect()
    }

    fn assert_close(found: &[f32], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (i, (f, e)) in found.iter().zip(expected).enumerate() {
            assert!((f64::from(*f) - e).abs() < 1e-4, "{i}: {f} against {e}");
        }
    }

    #[test]
    fn products_of_odd_sizes_are_those_of_the_definition() {
        for [m, k, n] in [[1, 1, 1], [8, 3, 32], [21, 40, 70], [300, 5, 33]] {
            let (a, b, bias) = (noise(1, m * k), noise(2, k * n), noise(3, n));
            let mut expected = naive(|i, j| a[i * k + j], |j, l| b[j * n + l], [m, k, n]);
            expected.iter_mut().enumerate().for_each(|(i, y)| *y += f64::from(bias[i % n]));
            assert_close(&affine(&a, &Panels::new(&b, n), &bias), &expected);
            let flipped: Vec<f32> = (0..k * n).map(|i| b[i % k * n + i / k]).collect();
            assert_close(&affine(&a, &Panels::transposed(&flipped, n), &bias), &expected);
        }
    }

    #[test]
    fn a_weights_gradient_adds_up_over_all_rows() {
        for [rows, m, n] in [[1, 1, 1], [600, 13, 37], [257, 96, 32]] {
            let (a, b) = (noise(4, rows * m), noise(5, rows * n));
            let mut found = vec![1.0; m * n];
            add_transposed_product(&mut found, &a, &b, m, n);
            let mut expected = naive(|i, j| a[j * m + i], |j, l| b[j * n + l], [m, rows, n]);
            expected.iter_mut().for_each(|y| *y += 1.0);
            assert_close(&found, &expected);
        }
    }
}
