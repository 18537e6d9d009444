//! The phaser as a graph: SPTVMod's audio path under an oscillator or the paper's LSTMs (arXiv 2512.15313, figure 1).
//!
//! Tensor names and shapes are the model file's. Signals are `[batch, channels, time]`; convolutions are valid, so a
//! window of `receptive_field + n` samples gives `n`.
use candle_core::{DType, Device, Result, Tensor, Var};
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// `config` of a phaser's file.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Config {
    /// Samples between two frames of the modulation.
    pub frame: usize,
    /// The audio path.
    pub effect: EffectConfig,
    /// What moves it.
    pub modulation: ModulationConfig,
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
            },
            modulation: ModulationConfig::Oscillator { harmonics: 4, hidden: vec![64, 64] },
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

    /// Numbers of modulation in one frame.
    pub fn modulation_outputs(&self) -> usize {
        self.blocks * self.channels * if self.shift { 2 } else { 1 }
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
        tensors.extend((0..self.blocks).map(|j| (format!("effect.{j}.prelu.weight"), vec![c])));
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

/// Trainable weights under their names in the file.
pub struct Net {
    /// The sizes.
    pub config: Config,
    /// Conditioning controls of the model.
    pub controls: usize,
    /// The weights.
    pub vars: BTreeMap<String, Var>,
    device: Device,
}

impl Net {
    /// Starts as a linear, time-varying bank of filters near the identity: the start that trains 10 to 100 times better
    /// than the plain one. PReLU slopes 1, newest tap of each depthwise kernel near 1, gains 1, no bias where there is none.
    pub fn new(config: Config, controls: usize, seed: u64, device: &Device) -> Result<Self> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut vars = BTreeMap::new();
        let last = match &config.modulation {
            ModulationConfig::Oscillator { hidden, .. } => format!("modulation.mlp.{}", hidden.len()),
            ModulationConfig::Lstm { .. } => String::from("to_effect"),
        };
        let per_block = config.effect.channels * if config.effect.shift { 2 } else { 1 };
        for (name, shape) in config.tensors(controls) {
            let count: usize = shape.iter().product();
            let fan_in: usize = shape[1..].iter().product::<usize>().max(1);
            let bound = 1.0 / (fan_in as f32).sqrt();
            let is_head = name.contains(&last);
            let is_depthwise = name.starts_with("effect") && name.contains(".conv.") && !name.contains(".conv.0");
            let values: Vec<f32> = (0..count)
                .map(|i| {
                    let uniform = (rng.random::<f32>() * 2.0 - 1.0) * bound;
                    if name.contains("prelu") {
                        1.0
                    } else if is_depthwise && name.ends_with("weight") {
                        let newest = i % config.effect.kernel == config.effect.kernel - 1;
                        let normal = (-2.0 * rng.random::<f32>().max(1e-12).ln()).sqrt()
                            * (TAU as f32 * rng.random::<f32>()).cos();
                        0.2 * bound * normal + if newest { 1.0 } else { 0.0 }
                    } else if is_head && name.ends_with("weight") {
                        0.3 * uniform
                    } else if is_head {
                        if i % per_block < config.effect.channels { 1.0 } else { 0.0 }
                    } else {
                        uniform
                    }
                })
                .collect();
            vars.insert(name, Var::from_tensor(&Tensor::from_vec(values, shape, device)?)?);
        }
        Ok(Self { config, controls, vars, device: device.clone() })
    }

    /// The weight of that name.
    fn var(&self, name: &str) -> Result<&Tensor> {
        self.vars
            .get(name)
            .map(|v| v.as_tensor())
            .ok_or_else(|| candle_core::Error::Msg(format!("tensor `{name}` does not belong to this configuration")))
    }

    fn linear(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.var(&format!("{name}.weight"))?.t()?)?.broadcast_add(self.var(&format!("{name}.bias"))?)
    }

    /// Modulation of the oscillator, `[batch, frames, outputs]`, from the LFO's phase at each frame in turns
    /// `[batch][frames]` and the controls in -1..1 `[batch][controls]`.
    pub fn oscillator(&self, phases_turns: &[Vec<f64>], controls: &[Vec<f32>]) -> Result<Tensor> {
        let ModulationConfig::Oscillator { harmonics, hidden } = &self.config.modulation else {
            candle_core::bail!("this model's modulation is recurrent: ask `recurrent` for it");
        };
        let inputs = 2 * harmonics + self.controls;
        let mut features = Vec::new();
        for (phases, controls) in phases_turns.iter().zip(controls) {
            for phase in phases {
                for m in 1..=*harmonics {
                    let turns = (m as f64 * phase.rem_euclid(1.0)).rem_euclid(1.0);
                    let (sin, cos) = (turns * TAU).sin_cos();
                    features.extend([cos as f32, sin as f32]);
                }
                features.extend_from_slice(controls);
            }
        }
        let (batch, frames) = (phases_turns.len(), phases_turns[0].len());
        let mut x = Tensor::from_vec(features, (batch * frames, inputs), &self.device)?;
        for i in 0..hidden.len() {
            x = self.linear(&format!("modulation.mlp.{i}"), &x)?.tanh()?;
        }
        self.linear(&format!("modulation.mlp.{}", hidden.len()), &x)?.reshape((batch, frames, ()))
    }

    /// The audio path out of candle's own operations: `x` `[batch, receptive field + n]` and modulation `[batch, frames,
    /// outputs]` with frame m at sample 64 m of the window, to `[batch, n]`.
    pub fn effect(&self, x: &Tensor, modulation: &Tensor) -> Result<Tensor> {
        let config = &self.config.effect;
        let c = config.channels;
        let time = x.dim(1)?;
        let ramped = ramp(modulation, self.config.frame, time)?;
        let width = config.modulation_outputs() / config.blocks;
        let mut x = x.unsqueeze(1)?;
        let mut start = 0;
        for j in 0..config.blocks {
            let mut q = x.clone();
            for (i, dilation) in config.dilations.iter().enumerate() {
                let groups = if i == 0 { 1 } else { c };
                q = self.conv(&format!("effect.{j}.conv.{i}"), &q, *dilation, groups)?;
            }
            start += config.block_history();
            let n = q.dim(2)?;
            let mu = ramped.narrow(2, start, n)?.narrow(1, j * width, width)?;
            let mut v = (mu.narrow(1, 0, c)? * q)?;
            if config.shift {
                v = (v + mu.narrow(1, c, c)?)?;
            }
            let v = prelu(&v, self.var(&format!("effect.{j}.prelu.weight"))?)?;
            let residual =
                self.conv(&format!("effect.{j}.residual"), &x.narrow(2, config.block_history(), n)?, 1, 1)?;
            x = (v + residual)?;
        }
        self.conv("output", &x, 1, 1)?.squeeze(1)
    }

    /// A valid convolution as one product per tap. candle 0.11.1's own `conv1d` gives wrong gradients for batches of more
    /// than one window (measured by finite differences), so it is not used.
    fn conv(&self, name: &str, x: &Tensor, dilation: usize, groups: usize) -> Result<Tensor> {
        let weight = self.var(&format!("{name}.weight"))?;
        let taps = weight.dim(2)?;
        let time = x.dim(2)? - (taps - 1) * dilation;
        let mut y: Option<Tensor> = None;
        for tap in 0..taps {
            let x = x.narrow(2, tap * dilation, time)?.contiguous()?;
            let w = weight.narrow(2, tap, 1)?;
            let part = if groups > 1 {
                x.broadcast_mul(&w.reshape((1, (), 1))?)?
            } else {
                w.squeeze(2)?.unsqueeze(0)?.broadcast_matmul(&x)?
            };
            y = Some(match y {
                Some(y) => (y + part)?,
                None => part,
            });
        }
        let Some(y) = y else { candle_core::bail!("convolution `{name}` has no taps") };
        match self.vars.get(&format!("{name}.bias")) {
            Some(bias) => y.broadcast_add(&bias.as_tensor().reshape((1, (), 1))?),
            None => Ok(y),
        }
    }

    /// Modulation of the LSTMs over `frames` + 1 frames from a start angle in turns, `[1, frames + 1, outputs]`, for
    /// controls in -1..1. Gradients reach back over `window` frames; an unbounded graph of thousands of steps would overflow
    /// the stack when it is dropped.
    pub fn recurrent(&self, phase_turns: f64, controls: &[f32], frames: usize, window: usize) -> Result<Tensor> {
        let ModulationConfig::Lstm { channels: c, kernel, dilation, hidden: h, control_hidden } =
            &self.config.modulation
        else {
            candle_core::bail!("this model's modulation is an oscillator: ask `oscillator` for it");
        };
        let (blocks, frame, history) = (self.config.effect.blocks, self.config.frame, (kernel - 1) * dilation);
        let (sin, cos) = (phase_turns.rem_euclid(1.0) * TAU).sin_cos();
        let angle = Tensor::new(&[[cos as f32, sin as f32]], &self.device)?;
        let initial = self.linear("initial_state", &angle)?;
        let controls = Tensor::new(controls, &self.device)?.unsqueeze(0)?;
        // The signal between the blocks, preceded by what has stood still for ever.
        let mut signal = Tensor::zeros((1, 1, history + frames * frame), DType::F32, &self.device)?;
        let mut modulation = Vec::new();
        for j in 0..blocks {
            let name = |n: &str| format!("modulation.{j}.{n}");
            let v = prelu(&self.conv(&name("conv"), &signal, *dilation, 1)?, self.var(&name("prelu.weight"))?)?;
            let mut state = [
                initial.narrow(1, 2 * j * h, *h)?.contiguous()?,
                initial.narrow(1, (2 * j + 1) * h, *h)?.contiguous()?,
            ];
            let film = if self.controls == 0 {
                None
            } else {
                let mut x = controls.clone();
                for i in 0..control_hidden.len() {
                    x = self.linear(&name(&format!("control.{i}")), &x)?;
                    x = prelu(&x.unsqueeze(2)?, self.var(&name(&format!("control_prelu.{i}.weight")))?)?.squeeze(2)?;
                }
                Some(self.linear(&name(&format!("control.{}", control_hidden.len())), &x)?)
            };
            let mut outputs = vec![state[0].clone()];
            for m in 0..frames {
                let mut pooled = v.narrow(2, m * frame, frame)?.mean(2)?;
                if let Some(film) = &film {
                    pooled = ((film.narrow(1, 0, *c)? * pooled)? + film.narrow(1, *c, *c)?)?;
                }
                if m % window == 0 {
                    state = [state[0].detach(), state[1].detach()];
                }
                state = self.lstm_step(&name("lstm"), &pooled, &state, *h)?;
                outputs.push(state[0].clone());
            }
            let outputs = Tensor::cat(&outputs, 0)?;
            modulation.push(self.linear(&name("to_effect"), &outputs)?);
            if j + 1 < blocks {
                let nu = self.linear(&name("to_next"), &outputs)?.unsqueeze(0)?;
                let ramped = ramp(&nu, frame, frames * frame)?;
                let moving = ((ramped.narrow(1, 0, *c)? * &v)? + ramped.narrow(1, *c, *c)?)?;
                // Every input has stood still until the first sample, so what that sample gives has always been given.
                let steady = moving.narrow(2, 0, 1)?.expand((1, *c, history))?;
                signal = Tensor::cat(&[&steady, &moving], 2)?;
            }
        }
        Tensor::cat(&modulation, 1)?.unsqueeze(0)
    }

    /// One LSTM step, gates in PyTorch's order i, f, g, o; `[h, c]` to `[h, c]`, each `[1, hidden]`.
    fn lstm_step(&self, name: &str, x: &Tensor, [h, c]: &[Tensor; 2], hidden: usize) -> Result<[Tensor; 2]> {
        let product = |x: &Tensor, side: &str| -> Result<Tensor> {
            let weight = self.var(&format!("{name}.weight_{side}_l0"))?;
            x.matmul(&weight.t()?)?.broadcast_add(self.var(&format!("{name}.bias_{side}_l0"))?)
        };
        let gates = (product(x, "ih")? + product(h, "hh")?)?;
        let gate = |k: usize| gates.narrow(1, k * hidden, hidden);
        let sigmoid = |x: Tensor| (((x * 0.5)?.tanh()? * 0.5)? + 0.5)?.contiguous();
        let (i, f, g, o) = (sigmoid(gate(0)?)?, sigmoid(gate(1)?)?, gate(2)?.tanh()?, sigmoid(gate(3)?)?);
        let c = ((f * c)? + (i * g)?)?;
        let h = (o * c.tanh()?)?;
        Ok([h, c])
    }
}

/// `x` where positive, `slope x` elsewhere; `x` `[batch, channels, time]`, `slope` `[channels]`.
fn prelu(x: &Tensor, slope: &Tensor) -> Result<Tensor> {
    let positive = x.relu()?;
    &positive + (x - &positive)?.broadcast_mul(&slope.reshape((1, (), 1))?)?
}

/// Frames `[batch, frames, outputs]` to `[batch, outputs, time]` along straight lines, frame m at sample `frame` m.
fn ramp(frames: &Tensor, frame: usize, time: usize) -> Result<Tensor> {
    let (batch, count, outputs) = frames.dims3()?;
    let spans = time.div_ceil(frame);
    if count < spans + 1 {
        candle_core::bail!("{time} samples need {} frames of modulation, found {count}", spans + 1);
    }
    let share: Vec<f32> = (0..frame).map(|t| t as f32 / frame as f32).collect();
    let share = Tensor::new(share, frames.device())?.reshape((1, 1, frame, 1))?;
    let from = frames.narrow(1, 0, spans)?.unsqueeze(2)?;
    let to = frames.narrow(1, 1, spans)?.unsqueeze(2)?;
    let span = from.broadcast_add(&(&to - &from)?.broadcast_mul(&share)?)?;
    span.reshape((batch, spans * frame, outputs))?.narrow(1, 0, time)?.transpose(1, 2)?.contiguous()
}
