//! One exact period out of a steady sound: its length between samples, its harmonics, and its corner first.
use realfft::num_complex::Complex64;
use realfft::{ComplexToReal, RealFftPlanner};
use std::f64::consts::TAU;
use std::sync::Arc;

/// Search for the true period: this share around the tuned one.
const SEARCH: f64 = 0.03;
/// Periods over which the length is measured at last.
const LONGEST_LAG: usize = 8;
/// A sound is steady when it resembles itself that well after [`LONGEST_LAG`] periods.
const STEADY: f64 = 0.95;
/// Points between which the corner is looked for.
const CORNER_GRID: usize = 4096;
/// Harmonics that a string can sound alone.
const MODES: usize = 8;
/// What may be left of the other harmonics then, of all power.
const MODE_REST: f64 = 1e-3;

/// Samples that [`period`] and [`Period::of`] need for a tuned period.
pub fn samples_needed(tuned_samples: f64) -> usize {
    (((2 * LONGEST_LAG) as f64 + 1.0) * (1.0 + SEARCH) * tuned_samples).ceil() as usize + 2
}

/// Resemblance of a sound with itself after a lag: 1 if it repeats, over a stretch of [`LONGEST_LAG`] tuned periods.
fn resemblance(sound: &[f64], lag: usize, stretch: usize) -> f64 {
    let (a, b) = (&sound[..stretch], &sound[lag..][..stretch]);
    let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let power: f64 = a.iter().zip(b).map(|(a, b)| a * a + b * b).sum();
    if power > 0.0 { 2.0 * product / power } else { 0.0 }
}

/// The lag of highest resemblance within bounds, on the parabola through its neighbours, and that resemblance.
fn best_lag(sound: &[f64], from: f64, to: f64, stretch: usize) -> (f64, f64) {
    let at = |lag: usize| resemblance(sound, lag, stretch);
    let (from, to) = (from.floor() as usize, to.ceil() as usize);
    let best = (from..=to).max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap_or(from);
    let (left, middle, right) = (at(best - 1), at(best), at(best + 1));
    let bend = left - 2.0 * middle + right;
    let shift = if bend < 0.0 { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) } else { 0.0 };
    (best as f64 + shift, middle)
}

/// The true period in samples near the tuned one, measured over ever longer lags; none if the sound is not steady. It is
/// off by at most 1e-4, a sixth of a cent, for a bright sound of 54 samples.
pub fn period(sound: &[f64], tuned_samples: f64) -> Option<f64> {
    let stretch = (LONGEST_LAG as f64 * tuned_samples) as usize;
    let (mut period, _) = best_lag(sound, (1.0 - SEARCH) * tuned_samples, (1.0 + SEARCH) * tuned_samples, stretch);
    let mut resembles = 0.0;
    let mut periods = 2;
    while periods <= LONGEST_LAG {
        let around = periods as f64 * period;
        let (lag, found) = best_lag(sound, around - 1.5, around + 1.5, stretch);
        (period, resembles) = (lag / periods as f64, found);
        periods *= 2;
    }
    (resembles > STEADY).then_some(period)
}

/// A period in samples measured over up to so many of itself, from a first guess, and how well the sound repeats after them.
/// What a sound is too short for is left out.
pub fn refined(sound: &[f64], guess_samples: f64, most_periods: usize) -> (f64, f64) {
    let (mut period, mut resembles) = (guess_samples, 0.0);
    for periods in 1..=most_periods {
        let around = periods as f64 * period;
        let room = sound.len() as f64 - around - 3.0;
        if room < period || around < 4.0 {
            break;
        }
        let (lag, found) = best_lag(sound, around - 1.5, around + 1.5, room as usize);
        (period, resembles) = (lag / periods as f64, found);
    }
    (period, resembles)
}

/// The harmonics of one period.
#[derive(Clone, Debug)]
pub struct Period {
    /// Harmonic 1, 2, …: the real part is the cosine's amplitude.
    pub harmonics: Vec<Complex64>,
}

impl Period {
    /// Projects a sound onto the harmonics of a period, at most `count` of them and below half the rate, over eight periods.
    pub fn of(sound: &[f64], period_samples: f64, count: usize) -> Self {
        Self::over(sound, period_samples, count, LONGEST_LAG)
    }

    /// The same over a number of periods, two at least.
    ///
    /// The Hann window spans whole periods, so that its zeros lie on all the other harmonics; rounding its length to a
    /// sample leaves less than -80 dB of a neighbour.
    pub fn over(sound: &[f64], period_samples: f64, count: usize, periods: usize) -> Self {
        let length = (periods as f64 * period_samples).round() as usize;
        let window: Vec<f64> =
            (0..length).map(|n| (1.0 - (TAU * n as f64 / length as f64).cos()) / length as f64).collect();
        let count = count.min((0.5 * period_samples).ceil() as usize - 1);
        let harmonics = (1..=count).map(|k| {
            let turn = Complex64::from_polar(1.0, -TAU * k as f64 / period_samples);
            let mut phasor = Complex64::new(1.0, 0.0);
            let mut sum = Complex64::ZERO;
            for (n, (x, w)) in sound.iter().zip(&window).enumerate() {
                // Rounding grows with every turn; a fresh start keeps it below 1e-13.
                if n % 256 == 0 {
                    phasor = Complex64::from_polar(1.0, -TAU * (k * n) as f64 / period_samples);
                }
                sum += phasor * (x * w);
                phasor *= turn;
            }
            2.0 * sum
        });
        Self { harmonics: harmonics.collect() }
    }

    /// The harmonics of samples that are one period.
    pub fn of_samples(samples: &[f32]) -> Self {
        let plan = RealFftPlanner::<f64>::new().plan_fft_forward(samples.len());
        let mut input: Vec<f64> = samples.iter().map(|x| f64::from(*x)).collect();
        let mut spectrum = plan.make_output_vec();
        plan.process(&mut input, &mut spectrum).expect("buffers were made by the plan");
        let gain = 2.0 / samples.len() as f64;
        let count = (samples.len() - 1) / 2;
        Self { harmonics: spectrum[1..=count].iter().map(|h| gain * h).collect() }
    }

    /// RMS of the period.
    pub fn rms(&self) -> f64 {
        (0.5 * self.harmonics.iter().map(|h| h.norm_sqr()).sum::<f64>()).sqrt()
    }

    /// Moves the period's start to a place in turns.
    pub fn start_at(&mut self, turns: f64) {
        for (k, h) in self.harmonics.iter_mut().enumerate() {
            *h *= Complex64::from_polar(1.0, TAU * ((k + 1) as f64 * turns).rem_euclid(1.0));
        }
    }

    /// Which harmonic sounds alone with its multiples; 1 for a common tone.
    pub fn mode(&self) -> usize {
        let power = |multiples_of: usize| -> f64 {
            let of = |k: &usize| (k + 1).is_multiple_of(multiples_of);
            (0..self.harmonics.len()).filter(of).map(|k| self.harmonics[k].norm_sqr()).sum()
        };
        let all = power(1);
        (2..=MODES).rev().find(|mode| all - power(*mode) < MODE_REST * all).unwrap_or(1)
    }
}

/// Turns harmonics into samples of one period.
pub struct Synthesis {
    plan: Arc<dyn ComplexToReal<f64>>,
    corner_plan: Arc<dyn ComplexToReal<f64>>,
}

impl Synthesis {
    /// For periods of a length in samples.
    pub fn new(period: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        Self { plan: planner.plan_fft_inverse(period), corner_plan: planner.plan_fft_inverse(CORNER_GRID) }
    }

    /// The samples; harmonics beyond half the length are left out.
    pub fn samples(&self, period: &Period) -> Vec<f64> {
        synthesise(&self.plan, period)
    }

    /// Where the period's largest magnitude lies, in turns.
    pub fn corner_turns(&self, period: &Period) -> f64 {
        let samples = synthesise(&self.corner_plan, period);
        let corner = (0..CORNER_GRID).max_by(|a, b| samples[*a].abs().total_cmp(&samples[*b].abs())).unwrap_or(0);
        corner as f64 / CORNER_GRID as f64
    }
}

fn synthesise(plan: &Arc<dyn ComplexToReal<f64>>, period: &Period) -> Vec<f64> {
    let mut spectrum = plan.make_input_vec();
    let most = spectrum.len() - 2;
    for (bin, h) in spectrum[1..].iter_mut().zip(period.harmonics.iter().take(most)) {
        *bin = 0.5 * h;
    }
    let mut samples = plan.make_output_vec();
    plan.process(&mut spectrum, &mut samples).expect("buffers were made by the plan");
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sound of known harmonics at a period between samples.
    fn sound(period: &Period, period_samples: f64) -> Vec<f64> {
        let at = |n: usize, k: usize| Complex64::from_polar(1.0, TAU * (k * n) as f64 / period_samples);
        let sample = |n| period.harmonics.iter().enumerate().map(|(k, h)| (h * at(n, k + 1)).re).sum();
        (0..samples_needed(period_samples)).map(sample).collect()
    }

    fn saw() -> Period {
        Period { harmonics: (1..=20).map(|k| Complex64::new(0.0, -1.0 / k as f64)).collect() }
    }

    #[test]
    fn a_period_between_samples_and_its_harmonics_are_found() {
        for period_samples in [54.37, 100.402, 436.91] {
            let sound = sound(&saw(), period_samples);
            let found = period(&sound, 1.01 * period_samples).unwrap();
            assert!((found / period_samples - 1.0).abs() < 1e-4, "{found} for {period_samples}");
            let harmonics = Period::of(&sound, period_samples, 20).harmonics;
            for (k, (found, expected)) in harmonics.iter().zip(saw().harmonics).enumerate() {
                assert!((found - expected).norm() < 2e-4, "harmonic {}: {found} for {expected}", k + 1);
            }
        }
    }

    #[test]
    fn noise_has_no_period() {
        let noise: Vec<f64> = crate::nn::naive::noise(1, 2000).into_iter().map(f64::from).collect();
        assert_eq!(period(&noise, 100.0), None);
        assert_eq!(period(&[0.0; 2000], 100.0), None);
    }

    #[test]
    fn the_corner_of_a_period_comes_first_wherever_it_was_cut() {
        let mut spike = Period { harmonics: vec![Complex64::new(-0.1, 0.0); 30] };
        spike.start_at(0.613);
        let synthesis = Synthesis::new(256);
        let corner = synthesis.corner_turns(&spike);
        spike.start_at(corner);
        let samples = synthesis.samples(&spike);
        assert!((samples[0] + 3.0).abs() < 0.01, "{}", samples[0]);
        assert!((spike.rms() - (samples.iter().map(|x| x * x).sum::<f64>() / 256.0).sqrt()).abs() < 1e-9);
    }

    #[test]
    fn samples_of_a_period_give_its_harmonics_back() {
        let samples: Vec<f32> = Synthesis::new(64).samples(&saw()).into_iter().map(|x| x as f32).collect();
        let found = Period::of_samples(&samples);
        assert_eq!(found.harmonics.len(), 31);
        for (k, h) in found.harmonics.iter().enumerate() {
            let expected = saw().harmonics.get(k).copied().unwrap_or(Complex64::ZERO);
            assert!((h - expected).norm() < 1e-6, "harmonic {}: {h}", k + 1);
        }
    }

    #[test]
    fn an_octave_is_told_from_a_common_tone() {
        assert_eq!(saw().mode(), 1);
        let mut octave = saw();
        octave.harmonics.iter_mut().step_by(2).for_each(|h| *h = Complex64::ZERO);
        assert_eq!(octave.mode(), 2);
    }
}
