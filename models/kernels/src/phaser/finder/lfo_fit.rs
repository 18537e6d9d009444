//! Rate and shape of an LFO, fitted to what a phaser did to each band.
//!
//! A harmonic model is fitted to the log energy ratio of each band,
//! ```text
//! L_b(t) = c_b + sum_{m=1..6} Re{ Z_bm exp(2 pi i m f0 t) }
//! ```
//! by weighted least squares over all bands at once; `f0` is the frequency that explains most variance. Six harmonics, not
//! three: a slow wide sweep looks as good at twice its frequency to three of them.

use std::f64::consts::TAU;

use realfft::{RealFftPlanner, num_complex::Complex64};

use super::FindError;
use super::band_ratio::{BANDS, BandRatio};
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
    /// The model, one row for each band, as a function of the phase `f0 t`: it begins wherever the take did.
    pub template: [Harmonics; BANDS],
}

/// Finds the LFO of an aligned pair of recordings. Errors name the reason and the remedy.
pub fn fit(ratio: &BandRatio) -> Result<LfoFit, FindError> {
    let span_s = ratio.span_s();
    if span_s <= 1.0 {
        return Err(FindError::Short { span_s });
    }
    let explained = |rate_hz: f64| PhaseBins::gather(ratio, |time_s| rate_hz * time_s).explained_variance();
    let (rate_hz, explained_variance) = coarse_scan(ratio)
        .into_iter()
        .map(|rate_hz| refine(rate_hz, 0.05 / span_s, &explained))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0.0, 0.0));
    if explained_variance < LEAST_EXPLAINED {
        return Err(FindError::Unexplained { rate_hz, explained_variance });
    }
    let periods = rate_hz * span_s;
    if periods < LEAST_PERIODS * 0.98 {
        return Err(FindError::FewPeriods { rate_hz, periods, span_s });
    }
    let template = PhaseBins::gather(ratio, |time_s| rate_hz * time_s).solve();
    Ok(LfoFit { rate_hz, explained_variance, template })
}

/// The first harmonic of the LFO in each band, whose angle says where the LFO stands.
pub fn first_harmonics(template: &[Harmonics; BANDS]) -> [Complex64; BANDS] {
    std::array::from_fn(|band| template[band].amplitudes[0])
}

/// By how many turns (-0.5..0.5) one LFO is ahead of another at time 0: `arg( sum_b z_b conj(z_b^ref) )`. First harmonics only:
/// matching all six fails now and then between different rates.
pub fn turns_ahead(take: &[Complex64; BANDS], reference: &[Complex64; BANDS]) -> f64 {
    take.iter().zip(reference).map(|(z, reference)| z * reference.conj()).sum::<Complex64>().arg() / TAU
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
mod tests {
    use super::*;

    /// Twenty seconds in which every band goes up and down by six harmonics of a rate, from a phase.
    fn made(rate_hz: f64, start_turns: f64) -> BandRatio {
        let (frames, hop_s) = (3400, 0.0058);
        let template = Harmonics {
            constant: -1.0,
            amplitudes: std::array::from_fn(|m| Complex64::from_polar(0.5 / (m + 1) as f64, m as f64)),
        };
        let row: Vec<f64> = (0..frames).map(|n| template.at(start_turns + rate_hz * n as f64 * hop_s)).collect();
        BandRatio { ratio: vec![row; BANDS], audible: vec![vec![true; frames]; BANDS], hop_s, first_s: 0.0 }
    }

    #[test]
    fn a_rate_between_the_bins_of_the_scan_is_found() {
        for rate_hz in [0.2137, 1.0, 3.3333] {
            let fit = fit(&made(rate_hz, 0.3)).unwrap();
            assert!((fit.rate_hz / rate_hz - 1.0).abs() < 1e-3, "{rate_hz} Hz found as {}", fit.rate_hz);
            assert!(fit.explained_variance > 0.99, "{}", fit.explained_variance);
        }
    }

    #[test]
    fn one_take_is_ahead_of_another_by_the_difference_of_their_phases() {
        let [a, b] = [0.15, 0.4].map(|start| first_harmonics(&fit(&made(1.5, start)).unwrap().template));
        assert!((turns_ahead(&b, &a) - 0.25).abs() < 1e-3 && (turns_ahead(&a, &b) + 0.25).abs() < 1e-3);
    }

    #[test]
    fn fewer_than_two_periods_are_refused() {
        assert!(matches!(fit(&made(0.07, 0.0)), Err(FindError::FewPeriods { .. } | FindError::Unexplained { .. })));
    }
}
