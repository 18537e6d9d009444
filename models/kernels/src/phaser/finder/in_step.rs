//! A model in step with a recording of the hardware: rate, drift and phase of the LFO, the phase as the model counts it.
//!
//! Where phase 0 lies is each model's own: models of our circuits begin where the break frequencies are highest, a model that
//! was trained without known phases begins anywhere. So the dry sound is played through the model too, at the rate that was
//! found and from phase 0, and the first harmonics of what both did to the bands say how far the recording is ahead.
use super::FindError;
use super::alignment::lag_samples;
use super::band_ratio::{BANDS, BandRatio};
use super::harmonics::{Harmonics, PhaseBins};
use super::lfo_fit::{self, LEAST_EXPLAINED, LfoFit, first_harmonics, turns_ahead};
use super::phase_track::PhaseTrack;
use crate::phaser::{Controls, Engine, Phaser};
use realfft::num_complex::Complex64;
use std::f64::consts::TAU;
use std::sync::Arc;

/// Samples given to the engine at a time.
const BLOCK: usize = 4096;

/// The LFO of a recording, for a model.
#[derive(Clone, Debug)]
pub struct InStep {
    /// Rate, and how well it explains the recording.
    pub fit: LfoFit,
    /// The model's phase at the first sample of the dry sound in turns, for a steady LFO at the rate of `fit`.
    pub start_turns: f64,
    /// The model's phase at the times of the dry sound, drift included.
    pub track: PhaseTrack,
    /// How alike recording and model sweep, -1..1: the correlation of all harmonics in all bands, at that phase. With dry and wet
    /// exchanged peaks stand where notches were, and it is smaller; what an LFO explains by itself is the same in either order.
    pub likeness: f64,
    /// Samples by which the wet sound comes after the dry one, within 1024; taken off before anything was measured.
    pub lag_samples: i64,
}

/// Finds the LFO of a pair of recordings for a model, whose knobs other than the rate stand as in `controls`.
pub fn in_step(
    model: &Arc<Phaser>,
    controls: &Controls,
    dry: &[f32],
    wet: &[f32],
    sample_rate_hz: f64,
) -> Result<InStep, FindError> {
    let lag_samples = lag_samples(dry, wet);
    let ratio = BandRatio::measure(dry, &earlier(wet, lag_samples), sample_rate_hz);
    let fit = lfo_fit::fit(&ratio)?;
    let own = own_sweep(model, controls, dry, sample_rate_hz, fit.rate_hz)?;
    let start_turns = turns_ahead(&first_harmonics(&fit.template), &first_harmonics(&own));
    let likeness = likeness(&fit.template, &own, start_turns);
    let track = PhaseTrack::measure(&ratio, &fit, start_turns);
    Ok(InStep { fit, start_turns, track, likeness, lag_samples })
}

/// The same sound so many samples earlier; silence where there was none.
fn earlier(sound: &[f32], by_samples: i64) -> Vec<f32> {
    let at = |t: i64| usize::try_from(t + by_samples).ok().and_then(|t| sound.get(t)).copied();
    (0..sound.len() as i64).map(|t| at(t).unwrap_or(0.0)).collect()
}

/// What the model itself does to each band at a rate, from phase 0.
fn own_sweep(
    model: &Arc<Phaser>,
    controls: &Controls,
    dry: &[f32],
    sample_rate_hz: f64,
    rate_hz: f64,
) -> Result<[Harmonics; BANDS], FindError> {
    let played = play(model, controls, dry, sample_rate_hz, rate_hz)?;
    let ratio = BandRatio::measure(dry, &played, sample_rate_hz);
    let own = PhaseBins::gather(&ratio, |time_s| rate_hz * time_s);
    let explained_variance = own.explained_variance();
    if explained_variance < LEAST_EXPLAINED {
        return Err(FindError::StillModel { rate_hz, explained_variance });
    }
    Ok(own.solve())
}

/// Correlation of two sweeps, the second one turned ahead.
fn likeness(take: &[Harmonics; BANDS], own: &[Harmonics; BANDS], turns: f64) -> f64 {
    let (mut common, mut energies) = (0.0, [0.0; 2]);
    for (take, own) in take.iter().zip(own) {
        for (m, (z, w)) in take.amplitudes.iter().zip(&own.amplitudes).enumerate() {
            let turned = w * Complex64::from_polar(1.0, TAU * (m + 1) as f64 * turns);
            common += (z * turned.conj()).re;
            energies[0] += z.norm_sqr();
            energies[1] += w.norm_sqr();
        }
    }
    common / (energies[0] * energies[1]).sqrt().max(f64::MIN_POSITIVE)
}

/// The dry sound through the model alone, steady and from phase 0, its latency taken off.
fn play(
    model: &Arc<Phaser>,
    controls: &Controls,
    dry: &[f32],
    sample_rate_hz: f64,
    rate_hz: f64,
) -> Result<Vec<f32>, FindError> {
    let mut engine = Engine::new(model.clone(), sample_rate_hz, 1)?;
    let latency = engine.latency_samples() as usize;
    let mut controls =
        Controls { rate_hz: rate_hz as f32, phase_turns: Some(0.0), running: true, drift: 0.0, ..*controls };
    (controls.mix, controls.bypass) = (1.0, false);
    let mut sound = [dry, &vec![0.0; latency]].concat();
    for block in sound.chunks_mut(BLOCK) {
        engine.process(&controls, &mut [block]);
        controls.phase_turns = None;
    }
    Ok(sound.split_off(latency))
}

#[cfg(test)]
mod tests;
