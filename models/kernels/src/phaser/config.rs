//! Sizes of a phaser as its file states them, checked before anything is allocated.
use super::follower::Follower;
use crate::checkpoint::{LoadError, within};
use serde::Deserialize;

/// `config` of a phaser's file.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Config {
    /// Samples between two frames of the modulation.
    pub frame: usize,
    /// The audio path.
    pub effect: EffectConfig,
    /// What moves it.
    pub modulation: ModulationConfig,
    /// Does the oscillator's phase walk at random instead of turning?
    #[serde(default)]
    pub wander: bool,
}

/// Sizes of the audio path.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct EffectConfig {
    /// FXBlocks in series.
    pub blocks: usize,
    /// Channels between them.
    pub channels: usize,
    /// Taps of every convolution.
    pub kernel: usize,
    /// Dilation of each block's convolutions in order, the first of them full, the others depthwise.
    pub dilations: Vec<usize>,
    /// Do the convolutions have biases?
    pub bias: bool,
    /// Does the FiLM shift as well as scale?
    pub shift: bool,
    /// Does each channel saturate after the FiLM?
    #[serde(default)]
    pub limit: bool,
    /// What hears how loud the input is, if anything does: the FiLM's gains then rise or fall with it.
    #[serde(default)]
    pub follower: Option<Follower>,
}

/// Sizes of the modulation path.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ModulationConfig {
    /// An exact phase, its harmonics and the controls through fully connected layers.
    Oscillator {
        /// Harmonics of the phase, a cosine and a sine each.
        harmonics: usize,
        /// Widths of the hidden layers.
        hidden: Vec<usize>,
    },
    /// The paper's: LSTMs without input that are started from an angle.
    Lstm {
        /// Channels of a ModBlock's convolution.
        channels: usize,
        /// Its taps.
        kernel: usize,
        /// Its dilation.
        dilation: usize,
        /// Units of the LSTM.
        hidden: usize,
        /// Widths of the hidden layers that turn controls into FiLM.
        control_hidden: Vec<usize>,
    },
}

impl EffectConfig {
    /// Numbers of modulation of a channel: its gain, its shift if there is one, and the gain's change with the level.
    pub fn modulation_parts(&self) -> usize {
        1 + usize::from(self.shift) + usize::from(self.follower.is_some())
    }

    /// Numbers of modulation that one frame holds.
    pub fn modulation_outputs(&self) -> usize {
        self.blocks.saturating_mul(self.channels).saturating_mul(self.modulation_parts())
    }
}

/// Most numbers that the past of one channel may take: 16 MiB.
const MOST_MEMORY: usize = 1 << 22;
/// Most multiplications a sample: about 100 times the factory model's, which no CPU of today plays in real time.
const MOST_WORK: usize = 1 << 19;

impl Config {
    /// Every size within what a plug-in can run in real time and memory.
    pub fn check(&self) -> Result<(), LoadError> {
        let effect = &self.effect;
        within("config.frame", self.frame, 1, 1024)?;
        within("config.effect.blocks", effect.blocks, 1, 16)?;
        within("config.effect.channels", effect.channels, 1, 128)?;
        within("config.effect.kernel", effect.kernel, 1, 64)?;
        within("config.effect.dilations: count", effect.dilations.len(), 1, 8)?;
        for dilation in &effect.dilations {
            within("config.effect.dilations", *dilation, 1, 4096)?;
            within("config.effect: history of one convolution", (effect.kernel - 1) * dilation, 0, 1 << 14)?;
        }
        // Each within its limit, sizes could still multiply to a model that no computer plays: together they are bounded too.
        let history: usize = effect.dilations.iter().map(|dilation| (effect.kernel - 1) * dilation).sum();
        let channels = effect.channels.next_multiple_of(crate::arch::LANES);
        within("config.effect: memory of all convolutions", effect.blocks * history * channels, 0, MOST_MEMORY)?;
        within("config.effect: products a sample", effect.blocks * effect.kernel * channels * channels, 0, MOST_WORK)?;
        if let Some(follower) = &effect.follower {
            follower.check()?;
        }
        match &self.modulation {
            ModulationConfig::Oscillator { harmonics, hidden } => {
                within("config.modulation.harmonics", *harmonics, 1, 64)?;
                widths("config.modulation.hidden", hidden)?;
            }
            ModulationConfig::Lstm { channels, kernel, dilation, hidden, control_hidden } => {
                within("config.modulation.channels", *channels, 1, 128)?;
                within("config.modulation.kernel", *kernel, 1, 64)?;
                within("config.modulation.dilation", *dilation, 1, 256)?;
                within("config.modulation.hidden", *hidden, 1, 512)?;
                widths("config.modulation.control_hidden", control_hidden)?;
            }
        }
        within("config.modulation: products a sample", self.modulation_work() / self.frame, 0, MOST_WORK)
    }
}

impl Config {
    /// Multiplications of the modulation path in one frame; sizes beyond any limit count as very many.
    fn modulation_work(&self) -> usize {
        let product = |factors: &[usize]| factors.iter().fold(1usize, |all, factor| all.saturating_mul(*factor));
        let layers = |inputs: usize, hidden: &[usize], outputs: usize| {
            let widths: Vec<usize> = [inputs].iter().chain(hidden).chain([&outputs]).copied().collect();
            widths.windows(2).map(product).fold(0usize, usize::saturating_add)
        };
        match &self.modulation {
            ModulationConfig::Oscillator { harmonics, hidden } => {
                layers(harmonics.saturating_mul(2), hidden, self.effect.modulation_outputs())
            }
            ModulationConfig::Lstm { channels, kernel, hidden, control_hidden, .. } => {
                let convolution = product(&[self.frame, *kernel, *channels, *channels]);
                let lstm = product(&[4, *hidden, channels.saturating_add(*hidden)]);
                let control = layers(1, control_hidden, channels.saturating_mul(2));
                let block = convolution.saturating_add(lstm).saturating_add(control);
                block.saturating_mul(self.effect.blocks)
            }
        }
    }
}

fn widths(key: &'static str, widths: &[usize]) -> Result<(), LoadError> {
    within(key, widths.len(), 0, 8)?;
    widths.iter().try_for_each(|w| within(key, *w, 1, 1024))
}
