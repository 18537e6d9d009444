//! A lamp-driven vibe: four unequal stages whose light-dependent resistors follow a lamp that heats faster than it cools.
//!
//! After what is published of the Uni-Vibe: stage capacitors of 15, 220, 0.47 and 4.7 nF, one lamp for four photocells, a
//! sine LFO. The lamp's warmth lags behind its current, so a faster sweep is narrower, later and lopsided.
use super::device::{Device, draw_rate, knob, rate};
use super::lfo::Lfo;
use super::parts::{MAX_BREAK, Noise, chain, couple, one_pole, stage_gain};
use kernels::checkpoint::ControlInfo;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{PI, TAU};

/// Slowest and fastest rate, in Hz.
const RATE_HZ: [f32; 2] = [0.3, 7.0];
/// Capacitors of the stages, in nF.
const CAPACITORS_NF: [f64; 4] = [15.0, 220.0, 0.47, 4.7];
/// Photocell in the dark and in full light, in kilohms.
const CELL_KOHM: [f64; 2] = [180.0, 7.0];
/// Resistance falls with this power of the light.
const GAMMA: f64 = 0.75;
/// Time in which the lamp heats and cools, in seconds.
const LAMP_S: [f64; 2] = [0.018, 0.045];
/// Least light, so that the lamp never goes out.
const BIAS: f64 = 0.06;
/// Share of the direct sound and of the chain in Chorus mode.
const MIX: [f64; 2] = [0.5, 0.5];
/// RMS of the hiss, full scale = 1: -84 dB.
const HISS: f64 = 6e-5;
/// Points of the table of one sweep.
const POINTS: usize = 512;
/// Sweeps after which the lamp's warmth repeats to 1e-6.
const WARM_UP: usize = 6;

/// The device.
pub struct Vibe;

/// Logarithm of the cells' resistance in ohms over one sweep that goes on for ever, phase 0 at the brightest current.
fn cells(rate_hz: f64, intensity: f64) -> Vec<f64> {
    let step_s = 1.0 / (rate_hz * POINTS as f64);
    let (mut warmth, mut table) = (0.5, vec![0.0; POINTS]);
    for _ in 0..WARM_UP + (LAMP_S[1] * rate_hz * 12.0) as usize {
        for (k, entry) in table.iter_mut().enumerate() {
            let current = 0.5 + 0.5 * intensity * (TAU * k as f64 / POINTS as f64).cos();
            let target = current * current;
            let lamp_s = if target > warmth { LAMP_S[0] } else { LAMP_S[1] };
            warmth += (target - warmth) * (1.0 - (-step_s / lamp_s).exp());
            let light: f64 = BIAS + (1.0 - BIAS) * warmth;
            let [dark, lit] = CELL_KOHM;
            *entry = (1e3 * (lit * light.powf(-GAMMA)).min(dark)).ln();
        }
    }
    table
}

impl Device for Vibe {
    fn id(&self) -> &'static str {
        "vibe"
    }

    fn description(&self) -> &'static str {
        "Lamp-driven vibe with four unequal stages and photocells that lag behind their lamp"
    }

    fn controls(&self) -> Vec<ControlInfo> {
        vec![rate(RATE_HZ, 1.2), knob("intensity", "Intensity", "", [0.2, 1.0], 0.8)]
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        vec![draw_rate(rng, RATE_HZ), rng.random_range(0.2..=1.0)]
    }

    fn held_out(&self) -> Vec<(&'static str, Vec<f64>)> {
        [0.4, 1.1, 2.7, 6.1]
            .into_iter()
            .flat_map(|rate| [("half", vec![rate, 0.55]), ("full", vec![rate, 0.97])])
            .collect()
    }

    fn play(&self, values: &[f64], lfo: &Lfo, seed: u64, sample_rate_hz: f64, dry: &[f32]) -> Vec<f32> {
        let table = cells(values[0], values[1]);
        let leak = [one_pole(25.0, sample_rate_hz), one_pole(20.0, sample_rate_hz)];
        let (mut coupling, mut stages, mut noise) = ([0.0; 2], [0.0; 4], Noise::new(seed));
        // f_b = 1 / (2 pi R C), so the angle pi f_b / fs is 1 / (2 R C fs).
        let angle = CAPACITORS_NF.map(|nf| 0.5 / (nf * 1e-9 * sample_rate_hz));
        dry.iter()
            .enumerate()
            .map(|(i, x)| {
                let x = couple(&mut coupling[0], Some(leak[0]), f64::from(*x));
                let turns = lfo.turns_at(i as f64 / sample_rate_hz);
                let place = (turns - turns.floor()) * POINTS as f64;
                let (low, share) = (place as usize % POINTS, place.fract());
                let per_ohm = (-(table[low] + share * (table[(low + 1) % POINTS] - table[low]))).exp();
                let gains = angle.map(|angle| stage_gain((angle * per_ohm).min(PI * MAX_BREAK)));
                let w = chain(&mut stages, &gains, x, |d| d);
                let y = MIX[0] * x + MIX[1] * w + HISS * noise.step();
                couple(&mut coupling[1], Some(leak[1]), y) as f32
            })
            .collect()
    }
}
