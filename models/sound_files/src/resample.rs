//! Another sample rate, offline: a windowed sinc whose every output sample sits exactly where it belongs.
//!
//! The streaming converter of the kernels knows its delay to a fraction of a sample only; here both rates are whole numbers,
//! so output `k` lies at input position `k from / to`, an exact fraction, and pairs of recordings stay aligned.

use std::f64::consts::PI;

use anyhow::{Result, ensure};

/// Zero crossings of the sinc on either side, at the lower of the two rates.
const CROSSINGS: usize = 64;

/// Kaiser's beta for side lobes below -110 dB (Kaiser 1974).
const BETA: f64 = 11.5;

/// -6 dB point over half the lower rate: with this window the stop band begins at half the lower rate.
const CUTOFF: f64 = 0.94;

/// A sound at another rate: flat to 0.44 of the lower rate, images and aliases below -100 dB, no delay, `len to / from`
/// samples rounded up. Before and after the sound is silence.
pub fn resample(sound: &[f32], from_hz: f64, to_hz: f64) -> Result<Vec<f32>> {
    for hz in [from_hz, to_hz] {
        ensure!(
            hz.fract() == 0.0 && (1.0..=10e6).contains(&hz),
            "sample rate {hz} Hz: expected a whole number from 1 Hz to 10 MHz; choose a usual rate such as 44100 or 48000"
        );
    }
    let (from, to) = (from_hz as usize, to_hz as usize);
    if from == to {
        return Ok(sound.to_vec());
    }
    let common = greatest_common_divisor(from, to);
    let (step, phases) = (from / common, to / common);
    let scale = CUTOFF * (to_hz / from_hz).min(1.0);
    let reach = (CROSSINGS as f64 / scale).ceil() as usize;
    // The kernel of each phase, made when first needed: coprime rates have as many phases as samples.
    let mut kernels: Vec<Vec<f64>> = vec![Vec::new(); phases];
    let len = (sound.len() * phases).div_ceil(step);
    let resampled = (0..len).map(|k| {
        let (whole, phase) = (k * step / phases, k * step % phases);
        if kernels[phase].is_empty() {
            kernels[phase] = kernel(phase as f64 / phases as f64, scale, reach);
        }
        // Tap j of the kernel weighs input `whole + j + 1 - reach`.
        let first = (reach - 1).saturating_sub(whole);
        let last = (2 * reach).min(sound.len() + reach - 1 - whole.min(sound.len() + reach - 1));
        let taps = first..last.max(first);
        let input = whole + taps.start + 1 - reach;
        let y: f64 =
            kernels[phase][taps].iter().zip(&sound[input.min(sound.len())..]).map(|(h, &x)| h * f64::from(x)).sum();
        y as f32
    });
    Ok(resampled.collect())
}

/// Kaiser-windowed sinc around `reach - 1 + fraction`, `2 reach` taps that sum to one.
fn kernel(fraction: f64, scale: f64, reach: usize) -> Vec<f64> {
    let taps: Vec<f64> = (0..2 * reach)
        .map(|j| {
            let x = j as f64 + 1.0 - reach as f64 - fraction;
            let edge = (1.0 - (x / reach as f64).powi(2)).max(0.0).sqrt();
            let angle = PI * scale * x;
            let sinc = if angle == 0.0 { 1.0 } else { angle.sin() / angle };
            sinc * bessel_i0(BETA * edge)
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| tap / sum).collect()
}

/// Modified Bessel function of the first kind, order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= (x / (2.0 * k)).powi(2);
        sum += term;
        k += 1.0;
    }
    sum
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate_hz: f64, len: usize) -> Vec<f32> {
        (0..len).map(|n| (2.0 * PI * hz * n as f64 / rate_hz + 0.4).sin() as f32).collect()
    }

    #[test]
    fn a_tone_stays_in_place_at_every_pair_of_rates() {
        for (from_hz, to_hz) in [
            (44_100.0, 48_000.0),
            (48_000.0, 44_100.0),
            (96_000.0, 44_100.0),
            (16_000.0, 44_100.0),
            (44_100.0, 44_101.0),
        ] {
            let hz = 0.42 * f64::min(from_hz, to_hz);
            let sound = tone(hz, from_hz, 6000);
            let back = resample(&sound, from_hz, to_hz).unwrap();
            assert_eq!(back.len(), (6000.0 * to_hz / from_hz).ceil() as usize);
            let exact = tone(hz, to_hz, back.len());
            for n in back.len() / 3..2 * back.len() / 3 {
                assert!((back[n] - exact[n]).abs() < 1e-5, "{from_hz} to {to_hz}, sample {n}: {}", back[n] - exact[n]);
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        let sound = tone(0.53 * 44_100.0, 96_000.0, 20_000);
        let back = resample(&sound, 96_000.0, 44_100.0).unwrap();
        let loudest = back[2000..7000].iter().fold(0.0f32, |loudest, x| loudest.max(x.abs()));
        assert!(loudest < 1e-5, "{loudest}");
    }

    #[test]
    fn short_sounds_and_odd_rates_are_safe() {
        assert!(resample(&[], 44_100.0, 48_000.0).unwrap().is_empty());
        assert_eq!(resample(&[1.0], 44_100.0, 11_025.0).unwrap().len(), 1);
        assert_eq!(resample(&[1.0, 2.0], 8000.0, 8000.0).unwrap(), [1.0, 2.0]);
        assert!(resample(&[1.0], 44_100.5, 48_000.0).is_err());
    }
}
