//! What a training step sees: windows of dry sound, what the device made of them, and where its LFO stood.

/// Outputs of one window, in samples.
pub const WINDOW_SAMPLES: usize = 8192;
/// Windows of one step.
pub const WINDOWS: usize = 4;

/// One training step's data.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Dry sound with its past, `[window][receptive_field + WINDOW_SAMPLES]`.
    pub dry: Vec<f32>,
    /// The device's answer, `[window][WINDOW_SAMPLES]`.
    pub wet: Vec<f32>,
    /// LFO phase in turns at every frame of the dry sound, `[window][frame]`.
    pub phases_turns: Vec<Vec<f64>>,
    /// Controls as the network sees them, -1..1, `[window][control]`.
    pub controls: Vec<Vec<f32>>,
}

impl Batch {
    /// Frames of modulation for windows with such a past: one every `frame` samples and one after the end.
    pub fn frames(receptive_field: usize, frame: usize) -> usize {
        (receptive_field + WINDOW_SAMPLES).div_ceil(frame) + 1
    }

    /// Adds a window.
    pub fn push(&mut self, dry: &[f32], wet: &[f32], phases_turns: Vec<f64>, controls: Vec<f32>) {
        self.dry.extend_from_slice(dry);
        self.wet.extend_from_slice(wet);
        self.phases_turns.push(phases_turns);
        self.controls.push(controls);
    }
}

/// Where batches come from. Batch `step` depends on nothing but the source and `step`, so a resumed run sees what an
/// uninterrupted one would have seen.
pub trait Source: Send + Sync {
    /// The data of a step.
    fn batch(&self, step: u64) -> Batch;
}
