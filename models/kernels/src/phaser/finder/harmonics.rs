//! A constant and six harmonics of the LFO for each band, and their least-squares fit.
//!
//! Frames are first gathered into bins of phase: what a frame tells depends on its phase only, so one pass over the frames
//! replaces the normal equations of each of them.

use std::f64::consts::TAU;

use realfft::num_complex::Complex64;

use super::band_ratio::{BANDS, BandRatio};

/// Harmonics of the LFO in the model.
pub const HARMONICS: usize = 6;

/// Unknowns of a band: the constant, then cosine and sine of each harmonic.
const UNKNOWNS: usize = 1 + 2 * HARMONICS;

/// Phase bins a turn. Half a bin is 0.05 rad of the sixth harmonic, which weakens its amplitude by less than 0.1 %.
pub const BINS: usize = 360;

/// Part of a band's weight that pulls its harmonics to zero, for bands that were hardly heard.
const RIDGE: f64 = 1e-3;

/// One band's log energy ratio as a function of the LFO phase.
#[derive(Clone, Copy, Debug, Default)]
pub struct Harmonics {
    /// Mean.
    pub constant: f64,
    /// `Z_m`, m = 1..6.
    pub amplitudes: [Complex64; HARMONICS],
}

impl Harmonics {
    /// Value at a phase.
    pub fn at(&self, turns: f64) -> f64 {
        let one = Complex64::from_polar(1.0, TAU * turns);
        let mut turned = one;
        let mut sum = self.constant;
        for amplitude in &self.amplitudes {
            sum += (amplitude * turned).re;
            turned *= one;
        }
        sum
    }
}

/// Frames gathered by phase: `[band][bin]`.
#[derive(Clone, Debug)]
pub struct PhaseBins {
    /// Number of frames.
    pub weight: Vec<[f64; BINS]>,
    /// Sum of their log energy ratios.
    pub sum: Vec<[f64; BINS]>,
    /// Sum of their squares, over all bins: `[band]`.
    pub square: Vec<f64>,
}

impl PhaseBins {
    /// Sorts all frames by the phase, in turns, that the given function of time in seconds gives them.
    pub fn gather(ratio: &BandRatio, turns: impl Fn(f64) -> f64) -> Self {
        Self::gather_frames(ratio, 0..ratio.frames(), turns)
    }

    /// Sorts some of the frames.
    pub fn gather_frames(ratio: &BandRatio, frames: std::ops::Range<usize>, turns: impl Fn(f64) -> f64) -> Self {
        let bins: Vec<usize> = frames
            .clone()
            .map(|frame| {
                let turns = turns(ratio.time_s(frame));
                ((turns - turns.floor()) * BINS as f64) as usize % BINS
            })
            .collect();
        let mut all =
            Self { weight: vec![[0.0; BINS]; BANDS], sum: vec![[0.0; BINS]; BANDS], square: vec![0.0; BANDS] };
        for band in 0..BANDS {
            let (row, audible) = (&ratio.ratio[band][frames.clone()], &ratio.audible[band][frames.clone()]);
            for ((&value, _), &bin) in row.iter().zip(audible).zip(&bins).filter(|((_, audible), _)| **audible) {
                all.weight[band][bin] += 1.0;
                all.sum[band][bin] += value;
                all.square[band] += value * value;
            }
        }
        all
    }

    /// Number of band frames gathered.
    pub fn count(&self) -> f64 {
        self.weight.iter().flatten().sum()
    }

    /// The harmonics of each band that fit best.
    pub fn solve(&self) -> [Harmonics; BANDS] {
        let basis = basis();
        std::array::from_fn(|band| {
            let x = self.solve_band(band, &basis).0;
            Harmonics {
                constant: x[0],
                amplitudes: std::array::from_fn(|m| Complex64::new(x[1 + 2 * m], -x[2 + 2 * m])),
            }
        })
    }

    /// Part of the variance of all bands together that the best harmonics explain.
    pub fn explained_variance(&self) -> f64 {
        let basis = basis();
        let (mut explained, mut total) = (0.0, 0.0);
        for band in 0..BANDS {
            let weight: f64 = self.weight[band].iter().sum();
            if weight > 0.0 {
                let sum: f64 = self.sum[band].iter().sum();
                let mean_part = sum * sum / weight;
                explained += self.solve_band(band, &basis).1 - mean_part;
                total += self.square[band] - mean_part;
            }
        }
        if total > 0.0 { explained / total } else { 0.0 }
    }

    /// Unknowns of a band and the energy that they explain.
    fn solve_band(&self, band: usize, basis: &[[f64; UNKNOWNS]]) -> ([f64; UNKNOWNS], f64) {
        let mut matrix = [[0.0; UNKNOWNS]; UNKNOWNS];
        let mut right = [0.0; UNKNOWNS];
        let mut weight = 0.0;
        for ((&w, &sum), row) in self.weight[band].iter().zip(&self.sum[band]).zip(basis) {
            if w > 0.0 {
                weight += w;
                for i in 0..UNKNOWNS {
                    right[i] += sum * row[i];
                    for j in 0..=i {
                        matrix[i][j] += w * row[i] * row[j];
                    }
                }
            }
        }
        if weight == 0.0 {
            return ([0.0; UNKNOWNS], 0.0);
        }
        let mut ridged = matrix;
        for i in 1..UNKNOWNS {
            ridged[i][i] += RIDGE * weight;
        }
        let x = cholesky_solve(ridged, right);
        let mut explained = 0.0;
        for i in 0..UNKNOWNS {
            explained += 2.0 * x[i] * right[i];
            for j in 0..UNKNOWNS {
                explained -= x[i] * x[j] * matrix[i.max(j)][i.min(j)];
            }
        }
        (x, explained)
    }
}

/// Constant, cosines and sines at the middle of each bin.
fn basis() -> Vec<[f64; UNKNOWNS]> {
    (0..BINS)
        .map(|bin| {
            let angle = TAU * (bin as f64 + 0.5) / BINS as f64;
            std::array::from_fn(|i| {
                let m = i.div_ceil(2) as f64;
                match i {
                    0 => 1.0,
                    i if i % 2 == 1 => (m * angle).cos(),
                    _ => (m * angle).sin(),
                }
            })
        })
        .collect()
}

/// Solves a symmetric positive definite system given by its lower triangle.
fn cholesky_solve(mut a: [[f64; UNKNOWNS]; UNKNOWNS], mut x: [f64; UNKNOWNS]) -> [f64; UNKNOWNS] {
    for i in 0..UNKNOWNS {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| a[i][k] * a[j][k]).sum();
            a[i][j] = if i == j { (a[i][i] - dot).max(1e-300).sqrt() } else { (a[i][j] - dot) / a[j][j] };
        }
        let dot: f64 = (0..i).map(|k| a[i][k] * x[k]).sum();
        x[i] = (x[i] - dot) / a[i][i];
    }
    for i in (0..UNKNOWNS).rev() {
        let dot: f64 = (i + 1..UNKNOWNS).map(|k| a[k][i] * x[k]).sum();
        x[i] = (x[i] - dot) / a[i][i];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ratio that follows known harmonics exactly.
    fn made(frames: usize, hop_s: f64, value: impl Fn(f64) -> f64) -> BandRatio {
        let row: Vec<f64> = (0..frames).map(|frame| value(frame as f64 * hop_s)).collect();
        BandRatio { ratio: vec![row; BANDS], audible: vec![vec![true; frames]; BANDS], hop_s, first_s: 0.0 }
    }

    #[test]
    fn harmonics_that_are_there_are_found() {
        let truth = Harmonics {
            constant: -1.0,
            amplitudes: std::array::from_fn(|m| Complex64::from_polar(1.0 / (m + 1) as f64, m as f64)),
        };
        let ratio = made(20_000, 0.0061, |time_s| truth.at(0.7 * time_s));
        let bins = PhaseBins::gather(&ratio, |time_s| 0.7 * time_s);
        assert!(bins.explained_variance() > 0.999, "{}", bins.explained_variance());
        for band in bins.solve() {
            assert!((band.constant + 1.0).abs() < 0.01);
            for (found, exact) in band.amplitudes.iter().zip(&truth.amplitudes) {
                assert!((found - exact).norm() < 0.02 * exact.norm(), "{found} {exact}");
            }
        }
    }

    #[test]
    fn a_wrong_rate_explains_nothing() {
        let ratio = made(20_000, 0.0061, |time_s| (TAU * 0.7 * time_s).cos());
        assert!(PhaseBins::gather(&ratio, |time_s| 0.8 * time_s).explained_variance() < 0.01);
    }

    #[test]
    fn nothing_heard_is_nothing_found() {
        let mut ratio = made(100, 0.006, |time_s| time_s);
        ratio.audible = vec![vec![false; 100]; BANDS];
        let bins = PhaseBins::gather(&ratio, |time_s| time_s);
        assert_eq!((bins.count(), bins.explained_variance()), (0.0, 0.0));
        assert!(bins.solve().iter().all(|band| band.constant == 0.0));
    }
}
