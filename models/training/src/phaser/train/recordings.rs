//! Batches cut from recordings of a real device: the same dry sound and what came back, at one or more settings.
mod wandering;

use super::batch::{Batch, Window};
use super::checks::{self, Check, Light};
use super::stand_in::{FOLLOWER, SAMPLE_RATE_HZ};
use crate::audio::Audio;
use crate::phaser::places::Places;
use crate::phaser::{circuit_phase, render, wander};
use crate::trainer::Source;
use crate::{metrics, plot};
use anyhow::{Context, Error, Result, bail};
use kernels::checkpoint::{ControlInfo, Curve};
use kernels::phaser::finder::alignment::{lag_samples, match_polarity};
use kernels::phaser::finder::band_ratio::BandRatio;
use kernels::phaser::finder::phase_track::PhaseTrack;
use kernels::phaser::{Controls, Phaser};
use nets::phaser::Follower;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The wet sound lies so many samples behind the dry one: room for an alignment that is not exact, and for the short delay
/// of converters, without asking the net to look ahead.
const SLACK_SAMPLES: i64 = 2;
/// Corner of the high-pass on both, in Hz: the net does not see longer than 23 ms, so it cannot learn slower things.
const HIGH_PASS_HZ: f64 = 20.0;
/// RMS that the dry sound is brought to; the wet sound gets the same gain. Models are for the sound as it was recorded.
const LEVEL: f32 = 0.1;
/// Quietest window that is worth a step, RMS.
const QUIET: f32 = 1e-3;
/// Span around a single rate, as a factor: what a drifting LFO needs and a player may dare.
pub const SINGLE_RATE_SPAN: f32 = 1.25;

/// One setting of the device.
pub struct Take {
    /// Where the wet sound comes from, for messages.
    name: String,
    wet: Vec<f32>,
    track: PhaseTrack,
    /// The sweep that was found where there is no LFO.
    places: Option<Places>,
    /// Settings by id, `rate` in Hz among them.
    settings: BTreeMap<String, f32>,
}

/// The end of a take that was kept out of training.
pub struct HeldOut {
    /// Name of the take.
    pub name: String,
    /// What the device did.
    pub wet: Vec<f32>,
    /// What the model does.
    pub found: Vec<f32>,
}

/// All takes of one device.
pub struct Recordings {
    dry: Vec<f32>,
    /// The takes in the order of the command line.
    pub takes: Vec<Take>,
    /// The controls that they vary, rate first.
    pub controls: Vec<ControlInfo>,
    /// What brought both sounds to their level.
    pub gain: f32,
    /// Samples kept out of training at the end.
    holdout: usize,
    /// Is the sweep without a period?
    wander: bool,
    seed: u64,
    window: Window,
}

/// `rate=2.33,colour=0` as it stands behind `--at`.
fn parse_settings(text: &str) -> Result<BTreeMap<String, f32>> {
    text.split(',').filter(|part| !part.trim().is_empty()).map(crate::settings::parse).collect()
}

/// A file's name without its folder, for lines that are read by the dozen.
fn short_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
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
    /// Reads the recordings, finds delay, polarity and LFO of each, and says what it found. `wander`: a place in a sweep without
    /// a period in the LFO's stead.
    pub fn read(
        dry_path: &Path,
        wet_paths: &[PathBuf],
        at: &[String],
        holdout_s: f64,
        seed: u64,
        wander: bool,
        window: Window,
    ) -> Result<Self> {
        if !at.is_empty() && at.len() != wet_paths.len() {
            bail!("{} --wet and {} --at: expected one --at for each --wet, or none", wet_paths.len(), at.len());
        }
        let settings: Vec<BTreeMap<String, f32>> = (0..wet_paths.len())
            .map(|i| at.get(i).map_or_else(|| Ok(BTreeMap::new()), |text| parse_settings(text)))
            .collect::<Result<_>>()?;
        let dry_name = short_name(dry_path);
        let audio = Audio::read(dry_path)?;
        let mut found = checks::file(&dry_name, &audio);
        checks::report(&found)?;
        let mut dry = audio.resampled(SAMPLE_RATE_HZ)?.mono();
        high_pass(&mut dry);
        let gain = LEVEL / 10f64.powf(metrics::rms_db(&dry) / 20.0) as f32;
        dry.iter_mut().for_each(|x| *x *= gain);
        let holdout = (holdout_s.max(0.0) * SAMPLE_RATE_HZ) as usize;
        let least_s = (window.receptive_field + 4 * window.samples + holdout) as f64 / SAMPLE_RATE_HZ;
        found.clear();
        let fitted = wander.then(|| dry.len().saturating_sub(holdout));
        let mut takes = Vec::new();
        for (path, settings) in wet_paths.iter().zip(settings) {
            match Take::read(path, &dry, gain, (least_s, fitted), settings, &mut found)? {
                Some(take) => takes.push(take),
                // A red light: the other recordings are looked at too, so that all faults show at once.
                None => continue,
            }
        }
        checks::report(&found)?;
        let shortest = takes.iter().map(|take| take.wet.len()).min().unwrap_or(0).min(dry.len());
        dry.truncate(shortest);
        takes.iter_mut().for_each(|take| take.wet.truncate(shortest));
        let controls = controls(&takes)?;
        Ok(Self { dry, takes, controls, gain, holdout, wander, seed, window })
    }

    /// Minutes of recording that are trained on.
    pub fn minutes(&self) -> f64 {
        (self.dry.len() - self.holdout) as f64 * self.takes.len() as f64 / SAMPLE_RATE_HZ / 60.0
    }

    /// What hears the levels of the dry sound that is trained on: as with the computed devices, but for its loudest sample.
    pub fn follower(&self) -> Follower {
        let trained = &self.dry[..self.dry.len() - self.holdout];
        let loudest = trained.iter().fold(QUIET * QUIET, |loudest, x| loudest.max(x * x));
        Follower { samples: FOLLOWER.samples, knee: FOLLOWER.knee / FOLLOWER.loudest * loudest, loudest }
    }

    /// The end of each take, which no training saw, and the model's answer, its LFO following the recording.
    pub fn held_out(&self, model: &Arc<Phaser>) -> Result<Vec<HeldOut>> {
        let judged = self.dry.len() - self.holdout;
        self.takes
            .iter()
            .map(|take| {
                let found = self.answer(model, take, &take.track)?;
                Ok(HeldOut { name: take.name.clone(), wet: take.wet[judged..].to_vec(), found })
            })
            .collect()
    }

    /// The model's answer to the end of a take, its phase following a track.
    fn answer(&self, model: &Arc<Phaser>, take: &Take, track: &PhaseTrack) -> Result<Vec<f32>> {
        let judged = self.dry.len() - self.holdout;
        // A second of what came before, so that the model's past is that of the device.
        let start = judged.saturating_sub(SAMPLE_RATE_HZ as usize);
        let dry = Audio::from_mono(SAMPLE_RATE_HZ, self.dry[start..].iter().map(|x| x / self.gain).collect());
        let mut controls = Controls::new(model.info());
        for (id, value) in &take.settings {
            if let Some((place, _)) = model.info().control(id) {
                controls.values[place] = *value;
            }
        }
        controls.rate_hz = take.settings["rate"];
        let track = track.delayed_by(-(start as f64) / SAMPLE_RATE_HZ);
        let mut found = render::play(model, &dry, &controls, &[], Some(&track), 512)?;
        Ok(found.channels[0].drain(judged - start..).map(|y| self.gain * y).collect())
    }

    /// Draws how far each take's LFO is ahead of a steady one.
    pub fn plot_drift(&self, path: &Path) -> Result<()> {
        let curves: Vec<_> = self.takes.iter().map(|take| (take.name.as_str(), take.track.knots().to_vec())).collect();
        let (title, axis) = if self.wander {
            ("Sweep found in the recordings", "turns")
        } else {
            ("LFO found in the recordings", "turns ahead of a steady LFO")
        };
        plot::curves(path, title, "seconds", axis, &curves, false)
    }

    /// Rate of the first take's LFO, in Hz.
    pub fn rate_hz(&self) -> f64 {
        f64::from(self.takes[0].settings["rate"])
    }
}

impl Take {
    /// Reads and checks one take; none if a light is red. `fitted`: samples that a sweep without a period is fitted in.
    fn read(
        path: &Path,
        dry: &[f32],
        gain: f32,
        (least_s, fitted): (f64, Option<usize>),
        mut settings: BTreeMap<String, f32>,
        found: &mut Vec<Check>,
    ) -> Result<Option<Self>> {
        let name = short_name(path);
        let audio = Audio::read(path)?;
        let mut mine = checks::file(&name, &audio);
        let mut wet = audio.resampled(SAMPLE_RATE_HZ)?.mono();
        let seconds = |samples: usize| samples as f64 / SAMPLE_RATE_HZ;
        mine.push(checks::lengths(&name, seconds(dry.len()), seconds(wet.len()), least_s));
        high_pass(&mut wet);
        wet.iter_mut().for_each(|x| *x *= gain);
        let common = wet.len().min(dry.len());
        let (polarity, lag) =
            (match_polarity(&dry[..common], &wet[..common]), lag_samples(&dry[..common], &wet[..common]));
        mine.extend(checks::alignment(&name, lag, polarity));
        let mut take = None;
        if mine.iter().all(|check| check.light != Light::Red) {
            let shift = lag - SLACK_SAMPLES;
            let wet: Vec<f32> = (0..common as i64)
                .map(|t| usize::try_from(t + shift).ok().and_then(|t| wet.get(t)).map_or(0.0, |x| polarity * x))
                .collect();
            let dry = &dry[..common];
            let swept = match fitted {
                None => circuit_phase::follow(dry, &wet, SAMPLE_RATE_HZ).map_err(Error::from).map(|(fit, track)| {
                    mine.extend(checks::lfo(&name, fit.rate_hz, fit.explained_variance, seconds(common)));
                    (fit.rate_hz, track, None)
                }),
                Some(fitted) => sweep(dry, &wet, fitted).map(|(corner_hz, track, places)| {
                    mine.push(checks::sweep(&name, corner_hz, places.explained_variance));
                    (corner_hz, track, Some(places))
                }),
            };
            match swept {
                Ok((rate_hz, track, places)) => {
                    // The knob's value conditions the net; without one the measured frequency does.
                    settings.entry("rate".into()).or_insert(rate_hz as f32);
                    take = Some(Self { name, wet, track, places, settings });
                }
                Err(why) => mine.push(checks::no_lfo(&name, &why)),
            }
        }
        found.extend(mine);
        Ok(take)
    }
}

/// Corner in Hz, track and curve of a sweep without a period, which is fitted in the first samples of a pair and followed to
/// its end.
fn sweep(dry: &[f32], wet: &[f32], fitted: usize) -> Result<(f64, PhaseTrack, Places)> {
    let ratio = BandRatio::measure(dry, wet, SAMPLE_RATE_HZ);
    // Frames that end before what is kept out.
    let heard_s = fitted as f64 / SAMPLE_RATE_HZ - ratio.first_s;
    let known = (0..ratio.frames()).take_while(|&t| ratio.time_s(t) <= heard_s).count();
    let places = Places::fit(&ratio, known)?;
    let found = places.follow(&ratio);
    let corner_hz = wander::corner_hz(&found[..known], ratio.hop_s)
        .context("no sweep found: it never forgets where it was; record longer")?;
    Ok((corner_hz, Places::track(&ratio, &found), places))
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

impl Source<Batch> for Recordings {
    fn batch(&self, step: u64) -> Batch {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let Window { receptive_field, frame, samples, count } = self.window;
        let last = self.dry.len() - self.holdout - receptive_field - samples;
        let mut batch = Batch::default();
        let mut quiet = 0;
        while batch.controls.len() < count {
            let take = &self.takes[rng.random_range(0..self.takes.len())];
            let start = rng.random_range(0..=last);
            let judged = start + receptive_field;
            let wet = &take.wet[judged..judged + samples];
            // Pauses teach nothing; a recording of almost nothing but pauses must not stop the training.
            if metrics::rms_db(wet) < 20.0 * f64::from(QUIET).log10() && quiet < 1000 {
                quiet += 1;
                continue;
            }
            let turns = |m: usize| take.track.turns_at((start + m * frame) as f64 / SAMPLE_RATE_HZ);
            let mut phases: Vec<f64> = (0..self.window.frames()).map(turns).collect();
            let mut seen: Vec<f32> =
                self.controls.iter().map(|control| control.normalised(take.settings[&control.id])).collect();
            // Both halves of a turn sound alike, so that an LFO can sweep the model too; the speed changes nothing.
            if self.wander && rng.random() {
                phases.iter_mut().for_each(|turns| *turns = -*turns);
            }
            // What no recording varies, the net must learn to pass over: told one value always, it would answer any other by chance.
            for (control, seen) in self.controls.iter().zip(&mut seen) {
                if self.wander
                    || self.takes.iter().all(|other| other.settings[&control.id] == take.settings[&control.id])
                {
                    *seen = rng.random_range(-1.0..=1.0);
                }
            }
            batch.push(&self.dry[start..judged + samples], wet, phases, seen);
        }
        batch
    }
}
