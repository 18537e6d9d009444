//! LSTM layer, PyTorch's gate order (i, f, g, o). Weights are shared, state is per voice.
use super::linear::Linear;
use crate::arch::{Arch, LANES, Lanes, flat, flat_mut, panels};
use crate::checkpoint::{Checkpoint, LoadError};
use crate::nn::naive::Recurrent;

/// Reads `{prefix}.weight_ih_l0`, `weight_hh_l0` and the biases of a layer with so many gates.
pub(super) fn load_recurrent(
    file: &Checkpoint,
    prefix: &str,
    gates: usize,
    inputs: usize,
    hidden: usize,
) -> Result<Recurrent, LoadError> {
    let rows = gates * hidden;
    Ok(Recurrent {
        weight_ih: file.tensor(&format!("{prefix}.weight_ih_l0"), &[rows, inputs])?,
        weight_hh: file.tensor(&format!("{prefix}.weight_hh_l0"), &[rows, hidden])?,
        bias_ih: file.tensor(&format!("{prefix}.bias_ih_l0"), &[rows])?,
        bias_hh: file.tensor(&format!("{prefix}.bias_hh_l0"), &[rows])?,
    })
}

/// Rows of a gate matrix with each gate padded to whole groups of sixteen.
pub(crate) fn gate_rows(gates: usize, hidden: usize) -> Vec<Option<usize>> {
    let padded = panels(hidden) * LANES;
    (0..gates * padded)
        .map(|n| {
            let (gate, k) = (n / padded, n % padded);
            (k < hidden).then_some(gate * hidden + k)
        })
        .collect()
}

/// One layer's weights.
#[derive(Clone, Debug)]
pub struct Lstm {
    /// Input to gates with both biases, `[4 padded, inputs]`; rows of i, f and o are halved, see [`Self::step`].
    from_input: Linear,
    /// Hidden to gates, `[4 padded, hidden]`, halved alike.
    from_hidden: Linear,
    hidden: usize,
}

/// One voice's memory.
#[derive(Clone, Debug)]
pub struct LstmState {
    /// Output, `[hidden]` and zeros up to whole groups.
    h: Vec<Lanes>,
    /// Cell, the same shape.
    c: Vec<Lanes>,
    /// Gates i, f, g, o, `[4][panels]`.
    gates: Vec<Lanes>,
    /// `tanh c`, `[panels]`.
    squashed: Vec<Lanes>,
}

impl LstmState {
    /// The output of the last step, `[hidden]` and zeros up to a multiple of sixteen.
    pub fn h(&self) -> &[f32] {
        flat(&self.h)
    }

    /// Sets both memories, `[hidden]` each.
    pub fn set(&mut self, h: &[f32], c: &[f32]) {
        flat_mut(&mut self.h)[..h.len()].copy_from_slice(h);
        flat_mut(&mut self.c)[..c.len()].copy_from_slice(c);
    }
}

impl Lstm {
    /// From PyTorch's matrices.
    pub fn from_torch(weights: &Recurrent, inputs: usize, hidden: usize) -> Self {
        // sigmoid(x) = (1 + tanh(x/2)) / 2: halving the rows once lets one tanh serve all four gates.
        let halved = |values: &[f32], width: usize| -> Vec<f32> {
            let is_tanh = |i: usize| i / (hidden * width) == 2;
            values.iter().enumerate().map(|(i, v)| if is_tanh(i) { *v } else { 0.5 * v }).collect()
        };
        let bias: Vec<_> = weights.bias_ih.iter().zip(&weights.bias_hh).map(|(a, b)| a + b).collect();
        let rows = gate_rows(4, hidden);
        Self {
            from_input: Linear::from_permuted(&halved(&weights.weight_ih, inputs), &halved(&bias, 1), inputs, &rows),
            from_hidden: Linear::from_permuted(&halved(&weights.weight_hh, hidden), &[], hidden, &rows),
            hidden,
        }
    }

    /// Reads `{prefix}.weight_ih_l0` `[4 hidden, inputs]` and its three companions.
    pub fn load(file: &Checkpoint, prefix: &str, inputs: usize, hidden: usize) -> Result<Self, LoadError> {
        Ok(Self::from_torch(&load_recurrent(file, prefix, 4, inputs, hidden)?, inputs, hidden))
    }

    /// Allocates a silent voice.
    pub fn state(&self) -> LstmState {
        let zeros = |n| vec![Lanes::ZERO; n];
        let p = panels(self.hidden);
        LstmState { h: zeros(p), c: zeros(p), gates: zeros(4 * p), squashed: zeros(p) }
    }

    /// One time step; the new output is [`LstmState::h`]. Real time.
    pub fn step(&self, arch: &Arch, state: &mut LstmState, x: &[f32]) {
        self.from_input.apply(arch, x, &mut state.gates);
        self.from_hidden.accumulate(arch, &flat(&state.h)[..self.hidden], &mut state.gates);
        (arch.tanh)(flat_mut(&mut state.gates));
        let p = panels(self.hidden);
        let (i, rest) = state.gates.split_at(p);
        let (f, rest) = rest.split_at(p);
        let (g, o) = rest.split_at(p);
        for k in 0..p {
            for l in 0..LANES {
                let (input, forget) = (0.5 + 0.5 * i[k].0[l], 0.5 + 0.5 * f[k].0[l]);
                state.c[k].0[l] = forget * state.c[k].0[l] + input * g[k].0[l];
            }
        }
        state.squashed.copy_from_slice(&state.c);
        (arch.tanh)(flat_mut(&mut state.squashed));
        for k in 0..p {
            for l in 0..LANES {
                state.h[k].0[l] = (0.5 + 0.5 * o[k].0[l]) * state.squashed[k].0[l];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch;
    use crate::nn::naive;

    #[test]
    fn every_path_follows_the_naive_lstm_for_a_thousand_steps() {
        for (inputs, hidden) in [(1, 1), (1, 16), (15, 31), (15, 40)] {
            let weights = Recurrent::random(11, 4, inputs, hidden);
            let lstm = Lstm::from_torch(&weights, inputs, hidden);
            for arch in arch::available() {
                let mut state = lstm.state();
                let (mut h, mut c) = (naive::noise(8, hidden), naive::noise(9, hidden));
                state.set(&h, &c);
                for t in 0..1000 {
                    let x = naive::noise(100 + t, inputs);
                    lstm.step(arch, &mut state, &x);
                    (h, c) = naive::lstm(&weights, &x, &h, &c);
                    naive::assert_close(&state.h()[..hidden], &h, 2e-6, arch.name);
                }
            }
        }
    }

    #[test]
    fn a_layer_of_zeros_forgets_half_a_step() {
        let zeros = Recurrent {
            weight_ih: vec![0.0; 4],
            weight_hh: vec![0.0; 4],
            bias_ih: vec![0.0; 4],
            bias_hh: vec![0.0; 4],
        };
        let lstm = Lstm::from_torch(&zeros, 1, 1);
        let mut state = lstm.state();
        state.set(&[0.0], &[1.0]);
        lstm.step(arch::best(), &mut state, &[0.3]);
        assert!((state.h()[0] - 0.5 * 0.5f32.tanh()).abs() < 3e-7);
    }
}
