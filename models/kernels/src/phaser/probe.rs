//! The magnitude response of a phaser standing still, measured from its weights: what the panel draws.
use super::channel::PhaserState;
use super::follower::Follower;
use super::{Controls, Phaser};
use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};
use std::sync::Arc;

/// Highest level of the measuring impulse: small, so that PReLU slopes near one barely matter and no level is exceeded.
const IMPULSE: f32 = 0.1;
/// Most energy that a follower may hear of the impulse, of its knee: what is drawn is the answer to a quiet sound.
const HEARD: f32 = 1e-3;

/// Shortest spectrum, in samples: bins of 5 Hz at 44.1 kHz.
const SMALLEST_FFT: usize = 8192;

/// Buffers for measuring one model; belongs to the editor, never to the audio thread.
pub struct Probe {
    state: PhaserState,
    /// Level of the impulse.
    impulse: f32,
    fft: Arc<dyn RealToComplex<f32>>,
    /// Impulse response, `[size]`.
    response: Vec<f32>,
    /// Its spectrum, `[size / 2 + 1]`.
    spectrum: Vec<Complex32>,
}

/// Places of the LFO at which the shape of a sweep is measured.
pub const SWEEP_PHASES: usize = 24;
/// Movement of the notches in octaves below which a sweep counts as standing still.
const STILL_OCTAVES: f32 = 0.02;

impl Probe {
    /// Allocates for one model.
    pub fn new(model: &Phaser) -> Self {
        // Longer than the response: zeros behind it give points between the bins, which low frequencies need.
        let size = (model.receptive_field_samples() + 1).next_power_of_two().max(SMALLEST_FFT);
        let fft = RealFftPlanner::new().plan_fft_forward(size);
        let quiet = |follower: &Follower| (HEARD * follower.samples * follower.knee).sqrt();
        Self {
            state: PhaserState::new(model),
            impulse: model.config.effect.follower.as_ref().map_or(IMPULSE, quiet).min(IMPULSE),
            response: vec![0.0; size],
            spectrum: fft.make_output_vec(),
            fft,
        }
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
        self.response[0] = self.impulse;
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
            *out = 20.0 * (value.norm() / self.impulse).max(1e-6).log10();
        }
    }

    /// Where the notches lie at even steps of a turn, 0 lowest and 1 highest: the middle of what is missing below the loudest of
    /// `frequencies_hz` (evenly spaced in octaves), in octaves. All 0.5 if nothing moves.
    pub fn sweep(&mut self, model: &Phaser, controls: &Controls, frequencies_hz: &[f32]) -> [f32; SWEEP_PHASES] {
        let mut levels_db = vec![0.0; frequencies_hz.len()];
        let mut places = [0.0f32; SWEEP_PHASES];
        for (k, place) in places.iter_mut().enumerate() {
            self.response_db(model, controls, k as f64 / SWEEP_PHASES as f64, frequencies_hz, &mut levels_db);
            let loudest = levels_db.iter().copied().fold(f32::MIN, f32::max);
            let (mut sum, mut weights) = (0.0, 1e-9);
            for (db, hz) in levels_db.iter().zip(frequencies_hz) {
                // Squared, so that notches outweigh what is gently missing everywhere.
                let missing = (loudest - db).powi(2);
                sum += missing * hz.log2();
                weights += missing;
            }
            *place = sum / weights;
        }
        let low = places.iter().copied().fold(f32::MAX, f32::min);
        let high = places.iter().copied().fold(f32::MIN, f32::max);
        if high - low < STILL_OCTAVES {
            return [0.5; SWEEP_PHASES];
        }
        places.map(|place| (place - low) / (high - low))
    }
}
