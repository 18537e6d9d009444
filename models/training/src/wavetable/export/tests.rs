//! Periods at other lengths.
use super::*;
use std::f64::consts::TAU;

#[test]
fn a_resampled_period_has_the_same_harmonics_and_no_mean() {
    let wave = |length: usize, mean: f64, most: u32| -> Vec<f32> {
        let at = |n: usize| {
            let turn = n as f64 / length as f64;
            mean + (1..=most).map(|k| (TAU * f64::from(k) * turn + f64::from(k)).sin() / f64::from(k)).sum::<f64>()
        };
        (0..length).map(|n| at(n) as f32).collect()
    };
    for (from, to, most) in [(2048, 512, 200), (100, 512, 40), (201, 200, 90)] {
        let found = resampled(&wave(from, 0.3, most), to);
        for (found, expected) in found.iter().zip(wave(to, 0.0, most)) {
            assert!((found - expected).abs() < 1e-4, "{from} to {to}: {found} for {expected}");
        }
    }
    // What does not fit is left out rather than folded.
    let found = resampled(&wave(512, 0.0, 100), 64);
    for (found, expected) in found.iter().zip(wave(64, 0.0, 31)) {
        assert!((found - expected).abs() < 1e-4);
    }
}
