//! What a training step sees: windows of dry sound, what the device made of them, and where its LFO stood.
use candle_core::{Device, Result, Tensor};

/// Sizes of the windows of one step.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Samples that the net looks back.
    pub receptive_field: usize,
    /// Samples between two frames of the modulation.
    pub frame: usize,
    /// Outputs of one window, in samples.
    pub samples: usize,
    /// Windows of one step.
    pub count: usize,
}

impl Window {
    /// Dry samples of a window, its past included.
    pub fn dry_samples(&self) -> usize {
        self.receptive_field + self.samples
    }

    /// Frames of modulation of a window: one every `frame` samples and one after the end.
    pub fn frames(&self) -> usize {
        self.dry_samples().div_ceil(self.frame) + 1
    }
}

/// One training step's data.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Dry sound with its past, `[window][receptive_field + samples]`.
    pub dry: Vec<f32>,
    /// The device's answer, `[window][samples]`.
    pub wet: Vec<f32>,
    /// LFO phase in turns at every frame of the dry sound, `[window][frame]`.
    pub phases_turns: Vec<Vec<f64>>,
    /// Controls as the network sees them, -1..1, `[window][control]`.
    pub controls: Vec<Vec<f32>>,
}

impl Batch {
    /// Adds a window.
    pub fn push(&mut self, dry: &[f32], wet: &[f32], phases_turns: Vec<f64>, controls: Vec<f32>) {
        self.dry.extend_from_slice(dry);
        self.wet.extend_from_slice(wet);
        self.phases_turns.push(phases_turns);
        self.controls.push(controls);
    }

    /// Dry and wet as `[window, samples]`.
    pub fn sounds(&self) -> Result<(Tensor, Tensor)> {
        let windows = self.controls.len();
        let rows = |x: &[f32]| Tensor::from_slice(x, (windows, x.len() / windows), &Device::Cpu);
        Ok((rows(&self.dry)?, rows(&self.wet)?))
    }
}
