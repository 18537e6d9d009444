//! The paper's modulation: three ModBlocks of convolution, pooling, FiLM and LSTM that run on no input at all.
//!
//! ```text
//! v  = PReLU(Conv(s))                 audio rate; s = 0 for the first block
//! p  = a(controls) mean(v) + b        once a frame
//! h  = LSTM(p)                        once a frame, ramped from the last frame's
//! mu = Linear(h)                      -> FiLM of the audio path
//! s' = nu_a v + nu_b,  nu = Linear(h) -> the next ModBlock
//! ```
//! What the input does not drive, the start state decides: it comes from an angle, `h0 = Linear([cos, sin])`. The signal
//! between the blocks is known a frame ahead, because nothing in it waits for audio.
use super::config::{Config, ModulationConfig};
use crate::arch::{Arch, Bend, FilmEnd, FilmRamp, LANES, Lanes, flat, flat_mut, padded, panels};
use crate::checkpoint::{Checkpoint, LoadError};
use crate::nn::conv1d::{Conv1d, Kind};
use crate::nn::line::Line;
use crate::nn::linear::{Linear, prelu};
use crate::nn::lstm::{Lstm, LstmState};
use std::f64::consts::TAU;

/// Fully connected layers with PReLU between them: controls to the FiLM of the pooled signal.
#[derive(Debug)]
struct ControlFilm {
    layers: Vec<Linear>,
    /// Slopes after each hidden layer.
    slopes: Vec<Vec<f32>>,
}

/// One ModBlock's weights.
#[derive(Debug)]
struct ModBlock {
    conv: Conv1d,
    /// PReLU slope of each channel, `[panels]`.
    slope: Vec<Lanes>,
    /// None in a model without controls.
    control: Option<ControlFilm>,
    lstm: Lstm,
    to_effect: Linear,
    /// None in the last block.
    to_next: Option<Linear>,
}

/// Weights of the recurrent modulation path.
#[derive(Debug)]
pub struct Recurrent {
    blocks: Vec<ModBlock>,
    initial_state: Linear,
    hidden: usize,
    /// Samples of a frame.
    frame: usize,
    /// Channels of the convolutions.
    channels: usize,
    /// Groups of sixteen that they take.
    panels: usize,
    /// One in every channel, `[panels]`: a gain or a slope that changes nothing.
    ones: Vec<Lanes>,
}

/// One ModBlock's memory.
#[derive(Clone, Debug)]
struct ModBlockState {
    /// What the block reads: the signal of the block before, `[frame][panels]` and the convolution's past.
    input: Line<Lanes>,
    lstm: LstmState,
    /// Gain and shift towards the next block at the end of the last frame, `[gain, shift][panels]`.
    next_from: Vec<Lanes>,
    /// The same at the end of this frame.
    next_to: Vec<Lanes>,
}

/// One channel's memory.
#[derive(Clone, Debug)]
pub struct RecurrentState {
    blocks: Vec<ModBlockState>,
    /// Audio-rate output of a block's convolution, `[frame][panels]`.
    q: Vec<Lanes>,
    /// The same after the PReLU.
    v: Vec<Lanes>,
    /// What `v` of the first block is for ever, since nothing comes in there, `[panels]`.
    still: Vec<Lanes>,
    /// Mean of `v` over the frame, `[panels]`.
    pooled: Vec<Lanes>,
    /// FiLM of the pooled signal, `[gain, shift][panels]`.
    film: Vec<Lanes>,
    /// Between the layers of the control network, `[widest]` each.
    hidden: [Vec<Lanes>; 2],
    /// Start states of all blocks, h then c of each.
    initial: Vec<Lanes>,
    /// What a block has read for ever before the start, `[panels]`.
    steady: Vec<Lanes>,
}

/// Rows of a matrix that gives `parts` vectors of `width`, each padded to whole groups.
fn padded_rows(parts: usize, width: usize) -> Vec<Option<usize>> {
    let padded = panels(width) * LANES;
    (0..parts * padded).map(|n| (n % padded < width).then_some(n / padded * width + n % padded)).collect()
}

fn load_padded(
    file: &Checkpoint,
    prefix: &str,
    inputs: usize,
    parts: usize,
    width: usize,
) -> Result<Linear, LoadError> {
    let weight = file.tensor(&format!("{prefix}.weight"), &[parts * width, inputs])?;
    let bias = file.tensor(&format!("{prefix}.bias"), &[parts * width])?;
    Ok(Linear::from_permuted(&weight, &bias, inputs, &padded_rows(parts, width)))
}

impl Recurrent {
    /// Reads `modulation.{j}.*` and `initial_state`; `controls` numbers steer the FiLM.
    pub fn load(file: &Checkpoint, config: &Config, controls: usize) -> Result<Option<Self>, LoadError> {
        let ModulationConfig::Lstm { channels, kernel, dilation, hidden, control_hidden } = &config.modulation else {
            return Ok(None);
        };
        let (c, h) = (*channels, *hidden);
        let effect = &config.effect;
        let blocks = (0..effect.blocks)
            .map(|j| {
                let prefix = |name: &str| format!("modulation.{j}.{name}");
                let inputs = if j == 0 { 1 } else { c };
                let control = if controls == 0 {
                    None
                } else {
                    let mut width = controls;
                    let (mut layers, mut slopes) = (Vec::new(), Vec::new());
                    for (i, next) in control_hidden.iter().enumerate() {
                        layers.push(Linear::load(file, &prefix(&format!("control.{i}")), width, *next)?);
                        slopes.push(file.tensor(&prefix(&format!("control_prelu.{i}.weight")), &[*next])?);
                        width = *next;
                    }
                    layers.push(load_padded(file, &prefix(&format!("control.{}", control_hidden.len())), width, 2, c)?);
                    Some(ControlFilm { layers, slopes })
                };
                Ok(ModBlock {
                    conv: Conv1d::load(file, &prefix("conv"), Kind::Full, [inputs, c, *kernel], *dilation, true)?,
                    slope: padded(&file.tensor(&prefix("prelu.weight"), &[c])?),
                    control,
                    lstm: Lstm::load(file, &prefix("lstm"), c, h)?,
                    to_effect: load_padded(file, &prefix("to_effect"), h, effect.modulation_parts(), effect.channels)?,
                    to_next: if j + 1 < effect.blocks {
                        Some(load_padded(file, &prefix("to_next"), h, 2, c)?)
                    } else {
                        None
                    },
                })
            })
            .collect::<Result<_, _>>()?;
        let initial_state = Linear::load(file, "initial_state", 2, effect.blocks * 2 * h)?;
        let ones = padded(&vec![1.0; c]);
        Ok(Some(Self { blocks, initial_state, hidden: h, frame: config.frame, channels: c, panels: panels(c), ones }))
    }

    /// Groups of sixteen that one frame of modulation takes.
    pub fn panels(&self) -> usize {
        self.blocks.iter().map(|b| b.to_effect.panels()).sum()
    }

    /// Allocates; [`Self::start`] must come before the first frame.
    pub fn state(&self) -> RecurrentState {
        let zeros = |n| vec![Lanes::ZERO; n];
        let widest = self
            .blocks
            .iter()
            .filter_map(|b| b.control.as_ref())
            .flat_map(|c| c.layers.iter().map(Linear::panels))
            .max()
            .unwrap_or(0);
        RecurrentState {
            blocks: self
                .blocks
                .iter()
                .map(|b| ModBlockState {
                    input: Line::new(self.panels, b.conv.history(), Lanes::ZERO),
                    lstm: b.lstm.state(),
                    next_from: zeros(2 * self.panels),
                    next_to: zeros(2 * self.panels),
                })
                .collect(),
            q: zeros(self.frame * self.panels),
            v: zeros(self.frame * self.panels),
            still: zeros(self.panels),
            pooled: zeros(self.panels),
            film: zeros(2 * self.panels),
            hidden: [zeros(widest), zeros(widest)],
            initial: zeros(self.initial_state.panels()),
            steady: zeros(self.panels),
        }
    }

    /// Starts at an angle in turns and gives the modulation there: everything has stood still before; real time.
    pub fn start(&self, arch: &Arch, state: &mut RecurrentState, phase_turns: f64, modulation: &mut [Lanes]) {
        let (sin, cos) = (phase_turns.rem_euclid(1.0) * TAU).sin_cos();
        self.initial_state.apply(arch, &[cos as f32, sin as f32], &mut state.initial);
        let memories = flat(&state.initial).chunks_exact(2 * self.hidden);
        let mut modulation = modulation.iter_mut();
        state.steady.fill(Lanes::ZERO);
        for (j, ((block, now), memory)) in self.blocks.iter().zip(&mut state.blocks).zip(memories).enumerate() {
            let (h, c) = memory.split_at(self.hidden);
            now.lstm.set(h, c);
            block.to_effect.apply(arch, h, take(&mut modulation, block.to_effect.panels()));
            now.input.fill(&state.steady);
            now.input.extend(1).copy_from_slice(&state.steady);
            let (q, v) = (&mut state.q[..self.panels], &mut state.v[..self.panels]);
            block.conv.process(arch, now.input.window(1), q);
            self.bend(arch, v, q, &block.slope);
            if j == 0 {
                state.still.copy_from_slice(v);
            }
            if let Some(to_next) = &block.to_next {
                to_next.apply(arch, h, &mut now.next_to);
                let (gain, shift) = now.next_to.split_at(self.panels);
                for (p, steady) in state.steady.iter_mut().enumerate() {
                    for l in 0..LANES {
                        steady.0[l] = gain[p].0[l] * v[p].0[l] + shift[p].0[l];
                    }
                }
            }
        }
    }

    /// Advances by one frame and gives the modulation at its end, for controls that the network sees in -1..1; real time.
    pub fn frame(&self, arch: &Arch, state: &mut RecurrentState, controls: &[f32], modulation: &mut [Lanes]) {
        let mut modulation = modulation.iter_mut();
        for (j, block) in self.blocks.iter().enumerate() {
            let (done, rest) = state.blocks.split_at_mut(j + 1);
            let now = &mut done[j];
            let v = &mut state.v[..];
            if j == 0 {
                v.chunks_exact_mut(self.panels).for_each(|v| v.copy_from_slice(&state.still));
                state.pooled.copy_from_slice(&state.still);
            } else {
                block.conv.process(arch, now.input.window(self.frame), &mut state.q);
                self.bend(arch, v, &state.q, &block.slope);
                mean(v, &mut state.pooled);
            }
            if let Some(control) = &block.control {
                control.apply(arch, &mut state.hidden, controls, &mut state.film);
                let (gain, shift) = state.film.split_at(self.panels);
                for (p, pooled) in state.pooled.iter_mut().enumerate() {
                    for l in 0..LANES {
                        pooled.0[l] = gain[p].0[l] * pooled.0[l] + shift[p].0[l];
                    }
                }
            }
            block.lstm.step(arch, &mut now.lstm, &flat(&state.pooled)[..self.channels]);
            let h = &now.lstm.h()[..self.hidden];
            block.to_effect.apply(arch, h, take(&mut modulation, block.to_effect.panels()));
            if let (Some(to_next), Some(next)) = (&block.to_next, rest.first_mut()) {
                std::mem::swap(&mut now.next_from, &mut now.next_to);
                to_next.apply(arch, h, &mut now.next_to);
                let signal = next.input.extend(self.frame);
                let (from, to) = (self.end(&now.next_from), self.end(&now.next_to));
                self.film(arch, signal, v, &self.ones, [from, to]);
            }
        }
    }

    /// `v = PReLU(q)`, `[time][panels]`.
    fn bend(&self, arch: &Arch, v: &mut [Lanes], q: &[Lanes], slope: &[Lanes]) {
        let unmoved = FilmEnd { gain: &self.ones, shift: &[], swing: &[] };
        self.film(arch, v, q, slope, [unmoved; 2]);
    }

    /// `y = PReLU(a q + b)` with a and b ramped over the frame, `[time][panels]`.
    fn film(&self, arch: &Arch, y: &mut [Lanes], q: &[Lanes], slope: &[Lanes], [from, to]: [FilmEnd; 2]) {
        y.fill(Lanes::ZERO);
        let ramp = FilmRamp { from, to, levels: &[], first: 0, per_sample: 1.0 / self.frame as f32 };
        (arch.film)(y, q, &Bend { slope, curve: &[] }, &ramp);
    }

    /// `[gain, shift][panels]` as one end of a ramp.
    fn end<'a>(&self, film: &'a [Lanes]) -> FilmEnd<'a> {
        let (gain, shift) = film.split_at(self.panels);
        FilmEnd { gain, shift, swing: &[] }
    }
}

/// The next `count` items of a slice that is handed out in pieces.
fn take<'a, T>(rest: &mut std::slice::IterMut<'a, T>, count: usize) -> &'a mut [T] {
    let (head, tail) = std::mem::take(rest).into_slice().split_at_mut(count);
    *rest = tail.iter_mut();
    head
}

/// Mean over time of `[time][panels]`.
fn mean(v: &[Lanes], mean: &mut [Lanes]) {
    mean.fill(Lanes::ZERO);
    let scale = mean.len() as f32 / v.len() as f32;
    for frame in v.chunks_exact(mean.len()) {
        for (sum, x) in mean.iter_mut().zip(frame) {
            for l in 0..LANES {
                sum.0[l] += x.0[l];
            }
        }
    }
    for x in flat_mut(mean) {
        *x *= scale;
    }
}

impl ControlFilm {
    /// FiLM of the pooled signal for controls that the network sees in -1..1.
    fn apply(&self, arch: &Arch, [current, next]: &mut [Vec<Lanes>; 2], controls: &[f32], film: &mut [Lanes]) {
        let (mut x, mut y) = (current, next);
        for (i, (layer, slope)) in self.layers.iter().zip(&self.slopes).enumerate() {
            let out = &mut y[..layer.panels()];
            layer.apply(arch, if i == 0 { controls } else { &flat(x)[..layer.inputs()] }, out);
            prelu(flat_mut(out), slope);
            std::mem::swap(&mut x, &mut y);
        }
        let last = &self.layers[self.slopes.len()];
        last.apply(arch, if self.slopes.is_empty() { controls } else { &flat(x)[..last.inputs()] }, film);
    }
}
