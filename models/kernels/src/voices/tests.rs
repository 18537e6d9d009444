//! The rules of playing, each as a sentence.
mod flood;
mod playing;
mod stealing;

use super::*;

/// Rate of most tests: a cell is 32 samples.
const RATE_HZ: f64 = 48_000.0;
const MS: usize = 48;

/// What one voice played in one sample.
#[derive(Clone, Debug, PartialEq)]
struct Heard {
    key: u8,
    started: bool,
    held: bool,
    level: f32,
    pitch_note: f64,
    seed: u64,
    /// In the order of [`Dimension::ALL`], then the first modulation.
    values: [f32; 6],
}

/// Voices, and all that they played, `[sample][slot]`.
struct Rig {
    voices: Voices,
    controls: Controls,
    heard: Vec<Vec<Option<Heard>>>,
}

impl Rig {
    fn new(max_voices: usize) -> Self {
        let controls = Controls { velocity_to_level: 1.0, ..Default::default() };
        Self { voices: Voices::new(RATE_HZ, max_voices), controls, heard: Vec::new() }
    }

    /// Plays events now and lets time pass; returns what the last sample was.
    fn play(&mut self, events: &[NoteEvent], samples: usize) -> Vec<Heard> {
        let events: Vec<_> = events.iter().map(|event| TimedEvent { offset_samples: 0, event: *event }).collect();
        self.play_timed(&events, samples)
    }

    fn play_timed(&mut self, events: &[TimedEvent], samples: usize) -> Vec<Heard> {
        let (before, slots) = (self.heard.len(), self.voices.voices.len());
        self.heard.resize(before + samples, vec![None; slots]);
        let heard = &mut self.heard[before..];
        self.voices.process(&self.controls, events, samples, |segment| {
            for voice in segment.voices() {
                for n in 0..segment.count {
                    let mut values = [voice.modulation(0, n); 6];
                    for (value, dimension) in values.iter_mut().zip(Dimension::ALL) {
                        *value = voice.value(dimension, n);
                    }
                    heard[segment.first + n][voice.slot] = Some(Heard {
                        key: voice.note().key,
                        started: voice.started() && n == 0,
                        held: voice.is_held(),
                        level: voice.levels()[n],
                        pitch_note: voice.pitch_note(n),
                        seed: voice.seed(),
                        values,
                    });
                }
            }
        });
        self.heard.last().map(|heard| heard.iter().flatten().cloned().collect()).unwrap_or_default()
    }

    /// Keys that are held, from low to high.
    fn held(&self) -> Vec<u8> {
        let mut keys: Vec<_> = self.voices.notes().filter(|(_, held)| *held).map(|(note, _)| note.key).collect();
        keys.sort();
        keys
    }

    /// Largest change of a slot's level from sample to sample.
    fn largest_step(&self, slot: usize) -> f32 {
        let level = |heard: &Vec<Option<Heard>>| heard[slot].as_ref().map_or(0.0, |heard| heard.level);
        self.heard.windows(2).map(|pair| (level(&pair[1]) - level(&pair[0])).abs()).fold(0.0, f32::max)
    }
}

fn note(channel: u8, key: u8) -> Note {
    Note { channel, key, voice_id: None }
}

fn on(key: u8) -> NoteEvent {
    NoteEvent::On { note: note(0, key), velocity: 1.0 }
}

fn soft(key: u8, velocity: f32) -> NoteEvent {
    NoteEvent::On { note: note(0, key), velocity }
}

fn off(key: u8) -> NoteEvent {
    NoteEvent::Off { address: note(0, key).into() }
}

fn pedal(number: u8, down: bool) -> NoteEvent {
    NoteEvent::Control { channel: 0, number, value: f32::from(u8::from(down)) }
}

fn at(offset_samples: u32, event: NoteEvent) -> TimedEvent {
    TimedEvent { offset_samples, event }
}
