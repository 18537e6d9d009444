//! A fully connected layer.
use crate::arch::{Arch, LANES, Lanes, flat_mut, panels};
use crate::checkpoint::{Checkpoint, LoadError};

/// `y = W x + b`, its rows in groups of sixteen.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[panels][inputs]`, rows beyond the last one zero.
    weight: Vec<Lanes>,
    /// `[panels]`.
    bias: Vec<Lanes>,
    inputs: usize,
}

impl Linear {
    /// From a row-major `[outputs, inputs]` matrix and its bias (empty for none).
    pub fn from_rows(weight: &[f32], bias: &[f32], inputs: usize) -> Self {
        let outputs = weight.len() / inputs;
        let rows: Vec<_> = (0..outputs).map(Some).collect();
        Self::from_permuted(weight, bias, inputs, &rows)
    }

    /// The same with output `n` taken from row `rows[n]`, or zero: padding and gate order are settled at load.
    pub fn from_permuted(weight: &[f32], bias: &[f32], inputs: usize, rows: &[Option<usize>]) -> Self {
        let mut packed = vec![Lanes::ZERO; panels(rows.len()) * inputs];
        let mut packed_bias = vec![Lanes::ZERO; panels(rows.len())];
        for (n, row) in rows.iter().enumerate() {
            let Some(row) = *row else { continue };
            for i in 0..inputs {
                packed[n / LANES * inputs + i].0[n % LANES] = weight[row * inputs + i];
            }
            packed_bias[n / LANES].0[n % LANES] = bias.get(row).copied().unwrap_or(0.0);
        }
        Self { weight: packed, bias: packed_bias, inputs }
    }

    /// Reads `{prefix}.weight` `[outputs, inputs]` and `{prefix}.bias` `[outputs]`.
    pub fn load(file: &Checkpoint, prefix: &str, inputs: usize, outputs: usize) -> Result<Self, LoadError> {
        let weight = file.tensor(&format!("{prefix}.weight"), &[outputs, inputs])?;
        let bias = file.tensor(&format!("{prefix}.bias"), &[outputs])?;
        Ok(Self::from_rows(&weight, &bias, inputs))
    }

    /// Groups of sixteen that an output needs.
    pub fn panels(&self) -> usize {
        self.bias.len()
    }

    /// Numbers of an input.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// `y = W x + b`; real time.
    pub fn apply(&self, arch: &Arch, x: &[f32], y: &mut [Lanes]) {
        y.copy_from_slice(&self.bias);
        (arch.gemv)(y, &self.weight, x);
    }

    /// `y += W x`, without the bias; real time.
    pub fn accumulate(&self, arch: &Arch, x: &[f32], y: &mut [Lanes]) {
        (arch.gemv)(y, &self.weight, x);
    }
}

/// PReLU of a vector, one slope each: `x` where positive, `slope x` elsewhere.
pub fn prelu(x: &mut [f32], slope: &[f32]) {
    for (x, slope) in x.iter_mut().zip(slope) {
        *x = x.max(0.0) + slope * x.min(0.0);
    }
}

/// Fully connected layers with `tanh` between them and none after the last.
#[derive(Clone, Debug)]
pub struct Mlp {
    /// Those with `tanh` after them, first to last.
    hidden: Vec<Linear>,
    last: Linear,
}

/// Values between the layers of one [`Mlp`].
#[derive(Clone, Debug)]
pub struct MlpState {
    /// Two buffers of the widest hidden layer, `[panels]`.
    hidden: [Vec<Lanes>; 2],
}

impl Mlp {
    /// From its layers, the hidden ones first to last.
    pub fn new(hidden: Vec<Linear>, last: Linear) -> Self {
        Self { hidden, last }
    }

    /// Allocates what [`Self::apply`] needs.
    pub fn state(&self) -> MlpState {
        let widest = self.hidden.iter().map(Linear::panels).max().unwrap_or(0);
        MlpState { hidden: [vec![Lanes::ZERO; widest], vec![Lanes::ZERO; widest]] }
    }

    /// Groups of sixteen that an output needs.
    pub fn panels(&self) -> usize {
        self.last.panels()
    }

    /// `y = Ln(tanh(... tanh(L1 x)))`; real time.
    pub fn apply(&self, arch: &Arch, state: &mut MlpState, x: &[f32], y: &mut [Lanes]) {
        let [current, next] = &mut state.hidden;
        let mut width = None;
        for layer in &self.hidden {
            let out = &mut next[..layer.panels()];
            match width {
                None => layer.apply(arch, x, out),
                Some(_) => layer.apply(arch, &crate::arch::flat(current)[..layer.inputs()], out),
            }
            (arch.tanh)(flat_mut(out));
            width = Some(layer.panels());
            std::mem::swap(current, next);
        }
        match width {
            None => self.last.apply(arch, x, y),
            Some(_) => self.last.apply(arch, &crate::arch::flat(current)[..self.last.inputs()], y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch;
    use crate::nn::naive;

    #[test]
    fn every_path_agrees_with_the_naive_product() {
        for (inputs, outputs) in [(1, 1), (3, 16), (12, 64), (64, 48), (37, 100)] {
            let w = naive::noise(1, inputs * outputs);
            let b = naive::noise(2, outputs);
            let x = naive::noise(3, inputs);
            let expected = naive::linear(&w, &b, &x);
            let layer = Linear::from_rows(&w, &b, inputs);
            for arch in arch::available() {
                let mut y = vec![Lanes::ZERO; layer.panels()];
                layer.apply(arch, &x, &mut y);
                naive::assert_close(&arch::flat(&y)[..outputs], &expected, 2e-6, arch.name);
            }
        }
    }

    #[test]
    fn a_layer_without_hidden_ones_is_linear() {
        let layer = Linear::from_rows(&[2.0, -1.0], &[0.5], 2);
        let mlp = Mlp::new(vec![], layer);
        let mut y = [Lanes::ZERO];
        mlp.apply(arch::best(), &mut mlp.state(), &[3.0, 4.0], &mut y);
        assert_eq!(y[0].0[0], 2.5);
    }
}
