//! What the numbers are that a net learns to give, and the matrix from them to the samples of the model file.
//!
//! Nothing but a matrix stands between harmonics and samples, so a net may learn the ones and its file hold the other. As
//! harmonics each can be weighed: a mean square error of samples hardly knows of the treble.
use kernels::wavetable::period::Period;
use std::f64::consts::TAU;

/// Weight of a harmonic: its size over the set to this power is what its error is divided by. 0 would be the error of
/// samples, 1 would hold all harmonics equally important.
const WHITENING: f64 = 0.5;
/// Smallest size of a harmonic in that, of the largest one.
const FLOOR: f64 = 1e-3;

/// What a net's numbers are.
#[derive(Clone, Debug, PartialEq)]
pub enum Basis {
    /// The frame as it is in the set.
    Frame,
    /// Real and imaginary part of harmonic 1, 2, …, each over its unit.
    Harmonics {
        /// What a harmonic's number 1 stands for, `[harmonics]`.
        units: Vec<f64>,
    },
}

impl Basis {
    /// Harmonics with units from their sizes over a set of periods.
    pub fn harmonics(periods: &[Period]) -> Self {
        let count = periods.iter().map(|p| p.harmonics.len()).max().unwrap_or(0);
        let rms = |k: usize| {
            let power = |p: &Period| p.harmonics.get(k).map_or(0.0, |h| h.norm_sqr());
            (periods.iter().map(power).sum::<f64>() / periods.len() as f64).sqrt()
        };
        let sizes: Vec<f64> = (0..count).map(rms).collect();
        let largest = sizes.iter().copied().fold(0.0, f64::max);
        Self::Harmonics { units: sizes.iter().map(|size| (size / largest).max(FLOOR).powf(WHITENING)).collect() }
    }

    /// How many numbers make a frame of `period` samples.
    pub fn len(&self, period: usize) -> usize {
        match self {
            Self::Frame => period,
            Self::Harmonics { units } => 2 * units.len(),
        }
    }

    /// A frame as the net is to give it.
    pub fn numbers(&self, frame: &[f32]) -> Vec<f32> {
        match self {
            Self::Frame => frame.to_vec(),
            Self::Harmonics { units } => {
                let harmonics = Period::of_samples(frame).harmonics;
                let parts = units.iter().zip(harmonics).flat_map(|(unit, h)| [h.re / unit, h.im / unit]);
                parts.map(|x| x as f32).collect()
            }
        }
    }

    /// The frame of `period` samples that numbers stand for.
    pub fn frame(&self, numbers: &[f32], period: usize) -> Vec<f32> {
        match self {
            Self::Frame => numbers.to_vec(),
            Self::Harmonics { units } => {
                let sample = |n: usize| {
                    let term = |(k, unit): (usize, &f64)| {
                        let (sin, cos) = (TAU * ((k + 1) * n % period) as f64 / period as f64).sin_cos();
                        unit * (f64::from(numbers[2 * k]) * cos - f64::from(numbers[2 * k + 1]) * sin)
                    };
                    units.iter().enumerate().map(term).sum::<f64>() as f32
                };
                (0..period).map(sample).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_frame_are_two_forms_of_one_period() {
        let frame: Vec<f32> = (0..32).map(|n| (n as f32 * 0.7).sin() + if n < 5 { 1.0 } else { 0.0 }).collect();
        let mean = frame.iter().sum::<f32>() / 32.0;
        let basis = Basis::harmonics(&[Period::of_samples(&frame)]);
        assert_eq!(basis.len(32), 30);
        let back = basis.frame(&basis.numbers(&frame), 32);
        // The harmonic at half the length has no place among the numbers.
        let half = frame.iter().enumerate().map(|(n, x)| if n % 2 == 0 { *x } else { -x }).sum::<f32>() / 32.0;
        for n in 0..32 {
            let expected = frame[n] - mean - if n % 2 == 0 { half } else { -half };
            assert!((back[n] - expected).abs() < 1e-5, "{} for {expected}", back[n]);
        }
    }
}
