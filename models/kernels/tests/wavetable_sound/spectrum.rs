//! What lies at the harmonics of a steady tone and what lies between them, by a Kaiser-windowed spectrum.
use realfft::num_complex::Complex64;
use realfft::{RealFftPlanner, RealToComplex};
use std::f64::consts::{PI, TAU};
use std::sync::Arc;

/// Samples of a measured tone: the lowest note's harmonics lie 44 bins apart at 96 kHz.
pub const LENGTH: usize = 1 << 17;
/// Side lobes below -290 dB, under the rounding of f64.
const BETA: f64 = 38.0;
/// Half the main lobe's width in bins, `sqrt(1 + (BETA / pi)^2)` and one more.
const LOBE: usize = 14;

/// What was found of a tone.
pub struct Found {
    /// Power off the harmonics over power at them, in dB.
    pub between_db: f64,
    /// Power of the mean over that at the harmonics, in dB.
    pub mean_db: f64,
    /// The fundamental's distance from where it should be.
    pub cents: f64,
}

/// A spectrum with everything it needs.
pub struct Analyser {
    plan: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
}

/// Modified Bessel function of the first kind and order 0, by its series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > 1e-18 * sum {
        term *= (x / (2.0 * k)).powi(2);
        sum += term;
        k += 1.0;
    }
    sum
}

/// A symmetric Kaiser window.
pub fn kaiser(length: usize, beta: f64) -> Vec<f64> {
    let at = |n: usize| 2.0 * n as f64 / (length - 1) as f64 - 1.0;
    (0..length).map(|n| bessel_i0(beta * (1.0 - at(n).powi(2)).max(0.0).sqrt()) / bessel_i0(beta)).collect()
}

impl Analyser {
    pub fn new() -> Self {
        Self { plan: RealFftPlanner::new().plan_fft_forward(LENGTH), window: kaiser(LENGTH, BETA) }
    }

    /// Measures [`LENGTH`] samples of a tone whose fundamental is given in cycles a sample.
    pub fn measure(&mut self, sound: &[f32], frequency: f64) -> Found {
        let mut input: Vec<f64> = sound.iter().zip(&self.window).map(|(x, w)| f64::from(*x) * w).collect();
        let mut spectrum = self.plan.make_output_vec();
        self.plan.process(&mut input, &mut spectrum).expect("lengths are the plan's");
        let spacing = frequency * LENGTH as f64;
        let near = |bin: usize| {
            let harmonic = (bin as f64 / spacing).round().max(1.0);
            (bin as f64 - harmonic * spacing).abs() <= LOBE as f64
        };
        let (mut at, mut between, mut mean) = (0.0, 0.0, 0.0);
        for (bin, x) in spectrum.iter().enumerate() {
            let power = x.norm_sqr();
            if bin <= LOBE {
                mean += power * if bin == 0 { 0.5 } else { 1.0 };
            } else if near(bin) {
                at += power;
            } else {
                between += power;
            }
        }
        let db = |power: f64| 10.0 * (power / at).log10();
        Found { between_db: db(between), mean_db: db(mean), cents: cents(sound, frequency) }
    }
}

/// How far the fundamental is from its place, by its phase in the two halves of the sound.
fn cents(sound: &[f32], frequency: f64) -> f64 {
    let half = LENGTH / 2;
    // Lobes of 6 bins of the half keep the second harmonic out from 9 Hz on.
    let window = kaiser(half, 18.0);
    let phasor = |start: usize| -> Complex64 {
        let at = |n: usize| (frequency * (start + n) as f64).fract();
        (0..half).map(|n| Complex64::from_polar(f64::from(sound[start + n]) * window[n], -TAU * at(n))).sum()
    };
    let turns = (phasor(half) * phasor(0).conj()).arg() / (2.0 * PI);
    1200.0 * (1.0 + turns / half as f64 / frequency).log2()
}
