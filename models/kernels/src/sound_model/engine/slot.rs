//! One voice's way from the network to the ear.
use super::reader::{REACH, Reader};
use crate::dsp::ramp::Ramp;
use crate::guard::Guard;
use crate::sound_model::config::MAX_CONDITIONS;
use crate::voices::Note;

/// Time in which a voice returns after the guard caught it, in seconds.
const RECOVER_S: f64 = 0.02;
/// Gains on their way: as many samples as the sound is late, and the present one.
pub(super) const GAINS: usize = REACH + 1;

/// What a voice plays, for the panel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Its place, 0..`max_voices`.
    pub slot: usize,
    /// Its note.
    pub note: Note,
    /// Pitch with bends and glide in MIDI notes.
    pub pitch_note: f32,
    /// What the network hears, in the order of the file's controls, -1..1 of the trained span.
    pub conditions: [f32; MAX_CONDITIONS],
    /// Level with velocity, linear.
    pub level: f32,
    /// How fast it is read; 1 unless it is transposed.
    pub speed: f32,
}

/// One voice's way from the network to the ear.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub reader: Reader,
    /// What the sound is scaled by when it is heard, around the band's `turn`.
    pub gains: [f32; GAINS],
    /// Samples that a note has still to sound after the voices are done with it.
    pub left: usize,
    /// Does the network play?
    pub playing: bool,
    /// How fast it is read.
    pub speed: f64,
    /// Where the vibrato stands, in turns.
    pub vibrato_turns: f64,
    /// Gains of both sides.
    pub sides: [f32; 2],
    pub guard: Guard,
    /// Falls to 0 when the guard catches something and rises again.
    pub recover: Ramp,
    pub reading: Reading,
}

impl Slot {
    /// Silent, at a rate in Hz.
    pub fn new(slot: usize, rate_hz: f64) -> Self {
        Self {
            reader: Reader::new(),
            gains: [0.0; GAINS],
            left: 0,
            playing: false,
            speed: 1.0,
            vibrato_turns: 0.0,
            sides: [1.0; 2],
            guard: Guard::default(),
            recover: Ramp::new(1.0, (RECOVER_S * rate_hz) as usize),
            reading: Reading {
                slot,
                note: Note { channel: 0, key: 60, voice_id: None },
                pitch_note: 60.0,
                conditions: [0.0; MAX_CONDITIONS],
                level: 0.0,
                speed: 1.0,
            },
        }
    }

    /// Forgets all sound.
    pub fn reset(&mut self) {
        self.reader = Reader::new();
        self.gains = [0.0; GAINS];
        (self.left, self.playing) = (0, false);
        self.guard.reset();
        self.recover.jump(1.0);
    }
}

/// Gains of left and right: equal power, and 1 in the middle.
pub(super) fn sides(pan: f32) -> [f32; 2] {
    if pan == 0.0 {
        return [1.0; 2];
    }
    let (sine, cosine) = ((pan + 1.0) * std::f32::consts::FRAC_PI_4).sin_cos();
    [std::f32::consts::SQRT_2 * cosine, std::f32::consts::SQRT_2 * sine]
}
