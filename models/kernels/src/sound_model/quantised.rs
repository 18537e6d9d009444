//! The network in 8 bits, all voices in lock-step: one pass over the weights, which fit a core's cache, serves them all.
//!
//! A GRU's outputs lie within -1..1, so they enter the next product in steps of 1/127 without any calibration; sums are
//! exact integers, gates are full numbers.
use super::config::Config;
use super::input::{Gives, Input};
use super::mu_law::CLASSES;
use super::sampling::PANELS;
use super::weights::{LayerWeights, Weights};
use crate::arch::integer::Integer;
use crate::arch::{Arch, LANES, Lanes, Sums, flat, flat_mut, panels};
use crate::checkpoint::Matrix;
use crate::nn::lstm::gate_rows;
use crate::nn::quantised::{QuantisedLinear, Row, UNIT_STEP, quantise};

/// Weights of everything above the input layer.
#[derive(Clone, Debug)]
pub(super) struct Quantised {
    layers: Vec<Layer>,
    head: QuantisedLinear,
    hidden: usize,
    /// Step of the activations between input layer and first GRU; none where the input layer gives its gates.
    input_step: Option<f32>,
}

/// One GRU; rows of r and z halved, see [`crate::nn::lstm::Lstm`].
#[derive(Clone, Debug)]
struct Layer {
    /// None where the input layer gives the gates.
    from_input: Option<QuantisedLinear>,
    from_hidden: QuantisedLinear,
}

/// Memory of all voices, voice by voice.
#[derive(Clone, Debug)]
pub(super) struct QuantisedState {
    /// Of each layer.
    layers: Vec<LayerState>,
    /// What the first GRU reads where it is not given its gates, `[voice][quads]`.
    input: Vec<[u8; 4]>,
    /// Gates of one layer from its input, `[voice][3 panels in whole blocks]`.
    gates: Vec<Lanes>,
    /// Sums of one product, `[voice][its panels]`.
    sums: Vec<Sums>,
}

/// Outputs of one layer.
#[derive(Clone, Debug)]
struct LayerState {
    /// `[voice][panels]`.
    h: Vec<Lanes>,
    /// The same in 8 bits, plus 128, `[voice][quads]`.
    q: Vec<[u8; 4]>,
}

impl Quantised {
    /// Above `input`, of weights that [`Weights::quantised`] gave.
    pub fn new(arch: &Arch, config: &Config, weights: &Weights, input: &Input) -> Self {
        let hidden = config.hidden;
        let rows = gate_rows(3, hidden);
        let gates = |weight: &Matrix, bias: &[f32], inputs, step| {
            let factor = |row: usize| if row / hidden == 2 { 1.0 } else { 0.5 };
            packed(weight, bias, inputs, step, &rows, factor)
        };
        let input_step = (input.gives() == Gives::Inputs).then(|| (input.largest(arch) / 127.0).max(f32::MIN_POSITIVE));
        let layer = |(n, layer): (usize, &LayerWeights)| {
            let inputs = LayerWeights::inputs(config, n);
            let step = if n == 0 { input_step } else { Some(UNIT_STEP) };
            Layer {
                from_input: step.map(|step| gates(&layer.weight_ih, &layer.bias_ih, inputs, step)),
                from_hidden: gates(&layer.weight_hh, &layer.bias_hh, hidden, UNIT_STEP),
            }
        };
        let all: Vec<_> = (0..CLASSES).map(Some).collect();
        Self {
            layers: weights.layers.iter().enumerate().map(layer).collect(),
            head: packed(&weights.h2o_weight, &weights.h2o_bias, hidden, UNIT_STEP, &all, |_| 1.0),
            hidden,
            input_step,
        }
    }

    /// Allocates so many voices at rest.
    pub fn state(&self, voices: usize) -> QuantisedState {
        let from_hidden = &self.layers[0].from_hidden;
        let (gates, quads) = (from_hidden.panels(), from_hidden.quads());
        let layer =
            LayerState { h: vec![Lanes::ZERO; voices * panels(self.hidden)], q: vec![[128; 4]; voices * quads] };
        let input = self.layers[0].from_input.as_ref().map_or(0, QuantisedLinear::quads);
        QuantisedState {
            layers: vec![layer; self.layers.len()],
            input: vec![[128; 4]; voices * input],
            gates: vec![Lanes::ZERO; voices * gates],
            sums: vec![Sums::ZERO; voices * gates.max(self.head.panels())],
        }
    }

    /// Sets a voice's memory, `[layer][hidden]`; does not allocate.
    pub fn set(&self, state: &mut QuantisedState, voice: usize, h: &[f32]) {
        let (p, quads) = (panels(self.hidden), self.layers[0].from_hidden.quads());
        for (layer, h) in state.layers.iter_mut().zip(h.chunks(self.hidden)) {
            flat_mut(&mut layer.h[voice * p..][..p])[..self.hidden].copy_from_slice(h);
            quantise(h, UNIT_STEP, layer.q[voice * quads..][..quads].as_flattened_mut());
        }
    }

    /// A voice's memory, `[layer][hidden]`.
    pub fn memory(&self, state: &QuantisedState, voice: usize) -> Vec<f32> {
        let p = panels(self.hidden);
        state.layers.iter().flat_map(|layer| &flat(&layer.h[voice * p..][..p])[..self.hidden]).copied().collect()
    }

    /// One step of all voices named, from what the input layer gives `[voice][its panels]` to logits `[voice][16]`. Real time.
    pub fn step(
        &self,
        arch: &Arch,
        integer: &Integer,
        state: &mut QuantisedState,
        voices: &[u8],
        input: &[Lanes],
        logits: &mut [Lanes],
    ) {
        let QuantisedState { layers: states, input: first, gates, sums } = state;
        let p = panels(self.hidden);
        for (n, layer) in self.layers.iter().enumerate() {
            let (below, rest) = states.split_at_mut(n);
            let LayerState { h, q } = &mut rest[0];
            let (padded, quads) = (layer.from_hidden.panels(), layer.from_hidden.quads());
            if let Some(from_input) = &layer.from_input {
                let x = match below.last() {
                    Some(below) => &below.q,
                    None => {
                        self.quantise_input(voices, input, from_input.quads(), first);
                        &*first
                    }
                };
                from_input.multiply(integer, voices, x, sums);
                for at in voices.iter().map(|voice| usize::from(*voice) * padded) {
                    (arch.scale_sums)(&mut gates[at..][..3 * p], &sums[at..][..3 * p], from_input.scaling());
                }
            }
            layer.from_hidden.multiply(integer, voices, q, sums);
            for voice in voices.iter().map(|voice| usize::from(*voice)) {
                // The input layer's output has no padding.
                let given = if layer.from_input.is_some() { &gates[voice * padded..] } else { &input[voice * 3 * p..] };
                let (h, q) = (&mut h[voice * p..][..p], q[voice * quads..][..quads].as_flattened_mut());
                let sums = &sums[voice * padded..][..3 * p];
                (arch.gru_gates)(h, q, &given[..3 * p], sums, layer.from_hidden.scaling());
            }
        }
        let Some(top) = states.last() else { return };
        self.head.multiply(integer, voices, &top.q, sums);
        for at in voices.iter().map(|voice| usize::from(*voice) * PANELS) {
            (arch.scale_sums)(&mut logits[at..][..PANELS], &sums[at..][..PANELS], self.head.scaling());
        }
    }

    /// What the ReLU let through, in steps of its own.
    fn quantise_input(&self, voices: &[u8], input: &[Lanes], quads: usize, q: &mut [[u8; 4]]) {
        let Some(step) = self.input_step else { return };
        let p = quads * 4 / LANES;
        for voice in voices.iter().map(|voice| usize::from(*voice)) {
            let q = q[voice * quads..][..quads].as_flattened_mut();
            quantise(flat(&input[voice * p..][..p]), step, q);
        }
    }
}

/// A matrix with its rows in another order, each with a factor.
fn packed(
    weight: &Matrix,
    bias: &[f32],
    inputs: usize,
    step: f32,
    order: &[Option<usize>],
    factor: impl Fn(usize) -> f32,
) -> QuantisedLinear {
    let quantised = weight.clone().quantised(bias.len()).filled();
    let Matrix::Quantised { values, scale } = &quantised else { return QuantisedLinear::from_rows(&[], inputs, step) };
    let row = |n: usize| Row {
        values: &values[n * inputs..][..inputs],
        scale: factor(n) * scale[n],
        bias: factor(n) * bias[n],
    };
    let rows: Vec<_> = order.iter().map(|n| n.map(row)).collect();
    QuantisedLinear::from_rows(&rows, inputs, step)
}
