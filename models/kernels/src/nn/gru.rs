//! GRU layer, PyTorch's gate order (r, z, n). Weights are shared, state is per voice.
use super::linear::Linear;
use super::lstm::{gate_rows, load_recurrent};
use crate::arch::{Arch, LANES, Lanes, flat, flat_mut, panels};
use crate::checkpoint::{Checkpoint, LoadError};
use crate::nn::naive::Recurrent;

/// One layer's weights.
#[derive(Clone, Debug)]
pub struct Gru {
    /// Input to gates, `[3 padded, inputs]`; rows of r and z are halved, see [`super::lstm::Lstm`].
    from_input: Linear,
    /// Hidden to gates, `[3 padded, hidden]`, halved alike.
    from_hidden: Linear,
    hidden: usize,
}

/// One voice's memory.
#[derive(Clone, Debug)]
pub struct GruState {
    /// Output, `[hidden]` and zeros up to whole groups.
    h: Vec<Lanes>,
    /// Gates from the input, `[3][panels]`.
    from_input: Vec<Lanes>,
    /// Gates from the last output, the same shape.
    from_hidden: Vec<Lanes>,
}

impl GruState {
    /// The output of the last step, `[hidden]` and zeros up to a multiple of sixteen.
    pub fn h(&self) -> &[f32] {
        flat(&self.h)
    }

    /// Gates from the input, `[3][panels]`, to be written before [`Gru::step_from_gates`].
    pub fn gates_mut(&mut self) -> &mut [Lanes] {
        &mut self.from_input
    }

    /// Sets the memory, `[hidden]`.
    pub fn set(&mut self, h: &[f32]) {
        flat_mut(&mut self.h)[..h.len()].copy_from_slice(h);
    }
}

impl Gru {
    /// From PyTorch's matrices.
    pub fn from_torch(weights: &Recurrent, inputs: usize, hidden: usize) -> Self {
        let halved = |values: &[f32], width: usize| -> Vec<f32> {
            values.iter().enumerate().map(|(i, v)| if i / (hidden * width) == 2 { *v } else { 0.5 * v }).collect()
        };
        let rows = gate_rows(3, hidden);
        let layer = |w: &[f32], b: &[f32], width| Linear::from_permuted(&halved(w, width), &halved(b, 1), width, &rows);
        Self {
            from_input: layer(&weights.weight_ih, &weights.bias_ih, inputs),
            from_hidden: layer(&weights.weight_hh, &weights.bias_hh, hidden),
            hidden,
        }
    }

    /// Reads `{prefix}.weight_ih_l0` `[3 hidden, inputs]` and its three companions.
    pub fn load(file: &Checkpoint, prefix: &str, inputs: usize, hidden: usize) -> Result<Self, LoadError> {
        Ok(Self::from_torch(&load_recurrent(file, prefix, 3, inputs, hidden)?, inputs, hidden))
    }

    /// The layer between input and gates, `[3 padded, inputs]`, rows of r and z halved.
    pub fn from_input(&self) -> &Linear {
        &self.from_input
    }

    /// Allocates a silent voice.
    pub fn state(&self) -> GruState {
        let zeros = |n| vec![Lanes::ZERO; n];
        let p = panels(self.hidden);
        GruState { h: zeros(p), from_input: zeros(3 * p), from_hidden: zeros(3 * p) }
    }

    /// One time step; the new output is [`GruState::h`]. Real time.
    pub fn step(&self, arch: &Arch, state: &mut GruState, x: &[f32]) {
        self.from_input.apply(arch, x, &mut state.from_input);
        self.step_from_gates(arch, state);
    }

    /// The same where the gates from the input already stand in [`GruState::gates_mut`]. Real time.
    pub fn step_from_gates(&self, arch: &Arch, state: &mut GruState) {
        self.from_hidden.apply(arch, &flat(&state.h)[..self.hidden], &mut state.from_hidden);
        let p = panels(self.hidden);
        let (gates, new) = state.from_input.split_at_mut(2 * p);
        let (hidden_gates, hidden_new) = state.from_hidden.split_at(2 * p);
        for (g, h) in gates.iter_mut().zip(hidden_gates) {
            for l in 0..LANES {
                g.0[l] += h.0[l];
            }
        }
        (arch.tanh)(flat_mut(gates));
        let (r, z) = gates.split_at(p);
        for k in 0..p {
            for l in 0..LANES {
                new[k].0[l] += (0.5 + 0.5 * r[k].0[l]) * hidden_new[k].0[l];
            }
        }
        (arch.tanh)(flat_mut(new));
        for k in 0..p {
            for l in 0..LANES {
                let keep = 0.5 + 0.5 * z[k].0[l];
                state.h[k].0[l] = new[k].0[l] + keep * (state.h[k].0[l] - new[k].0[l]);
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
    fn every_path_follows_the_naive_gru_for_a_thousand_steps() {
        for (inputs, hidden) in [(1, 1), (3, 16), (8, 40)] {
            let weights = Recurrent::random(21, 3, inputs, hidden);
            let gru = Gru::from_torch(&weights, inputs, hidden);
            for arch in arch::available() {
                let mut state = gru.state();
                let mut h = naive::noise(8, hidden);
                state.set(&h);
                for t in 0..1000 {
                    let x = naive::noise(100 + t, inputs);
                    gru.step(arch, &mut state, &x);
                    h = naive::gru(&weights, &x, &h);
                    naive::assert_close(&state.h()[..hidden], &h, 2e-6, arch.name);
                }
            }
        }
    }

    #[test]
    fn a_layer_of_zeros_halves_its_memory() {
        let zeros = Recurrent {
            weight_ih: vec![0.0; 3],
            weight_hh: vec![0.0; 3],
            bias_ih: vec![0.0; 3],
            bias_hh: vec![0.0; 3],
        };
        let gru = Gru::from_torch(&zeros, 1, 1);
        let mut state = gru.state();
        state.set(&[0.8]);
        gru.step(arch::best(), &mut state, &[1.0]);
        assert_eq!(state.h()[0], 0.4);
    }
}
