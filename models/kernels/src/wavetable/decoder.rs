//! The network from controls to a period, which it gives as harmonics.
//!
//! Behind the last hidden layer everything is linear: the last layer, the de-normalisation, the sum around the circle, the
//! Fourier transform. So all of it is one matrix, made at load, and a period costs no transform and has no mean.
use super::config::{Config, Output};
use super::{MAX_CONTROLS, Wavetable};
use crate::arch::{Arch, Lanes, flat, flat_mut};
use crate::checkpoint::{Checkpoint, LoadError};
use crate::nn::linear::Linear;
use realfft::num_complex::{Complex32, Complex64};
use realfft::{RealFftPlanner, RealToComplex};
use std::f32::consts::PI;
use std::f64::consts::TAU;
use std::sync::Arc;

/// Bounds of a log gain; training sees -12 to 0, and the guard ends at 7.
const LOG_GAIN: [f32; 2] = [-20.0, 6.0];

/// Weights of the network.
#[derive(Debug)]
pub struct Decoder {
    /// Hidden layers, a ReLU behind each.
    hidden: Vec<Linear>,
    /// To real and imaginary parts of harmonic 1, 2, …, then the log gain.
    last: Linear,
    controls: usize,
    latents: usize,
    octaves: usize,
    harmonics: usize,
    gain: bool,
}

/// Values between the layers.
#[derive(Clone, Debug)]
pub struct DecoderState {
    /// What the first layer sees.
    features: Vec<f32>,
    /// Two buffers of the widest layer, `[panels]`.
    layers: [Vec<Lanes>; 2],
}

impl Decoder {
    /// Reads `decoder.{i}`, and `output.std` and `output.mean` where they are.
    pub fn load(file: &Checkpoint, config: &Config) -> Result<Self, LoadError> {
        let controls = file.info().controls.len();
        let mut inputs = config.inputs(controls);
        let mut hidden = Vec::new();
        for (i, width) in config.hidden.iter().enumerate() {
            hidden.push(Linear::load(file, &format!("decoder.{i}"), inputs, *width)?);
            inputs = *width;
        }
        let prefix = format!("decoder.{}", hidden.len());
        let weight = file.tensor(&format!("{prefix}.weight"), &[config.outputs(), inputs])?;
        let bias = file.tensor(&format!("{prefix}.bias"), &[config.outputs()])?;
        let optional = |name: &str, otherwise: f32| {
            if file.has(name) { file.tensor(name, &[config.period]) } else { Ok(vec![otherwise; config.period]) }
        };
        let (std, mean) = (optional("output.std", 1.0)?, optional("output.mean", 0.0)?);
        let fold = Fold::new(config, std, mean);
        Ok(Self {
            hidden,
            last: fold.layer(&weight, &bias, inputs),
            controls,
            latents: config.latents,
            octaves: config.octaves,
            harmonics: config.harmonics(),
            gain: config.gain,
        })
    }

    /// Harmonics of a period.
    pub fn harmonics(&self) -> usize {
        self.harmonics
    }

    /// Allocates what [`Self::decode`] needs.
    pub fn state(&self) -> DecoderState {
        let widest = self.hidden.iter().chain([&self.last]).map(Linear::panels).max().unwrap_or(0);
        let features = self.controls + 2 * self.octaves * (self.controls - self.latents);
        DecoderState { features: vec![0.0; features], layers: [vec![Lanes::ZERO; widest], vec![Lanes::ZERO; widest]] }
    }

    /// The harmonics of the period for controls as the network sees them; real time.
    pub fn decode(
        &self,
        arch: &Arch,
        state: &mut DecoderState,
        seen: &[f32; MAX_CONTROLS],
        harmonics: &mut [Complex32],
    ) {
        self.features(seen, &mut state.features);
        let [current, next] = &mut state.layers;
        let mut width = None;
        for layer in &self.hidden {
            let x = if width.is_none() { &state.features } else { &flat(current)[..layer.inputs()] };
            let out = &mut next[..layer.panels()];
            layer.apply(arch, x, out);
            flat_mut(out).iter_mut().for_each(|x| *x = x.max(0.0));
            width = Some(layer.panels());
            std::mem::swap(current, next);
        }
        let x = if width.is_none() { &state.features } else { &flat(current)[..self.last.inputs()] };
        let out = &mut next[..self.last.panels()];
        self.last.apply(arch, x, out);
        let out = flat(out);
        let [low, high] = LOG_GAIN;
        let gain = if self.gain { out[2 * self.harmonics].clamp(low, high).exp() } else { 1.0 };
        for (h, parts) in harmonics.iter_mut().zip(out.as_chunks::<2>().0) {
            *h = gain * Complex32::new(parts[0], parts[1]);
        }
    }

    /// All controls; then for each condition x and octave o the sine and cosine of 2^o pi x. Networks of coordinates learn
    /// fine detail only from such features (Tancik et al. 2020).
    fn features(&self, seen: &[f32; MAX_CONTROLS], features: &mut [f32]) {
        let (plain, waves) = features.split_at_mut(self.controls);
        plain.copy_from_slice(&seen[..self.controls]);
        let conditions = &seen[self.latents..self.controls];
        for (n, pair) in waves.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let (condition, octave) = (n / self.octaves, n % self.octaves);
            let (sin, cos) = (PI * (1 << octave) as f32 * conditions[condition]).sin_cos();
            *pair = [sin, cos];
        }
    }
}

impl Wavetable {
    /// One period as the network draws it, at `period` samples, for a picture or an export. Allocates: not for the audio
    /// thread.
    pub fn period(&self, seen: &[f32; MAX_CONTROLS], period: usize) -> Vec<f32> {
        let mut harmonics = vec![Complex32::ZERO; self.decoder.harmonics];
        self.decoder.decode(self.arch, &mut self.decoder.state(), seen, &mut harmonics);
        let plan = RealFftPlanner::<f32>::new().plan_fft_inverse(period.max(2));
        let mut spectrum = plan.make_input_vec();
        let most = spectrum.len() - 2;
        for (bin, h) in spectrum[1..].iter_mut().zip(harmonics.iter().take(most)) {
            *bin = 0.5 * h;
        }
        let mut samples = plan.make_output_vec();
        let _ = plan.process(&mut spectrum, &mut samples);
        samples
    }
}

/// Everything linear behind the last layer.
struct Fold {
    plan: Arc<dyn RealToComplex<f64>>,
    /// What a harmonic of the samples is multiplied with, `[harmonics]`.
    factors: Vec<Complex64>,
    std: Vec<f32>,
    mean: Vec<f32>,
}

impl Fold {
    fn new(config: &Config, std: Vec<f32>, mean: Vec<f32>) -> Self {
        let period = config.period as f64;
        let factor = |k: usize| match config.output {
            Output::Period => Complex64::new(2.0 / period, 0.0),
            // The sum of all samples up to n has the spectrum of the samples over 1 - e^(-i k); what it rises by in a
            // turn, the mean, is left out.
            Output::Differences => 2.0 / period / (1.0 - Complex64::from_polar(1.0, -TAU * k as f64 / period)),
        };
        let plan = RealFftPlanner::new().plan_fft_forward(config.period);
        Self { plan, factors: (1..=config.harmonics()).map(factor).collect(), std, mean }
    }

    /// The harmonics of one period of samples, as real and imaginary parts.
    fn harmonics(&self, samples: impl Iterator<Item = f64>) -> Vec<f32> {
        let mut input: Vec<f64> = samples.collect();
        let mut spectrum = self.plan.make_output_vec();
        self.plan.process(&mut input, &mut spectrum).expect("buffers have the plan's lengths");
        let harmonics = spectrum[1..].iter().zip(&self.factors).map(|(x, factor)| x * factor);
        harmonics.flat_map(|h| [h.re as f32, h.im as f32]).collect()
    }

    /// The last layer `[samples, then log gain][inputs]` as one to harmonics and log gain.
    fn layer(&self, weight: &[f32], bias: &[f32], inputs: usize) -> Linear {
        let period = self.std.len();
        let rows = 2 * self.factors.len();
        let gains = bias.len() - period;
        let mut folded = vec![0.0; (rows + gains) * inputs];
        for i in 0..inputs {
            let samples = (0..period).map(|n| f64::from(weight[n * inputs + i]) * f64::from(self.std[n]));
            for (row, x) in self.harmonics(samples).into_iter().enumerate() {
                folded[row * inputs + i] = x;
            }
        }
        folded[rows * inputs..].copy_from_slice(&weight[period * inputs..]);
        let offset = (0..period).map(|n| f64::from(bias[n]) * f64::from(self.std[n]) + f64::from(self.mean[n]));
        let mut folded_bias = self.harmonics(offset);
        folded_bias.extend_from_slice(&bias[period..]);
        Linear::from_rows(&folded, &folded_bias, inputs)
    }
}
