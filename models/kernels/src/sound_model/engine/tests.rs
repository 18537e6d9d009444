//! The rules of the instrument, each as a sentence; most are heard on a network that plays a sine.
mod bounds;
mod playing;
mod streams;

use super::*;
use crate::arch::{self, integer};
use crate::checkpoint::Matrix;
use crate::sound_model::config::{Audio, Config};
use crate::sound_model::weights::{LayerWeights, Weights};
use crate::sound_model::{Precision, example, mu_law};
use crate::voices::{Expression, Note, NoteEvent};

/// Trained pitches of the test models, in MIDI notes.
const LOW: f32 = 64.0;
const HIGH: f32 = 76.0;
const MODEL_HZ: f64 = 16_000.0;

/// A file's metadata with controls of these ids; `pitch` is in MIDI notes.
fn metadata(config: &Config, ids: &[&str]) -> std::collections::BTreeMap<String, String> {
    let control = |id: &&str| {
        let (min, max) = if *id == "pitch" { (LOW, HIGH) } else { (0.0, 1.0) };
        serde_json::json!({"id": id, "name": id, "min": min, "max": max, "default": 0.5 * (min + max),
            "trained_min": min, "trained_max": max})
    };
    let mut metadata = example::metadata(config);
    let controls: Vec<_> = ids.iter().map(control).collect();
    metadata.insert("controls".into(), serde_json::json!(controls).to_string());
    metadata
}

/// A network that draws what its weights happen to say.
fn random(ids: &[&str]) -> Arc<SoundModel> {
    let config = Config {
        audio: Audio::Embedding,
        conditions: ids.len(),
        clock: true,
        width: 16,
        relu: false,
        layers: 2,
        hidden: 24,
        classes: 256,
    };
    let bytes = Weights::random(3, &config).write(&config, metadata(&config, ids)).unwrap();
    Arc::new(SoundModel::load(&bytes).unwrap())
}

/// Units of the network that plays a sine.
const HIDDEN: usize = 4;

/// A network whose most probable level is tanh(1.5 sin φ + 0.3 timbre): GRUs that let everything through, and a head in which
/// the nearest level wins. Unit 1 is 1, and unit 2 is the sign of timbre - 0.9.
fn sine_weights(config: &Config) -> Weights {
    let inputs = config.inputs();
    let mut i2d_weight = vec![0.0; 2 * inputs];
    i2d_weight[inputs - 2] = 1.0;
    if config.conditions > 1 {
        i2d_weight[inputs + 2] = 1.0;
    }
    let mut weight_ih = vec![0.0; 3 * HIDDEN * 2];
    let new = 2 * HIDDEN;
    (weight_ih[new * 2], weight_ih[new * 2 + 1], weight_ih[(new + 2) * 2 + 1]) = (1.5, 0.3, 200.0);
    let mut bias_ih = vec![0.0; 3 * HIDDEN];
    bias_ih[HIDDEN..2 * HIDDEN].fill(-30.0);
    (bias_ih[new + 1], bias_ih[new + 2]) = (20.0, -180.0);
    let levels: Vec<_> = (0..mu_law::CLASSES).map(|class| mu_law::companded(class as u8)).collect();
    let head = levels.iter().flat_map(|level| [800.0 * level, 0.0, 0.0, 0.0]).collect();
    let layer = LayerWeights {
        weight_ih: Matrix::Full(weight_ih),
        weight_hh: Matrix::Full(vec![0.0; 3 * HIDDEN * HIDDEN]),
        bias_ih,
        bias_hh: vec![0.0; 3 * HIDDEN],
    };
    Weights {
        embedding: Vec::new(),
        i2d_weight,
        i2d_bias: vec![0.0; 2],
        layers: vec![layer],
        h2o_weight: Matrix::Full(head),
        h2o_bias: levels.iter().map(|level| -400.0 * level * level).collect(),
    }
}

fn sine_config(ids: &[&str]) -> Config {
    Config {
        audio: Audio::Scalar,
        conditions: ids.len(),
        clock: true,
        width: 2,
        relu: false,
        layers: 1,
        hidden: HIDDEN,
        classes: 256,
    }
}

fn sine_with(ids: &[&str]) -> Arc<SoundModel> {
    let config = sine_config(ids);
    let bytes = sine_weights(&config).write(&config, metadata(&config, ids)).unwrap();
    Arc::new(SoundModel::load_on(&bytes, Precision::Full, arch::best(), integer::best()).unwrap())
}

fn sine() -> Arc<SoundModel> {
    sine_with(&["pitch", "x", "y"])
}

/// An engine and what it was set to and has played, left and right.
struct Rig {
    engine: Engine,
    controls: Controls,
    heard: [Vec<f32>; 2],
}

impl Rig {
    fn new(model: &Arc<SoundModel>, host_hz: f64, voices: usize) -> Self {
        let engine = Engine::new(model.clone(), host_hz, voices).unwrap();
        let mut controls = Controls::new(model.info());
        controls.temperature = 0.0;
        controls.playing.velocity_to_level = 1.0;
        Self { engine, controls, heard: [Vec::new(), Vec::new()] }
    }

    /// Plays events now and lets time pass; returns what was heard on the left.
    fn play(&mut self, events: &[NoteEvent], samples: usize) -> &[f32] {
        let events: Vec<_> = events.iter().map(|event| TimedEvent { offset_samples: 0, event: *event }).collect();
        self.play_timed(&events, samples)
    }

    fn play_timed(&mut self, events: &[TimedEvent], samples: usize) -> &[f32] {
        let before = self.heard[0].len();
        self.heard.iter_mut().for_each(|heard| heard.resize(before + samples, f32::NAN));
        let [left, right] = &mut self.heard;
        self.engine.process(&self.controls, events, &mut [&mut left[before..], &mut right[before..]]);
        &self.heard[0][before..]
    }

    /// Pitch of the samples from a place to the end, in MIDI notes.
    fn pitch_note(&self, from: usize) -> f64 {
        pitch_note(&self.heard[0][from..], self.engine.host_rate_hz())
    }
}

/// By the first and last of the upward zero crossings.
fn pitch_note(y: &[f32], rate_hz: f64) -> f64 {
    let crossing = |n: usize| (y[n] < 0.0 && y[n + 1] >= 0.0).then(|| n as f64 + f64::from(y[n] / (y[n] - y[n + 1])));
    let crossings: Vec<_> = (0..y.len() - 1).filter_map(crossing).collect();
    let periods = (crossings.len() - 1) as f64;
    let hz = periods * rate_hz / (crossings[crossings.len() - 1] - crossings[0]);
    69.0 + 12.0 * (hz / 440.0).log2()
}

/// Amplitude of a tone of a MIDI note.
fn tone(y: &[f32], note: f64, rate_hz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in y.iter().enumerate() {
        let x = n as f64 / y.len() as f64 * std::f64::consts::TAU;
        let angle = std::f64::consts::TAU * f64::from(crate::voices::hz_of(note) as f32) / rate_hz * n as f64;
        re += (1.0 - x.cos()) * f64::from(*sample) * angle.cos();
        im += (1.0 - x.cos()) * f64::from(*sample) * angle.sin();
    }
    2.0 * re.hypot(im) / y.len() as f64
}

fn note(key: u8) -> Note {
    Note { channel: 0, key, voice_id: Some(i32::from(key)) }
}

fn on(key: u8) -> NoteEvent {
    soft(key, 1.0)
}

fn soft(key: u8, velocity: f32) -> NoteEvent {
    NoteEvent::On { note: note(key), velocity }
}

fn off(key: u8) -> NoteEvent {
    NoteEvent::Off { address: note(key).into() }
}

fn control(number: u8, value: f32) -> NoteEvent {
    NoteEvent::Control { channel: 0, number, value }
}

fn express(key: u8, expression: Expression, value: f32) -> NoteEvent {
    NoteEvent::Expression { address: note(key).into(), expression, value }
}

fn at(offset_samples: u32, event: NoteEvent) -> TimedEvent {
    TimedEvent { offset_samples, event }
}
