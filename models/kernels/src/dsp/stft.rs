//! Spectra of Hann-windowed frames. Not real time: for what is measured, not for what sounds.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex64};

/// One frame's transform, with everything it needs.
pub struct Stft {
    /// The transform.
    plan: Arc<dyn RealToComplex<f64>>,
    /// Periodic Hann window, at most as long as the transform.
    hann: Vec<f64>,
    /// Windowed frame, filled up with zeros.
    input: Vec<f64>,
    /// Bins 0 to half the length of the transform.
    spectrum: Vec<Complex64>,
    /// The transform's own.
    scratch: Vec<Complex64>,
}

impl Stft {
    /// A transform of `fft` samples of which the first `window` are heard.
    pub fn new(fft: usize, window: usize) -> Self {
        assert!(window <= fft, "window of {window} samples in a transform of {fft}");
        let plan = RealFftPlanner::<f64>::new().plan_fft_forward(fft);
        Self {
            hann: (0..window).map(|n| 0.5 - 0.5 * (TAU * n as f64 / window as f64).cos()).collect(),
            input: plan.make_input_vec(),
            spectrum: plan.make_output_vec(),
            scratch: plan.make_scratch_vec(),
            plan,
        }
    }

    /// The spectrum of a sound's first samples; what the sound lacks is silence.
    pub fn spectrum(&mut self, sound: &[f32]) -> &[Complex64] {
        self.input.fill(0.0);
        for ((y, &x), w) in self.input.iter_mut().zip(sound).zip(&self.hann) {
            *y = f64::from(x) * w;
        }
        self.plan
            .process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch)
            .expect("buffers were made by the plan");
        &self.spectrum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_on_a_bin_is_a_quarter_of_the_frame_high() {
        let sound: Vec<f32> = (0..64).map(|n| (TAU * 5.0 * n as f64 / 64.0).cos() as f32).collect();
        let mut stft = Stft::new(64, 64);
        let spectrum = stft.spectrum(&sound);
        for (bin, value) in spectrum.iter().enumerate() {
            let expected = match bin {
                5 => 16.0,
                4 | 6 => 8.0,
                _ => 0.0,
            };
            assert!((value.norm() - expected).abs() < 1e-5, "bin {bin}: {value}");
        }
        assert!(stft.spectrum(&[]).iter().all(|bin| bin.norm() == 0.0));
    }
}
