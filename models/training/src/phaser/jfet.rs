//! A four-stage JFET phaser with mismatched transistors, distortion and the later version's feedback as a switch.
//!
//! After what is published of the MXR Phase 90: op-amp all-passes with 47 nF and a JFET in parallel with 24 k, swept by a
//! triangle that a capacitor rounds; the later ("block") version feeds the last stage back to the second through 24 k. A
//! JFET in its ohmic range conducts in proportion to its gate voltage, so the break frequency follows the LFO linearly.
use super::device::{Device, draw_rate, rate, switch};
use super::lfo::Lfo;
use super::parts::{MAX_BREAK, Noise, chain, chain_input, couple, one_pole, stage_gain};
use kernels::checkpoint::ControlInfo;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::PI;

/// Slowest and fastest rate, in Hz.
const RATE_HZ: [f32; 2] = [0.08, 5.0];
/// Break frequency with the JFETs shut: 1 / (2 pi 24 k 47 n), in Hz.
const SHUT_HZ: f64 = 141.0;
/// Lowest and highest break frequency that the JFETs add over the sweep, in Hz.
const OPEN_HZ: [f64; 2] = [60.0, 1_700.0];
/// How far the capacitor rounds the triangle's corners, 0..1.
const ROUNDING: f64 = 0.25;
/// Conductance of each JFET over the mean: hand-selected pairs differ by some per cent.
const MATCH: [f64; 4] = [0.965, 1.06, 1.025, 0.95];
/// Feedback of the block version, from the last stage to the input of the second.
const FEEDBACK: f64 = 0.45;
/// Share of the square of its voltage that a JFET adds to its current, by volt of full scale.
const BEND: f64 = 0.12;
/// Voltage at which that ends.
const BEND_LIMIT: f64 = 1.0;
/// RMS of the hiss, full scale = 1: -86 dB.
const HISS: f64 = 5e-5;

/// The device.
pub struct Jfet;

/// Triangle of height 0..1 with rounded corners, 1 at phase 0.
fn sweep(turns: f64) -> f64 {
    let triangle = 2.0 * (turns - turns.floor() - 0.5).abs();
    let round = 0.5 + 0.5 * (2.0 * PI * turns).cos();
    triangle + ROUNDING * (round - triangle)
}

impl Device for Jfet {
    fn id(&self) -> &'static str {
        "jfet"
    }

    fn description(&self) -> &'static str {
        "Four-stage JFET phaser with mismatched transistors and mild distortion; the switch adds the later version's feedback"
    }

    fn controls(&self) -> Vec<ControlInfo> {
        vec![rate(RATE_HZ, 0.5), switch("block", "Block")]
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let block = rng.random_bool(0.5);
        vec![draw_rate(rng, RATE_HZ), f64::from(u8::from(block))]
    }

    fn held_out(&self) -> Vec<(&'static str, Vec<f64>)> {
        [0.11, 0.4, 1.3, 4.2]
            .into_iter()
            .flat_map(|rate| [("script", vec![rate, 0.0]), ("block", vec![rate, 1.0])])
            .collect()
    }

    fn play(&self, values: &[f64], lfo: &Lfo, seed: u64, sample_rate_hz: f64, dry: &[f32]) -> Vec<f32> {
        let feedback = if values[1] >= 0.5 { FEEDBACK } else { 0.0 };
        let leak = [one_pole(16.0, sample_rate_hz), one_pole(12.0, sample_rate_hz)];
        let (mut coupling, mut stages, mut noise) = ([0.0; 2], [0.0; 4], Noise::new(seed));
        // Even-order: a JFET conducts better in one direction of its channel than in the other.
        let bend = |d: f64| d + BEND * d * d.clamp(-BEND_LIMIT, BEND_LIMIT).abs();
        dry.iter()
            .enumerate()
            .map(|(i, x)| {
                let x = couple(&mut coupling[0], Some(leak[0]), f64::from(*x));
                let open_hz = OPEN_HZ[0] + (OPEN_HZ[1] - OPEN_HZ[0]) * sweep(lfo.turns_at(i as f64 / sample_rate_hz));
                let gains =
                    MATCH.map(|m| stage_gain((PI * (SHUT_HZ + m * open_hz) / sample_rate_hz).min(PI * MAX_BREAK)));
                let (first, rest) = stages.split_at_mut(1);
                let u = chain(first, &gains[..1], x, bend);
                let u = chain_input(rest, &gains[1..], feedback, u);
                let w = chain(rest, &gains[1..], u, bend);
                let y = 0.5 * (x + w) * (1.0 - 0.3 * feedback) + HISS * noise.step();
                couple(&mut coupling[1], Some(leak[1]), y) as f32
            })
            .collect()
    }
}
