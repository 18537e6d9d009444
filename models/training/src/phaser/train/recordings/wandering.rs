//! How far a model of a sweep without a period gets: beside its bounds, and left alone for ten minutes.
use super::{Recordings, SAMPLE_RATE_HZ, Take};
use crate::audio::Audio;
use crate::metrics;
use crate::phaser::places::Places;
use crate::phaser::{render, wander};
use anyhow::{Context, Result};
use kernels::phaser::finder::alignment::mean_response;
use kernels::phaser::finder::band_ratio::{BANDS, BandRatio};
use kernels::phaser::finder::phase_track::PhaseTrack;
use kernels::phaser::{Controls, Phaser};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Taps of the standing filter: all that the net sees, and as much again.
const STANDING_TAPS: usize = 2048;
/// Stretches of the played walk that are looked at, in seconds.
const STRETCHES_S: [[f64; 2]; 3] = [[0.0, 4.0], [0.0, 60.0], [540.0, 600.0]];

impl Recordings {
    /// Prints what bounds the figures of each take from both sides, and whether the model's own walk stays like the recording's.
    pub fn judge_wandering(&self, model: &Arc<Phaser>, truth: Option<&Path>) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        for take in &self.takes {
            let Some(places) = &take.places else { continue };
            let mut row = self.bounds(take);
            if let Some(path) = truth {
                merge(&mut row, self.beside_truth(model, take, path)?);
            }
            merge(&mut row, json!({ "walks": self.walks(model, take, places)? }));
            rows.push(row);
        }
        Ok(rows)
    }

    /// What no training is needed for: the best filter that stands still, and the dry sound at the best gain.
    fn bounds(&self, take: &Take) -> Value {
        let judged = self.dry.len() - self.holdout;
        let taps = &mean_response(&self.dry[..judged], &take.wet[..judged])[..STANDING_TAPS];
        let standing: Vec<f32> = (judged..self.dry.len())
            .map(|t| {
                let past = self.dry[(t + 1).saturating_sub(STANDING_TAPS)..=t].iter().rev();
                taps.iter().zip(past).map(|(tap, x)| tap * f64::from(*x)).sum::<f64>() as f32
            })
            .collect();
        let (dry, wet) = (&self.dry[judged..], &take.wet[judged..]);
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let gain = (product(dry, wet) / product(dry, dry)) as f32;
        let dry: Vec<f32> = dry.iter().map(|x| gain * x).collect();
        let (standing, dry) = (metrics::esr(wet, &standing), metrics::esr(wet, &dry));
        println!("{}: ESR of the best standing filter {standing:.4}, of the dry sound {dry:.4}", take.name);
        json!({ "take": take.name, "esr_standing": standing, "esr_dry": dry })
    }

    /// The sweep that was found against the one that was there, which is told to the model in the finder's own scale: its rank
    /// among the places that were trained on.
    fn beside_truth(&self, model: &Arc<Phaser>, take: &Take, path: &Path) -> Result<Value> {
        let truth = PhaseTrack::through(knots(path, &take.name)?);
        let judged_s = (self.dry.len() - self.holdout) as f64 / SAMPLE_RATE_HZ;
        let step_s = 0.01;
        let at = |track: &PhaseTrack, from_s: f64, to_s: f64| -> Vec<f64> {
            (0..((to_s - from_s) / step_s) as usize).map(|k| track.turns_at(from_s + k as f64 * step_s)).collect()
        };
        let end_s = self.dry.len() as f64 / SAMPLE_RATE_HZ;
        let correlation =
            |from_s, to_s| wander::rank_correlation(&at(&take.track, from_s, to_s), &at(&truth, from_s, to_s));
        let (trained, held_out) = (correlation(0.0, judged_s), correlation(judged_s, end_s));
        let mut seen = at(&truth, 0.0, judged_s);
        seen.sort_unstable_by(f64::total_cmp);
        let in_finders_scale = |turns: f64| {
            let above = seen.partition_point(|other| *other < turns).max(1).min(seen.len() - 1);
            let (low, high) = (seen[above - 1], seen[above]);
            let between = ((turns - low) / (high - low).max(1e-12)).clamp(0.0, 1.0);
            let rank = ((above - 1) as f64 + between) / seen.len() as f64;
            0.5 * if trained < 0.0 { 1.0 - rank } else { rank }
        };
        let told = at(&truth, 0.0, end_s).into_iter().map(in_finders_scale);
        let told = PhaseTrack::through(told.enumerate().map(|(k, turns)| (k as f64 * step_s, turns)).collect());
        let esr = metrics::esr(&take.wet[self.dry.len() - self.holdout..], &self.answer(model, take, &told)?);
        let off = |k: usize| 2.0 * (told.turns_at(k as f64 * step_s) - take.track.turns_at(k as f64 * step_s)).abs();
        let mut off: Vec<f64> = ((judged_s / step_s) as usize..(end_s / step_s) as usize).map(off).collect();
        off.sort_unstable_by(f64::total_cmp);
        let (middle, most) = (off[off.len() / 2], off[off.len() * 95 / 100]);
        println!(
            "{}: rank correlation with the truth {:.4} where trained, {:.4} held out; held-out places off by {middle:.4} of the \
             sweep in the middle, {most:.4} at the 95th percentile; ESR with the true place {esr:.5}",
            take.name,
            trained.abs(),
            held_out.abs()
        );
        Ok(json!({ "rank_trained": trained.abs(), "rank_held_out": held_out.abs(), "place_off_median": middle,
            "place_off_95": most, "esr_true_place": esr }))
    }

    /// The walk of the recording, and of the model left alone for ten minutes, both heard by the finder.
    fn walks(&self, model: &Arc<Phaser>, take: &Take, places: &Places) -> Result<Vec<Value>> {
        let length = (STRETCHES_S[2][1] * SAMPLE_RATE_HZ) as usize;
        let dry: Vec<f32> = self.dry.iter().copied().cycle().take(length).collect();
        let recorded = Audio::from_mono(SAMPLE_RATE_HZ, dry.iter().map(|x| x / self.gain).collect());
        let played = render::play(model, &recorded, &Controls::new(model.info()), &[], None, 512)?;
        let played: Vec<f32> = played.channels[0].iter().map(|y| self.gain * y).collect();
        println!("{:>22} {:>10} {:>10} {:>12} {:>12}", "walk", "uneven", "corner Hz", "speed 1/s", "movement dB");
        let end_s = self.dry.len() as f64 / SAMPLE_RATE_HZ;
        let mut rows = vec![walk("recording", [0.0, end_s], &self.dry, &take.wet, places)];
        for part_s in [[0.0, 60.0], [end_s - 60.0, end_s]].into_iter().filter(|_| end_s > 120.0) {
            rows.push(walk("recording", part_s, &self.dry, &take.wet, places));
        }
        for part_s in STRETCHES_S {
            rows.push(walk("model", part_s, &dry, &played, places));
        }
        Ok(rows)
    }
}

/// Figures of a stretch, printed and returned.
fn walk(name: &str, [from_s, to_s]: [f64; 2], dry: &[f32], wet: &[f32], places: &Places) -> Value {
    let part =
        |x: &[f32]| x[(from_s * SAMPLE_RATE_HZ) as usize..((to_s * SAMPLE_RATE_HZ) as usize).min(x.len())].to_vec();
    let ratio = BandRatio::measure(&part(dry), &part(wet), SAMPLE_RATE_HZ);
    let found = places.follow(&ratio);
    let (uneven, speed) = (wander::farthest_from_even(&found), wander::speed_hz(&found, ratio.hop_s));
    let (corner, movement) = (wander::corner_hz(&found, ratio.hop_s), movement_db(&ratio));
    let stretch = format!("{name} {from_s:.0}-{to_s:.0} s");
    let corner_text = corner.map_or("-".into(), |hz| format!("{hz:.3}"));
    println!("{stretch:>22} {uneven:>10.3} {corner_text:>10} {speed:>12.3} {movement:>12.2}");
    json!({ "stretch": stretch, "uneven": uneven, "corner_hz": corner, "speed_hz": speed, "movement_db": movement })
}

/// How far the levels of the bands move about their means, RMS.
fn movement_db(ratio: &BandRatio) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for band in 0..BANDS {
        let heard = ratio.ratio[band].iter().zip(&ratio.audible[band]).filter(|(_, audible)| **audible);
        let values: Vec<f64> = heard.map(|(value, _)| *value).collect();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        sum += values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        count += values.len() as f64;
    }
    10.0 / std::f64::consts::LN_10 * (sum / f64::max(count, 1.0)).sqrt()
}

/// Time and phase of a take out of a `truth.csv`.
fn knots(path: &Path, take: &str) -> Result<Vec<(f64, f64)>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let numbers = |line: &str| {
        let mut fields = line.strip_prefix(take)?.strip_prefix(',')?.split(',').map(str::parse::<f64>);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    let knots: Vec<(f64, f64)> = text.lines().filter_map(numbers).collect();
    anyhow::ensure!(
        !knots.is_empty(),
        "{}: no line begins with `{take},`; give the table of this recording",
        path.display()
    );
    Ok(knots)
}

fn merge(row: &mut Value, more: Value) {
    if let (Value::Object(row), Value::Object(more)) = (row, more) {
        row.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Card;
    use crate::phaser::device::rate;
    use crate::phaser::train::export;
    use candle_core::Device;
    use kernels::nn::naive::noise;
    use kernels::phaser::PhaserState;
    use nets::phaser::{Config, EffectConfig, ModulationConfig, Net};

    /// A small random model, swept at a corner of 0.5 Hz.
    fn model(wander: bool) -> Arc<Phaser> {
        let effect = EffectConfig {
            blocks: 1,
            channels: 2,
            kernel: 3,
            dilations: vec![1],
            bias: false,
            shift: false,
            limit: false,
            follower: None,
        };
        let modulation = ModulationConfig::Oscillator { harmonics: 1, hidden: vec![8] };
        let card = Card {
            name: "Walk".into(),
            author: "nobody".into(),
            license: "CC0-1.0".into(),
            description: String::new(),
            redistribute: true,
            sample_rate_hz: SAMPLE_RATE_HZ,
            controls: vec![rate([0.4, 0.6], 0.5)],
            training: Value::Null,
        };
        let net = Net::new(Config { frame: 64, effect, modulation, wander }, 1, 1, &Device::Cpu).unwrap();
        Arc::new(Phaser::load(&export::bytes(&net, &card).unwrap()).unwrap())
    }

    #[test]
    fn a_model_without_a_period_walks_over_its_whole_sweep_for_ever_and_alike_at_every_start() {
        let model = model(true);
        let controls = Controls::new(model.info());
        let mut state = PhaserState::new(&model);
        let mut frame = [0.0; 64];
        let mut minutes = || -> Vec<f64> {
            let frames = (300.0 * SAMPLE_RATE_HZ / 64.0) as usize;
            let mut place = || {
                state.process(&model, &controls, 0.0, &mut frame);
                2.0 * state.phase_turns()
            };
            (0..frames).map(|_| place()).collect()
        };
        let (first, later) = (minutes(), minutes());
        for places in [&first, &later] {
            assert!(places.iter().all(|place| (0.0..=1.0).contains(place)));
            assert!(wander::farthest_from_even(places) < 0.15, "{}", wander::farthest_from_even(places));
            let corner = wander::corner_hz(places, 64.0 / SAMPLE_RATE_HZ).unwrap();
            assert!((0.4..0.65).contains(&corner), "{corner} Hz");
        }
        assert_ne!(first, later);
        state.reset();
        state.process(&model, &controls, 0.0, &mut frame);
        assert_eq!(2.0 * state.phase_turns(), first[0]);
    }

    #[test]
    fn whoever_gives_phases_leads_a_wandering_model_as_any_other() {
        let dry = noise(1, 4096);
        let [walks, turns] = [true, false].map(|wander| {
            let model = model(wander);
            let led = Controls { phase_turns: Some(0.0), ..Controls::new(model.info()) };
            let mut wet = dry.clone();
            PhaserState::new(&model).process(&model, &led, 0.0, &mut wet);
            wet
        });
        assert_eq!(walks, turns);
    }
}
