//! The running phase of a note in a recording: what a model with a clock hears while it learns.
use anyhow::{Context, Result};
use realfft::RealFftPlanner;
use std::f64::consts::TAU;

/// The band that is taken for the fundamental, of its frequency.
const BAND: [f64; 2] = [0.7, 1.4];

/// Phase of the fundamental at every sample, in turns 0..1, 0 where it rises through zero. The sound is taken for a loop, so
/// some periods at either end are rough.
pub fn phases_turns(sound: &[f32], fundamental_hz: f64, sample_rate_hz: f64) -> Result<Vec<f32>> {
    let mut planner = RealFftPlanner::<f64>::new();
    let forward = planner.plan_fft_forward(sound.len());
    let inverse = planner.plan_fft_inverse(sound.len());
    let mut input: Vec<f64> = sound.iter().map(|x| f64::from(*x)).collect();
    let mut spectrum = forward.make_output_vec();
    forward.process(&mut input, &mut spectrum).context("the transform refused its own buffers")?;
    let bin_hz = sample_rate_hz / sound.len() as f64;
    let last = spectrum.len() - 1;
    for (k, x) in spectrum.iter_mut().enumerate() {
        let is_inside = (BAND[0]..=BAND[1]).contains(&(k as f64 * bin_hz / fundamental_hz));
        if !is_inside || k == 0 || k == last {
            *x = Default::default();
        }
    }
    // The Hilbert transform turns every partial by a quarter: -i times its spectrum.
    let mut turned: Vec<_> = spectrum.iter().map(|x| realfft::num_complex::Complex::new(x.im, -x.re)).collect();
    let (mut real, mut imaginary) = (inverse.make_output_vec(), inverse.make_output_vec());
    inverse.process(&mut spectrum, &mut real).context("the transform refused its own buffers")?;
    inverse.process(&mut turned, &mut imaginary).context("the transform refused its own buffers")?;
    let turns = |(re, im): (&f64, &f64)| ((im.atan2(*re) / TAU + 0.25).rem_euclid(1.0)) as f32;
    Ok(real.iter().zip(&imaginary).map(turns).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_of_a_tone_with_overtones_is_the_fundamentals() {
        let turns = |t: usize| 0.3 + 442.0 * t as f64 / 16_000.0;
        let sample = |t: usize| 0.2 * (TAU * turns(t)).sin() + 0.3 * (TAU * 2.0 * turns(t)).cos();
        let sound: Vec<f32> = (0..16_000).map(|t| sample(t) as f32).collect();
        for (t, found) in phases_turns(&sound, 440.0, 16_000.0).unwrap().iter().enumerate() {
            let off = (f64::from(*found) - turns(t) + 0.5).rem_euclid(1.0) - 0.5;
            assert!(off.abs() < 1e-3, "{t}: {off} turns");
        }
    }
}
