//! A moving tone as sums of cosines at sixteen times the rate, filtered down: what the oscillator should have made.
use super::spectrum::kaiser;
use kernels::dsp::wavetable_oscillator::{TOP, Tone, Unison, WavetableOscillator};
use realfft::RealFftPlanner;
use realfft::num_complex::{Complex32, Complex64};
use std::f64::consts::{PI, TAU};

/// Fine samples of one sample.
const FINER: usize = 16;
/// Samples that are compared.
const LENGTH: usize = 8192;
/// Samples before and behind them, for the filter.
const MARGIN: usize = 128;
/// What is compared ends here, of the rate: above it the filter falls.
const COMPARED: f64 = 0.44;
/// Middle of the filter's fall, of the rate; it reaches from 0.45 to 0.55.
const CUTOFF: f64 = 0.5;
/// Fine taps on each side of the filter's middle; with `BETA` its ripple is -120 dB.
const SIDE: usize = 640;
const BETA: f64 = 12.3;

/// How a tone moves.
pub struct Moving {
    pub rate_hz: f64,
    pub note_hz: f64,
    /// Reach of the bend to both sides, by a sine.
    pub bend_semitones: f64,
    /// Rate of bend and knob.
    pub lfo_hz: f64,
    /// Does the period move from one to the other and back?
    pub knob: bool,
}

/// What a frame ends with.
struct Frame {
    frequency_hz: f64,
    harmonics: Vec<Complex32>,
}

/// Power of what the oscillator has beside the reference over the power of the reference, in dB.
pub fn residue_db(moving: &Moving, one: &[Complex32], other: &[Complex32]) -> f64 {
    let frame = (0.003 * moving.rate_hz).round() as usize;
    let frames: Vec<Frame> = (0..(LENGTH + 2 * MARGIN).div_ceil(frame))
        .map(|j| {
            let lfo = (TAU * moving.lfo_hz * (j * frame) as f64 / moving.rate_hz).sin();
            let knob = if moving.knob { (0.5 + 0.5 * lfo) as f32 } else { 0.0 };
            Frame {
                frequency_hz: moving.note_hz * (moving.bend_semitones * lfo / 12.0).exp2(),
                harmonics: one.iter().zip(other).map(|(a, b)| a + (b - a) * knob).collect(),
            }
        })
        .collect();
    let found = played(moving, &frames, frame);
    let expected = decimated(&reference(moving, &frames, frame));
    let difference: Vec<f64> = (0..LENGTH).map(|n| f64::from(found[MARGIN + n]) - expected[MARGIN + n]).collect();
    10.0 * (power(&difference) / power(&expected[MARGIN..MARGIN + LENGTH])).log10()
}

fn played(moving: &Moving, frames: &[Frame], length: usize) -> Vec<f32> {
    let mut oscillator = WavetableOscillator::new(moving.rate_hz, length);
    let mut left = vec![0.0; frames.len() * length];
    for (j, (frame, left)) in frames.iter().zip(left.chunks_mut(length)).enumerate() {
        let tone = Tone { frequency_hz: frame.frequency_hz, unison: Unison::default(), sub: 0.0 };
        oscillator.begin_frame(&tone, (j == 0 || moving.knob).then_some(&frame.harmonics));
        oscillator.add_to(left, &mut vec![0.0; length]);
    }
    left
}

/// The oscillator's law in numbers without tables: harmonics on straight lines between frames, or smoothly where only the
/// top changes; the frequency on straight lines and a frame later; no harmonic that would pass the top while its table is heard.
fn reference(moving: &Moving, frames: &[Frame], length: usize) -> Vec<f64> {
    let frequency_at = |j: usize| frames[j.saturating_sub(2)].frequency_hz;
    // A frame's table is heard in the next frame as well.
    let room = |j: usize| {
        let first = frames[0].frequency_hz;
        let of = |j: usize| if j < 2 { first } else { frequency_at(j) };
        let highest_hz = of(j).max(of(j + 1)).max(of(j + 2));
        ((TOP * moving.rate_hz / highest_hz) as usize).min(255)
    };
    let bounded = |j: usize| frames[j].harmonics[..room(j)].iter().map(|h| Complex64::new(h.re.into(), h.im.into()));
    let mut sound = Vec::with_capacity(frames.len() * length * FINER);
    let mut turns = 0.0f64;
    for j in 0..frames.len() {
        let to: Vec<_> = bounded(j).collect();
        let from: Vec<_> = if j == 0 { to.clone() } else { bounded(j - 1).collect() };
        let (from_hz, to_hz) = (frequency_at(j), frequency_at(j + 1));
        let smooth = from.len() != to.len();
        let harmonic = |k: usize, share: f64| {
            let at = |h: &[Complex64]| h.get(k).copied().unwrap_or(Complex64::ZERO);
            at(&from) * (1.0 - share) + at(&to) * share
        };
        let rise = (to_hz - from_hz) / length as f64 / moving.rate_hz;
        for n in 0..length {
            let step = from_hz / moving.rate_hz + rise * (n as f64 + 0.5);
            for fine in 0..FINER {
                let part = fine as f64 / FINER as f64;
                let line = (n as f64 + part) / length as f64;
                let share = if smooth { line * line * (3.0 - 2.0 * line) } else { line };
                // The integral of a frequency on a straight line.
                let rotor = Complex64::from_polar(1.0, TAU * (turns + part * (step + 0.5 * rise * (part - 1.0))));
                let mut phasor = Complex64::ONE;
                let terms = (0..from.len().max(to.len())).map(|k| {
                    phasor *= rotor;
                    (harmonic(k, share) * phasor).re
                });
                sound.push(terms.sum());
            }
            turns = (turns + step).fract();
        }
    }
    sound
}

/// Every sixteenth sample, with nothing folded below 0.45 of the rate.
fn decimated(fine: &[f64]) -> Vec<f64> {
    let window = kaiser(2 * SIDE + 1, BETA);
    let taps: Vec<f64> = (0..=2 * SIDE)
        .map(|n| {
            let x = PI * 2.0 * CUTOFF / FINER as f64 * (n as f64 - SIDE as f64);
            let sinc = if x == 0.0 { 1.0 } else { x.sin() / x };
            2.0 * CUTOFF / FINER as f64 * sinc * window[n]
        })
        .collect();
    (0..fine.len() / FINER)
        .map(|n| {
            let at = |tap: usize| (n * FINER + tap).checked_sub(SIDE).and_then(|i| fine.get(i)).copied().unwrap_or(0.0);
            taps.iter().enumerate().map(|(tap, w)| w * at(tap)).sum()
        })
        .collect()
}

/// Power below [`COMPARED`].
fn power(sound: &[f64]) -> f64 {
    let mut input: Vec<f64> = sound.iter().zip(kaiser(sound.len(), BETA)).map(|(x, w)| x * w).collect();
    let plan = RealFftPlanner::new().plan_fft_forward(input.len());
    let mut spectrum = plan.make_output_vec();
    plan.process(&mut input, &mut spectrum).expect("lengths are the plan's");
    spectrum[..(COMPARED * sound.len() as f64) as usize].iter().map(|x| x.norm_sqr()).sum()
}
