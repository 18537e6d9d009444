//! The LFO of a recording, its phase counted as the circuits count theirs: 0 turns where the break frequencies are highest.
//!
//! All takes that a model learns from share this origin. The colour switch moves it by less than 0.01 turns, see the tests; a
//! constant offset is harmless, because a model that is trained on phases learns it.
use super::circuit::Circuit;
use kernels::phaser::finder::FindError;
use kernels::phaser::finder::band_ratio::{BANDS, BandRatio, band_centre_hz};
use kernels::phaser::finder::lfo_fit::{LfoFit, first_harmonics, fit, turns_ahead};
use kernels::phaser::finder::phase_track::PhaseTrack;
use realfft::num_complex::Complex64;
use std::f64::consts::TAU;

/// Phases of the LFO that the reference is measured at.
const STEPS: usize = 96;

/// Finds the LFO of an aligned pair of recordings and follows it.
pub fn follow(dry: &[f32], wet: &[f32], sample_rate_hz: f64) -> Result<(LfoFit, PhaseTrack), FindError> {
    let ratio = BandRatio::measure(dry, wet, sample_rate_hz);
    let fit = fit(&ratio)?;
    let track = PhaseTrack::measure(&ratio, &fit, start_turns(&fit));
    Ok((fit, track))
}

/// Phase of a take at time 0, against the ideal circuit at the same rate.
pub fn start_turns(fit: &LfoFit) -> f64 {
    turns_ahead(&first_harmonics(&fit.template), &reference_first_harmonic(fit.rate_hz))
}

/// The first harmonic of the ideal circuit (colour off) at an LFO rate, whose phase at time 0 is 0.
fn reference_first_harmonic(rate_hz: f64) -> [Complex64; BANDS] {
    let setting = Circuit::ideal(false).setting(rate_hz);
    std::array::from_fn(|band| {
        (0..STEPS)
            .map(|step| {
                let turns = step as f64 / STEPS as f64;
                // Without feedback |1 + A^4|, each stage turning by -2 atan(f / f_b).
                let shift = -8.0 * (band_centre_hz(band) / setting.break_frequency_hz(turns)).atan();
                let level = (setting.direct + Complex64::from_polar(1.0, shift)).norm_sqr().ln().max(-5.0);
                Complex64::from_polar(2.0 * level / STEPS as f64, -TAU * turns)
            })
            .sum()
    })
}

#[cfg(test)]
mod tests;
