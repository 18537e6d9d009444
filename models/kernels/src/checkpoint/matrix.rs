//! A weight matrix as a file holds it: full numbers, or 8-bit ones with a factor for each row.
use super::Values;

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

    /// The tensors that hold it in a file.
    pub fn tensors<'a>(&'a self, name: &str, shape: [usize; 2]) -> Vec<(String, Vec<usize>, Values<'a>)> {
        match self {
            Self::Full(values) => vec![(name.into(), shape.to_vec(), Values::F32(values))],
            Self::Quantised { values, scale } => vec![
                (name.into(), shape.to_vec(), Values::I8(values)),
                (format!("{name}_scale"), shape[..1].to_vec(), Values::F32(scale)),
            ],
        }
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
}
