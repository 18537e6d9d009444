//! A recorded space of sounds as a network that plays it: three GRUs that draw one sample after the other, 16,000 a second.
//!
//! After Wyse, Kamath, Gupta 2022 (EvoMUSART, arXiv 2206.13085) and lonce/RNNControl2. Two things are ours: the embedding of
//! the last sample and the clock, both optional ([`config`]). `docs/model-format.md` lists a file's tensors.
//!
//! | module | what it is |
//! |---|---|
//! | [`mu_law`] | the 256 levels of a sample |
//! | `input` | last sample, conditions, clock: up to the first gates |
//! | `full`, `quantised` | the network in f32 and in 8 bits |
//! | [`sampling`] | logits to the next sample |
//! | [`state`], [`bank`] | the voices, and how they start |
//! | [`calibration`] | how far off its pitch is |
//! | [`engine`] | the instrument: notes in, host samples out |
//! | [`selftest`] | does a file play as it was trained? |
//! | [`naive`] | the network as the paper draws it, for tests |
pub mod bank;
pub mod calibration;
pub mod config;
pub mod engine;
pub mod example;
mod full;
mod input;
pub mod mu_law;
pub mod naive;
mod quantised;
pub mod sampling;
pub mod selftest;
pub mod state;
#[cfg(test)]
mod tests;
pub mod weights;

use crate::arch::integer::{self, Integer};
use crate::arch::{self, Arch};
use crate::checkpoint::{Checkpoint, LoadError, ModelInfo};
use bank::Bank;
use calibration::Calibration;
use config::{Config, MAX_CONDITIONS};
pub use engine::Engine;
use full::Full;
use input::Input;
use quantised::Quantised;
use sampling::Freedom;
pub use state::{MAX_VOICES, SoundModelState};
use weights::Weights;

/// Highest temperature that a voice may have.
pub const MAX_TEMPERATURE: f32 = 1.5;

/// Everything above the input layer.
#[derive(Debug)]
enum Network {
    Full(Full),
    Quantised(Quantised),
}

/// What a network computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// f32, four times as much memory to read: the reference.
    Full,
    /// 8-bit weights and activations; weights that the file has in full are quantised at load.
    Quantised,
}

/// Checked, immutable weights of one sound model.
#[derive(Debug)]
pub struct SoundModel {
    info: ModelInfo,
    config: Config,
    input: Input,
    network: Network,
    bank: Bank,
    calibration: Calibration,
    /// Sample of each level.
    levels: [f32; mu_law::CLASSES],
    arch: &'static Arch,
    integer: &'static Integer,
}

impl SoundModel {
    /// The `noun` of a sound model's file.
    pub const NOUN: &'static str = "sound_model";

    /// Reads a model file, in 8 bits for the fastest path of this CPU.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        Self::load_on(bytes, Precision::Quantised, arch::best(), integer::best())
    }

    /// Reads a model file, for given paths of this CPU.
    pub fn load_on(
        bytes: &[u8],
        precision: Precision,
        arch: &'static Arch,
        integer: &'static Integer,
    ) -> Result<Self, LoadError> {
        let file = Checkpoint::parse(bytes)?;
        file.expect_noun(Self::NOUN)?;
        let config: Config = file.config()?;
        config.check()?;
        if config.conditions != file.info().controls.len() {
            return Err(LoadError::Config {
                key: "config.conditions".into(),
                expected: format!("{}, one for each entry of `controls`", file.info().controls.len()),
                found: config.conditions.to_string(),
            });
        }
        let weights = Weights::load(&file, &config)?;
        let bank = Bank::load(&file, &config)?;
        let info = file.info().clone();
        let calibration = Calibration::load(&info)?;
        file.finish()?;

        let first = Full::gru(&config, &weights, 0);
        let input = Input::new(arch, &config, &weights, first.from_input());
        let network = match precision {
            Precision::Full => Network::Full(Full::new(&config, &weights, &input)),
            Precision::Quantised => {
                Network::Quantised(Quantised::new(arch, &config, &weights.quantised(&config), &input))
            }
        };
        let levels = std::array::from_fn(|class| mu_law::decode(class as u8));
        Ok(Self { info, config, input, network, bank, calibration, levels, arch, integer })
    }

    /// What the file says of itself.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// How far off its pitch is.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// The sizes in the file.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the network computes with.
    pub fn precision(&self) -> Precision {
        match self.network {
            Network::Full(_) => Precision::Full,
            Network::Quantised(_) => Precision::Quantised,
        }
    }

    /// The inner loops that this model runs on: of f32, and of 8 bits.
    pub fn paths(&self) -> (&'static Arch, &'static Integer) {
        (self.arch, self.integer)
    }
}

/// What a player sets for one voice; holds for one call of [`SoundModelState::render`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Controls {
    /// The file's controls as the network sees them, -1..1 ([`crate::checkpoint::ControlInfo::normalised`]).
    pub conditions: [f32; MAX_CONDITIONS],
    /// Fundamental of the note in Hz, for models with a clock.
    pub clock_hz: f32,
    /// 1 is as trained, 0 takes the most probable level always; at most [`MAX_TEMPERATURE`].
    pub temperature: f32,
    /// So many of the most probable levels are drawn from, 1 to 256.
    pub top_k: usize,
}

impl Controls {
    /// The file's defaults, as trained; the clock stands.
    pub fn new(info: &ModelInfo) -> Self {
        let mut conditions = [0.0; MAX_CONDITIONS];
        for (condition, control) in conditions.iter_mut().zip(&info.controls) {
            *condition = control.normalised(control.default);
        }
        Self { conditions, clock_hz: 0.0, temperature: 1.0, top_k: mu_law::CLASSES }
    }

    /// Conditions that no automation can put out of range.
    fn sane_conditions(&self) -> [f32; MAX_CONDITIONS] {
        self.conditions.map(|c| if c.is_finite() { c.clamp(-1.0, 1.0) } else { 0.0 })
    }

    /// Speed of the clock, at most half a turn a sample.
    fn turns_per_sample(&self, sample_rate_hz: f64) -> f64 {
        let turns = f64::from(self.clock_hz) / sample_rate_hz;
        if turns.is_finite() { turns.clamp(0.0, 0.5) } else { 0.0 }
    }

    fn freedom(&self) -> Freedom {
        let temperature = if self.temperature.is_finite() { self.temperature.clamp(0.0, MAX_TEMPERATURE) } else { 1.0 };
        Freedom { temperature, top_k: self.top_k.clamp(1, mu_law::CLASSES) }
    }
}
