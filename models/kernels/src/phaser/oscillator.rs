//! The modulation as an exact oscillator: harmonics of its phase and the controls through a small network.
//!
//! Unlike the paper's LSTM it cannot run out of its limit cycle: the phase is a number, kept in f64, so the sweep after an
//! hour is the sweep of the first second.
use super::config::{Config, ModulationConfig};
use super::effect::Effect;
use crate::arch::{Arch, Lanes};
use crate::checkpoint::{Checkpoint, LoadError};
use crate::nn::linear::{Linear, Mlp, MlpState};
use std::f64::consts::TAU;

/// Weights of the oscillator's network.
#[derive(Debug)]
pub struct Oscillator {
    mlp: Mlp,
    harmonics: usize,
}

/// Values between its layers.
#[derive(Clone, Debug)]
pub struct OscillatorState {
    mlp: MlpState,
    /// Cosine and sine of each harmonic, then the controls.
    features: Vec<f32>,
}

impl Oscillator {
    /// Reads `modulation.mlp.{i}`; `controls` numbers follow the harmonics.
    pub fn load(file: &Checkpoint, config: &Config, controls: usize) -> Result<Option<Self>, LoadError> {
        let ModulationConfig::Oscillator { harmonics, hidden } = &config.modulation else { return Ok(None) };
        let mut inputs = 2 * harmonics + controls;
        let mut layers = Vec::new();
        for (i, width) in hidden.iter().enumerate() {
            layers.push(Linear::load(file, &format!("modulation.mlp.{i}"), inputs, *width)?);
            inputs = *width;
        }
        let outputs = config.effect.modulation_outputs();
        let prefix = format!("modulation.mlp.{}", hidden.len());
        let weight = file.tensor(&format!("{prefix}.weight"), &[outputs, inputs])?;
        let bias = file.tensor(&format!("{prefix}.bias"), &[outputs])?;
        let last = Linear::from_permuted(&weight, &bias, inputs, &Effect::modulation_rows(&config.effect));
        Ok(Some(Self { mlp: Mlp::new(layers, last), harmonics: *harmonics }))
    }

    /// Groups of sixteen that one frame of modulation takes.
    pub fn panels(&self) -> usize {
        self.mlp.panels()
    }

    /// Allocates what [`Self::frame`] needs.
    pub fn state(&self, controls: usize) -> OscillatorState {
        OscillatorState { mlp: self.mlp.state(), features: vec![0.0; 2 * self.harmonics + controls] }
    }

    /// Modulation at a phase in turns, for controls that the network sees in -1..1; real time.
    pub fn frame(
        &self,
        arch: &Arch,
        state: &mut OscillatorState,
        phase_turns: f64,
        controls: &[f32],
        modulation: &mut [Lanes],
    ) {
        let (harmonics, seen) = state.features.split_at_mut(2 * self.harmonics);
        for (m, pair) in harmonics.chunks_exact_mut(2).enumerate() {
            // Whole turns are dropped before the multiplication, so the argument keeps its precision for ever.
            let turns = ((m + 1) as f64 * phase_turns.rem_euclid(1.0)).rem_euclid(1.0);
            let (sin, cos) = (turns * TAU).sin_cos();
            pair[0] = cos as f32;
            pair[1] = sin as f32;
        }
        seen.copy_from_slice(controls);
        self.mlp.apply(arch, &mut state.mlp, &state.features, modulation);
    }
}
