//! A trained net as a model file: written, read back by the loader that the plug-in uses, and compared before it counts.
use super::basis::Basis;
use super::data::Data;
use super::evaluate;
use crate::card::Card;
use crate::wavetable::dataset::Dataset;
use anyhow::{Context, Result, bail};
use kernels::checkpoint::{self, ControlInfo, Curve};
use kernels::nn::naive::noise;
use kernels::wavetable::Wavetable;
use kernels::wavetable::config::{Config, EncoderConfig, Output};
use kernels::wavetable::period::Period;
use nets::wavetable::Net;
use std::f64::consts::TAU;

/// Rows of the self-test that the file carries.
const SELF_TEST_ROWS: usize = 512;
/// Largest difference between kernel and net that an export may show, of a sample where the period's RMS is about 0.5.
const TOLERANCE: f32 = 1e-3;
/// RMS of the period at the controls' defaults. With the instrument's own level one voice then plays at -18 dBFS.
const LEVEL: f64 = 0.5;
/// Share of the codes on each side that the latents' knobs do not reach.
const BEYOND: f64 = 0.005;
/// Number type of a model's tensors before they are written: name, shape, values.
type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

/// A net with all that its file needs.
pub struct Model<'a> {
    /// The net.
    pub net: &'a Net,
    /// What it learnt from, as it saw it.
    pub data: &'a Data,
    /// What it learnt from.
    pub set: &'a Dataset,
    /// Harmonics that the encoder sees; none if the file is to have no encoder.
    pub encoder_harmonics: Option<usize>,
    /// What a latent is multiplied with, so that its knob runs from -1 to 1.
    reach: Vec<f32>,
    /// Gain of everything, so that the defaults sound at [`LEVEL`].
    gain: f64,
}

impl<'a> Model<'a> {
    /// Measures how far the latents reach and how loud the defaults are. `controls` are the conditions.
    pub fn new(
        net: &'a Net,
        data: &'a Data,
        set: &'a Dataset,
        encoder_harmonics: Option<usize>,
        controls: &[ControlInfo],
    ) -> Result<Self> {
        let codes = evaluate::codes(net, data, &data.learnt)?;
        let reach = |latent: usize| {
            let mut sizes: Vec<f32> = codes.iter().map(|code| code[latent].abs()).collect();
            sizes.sort_by(f32::total_cmp);
            sizes[((1.0 - 2.0 * BEYOND) * (sizes.len() - 1) as f64) as usize].max(1e-3)
        };
        let reach = (0..net.config.latents).map(reach).collect();
        let mut model = Self { net, data, set, encoder_harmonics, reach, gain: 1.0 };
        let latents = vec![0.0; net.config.latents];
        let conditions: Vec<f32> = controls.iter().map(|c| c.normalised(c.default)).collect();
        model.gain = LEVEL / model.period(&[latents, conditions].concat())?.rms().max(1e-9);
        Ok(model)
    }

    /// The latents' controls, then the given conditions.
    pub fn controls(&self, conditions: &[ControlInfo]) -> Vec<ControlInfo> {
        let latent = |n: usize| ControlInfo {
            id: format!("z{}", n + 1),
            name: format!("Latent {}", n + 1),
            unit: String::new(),
            min: -1.0,
            max: 1.0,
            default: 0.0,
            trained_min: -1.0,
            trained_max: 1.0,
            curve: Curve::Linear,
            steps: None,
        };
        (0..self.reach.len()).map(latent).chain(conditions.iter().cloned()).collect()
    }

    /// The net's own period at controls from -1 to 1.
    pub fn period(&self, seen: &[f32]) -> Result<Period> {
        let mut controls = seen.to_vec();
        controls.iter_mut().zip(&self.reach).for_each(|(x, reach)| *x *= reach);
        let found = evaluate::decoded(self.net, &[controls])?.remove(0);
        let mut period = match &self.data.basis {
            Basis::Frame => Period::of_samples(&self.integrated(&found)),
            Basis::Harmonics { .. } => {
                Period::of_samples(&self.data.basis.frame(&found[..found.len() - 1], self.set.about.period))
            }
        };
        let log_gain =
            self.data.gain.map_or(0.0, |[mean, deviation]| mean + deviation * f64::from(found[found.len() - 1]));
        let gain = self.gain * log_gain.exp();
        period.harmonics.iter_mut().for_each(|h| *h *= gain);
        Ok(period)
    }

    /// A published frame in its own units, summed around the circle if it holds differences.
    fn integrated(&self, frame: &[f32]) -> Vec<f32> {
        let number = |n: usize| {
            let (std, mean) =
                (self.set.std.get(n).copied().unwrap_or(1.0), self.set.mean.get(n).copied().unwrap_or(0.0));
            f64::from(frame[n] * std + mean)
        };
        let mut samples: Vec<f64> = (0..frame.len()).map(number).collect();
        if self.set.about.differences {
            let rise = samples.iter().sum::<f64>() / samples.len() as f64;
            let mut sum = 0.0;
            for x in &mut samples {
                sum += *x - rise;
                *x = sum;
            }
        }
        samples.into_iter().map(|x| x as f32).collect()
    }

    fn config(&self) -> Config {
        let net = &self.net.config;
        Config {
            period: self.set.about.period,
            output: if self.set.about.differences { Output::Differences } else { Output::Period },
            latents: net.latents,
            octaves: net.octaves,
            hidden: net.decoder_hidden.clone(),
            gain: self.data.gain.is_some(),
            encoder: self
                .encoder_harmonics
                .map(|harmonics| EncoderConfig { harmonics, hidden: net.encoder_hidden.clone() }),
        }
    }

    /// The weights as the file has them.
    fn tensors(&self) -> Result<Tensors> {
        let mut tensors = Tensors::new();
        for (name, var) in &self.net.vars {
            if name.starts_with("encoder") && self.encoder_harmonics.is_none() {
                continue;
            }
            tensors.push((name.clone(), var.dims().to_vec(), var.as_tensor().flatten_all()?.to_vec1()?));
        }
        let find = |tensors: &Tensors, name: &str| {
            tensors.iter().position(|t| t.0 == name).with_context(|| format!("tensor `{name}`: the net has none"))
        };
        let first = find(&tensors, "decoder.0.weight")?;
        let columns = self.net.config.features();
        for row in tensors[first].2.chunks_exact_mut(columns) {
            row.iter_mut().zip(&self.reach).for_each(|(weight, reach)| *weight *= reach);
        }
        let last = self.net.config.decoder_hidden.len();
        for name in [format!("decoder.{last}.weight"), format!("decoder.{last}.bias")] {
            let place = find(&tensors, &name)?;
            let (_, shape, values) = &mut tensors[place];
            let columns = shape.get(1).copied().unwrap_or(1);
            *values = self.to_samples(values, columns, shape.len() == 1);
            shape[0] = values.len() / columns;
        }
        if self.encoder_harmonics.is_some() {
            let last = self.net.config.encoder_hidden.len();
            for name in [format!("encoder.{last}.weight"), format!("encoder.{last}.bias")] {
                let place = find(&tensors, &name)?;
                let (_, shape, values) = &mut tensors[place];
                let columns = shape.get(1).copied().unwrap_or(1);
                for (row, reach) in values.chunks_exact_mut(columns).zip(&self.reach) {
                    row.iter_mut().for_each(|weight| *weight /= reach);
                }
            }
        }
        for (name, values) in [("output.std", &self.set.std), ("output.mean", &self.set.mean)] {
            if !values.is_empty() {
                let values: Vec<f32> = values.iter().map(|x| (f64::from(*x) * self.gain) as f32).collect();
                tensors.push((name.into(), vec![values.len()], values));
            }
        }
        Ok(tensors)
    }

    /// The last layer's rows, or its bias, from the net's numbers to samples and log gain.
    fn to_samples(&self, rows: &[f32], columns: usize, is_bias: bool) -> Vec<f32> {
        let Some([mean, deviation]) = self.data.gain else { return rows.to_vec() };
        let (period, numbers) = (self.set.about.period, rows.len() / columns - 1);
        let mut samples = vec![0.0; (period + 1) * columns];
        for column in 0..columns {
            let numbers: Vec<f32> = (0..numbers).map(|n| rows[n * columns + column]).collect();
            for (n, x) in self.data.basis.frame(&numbers, period).into_iter().enumerate() {
                samples[n * columns + column] = x;
            }
            let offset = if is_bias { mean + self.gain.ln() } else { 0.0 };
            let gain = f64::from(rows[numbers.len() * columns + column]) * deviation + offset;
            samples[period * columns + column] = gain as f32;
        }
        samples
    }

    /// The bytes of the file, after the kernel has played its self-test like the net.
    pub fn bytes(&self, card: &Card) -> Result<Vec<u8>> {
        let controls = card.controls.len();
        let mut input = noise(1, SELF_TEST_ROWS * (controls + 1));
        let mut output = Vec::new();
        for row in input.chunks_exact_mut(controls + 1) {
            row[controls] = 0.5 + 0.5 * row[controls];
            let period = self.period(&row[..controls])?;
            let phase = f64::from(row[controls]);
            let term = |(k, h): (usize, &realfft::num_complex::Complex64)| {
                let (sin, cos) = (TAU * ((k + 1) as f64 * phase).fract()).sin_cos();
                h.re * cos - h.im * sin
            };
            output.push(period.harmonics.iter().enumerate().map(term).sum::<f64>() as f32);
        }
        let mut tensors = self.tensors()?;
        for (name, values) in [("aux.input", input), ("aux.output", output)] {
            tensors.push((name.into(), vec![values.len()], values));
        }
        let mut metadata = card.metadata(Wavetable::NOUN, &self.config(), TOLERANCE)?;
        metadata.insert("levels".into(), serde_json::json!({ "rms_at_defaults": LEVEL }).to_string());
        let bytes = checkpoint::write(metadata, &tensors)?;
        let model = Wavetable::load(&bytes).context("the export does not load")?;
        let tested = model.self_test(&bytes)?.context("the export carries no self-test")?;
        if !tested.passed() {
            bail!("the exported model draws {} away from the trained net: expected at most {TOLERANCE}", tested.error);
        }
        Ok(bytes)
    }
}
