//! Sizes of a wavetable as its file states them, checked before anything is allocated.
use super::MAX_CONTROLS;
use crate::checkpoint::LoadError;
use crate::dsp::period_table::MOST_HARMONICS;
use serde::{Deserialize, Serialize};

/// `config` of a wavetable's file.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct Config {
    /// Samples of a period that the network draws.
    pub period: usize,
    /// What these samples are.
    pub output: Output,
    /// How many of the declared controls, the first ones, are latents; the others are conditions.
    pub latents: usize,
    /// Octaves of sines and cosines of each condition that the network sees beside the condition itself.
    pub octaves: usize,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Does the network give the logarithm of a gain, behind the samples?
    pub gain: bool,
    /// The way back from a sound to the controls, if the file has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderConfig>,
}

/// Sizes of the encoder.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct EncoderConfig {
    /// Harmonics of a period that it sees.
    pub harmonics: usize,
    /// Widths of its hidden layers.
    pub hidden: Vec<usize>,
}

impl EncoderConfig {
    fn check(&self) -> Result<(), LoadError> {
        within("config.encoder.harmonics", self.harmonics, 1, MOST_HARMONICS)?;
        within("config.encoder.hidden: count", self.hidden.len(), 0, 8)?;
        self.hidden.iter().try_for_each(|width| within("config.encoder.hidden", *width, 1, 1024))
    }
}

/// What the samples of a period are.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// The period itself.
    Period,
    /// Differences of neighbouring samples, as in the paper; they are summed up around the circle.
    Differences,
}

/// Most multiplications for one period: about 20 times the factory model's.
const MOST_WORK: usize = 1 << 20;

impl Config {
    /// Every size within what a plug-in can run in real time and memory; `controls` is how many the file declares.
    pub fn check(&self, controls: usize) -> Result<(), LoadError> {
        within("controls: count", controls, 1, MAX_CONTROLS)?;
        within("config.period", self.period, 16, 2 * (MOST_HARMONICS + 1))?;
        within("config.latents", self.latents, 0, controls)?;
        within("config.octaves", self.octaves, 0, 8)?;
        within("config.hidden: count", self.hidden.len(), 0, 8)?;
        self.hidden.iter().try_for_each(|width| within("config.hidden", *width, 1, 1024))?;
        let widths: Vec<usize> =
            [self.inputs(controls)].into_iter().chain(self.hidden.iter().copied()).chain([self.outputs()]).collect();
        let work = widths.windows(2).map(|pair| pair[0] * pair[1]).sum();
        within("config: products a period", work, 1, MOST_WORK)?;
        self.encoder.as_ref().map_or(Ok(()), EncoderConfig::check)
    }

    /// Numbers that the first layer sees.
    pub fn inputs(&self, controls: usize) -> usize {
        controls + 2 * self.octaves * (controls - self.latents)
    }

    /// Numbers that the last layer gives.
    pub fn outputs(&self) -> usize {
        self.period + usize::from(self.gain)
    }

    /// Harmonics that a period of this length holds.
    pub fn harmonics(&self) -> usize {
        (self.period - 1) / 2
    }
}

fn within(key: &'static str, found: usize, min: usize, max: usize) -> Result<(), LoadError> {
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(LoadError::Config { key: key.into(), expected: format!("{min} to {max}"), found: found.to_string() })
}
