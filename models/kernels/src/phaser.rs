//! A hardware phaser cloned from recordings: SPTVMod's audio path, moved by an exact oscillator or by the paper's LSTMs.
//!
//! After Bourdin, Legrand, Roche 2025, arXiv 2512.15313. One model file holds one audio path ([`effect`]) and one of two
//! modulation paths ([`oscillator`], [`recurrent`]); `docs/model-format.md` lists its tensors.
pub mod channel;
pub mod config;
pub mod drift;
pub mod effect;
pub mod engine;
pub mod finder;
pub mod follower;
pub mod oscillator;
pub mod probe;
pub mod recurrent;
pub mod selftest;
pub mod wander;

use crate::arch::{self, Arch};
use crate::checkpoint::{Checkpoint, LoadError, ModelInfo};
pub use channel::PhaserState;
use config::Config;
use effect::Effect;
pub use engine::{Engine, RateError};
use oscillator::Oscillator;
pub use probe::Probe;
use recurrent::Recurrent;

/// Most controls that one model may declare.
pub const MAX_CONTROLS: usize = 8;

/// What moves the audio path.
#[derive(Debug)]
enum Modulation {
    Oscillator(Oscillator),
    Recurrent(Recurrent),
}

/// Checked, immutable weights of one phaser.
#[derive(Debug)]
pub struct Phaser {
    info: ModelInfo,
    config: Config,
    effect: Effect,
    modulation: Modulation,
    arch: &'static Arch,
}

impl Phaser {
    /// The `noun` of a phaser's file.
    pub const NOUN: &'static str = "phaser";

    /// Reads a model file, for the fastest path of this CPU.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        Self::load_on(bytes, arch::best())
    }

    /// Reads a model file, for a given path of this CPU.
    pub fn load_on(bytes: &[u8], arch: &'static Arch) -> Result<Self, LoadError> {
        let file = Checkpoint::parse(bytes)?;
        file.expect_noun(Self::NOUN)?;
        let config: Config = file.config()?;
        config.check()?;
        let controls = file.info().controls.len();
        let effect = Effect::load(&file, &config.effect)?;
        let modulation = match Oscillator::load(&file, &config, controls)? {
            Some(oscillator) => Some(Modulation::Oscillator(oscillator)),
            None => Recurrent::load(&file, &config, controls)?.map(Modulation::Recurrent),
        };
        let modulation = modulation.ok_or_else(|| LoadError::Config {
            key: "config.modulation.kind".into(),
            expected: "oscillator or lstm".into(),
            found: "neither".into(),
        })?;
        let info = file.info().clone();
        file.finish()?;
        Ok(Self { info, config, effect, modulation, arch })
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

    /// Is the LFO's phase a number that can be set at any time? False for LSTMs, which only start from an angle.
    pub fn has_phase(&self) -> bool {
        matches!(self.modulation, Modulation::Oscillator(_))
    }

    /// Does the phase walk at random between the ends of the sweep, unless phases are given from outside? Then the rate is the
    /// corner of the walk.
    pub fn wanders(&self) -> bool {
        self.config.wander && self.has_phase()
    }

    /// Samples at the model's rate after which an input is forgotten.
    pub fn receptive_field_samples(&self) -> usize {
        self.effect.receptive_field()
    }

    /// Samples between two frames of the modulation.
    fn frame(&self) -> usize {
        self.config.frame
    }

    fn modulation_panels(&self) -> usize {
        match &self.modulation {
            Modulation::Oscillator(o) => o.panels(),
            Modulation::Recurrent(r) => r.panels(),
        }
    }

    /// Controls as the network sees them: -1 and 1 are the ends of the trained span, beyond which nothing goes.
    fn normalise(&self, controls: &Controls, seen: &mut [f32; MAX_CONTROLS]) {
        for (i, info) in self.info.controls.iter().enumerate().take(MAX_CONTROLS) {
            seen[i] = info.normalised(if info.id == "rate" { controls.rate_hz } else { controls.values[i] });
        }
    }
}

/// What the player sets, taken once per call; the engine ramps towards it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Controls {
    /// LFO rate in Hz, negative backwards; the network is conditioned on it within its trained span, the oscillator runs at it
    /// exactly.
    pub rate_hz: f32,
    /// Phase of the LFO in turns at the first sample of this call; none: it runs on from where it is.
    pub phase_turns: Option<f64>,
    /// Does the LFO advance by `rate_hz`? False holds the phase (manual mode).
    pub running: bool,
    /// Natural wandering of the rate, 0..1; 1 is as measured on hardware, see [`drift`].
    pub drift: f32,
    /// Phase of the second channel ahead of the first, in turns.
    pub stereo_phase_turns: f32,
    /// Depth of the modulation, 0..1; 1 is the hardware.
    pub depth: f32,
    /// Values of the declared controls, in their units and in the file's order; the entry of `rate` is taken from `rate_hz`.
    pub values: [f32; MAX_CONTROLS],
    /// Gain before the model, linear.
    pub input_gain: f32,
    /// Gain after the model, linear.
    pub output_gain: f32,
    /// Share of the model's output against the aligned dry input, 0..1.
    pub mix: f32,
    /// Cross-fades to the aligned dry input.
    pub bypass: bool,
}

impl Controls {
    /// The model's own defaults: its hardware untouched.
    pub fn new(info: &ModelInfo) -> Self {
        let mut values = [0.0; MAX_CONTROLS];
        for (value, control) in values.iter_mut().zip(&info.controls) {
            *value = control.default;
        }
        Self {
            rate_hz: info.control("rate").map_or(0.5, |(_, rate)| rate.default),
            phase_turns: None,
            running: true,
            drift: 0.0,
            stereo_phase_turns: 0.0,
            depth: 1.0,
            values,
            input_gain: 1.0,
            output_gain: 1.0,
            mix: 1.0,
            bypass: false,
        }
    }

    /// The same with everything finite and in range, so that no automation can harm the engine.
    fn sane(&self) -> Self {
        let or = |x: f32, low: f32, high: f32, other: f32| if x.is_finite() { x.clamp(low, high) } else { other };
        Self {
            rate_hz: or(self.rate_hz, -1000.0, 1000.0, 0.0),
            phase_turns: self.phase_turns.filter(|p| p.is_finite()),
            drift: or(self.drift, 0.0, 1.0, 0.0),
            stereo_phase_turns: or(self.stereo_phase_turns, -1.0, 1.0, 0.0),
            depth: or(self.depth, 0.0, 1.0, 1.0),
            values: self.values.map(|v| or(v, -1e9, 1e9, 0.0)),
            input_gain: or(self.input_gain, 0.0, 1e3, 1.0),
            output_gain: or(self.output_gain, 0.0, 1e3, 1.0),
            mix: or(self.mix, 0.0, 1.0, 1.0),
            ..*self
        }
    }
}
