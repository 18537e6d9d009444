//! A stretch of a block in which no note begins, and what its voices are to play: what an instrument renders from.
use super::controls::Controls;
use super::event::{MAX_MODULATIONS, Note};
use super::lines::Line;
use super::voice::{Life, Voice};

/// What a voice is told besides level and pitch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Pressure of the finger or the channel, 0..1.
    Pressure,
    /// MPE's third dimension (controller 74, brightness), 0..1 with its middle at 0.5.
    Slide,
    /// Modulation wheel or vibrato expression, 0..1.
    Vibrato,
    /// -1 left, 1 right.
    Pan,
    /// Timbre by velocity, -1..1 with 0 for the middle velocity.
    Timbre,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pressure, Self::Slide, Self::Vibrato, Self::Pan, Self::Timbre];
}

/// At most one cell of the engine's clock, and at least one sample.
pub struct Segment<'a> {
    /// Its first sample in the block.
    pub first: usize,
    /// Its samples.
    pub count: usize,
    /// Its place in the cell, in samples.
    pub(super) at: usize,
    /// Free ones among them.
    pub(super) voices: &'a [Voice],
    /// `[voice][sample]`, each voice's row as long as the longest segment.
    pub(super) levels: &'a [f32],
    /// Length of a row.
    pub(super) row: usize,
    /// The player's.
    pub(super) controls: &'a Controls,
    /// The engine's.
    pub(super) seed: u64,
    /// The note from which the seeds are counted.
    pub(super) first_note: u64,
}

impl<'a> Segment<'a> {
    /// The voices that sound, in the order of their slots.
    pub fn voices(&self) -> impl Iterator<Item = VoiceControls<'a>> {
        let Self { count, at, levels, row, controls, .. } = *self;
        let (seed, first_note) = (self.seed, self.first_note);
        self.voices.iter().enumerate().filter(|(_, voice)| voice.life != Life::Free).map(move |(slot, voice)| {
            let seed = mix(seed.wrapping_add(mix(voice.held.number.wrapping_sub(first_note))));
            VoiceControls { slot, voice, levels: &levels[slot * row..][..count], at, controls, seed }
        })
    }
}

/// What one voice plays for the length of a segment. Samples are counted from the segment's first.
pub struct VoiceControls<'a> {
    /// Where the instrument keeps this voice's state, 0..`max_voices`; the same until it is silent.
    pub slot: usize,
    /// What it does.
    voice: &'a Voice,
    /// A gain for each sample.
    levels: &'a [f32],
    /// Place of the segment in the cell, in samples.
    at: usize,
    /// The player's.
    controls: &'a Controls,
    /// The engine's, for this note.
    seed: u64,
}

impl<'a> VoiceControls<'a> {
    /// Does a note begin from silence here? Only then may the instrument forget the voice's state without a click.
    pub fn started(&self) -> bool {
        self.voice.started
    }

    /// Does the note's envelope begin here, from silence or from where it stands? An instrument's own envelopes begin with it.
    pub fn struck(&self) -> bool {
        self.voice.struck
    }

    /// Seed for everything random in the note; depends on the engine's seed and on how many notes were begun since it was set.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The note that owns the voice. It, its velocity and its seed are the next note's already while a stolen sound fades.
    pub fn note(&self) -> Note {
        self.voice.held.note
    }

    /// Its velocity, 0..1.
    pub fn velocity(&self) -> f32 {
        self.voice.held.velocity
    }

    /// Does a finger or a pedal hold it?
    pub fn is_held(&self) -> bool {
        self.voice.gate
    }

    /// Is its key one that the model does not know?
    pub fn is_outside(&self) -> bool {
        !self.controls.range.contains(f64::from(self.voice.held.note.key))
    }

    /// Linear gain of each sample: envelope, velocity, volume.
    pub fn levels(&self) -> &'a [f32] {
        self.levels
    }

    /// Pitch with bends and glide in MIDI notes; `sample` may be the segment's length, for the pitch at its end.
    pub fn pitch_note(&self, sample: usize) -> f64 {
        self.voice.lines.pitch_note(self.at + sample)
    }

    /// Value of a dimension.
    pub fn value(&self, dimension: Dimension, sample: usize) -> f32 {
        let line = match dimension {
            Dimension::Pressure => Line::Pressure,
            Dimension::Slide => Line::Slide,
            Dimension::Vibrato => Line::Vibrato,
            Dimension::Pan => Line::Pan,
            Dimension::Timbre => Line::Timbre,
        };
        self.voice.lines.value(line as usize, self.at + sample)
    }

    /// The host's offset of a parameter for this voice, -1..1 of the parameter's range; 0 for numbers that do not exist.
    pub fn modulation(&self, parameter: usize, sample: usize) -> f32 {
        if parameter < MAX_MODULATIONS {
            self.voice.lines.value(Line::Modulation as usize + parameter, self.at + sample)
        } else {
            0.0
        }
    }
}

/// A step of SplitMix64 (Steele, Lea, Flood 2014): neighbouring numbers come out unrelated.
pub(crate) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}
