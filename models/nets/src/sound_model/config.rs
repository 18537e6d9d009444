//! Sizes of a sound model, as they stand under `config` in its file; with the tensors that follow from them.
use serde::{Deserialize, Serialize};

/// Levels of a sample.
pub const CLASSES: usize = 256;

/// All sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// How the last sample enters.
    pub audio: Audio,
    /// Numbers that the network is conditioned on, -1..1 each.
    pub conditions: usize,
    /// Does the network also hear the sine and the cosine of the note's phase?
    pub clock: bool,
    /// Numbers between the input layer and the first GRU.
    pub width: usize,
    /// Is there a ReLU between them?
    pub relu: bool,
    /// GRUs in series.
    pub layers: usize,
    /// Units of each.
    pub hidden: usize,
    /// Levels of a sample, 256.
    pub classes: usize,
}

/// How the last sample enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audio {
    /// Its level as one number, -1..1, beside the conditions.
    Scalar,
    /// A row of a table.
    Embedding,
}

impl Config {
    /// Numbers that the network hears beside the audio: conditions, then sine and cosine of the clock.
    pub fn beside_audio(&self) -> usize {
        self.conditions + if self.clock { 2 } else { 0 }
    }

    /// Name and shape of every tensor, in the order in which they are drawn.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (width, hidden, gates) = (self.width, self.hidden, 3 * self.hidden);
        let inputs = self.beside_audio() + usize::from(self.audio == Audio::Scalar);
        let mut tensors = vec![("i2d.weight".to_string(), vec![width, inputs]), ("i2d.bias".into(), vec![width])];
        if self.audio == Audio::Embedding {
            tensors.push(("embedding.weight".into(), vec![CLASSES, width]));
        }
        for n in 0..self.layers {
            tensors.push((format!("gru.weight_ih_l{n}"), vec![gates, if n == 0 { width } else { hidden }]));
            tensors.push((format!("gru.weight_hh_l{n}"), vec![gates, hidden]));
            tensors.push((format!("gru.bias_ih_l{n}"), vec![gates]));
            tensors.push((format!("gru.bias_hh_l{n}"), vec![gates]));
        }
        tensors.push(("h2o.weight".into(), vec![CLASSES, hidden]));
        tensors.push(("h2o.bias".into(), vec![CLASSES]));
        tensors
    }
}
