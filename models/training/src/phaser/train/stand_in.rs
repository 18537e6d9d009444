//! Batches rendered on the fly from the circuit: any rate, both colours, any phase, any level.
use super::batch::{Batch, Source, WINDOW_SAMPLES, WINDOWS};
use crate::phaser::circuit::{Circuit, CircuitState};
use crate::phaser::excitation::{Bank, bank};
use crate::phaser::lfo::Lfo;
use kernels::checkpoint::{ControlInfo, Curve};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Rate of the models, in Hz.
pub const SAMPLE_RATE_HZ: f64 = 44_100.0;
/// Slowest and fastest rate that is trained, in Hz: the ends of the measured tables, see `small_stone`.
pub const RATE_HZ: (f32, f32) = (0.0559, 2.3301);
/// Sound before a window in which the circuit settles, in samples: 0.36 s, six times the slowest stage's time constant.
const LEAD_IN_SAMPLES: usize = 16_000;
/// Share of the windows with the colour switch on: its feedback makes it the harder half.
const COLOUR_SHARE: f64 = 0.6;
/// Decimal logarithm of the level, of RMS 0.1: where the OTAs level off is left out, because a net without biases answers
/// alike at every level.
const GAIN: std::ops::Range<f32> = -0.8..0.1;
/// Quietest window that is worth a step, RMS: below it the hiss is what would be learnt.
const QUIET: f32 = 1e-3;

/// The controls that the pedal has.
pub fn controls() -> Vec<ControlInfo> {
    vec![
        ControlInfo {
            id: "rate".into(),
            name: "Rate".into(),
            unit: "Hz".into(),
            min: 0.02,
            max: 10.0,
            default: 0.5,
            trained_min: RATE_HZ.0,
            trained_max: RATE_HZ.1,
            curve: Curve::Log,
            steps: None,
        },
        ControlInfo {
            id: "colour".into(),
            name: "Colour".into(),
            unit: String::new(),
            min: 0.0,
            max: 1.0,
            default: 0.0,
            trained_min: 0.0,
            trained_max: 1.0,
            curve: Curve::Linear,
            steps: Some(2),
        },
    ]
}

/// The circuit with both positions of its switch, and sound to play through it.
pub struct StandIn {
    circuits: [Circuit; 2],
    bank: Bank,
    seed: u64,
    receptive_field: usize,
    frame: usize,
}

impl StandIn {
    /// Makes the dry sound: 60 s of strings, 30 s of noise, 30 s of chirps.
    pub fn new(seed: u64, receptive_field: usize, frame: usize) -> Self {
        Self {
            circuits: [Circuit::small_stone(false), Circuit::small_stone(true)],
            bank: bank(seed, SAMPLE_RATE_HZ, [60.0, 30.0, 30.0]),
            seed,
            receptive_field,
            frame,
        }
    }
}

impl Source for StandIn {
    fn batch(&self, step: u64) -> Batch {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let past = LEAD_IN_SAMPLES + self.receptive_field;
        let frames = Batch::frames(self.receptive_field, self.frame);
        let declared = controls();
        let mut batch = Batch::default();
        while batch.controls.len() < WINDOWS {
            let colour = rng.random_bool(COLOUR_SHARE);
            let rate_hz = f64::from(RATE_HZ.0) * f64::from(RATE_HZ.1 / RATE_HZ.0).powf(rng.random());
            let lfo = Lfo::steady(rate_hz, rng.random());
            let gain = 10f32.powf(rng.random_range(GAIN));
            let dry: Vec<f32> = self.bank.excerpt(&mut rng, past + WINDOW_SAMPLES).iter().map(|x| gain * x).collect();
            let window = &dry[past..];
            if (window.iter().map(|x| x * x).sum::<f32>() / window.len() as f32).sqrt() < QUIET {
                continue;
            }
            let circuit = &self.circuits[usize::from(colour)];
            let mut state = CircuitState::new(circuit, SAMPLE_RATE_HZ);
            state.reseed(rng.random());
            let mut wet = vec![0.0; dry.len()];
            circuit.process(&mut state, rate_hz, |i| lfo.turns_at(i as f64 / SAMPLE_RATE_HZ), &dry, &mut wet);
            let phases =
                (0..frames).map(|m| lfo.turns_at((LEAD_IN_SAMPLES + m * self.frame) as f64 / SAMPLE_RATE_HZ)).collect();
            let seen = vec![declared[0].normalised(rate_hz as f32), if colour { 1.0 } else { -1.0 }];
            batch.push(&dry[LEAD_IN_SAMPLES..], &wet[past..], phases, seen);
        }
        batch
    }
}
