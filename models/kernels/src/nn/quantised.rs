//! A fully connected layer of 8-bit weights and activations, for many voices at once.
use crate::arch::integer::{BLOCK, Integer, Product};
use crate::arch::{LANES, Lanes, Quads, Scaling, Sums, panels};

/// Step of an activation within -1..1, such as a GRU's output: no calibration, because none can lie beyond.
pub const UNIT_STEP: f32 = 1.0 / 127.0;

/// `y = W x + b`: rows in groups of sixteen, four groups to a block, each row with its own factor.
#[derive(Clone, Debug)]
pub struct QuantisedLinear {
    /// `[block][quad][BLOCK]`, what lies beyond the last row or column zero.
    weights: Vec<Quads>,
    /// -128 times the sum of each row, `[panels]` in whole blocks: activations carry 128 too much.
    start: Vec<Sums>,
    /// From sums to numbers, `[panels]`.
    scale: Vec<Lanes>,
    /// Added last, `[panels]`.
    bias: Vec<Lanes>,
    /// Groups of four inputs.
    quads: usize,
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
    /// From rows, or none for an output of zero; `step` is what one unit of an activation stands for.
    pub fn from_rows(rows: &[Option<Row>], inputs: usize, step: f32) -> Self {
        let panels = panels(rows.len()).next_multiple_of(BLOCK);
        // Whole groups of sixteen, because that is how activations are written.
        let quads = inputs.next_multiple_of(LANES) / 4;
        let mut layer = Self {
            weights: vec![Quads::ZERO; panels * quads],
            start: vec![Sums::ZERO; panels],
            scale: vec![Lanes::ZERO; panels],
            bias: vec![Lanes::ZERO; panels],
            quads,
        };
        for (n, row) in rows.iter().enumerate() {
            let Some(row) = row else { continue };
            let (panel, lane) = (n / LANES, n % LANES);
            for (i, w) in row.values.iter().enumerate() {
                let place = (panel / BLOCK * quads + i / 4) * BLOCK + panel % BLOCK;
                layer.weights[place].0[lane][i % 4] = *w;
            }
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
        (integer.multiply)(y, Product { weights: &self.weights, start: &self.start, x, voices });
    }
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

    /// A layer whose every product is an integer known from elsewhere, and its weights.
    fn layer(inputs: usize, outputs: usize, extreme: bool) -> (QuantisedLinear, Vec<i8>) {
        let pick = |x: f32| if extreme { 127.0f32.copysign(x) } else { (127.0 * x).round() };
        let values: Vec<i8> = naive::noise(1, inputs * outputs).into_iter().map(|x| pick(x) as i8).collect();
        let rows: Vec<_> = values.chunks(inputs).map(|values| Some(Row { values, scale: 1.0, bias: 0.0 })).collect();
        (QuantisedLinear::from_rows(&rows, inputs, 1.0), values)
    }

    #[test]
    fn every_path_gives_the_same_integers_for_any_number_of_voices() {
        for (inputs, outputs, extreme) in [(1, 1, false), (40, 70, false), (256, 64, true), (512, 192, false)] {
            let (layer, values) = layer(inputs, outputs, extreme);
            let voices: Vec<u8> = (0..16).rev().collect();
            let mut x = vec![[128; 4]; 16 * layer.quads()];
            let mut q = vec![0i32; 16 * inputs];
            for (v, x) in x.chunks_mut(layer.quads()).enumerate() {
                for (i, sound) in naive::noise(50 + v as u64, inputs).into_iter().enumerate() {
                    q[v * inputs + i] = if extreme { 127.0f32.copysign(sound) } else { (127.0 * sound).round() } as i32;
                    x.as_flattened_mut()[i] = (q[v * inputs + i] + 128) as u8;
                }
            }
            for path in integer::available() {
                for count in [1, 2, 3, 4, 5, 8, 11, 16] {
                    let mut y = vec![Sums::ZERO; 16 * layer.panels()];
                    layer.multiply(path, &voices[..count], &x, &mut y);
                    for voice in voices[..count].iter().map(|v| usize::from(*v)) {
                        let y: Vec<i32> =
                            y[voice * layer.panels()..][..layer.panels()].iter().flat_map(|y| y.0).collect();
                        for (n, row) in values.chunks(inputs).enumerate() {
                            let sum = row.iter().zip(&q[voice * inputs..]).map(|(w, x)| i32::from(*w) * x).sum::<i32>();
                            assert_eq!(y[n], sum, "{}, {count} voices: row {n} of voice {voice}", path.name);
                        }
                    }
                }
            }
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
