//! A bell by frequency modulation (Chowning 1973): one wave bends another's phase, and both die away.
//!
//! Only whole ratios have a period; between two of them the modulator is a mixture of both. High partials die first: the
//! knob `decay` walks through the time of a stroke, so that a sweep of it is the bell.
use super::{Machine, PERIOD, RATE_HZ, control, pitch};
use kernels::checkpoint::{ControlInfo, Curve};
use kernels::wavetable::period::Period;
use std::f64::consts::{PI, TAU};

/// What is left of the index at the end of the stroke, as a power of e.
const INDEX_FALL: f64 = 3.0;
/// What is left of the level then, as a power of e.
const LEVEL_FALL: f64 = 2.0;
/// Phase in radians by which the network's unknown second modulator bends at most, at the third harmonic of the first.
const SECOND: f64 = 0.8;
/// Samples on which a period is computed: nothing of a modulated wave is left at half of it.
const GRID: usize = 4096;

/// What is struck.
pub struct Fm;

impl Machine for Fm {
    fn name(&self) -> &'static str {
        "fm_bell"
    }

    fn description(&self) -> &'static str {
        "A bell by frequency modulation: strike, ratio of the two waves, and the time since the stroke. The latent is what the \
         network made of a second modulator that it was not told about."
    }

    fn controls(&self) -> Vec<ControlInfo> {
        vec![
            control("index", "Strike", "", [0.0, 5.0], 2.5, Curve::Linear),
            control("ratio", "Ratio", "", [1.0, 5.0], 3.0, Curve::Linear),
            control("decay", "Decay", "", [0.0, 1.0], 0.2, Curve::Linear),
            pitch([65.0, 1040.0]),
        ]
    }

    /// Both waves begin at phase 0. A sample below half the rate is kept; strokes on high notes are softer.
    fn period(&self, values: &[f64], hidden: f64) -> Option<Period> {
        let &[strike, ratio, decay, pitch_hz] = values else { return None };
        let softer = (pitch_hz / 65.0).powf(-0.25);
        let index = strike * softer * (-INDEX_FALL * decay).exp();
        let second = SECOND * hidden * (-INDEX_FALL * decay).exp();
        let (lower, share) = (ratio.floor(), ratio.fract());
        // The share turns as an angle, so that it stands still at both whole ratios.
        let share = 0.5 - 0.5 * (PI * share).cos();
        let sample = |n: usize| {
            let theta = TAU * n as f64 / GRID as f64;
            let modulator = |ratio: f64| (ratio * theta).sin();
            let bend = index * ((1.0 - share) * modulator(lower) + share * modulator(lower + 1.0));
            ((theta + bend + second * modulator(3.0 * lower)).sin() * (-LEVEL_FALL * decay).exp()) as f32
        };
        let samples: Vec<f32> = (0..GRID).map(sample).collect();
        let mut period = Period::of_samples(&samples);
        period.harmonics.truncate((PERIOD / 2 - 1).min((0.5 * RATE_HZ / pitch_hz) as usize));
        Some(period)
    }

    fn turns(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_ratio_one_harmonics_are_bessel_functions() {
        let tone = Fm.period(&[1.0, 1.0, 0.0, 65.0], 0.0).unwrap();
        // J0(1) - J2(1) is the first sine's amplitude, J1(1) + J3(1) the second one's.
        for (k, expected) in [(0, 0.765_198 - 0.114_903), (1, 0.440_051 + 0.019_563)] {
            assert!((tone.harmonics[k].norm() - expected).abs() < 1e-4, "{k}: {}", tone.harmonics[k].norm());
        }
    }

    #[test]
    fn a_stroke_dies_away_to_a_sine() {
        let tone = |decay| Fm.period(&[3.0, 3.0, decay, 130.0], 0.0).unwrap();
        let others = |p: &Period| 1.0 - 0.5 * p.harmonics[0].norm_sqr() / p.rms().powi(2);
        assert!(tone(1.0).rms() < 0.2 * tone(0.0).rms());
        assert!(others(&tone(0.0)) > 0.3 && others(&tone(1.0)) < 0.05);
    }
}
