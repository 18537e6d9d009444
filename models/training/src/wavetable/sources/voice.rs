//! A sung vowel: the airflow of the glottis through five resonances of the vocal tract, harmonic by harmonic.
//!
//! The flow is the one of Klatt and Klatt (1990): `t^2 - t^3` while the glottis is open, its derivative what leaves the lips.
//! Resonances stay in Hz, so the vowel is the same at every pitch.
use super::{Machine, PERIOD, RATE_HZ, control, pitch};
use kernels::checkpoint::{ControlInfo, Curve};
use kernels::wavetable::period::Period;
use realfft::num_complex::Complex64;
use std::f64::consts::TAU;

/// Resonances of a, e, i, o, u in Hz: rounded averages of men's voices as the textbooks list them, the upper two for all vowels.
const FORMANTS_HZ: [[f64; 5]; 5] = [
    [730.0, 1090.0, 2440.0, 3400.0, 4500.0],
    [530.0, 1840.0, 2480.0, 3400.0, 4500.0],
    [270.0, 2290.0, 3010.0, 3400.0, 4500.0],
    [570.0, 840.0, 2410.0, 3400.0, 4500.0],
    [300.0, 870.0, 2240.0, 3400.0, 4500.0],
];
/// Widths of the resonances in Hz.
const WIDTHS_HZ: [f64; 5] = [80.0, 100.0, 130.0, 200.0, 250.0];
/// Share of a period that the glottis is open, from a pressed bright voice to a breathy dark one.
const OPEN: [f64; 2] = [0.4, 0.85];
/// Corner of the low-pass that a soft closure is, in Hz, bright and dark.
const CLOSURE_HZ: [f64; 2] = [6000.0, 600.0];
/// Length of the vocal tract that the network is not told, of the usual one.
const TRACT: [f64; 2] = [0.88, 1.14];

/// What sings.
pub struct Voice;

impl Machine for Voice {
    fn name(&self) -> &'static str {
        "formant_voice"
    }

    fn description(&self) -> &'static str {
        "Sung vowels a, e, i, o, u through five resonances that stay where they are at every pitch. The latent is what the \
         network made of throats of different length that it was not told about."
    }

    fn controls(&self) -> Vec<ControlInfo> {
        vec![
            control("vowel", "Vowel a-e-i-o-u", "", [0.0, 4.0], 0.0, Curve::Linear),
            control("brightness", "Brightness", "", [0.0, 1.0], 0.6, Curve::Linear),
            pitch([65.0, 1040.0]),
        ]
    }

    /// The glottis closes at the end of the period.
    fn period(&self, values: &[f64], hidden: f64) -> Option<Period> {
        let &[vowel, brightness, pitch_hz] = values else { return None };
        let between = |ends: [f64; 2], share: f64| ends[0] + (ends[1] - ends[0]) * share;
        let open = between(OPEN, 1.0 - brightness);
        let closure_hz = CLOSURE_HZ[0] * (CLOSURE_HZ[1] / CLOSURE_HZ[0]).powf(1.0 - brightness);
        let formants_hz = formants_hz(vowel).map(|hz| hz / between(TRACT, hidden));
        let count = (PERIOD / 2 - 1).min((0.5 * RATE_HZ / pitch_hz) as usize);
        let harmonic = |k: usize| {
            let frequency_hz = k as f64 * pitch_hz;
            let closing = 1.0 / Complex64::new(1.0, frequency_hz / closure_hz);
            let tract: Complex64 =
                formants_hz.iter().zip(WIDTHS_HZ).map(|(f, width)| resonance(frequency_hz, *f, width)).product();
            flow_derivative(k, open) * closing * tract
        };
        Some(Period { harmonics: (1..=count).map(harmonic).collect() })
    }

    fn turns(&self) -> bool {
        false
    }
}

/// Resonances between two vowels, on straight lines of their logarithms.
fn formants_hz(vowel: f64) -> [f64; 5] {
    let from = (vowel.floor().max(0.0) as usize).min(FORMANTS_HZ.len() - 2);
    let share = vowel - from as f64;
    std::array::from_fn(|n| FORMANTS_HZ[from][n] * (FORMANTS_HZ[from + 1][n] / FORMANTS_HZ[from][n]).powf(share))
}

/// Harmonic k of `2t/o - 3(t/o)^2` for t within the open last part o of a period, 0 before it, by parts.
fn flow_derivative(k: usize, open: f64) -> Complex64 {
    let s = Complex64::new(0.0, TAU * k as f64 * open);
    // The integral of (2u - 3u^2) e^(-s u) over u from 0 to 1; e^(-s) turns the end of the period to its start.
    let e = (-s).exp();
    let first = (1.0 - e) / s;
    let linear = (first - e) / s;
    let square = (2.0 * linear - e) / s;
    2.0 * open * (2.0 * linear - 3.0 * square) / e
}

/// A resonance with gain 1 far below it.
fn resonance(frequency_hz: f64, at_hz: f64, width_hz: f64) -> Complex64 {
    at_hz * at_hz / Complex64::new(at_hz * at_hz - frequency_hz * frequency_hz, frequency_hz * width_hz)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::wavetable::period::Synthesis;

    #[test]
    fn the_flow_is_the_one_that_was_meant() {
        let harmonics = (1..=250).map(|k| flow_derivative(k, 0.5)).collect();
        let samples = Synthesis::new(512).samples(&Period { harmonics });
        // Its own mean over a period is zero, as flow begins and ends at none.
        for (n, expected) in [(100, 0.0), (320, 2.0 * 0.25 - 3.0 * 0.0625), (480, 2.0 * 0.875 - 3.0 * 0.765_625)] {
            assert!((samples[n] - expected).abs() < 0.02, "{n}: {} for {expected}", samples[n]);
        }
    }

    #[test]
    fn the_strongest_harmonics_lie_at_the_vowel() {
        for (vowel, at_hz) in [(0.0, 730.0), (2.0, 270.0), (3.0, 570.0)] {
            let tone = Voice.period(&[vowel, 1.0, 90.0], 0.46).unwrap();
            let loudest =
                (0..20).max_by(|a, b| tone.harmonics[*a].norm().total_cmp(&tone.harmonics[*b].norm())).unwrap();
            let found_hz = 90.0 * (loudest + 1) as f64;
            assert!((found_hz - at_hz).abs() < 60.0, "vowel {vowel}: {found_hz} for {at_hz}");
        }
    }
}
