//! A twelve-pole digital rack phaser with feedback of either sign: six notches, a triangle in log frequency, no faults.
use super::device::{Device, draw_rate, knob, rate};
use super::lfo::Lfo;
use super::parts::{MAX_BREAK, chain, chain_input, stage_gain};
use kernels::checkpoint::ControlInfo;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::PI;

/// Slowest and fastest rate, in Hz.
const RATE_HZ: [f32; 2] = [0.06, 4.0];
/// Break frequency at the ends of the sweep, in Hz.
const SWEEP_HZ: [f64; 2] = [500.0, 4_000.0];
/// Largest feedback, of either sign.
const FEEDBACK: f32 = 0.5;
/// All-pass stages.
const POLES: usize = 12;
/// Steps of one converter code over full scale: 16 bit.
const CODES: f64 = 32_768.0;

/// The device.
pub struct Rack;

impl Device for Rack {
    fn id(&self) -> &'static str {
        "rack"
    }

    fn description(&self) -> &'static str {
        "Twelve-pole digital rack phaser with feedback"
    }

    fn controls(&self) -> Vec<ControlInfo> {
        vec![rate(RATE_HZ, 0.4), knob("feedback", "Feedback", "", [-FEEDBACK, FEEDBACK], 0.25)]
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        vec![draw_rate(rng, RATE_HZ), f64::from(rng.random_range(-FEEDBACK..=FEEDBACK))]
    }

    fn held_out(&self) -> Vec<(&'static str, Vec<f64>)> {
        [0.09, 0.33, 1.2, 3.5]
            .into_iter()
            .flat_map(|rate| [("none", vec![rate, 0.0]), ("minus", vec![rate, -0.41]), ("plus", vec![rate, 0.41])])
            .collect()
    }

    fn play(&self, values: &[f64], lfo: &Lfo, _seed: u64, sample_rate_hz: f64, dry: &[f32]) -> Vec<f32> {
        let feedback = values[1];
        let mut stages = [0.0; POLES];
        let [low, high] = SWEEP_HZ.map(f64::log2);
        dry.iter()
            .enumerate()
            .map(|(i, x)| {
                let x = (f64::from(*x) * CODES).round() / CODES;
                let turns = lfo.turns_at(i as f64 / sample_rate_hz);
                let triangle = 2.0 * (turns - turns.floor() - 0.5).abs();
                let break_hz = (low + (high - low) * triangle).exp2();
                let gains = [stage_gain((PI * break_hz / sample_rate_hz).min(PI * MAX_BREAK)); POLES];
                let u = chain_input(&stages, &gains, feedback, x);
                let w = chain(&mut stages, &gains, u, |d| d);
                // The loop's gain is taken out, so that the level hardly depends on the feedback.
                let y = 0.5 * (x + (1.0 - feedback.abs()) * w);
                ((y * CODES).round() / CODES) as f32
            })
            .collect()
    }
}
