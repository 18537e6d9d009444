//! A fully connected layer of 8-bit weights and activations, for many voices at once.
use super::blocks::Blocks;
use crate::arch::integer::{BLOCK, Integer, Product};
use crate::arch::{LANES, Lanes, Quads, Scaling, Sums, panels};
use crate::checkpoint::pruning::MOST_DENSITY;

/// Step of an activation within -1..1, such as a GRU's output: no calibration, because none can lie beyond.
pub const UNIT_STEP: f32 = 1.0 / 127.0;

/// `y = W x + b`: rows in groups of sixteen, four groups to a block, each row with its own factor.
#[derive(Clone, Debug)]
pub struct QuantisedLinear {
    weights: Weights,
    /// -128 times the sum of each row, `[panels]` in whole blocks: activations carry 128 too much.
    start: Vec<Sums>,
    /// From sums to numbers, `[panels]`.
    scale: Vec<Lanes>,
    /// Added last, `[panels]`.
    bias: Vec<Lanes>,
    /// Groups of four inputs.
    quads: usize,
}

/// Weights as the inner loops read them.
#[derive(Clone, Debug)]
enum Weights {
    /// `[block][quad][BLOCK]`, what lies beyond the last row or column zero.
    Full(Vec<Quads>),
    /// Without the blocks that are all zero.
    Sparse(Blocks),
}

/// A row of weights to be packed.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// -127 to 127, `[inputs]`.
    pub values: &'a [i8],
    /// Step of the values, with whatever factor the row's output is wanted.
    pub scale: f32,
    /// Bias with the same factor.
    pub bias: f32,
}

impl QuantisedLinear {
    /// From rows, or none for an output of zero; `step` is what one unit of an activation stands for. Weights that are mostly
    /// zero by whole blocks are kept as blocks.
    pub fn from_rows(rows: &[Option<Row>], inputs: usize, step: f32) -> Self {
        let blocks = Blocks::from_rows(rows, inputs, BLOCK).filter(|blocks| blocks.density() <= MOST_DENSITY);
        let weights = blocks.map_or_else(|| full(rows, inputs), Weights::Sparse);
        Self::new(rows, inputs, step, weights)
    }

    fn new(rows: &[Option<Row>], inputs: usize, step: f32, weights: Weights) -> Self {
        let panels = whole_panels(rows);
        let mut layer = Self {
            weights,
            start: vec![Sums::ZERO; panels],
            scale: vec![Lanes::ZERO; panels],
            bias: vec![Lanes::ZERO; panels],
            quads: whole_quads(inputs),
        };
        for (n, row) in rows.iter().enumerate() {
            let Some(row) = row else { continue };
            let (panel, lane) = (n / LANES, n % LANES);
            layer.start[panel].0[lane] = -128 * row.values.iter().map(|w| i32::from(*w)).sum::<i32>();
            layer.scale[panel].0[lane] = row.scale * step;
            layer.bias[panel].0[lane] = row.bias;
        }
        layer
    }

    /// Groups of sixteen sums of one voice.
    pub fn panels(&self) -> usize {
        self.start.len()
    }

    /// Groups of four activations of one voice.
    pub fn quads(&self) -> usize {
        self.quads
    }

    /// Sums to numbers.
    pub fn scaling(&self) -> Scaling<'_> {
        Scaling { scale: &self.scale, bias: &self.bias }
    }

    /// The integer sums of every voice named: `x [voice][quads]` plus 128 each, `y [voice][panels]`; real time.
    pub fn multiply(&self, integer: &Integer, voices: &[u8], x: &[[u8; 4]], y: &mut [Sums]) {
        match &self.weights {
            Weights::Full(weights) => (integer.multiply)(y, Product { weights, start: &self.start, x, voices }),
            Weights::Sparse(blocks) => (integer.multiply_sparse)(y, blocks.product(self.quads, voices, x)),
        }
    }
}

/// Groups of sixteen rows, in whole blocks.
fn whole_panels(rows: &[Option<Row>]) -> usize {
    panels(rows.len()).next_multiple_of(BLOCK)
}

/// Groups of four columns, in whole groups of sixteen because that is how activations are written.
fn whole_quads(inputs: usize) -> usize {
    inputs.next_multiple_of(LANES) / 4
}

/// All weights.
fn full(rows: &[Option<Row>], inputs: usize) -> Weights {
    let quads = whole_quads(inputs);
    let mut weights = vec![Quads::ZERO; whole_panels(rows) * quads];
    for (n, row) in rows.iter().enumerate() {
        let (panel, lane) = (n / LANES, n % LANES);
        for (i, w) in row.iter().flat_map(|row| row.values).enumerate() {
            let place = (panel / BLOCK * quads + i / 4) * BLOCK + panel % BLOCK;
            weights[place].0[lane][i % 4] = *w;
        }
    }
    Weights::Full(weights)
}

/// Activations in steps of `step`, plus 128; real time.
pub fn quantise(x: &[f32], step: f32, q: &mut [u8]) {
    for (q, x) in q.iter_mut().zip(x) {
        // `as` keeps what is beyond at the end of the range.
        *q = ((x / step).round() as i8).max(-127).wrapping_add(-128) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{self, flat, integer};
    use crate::checkpoint::Matrix;
    use crate::nn::naive;

    /// Weights whose every product is an integer known from elsewhere, some blocks of eight rows by four columns zero.
    fn weights(inputs: usize, outputs: usize, extreme: bool, density: f32) -> Vec<i8> {
        let pick = |x: f32| if extreme { 127.0f32.copysign(x) } else { (127.0 * x).round() };
        let mut values: Vec<i8> = naive::noise(1, inputs * outputs).into_iter().map(|x| pick(x) as i8).collect();
        let kept: Vec<bool> = naive::noise(2, inputs * outputs).into_iter().map(|x| 0.5 + 0.5 * x < density).collect();
        for (i, value) in values.iter_mut().enumerate() {
            if !kept[i / inputs / 8 * inputs + i % inputs / 4] {
                *value = 0;
            }
        }
        values
    }

    #[test]
    fn every_path_gives_the_same_integers_for_any_number_of_voices_and_any_density() {
        let sizes = [(1, 1, false), (40, 70, false), (256, 64, true), (512, 192, false)];
        for ((inputs, outputs, extreme), density) in
            sizes.into_iter().flat_map(|s| [1.0, 0.4, 0.05, 0.0].map(|d| (s, d)))
        {
            let values = weights(inputs, outputs, extreme, density);
            let rows: Vec<_> =
                values.chunks(inputs).map(|values| Some(Row { values, scale: 1.0, bias: 0.0 })).collect();
            let voices: Vec<u8> = (0..16).rev().collect();
            let quads = whole_quads(inputs);
            let mut x = vec![[128; 4]; 16 * quads];
            let mut q = vec![0i32; 16 * inputs];
            for (v, x) in x.chunks_mut(quads).enumerate() {
                for (i, sound) in naive::noise(50 + v as u64, inputs).into_iter().enumerate() {
                    q[v * inputs + i] = if extreme { 127.0f32.copysign(sound) } else { (127.0 * sound).round() } as i32;
                    x.as_flattened_mut()[i] = (q[v * inputs + i] + 128) as u8;
                }
            }
            let expected: Vec<i32> = q
                .chunks(inputs)
                .flat_map(|x| {
                    values.chunks(inputs).map(move |row| row.iter().zip(x).map(|(w, x)| i32::from(*w) * x).sum())
                })
                .collect();
            let sparse = Weights::Sparse(Blocks::from_rows(&rows, inputs, BLOCK).unwrap());
            for (name, packed) in [("full", full(&rows, inputs)), ("sparse", sparse)] {
                let layer = QuantisedLinear::new(&rows, inputs, 1.0, packed);
                for (path, count) in
                    integer::available().flat_map(|p| [1, 2, 3, 4, 5, 7, 8, 11, 14, 16].map(|c| (p, c)))
                {
                    let mut y = vec![Sums([i32::MIN; LANES]); 16 * layer.panels()];
                    layer.multiply(path, &voices[..count], &x, &mut y);
                    for voice in voices[..count].iter().map(|v| usize::from(*v)) {
                        let y: Vec<i32> =
                            y[voice * layer.panels()..][..layer.panels()].iter().flat_map(|y| y.0).collect();
                        let expected = &expected[voice * outputs..][..outputs];
                        let what = format!("{name}, {}, density {density}, {count} voices: {voice}", path.name);
                        assert_eq!(&y[..outputs], expected, "{what}");
                        assert!(y[outputs..].iter().all(|y| *y == 0), "{what}: beyond the last row");
                    }
                }
            }
        }
    }

    #[test]
    fn only_what_is_mostly_zero_is_kept_as_blocks() {
        for (density, sparse) in [(1.0, false), (0.9, false), (0.5, true), (0.0, true)] {
            let values = weights(64, 128, false, density);
            let rows: Vec<_> = values.chunks(64).map(|values| Some(Row { values, scale: 1.0, bias: 0.0 })).collect();
            let layer = QuantisedLinear::from_rows(&rows, 64, 1.0);
            assert_eq!(matches!(layer.weights, Weights::Sparse(_)), sparse, "density {density}");
        }
    }

    #[test]
    fn a_layer_is_near_its_full_twin() {
        let (inputs, outputs) = (96, 48);
        let w = naive::noise(2, inputs * outputs);
        let b = naive::noise(3, outputs);
        let x = naive::noise(4, inputs);
        let Matrix::Quantised { values, scale } = Matrix::Full(w.clone()).quantised(outputs) else { unreachable!() };
        let row = |n: usize| Row { values: &values[n * inputs..][..inputs], scale: scale[n], bias: b[n] };
        let rows: Vec<_> = (0..outputs).map(|n| Some(row(n))).collect();
        let layer = QuantisedLinear::from_rows(&rows, inputs, UNIT_STEP);
        let mut q = vec![[128; 4]; layer.quads()];
        quantise(&x, UNIT_STEP, q.as_flattened_mut());
        let mut sums = vec![Sums::ZERO; layer.panels()];
        layer.multiply(integer::best(), &[0], &q, &mut sums);
        for arch in arch::available() {
            let mut y = vec![Lanes::ZERO; layer.panels()];
            (arch.scale_sums)(&mut y, &sums, layer.scaling());
            // Each of 96 products errs by at most half a step of both factors; their signs vary.
            naive::assert_close(&flat(&y)[..outputs], &naive::linear(&w, &b, &x), 0.1, arch.name);
        }
    }

    #[test]
    fn activations_are_rounded_and_kept_in_range() {
        let mut q = [0; 6];
        quantise(&[0.0, 1.0, -1.0, 0.5, 3.0, -3.0], UNIT_STEP, &mut q);
        assert_eq!(q, [128, 255, 1, 192, 255, 1]);
    }
}
