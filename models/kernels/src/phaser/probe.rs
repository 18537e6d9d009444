//! The magnitude response of a phaser standing still, measured from its weights: what the panel draws.
use super::channel::PhaserState;
use super::{Controls, Phaser};
use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};
use std::sync::Arc;

/// Level of the measuring impulse: small, so that PReLU slopes near one barely matter and no level is exceeded.
const IMPULSE: f32 = 0.1;

/// Shortest spectrum, in samples: bins of 5 Hz at 44.1 kHz.
const SMALLEST_FFT: usize = 8192;

/// Buffers for measuring one model; belongs to the editor, never to the audio thread.
pub struct Probe {
    state: PhaserState,
    fft: Arc<dyn RealToComplex<f32>>,
    /// Impulse response, `[size]`.
    response: Vec<f32>,
    /// Its spectrum, `[size / 2 + 1]`.
    spectrum: Vec<Complex32>,
}

impl Probe {
    /// Allocates for one model.
    pub fn new(model: &Phaser) -> Self {
        // Longer than the response: zeros behind it give points between the bins, which low frequencies need.
        let size = (model.receptive_field_samples() + 1).next_power_of_two().max(SMALLEST_FFT);
        let fft = RealFftPlanner::new().plan_fft_forward(size);
        Self { state: PhaserState::new(model), response: vec![0.0; size], spectrum: fft.make_output_vec(), fft }
    }

    /// Magnitude in dB at each of `frequencies_hz`, with the LFO held at `phase_turns` and the given controls.
    pub fn response_db(
        &mut self,
        model: &Phaser,
        controls: &Controls,
        phase_turns: f64,
        frequencies_hz: &[f32],
        out_db: &mut [f32],
    ) {
        self.state.reset();
        self.state.set_phase(phase_turns);
        self.response.fill(0.0);
        self.response[0] = IMPULSE;
        let held = Controls { running: false, phase_turns: None, ..controls.sane() };
        let field = model.receptive_field_samples() + 1;
        self.state.process(model, &held, 0.0, &mut self.response[..field]);
        let size = self.response.len();
        // The lengths are the plan's own, the only thing this call can fail on.
        if self.fft.process(&mut self.response, &mut self.spectrum).is_err() {
            return;
        }
        let bin_hz = model.info.sample_rate_hz as f32 / size as f32;
        for (out, hz) in out_db.iter_mut().zip(frequencies_hz) {
            // Between bins the complex value is taken from a straight line: the response is much shorter than the FFT.
            let place = (hz / bin_hz).min((self.spectrum.len() - 2) as f32);
            let (low, share) = (place as usize, place.fract());
            let value = self.spectrum[low] * (1.0 - share) + self.spectrum[low + 1] * share;
            *out = 20.0 * (value.norm() / IMPULSE).max(1e-6).log10();
        }
    }
}
