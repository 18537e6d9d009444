//! How alike two phasers sweep: the modulation spectrum of their answers to a train of chirps.
//!
//! Signal and idea after the chirp train with which Bourdin, Legrand and Roche 2025 (arXiv 2512.15313) judge; their equation
//! is not public, this is ours:
//! ```text
//! M[i, f]  magnitude of chirp i at 60 Hz < f < 15.5 kHz, the train's rise in level undone
//! L[i, f]  20 log10(M + 1e-4), less its mean over the chirps
//! F[m, f]  magnitude of the Fourier transform of L over the chirps, Hann-windowed
//! modA = |F_ref - F| / |F_ref|,   modB = 1 - cosine of the means over f,   modC = 1 - cosine of F_ref and F
//! ```
//! All three are 0 for equal sweeps and near 1 without any; a shift of the LFO's phase hardly moves them. At least four
//! seconds and four periods are needed.
use realfft::RealFftPlanner;
use std::f64::consts::TAU;

/// Rate of the signal, in Hz.
pub const SAMPLE_RATE_HZ: f64 = 44_100.0;
/// Samples from one chirp to the next: 33 chirps a second.
pub const PERIOD_SAMPLES: usize = 1336;
/// Chirps of the published train: 4 s.
pub const CHIRPS: usize = 132;
/// The chirps fall from half the sample rate to this, in Hz.
const LOWEST_HZ: f64 = 20.0;
/// Rise in level over the published train.
const RISE_DB: f64 = 20.0;
/// Frequencies that count, in Hz.
const BAND_HZ: std::ops::Range<f64> = 60.0..15_500.0;
/// RMS of the last chirp.
const LEVEL: f64 = 0.2;

/// The train: descending logarithmic sweeps that fill their period, rising by 20 dB over [`CHIRPS`], then anew.
pub fn chirp_train(chirps: usize) -> Vec<f32> {
    let highest_hz = SAMPLE_RATE_HZ / 2.0;
    let octaves = (highest_hz / LOWEST_HZ).ln();
    let chirp: Vec<f64> = (0..PERIOD_SAMPLES)
        .map(|n| {
            // The phase is the integral of f(t) = f_high exp(-octaves t / T).
            let share = n as f64 / PERIOD_SAMPLES as f64;
            let seconds = PERIOD_SAMPLES as f64 / SAMPLE_RATE_HZ;
            (TAU * highest_hz * seconds / octaves * (1.0 - (-octaves * share).exp())).sin()
        })
        .collect();
    (0..chirps).flat_map(|i| chirp.iter().map(move |x| (x * level(i)) as f32).collect::<Vec<_>>()).collect()
}

/// Gain of a chirp of the train.
fn level(chirp: usize) -> f64 {
    let share = (chirp % CHIRPS) as f64 / (CHIRPS - 1) as f64;
    LEVEL * std::f64::consts::SQRT_2 * 10f64.powf(RISE_DB / 20.0 * (share - 1.0))
}

/// The three distances.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct ModulationDistance {
    /// Depth and place of the sweep.
    pub mod_a: f64,
    /// Rate and shape of the sweep alone.
    pub mod_b: f64,
    /// Rate, shape and place: the main figure.
    pub mod_c: f64,
}

/// Distance of an estimate's sweep from the reference's. Both are answers to [`chirp_train`], from its start on.
pub fn distance(reference: &[f32], estimate: &[f32]) -> ModulationDistance {
    let (reference, estimate) = (modulation_spectrum(reference), modulation_spectrum(estimate));
    let flat = |rows: &[Vec<f64>]| rows.concat();
    let mean =
        |rows: &[Vec<f64>]| -> Vec<f64> { rows.iter().map(|r| r.iter().sum::<f64>() / r.len() as f64).collect() };
    let (a, b) = (flat(&reference), flat(&estimate));
    let difference: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
    ModulationDistance {
        mod_a: norm(&difference) / norm(&a).max(f64::MIN_POSITIVE),
        mod_b: 1.0 - cosine(&mean(&reference), &mean(&estimate)),
        mod_c: 1.0 - cosine(&a, &b),
    }
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// 0 where either vanishes: a sweep that is not there is like none.
fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let norms = norm(a) * norm(b);
    if norms > 0.0 { product / norms } else { 0.0 }
}

/// What a phaser makes of each chirp of the train within a band, in dB: the sweep as a curve to draw.
pub fn band_gain_db(sound: &[f32], band_hz: &std::ops::Range<f64>) -> Vec<f64> {
    let plan = RealFftPlanner::<f64>::new().plan_fft_forward(PERIOD_SAMPLES);
    let (mut input, mut spectrum) = (plan.make_input_vec(), plan.make_output_vec());
    let mut energies = |sound: &[f32]| -> Vec<f64> {
        let energy = |chirp: &[f32]| {
            input.iter_mut().zip(chirp).for_each(|(input, y)| *input = f64::from(*y));
            plan.process(&mut input, &mut spectrum).expect("buffers were made by the plan");
            let hz = |bin: usize| bin as f64 * SAMPLE_RATE_HZ / PERIOD_SAMPLES as f64;
            let band = spectrum.iter().enumerate().filter(|(bin, _)| band_hz.contains(&hz(*bin)));
            band.map(|(_, value)| value.norm_sqr()).sum()
        };
        sound.chunks_exact(PERIOD_SAMPLES).map(energy).collect()
    };
    let dry = energies(&chirp_train(CHIRPS));
    let gain_db = |(i, wet): (usize, f64)| 10.0 * (wet / dry[i % CHIRPS]).max(1e-12).log10();
    energies(sound).into_iter().enumerate().map(gain_db).collect()
}

/// `F[m][f]`: rows are modulation frequencies.
fn modulation_spectrum(sound: &[f32]) -> Vec<Vec<f64>> {
    let chirps = sound.len() / PERIOD_SAMPLES;
    assert!(chirps >= 2, "{} samples: expected at least two chirps", sound.len());
    let mut planner = RealFftPlanner::<f64>::new();
    let (audio, modulation) = (planner.plan_fft_forward(PERIOD_SAMPLES), planner.plan_fft_forward(chirps));
    let (mut input, mut spectrum) = (audio.make_input_vec(), audio.make_output_vec());
    let bin_hz = SAMPLE_RATE_HZ / PERIOD_SAMPLES as f64;
    let bins: Vec<usize> = (0..spectrum.len()).filter(|bin| BAND_HZ.contains(&(*bin as f64 * bin_hz))).collect();
    // `[f][i]`
    let mut levels_db = vec![vec![0.0; chirps]; bins.len()];
    for (i, chirp) in sound.chunks_exact(PERIOD_SAMPLES).enumerate() {
        for (input, y) in input.iter_mut().zip(chirp) {
            *input = f64::from(*y) / level(i);
        }
        audio.process(&mut input, &mut spectrum).expect("buffers were made by the plan");
        for (row, bin) in levels_db.iter_mut().zip(&bins) {
            row[i] = 20.0 * (spectrum[*bin].norm() + 1e-4).log10();
        }
    }
    let (mut input, mut spectrum) = (modulation.make_input_vec(), modulation.make_output_vec());
    let mut rows = vec![vec![0.0; bins.len()]; spectrum.len()];
    for (f, row) in levels_db.iter().enumerate() {
        let mean = row.iter().sum::<f64>() / chirps as f64;
        for (i, (input, level)) in input.iter_mut().zip(row).enumerate() {
            *input = (level - mean) * (0.5 - 0.5 * (TAU * i as f64 / chirps as f64).cos());
        }
        modulation.process(&mut input, &mut spectrum).expect("buffers were made by the plan");
        for (row, value) in rows.iter_mut().zip(&spectrum) {
            row[f] = value.norm();
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phaser::circuit::{Circuit, CircuitState};

    /// The ideal circuit with the curve of one rate, swept at another or standing still.
    fn play(sweep_hz: f64, start_turns: f64) -> Vec<f32> {
        let (circuit, dry) = (Circuit::ideal(false), chirp_train(CHIRPS));
        let mut wet = vec![0.0; dry.len()];
        let turns = |i: usize| start_turns + sweep_hz * i as f64 / SAMPLE_RATE_HZ;
        circuit.process(&mut CircuitState::new(&circuit, SAMPLE_RATE_HZ), 2.33, turns, &dry, &mut wet);
        wet
    }

    #[test]
    fn equal_sweeps_are_near_whatever_their_phase_and_others_are_far() {
        let reference = play(3.8, 0.0);
        let same = distance(&reference, &reference);
        assert!(same.mod_a == 0.0 && same.mod_b.abs() < 1e-12 && same.mod_c.abs() < 1e-12);
        let shifted = distance(&reference, &play(3.8, 0.25));
        assert!(shifted.mod_c < 0.03 && shifted.mod_b < 0.01, "{shifted:?}");
        let faster = distance(&reference, &play(3.8 * 1.1, 0.0));
        assert!(faster.mod_c > 0.4 && faster.mod_b > 0.4, "{faster:?}");
        let still = distance(&reference, &play(0.0, 0.3));
        assert!(still.mod_a > 0.95 && still.mod_c > 0.9, "{still:?}");
    }

    #[test]
    fn the_gain_of_a_band_falls_where_a_notch_passes_and_stands_still_without_a_sweep() {
        let band_hz = 900.0..1100.0;
        let spread = |gains: &[f64]| {
            let (low, high) = gains.iter().fold((f64::MAX, f64::MIN), |(l, h), g| (l.min(*g), h.max(*g)));
            high - low
        };
        assert!(spread(&band_gain_db(&play(3.8, 0.0), &band_hz)) > 6.0);
        assert!(spread(&band_gain_db(&play(0.0, 0.3), &band_hz)[2..]) < 0.01);
        assert!(spread(&band_gain_db(&chirp_train(CHIRPS + 3), &band_hz)) < 1e-4);
    }

    #[test]
    fn the_train_rises_by_20_db_and_repeats() {
        let train = chirp_train(CHIRPS + 1);
        let rms = |chirp: usize| crate::metrics::rms_db(&train[chirp * PERIOD_SAMPLES..][..PERIOD_SAMPLES]);
        assert!((rms(CHIRPS - 1) - rms(0) - 20.0).abs() < 1e-3);
        assert!((rms(CHIRPS - 1) - 20.0 * LEVEL.log10()).abs() < 0.5, "{}", rms(CHIRPS - 1));
        assert_eq!(rms(CHIRPS), rms(0));
    }
}
