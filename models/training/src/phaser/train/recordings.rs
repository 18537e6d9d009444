//! Batches cut from recordings of a real device: the same dry sound and what came back, at one or more settings.
use super::batch::{Batch, Source, WINDOW_SAMPLES, WINDOWS};
use super::stand_in::SAMPLE_RATE_HZ;
use crate::audio::Audio;
use crate::metrics;
use crate::phaser::alignment::{lag_samples, match_polarity};
use crate::phaser::phase_track::PhaseTrack;
use crate::phaser::render;
use anyhow::{Context, Result, bail};
use kernels::checkpoint::{ControlInfo, Curve};
use kernels::phaser::{Controls, Phaser};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The wet sound lies so many samples behind the dry one: room for an alignment that is not exact, and for the short delay
/// of converters, without asking the net to look ahead.
const SLACK_SAMPLES: i64 = 2;
/// Longest delay between the two that is taken for the recording's and removed.
const MAX_LAG_SAMPLES: i64 = 4096;
/// Corner of the high-pass on both, in Hz: the net does not see longer than 23 ms, so it cannot learn slower things.
const HIGH_PASS_HZ: f64 = 20.0;
/// RMS that the dry sound is brought to; the wet sound gets the same gain.
const LEVEL: f32 = 0.1;
/// Quietest window that is worth a step, RMS.
const QUIET: f32 = 1e-3;
/// Span around a single rate, as a factor: what a drifting LFO needs and a player may dare.
const SINGLE_RATE_SPAN: f32 = 1.25;

/// One setting of the device.
pub struct Take {
    /// Where the wet sound comes from, for messages.
    name: String,
    wet: Vec<f32>,
    track: PhaseTrack,
    /// Settings by id, `rate` in Hz among them.
    settings: BTreeMap<String, f32>,
}

/// All takes of one device.
pub struct Recordings {
    dry: Vec<f32>,
    /// The takes in the order of the command line.
    pub takes: Vec<Take>,
    /// The controls that they vary, rate first.
    pub controls: Vec<ControlInfo>,
    /// Samples kept out of training at the end.
    holdout: usize,
    seed: u64,
    receptive_field: usize,
    frame: usize,
}

/// `rate=2.33,colour=0` as it stands behind `--at`.
fn parse_settings(text: &str) -> Result<BTreeMap<String, f32>> {
    text.split(',').filter(|part| !part.trim().is_empty()).map(crate::phaser::settings::parse).collect()
}

fn mono(path: &Path) -> Result<Vec<f32>> {
    Ok(Audio::read(path)?.resampled(SAMPLE_RATE_HZ)?.mono())
}

/// One pole, as both sounds get it.
fn high_pass(sound: &mut [f32]) {
    let keep = (-std::f64::consts::TAU * HIGH_PASS_HZ / SAMPLE_RATE_HZ).exp();
    let mut slow = 0.0;
    for x in sound {
        slow += (1.0 - keep) * (f64::from(*x) - slow);
        *x -= slow as f32;
    }
}

impl Recordings {
    /// Reads the recordings, finds delay, polarity and LFO of each, and says what it found.
    pub fn read(
        dry_path: &Path,
        wet_paths: &[PathBuf],
        at: &[String],
        holdout_s: f64,
        seed: u64,
        receptive_field: usize,
        frame: usize,
    ) -> Result<Self> {
        if !at.is_empty() && at.len() != wet_paths.len() {
            bail!("{} --wet and {} --at: expected one --at for each --wet, or none", wet_paths.len(), at.len());
        }
        let mut dry = mono(dry_path)?;
        high_pass(&mut dry);
        let rms = 10f64.powf(metrics::rms_db(&dry) / 20.0) as f32;
        if rms.is_nan() || rms < 1e-5 {
            bail!("{}: silent; give the sound that was sent into the device", dry_path.display());
        }
        let gain = LEVEL / rms;
        dry.iter_mut().for_each(|x| *x *= gain);
        let mut takes = Vec::new();
        for (i, path) in wet_paths.iter().enumerate() {
            let given = at.get(i).map_or_else(|| Ok(BTreeMap::new()), |text| parse_settings(text))?;
            takes.push(Take::read(path, &dry, gain, given)?);
        }
        let shortest = takes.iter().map(|take| take.wet.len()).min().unwrap_or(0).min(dry.len());
        let holdout = (holdout_s.max(0.0) * SAMPLE_RATE_HZ) as usize;
        let needed = receptive_field + 4 * WINDOW_SAMPLES + holdout;
        if shortest < needed {
            bail!(
                "{:.1} s of recording: expected at least {:.1} s, {holdout_s} s of which are kept out of training",
                shortest as f64 / SAMPLE_RATE_HZ,
                needed as f64 / SAMPLE_RATE_HZ
            );
        }
        dry.truncate(shortest);
        takes.iter_mut().for_each(|take| take.wet.truncate(shortest));
        let controls = controls(&takes)?;
        Ok(Self { dry, takes, controls, holdout, seed, receptive_field, frame })
    }

    /// Minutes of recording that are trained on.
    pub fn minutes(&self) -> f64 {
        (self.dry.len() - self.holdout) as f64 * self.takes.len() as f64 / SAMPLE_RATE_HZ / 60.0
    }

    /// ESR of the model on the end of each take, which no training saw, its LFO following the recording.
    pub fn judge(&self, model: &Arc<Phaser>) -> Result<Vec<(String, f64)>> {
        let judged = self.dry.len() - self.holdout;
        // A second of what came before, so that the model's past is that of the device.
        let start = judged.saturating_sub(SAMPLE_RATE_HZ as usize);
        let dry = Audio::from_mono(SAMPLE_RATE_HZ, self.dry[start..].to_vec());
        self.takes
            .iter()
            .map(|take| {
                let mut controls = Controls::new(model.info());
                for (id, value) in &take.settings {
                    if let Some((place, _)) = model.info().control(id) {
                        controls.values[place] = *value;
                    }
                }
                controls.rate_hz = take.settings["rate"];
                let track = take.track.delayed_by(-(start as f64) / SAMPLE_RATE_HZ);
                let found = render::play(model, &dry, &controls, &[], Some(&track), 512)?;
                Ok((take.name.clone(), metrics::esr(&take.wet[judged..], &found.channels[0][judged - start..])))
            })
            .collect()
    }
}

impl Take {
    fn read(path: &Path, dry: &[f32], gain: f32, given: BTreeMap<String, f32>) -> Result<Self> {
        let name = path.display().to_string();
        let mut wet = mono(path)?;
        high_pass(&mut wet);
        wet.iter_mut().for_each(|x| *x *= gain);
        let differ = wet.len().abs_diff(dry.len()) as f64 / SAMPLE_RATE_HZ;
        if differ > 1.0 {
            bail!("{name}: {differ:.1} s longer or shorter than the dry sound; give the recording of the same sound");
        }
        if metrics::peak(&wet) < 1e-4 {
            bail!("{name}: silent; check that the device was recorded");
        }
        wet.resize(dry.len(), 0.0);
        let polarity = match_polarity(dry, &wet);
        let lag = lag_samples(dry, &wet);
        if lag.abs() > MAX_LAG_SAMPLES {
            bail!(
                "{name}: {lag} samples behind the dry sound, expected at most {MAX_LAG_SAMPLES}; cut both to start together"
            );
        }
        let shift = lag - SLACK_SAMPLES;
        let wet: Vec<f32> = (0..dry.len() as i64)
            .map(|t| usize::try_from(t + shift).ok().and_then(|t| wet.get(t)).map_or(0.0, |x| polarity * x))
            .collect();
        let (fit, track) = PhaseTrack::follow(dry, &wet, SAMPLE_RATE_HZ).with_context(|| name.clone())?;
        println!(
            "{name}: {lag} samples behind, polarity {polarity:+.0}, LFO {:.4} Hz, explains {:.2} of the level changes",
            fit.rate_hz, fit.explained_variance
        );
        let mut settings = given;
        // The knob's value conditions the net; without one the measured frequency does.
        settings.entry("rate".into()).or_insert(fit.rate_hz as f32);
        Ok(Self { name, wet, track, settings })
    }
}

/// One control for each setting that the takes vary; rate always, for a net must be told the speed it runs at.
fn controls(takes: &[Take]) -> Result<Vec<ControlInfo>> {
    let mut controls = Vec::new();
    for id in takes[0].settings.keys() {
        let mut values = Vec::new();
        for take in takes {
            let value = take.settings.get(id);
            values.push(
                *value.with_context(|| format!("{}: `{id}` is set for other takes but not for this one", take.name))?,
            );
        }
        values.sort_by(f32::total_cmp);
        values.dedup();
        let (low, high) = (values[0], values[values.len() - 1]);
        let is_rate = id == "rate";
        if low == high && !is_rate {
            continue;
        }
        let (trained_min, trained_max) =
            if low == high { (low / SINGLE_RATE_SPAN, high * SINGLE_RATE_SPAN) } else { (low, high) };
        let name = id.chars().take(1).flat_map(char::to_uppercase).chain(id.chars().skip(1)).collect();
        controls.push(ControlInfo {
            id: id.clone(),
            name,
            unit: if is_rate { "Hz".into() } else { String::new() },
            min: if is_rate { trained_min.min(0.02) } else { trained_min },
            max: if is_rate { trained_max.max(10.0) } else { trained_max },
            default: values[values.len() / 2],
            trained_min,
            trained_max,
            curve: if is_rate { Curve::Log } else { Curve::Linear },
            steps: (values.len() == 2 && !is_rate).then_some(2),
        });
    }
    controls.sort_by_key(|control| control.id != "rate");
    Ok(controls)
}

impl Source for Recordings {
    fn batch(&self, step: u64) -> Batch {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let frames = Batch::frames(self.receptive_field, self.frame);
        let last = self.dry.len() - self.holdout - self.receptive_field - WINDOW_SAMPLES;
        let mut batch = Batch::default();
        let mut quiet = 0;
        while batch.controls.len() < WINDOWS {
            let take = &self.takes[rng.random_range(0..self.takes.len())];
            let start = rng.random_range(0..=last);
            let judged = start + self.receptive_field;
            let wet = &take.wet[judged..judged + WINDOW_SAMPLES];
            // Pauses teach nothing; a recording of almost nothing but pauses must not stop the training.
            if metrics::rms_db(wet) < 20.0 * f64::from(QUIET).log10() && quiet < 1000 {
                quiet += 1;
                continue;
            }
            let phases =
                (0..frames).map(|m| take.track.turns_at((start + m * self.frame) as f64 / SAMPLE_RATE_HZ)).collect();
            let seen = self.controls.iter().map(|control| control.normalised(take.settings[&control.id])).collect();
            batch.push(&self.dry[start..judged + WINDOW_SAMPLES], wet, phases, seen);
        }
        batch
    }
}
