//! Batches rendered on the fly from a computed device: any rate, any position of its knobs, any phase, any level.
use super::batch::{Batch, Window};
use super::recordings::SINGLE_RATE_SPAN;
use crate::phaser::device::{Device, rate};
use crate::phaser::excitation::{Bank, bank};
use crate::phaser::lfo::Lfo;
use crate::trainer::Source;
use kernels::checkpoint::ControlInfo;
use nets::phaser::Follower;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Rate of the models, in Hz.
pub const SAMPLE_RATE_HZ: f64 = 44_100.0;
/// Sound before a window in which the circuit settles, in samples: 0.36 s, six times the slowest stage's time constant.
const LEAD_IN_SAMPLES: usize = 16_000;
/// Decimal logarithm of the level, of RMS 0.1: from a faint take to one that drives the device into its limits, RMS 0.63.
const GAIN: std::ops::Range<f32> = -0.8..0.8;
/// How a net hears the level. At a mean square of 1 the break frequencies of the computed OTA pedal have fallen by a tenth;
/// samples beyond 5.7 are rare in the loudest windows. The time constant is a third of a millisecond: an amplifier's current has
/// no memory, and the shorter it is, the less of a string's own period it misses.
pub const FOLLOWER: Follower = Follower { samples: 16.0, knee: 1.0, loudest: 32.0 };
/// Quietest window that is worth a step, RMS: below it the hiss is what would be learnt.
const QUIET: f32 = 1e-3;

/// A device, and sound to play through it.
pub struct StandIn {
    device: Box<dyn Device>,
    controls: Vec<ControlInfo>,
    bank: Bank,
    /// Control values of every window, or none to draw them.
    fixed: Option<Vec<f64>>,
    seed: u64,
    window: Window,
}

impl StandIn {
    /// Makes the dry sound: 60 s of strings, 30 s of noise, 30 s of chirps. `fixed`: control values that stand still.
    pub fn new(device: Box<dyn Device>, fixed: Option<Vec<f64>>, seed: u64, window: Window) -> Self {
        let bank = bank(seed, SAMPLE_RATE_HZ, [60.0, 30.0, 30.0]);
        Self { controls: device.controls(), device, bank, fixed, seed, window }
    }

    /// What a model of it is told: all controls, or the rate alone where they stand still.
    pub fn controls(&self) -> Vec<ControlInfo> {
        match &self.fixed {
            None => self.controls.clone(),
            Some(values) => {
                let rate_hz = values[0] as f32;
                vec![rate([rate_hz / SINGLE_RATE_SPAN, rate_hz * SINGLE_RATE_SPAN], rate_hz)]
            }
        }
    }

    /// Control values that stand still, rate in Hz first.
    pub fn fixed(&self) -> Option<&[f64]> {
        self.fixed.as_deref()
    }

    /// The device.
    pub fn device(&self) -> &dyn Device {
        self.device.as_ref()
    }
}

impl Source<Batch> for StandIn {
    fn batch(&self, step: u64) -> Batch {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let Window { receptive_field, frame, samples, count } = self.window;
        let past = LEAD_IN_SAMPLES + receptive_field;
        let told = self.controls();
        let mut batch = Batch::default();
        while batch.controls.len() < count {
            let values = self.fixed.clone().unwrap_or_else(|| self.device.draw(&mut rng));
            let lfo = Lfo::steady(values[0], rng.random());
            // The larger of two even draws: only the loud windows have saturation to show.
            let gain = 10f32.powf(rng.random_range(GAIN).max(rng.random_range(GAIN)));
            let dry: Vec<f32> = self.bank.excerpt(&mut rng, past + samples).iter().map(|x| gain * x).collect();
            let heard = &dry[past..];
            if (heard.iter().map(|x| x * x).sum::<f32>() / heard.len() as f32).sqrt() < QUIET {
                continue;
            }
            let wet = self.device.play(&values, &lfo, rng.random(), SAMPLE_RATE_HZ, &dry);
            let turns = |m: usize| lfo.turns_at((LEAD_IN_SAMPLES + m * frame) as f64 / SAMPLE_RATE_HZ);
            let phases = (0..self.window.frames()).map(turns).collect();
            let seen = match &self.fixed {
                // A single rate is to be passed over, as with recordings of one.
                Some(_) => told.iter().map(|_| rng.random_range(-1.0..=1.0)).collect(),
                None => values.iter().zip(&told).map(|(value, c)| c.normalised(*value as f32)).collect(),
            };
            batch.push(&dry[LEAD_IN_SAMPLES..], &wet[past..], phases, seen);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phaser::device;

    #[test]
    fn a_setting_that_stands_still_is_told_any_rate_since_it_must_mean_nothing() {
        let window = Window { receptive_field: 8, frame: 64, samples: 64, count: 32 };
        let stand_in = StandIn::new(device::find("small_stone").unwrap(), Some(vec![2.0, 0.0]), 1, window);
        let told: Vec<f32> = stand_in.batch(0).controls.into_iter().flatten().collect();
        assert_eq!(told.len(), 32);
        assert!(told.iter().any(|x| *x < -0.5) && told.iter().any(|x| *x > 0.5), "{told:?}");
    }
}
