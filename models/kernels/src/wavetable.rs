//! Periods that a network draws, played at any pitch: the autoencoder wavetable of Sinclair 2017 (arXiv 1806.09617).
//!
//! The paper's player overlaps windows at one fixed pitch and integrates with a leak. Here the network's period becomes
//! harmonics, the integration is exact and in the weights, and an oscillator plays them at the note's pitch. What the
//! network is conditioned on, and its latents, are the controls that the file declares; one called `pitch` follows the note.
pub mod body;
pub mod config;
pub mod decoder;
pub mod encoder;
pub mod engine;
pub mod example;
pub mod knobs;
pub mod period;
mod selftest;
mod sweep;
pub mod voice;
pub mod voice_filter;

use crate::arch::{self, Arch};
use crate::checkpoint::{Checkpoint, LoadError, ModelInfo};
pub use crate::dsp::wavetable_oscillator::Unison;
use config::Config;
use decoder::Decoder;
pub use encoder::Encoder;
pub use engine::Engine;
pub use knobs::Knobs;
pub use voice::Voice;

/// Most latents and conditions that one model may declare.
pub const MAX_CONTROLS: usize = 8;

/// Checked, immutable weights of one wavetable.
#[derive(Debug)]
pub struct Wavetable {
    info: ModelInfo,
    config: Config,
    decoder: Decoder,
    /// The way back, if the file has one.
    encoder: Option<Encoder>,
    /// Place of the condition that follows the note, if there is one.
    pitch: Option<usize>,
    arch: &'static Arch,
}

impl Wavetable {
    /// The `noun` of a wavetable's file.
    pub const NOUN: &'static str = "wavetable";

    /// Reads a model file, for the fastest path of this CPU.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        Self::load_on(bytes, arch::best())
    }

    /// Reads a model file, for a given path of this CPU.
    pub fn load_on(bytes: &[u8], arch: &'static Arch) -> Result<Self, LoadError> {
        let file = Checkpoint::parse(bytes)?;
        file.expect_noun(Self::NOUN)?;
        let config: Config = file.config()?;
        config.check(file.info().controls.len())?;
        let decoder = Decoder::load(&file, &config)?;
        let info = file.info().clone();
        let pitch = info.controls.iter().position(|c| c.id == "pitch");
        let encoder = config.encoder.as_ref().map(|sizes| Encoder::load(&file, sizes, pitch.is_some())).transpose()?;
        file.finish()?;
        Ok(Self { info, config, decoder, encoder, pitch, arch })
    }

    /// What the file says of itself.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The sizes in the file.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The inner loops that this model runs on.
    pub fn arch(&self) -> &'static Arch {
        self.arch
    }

    /// The network that draws periods.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The network from a period back to the controls, if the file has one.
    pub fn encoder(&self) -> Option<&Encoder> {
        self.encoder.as_ref()
    }

    /// Controls as the network sees them: -1 and 1 are the ends of the trained span, beyond which nothing goes.
    pub fn normalise(&self, controls: &Controls) -> [f32; MAX_CONTROLS] {
        let mut seen = [0.0; MAX_CONTROLS];
        for (i, info) in self.info.controls.iter().enumerate().take(MAX_CONTROLS) {
            seen[i] = if self.pitch == Some(i) {
                info.normalised(controls.frequency_hz as f32)
            } else {
                info.normalised_with_offset(controls.values[i], controls.offsets[i])
            };
        }
        seen
    }
}

/// What one note is to sound like, taken once a frame; the voice ramps towards it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Controls {
    /// Fundamental in Hz, bend and glide in it.
    pub frequency_hz: f64,
    /// Values of the declared controls, in their units and in the file's order; that of `pitch` is the fundamental.
    pub values: [f32; MAX_CONTROLS],
    /// What each is moved by, in shares of its range; nothing goes beyond the trained span.
    pub offsets: [f32; MAX_CONTROLS],
    /// Detuned copies of the note.
    pub unison: Unison,
    /// Gain of the octave below, linear.
    pub sub: f32,
}

impl Controls {
    /// The model's defaults at a pitch.
    pub fn new(info: &ModelInfo, frequency_hz: f64) -> Self {
        let mut values = [0.0; MAX_CONTROLS];
        for (value, control) in values.iter_mut().zip(&info.controls) {
            *value = control.default;
        }
        Self { frequency_hz, values, offsets: [0.0; MAX_CONTROLS], unison: Unison::default(), sub: 0.0 }
    }

    /// The same with everything finite and in range, so that no automation can harm the voice.
    fn sane(&self) -> Self {
        let or = |x: f32, low: f32, high: f32, other: f32| if x.is_finite() { x.clamp(low, high) } else { other };
        let frequency_hz = if self.frequency_hz.is_finite() { self.frequency_hz.clamp(1.0, 1e6) } else { 440.0 };
        Self {
            frequency_hz,
            values: self.values.map(|v| or(v, -1e9, 1e9, 0.0)),
            offsets: self.offsets.map(|v| or(v, -8.0, 8.0, 0.0)),
            unison: self.unison.sane(),
            sub: or(self.sub, 0.0, 4.0, 0.0),
        }
    }
}

#[cfg(test)]
mod tests;
