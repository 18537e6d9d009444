//! Which weights a sparse matrix keeps: whole blocks of eight rows by four columns, the largest ones.
//!
//! After Narang et al. 2017 (arXiv 1711.02782) and the sparse WaveRNN (arXiv 1802.08435); the shape of the blocks is what one
//! instruction multiplies. A network must learn to do without the others: prune a little more every few hundred steps.

/// Rows of a block.
pub const BLOCK_ROWS: usize = 8;
/// Columns of a block.
pub const BLOCK_COLUMNS: usize = 4;
/// Up to this share of blocks that are not all zero only those are held and computed; above it the full product is faster.
pub const MOST_DENSITY: f64 = 0.6;

/// The mask `[rows / 8][columns / 4]`, rounded up, of the share `density` of blocks whose sum of squares is largest; of equal
/// ones the first. `values` is `[rows][columns]`: one gate of a recurrent network, whose gates are best pruned one by one.
pub fn largest_blocks(values: &[f32], columns: usize, density: f64) -> Vec<bool> {
    let across = columns.div_ceil(BLOCK_COLUMNS);
    let mut energy = vec![0.0; (values.len() / columns.max(1)).div_ceil(BLOCK_ROWS) * across];
    for (i, value) in values.iter().enumerate() {
        energy[block_of(i, columns)] += f64::from(*value).powi(2);
    }
    let mut order: Vec<usize> = (0..energy.len()).collect();
    order.sort_by(|a, b| energy[*b].total_cmp(&energy[*a]));
    let mut mask = vec![false; energy.len()];
    let kept = (density * energy.len() as f64).round() as usize;
    order.into_iter().take(kept).for_each(|block| mask[block] = true);
    mask
}

/// Block that the value at `place` belongs to.
pub fn block_of(place: usize, columns: usize) -> usize {
    let (row, column) = (place / columns, place % columns);
    row / BLOCK_ROWS * columns.div_ceil(BLOCK_COLUMNS) + column / BLOCK_COLUMNS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::naive;

    #[test]
    fn the_largest_blocks_are_kept() {
        // Two by two blocks; a single large weight makes its block the first, many small ones the next.
        let mut values = vec![0.0; 16 * 8];
        values[8 * 8 + 3] = 2.0;
        (0..8 * 8).filter(|i| i % 8 >= 4).for_each(|i| values[i] = 0.3);
        values[0] = -0.5;
        let keep = |density| largest_blocks(&values, 8, density);
        assert_eq!(keep(0.0), [false; 4]);
        assert_eq!(keep(0.25), [false, false, true, false]);
        assert_eq!(keep(0.5), [false, true, true, false]);
        assert_eq!(keep(0.75), [true, true, true, false]);
        assert_eq!(keep(1.0), [true; 4]);
        assert_eq!(largest_blocks(&[1.0; 64], 8, 0.5), [true, false], "of equal ones the first");
    }

    #[test]
    fn any_size_and_any_density_gives_a_mask() {
        for (rows, columns) in [(1, 1), (7, 5), (60, 20), (9, 4)] {
            let values = naive::noise(1, rows * columns);
            for density in [-1.0, 0.0, 0.3, 1.0, 7.0, f64::NAN] {
                let mask = largest_blocks(&values, columns, density);
                assert_eq!(mask.len(), rows.div_ceil(8) * columns.div_ceil(4));
                let kept = mask.iter().filter(|kept| **kept).count();
                assert_eq!(kept, (density.clamp(0.0, 1.0) * mask.len() as f64).round() as usize);
            }
        }
        assert!(largest_blocks(&[], 0, 0.5).is_empty());
    }
}
