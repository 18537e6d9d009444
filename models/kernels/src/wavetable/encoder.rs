//! The network from a sound's period to the knobs that would make it: the way back. Not real time.
pub mod cuts;
pub mod features;
pub mod pitch;
pub mod trajectory;

pub use trajectory::Frame;

use super::MAX_CONTROLS;
use super::config::EncoderConfig;
use crate::arch::{Arch, Lanes, flat, flat_mut};
use crate::checkpoint::{Checkpoint, LoadError};
use crate::nn::linear::Linear;

/// Weights of the encoder.
#[derive(Debug)]
pub struct Encoder {
    /// All layers, a ReLU between them.
    layers: Vec<Linear>,
    /// Harmonics that it sees.
    harmonics: usize,
    /// Controls that it answers with.
    controls: usize,
}

impl Encoder {
    /// Reads `encoder.{i}`. It sees the features of a period, and the pitch behind them in a model that follows it.
    pub(super) fn load(file: &Checkpoint, config: &EncoderConfig, follows_pitch: bool) -> Result<Self, LoadError> {
        let controls = file.info().controls.len();
        let mut inputs = features::width(config.harmonics) + usize::from(follows_pitch);
        let mut layers = Vec::new();
        for (i, width) in config.hidden.iter().chain([&controls]).enumerate() {
            layers.push(Linear::load(file, &format!("encoder.{i}"), inputs, *width)?);
            inputs = *width;
        }
        Ok(Self { layers, harmonics: config.harmonics, controls })
    }

    /// Harmonics that it sees.
    pub fn harmonics(&self) -> usize {
        self.harmonics
    }

    /// Controls from -1 to 1 for what [`features::features`] gives, and the pitch from -1 to 1 in a model that follows it.
    pub fn estimate(&self, arch: &Arch, features: &[f32], pitch: Option<f32>) -> [f32; MAX_CONTROLS] {
        let mut x = features.to_vec();
        x.extend(pitch);
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                x.iter_mut().for_each(|x| *x = x.max(0.0));
            }
            let mut y = vec![Lanes::ZERO; layer.panels()];
            layer.apply(arch, &x[..layer.inputs()], &mut y);
            let outputs = if i + 1 == self.layers.len() { self.controls } else { flat(&y).len() };
            x = flat_mut(&mut y)[..outputs].to_vec();
        }
        let mut seen = [0.0; MAX_CONTROLS];
        seen.iter_mut().zip(x).for_each(|(seen, x)| *seen = x.clamp(-1.0, 1.0));
        seen
    }
}
