//! The network in full numbers, voice by voice: the reference that the 8-bit one is held against, and the player of small models.
use super::config::Config;
use super::input::{Gives, Input};
use super::mu_law::CLASSES;
use super::weights::{LayerWeights, Weights};
use crate::arch::{Arch, Lanes, flat};
use crate::nn::gru::{Gru, GruState};
use crate::nn::linear::Linear;
use crate::nn::naive::Recurrent;

/// Weights of everything above the input layer.
#[derive(Clone, Debug)]
pub(super) struct Full {
    layers: Vec<Gru>,
    head: Linear,
    hidden: usize,
    /// Does the input layer give the first GRU's gates?
    folded: bool,
}

/// Memory of all voices, `[voice][layer]`.
#[derive(Clone, Debug)]
pub(super) struct FullState(Vec<Vec<GruState>>);

impl Full {
    /// The GRU of one layer in PyTorch's numbers.
    pub fn gru(config: &Config, weights: &Weights, layer: usize) -> Gru {
        let LayerWeights { weight_ih, weight_hh, bias_ih, bias_hh } = &weights.layers[layer];
        let rows = 3 * config.hidden;
        let recurrent = Recurrent {
            weight_ih: weight_ih.full(rows),
            weight_hh: weight_hh.full(rows),
            bias_ih: bias_ih.clone(),
            bias_hh: bias_hh.clone(),
        };
        Gru::from_torch(&recurrent, LayerWeights::inputs(config, layer), config.hidden)
    }

    /// Above `input`.
    pub fn new(config: &Config, weights: &Weights, input: &Input) -> Self {
        Self {
            layers: (0..config.layers).map(|n| Self::gru(config, weights, n)).collect(),
            head: Linear::from_rows(&weights.h2o_weight.full(CLASSES), &weights.h2o_bias, config.hidden),
            hidden: config.hidden,
            folded: input.gives() == Gives::Gates,
        }
    }

    /// Allocates so many voices.
    pub fn state(&self, voices: usize) -> FullState {
        FullState((0..voices).map(|_| self.layers.iter().map(Gru::state).collect()).collect())
    }

    /// Sets a voice's memory, `[layer][hidden]`; does not allocate.
    pub fn set(&self, state: &mut FullState, voice: usize, h: &[f32]) {
        for (layer, h) in state.0[voice].iter_mut().zip(h.chunks(self.hidden)) {
            layer.set(h);
        }
    }

    /// A voice's memory, `[layer][hidden]`.
    pub fn memory(&self, state: &FullState, voice: usize) -> Vec<f32> {
        state.0[voice].iter().flat_map(|layer| &layer.h()[..self.hidden]).copied().collect()
    }

    /// One step of one voice, from what the input layer gives to logits `[256]`. Real time.
    pub fn step(&self, arch: &Arch, state: &mut FullState, voice: usize, input: &[Lanes], logits: &mut [Lanes]) {
        let mut below: Option<&GruState> = None;
        for (layer, state) in self.layers.iter().zip(&mut state.0[voice]) {
            match below {
                Some(below) => layer.step(arch, state, &below.h()[..self.hidden]),
                None if self.folded => {
                    state.gates_mut().copy_from_slice(input);
                    layer.step_from_gates(arch, state);
                }
                None => layer.step(arch, state, &flat(input)[..layer.from_input().inputs()]),
            }
            below = Some(state);
        }
        let Some(last) = below else { return };
        self.head.apply(arch, &last.h()[..self.hidden], logits);
    }
}
