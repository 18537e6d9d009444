//! The multi-resolution STFT distance as a training loss: one operation with its own gradient, because candle has no FFT.
//!
//! Form of Steinmetz and Reiss (auraloss, 2020), as `metrics::mrstft`, with longer hops: a gradient needs no fine grid.
//! ```text
//! L = mean over resolutions and windows of  || |Y| - |E| ||_F / || |Y| ||_F  +  mean | ln |Y| - ln |E| |
//! ```
//! Both magnitudes are raised to a floor under each target's loudest bin, so that empty bands do not decide.
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::f32::consts::TAU;
use std::sync::{Arc, Mutex};

/// FFT and hop in samples; the periodic Hann window is as long as the FFT.
const RESOLUTIONS: [(usize, usize); 3] = [(1024, 256), (2048, 512), (512, 128)];
/// Magnitudes below the target's largest by more than this factor are raised to it: 80 dB.
const FLOOR: f32 = 1e-4;
/// Least magnitude of all, for silent targets.
const LEAST: f32 = 1e-7;

/// Transforms of one resolution.
struct Resolution {
    hop: usize,
    hann: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

/// The loss with its transforms.
#[derive(Clone)]
pub struct SpectralLoss {
    resolutions: Arc<Vec<Resolution>>,
}

impl Default for SpectralLoss {
    fn default() -> Self {
        let mut planner = RealFftPlanner::<f32>::new();
        let resolutions = RESOLUTIONS.map(|(fft, hop)| Resolution {
            hop,
            hann: (0..fft).map(|n| 0.5 - 0.5 * (TAU * n as f32 / fft as f32).cos()).collect(),
            forward: planner.plan_fft_forward(fft),
            inverse: planner.plan_fft_inverse(fft),
        });
        Self { resolutions: Arc::new(resolutions.into()) }
    }
}

impl SpectralLoss {
    /// Distance of `estimate` from `target`, both `[windows, samples]`, as a scalar; only the estimate has a gradient.
    /// Windows shorter than the longest FFT count only in the resolutions that fit.
    pub fn distance(&self, estimate: &Tensor, target: &Tensor) -> Result<Tensor> {
        let (windows, samples) = estimate.dims2()?;
        if target.dims2()? != (windows, samples) {
            candle_core::bail!("estimate {:?} and target {:?} differ in shape", estimate.shape(), target.shape());
        }
        let op = Distance {
            loss: self.clone(),
            target: target.flatten_all()?.to_vec1()?,
            samples,
            gradient: Mutex::new(Vec::new()),
        };
        estimate.contiguous()?.apply_op1(op)
    }

    /// Distance of one window and, added to `gradient`, its derivative by the estimate.
    fn window(&self, estimate: &[f32], target: &[f32], gradient: &mut [f32]) -> f32 {
        self.resolutions.iter().map(|resolution| resolution.distance(estimate, target, gradient)).sum::<f32>()
    }
}

impl Resolution {
    fn distance(&self, estimate: &[f32], target: &[f32], gradient: &mut [f32]) -> f32 {
        let fft = self.hann.len();
        if estimate.len() < fft {
            return 0.0;
        }
        let frames = (estimate.len() - fft) / self.hop + 1;
        let mut spectra = self.spectra(estimate, frames);
        let target: Vec<f32> = self.spectra(target, frames).iter().map(|bin| bin.norm()).collect();
        let floor = (target.iter().copied().fold(0.0, f32::max) * FLOOR).max(LEAST);
        let (mut error, mut energy, mut log_error) = (0.0f64, 0.0f64, 0.0f64);
        for (bin, y) in spectra.iter().zip(&target) {
            let (y, e) = (y.max(floor), bin.norm().max(floor));
            error += f64::from((y - e) * (y - e));
            energy += f64::from(y * y);
            log_error += f64::from((y / e).ln().abs());
        }
        let count = target.len() as f32;
        let (error, energy) = (error.sqrt() as f32, energy.sqrt() as f32);
        // Derivative by each bin, laid along the bin's own direction; a raised bin has none.
        for (bin, y) in spectra.iter_mut().zip(&target) {
            let (y, e) = (y.max(floor), bin.norm());
            *bin = if e <= floor {
                Complex32::ZERO
            } else {
                let by_magnitude = (e - y) / (error * energy).max(f32::MIN_POSITIVE) + (e - y).signum() / (e * count);
                *bin * (by_magnitude / e)
            };
        }
        self.add_adjoint(&mut spectra, gradient);
        error / energy + log_error as f32 / count
    }

    /// Windowed transforms of all frames, `[frame][bin]`.
    fn spectra(&self, sound: &[f32], frames: usize) -> Vec<Complex32> {
        let mut input = self.forward.make_input_vec();
        let mut scratch = self.forward.make_scratch_vec();
        let bins = self.hann.len() / 2 + 1;
        let mut all = vec![Complex32::ZERO; frames * bins];
        for (frame, bins) in all.chunks_exact_mut(bins).enumerate() {
            let sound = &sound[frame * self.hop..];
            for ((input, x), w) in input.iter_mut().zip(sound).zip(&self.hann) {
                *input = x * w;
            }
            self.forward.process_with_scratch(&mut input, bins, &mut scratch).expect("buffers were made by the plan");
        }
        all
    }

    /// The transpose of [`Self::spectra`], added to `sound`.
    fn add_adjoint(&self, spectra: &mut [Complex32], sound: &mut [f32]) {
        let mut output = self.inverse.make_output_vec();
        let mut scratch = self.inverse.make_scratch_vec();
        let last = self.hann.len() / 2;
        for (frame, bins) in spectra.chunks_exact_mut(last + 1).enumerate() {
            // The inverse counts every inner bin twice, once for its mirror image.
            bins[1..last].iter_mut().for_each(|bin| *bin *= 0.5);
            (bins[0].im, bins[last].im) = (0.0, 0.0);
            self.inverse.process_with_scratch(bins, &mut output, &mut scratch).expect("buffers were made by the plan");
            for ((y, x), w) in sound[frame * self.hop..].iter_mut().zip(&output).zip(&self.hann) {
                *y += x * w;
            }
        }
    }
}

/// The operation: value and gradient are computed together, for the gradient needs all that the value does.
struct Distance {
    loss: SpectralLoss,
    /// `[windows][samples]`.
    target: Vec<f32>,
    samples: usize,
    /// Derivative of the value, filled by the forward pass.
    gradient: Mutex<Vec<f32>>,
}

impl CustomOp1 for Distance {
    fn name(&self) -> &'static str {
        "multi-resolution STFT distance"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let estimate = storage.as_slice::<f32>()?;
        let (start, end) = layout.contiguous_offsets().ok_or_else(|| candle_core::Error::msg("expected contiguous"))?;
        let estimate = &estimate[start..end];
        let mut gradient = vec![0.0; estimate.len()];
        let distances: Vec<f32> = estimate
            .par_chunks(self.samples)
            .zip(self.target.par_chunks(self.samples))
            .zip(gradient.par_chunks_mut(self.samples))
            .map(|((estimate, target), gradient)| self.loss.window(estimate, target, gradient))
            .collect();
        let scale = 1.0 / (distances.len() * self.loss.resolutions.len()) as f32;
        gradient.iter_mut().for_each(|g| *g *= scale);
        *self.gradient.lock().expect("no thread panics while it holds the gradient") = gradient;
        Ok((CpuStorage::F32(vec![distances.iter().sum::<f32>() * scale]), Shape::from(())))
    }

    fn bwd(&self, estimate: &Tensor, _value: &Tensor, by_value: &Tensor) -> Result<Option<Tensor>> {
        let gradient = std::mem::take(&mut *self.gradient.lock().expect("as in the forward pass"));
        let gradient = Tensor::from_vec(gradient, estimate.shape(), estimate.device())?;
        Ok(Some(gradient.broadcast_mul(by_value)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use kernels::nn::naive::noise;

    const SAMPLES: usize = 3000;

    fn pair() -> (Vec<f32>, Vec<f32>) {
        let target: Vec<f32> = (0..2 * SAMPLES).map(|n| (0.05 * n as f32).sin() * 0.3).collect();
        let estimate = target.iter().zip(noise(1, 2 * SAMPLES)).map(|(y, n)| 0.8 * y + 0.05 * n).collect();
        (estimate, target)
    }

    fn tensor(sound: &[f32]) -> Tensor {
        Tensor::from_slice(sound, (2, SAMPLES), &Device::Cpu).unwrap()
    }

    fn value(estimate: &[f32], target: &[f32]) -> f64 {
        let loss = SpectralLoss::default().distance(&tensor(estimate), &tensor(target)).unwrap();
        f64::from(loss.to_scalar::<f32>().unwrap())
    }

    #[test]
    fn a_change_of_level_costs_what_the_formula_says() {
        let target = noise(2, 2 * SAMPLES);
        let twice: Vec<f32> = target.iter().map(|y| 2.0 * y).collect();
        // |1 - 2| + ln 2.
        assert!((value(&twice, &target) - 1.0 - 2f64.ln()).abs() < 1e-4);
        assert_eq!(value(&target, &target), 0.0);
    }

    #[test]
    fn the_gradient_is_what_finite_differences_find() {
        let (estimate, target) = pair();
        let var = Var::from_tensor(&tensor(&estimate)).unwrap();
        let loss = SpectralLoss::default().distance(&var, &tensor(&target)).unwrap();
        let grads = (loss * 3.0).unwrap().backward().unwrap();
        let gradient: Vec<f32> = grads.get(&var).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        // Along a random direction, where rounding of single samples does not count.
        for seed in [3, 4, 5] {
            let direction = noise(seed, 2 * SAMPLES);
            let along: f64 = gradient.iter().zip(&direction).map(|(g, d)| f64::from(g * d)).sum();
            let step = 1e-3;
            let moved =
                |sign: f32| -> Vec<f32> { estimate.iter().zip(&direction).map(|(x, d)| x + sign * step * d).collect() };
            let found = 3.0 * (value(&moved(1.0), &target) - value(&moved(-1.0), &target)) / (2.0 * f64::from(step));
            assert!((found - along).abs() < 0.02 * along.abs().max(0.1), "{found} against {along}");
        }
    }

    #[test]
    fn silence_has_a_finite_value_and_gradient() {
        let (estimate, _) = pair();
        let silence = vec![0.0; 2 * SAMPLES];
        for (estimate, target) in [(&estimate, &silence), (&silence, &estimate), (&silence, &silence)] {
            let var = Var::from_tensor(&tensor(estimate)).unwrap();
            let loss = SpectralLoss::default().distance(&var, &tensor(target)).unwrap();
            assert!(loss.to_scalar::<f32>().unwrap().is_finite());
            let grads = loss.backward().unwrap();
            let gradient: Vec<f32> = grads.get(&var).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            assert!(gradient.iter().all(|g| g.is_finite()));
        }
    }
}
