//! Batches rendered on the fly from a computed device: any rate, any position of its knobs, any phase, any level.
use super::batch::{Batch, Source, WINDOW_SAMPLES, WINDOWS};
use crate::phaser::device::Device;
use crate::phaser::excitation::{Bank, bank};
use crate::phaser::lfo::Lfo;
use kernels::checkpoint::ControlInfo;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Rate of the models, in Hz.
pub const SAMPLE_RATE_HZ: f64 = 44_100.0;
/// Sound before a window in which the circuit settles, in samples: 0.36 s, six times the slowest stage's time constant.
const LEAD_IN_SAMPLES: usize = 16_000;
/// Decimal logarithm of the level, of RMS 0.1: where the OTAs level off is left out, because a net without biases answers
/// alike at every level.
const GAIN: std::ops::Range<f32> = -0.8..0.1;
/// Quietest window that is worth a step, RMS: below it the hiss is what would be learnt.
const QUIET: f32 = 1e-3;

/// A device, and sound to play through it.
pub struct StandIn {
    device: Box<dyn Device>,
    controls: Vec<ControlInfo>,
    bank: Bank,
    seed: u64,
    receptive_field: usize,
    frame: usize,
}

impl StandIn {
    /// Makes the dry sound: 60 s of strings, 30 s of noise, 30 s of chirps.
    pub fn new(device: Box<dyn Device>, seed: u64, receptive_field: usize, frame: usize) -> Self {
        let bank = bank(seed, SAMPLE_RATE_HZ, [60.0, 30.0, 30.0]);
        Self { controls: device.controls(), device, bank, seed, receptive_field, frame }
    }

    /// The device.
    pub fn device(&self) -> &dyn Device {
        self.device.as_ref()
    }
}

impl Source for StandIn {
    fn batch(&self, step: u64) -> Batch {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let past = LEAD_IN_SAMPLES + self.receptive_field;
        let frames = Batch::frames(self.receptive_field, self.frame);
        let mut batch = Batch::default();
        while batch.controls.len() < WINDOWS {
            let values = self.device.draw(&mut rng);
            let lfo = Lfo::steady(values[0], rng.random());
            let gain = 10f32.powf(rng.random_range(GAIN));
            let dry: Vec<f32> = self.bank.excerpt(&mut rng, past + WINDOW_SAMPLES).iter().map(|x| gain * x).collect();
            let window = &dry[past..];
            if (window.iter().map(|x| x * x).sum::<f32>() / window.len() as f32).sqrt() < QUIET {
                continue;
            }
            let wet = self.device.play(&values, &lfo, rng.random(), SAMPLE_RATE_HZ, &dry);
            let phases =
                (0..frames).map(|m| lfo.turns_at((LEAD_IN_SAMPLES + m * self.frame) as f64 / SAMPLE_RATE_HZ)).collect();
            let seen = values.iter().zip(&self.controls).map(|(value, c)| c.normalised(*value as f32)).collect();
            batch.push(&dry[LEAD_IN_SAMPLES..], &wet[past..], phases, seen);
        }
        batch
    }
}
