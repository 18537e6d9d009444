//! Sizes of a phaser as its file states them, and the tensors that follow from them.
use serde::{Deserialize, Serialize};

/// `config` of a phaser's file.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Config {
    /// Samples between two frames of the modulation.
    pub frame: usize,
    /// The audio path.
    pub effect: EffectConfig,
    /// What moves it.
    pub modulation: ModulationConfig,
    /// Does the player move the oscillator's phase by a random walk instead of an even turn?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wander: bool,
}

/// Sizes of the audio path.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct EffectConfig {
    /// FXBlocks in series.
    pub blocks: usize,
    /// Channels between them.
    pub channels: usize,
    /// Taps of every convolution.
    pub kernel: usize,
    /// Dilation of each block's convolutions, the first of them full, the others depthwise.
    pub dilations: Vec<usize>,
    /// Do the convolutions have biases?
    pub bias: bool,
    /// Does the FiLM shift as well as scale?
    pub shift: bool,
    /// Does each channel saturate after the FiLM? Without it and without biases a net answers alike at every level.
    #[serde(default)]
    pub limit: bool,
    /// What hears how loud the input is, if anything does: the FiLM's gains then rise or fall with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follower: Option<Follower>,
}

/// An envelope follower of the input `x`: `E += (min(x^2, loudest) - E) / samples`, heard as `ln(1 + E / knee)`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub struct Follower {
    /// Time constant in samples.
    pub samples: f32,
    /// Mean square, full scale = 1, below which what is heard is as good as 0.
    pub knee: f32,
    /// Largest square in training; a louder sample counts as one of it.
    pub loudest: f32,
}

impl Follower {
    /// What is heard at every sample of an input that follows silence.
    pub fn levels(&self, input: &[f32]) -> Vec<f32> {
        let mut energy = 0.0;
        let mut hear = |x: &f32| {
            energy += ((x * x).min(self.loudest) - energy) / self.samples;
            (1.0 + energy / self.knee).ln()
        };
        input.iter().map(&mut hear).collect()
    }
}

/// Sizes of the modulation path.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ModulationConfig {
    /// Harmonics of an exact phase and the controls through fully connected layers.
    Oscillator {
        /// Harmonics of the phase.
        harmonics: usize,
        /// Widths of the hidden layers.
        hidden: Vec<usize>,
    },
    /// LSTMs without input, started from an angle.
    Lstm {
        /// Channels of a ModBlock's convolution.
        channels: usize,
        /// Its taps.
        kernel: usize,
        /// Its dilation.
        dilation: usize,
        /// Units of the LSTM.
        hidden: usize,
        /// Widths of the layers that turn controls into FiLM.
        control_hidden: Vec<usize>,
    },
}

impl Default for Config {
    /// The measured recipe: no bias, no shift, 16 channels, a receptive field of 1021 samples.
    fn default() -> Self {
        Self {
            frame: 64,
            effect: EffectConfig {
                blocks: 3,
                channels: 16,
                kernel: 5,
                dilations: vec![1, 4, 16, 64],
                bias: false,
                shift: false,
                limit: false,
                follower: None,
            },
            modulation: ModulationConfig::Oscillator { harmonics: 4, hidden: vec![64, 64] },
            wander: false,
        }
    }
}

impl EffectConfig {
    /// Samples before the first output of a window.
    pub fn receptive_field(&self) -> usize {
        self.blocks * self.block_history()
    }

    /// Samples that one block shortens its window by.
    pub fn block_history(&self) -> usize {
        (self.kernel - 1) * self.dilations.iter().sum::<usize>()
    }

    /// Numbers of modulation of a channel: its gain, its shift if there is one, and the gain's change with the level.
    pub fn modulation_parts(&self) -> usize {
        1 + usize::from(self.shift) + usize::from(self.follower.is_some())
    }

    /// Numbers of modulation in one frame.
    pub fn modulation_outputs(&self) -> usize {
        self.blocks * self.channels * self.modulation_parts()
    }

    /// Tensors of the audio path in the file's order: name and PyTorch shape.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let c = self.channels;
        let mut tensors = Vec::new();
        let mut conv = |name: String, shape: Vec<usize>| {
            let outputs = shape[0];
            tensors.push((format!("{name}.weight"), shape));
            if self.bias {
                tensors.push((format!("{name}.bias"), vec![outputs]));
            }
        };
        for j in 0..self.blocks {
            let inputs = if j == 0 { 1 } else { c };
            conv(format!("effect.{j}.conv.0"), vec![c, inputs, self.kernel]);
            for i in 1..self.dilations.len() {
                conv(format!("effect.{j}.conv.{i}"), vec![c, 1, self.kernel]);
            }
            conv(format!("effect.{j}.residual"), vec![c, inputs, 1]);
        }
        conv("output".into(), vec![1, c, 1]);
        for name in ["prelu", "limit"].iter().take(if self.limit { 2 } else { 1 }) {
            tensors.extend((0..self.blocks).map(|j| (format!("effect.{j}.{name}.weight"), vec![c])));
        }
        tensors
    }
}

impl Config {
    /// All tensors of a model with so many controls: name and PyTorch shape.
    pub fn tensors(&self, controls: usize) -> Vec<(String, Vec<usize>)> {
        let mut tensors = self.effect.tensors();
        let mut linear = |name: String, outputs: usize, inputs: usize| {
            tensors.push((format!("{name}.weight"), vec![outputs, inputs]));
            tensors.push((format!("{name}.bias"), vec![outputs]));
        };
        match &self.modulation {
            ModulationConfig::Oscillator { harmonics, hidden } => {
                let mut inputs = 2 * harmonics + controls;
                for (i, outputs) in hidden.iter().chain([&self.effect.modulation_outputs()]).enumerate() {
                    linear(format!("modulation.mlp.{i}"), *outputs, inputs);
                    inputs = *outputs;
                }
            }
            ModulationConfig::Lstm { channels: c, kernel, hidden: h, control_hidden, .. } => {
                let blocks = self.effect.blocks;
                linear("initial_state".into(), blocks * 2 * h, 2);
                for j in 0..blocks {
                    let mut inputs = controls;
                    if controls > 0 {
                        for (i, outputs) in control_hidden.iter().chain([&(2 * c)]).enumerate() {
                            linear(format!("modulation.{j}.control.{i}"), *outputs, inputs);
                            inputs = *outputs;
                        }
                    }
                    linear(format!("modulation.{j}.to_effect"), self.effect.modulation_outputs() / blocks, *h);
                    if j + 1 < blocks {
                        linear(format!("modulation.{j}.to_next"), 2 * c, *h);
                    }
                }
                for j in 0..blocks {
                    let name = |n: &str| format!("modulation.{j}.{n}");
                    tensors.push((name("conv.weight"), vec![*c, if j == 0 { 1 } else { *c }, *kernel]));
                    tensors.push((name("conv.bias"), vec![*c]));
                    tensors.push((name("prelu.weight"), vec![*c]));
                    if controls > 0 {
                        for (i, n) in control_hidden.iter().enumerate() {
                            tensors.push((name(&format!("control_prelu.{i}.weight")), vec![*n]));
                        }
                    }
                    tensors.push((name("lstm.weight_ih_l0"), vec![4 * h, *c]));
                    tensors.push((name("lstm.weight_hh_l0"), vec![4 * h, *h]));
                    tensors.push((name("lstm.bias_ih_l0"), vec![4 * h]));
                    tensors.push((name("lstm.bias_hh_l0"), vec![4 * h]));
                }
            }
        }
        tensors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_hears_what_its_equation_says_and_no_more_than_the_loudest() {
        let follower = Follower { samples: 2.0, knee: 0.5, loudest: 4.0 };
        // E: 0.5, 0.25, then half of the way to 4 instead of 9.
        let expected = [2f32, 1.5, 1.0 + 2.125 / 0.5].map(f32::ln);
        for (f, e) in follower.levels(&[1.0, 0.0, -3.0]).iter().zip(expected) {
            assert!((f - e).abs() < 1e-6, "{f} against {e}");
        }
    }
}
