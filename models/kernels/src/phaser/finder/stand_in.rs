//! A phaser of four all-pass stages for the tests, its phase counted from where its break frequency is highest.
use std::f64::consts::{PI, TAU};

/// Break frequency in the middle of the sweep, in Hz.
const MIDDLE_HZ: f64 = 500.0;
/// Octaves from there to either end.
const OCTAVES: f64 = 1.5;

/// What it makes of a sound; `turns` gives the phase of its LFO at a time in seconds.
pub fn play(dry: &[f32], sample_rate_hz: f64, turns: impl Fn(f64) -> f64) -> Vec<f32> {
    // Of each stage, what went in last and what came out.
    let mut stages = [[0.0f64; 2]; 4];
    let answer = |(n, x): (usize, &f32)| {
        let break_hz = MIDDLE_HZ * (OCTAVES * (TAU * turns(n as f64 / sample_rate_hz)).cos()).exp2();
        let tan = (PI * break_hz / sample_rate_hz).tan();
        let a = (1.0 - tan) / (1.0 + tan);
        let shifted = stages.iter_mut().fold(f64::from(*x), |x, stage| {
            // y[n] = a x[n] - x[n-1] + a y[n-1]
            *stage = [x, a * x - stage[0] + a * stage[1]];
            stage[1]
        });
        (0.5 * (f64::from(*x) + shifted)) as f32
    };
    dry.iter().enumerate().map(answer).collect()
}
