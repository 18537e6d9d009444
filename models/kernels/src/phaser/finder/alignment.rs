//! How a recorded output lies to its input: delay and polarity.
//!
//! Both are read off the mean impulse response from dry to wet. A phaser's direct path makes its first and largest tap; the
//! all-pass chain smears what it adds behind that.

use realfft::{RealFftPlanner, num_complex::Complex64};

/// Samples of a frame: delays up to a quarter of it are found.
const FRAME: usize = 4096;

/// Energy, over the mean energy of all bins, below which a bin of the dry sound says nothing about the pedal.
const REGULAR: f64 = 1e-4;

/// Samples by which `wet` comes after `dry` (negative: before), -1024..1024. 0 if either is silent.
pub fn lag_samples(dry: &[f32], wet: &[f32]) -> i64 {
    largest_tap(dry, wet).0
}

/// -1 if `wet` has the opposite polarity of `dry`, else 1.
pub fn match_polarity(dry: &[f32], wet: &[f32]) -> f32 {
    if largest_tap(dry, wet).1 < 0.0 { -1.0 } else { 1.0 }
}

/// Delay and value of the largest tap of the mean impulse response.
fn largest_tap(dry: &[f32], wet: &[f32]) -> (i64, f64) {
    let response = mean_response(dry, wet);
    let reach = FRAME as i64 / 4;
    let tap = |lag: i64| response[lag.rem_euclid(FRAME as i64) as usize];
    let lag = (-reach..=reach)
        .max_by(|&a, &b| tap(a).abs().total_cmp(&tap(b).abs()).then(b.abs().cmp(&a.abs())))
        .expect("the range is not empty");
    (lag, tap(lag))
}

/// The filter that turns `dry` into `wet` best if it stands still, `E{conj(D) W} / E{|D|^2}`: `[FRAME]` taps, those before the
/// sample itself at the end.
pub fn mean_response(dry: &[f32], wet: &[f32]) -> Vec<f64> {
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, inverse) = (planner.plan_fft_forward(FRAME), planner.plan_fft_inverse(FRAME));
    let mut cross = vec![Complex64::default(); FRAME / 2 + 1];
    let mut power = vec![0.0; FRAME / 2 + 1];
    let (mut input, mut d, mut w) = (forward.make_input_vec(), forward.make_output_vec(), forward.make_output_vec());
    // A short recording is one frame, followed by silence.
    let len = dry.len().min(wet.len());
    for start in (0..len.saturating_sub(FRAME - 1).max(1)).step_by(FRAME / 2) {
        for (sound, spectrum) in [(dry, &mut d), (wet, &mut w)] {
            input.fill(0.0);
            for (n, (y, &x)) in input.iter_mut().zip(&sound[start..len]).enumerate() {
                let hann = (std::f64::consts::PI * n as f64 / FRAME as f64).sin().powi(2);
                *y = hann * f64::from(x);
            }
            forward.process(&mut input, spectrum).expect("buffers were made by the plan");
        }
        for bin in 0..power.len() {
            cross[bin] += d[bin].conj() * w[bin];
            power[bin] += d[bin].norm_sqr();
        }
    }
    let floor = REGULAR * power.iter().sum::<f64>() / power.len() as f64 + f64::MIN_POSITIVE;
    for bin in 0..power.len() {
        cross[bin] /= power[bin] + floor;
    }
    // Numbers that the inverse transform wants real.
    (cross[0].im, cross[FRAME / 2].im) = (0.0, 0.0);
    let mut response = inverse.make_output_vec();
    inverse.process(&mut cross, &mut response).expect("buffers were made by the plan");
    response.iter_mut().for_each(|tap| *tap /= FRAME as f64);
    response
}

#[cfg(test)]
mod tests {
    use super::super::stand_in;
    use super::*;
    use crate::nn::naive::noise;

    #[test]
    fn delay_and_polarity_of_a_phased_sound_are_found() {
        let dry = noise(5, 200_000);
        let wet = stand_in::play(&dry, 44_100.0, |time_s| time_s);
        let inverted: Vec<f32> = wet.iter().map(|x| -x).collect();
        assert_eq!((lag_samples(&dry, &wet), match_polarity(&dry, &wet)), (0, 1.0));
        assert_eq!(lag_samples(&dry[..100_000], &wet[300..100_300]), -300);
        assert_eq!(lag_samples(&dry[7..100_007], &inverted[..100_000]), 7);
        assert_eq!(match_polarity(&dry[7..100_007], &inverted[..100_000]), -1.0);
    }

    #[test]
    fn silence_and_short_sounds_have_no_lag() {
        assert_eq!(lag_samples(&[], &[]), 0);
        assert_eq!(lag_samples(&[0.0; 10_000], &[0.0; 10_000]), 0);
        assert_eq!(lag_samples(&[1.0, 0.0, 0.0], &[0.5, 0.0, 0.0]), 0);
    }
}
