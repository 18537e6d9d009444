//! Notes into voices: what serves every instrument that is played.
//!
//! | file | what it is |
//! |---|---|
//! | `event`, `controls` | what a player does, and what he sets, in musical units |
//! | `channel`, `channels`, `zones` | what MIDI channels remember; MPE |
//! | `allocation`, `keys` | which voice plays which note; stealing, pedals, one voice for many keys |
//! | `voice`, `envelope`, `glide`, `lines`, `range` | one voice's level, pitch and expressions in time |
//! | `segment` | what the instrument renders from |
//! | `load` | a cap of the voices by measured load |
//!
//! A note begins and ends on its sample. Everything that moves does so along straight lines between the ends of cells of about
//! a millisecond. The cells are counted by the engine's own clock, and no line knows what comes after it, so the output is the
//! same for any cut of events and samples into blocks. A stolen voice fades for 5 ms before its new note begins: that keeps the
//! number of voices that an instrument computes below the cap at all times.
mod allocation;
mod channel;
mod channels;
pub mod controls;
pub mod envelope;
pub mod event;
pub mod glide;
mod keys;
mod lines;
pub mod load;
pub mod range;
pub mod segment;
#[cfg(test)]
mod tests;
mod voice;
mod zones;

use channels::Channels;
pub use controls::{Controls, Mode};
pub use envelope::Adsr;
pub use event::{Address, Expression, Note, NoteEvent, TimedEvent};
pub use glide::Portamento;
use keys::Keys;
pub use keys::Priority;
pub use load::LoadCap;
pub use range::{Outside, PitchRange};
pub(crate) use segment::mix;
pub use segment::{Dimension, Segment, VoiceControls};
use voice::{Life, Voice};

/// Longest cell, and with it the longest segment, in samples.
pub const MAX_CELL: usize = 64;
/// Shortest cell in samples.
const MIN_CELL: usize = 8;
/// Longest cell in seconds; expressions arrive about that often.
const CELL_S: f64 = 0.001;
/// Time constant with which a voice follows bends, expressions and modulations, in seconds.
const SMOOTHING_S: f64 = 0.005;
/// Ends of notes that are remembered for the host within one block.
pub const MAX_ENDED: usize = 1024;

/// A note that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The note, as it was begun.
    pub note: Note,
    /// Where in the block, in samples.
    pub offset_samples: u32,
}

/// All voices of one instrument. `new` allocates, `reset` forgets, `process` only computes.
#[derive(Clone, Debug)]
pub struct Voices {
    /// Samples a second.
    rate_hz: f64,
    /// Samples of a cell.
    cell: usize,
    /// Share of the way to its target that a value goes within a cell.
    share: f32,
    /// Samples of the present cell that have passed.
    at: usize,
    /// Samples since the start.
    clock: u64,
    /// Samples of the present block that have passed.
    block_samples: usize,
    /// As many as may ever sound.
    voices: Vec<Voice>,
    /// Levels of the present segment, `[voice][MAX_CELL]`.
    levels: Vec<f32>,
    /// What MIDI said.
    channels: Channels,
    /// Keys that are down while one voice plays them all.
    keys: Keys,
    /// Controls of the last call.
    controls: Controls,
    /// Pitch of the note begun last, from which the next one glides.
    last_note: Option<f64>,
    /// Notes begun since the start.
    notes: u64,
    /// Notes begun when the seed was set; seeds count from there.
    first_note: u64,
    /// What the notes' seeds are made from.
    seed: u64,
    /// Voices that may sound at once.
    cap: usize,
    /// Notes that ended in the present block.
    ended: Vec<Ended>,
    /// Notes that lost their voice to others or to the cap.
    stolen_notes: u64,
    /// Events that were no numbers or named what does not exist.
    ignored_events: u64,
}

impl Voices {
    /// Allocates everything for `max_voices` (at least 1) at a rate in Hz.
    pub fn new(rate_hz: f64, max_voices: usize) -> Self {
        let max_voices = max_voices.max(1);
        let cell = cell_samples(rate_hz);
        Self {
            rate_hz,
            cell,
            share: (1.0 - (-(cell as f64) / (SMOOTHING_S * rate_hz)).exp()) as f32,
            at: 0,
            clock: 0,
            block_samples: 0,
            voices: vec![Voice::new(rate_hz); max_voices],
            levels: vec![0.0; max_voices * MAX_CELL],
            channels: Channels::new(),
            keys: Keys::new(),
            controls: Controls::default(),
            last_note: None,
            notes: 0,
            first_note: 0,
            seed: 0,
            cap: max_voices,
            ended: Vec::with_capacity(MAX_ENDED),
            stolen_notes: 0,
            ignored_events: 0,
        }
    }

    /// Forgets all notes, pedals, bends and zones; seed, cap and counters stay. Does not allocate.
    pub fn reset(&mut self) {
        self.voices.iter_mut().for_each(|voice| *voice = Voice::new(self.rate_hz));
        self.channels = Channels::new();
        self.controls = Controls::default();
        self.keys.clear();
        self.ended.clear();
        (self.at, self.clock, self.notes, self.first_note) = (0, 0, 0, 0);
        self.last_note = None;
    }

    /// Sets the seed of all notes that are begun from now on, and counts them from 0.
    pub fn seed(&mut self, seed: u64) {
        (self.seed, self.first_note) = (seed, self.notes);
    }

    /// Sets how many voices may sound, 1..`max_voices`; those above it fade.
    pub fn set_voice_cap(&mut self, cap: usize) {
        self.cap = cap.clamp(1, self.voices.len());
        let owned = self.voices.iter().filter(|voice| voice.owns_note()).count();
        for _ in self.cap..owned {
            self.steal();
        }
    }

    /// Plays events, in their order, for `frames` samples; `render` is called for each segment of them, from first to last.
    pub fn process(
        &mut self,
        controls: &Controls,
        events: &[TimedEvent],
        frames: usize,
        mut render: impl FnMut(&Segment),
    ) {
        self.ended.clear();
        self.block_samples = 0;
        self.adopt(controls.sane());
        for event in events {
            self.play_until(frames.min(event.offset_samples as usize), &mut render);
            let controls = self.controls;
            self.handle(&controls, &event.event);
        }
        self.play_until(frames, &mut render);
    }

    /// Notes that ended in the last call, for hosts that modulate single voices; at most [`MAX_ENDED`].
    pub fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// Voices that sound, those that fade included.
    pub fn sounding(&self) -> usize {
        self.voices.iter().filter(|voice| voice.life != Life::Free).count()
    }

    /// Voices that may sound at once.
    pub fn voice_cap(&self) -> usize {
        self.cap
    }

    /// How many notes lost their voice to others or to the cap, since construction.
    pub fn stolen_notes(&self) -> u64 {
        self.stolen_notes
    }

    /// How many events were no numbers or named what does not exist, since construction.
    pub fn ignored_events(&self) -> u64 {
        self.ignored_events
    }

    /// Keys that sound, for the panel: note and whether it is held.
    pub fn notes(&self) -> impl Iterator<Item = (Note, bool)> {
        self.voices.iter().filter(|voice| voice.owns_note()).map(|voice| (voice.held.note, voice.gate))
    }

    /// Takes the player's controls; a change that leaves no note its role ends them all.
    fn adopt(&mut self, controls: Controls) {
        let new_zones =
            self.channels.adopt(controls.mpe, controls.bend_range_semitones, controls.member_bend_range_semitones);
        if new_zones || controls.mode != self.controls.mode {
            self.let_all_go(&controls);
        }
        self.controls = controls;
    }

    /// Segments up to a place in the block.
    fn play_until(&mut self, end: usize, render: &mut impl FnMut(&Segment)) {
        while self.block_samples < end {
            let change = self.voices.iter().map(Voice::change_samples).min().unwrap_or(usize::MAX);
            let count = (end - self.block_samples).min(self.cell - self.at).min(change.max(1));
            self.segment(count, render);
        }
    }

    fn segment(&mut self, count: usize, render: &mut impl FnMut(&Segment)) {
        let (at, controls) = (self.at, self.controls);
        for (voice, levels) in self.voices.iter_mut().zip(self.levels.chunks_exact_mut(MAX_CELL)) {
            if voice.life != Life::Free {
                voice.aim(&self.channels, &controls, at, self.cell, self.share);
                voice.fill(&controls, at, &mut levels[..count]);
            }
        }
        render(&Segment {
            first: self.block_samples,
            count,
            at,
            voices: &self.voices,
            levels: &self.levels,
            row: MAX_CELL,
            controls: &controls,
            seed: self.seed,
            first_note: self.first_note,
        });
        self.clock += count as u64;
        self.block_samples += count;
        self.at = (at + count) % self.cell;
        for slot in 0..self.voices.len() {
            let voice = &mut self.voices[slot];
            if voice.life != Life::Free && voice.advance(&controls, self.clock, count) {
                let note = voice.held.note;
                self.end(note);
            }
        }
    }
}

/// Fundamental of a MIDI note in Hz.
pub fn hz_of(note: f64) -> f64 {
    440.0 * ((note - 69.0) / 12.0).exp2()
}

/// The longest power of two that lasts no longer than [`CELL_S`]: instruments compute in groups of eight or sixteen.
fn cell_samples(rate_hz: f64) -> usize {
    // In this order a rate that is no number gives the shortest one.
    let longest = (CELL_S * rate_hz).max(MIN_CELL as f64).min(MAX_CELL as f64) as usize;
    1 << longest.ilog2()
}
