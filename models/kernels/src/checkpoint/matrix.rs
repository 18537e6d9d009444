//! A weight matrix as a file holds it: full numbers, or 8-bit ones with a factor for each row, all of them or some blocks.
use super::pruning::{BLOCK_COLUMNS, BLOCK_ROWS, MOST_DENSITY, block_of, largest_blocks};
use super::{Checkpoint, LoadError, Values};
use safetensors::tensor::Dtype;

/// Eight rows of four columns.
pub type Block = [[i8; BLOCK_COLUMNS]; BLOCK_ROWS];

/// Rows of weights, the last index running fastest.
#[derive(Clone, Debug, PartialEq)]
pub enum Matrix {
    /// One number each.
    Full(Vec<f32>),
    /// `values[row][i] scale[row]`.
    Quantised {
        /// -127 to 127.
        values: Vec<i8>,
        /// One factor a row.
        scale: Vec<f32>,
    },
    /// The same where most blocks are zero; rows come in eights and columns in fours.
    Sparse {
        /// Those that `mask` names, in its order.
        blocks: Vec<Block>,
        /// Which blocks there are, `[rows / 8][columns / 4]`.
        mask: Vec<bool>,
        /// One factor a row.
        scale: Vec<f32>,
    },
}

impl Matrix {
    /// Full numbers, for `rows` rows.
    pub fn full(&self, rows: usize) -> Vec<f32> {
        match self {
            Self::Full(values) => values.clone(),
            Self::Quantised { values, scale } => values
                .chunks(values.len() / rows)
                .zip(scale)
                .flat_map(|(row, scale)| row.iter().map(move |q| f32::from(*q) * scale))
                .collect(),
            Self::Sparse { .. } => self.clone().filled().full(rows),
        }
    }

    /// The nearest 8-bit numbers, each row scaled so that its largest one is 127. The error of a weight is at most half of
    /// its row's factor.
    pub fn quantised(self, rows: usize) -> Self {
        let Self::Full(full) = self else { return self };
        let mut values = Vec::with_capacity(full.len());
        let mut scale = Vec::with_capacity(rows);
        for row in full.chunks(full.len() / rows) {
            let largest = row.iter().fold(0.0f32, |m, w| m.max(w.abs()));
            let step = largest / 127.0;
            // Below the normal numbers `1 / step` would overflow; such a row cannot be heard.
            let step = if step < f32::MIN_POSITIVE { 0.0 } else { step };
            let inverse = if step == 0.0 { 0.0 } else { 1.0 / step };
            values.extend(row.iter().map(|w| (w * inverse).round().clamp(-127.0, 127.0) as i8));
            scale.push(step);
        }
        Self::Quantised { values, scale }
    }

    /// With zeros in all but the share `density` of its blocks, the largest ones ([`largest_blocks`]) of each of `gates` equal
    /// parts of its rows. What it is held as stays.
    pub fn pruned(self, rows: usize, gates: usize, density: f64) -> Self {
        let full = self.full(rows);
        let columns = full.len() / rows;
        let parts = full.chunks(full.len() / gates);
        let kept: Vec<bool> = parts
            .flat_map(|part| {
                let mask = largest_blocks(part, columns, density);
                (0..part.len()).map(move |i| mask[block_of(i, columns)])
            })
            .collect();
        match self {
            Self::Full(values) => {
                Self::Full(values.iter().zip(kept).map(|(w, kept)| if kept { *w } else { 0.0 }).collect())
            }
            Self::Quantised { values, scale } => {
                let values = values.iter().zip(kept).map(|(w, kept)| if kept { *w } else { 0 }).collect();
                Self::Quantised { values, scale }
            }
            Self::Sparse { .. } => self.filled().pruned(rows, gates, density).sparse(rows),
        }
    }

    /// In 8 bits, without the blocks that are all zero; with them if more than [`MOST_DENSITY`] are not, or if its rows do not
    /// come in eights and its columns in fours.
    pub fn sparse(self, rows: usize) -> Self {
        let (values, scale) = match self.quantised(rows) {
            Self::Quantised { values, scale } => (values, scale),
            other => return other,
        };
        let columns = values.len() / rows;
        if !rows.is_multiple_of(BLOCK_ROWS) || !columns.is_multiple_of(BLOCK_COLUMNS) {
            return Self::Quantised { values, scale };
        }
        let block = |n: usize| -> Block {
            let (down, across) = (n / (columns / BLOCK_COLUMNS), n % (columns / BLOCK_COLUMNS));
            let row = |r| values[(down * BLOCK_ROWS + r) * columns + across * BLOCK_COLUMNS..].first_chunk();
            std::array::from_fn(|r| row(r).copied().unwrap_or_default())
        };
        let blocks: Vec<Block> = (0..values.len() / (BLOCK_ROWS * BLOCK_COLUMNS)).map(block).collect();
        let mask: Vec<bool> = blocks.iter().map(|block| *block != Block::default()).collect();
        if mask.iter().filter(|there| **there).count() as f64 > MOST_DENSITY * mask.len() as f64 {
            return Self::Quantised { values, scale };
        }
        let blocks = blocks.into_iter().filter(|block| *block != Block::default()).collect();
        Self::Sparse { blocks, mask, scale }
    }

    /// With the blocks that a sparse one leaves out.
    pub fn filled(self) -> Self {
        let Self::Sparse { blocks, mask, scale } = self else { return self };
        let columns = mask.len() * BLOCK_ROWS * BLOCK_COLUMNS / scale.len().max(1);
        let mut values = vec![0; mask.len() * BLOCK_ROWS * BLOCK_COLUMNS];
        let places = (0..mask.len()).filter(|n| mask[*n]);
        for (n, block) in places.zip(blocks) {
            let (down, across) = (n / (columns / BLOCK_COLUMNS), n % (columns / BLOCK_COLUMNS));
            for (r, weights) in block.iter().enumerate() {
                let place = (down * BLOCK_ROWS + r) * columns + across * BLOCK_COLUMNS;
                values[place..][..BLOCK_COLUMNS].copy_from_slice(weights);
            }
        }
        Self::Quantised { values, scale }
    }

    /// The tensors that hold it in a file.
    pub fn tensors<'a>(&'a self, name: &str, shape: [usize; 2]) -> Vec<(String, Vec<usize>, Values<'a>)> {
        let scales = |scale| (format!("{name}_scale"), shape[..1].to_vec(), Values::F32(scale));
        match self {
            Self::Full(values) => vec![(name.into(), shape.to_vec(), Values::F32(values))],
            Self::Quantised { values, scale } => {
                vec![(name.into(), shape.to_vec(), Values::I8(values)), scales(scale)]
            }
            Self::Sparse { blocks, mask, scale } => {
                let weights = Values::I8(blocks.as_flattened().as_flattened());
                vec![
                    (format!("{name}_blocks"), vec![blocks.len(), BLOCK_ROWS, BLOCK_COLUMNS], weights),
                    (format!("{name}_mask"), blocks_of(shape).to_vec(), Values::Bool(mask)),
                    scales(scale),
                ]
            }
        }
    }
}

/// Blocks of a matrix, down and across.
fn blocks_of([rows, columns]: [usize; 2]) -> [usize; 2] {
    [rows / BLOCK_ROWS, columns / BLOCK_COLUMNS]
}

impl Checkpoint<'_> {
    /// A weight `[rows, columns]`: full numbers as [`Self::tensor`] reads them, or 8-bit ones, all or some blocks of them,
    /// under the names of [`Matrix::tensors`].
    pub fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Matrix, LoadError> {
        let in_8_bits =
            self.container.find(name).is_some_and(|place| self.container.entries[place].info.dtype == Dtype::I8);
        let scales = || self.tensor(&format!("{name}_scale"), &shape[..1]);
        if in_8_bits {
            let values = self.weights(name, &shape)?;
            return Ok(Matrix::Quantised { values, scale: scales()? });
        }
        let blocks = format!("{name}_blocks");
        if self.has(name) || !self.has(&blocks) {
            return Ok(Matrix::Full(self.tensor(name, &shape)?));
        }
        if !shape[0].is_multiple_of(BLOCK_ROWS) || !shape[1].is_multiple_of(BLOCK_COLUMNS) {
            let expected = format!("rows in eights and columns in fours, or `{name}` in their place");
            return Err(LoadError::Config { key: format!("tensor `{blocks}`"), expected, found: format!("{shape:?}") });
        }
        let mask = self.mask(&format!("{name}_mask"), &blocks_of(shape))?;
        let there = mask.iter().filter(|there| **there).count();
        let values = self.weights(&blocks, &[there, BLOCK_ROWS, BLOCK_COLUMNS])?;
        let (rows, _) = values.as_chunks();
        Ok(Matrix::Sparse { blocks: rows.as_chunks().0.to_vec(), mask, scale: scales()? })
    }

    /// 8-bit weights.
    fn weights(&self, name: &str, shape: &[usize]) -> Result<Vec<i8>, LoadError> {
        let values: Vec<i8> = self.bytes(name, shape, Dtype::I8)?.iter().map(|byte| *byte as i8).collect();
        // The products of -128 do not fit the narrowest sums; a symmetric quantiser never writes it.
        if let Some(index) = values.iter().position(|v| *v == i8::MIN) {
            let (key, expected) = (format!("tensor `{name}` at {index}"), "-127 to 127".into());
            return Err(LoadError::Config { key, expected, found: i8::MIN.to_string() });
        }
        Ok(values)
    }

    /// What is there and what is not.
    fn mask(&self, name: &str, shape: &[usize]) -> Result<Vec<bool>, LoadError> {
        let bytes = self.bytes(name, shape, Dtype::BOOL)?;
        if let Some(index) = bytes.iter().position(|byte| *byte > 1) {
            let (key, expected) = (format!("tensor `{name}` at {index}"), "0 or 1".into());
            return Err(LoadError::Config { key, expected, found: bytes[index].to_string() });
        }
        Ok(bytes.iter().map(|byte| *byte == 1).collect())
    }

    /// A tensor of bytes of one kind, as they are.
    fn bytes(&self, name: &str, shape: &[usize], dtype: Dtype) -> Result<&[u8], LoadError> {
        let missing = || LoadError::Missing { name: name.into(), expected: shape.to_vec() };
        let place = self.container.find(name).ok_or_else(missing)?;
        let info = &self.container.entries[place].info;
        if !info.shape.is(shape) {
            let (expected, found) = (shape.to_vec(), info.shape.to_vec());
            return Err(LoadError::Shape { name: name.into(), expected, found });
        }
        if info.dtype != dtype {
            let (expected, found) = (format!("{dtype:?}"), format!("{:?}", info.dtype));
            return Err(LoadError::Config { key: format!("tensor `{name}`"), expected, found });
        }
        self.read.borrow_mut()[place] = true;
        Ok(self.container.data(info))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::naive;

    #[test]
    fn a_quantised_weight_is_within_half_a_step_and_a_row_of_zeros_stays() {
        let mut full = naive::noise(1, 3 * 40);
        full[40..80].fill(0.0);
        let quantised = Matrix::Full(full.clone()).quantised(3);
        let Matrix::Quantised { scale, values } = &quantised else { panic!("still full") };
        assert!(values.chunks(40).map(|row| row.iter().map(|q| q.abs()).max()).eq([Some(127), Some(0), Some(127)]));
        for (i, (w, q)) in full.iter().zip(quantised.full(3)).enumerate() {
            assert!((w - q).abs() <= 0.5001 * scale[i / 40], "{i}: {w} became {q}");
        }
    }

    #[test]
    fn quantising_twice_changes_nothing() {
        let once = Matrix::Full(naive::noise(2, 64)).quantised(4);
        assert_eq!(once.clone().quantised(4), once);
        assert_eq!(Matrix::Full(once.full(4)).quantised(4), once);
    }

    #[test]
    fn a_sparse_matrix_is_its_quantised_one_without_the_blocks_of_zeros() {
        let quantised = Matrix::Full(naive::noise(3, 48 * 20)).pruned(48, 3, 0.3).quantised(48);
        let sparse = quantised.clone().sparse(48);
        let Matrix::Sparse { blocks, mask, .. } = &sparse else { panic!("not sparse") };
        // Of ten blocks of each gate three.
        assert_eq!((blocks.len(), mask.len()), (9, 30));
        assert!(mask.chunks(10).all(|gate| gate.iter().filter(|there| **there).count() == 3));
        assert_eq!(sparse.full(48), quantised.full(48));
        assert_eq!(sparse.clone().filled(), quantised);
        assert_eq!(sparse.clone().quantised(48), sparse);
        assert_eq!(sparse.clone().pruned(48, 3, 0.1), quantised.pruned(48, 3, 0.1).sparse(48));
        let odd = Matrix::Full(naive::noise(4, 12 * 20)).quantised(12);
        assert_eq!(odd.clone().sparse(12), odd, "twelve rows");
        let dense = Matrix::Full(naive::noise(5, 48 * 20)).pruned(48, 3, 0.7).quantised(48);
        assert_eq!(dense.clone().sparse(48), dense, "seven tenths are left");
    }
}
