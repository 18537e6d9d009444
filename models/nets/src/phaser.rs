//! The phaser as a graph: SPTVMod's audio path under an oscillator or the paper's LSTMs (arXiv 2512.15313, figure 1).
//!
//! Tensor names and shapes are the model file's. Signals are `[batch, channels, time]`; convolutions are valid, so a
//! window of `receptive_field + n` samples gives `n`.
mod config;

use crate::lstm_fused::lstm;
use crate::mod_signal_fused::{Block, mod_signal};
use candle_core::{Device, Result, Tensor, Var};
pub use config::{Config, EffectConfig, Follower, ModulationConfig};
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// Where saturation starts in training: one over a level far above the sound's RMS of 0.1, so that the net begins nearly linear.
const LIMIT_START: f32 = 0.3;

/// Longest memory that an LSTM's unit starts with, in frames: a turn at 1 Hz.
const LONGEST_MEMORY: f32 = 700.0;

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
        let per_block = config.effect.channels * config.effect.modulation_parts();
        for (name, shape) in config.tensors(controls) {
            let count: usize = shape.iter().product();
            let fan_in: usize = shape[1..].iter().product::<usize>().max(1);
            let bound = 1.0 / (fan_in as f32).sqrt();
            let memory = match &config.modulation {
                ModulationConfig::Lstm { hidden, .. } if name.contains("lstm") => Some(*hidden),
                _ => None,
            };
            let bound = memory.map_or(bound, |hidden| 1.0 / (hidden as f32).sqrt());
            let is_head = name.contains(&last);
            let is_depthwise = name.starts_with("effect") && name.contains(".conv.") && !name.contains(".conv.0");
            let values: Vec<f32> = (0..count)
                .map(|i| {
                    let uniform = (rng.random::<f32>() * 2.0 - 1.0) * bound;
                    if name.contains("prelu") {
                        1.0
                    } else if name.contains("limit") {
                        LIMIT_START
                    } else if is_depthwise && name.ends_with("weight") {
                        let newest = i % config.effect.kernel == config.effect.kernel - 1;
                        let normal = (-2.0 * rng.random::<f32>().max(1e-12).ln()).sqrt()
                            * (TAU as f32 * rng.random::<f32>()).cos();
                        0.2 * bound * normal + if newest { 1.0 } else { 0.0 }
                    } else if let (Some(hidden), true) = (memory, name.ends_with("bias_hh_l0")) {
                        // Chrono initialisation (Tallec, Ollivier 2018): units remember from one frame to a slow turn of the LFO.
                        let remember = (1.0 + rng.random::<f32>() * LONGEST_MEMORY).ln();
                        match i / hidden {
                            0 => -remember,
                            1 => remember,
                            _ => uniform,
                        }
                    } else if !name.starts_with("modulation") && name.ends_with("bias") && !name.starts_with("initial")
                    {
                        // An offset on every quiet window would be all that the loss sees at first.
                        0.0
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

    /// The same weights, not copied, with another number of samples between two frames of the modulation.
    pub fn with_frame(&self, frame: usize) -> Self {
        let config = Config { frame, ..self.config.clone() };
        Self { config, controls: self.controls, vars: self.vars.clone(), device: self.device.clone() }
    }

    /// The same net for sounds `gain` times as loud, weights copied: it plays `gain f(x / gain)`. Only what saturates or hears
    /// the level knows loud from quiet.
    pub fn louder(&self, gain: f32) -> Result<Self> {
        if self.config.effect.bias || self.config.effect.shift {
            candle_core::bail!("biases and shifts are levels too: expected a net without");
        }
        let mut config = self.config.clone();
        if let Some(follower) = &mut config.effect.follower {
            follower.knee *= gain * gain;
            follower.loudest *= gain * gain;
        }
        let vars = self.vars.iter().map(|(name, var)| {
            let by = if name.contains(".limit.") { f64::from(gain.recip()) } else { 1.0 };
            Ok((name.clone(), Var::from_tensor(&(var.as_tensor() * by)?)?))
        });
        Ok(Self { config, controls: self.controls, vars: vars.collect::<Result<_>>()?, device: self.device.clone() })
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
        let features = Tensor::from_vec(features, (batch * frames, inputs), &self.device)?;
        self.waveshaper(&features, hidden.len())?.reshape((batch, frames, ()))
    }

    /// Modulation of the oscillator with a gradient by phase and rate, `[batch, frames, outputs]`: `start` `[batch, 2]` holds
    /// cosine and sine of the phase at the first frame, `turns_per_frame` `[1]` the LFO's rate, `controls` as above.
    pub fn oscillator_from(
        &self,
        start: &Tensor,
        turns_per_frame: &Tensor,
        controls: &[Vec<f32>],
        frames: usize,
    ) -> Result<Tensor> {
        let ModulationConfig::Oscillator { harmonics, hidden } = &self.config.modulation else {
            candle_core::bail!("this model's modulation is recurrent: ask `recurrent` for it");
        };
        let batch = start.dim(0)?;
        let (cos, sin) = (start.narrow(1, 0, 1)?, start.narrow(1, 1, 1)?);
        // exp(i m start) by repeated multiplication.
        let (mut cos_m, mut sin_m) = (cos.clone(), sin.clone());
        let mut features = Vec::new();
        for m in 1..=*harmonics {
            let steps: Vec<f32> = (0..frames).map(|frame| (TAU * (m * frame) as f64) as f32).collect();
            let angle = Tensor::from_vec(steps, (1, frames), &self.device)?.broadcast_mul(turns_per_frame)?;
            let (cos_t, sin_t) = (angle.cos()?, angle.sin()?);
            features.push((cos_m.broadcast_mul(&cos_t)? - sin_m.broadcast_mul(&sin_t)?)?);
            features.push((sin_m.broadcast_mul(&cos_t)? + cos_m.broadcast_mul(&sin_t)?)?);
            (cos_m, sin_m) = (((&cos_m * &cos)? - (&sin_m * &sin)?)?, ((&sin_m * &cos)? + (&cos_m * &sin)?)?);
        }
        let mut x = Tensor::stack(&features, 2)?;
        if self.controls > 0 {
            let seen = Tensor::from_vec(controls.concat(), (batch, 1, self.controls), &self.device)?;
            x = Tensor::cat(&[&x, &seen.expand((batch, frames, self.controls))?], 2)?;
        }
        self.waveshaper(&x.reshape((batch * frames, ()))?, hidden.len())?.reshape((batch, frames, ()))
    }

    /// The oscillator's fully connected layers, `[rows, inputs]` to `[rows, outputs]`.
    fn waveshaper(&self, features: &Tensor, hidden_layers: usize) -> Result<Tensor> {
        let mut x = features.clone();
        for i in 0..hidden_layers {
            x = self.linear(&format!("modulation.mlp.{i}"), &x)?.tanh()?;
        }
        self.linear(&format!("modulation.mlp.{hidden_layers}"), &x)
    }

    /// The audio path out of candle's own operations: `x` `[batch, receptive field + n]` and modulation `[batch, frames,
    /// outputs]` with frame m at sample 64 m of the window, to `[batch, n]`.
    pub fn effect(&self, x: &Tensor, modulation: &Tensor) -> Result<Tensor> {
        let config = &self.config.effect;
        let c = config.channels;
        let time = x.dim(1)?;
        let ramped = ramp(modulation, self.config.frame, time)?;
        let width = config.modulation_outputs() / config.blocks;
        let levels = config.follower.map(|follower| levels(&follower, x)).transpose()?;
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
            let mut gain = mu.narrow(1, 0, c)?;
            if let Some(levels) = &levels {
                let swing = mu.narrow(1, width - c, c)?;
                gain = (gain + swing.broadcast_mul(&levels.narrow(2, start, n)?)?)?;
            }
            let mut v = (gain * q)?;
            if config.shift {
                v = (v + mu.narrow(1, c, c)?)?;
            }
            if config.limit {
                let root = v.broadcast_mul(&self.var(&format!("effect.{j}.limit.weight"))?.reshape((1, (), 1))?)?;
                v = (&v / (root.sqr()? + 1.0)?.sqrt()?)?;
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

    /// Start states `[batch, blocks x 2 hidden]`, h then c of each LSTM, from angles in turns (the paper's `angle` mode).
    pub fn states_at(&self, phases_turns: &[f64]) -> Result<Tensor> {
        let angles: Vec<f32> = phases_turns
            .iter()
            .flat_map(|turns| {
                let (sin, cos) = (turns.rem_euclid(1.0) * TAU).sin_cos();
                [cos as f32, sin as f32]
            })
            .collect();
        self.linear("initial_state", &Tensor::from_vec(angles, (phases_turns.len(), 2), &self.device)?)
    }

    /// Modulation of the LSTMs over `frames` + 1 frames from start states, `[batch, frames + 1, outputs]`, and the states they
    /// pass through, `[batch, frames + 1, blocks x 2 hidden]`, for controls in -1..1 `[batch][controls]`. Gradients reach back
    /// over at most `truncate` frames.
    pub fn recurrent(
        &self,
        states: &Tensor,
        controls: &[Vec<f32>],
        frames: usize,
        truncate: usize,
    ) -> Result<(Tensor, Tensor)> {
        let ModulationConfig::Lstm { channels: c, dilation, hidden: h, control_hidden, .. } = &self.config.modulation
        else {
            candle_core::bail!("this model's modulation is an oscillator: ask `oscillator` for it");
        };
        let (blocks, frame) = (self.config.effect.blocks, self.config.frame);
        let batch = states.dim(0)?;
        let seen = Tensor::from_vec(controls.concat(), (batch, self.controls), &self.device)?;
        let (mut modulation, mut passed) = (Vec::new(), Vec::new());
        // A block's signal and its means over the frames. The first block hears nothing, so its signal stands still.
        let bias = self.var("modulation.0.conv.bias")?;
        let still = bend(bias, self.var("modulation.0.prelu.weight")?)?.reshape((1, 1, ()))?;
        let mut signal = still.repeat((batch, 1, 1))?;
        let mut means = still.repeat((batch, frames, 1))?;
        for j in 0..blocks {
            let name = |n: &str| format!("modulation.{j}.{n}");
            let slopes = |n: &str| self.var(&name(&format!("{n}.weight")));
            let mut pooled = means.clone();
            if self.controls > 0 {
                let mut x = seen.clone();
                for i in 0..control_hidden.len() {
                    x = self.linear(&name(&format!("control.{i}")), &x)?;
                    x = bend(&x, slopes(&format!("control_prelu.{i}"))?)?;
                }
                let film = self.linear(&name(&format!("control.{}", control_hidden.len())), &x)?.unsqueeze(1)?;
                pooled = pooled.broadcast_mul(&film.narrow(2, 0, *c)?)?.broadcast_add(&film.narrow(2, *c, *c)?)?;
            }
            let sums = self.sums(&name("lstm"), &pooled)?;
            let start = states.narrow(1, 2 * j * h, 2 * h)?;
            let through = lstm(&sums, &start, self.var(&name("lstm.weight_hh_l0"))?, truncate)?;
            let flat = through.narrow(2, 0, *h)?.reshape((batch * (frames + 1), *h))?;
            passed.push(through);
            let frames_of = |x: Tensor| x.reshape((batch, frames + 1, ()));
            modulation.push(frames_of(self.linear(&name("to_effect"), &flat)?)?);
            if j + 1 < blocks {
                let nu = frames_of(self.linear(&name("to_next"), &flat)?)?;
                let next = |n: &str| self.var(&format!("modulation.{}.{n}", j + 1));
                let (weight, bias, slope) = (next("conv.weight")?, next("conv.bias")?, next("prelu.weight")?);
                let block = Block { weight, bias, slope, dilation: *dilation };
                (signal, means) = mod_signal(&nu, &signal, &block, frame)?;
            }
        }
        Ok((Tensor::cat(&modulation, 2)?, Tensor::cat(&passed, 2)?))
    }

    /// What an LSTM's gates sum up without the recurrent part, `[batch, frames, inputs]` to `[batch, frames, 4 hidden]`.
    fn sums(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let (batch, frames, inputs) = x.dims3()?;
        let weight = self.var(&format!("{name}.weight_ih_l0"))?;
        let bias = (self.var(&format!("{name}.bias_ih_l0"))? + self.var(&format!("{name}.bias_hh_l0"))?)?;
        let sums = x.reshape((batch * frames, inputs))?.matmul(&weight.t()?)?.broadcast_add(&bias)?;
        sums.reshape((batch, frames, ()))
    }
}

/// `x` where positive, `slope x` elsewhere; `x` `[batch, channels, time]`, `slope` `[channels]`.
pub(crate) fn prelu(x: &Tensor, slope: &Tensor) -> Result<Tensor> {
    bend(x, &slope.reshape((1, (), 1))?)
}

/// The same along the last axis.
pub(crate) fn bend(x: &Tensor, slope: &Tensor) -> Result<Tensor> {
    let positive = x.relu()?;
    &positive + (x - &positive)?.broadcast_mul(slope)?
}

/// What a follower hears of windows `[batch, time]`, `[batch, 1, time]`.
fn levels(follower: &Follower, x: &Tensor) -> Result<Tensor> {
    let heard: Vec<f32> = x.to_vec2::<f32>()?.iter().flat_map(|x| follower.levels(x)).collect();
    Tensor::from_vec(heard, (x.dim(0)?, 1, x.dim(1)?), x.device())
}

/// Frames `[batch, frames, outputs]` to `[batch, outputs, time]` along straight lines, frame m at sample `frame` m.
fn ramp(frames: &Tensor, frame: usize, time: usize) -> Result<Tensor> {
    let (count, spans) = (frames.dim(1)?, time.div_ceil(frame));
    if count < spans + 1 {
        candle_core::bail!("{time} samples need {} frames of modulation, found {count}", spans + 1);
    }
    let (batch, outputs) = (frames.dim(0)?, frames.dim(2)?);
    let share: Vec<f32> = (0..frame).map(|t| t as f32 / frame as f32).collect();
    let share = Tensor::new(share, frames.device())?.reshape((1, 1, frame, 1))?;
    let from = frames.narrow(1, 0, spans)?.unsqueeze(2)?;
    let to = frames.narrow(1, 1, spans)?.unsqueeze(2)?;
    let span = from.broadcast_add(&(&to - &from)?.broadcast_mul(&share)?)?;
    span.reshape((batch, spans * frame, outputs))?.narrow(1, 0, time)?.transpose(1, 2)?.contiguous()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_louder_net_plays_a_louder_sound_as_the_net_plays_the_sound() -> Result<()> {
        let mut config = Config::default();
        config.effect.limit = true;
        config.effect.follower = Some(Follower { samples: 8.0, knee: 0.1, loudest: 0.5 });
        config.effect.dilations = vec![1, 2];
        let net = Net::new(config, 0, 5, &Device::Cpu)?;
        let wave: Vec<f32> = (0..300).map(|t| (0.37 * t as f32).sin()).collect();
        let x = Tensor::from_vec(wave, (1, 300), &Device::Cpu)?;
        let play = |net: &Net, x: &Tensor| -> Result<Vec<f32>> {
            let modulation = net.oscillator(&[vec![0.3; 6]], &[vec![]])?;
            net.effect_fused(x, &modulation)?.flatten_all()?.to_vec1()
        };
        let (quiet, loud) = (play(&net, &x)?, play(&net.louder(20.0)?, &(&x * 20.0)?)?);
        for (q, l) in quiet.iter().zip(&loud) {
            assert!((20.0 * q - l).abs() < 1e-4, "{l} against {}", 20.0 * q);
        }
        let linear = play(&net, &(&x * 20.0)?)?;
        assert!(linear.iter().zip(&loud).any(|(a, b)| (a - b).abs() > 1.0), "the net must know the level");
        Ok(())
    }

    #[test]
    fn the_oscillator_with_a_gradient_gives_the_exact_ones_modulation() -> Result<()> {
        let net = Net::new(Config::default(), 1, 5, &Device::Cpu)?;
        let (starts, step, frames) = ([0.1f64, 0.83], 0.0031f64, 40);
        let phases: Vec<Vec<f64>> =
            starts.iter().map(|start| (0..frames).map(|m| start + m as f64 * step).collect()).collect();
        let controls = [vec![0.3f32], vec![-0.7]];
        let exact = net.oscillator(&phases, &controls)?.flatten_all()?.to_vec1::<f32>()?;
        let units: Vec<f32> = starts.iter().flat_map(|t| [(t * TAU).cos() as f32, (t * TAU).sin() as f32]).collect();
        let start = Var::from_tensor(&Tensor::from_vec(units, (2, 2), &Device::Cpu)?)?;
        let rate = Var::from_tensor(&Tensor::new(&[step as f32], &Device::Cpu)?)?;
        let found = net.oscillator_from(start.as_tensor(), rate.as_tensor(), &controls, frames)?;
        for (f, e) in found.flatten_all()?.to_vec1::<f32>()?.iter().zip(&exact) {
            assert!((f - e).abs() < 1e-4, "{f} against {e}");
        }
        let grads = found.sqr()?.sum_all()?.backward()?;
        for var in [&start, &rate] {
            assert!(grads.get(var.as_tensor()).unwrap().sqr()?.sum_all()?.to_scalar::<f32>()? > 0.0);
        }
        Ok(())
    }
}
