//! Pitch of a sound around a moment, by the normalised square difference (McLeod, Wyvill 2005). Not real time.
use crate::wavetable::period::refined;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::sync::Arc;

/// Lowest and highest pitch that is found, in Hz.
pub const RANGE_HZ: [f64; 2] = [40.0, 2400.0];
/// Length of the stretch that is looked at, in periods of the lowest pitch.
const STRETCH: f64 = 2.5;
/// The first peak that is that much of the highest counts as the period: later ones are its multiples.
const FIRST_PEAK: f64 = 0.93;
/// Periods over which the length is measured at last.
const PERIODS: usize = 4;
/// Quietest stretch in which a pitch is looked for, RMS.
const SILENCE: f64 = 1e-4;

/// What sounds around a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pitch {
    /// Length of a period in samples, between samples.
    pub period_samples: f64,
    /// How well the sound repeats after it, up to 1.
    pub clarity: f64,
}

/// Finds pitches at one rate.
pub struct PitchTracker {
    /// Samples of a stretch.
    stretch: usize,
    /// Shortest and longest period in samples.
    lags: [usize; 2],
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
}

impl PitchTracker {
    /// For a rate in Hz.
    pub fn new(rate_hz: f64) -> Self {
        let stretch = (STRETCH * rate_hz / RANGE_HZ[0]) as usize;
        let lags = [(rate_hz / RANGE_HZ[1]).max(2.0) as usize, (rate_hz / RANGE_HZ[0]).ceil() as usize + 1];
        let size = (2 * stretch).next_power_of_two();
        let mut planner = RealFftPlanner::new();
        Self { stretch, lags, forward: planner.plan_fft_forward(size), inverse: planner.plan_fft_inverse(size) }
    }

    /// Samples that [`Self::find`] looks at.
    pub fn stretch(&self) -> usize {
        self.stretch
    }

    /// The pitch of a stretch; none in silence and in noise without any peak.
    pub fn find(&self, stretch: &[f64]) -> Option<Pitch> {
        let mean = stretch.iter().sum::<f64>() / stretch.len().max(1) as f64;
        let sound: Vec<f64> = stretch.iter().map(|x| x - mean).collect();
        let power = sound.iter().map(|x| x * x).sum::<f64>() / sound.len().max(1) as f64;
        if sound.len() < self.stretch || power < SILENCE * SILENCE {
            return None;
        }
        let likeness = self.likeness(&sound);
        let [shortest, longest] = self.lags;
        // Before the first fall below zero the sound only resembles itself because it hardly moved.
        let first = (1..longest).find(|lag| likeness[*lag] < 0.0)?.max(shortest);
        let peaks: Vec<usize> = (first..longest - 1)
            .filter(|lag| {
                likeness[*lag] > 0.0 && likeness[*lag] >= likeness[lag - 1] && likeness[*lag] > likeness[lag + 1]
            })
            .collect();
        let highest = peaks.iter().map(|lag| likeness[*lag]).fold(0.0, f64::max);
        let lag = *peaks.iter().find(|lag| likeness[**lag] >= FIRST_PEAK * highest)?;
        let (period_samples, _) = refined(&sound, lag as f64, PERIODS);
        Some(Pitch { period_samples, clarity: likeness[lag] })
    }

    /// `2 sum x(n) x(n + lag) / sum (x(n)^2 + x(n + lag)^2)` for every lag up to the longest.
    fn likeness(&self, sound: &[f64]) -> Vec<f64> {
        let mut padded = self.forward.make_input_vec();
        padded[..self.stretch].copy_from_slice(&sound[..self.stretch]);
        let mut spectrum = self.forward.make_output_vec();
        // Buffers are the plans' own, and a square has no imaginary part.
        let _ = self.forward.process(&mut padded, &mut spectrum);
        spectrum.iter_mut().for_each(|x| *x = (x.norm_sqr() / padded.len() as f64).into());
        let mut products = self.inverse.make_output_vec();
        let _ = self.inverse.process(&mut spectrum, &mut products);
        let mut power = 2.0 * sound[..self.stretch].iter().map(|x| x * x).sum::<f64>();
        let mut likeness = Vec::with_capacity(self.lags[1] + 1);
        for lag in 0..=self.lags[1] {
            likeness.push(2.0 * products[lag] / power.max(f64::MIN_POSITIVE));
            power -= sound[lag].powi(2) + sound[self.stretch - 1 - lag].powi(2);
        }
        likeness
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::naive::noise;
    use std::f64::consts::TAU;

    #[test]
    fn pitches_of_bright_and_hollow_tones_are_found_between_samples() {
        let tracker = PitchTracker::new(48_000.0);
        for pitch_hz in [55.0, 196.3, 440.0, 1234.5] {
            for step in [1, 2] {
                let sample = |n: usize| {
                    let harmonics = (1..=12).step_by(step).filter(|k| f64::from(*k) * pitch_hz < 20_000.0);
                    harmonics.map(|k| (TAU * f64::from(k) * pitch_hz * n as f64 / 48_000.0).sin() / f64::from(k)).sum()
                };
                let sound: Vec<f64> = (0..tracker.stretch()).map(sample).collect();
                let found = tracker.find(&sound).unwrap();
                let cents = 1200.0 * (48_000.0 / found.period_samples / pitch_hz).log2();
                assert!(cents.abs() < 1.0 && found.clarity > 0.95, "{pitch_hz} Hz, every {step}.: {cents} cents");
            }
        }
    }

    #[test]
    fn noise_is_not_clear_and_silence_has_no_pitch() {
        let tracker = PitchTracker::new(44_100.0);
        let noise: Vec<f64> = noise(1, tracker.stretch()).into_iter().map(f64::from).collect();
        assert!(tracker.find(&noise).is_none_or(|pitch| pitch.clarity < 0.4));
        assert_eq!(tracker.find(&vec![0.0; tracker.stretch()]), None);
    }
}
