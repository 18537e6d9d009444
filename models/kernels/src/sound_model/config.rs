//! Sizes of a sound model as its file states them, checked before anything is allocated.
use super::mu_law::CLASSES;
use crate::checkpoint::{LoadError, within};
use serde::{Deserialize, Serialize};

/// Most conditions that one model may declare: as many as a file may have controls.
pub const MAX_CONDITIONS: usize = 8;

/// `config` of a sound model's file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Config {
    /// How the last sample enters.
    pub audio: Audio,
    /// Numbers that the player conditions the network on, -1..1 each: the file's controls, in their order.
    pub conditions: usize,
    /// Does the network also hear a clock, the sine and the cosine of the note's running phase?
    pub clock: bool,
    /// Numbers between the input layer and the first GRU.
    pub width: usize,
    /// Is there a ReLU between them? (The paper's first code; without it the two become one at load.)
    pub relu: bool,
    /// GRUs in series.
    pub layers: usize,
    /// Units of each.
    pub hidden: usize,
    /// Levels of a sample, 256.
    pub classes: usize,
}

/// How the last sample enters the network.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Audio {
    /// As one number, its level from -1 to 1, beside the conditions (the paper).
    Scalar,
    /// As a row of a table of 256, added to the conditions' layer (trains best).
    Embedding,
}

/// Most multiplications a sample: what one voice takes of a whole core.
const MOST_WORK: usize = 1 << 22;

impl Config {
    /// The paper's network: 3 GRUs of 256 and two conditions.
    pub fn paper() -> Self {
        let (audio, conditions, clock, relu) = (Audio::Scalar, 2, false, false);
        Self { audio, conditions, clock, width: 256, relu, layers: 3, hidden: 256, classes: CLASSES }
    }

    /// Every size within what a plug-in can run in real time and memory.
    pub fn check(&self) -> Result<(), LoadError> {
        within("config.conditions", self.conditions, 1, MAX_CONDITIONS)?;
        within("config.width", self.width, 1, 512)?;
        within("config.layers", self.layers, 1, 8)?;
        within("config.hidden", self.hidden, 1, 512)?;
        within("config.classes", self.classes, CLASSES, CLASSES)?;
        let recurrent = 3 * self.hidden * (self.hidden * (2 * self.layers - 1) + self.width);
        within("config: products a sample", recurrent + CLASSES * self.hidden, 0, MOST_WORK)
    }

    /// Inputs beside the audio: the conditions, then sine and cosine of the clock.
    pub fn beside_audio(&self) -> usize {
        self.conditions + if self.clock { 2 } else { 0 }
    }

    /// Columns of the input layer `i2d.weight`: the audio first, if it is a scalar.
    pub fn inputs(&self) -> usize {
        self.beside_audio() + usize::from(self.audio == Audio::Scalar)
    }

    /// Numbers of one primed state: all hidden units, the last sample's level, and the clock's phase if there is one.
    pub fn state_values(&self) -> usize {
        self.layers * self.hidden + 1 + usize::from(self.clock)
    }
}
