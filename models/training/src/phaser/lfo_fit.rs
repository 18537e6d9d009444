//! The LFO of a phaser, found in a recording of its input and output: rate, shape and phase.
//!
//! A harmonic model is fitted to the log energy ratio of each band,
//! ```text
//! L_b(t) = c_b + sum_{m=1..6} Re{ Z_bm exp(2 pi i m f0 t) }
//! ```
//! by weighted least squares over all bands at once; `f0` is the frequency that explains most variance. Six harmonics, not
//! three: a slow wide sweep looks as good at twice its frequency to three of them.

use std::f64::consts::TAU;

use anyhow::{Result, ensure};
use realfft::{RealFftPlanner, num_complex::Complex64};

use super::band_ratio::{BANDS, BandRatio, band_centre_hz};
use super::circuit::Circuit;
use super::harmonics::{HARMONICS, Harmonics, PhaseBins};

/// Below this explained variance the recording does not show one LFO. Good takes of a real pedal reach 0.64 to 0.77.
pub const LEAST_EXPLAINED: f64 = 0.3;

/// Fewer periods than this say too little about the rate.
pub const LEAST_PERIODS: f64 = 2.0;

/// Fastest LFO looked for, in Hz: the frames follow a harmonic of 6 of it.
const FASTEST_HZ: f64 = 12.0;

/// Zero padding of the periodograms.
const PADDING: usize = 16;

/// Peaks of the coarse scan that are looked at closely.
const CANDIDATES: usize = 12;

/// What a recording tells about the LFO.
#[derive(Clone, Debug)]
pub struct LfoFit {
    /// Frequency that explains most.
    pub rate_hz: f64,
    /// Part of the variance of all bands' log energy ratios that the model explains, 0..1.
    pub explained_variance: f64,
    /// LFO phase at time 0 in turns, 0 where the break frequencies are highest: measured against the ideal circuit, so that
    /// different takes share one origin.
    pub start_turns: f64,
    /// The model, one row for each band, as a function of the phase `f0 t` (without `start_turns`).
    pub template: [Harmonics; BANDS],
}

/// Finds the LFO of an aligned pair of recordings, as long as each other. Errors name the reason and the remedy.
pub fn fit(dry: &[f32], wet: &[f32], sample_rate_hz: f64) -> Result<LfoFit> {
    fit_ratio(&BandRatio::measure(dry, wet, sample_rate_hz))
}

/// `fit` of what has been measured already.
pub fn fit_ratio(ratio: &BandRatio) -> Result<LfoFit> {
    let span_s = ratio.span_s();
    ensure!(
        span_s > 1.0,
        "no LFO found: the recording is {span_s:.1} s long; record at least two periods of the LFO, better ten"
    );
    let explained = |rate_hz: f64| PhaseBins::gather(ratio, |time_s| rate_hz * time_s).explained_variance();
    let (rate_hz, explained_variance) = coarse_scan(ratio)
        .into_iter()
        .map(|rate_hz| refine(rate_hz, 0.05 / span_s, &explained))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0.0, 0.0));
    let percent = 100.0 * explained_variance;
    ensure!(
        explained_variance >= LEAST_EXPLAINED,
        "no LFO found: the best guess, {rate_hz:.4} Hz, explains {percent:.0} % of the changes between dry and wet, at least \
         {:.0} % are needed; check that both files belong together, are aligned, and that nothing else changed",
        100.0 * LEAST_EXPLAINED
    );
    let periods = rate_hz * span_s;
    ensure!(
        periods >= LEAST_PERIODS * 0.98,
        "the LFO of about {rate_hz:.4} Hz shows only {periods:.1} periods in {span_s:.1} s; at least {LEAST_PERIODS:.0} are \
         needed: record longer, or with a faster LFO"
    );
    let template = PhaseBins::gather(ratio, |time_s| rate_hz * time_s).solve();
    let start_turns = phase_between_first(&first_harmonics(&template), &reference_first_harmonic(rate_hz));
    Ok(LfoFit { rate_hz, explained_variance, start_turns, template })
}

/// By how many turns (-0.5..0.5) the LFO of one take is ahead of another's at time 0. First harmonics only: matching all six
/// fails now and then between different rates.
pub fn phase_between(take: &LfoFit, reference: &LfoFit) -> f64 {
    phase_between_first(&first_harmonics(&take.template), &first_harmonics(&reference.template))
}

/// `arg( sum_b z_b conj(z_b^ref) )` in turns.
fn phase_between_first(take: &[Complex64; BANDS], reference: &[Complex64; BANDS]) -> f64 {
    take.iter().zip(reference).map(|(z, reference)| z * reference.conj()).sum::<Complex64>().arg() / TAU
}

/// The first harmonic of the ideal circuit (colour off) at an LFO rate, whose phase at time 0 is 0: the origin that all takes
/// share. The colour switch moves it by less than 0.01 turns, see the tests; a constant offset is harmless, because a model
/// that is trained on phases learns it.
pub fn reference_first_harmonic(rate_hz: f64) -> [Complex64; BANDS] {
    const STEPS: usize = 96;
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

fn first_harmonics(template: &[Harmonics; BANDS]) -> [Complex64; BANDS] {
    std::array::from_fn(|band| template[band].amplitudes[0])
}

/// Frequencies in Hz worth a closer look: peaks of the weighted periodograms, summed over bands and over six harmonics.
fn coarse_scan(ratio: &BandRatio) -> Vec<f64> {
    let len = (PADDING * ratio.frames()).next_power_of_two();
    let plan = RealFftPlanner::<f64>::new().plan_fft_forward(len);
    let (mut signal, mut spectrum, mut scratch) =
        (plan.make_input_vec(), plan.make_output_vec(), plan.make_scratch_vec());
    let mut power = vec![0.0; len / 2 + 1];
    for (row, audible) in ratio.ratio.iter().zip(&ratio.audible) {
        let count = audible.iter().filter(|audible| **audible).count().max(1) as f64;
        let mean =
            row.iter().zip(audible).filter(|(_, audible)| **audible).map(|(value, _)| value).sum::<f64>() / count;
        signal.fill(0.0);
        for ((y, value), _) in signal.iter_mut().zip(row).zip(audible).filter(|(_, audible)| **audible) {
            *y = value - mean;
        }
        plan.process_with_scratch(&mut signal, &mut spectrum, &mut scratch).expect("buffers were made by the plan");
        power.iter_mut().zip(&spectrum).for_each(|(sum, bin)| *sum += bin.norm_sqr());
    }
    let bin_hz = 1.0 / (len as f64 * ratio.hop_s);
    let first = ((LEAST_PERIODS * 0.9 / ratio.span_s() / bin_hz) as usize).max(1);
    let last = ((FASTEST_HZ / bin_hz) as usize).min((power.len() - 1) / HARMONICS);
    let score: Vec<f64> =
        (0..=last + 1).map(|bin| (1..=HARMONICS).map(|m| power.get(m * bin).copied().unwrap_or(0.0)).sum()).collect();
    let mut peaks: Vec<usize> =
        (first..=last).filter(|&bin| score[bin] >= score[bin - 1].max(score[bin + 1]) || bin == first).collect();
    peaks.sort_unstable_by(|&a, &b| score[b].total_cmp(&score[a]));
    peaks.truncate(CANDIDATES);
    peaks.into_iter().map(|bin| bin as f64 * bin_hz).collect()
}

/// Climbs to the frequency that explains most, in steps that shrink to 1/27; gives it with what it explains.
fn refine(rate_hz: f64, step_hz: f64, explained: &impl Fn(f64) -> f64) -> (f64, f64) {
    let (mut best, mut step_hz) = ((rate_hz, explained(rate_hz)), step_hz);
    for _round in 0..4 {
        for direction in [-1.0, 1.0] {
            loop {
                let next_hz = best.0 + direction * step_hz;
                let next = explained(next_hz);
                if next_hz <= 0.0 || next <= best.1 || (next_hz - rate_hz).abs() > 0.3 * rate_hz {
                    break;
                }
                best = (next_hz, next);
            }
        }
        step_hz /= 3.0;
    }
    best
}

#[cfg(test)]
mod tests;
