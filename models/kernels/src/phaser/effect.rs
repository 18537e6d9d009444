//! SPTVMod's audio path: blocks of four convolutions, FiLM, PReLU and a residual, then one mix down (arXiv 2512.15313, figure 1).
//!
//! ```text
//! q   = DW(DW(DW(Conv(x))))                 dilations 1, 4, 16, 64 as the file says
//! x'  = PReLU(a(t) q + b(t)) + Conv1x1(x)   a, b: ramps between two frames of the modulation
//!                                           ours, if the file says so: a(t) + c(t) level(t) for a(t), c a ramp too;
//!                                           v / sqrt(1 + (r v)^2) before the PReLU
//! y   = Conv1x1(x''' of the last block)
//! ```
use super::config::EffectConfig;
use super::follower::{Follower, FollowerState};
use crate::arch::{Arch, Bend, FilmEnd, FilmRamp, LANES, Lanes, flat_mut, padded, panels};
use crate::checkpoint::{Checkpoint, LoadError};
use crate::nn::conv1d::{Conv1d, Kind};
use crate::nn::line::Line;

/// Longest run of samples that is computed at once.
pub const MAX_CHUNK: usize = 64;

/// One FXBlock's weights.
#[derive(Debug)]
struct Block {
    /// First convolution, from all inputs to all channels.
    conv: Conv1d,
    /// The depthwise ones after it, in order.
    depthwise: Vec<Conv1d>,
    /// PReLU slope of each channel, `[panels]`.
    slope: Vec<Lanes>,
    /// Square of each channel's `r` above, `[panels]`; empty without saturation.
    curve: Vec<Lanes>,
    /// 1x1 around the block.
    residual: Conv1d,
}

/// Weights of the audio path.
#[derive(Debug)]
pub struct Effect {
    blocks: Vec<Block>,
    /// Channels to the one output, `[panels]`.
    output: Vec<Lanes>,
    output_bias: f32,
    /// Groups of sixteen channels.
    panels: usize,
    /// Numbers of modulation of a channel.
    parts: usize,
    /// Does the FiLM shift as well as scale?
    shift: bool,
    /// What hears how loud the input is, if the gains change with it.
    follower: Option<Follower>,
}

/// One channel's past of every convolution.
#[derive(Clone, Debug)]
pub struct EffectState {
    /// Input of the first block, one channel.
    dry: Line<f32>,
    /// Inputs of the later blocks, only as long as their first convolution reaches back.
    inputs: Vec<Line<Lanes>>,
    /// Inputs of each block's depthwise convolutions, `[block][stage]`.
    stages: Vec<Vec<Line<Lanes>>>,
    follower: FollowerState,
    /// What the follower hears, `[MAX_CHUNK]`; empty without one.
    levels: Vec<f32>,
    /// Output of a block's convolutions, `[MAX_CHUNK][panels]`.
    q: Vec<Lanes>,
    /// Output of the last block, the same shape.
    sum: Vec<Lanes>,
}

/// Where in which frame a chunk lies, and the modulation at the frame's two ends.
pub struct Modulated<'a> {
    /// The modulation at the start of the frame, `[block][gain, shift, change of the gain with the level][panels]`.
    pub from: &'a [Lanes],
    /// The same at its end.
    pub to: &'a [Lanes],
    /// Sample of the frame that the chunk begins with.
    pub first: usize,
    /// One over the frame's length in samples.
    pub per_sample: f32,
}

impl Effect {
    /// Reads all tensors of the audio path.
    pub fn load(file: &Checkpoint, config: &EffectConfig) -> Result<Self, LoadError> {
        let (channels, kernel) = (config.channels, config.kernel);
        let blocks = (0..config.blocks)
            .map(|j| {
                let inputs = if j == 0 { 1 } else { channels };
                let kind = if j == 0 { Kind::Mono } else { Kind::Full };
                let conv = |name: &str, kind, inputs, taps, dilation| {
                    let prefix = format!("effect.{j}.{name}");
                    Conv1d::load(file, &prefix, kind, [inputs, channels, taps], dilation, config.bias)
                };
                let (first, rest) = config.dilations.split_first().unwrap_or((&1, &[]));
                let per_channel =
                    |name: &str| Ok(padded(&file.tensor(&format!("effect.{j}.{name}.weight"), &[channels])?));
                let slope = per_channel("prelu")?;
                let mut curve = if config.limit { per_channel("limit")? } else { Vec::new() };
                flat_mut(&mut curve).iter_mut().for_each(|r| *r *= *r);
                Ok(Block {
                    conv: conv("conv.0", kind, inputs, kernel, *first)?,
                    depthwise: rest
                        .iter()
                        .enumerate()
                        .map(|(i, d)| conv(&format!("conv.{}", i + 1), Kind::Depthwise, channels, kernel, *d))
                        .collect::<Result<_, _>>()?,
                    slope,
                    curve,
                    residual: conv("residual", kind, inputs, 1, 1)?,
                })
            })
            .collect::<Result<_, _>>()?;
        let output = padded(&file.tensor("output.weight", &[1, channels, 1])?);
        let output_bias = if config.bias { file.tensor("output.bias", &[1])?[0] } else { 0.0 };
        Ok(Self {
            blocks,
            output,
            output_bias,
            panels: panels(channels),
            parts: config.modulation_parts(),
            shift: config.shift,
            follower: config.follower,
        })
    }

    /// Groups of sixteen that one frame of modulation takes, and the place of every row of the file's modulation head in it.
    pub fn modulation_rows(config: &EffectConfig) -> Vec<Option<usize>> {
        let padded = panels(config.channels) * LANES;
        let parts = config.blocks * config.modulation_parts();
        (0..parts * padded)
            .map(|n| {
                let (part, c) = (n / padded, n % padded);
                (c < config.channels).then_some(part * config.channels + c)
            })
            .collect()
    }

    /// Samples of the past that an output depends on.
    pub fn receptive_field(&self) -> usize {
        self.blocks.iter().map(|b| b.conv.history() + b.depthwise.iter().map(Conv1d::history).sum::<usize>()).sum()
    }

    /// Allocates a silent past.
    pub fn state(&self) -> EffectState {
        let line = |conv: &Conv1d| Line::new(self.panels, conv.history(), Lanes::ZERO);
        EffectState {
            dry: Line::new(1, self.blocks.first().map_or(0, |b| b.conv.history()), 0.0),
            inputs: self.blocks.iter().skip(1).map(|b| line(&b.conv)).collect(),
            stages: self.blocks.iter().map(|b| b.depthwise.iter().map(line).collect()).collect(),
            follower: FollowerState::default(),
            levels: vec![0.0; if self.follower.is_some() { MAX_CHUNK } else { 0 }],
            q: vec![Lanes::ZERO; MAX_CHUNK * self.panels],
            sum: vec![Lanes::ZERO; MAX_CHUNK * self.panels],
        }
    }

    /// Replaces at most [`MAX_CHUNK`] samples that lie within one frame; real time.
    pub fn process(&self, arch: &Arch, state: &mut EffectState, modulation: &Modulated, audio: &mut [f32]) {
        let n = audio.len();
        let panels = self.panels;
        let q = &mut state.q[..n * panels];
        state.dry.extend(n).copy_from_slice(audio);
        let mut levels = &mut state.levels[..0];
        if let Some(follower) = &self.follower {
            levels = &mut state.levels[..n];
            state.follower.hear(follower, audio, levels);
        }
        for (j, (block, stages)) in self.blocks.iter().zip(&mut state.stages).enumerate() {
            let (before, after) = state.inputs.split_at_mut(j);
            let input = before.last();
            match (stages.first_mut().map(|line| line.extend(n)), input) {
                (Some(y), None) => block.conv.process_mono(arch, state.dry.window(n), y),
                (Some(y), Some(input)) => block.conv.process(arch, input.window(n), y),
                (None, None) => block.conv.process_mono(arch, state.dry.window(n), q),
                (None, Some(input)) => block.conv.process(arch, input.window(n), q),
            }
            for (i, depthwise) in block.depthwise.iter().enumerate() {
                let (done, next) = stages.split_at_mut(i + 1);
                match next.first_mut() {
                    Some(next) => depthwise.process(arch, done[i].window(n), next.extend(n)),
                    None => depthwise.process(arch, done[i].window(n), q),
                }
            }
            let y = match after.first_mut() {
                Some(next) => next.extend(n),
                None => &mut state.sum[..n * panels],
            };
            match input {
                None => block.residual.process_mono(arch, state.dry.newest(n), y),
                Some(input) => block.residual.process(arch, input.newest(n), y),
            }
            let bend = Bend { slope: &block.slope, curve: &block.curve };
            (arch.film)(y, q, &bend, &self.ramp(modulation, j, levels));
        }
        (arch.mix_down)(audio, &state.sum[..n * panels], &self.output, self.output_bias);
    }

    fn ramp<'a>(&self, modulation: &Modulated<'a>, block: usize, levels: &'a [f32]) -> FilmRamp<'a> {
        let width = self.parts * self.panels;
        let of_block = |all: &'a [Lanes]| {
            let (gain, rest) = all[block * width..][..width].split_at(self.panels);
            let (shift, swing) = rest.split_at(if self.shift { self.panels } else { 0 });
            FilmEnd { gain, shift, swing }
        };
        FilmRamp {
            from: of_block(modulation.from),
            to: of_block(modulation.to),
            levels,
            first: modulation.first,
            per_sample: modulation.per_sample,
        }
    }
}

impl EffectState {
    /// Back to a silent past; does not allocate.
    pub fn reset(&mut self) {
        self.dry.fill(&[0.0]);
        self.follower.reset();
        let lines = self.inputs.iter_mut().chain(self.stages.iter_mut().flatten());
        for line in lines {
            line.clear(Lanes::ZERO);
        }
    }
}
