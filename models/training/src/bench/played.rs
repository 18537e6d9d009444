//! The instruments that are played, on every path of this CPU, with one voice and with many.
use super::{BLOCK, RUNS, Row};
use crate::models::ModelFile;
use crate::song_render::Instrument;
use crate::{sound_model, wavetable};
use anyhow::Result;
use kernels::arch;
use kernels::arch::integer;
use kernels::sound_model::{MAX_VOICES, Precision, SoundModel};
use kernels::voices::{Note, NoteEvent, TimedEvent};
use kernels::wavetable::Wavetable;
use std::sync::Arc;
use std::time::Instant;

/// Voices of a sound model that are measured; more than an instance plays are those of several, one after the other.
const VOICES: [usize; 5] = [1, 4, 8, 16, 32];
/// Host samples of one timed run.
const RUN_SAMPLES: usize = 1 << 12;
/// Blocks of one sample are timed for fewer samples.
const SHORT_RUN_SAMPLES: usize = 1 << 9;

/// A sound model in 8 bits on every path, and in f32 on the best one, at its own rate unless another is given.
pub fn sound_model(file: &ModelFile, rate: Option<f64>) -> Result<Vec<Row>> {
    let mut players = Vec::new();
    let mut add = |name: String, precision, float, integer, voices: &[usize]| -> Result<()> {
        let model = Arc::new(SoundModel::load_on(&file.bytes, precision, float, integer)?);
        let rate_hz = rate.unwrap_or(model.info().sample_rate_hz);
        let key = middle_key(model.info());
        for voices in voices {
            let instance = |_| sound_model::render::Player::new(model.clone(), rate_hz, 1);
            let instances = (0..voices.div_ceil(MAX_VOICES)).map(instance).collect::<Result<_>>()?;
            players.push(Player::new(name.clone(), instances, *voices, rate_hz, key));
        }
        Ok(())
    };
    add(format!("f32 {}", arch::best().name), Precision::Full, arch::best(), integer::best(), &VOICES[..1])?;
    for integer in integer::available() {
        add(format!("int8 {}", integer.name), Precision::Quantised, arch::best(), integer, &VOICES)?;
    }
    Ok(measure(&mut players))
}

/// A wavetable on every path, at 48 kHz unless another rate is given.
pub fn wavetable(file: &ModelFile, rate: Option<f64>) -> Result<Vec<Row>> {
    let rate_hz = rate.unwrap_or(48_000.0);
    let mut players = Vec::new();
    for path in arch::available() {
        let model = Arc::new(Wavetable::load_on(&file.bytes, path)?);
        let key = middle_key(model.info());
        for voices in [1, 8, 32] {
            let player = wavetable::render::Player::new(model.clone(), rate_hz, 1)?;
            players.push(Player::new(path.name.into(), vec![player], voices, rate_hz, key));
        }
    }
    Ok(measure(&mut players))
}

/// A key in the middle of those that the model was trained on, so that nothing is transposed.
fn middle_key(info: &kernels::checkpoint::ModelInfo) -> u8 {
    let Some((_, pitch)) = info.control("pitch") else { return 60 };
    (0.5 * (pitch.midi_note(pitch.trained_min) + pitch.midi_note(pitch.trained_max))).round() as u8
}

fn measure<I: Instrument>(players: &mut [Player<I>]) -> Vec<Row> {
    for _ in 0..RUNS {
        players.iter_mut().for_each(Player::run);
    }
    players.iter().map(Player::row).collect()
}

/// One path's engines, their held notes, and the times it took.
struct Player<I> {
    path: String,
    instances: Vec<I>,
    /// Of all instances.
    voices: usize,
    rate_hz: f64,
    /// Where the pitch wheel goes next: every run bends all notes, so that nothing rests.
    bend: f32,
    /// Best seconds of a sample: in blocks of 64, in blocks of 1.
    best_s: [f64; 2],
    /// Seconds of every block of 64.
    blocks_s: Vec<f64>,
}

impl<I: Instrument> Player<I> {
    fn new(path: String, mut instances: Vec<I>, voices: usize, rate_hz: f64, key: u8) -> Self {
        // More notes than channels: the keys around the middle one take the rest.
        let on = |voice: usize| {
            let note = Note { channel: (voice % 16) as u8, key: key + (voice / 16) as u8, voice_id: None };
            TimedEvent { offset_samples: 0, event: NoteEvent::On { note, velocity: 1.0 } }
        };
        let events: Vec<TimedEvent> = (0..voices / instances.len()).map(on).collect();
        let mut settle = [vec![0.0; RUN_SAMPLES], vec![0.0; RUN_SAMPLES]];
        let [left, right] = &mut settle;
        instances.iter_mut().for_each(|instance| instance.process(&events, &mut [left, right]));
        Self { path, instances, voices, rate_hz, bend: 0.0, best_s: [f64::INFINITY; 2], blocks_s: Vec::new() }
    }

    fn run(&mut self) {
        for (kind, (block, samples)) in [(BLOCK, RUN_SAMPLES), (1, SHORT_RUN_SAMPLES)].into_iter().enumerate() {
            let mut audio = [vec![0.0; block], vec![0.0; block]];
            let start = Instant::now();
            let mut before = start;
            for _ in 0..samples / block {
                self.bend = if self.bend > 0.0 { -0.2 } else { 0.2 };
                let bend = |channel| TimedEvent {
                    offset_samples: 0,
                    event: NoteEvent::PitchBend { channel, bend: self.bend },
                };
                let events: Vec<TimedEvent> = if kind == 0 { (0..16).map(bend).collect() } else { Vec::new() };
                let [left, right] = &mut audio;
                self.instances.iter_mut().for_each(|instance| instance.process(&events, &mut [left, right]));
                if kind == 0 {
                    let now = Instant::now();
                    self.blocks_s.push((now - before).as_secs_f64());
                    before = now;
                }
            }
            self.best_s[kind] = self.best_s[kind].min(start.elapsed().as_secs_f64() / samples as f64);
        }
    }

    fn row(&self) -> Row {
        let mut blocks = self.blocks_s.clone();
        blocks.sort_by(f64::total_cmp);
        let sample_ns = 1e9 * self.best_s[0];
        Row {
            path: self.path.clone(),
            voices: self.voices,
            ns_per_sample: sample_ns / self.voices as f64,
            times_real_time: 1e9 / sample_ns / self.rate_hz,
            worst_block_ratio: blocks[blocks.len() * 999 / 1000] / blocks[blocks.len() / 2],
            block_1_ratio: self.best_s[1] / self.best_s[0],
            silence_ratio: None,
        }
    }
}
