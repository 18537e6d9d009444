//! The instrument as it is played.
use super::*;
use crate::checkpoint::write;
use crate::voices::{Address, Expression, NoteEvent};
use crate::wavetable::Unison;
use crate::wavetable::body::Body;
use crate::wavetable::example::{self, PERIOD, Tensors};
use std::f64::consts::TAU;

mod moving;
mod playing;
mod robust;

const RATE_HZ: f64 = 48_000.0;

fn load(tensors: &Tensors) -> Arc<Wavetable> {
    Arc::new(Wavetable::load(&write(example::metadata(), tensors).unwrap()).unwrap())
}

/// Sawtooth to square.
fn engine(max_voices: usize) -> Engine {
    Engine::new(load(&example::tensors()), RATE_HZ, max_voices).unwrap()
}

/// A sine, to which `z1` adds its octave: nothing in it hides a click.
fn soft() -> Arc<Wavetable> {
    let mut tensors = example::tensors();
    for n in 0..PERIOD {
        let phase = TAU * n as f64 / PERIOD as f64;
        tensors[0].2[3 * n] = (2.0 * phase).sin() as f32;
        tensors[1].2[n] = phase.sin() as f32;
    }
    load(&tensors)
}

/// Everything at once at full level, no dynamics.
fn knobs(engine: &Engine) -> Knobs {
    let mut knobs = Knobs { level: 1.0, ..Knobs::new(engine.model().info()) };
    knobs.voices.velocity_to_level = 0.0;
    knobs.voices.envelope.attack_s = 0.0;
    knobs
}

/// Key `key` of channel 0, by its name for the host.
fn note(key: u8) -> Note {
    Note { channel: 0, key, voice_id: Some(i32::from(key)) }
}

fn at(offset_samples: u32, event: NoteEvent) -> TimedEvent {
    TimedEvent { offset_samples, event }
}

fn on(offset_samples: u32, key: u8) -> TimedEvent {
    at(offset_samples, NoteEvent::On { note: note(key), velocity: 1.0 })
}

fn off(offset_samples: u32, key: u8) -> TimedEvent {
    at(offset_samples, NoteEvent::Off { address: Address::from(note(key)) })
}

fn control(offset_samples: u32, number: u8, value: f32) -> TimedEvent {
    at(offset_samples, NoteEvent::Control { channel: 0, number, value })
}

/// Plays so many samples in stereo.
fn play(engine: &mut Engine, knobs: &Knobs, events: &[TimedEvent], frames: usize) -> [Vec<f32>; 2] {
    let (mut left, mut right) = (vec![0.0; frames], vec![0.0; frames]);
    engine.process(knobs, events, &mut [&mut left, &mut right]);
    [left, right]
}

/// Amplitude and phase in turns of a partial, by a Hann window: others must be four bins away.
fn partial(sound: &[f32], hz: f64) -> (f64, f64) {
    let length = sound.len() as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, x) in sound.iter().enumerate() {
        let window = 1.0 - (TAU * n as f64 / length).cos();
        let (sin, cos) = (TAU * (hz / RATE_HZ * n as f64).fract()).sin_cos();
        re += f64::from(*x) * window * cos;
        im -= f64::from(*x) * window * sin;
    }
    (2.0 / length * re.hypot(im), im.atan2(re) / TAU)
}

/// How far a steady tone is from a pitch, by its phase in both halves.
fn cents(sound: &[f32], hz: f64) -> f64 {
    let half = sound.len() / 2;
    let [first, second] = [&sound[..half], &sound[half..2 * half]].map(|part| partial(part, hz).1);
    let turns = second - first - (hz / RATE_HZ * half as f64).fract();
    // The second half's phase is measured from its own first sample.
    let turns = turns - turns.round();
    1200.0 * (1.0 + turns / (half as f64 * hz / RATE_HZ)).log2()
}

fn key_hz(key: f64) -> f64 {
    440.0 * ((key - 69.0) / 12.0).exp2()
}

fn power(sound: &[f32]) -> f64 {
    sound.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / sound.len() as f64
}

/// The sharpest corner.
fn roughest(sound: &[f32]) -> f32 {
    sound.windows(3).fold(0.0, |m, w| m.max((w[0] - 2.0 * w[1] + w[2]).abs()))
}
