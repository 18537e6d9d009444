//! The phaser streamed by candle, block by block of 64, every convolution keeping its past, beside the engine.
//!
//! candle has no convolution that keeps its past, so each input is put behind its past by `cat`. The full convolutions and all
//! 1x1 are candle's `conv1d` and `matmul`. For the depthwise ones, which its `conv1d` takes channel by channel, three forms are
//! measured and the quickest counts. Both players must give the same samples within [`TOLERANCE`] before anything is timed.
use candle_core::{D, Device, Result, Tensor};
use kernels::nn::naive::noise;
use kernels::phaser::{Controls, Engine, Phaser};
use nets::phaser::{Config, ModulationConfig, Net};
use std::collections::HashMap;
use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Instant;
use training::card::Card;
use training::phaser::train::export;

/// Samples of a block and of a frame of modulation.
const BLOCK: usize = 64;
/// Blocks of one measurement, and measurements of each row; the best one counts.
const BLOCKS: usize = 32;
const ROUNDS: usize = 100;
/// Largest difference between the two players, of full scale.
const TOLERANCE: f32 = 1e-4;
/// Blocks that are compared: a second and a half.
const COMPARED: usize = 1024;
const SAMPLE_RATE_HZ: f64 = 44_100.0;

/// How candle is asked for a depthwise convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Depthwise {
    /// One product for each tap.
    Taps,
    /// `conv1d` with a group for each channel.
    Groups,
    /// `conv1d` with a full matrix that is zero beside its diagonal.
    Diagonal,
}

/// What moves the audio path.
enum Modulation {
    Oscillator {
        turns: f64,
        turns_per_frame: f64,
        controls: Vec<f32>,
    },
    /// Output and cell of each LSTM, `[1, hidden]`, and gain and shift towards the next block, `[1, 2 channels]`.
    Lstm {
        memories: Vec<[Tensor; 2]>,
        next: Vec<Tensor>,
    },
}

/// A net and its past.
struct Stream {
    net: Net,
    weights: HashMap<String, Tensor>,
    pasts: HashMap<String, Tensor>,
    modulation: Modulation,
    /// Modulation at the start of the frame, `[all channels, 1]`.
    from: Tensor,
    /// 0 to 63 of 64, `[1, 64]`.
    share: Tensor,
    depthwise: Depthwise,
    /// Smoothed square of the input, for a follower.
    energy: f32,
}

impl Stream {
    fn new(bytes: &[u8], model: &Phaser, depthwise: Depthwise) -> Result<Self> {
        let net = export::read(bytes).expect("a net");
        let zeros = |shape: &[usize]| Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu);
        let (effect, mut weights, mut pasts) = (net.config.effect.clone(), HashMap::new(), HashMap::new());
        assert!(!effect.shift && !effect.bias, "the graph below knows the factory's audio path only");
        for (name, var) in &net.vars {
            let mut weight = var.as_tensor().detach();
            let is_depthwise = name.contains(".conv.") && name.starts_with("effect") && weight.dim(1)? == 1;
            if is_depthwise && !name.contains(".conv.0.") && depthwise == Depthwise::Diagonal {
                let diagonal = Tensor::eye(effect.channels, candle_core::DType::F32, &Device::Cpu)?.unsqueeze(2)?;
                weight = diagonal.broadcast_mul(&weight)?;
            }
            if weight.rank() == 2 {
                weight = weight.t()?.contiguous()?;
            }
            weights.insert(name.clone(), weight);
        }
        for j in 0..effect.blocks {
            for (i, dilation) in effect.dilations.iter().enumerate() {
                let inputs = if i == 0 && j == 0 { 1 } else { effect.channels };
                pasts.insert(format!("effect.{j}.conv.{i}"), zeros(&[1, inputs, (effect.kernel - 1) * dilation])?);
            }
        }
        let share: Vec<f32> = (0..BLOCK).map(|t| t as f32 / BLOCK as f32).collect();
        let info = model.info();
        let modulation = match &net.config.modulation {
            ModulationConfig::Oscillator { .. } => {
                let controls = info.controls.iter().map(|c| c.normalised(c.default)).collect();
                let rate_hz = f64::from(Controls::new(info).rate_hz);
                let turns_per_frame = rate_hz * BLOCK as f64 / SAMPLE_RATE_HZ;
                Modulation::Oscillator { turns: 0.0, turns_per_frame, controls }
            }
            ModulationConfig::Lstm { .. } => Modulation::Lstm { memories: Vec::new(), next: Vec::new() },
        };
        let share = Tensor::from_vec(share, (1, BLOCK), &Device::Cpu)?;
        let from = zeros(&[1, 1])?;
        let mut stream = Self { net, weights, pasts, modulation, from, share, depthwise, energy: 0.0 };
        stream.start()?;
        Ok(stream)
    }

    fn linear(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.weights[&format!("{name}.weight")])?.broadcast_add(&self.weights[&format!("{name}.bias")])
    }

    /// The modulation at sample 0, before which everything has stood still.
    fn start(&mut self) -> Result<()> {
        let ModulationConfig::Lstm { hidden, .. } = &self.net.config.modulation else {
            self.from = self.modulate()?;
            return Ok(());
        };
        let states = self.net.states_at(&[0.0])?.detach();
        let (mut memories, mut next, mut modulation) = (Vec::new(), Vec::new(), Vec::new());
        let blocks = self.net.config.effect.blocks;
        let mut steady: Option<Tensor> = None;
        for j in 0..blocks {
            let part = |k: usize| states.narrow(1, (2 * j + k) * hidden, *hidden)?.contiguous();
            let (h, c) = (part(0)?, part(1)?);
            modulation.push(self.linear(&format!("modulation.{j}.to_effect"), &h)?);
            let kernel = self.weights[&format!("modulation.{j}.conv.weight")].dim(2)?;
            let input = match &steady {
                None => Tensor::zeros((1, 1, kernel), candle_core::DType::F32, &Device::Cpu)?,
                Some(signal) => {
                    self.pasts.insert(format!("modulation.{j}.conv"), signal.repeat((1, 1, kernel - 1))?);
                    signal.repeat((1, 1, kernel))?
                }
            };
            if j + 1 < blocks {
                let v = self.mod_signal(j, &input)?;
                let nu = self.linear(&format!("modulation.{j}.to_next"), &h)?;
                let nu_parts = nu.chunk(2, 1)?;
                steady = Some((v * nu_parts[0].unsqueeze(2)?)?.add(&nu_parts[1].unsqueeze(2)?)?);
                next.push(nu);
            }
            memories.push([h, c]);
        }
        self.modulation = Modulation::Lstm { memories, next };
        self.from = Tensor::cat(&modulation, 1)?.t()?.contiguous()?;
        Ok(())
    }

    /// Convolution, bias and PReLU of a ModBlock.
    fn mod_signal(&self, j: usize, x: &Tensor) -> Result<Tensor> {
        let weight = |n: &str| &self.weights[&format!("modulation.{j}.{n}")];
        let v = x.conv1d(weight("conv.weight"), 0, 1, 1, 1)?;
        prelu(&v.broadcast_add(&weight("conv.bias").reshape((1, (), 1))?)?, weight("prelu.weight"))
    }

    /// Modulation at the next frame, `[all channels, 1]`.
    fn modulate(&mut self) -> Result<Tensor> {
        if let Modulation::Oscillator { turns, turns_per_frame, controls } = &mut self.modulation {
            let ModulationConfig::Oscillator { harmonics, hidden } = &self.net.config.modulation else {
                unreachable!()
            };
            let mut features: Vec<f32> = (1..=*harmonics)
                .flat_map(|m| [(TAU * m as f64 * *turns).cos() as f32, (TAU * m as f64 * *turns).sin() as f32])
                .collect();
            features.extend_from_slice(controls);
            *turns += *turns_per_frame;
            let (count, layers) = (features.len(), hidden.len());
            let mut x = Tensor::from_vec(features, (1, count), &Device::Cpu)?;
            for i in 0..layers {
                x = self.linear(&format!("modulation.mlp.{i}"), &x)?.tanh()?;
            }
            return self.linear(&format!("modulation.mlp.{layers}"), &x)?.t()?.contiguous();
        }
        let Modulation::Lstm { mut memories, mut next } =
            std::mem::replace(&mut self.modulation, Modulation::Lstm { memories: Vec::new(), next: Vec::new() })
        else {
            unreachable!()
        };
        let sigmoid = |x: &Tensor| ((x * 0.5)?.tanh()? * 0.5)? + 0.5;
        let (mut modulation, mut signal) = (Vec::new(), None);
        for j in 0..memories.len() {
            let name = |n: &str| format!("modulation.{j}.{n}");
            let x = match &signal {
                None => Tensor::zeros((1, 1, BLOCK + 2), candle_core::DType::F32, &Device::Cpu)?,
                Some(signal) => self.behind_past(&name("conv"), signal)?,
            };
            let v = self.mod_signal(j, &x)?;
            let [h, c] = &memories[j];
            let sums = v.mean(2)?.matmul(&self.weights[&name("lstm.weight_ih_l0")])?;
            let sums = (sums + h.matmul(&self.weights[&name("lstm.weight_hh_l0")])?)?;
            let bias = (&self.weights[&name("lstm.bias_ih_l0")] + &self.weights[&name("lstm.bias_hh_l0")])?;
            let gates = sums.broadcast_add(&bias)?.chunk(4, 1)?;
            let c = ((sigmoid(&gates[1])? * c)? + (sigmoid(&gates[0])? * gates[2].tanh()?)?)?;
            let h = (sigmoid(&gates[3])? * c.tanh()?)?;
            modulation.push(self.linear(&name("to_effect"), &h)?);
            if j + 1 < memories.len() {
                let nu = self.linear(&name("to_next"), &h)?;
                let ramp = self.ramp(&next[j].t()?, &nu.t()?)?.unsqueeze(0)?.chunk(2, 1)?;
                signal = Some(((v * &ramp[0])? + &ramp[1])?);
                next[j] = nu;
            }
            memories[j] = [h, c];
        }
        self.modulation = Modulation::Lstm { memories, next };
        Tensor::cat(&modulation, 1)?.t()?.contiguous()
    }

    /// Straight lines over a frame, `[rows, 1]` each, to `[rows, 64]`.
    fn ramp(&self, from: &Tensor, to: &Tensor) -> Result<Tensor> {
        (to - from)?.contiguous()?.matmul(&self.share)?.broadcast_add(from)
    }

    /// A block of 64 samples, `[1, 1, 64]`.
    fn block(&mut self, x: &Tensor) -> Result<Tensor> {
        let to = self.modulate()?;
        let gains = self.ramp(&self.from, &to)?;
        self.from = to;
        let effect = self.net.config.effect.clone();
        let levels = match &effect.follower {
            None => None,
            Some(follower) => {
                let mut hear = |x: f32| {
                    self.energy += ((x * x).min(follower.loudest) - self.energy) / follower.samples;
                    (1.0 + self.energy / follower.knee).ln()
                };
                let heard: Vec<f32> = x.flatten_all()?.to_vec1()?.into_iter().map(&mut hear).collect();
                Some(Tensor::from_vec(heard, (1, BLOCK), &Device::Cpu)?)
            }
        };
        let width = effect.modulation_parts() * effect.channels;
        let mut x = x.clone();
        for j in 0..effect.blocks {
            let mut q = x.clone();
            for (i, dilation) in effect.dilations.iter().enumerate() {
                let name = format!("effect.{j}.conv.{i}");
                q = self.behind_past(&name, &q)?;
                let weight = &self.weights[&format!("{name}.weight")];
                q = match self.depthwise {
                    _ if i == 0 => q.conv1d(weight, 0, 1, *dilation, 1)?,
                    Depthwise::Groups => q.conv1d(weight, 0, 1, *dilation, effect.channels)?,
                    Depthwise::Diagonal => q.conv1d(weight, 0, 1, *dilation, 1)?,
                    Depthwise::Taps => {
                        let tap = |k: usize| {
                            let w = weight.narrow(2, k, 1)?.transpose(0, 1)?;
                            q.narrow(2, k * dilation, BLOCK)?.broadcast_mul(&w)
                        };
                        (1..effect.kernel).try_fold(tap(0)?, |sum, k| sum + tap(k)?)?
                    }
                };
            }
            let mut gain = gains.narrow(0, j * width, effect.channels)?;
            if let Some(levels) = &levels {
                let swing = gains.narrow(0, (j + 1) * width - effect.channels, effect.channels)?;
                gain = (gain + swing.broadcast_mul(levels)?)?;
            }
            let mut v = (q * gain.unsqueeze(0)?)?;
            if let Some(limit) = self.weights.get(&format!("effect.{j}.limit.weight")) {
                let squared = v.broadcast_mul(&limit.reshape((1, (), 1))?)?.sqr()?;
                v = (v / (squared + 1.0)?.sqrt()?)?;
            }
            let v = prelu(&v, &self.weights[&format!("effect.{j}.prelu.weight")])?;
            let residual = self.weights[&format!("effect.{j}.residual.weight")].squeeze(2)?;
            x = (v + residual.matmul(&x.squeeze(0)?)?.unsqueeze(0)?)?;
        }
        self.weights["output.weight"].squeeze(2)?.matmul(&x.squeeze(0)?)
    }

    /// A convolution's input with its past before it, which becomes the end of it.
    fn behind_past(&mut self, name: &str, x: &Tensor) -> Result<Tensor> {
        let past = self.pasts.get_mut(name).expect("every convolution has a past");
        let kept = past.dim(D::Minus1)?;
        let whole = Tensor::cat(&[&*past, x], 2)?;
        *past = whole.narrow(2, whole.dim(2)? - kept, kept)?;
        Ok(whole)
    }
}

fn prelu(x: &Tensor, slope: &Tensor) -> Result<Tensor> {
    let positive = x.relu()?;
    &positive + (x - &positive)?.broadcast_mul(&slope.reshape((1, (), 1))?)?
}

/// Bytes of a model with the paper's LSTMs at their random start.
fn recurrent() -> Vec<u8> {
    let modulation =
        ModulationConfig::Lstm { channels: 15, kernel: 3, dilation: 1, hidden: 32, control_hidden: vec![] };
    let net = Net::new(Config { modulation, ..Config::default() }, 0, 1, &Device::Cpu).expect("a net");
    let card = Card {
        name: "Random".into(),
        author: "beside_candle".into(),
        license: "CC0-1.0".into(),
        description: String::new(),
        redistribute: true,
        sample_rate_hz: SAMPLE_RATE_HZ,
        controls: Vec::new(),
        training: serde_json::Value::Null,
    };
    export::bytes(&net, &card).expect("a file")
}

/// Compares, measures and prints one model.
fn beside(title: &str, bytes: &[u8]) -> Result<()> {
    let model = Arc::new(Phaser::load(bytes).expect("the model loads"));
    let controls = Controls::new(model.info());
    let mut engine = Engine::new(model.clone(), SAMPLE_RATE_HZ, 1).expect("44.1 kHz");
    let forms = [Depthwise::Taps, Depthwise::Groups, Depthwise::Diagonal];
    let mut streams = forms.map(|form| Stream::new(bytes, &model, form).expect("a graph"));
    let sound: Vec<f32> = noise(1, COMPARED * BLOCK).into_iter().map(|x| 0.3 * x).collect();
    let mut ours = sound.clone();
    ours.chunks_mut(BLOCK).for_each(|block| engine.process(&controls, &mut [block]));
    let blocks: Vec<Tensor> = sound
        .chunks(BLOCK)
        .map(|block| Tensor::from_slice(block, (1, 1, BLOCK), &Device::Cpu))
        .collect::<Result<_>>()?;
    let mut apart = 0.0f32;
    for stream in &mut streams {
        for (block, ours) in blocks.iter().zip(ours.chunks(BLOCK)) {
            let theirs = stream.block(block)?.flatten_all()?.to_vec1::<f32>()?;
            apart = theirs.iter().zip(ours).fold(apart, |worst, (a, b)| worst.max((a - b).abs()));
        }
    }
    assert!(apart < TOLERANCE, "{title}: candle's stream is {apart} of full scale away from the engine's");

    let (mut quickest, mut best) = (f64::INFINITY, [f64::INFINITY; 3]);
    let ns = |start: Instant| 1e9 * start.elapsed().as_secs_f64() / (BLOCKS * BLOCK) as f64;
    for _ in 0..ROUNDS {
        let mut audio = sound[..BLOCKS * BLOCK].to_vec();
        let start = Instant::now();
        audio.chunks_mut(BLOCK).for_each(|block| engine.process(&controls, &mut [block]));
        quickest = quickest.min(ns(start));
        for (stream, best) in streams.iter_mut().zip(&mut best) {
            let start = Instant::now();
            for block in &blocks[..BLOCKS] {
                stream.block(block)?;
            }
            *best = best.min(ns(start));
        }
    }
    let place = (0..forms.len()).min_by(|a, b| best[*a].total_cmp(&best[*b])).unwrap_or(0);
    println!(
        "{title:<50} {quickest:>8.1} ns   candle {:>8.0} ns   ratio {:>6.1}   ({:?}; {best:.0?} ns, within {apart:.0e})",
        best[place],
        best[place] / quickest,
        forms[place]
    );
    Ok(())
}

/// Both modulations.
pub fn run() -> Result<()> {
    let factory = include_bytes!("../../../../assets/models/phaser/small_stone.safetensors");
    beside("phaser, Small Stone double, a sample of blocks of 64", factory)?;
    beside("phaser with the paper's LSTMs, the same", &recurrent())
}
