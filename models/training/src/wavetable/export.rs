//! Tables of other synthesizers as periods to learn from, and sweeps of ours as tables.
pub mod command;

use realfft::RealFftPlanner;
pub use sound_files::wavetable_file::{FRAME, MAX_FRAMES, Table, from_wav, is_table, to_wav};

/// A period at another number of samples, without its mean and without harmonics that do not fit: what a network learns.
pub fn resampled(frame: &[f32], period: usize) -> Vec<f32> {
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(frame.len()), planner.plan_fft_inverse(period));
    let (mut input, mut spectrum) = (frame.to_vec(), forward.make_output_vec());
    let (mut target, mut output) = (inverse.make_input_vec(), inverse.make_output_vec());
    let harmonics = (frame.len().min(period) - 1) / 2;
    // Buffers are the plans' own, and bins that must be real are zero.
    let _ = forward.process(&mut input, &mut spectrum);
    let gain = 1.0 / frame.len() as f32;
    for k in 1..=harmonics {
        target[k] = gain * spectrum[k];
    }
    let _ = inverse.process(&mut target, &mut output);
    output
}

#[cfg(test)]
mod tests;
