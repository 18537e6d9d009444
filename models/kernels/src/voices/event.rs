//! What a player does: notes, expressions and MIDI messages, in musical units and independent of any plug-in format.

/// Channels of one MIDI port.
pub const CHANNELS: usize = 16;
/// Keys of one channel.
pub const KEYS: u8 = 128;
/// Parameters that the host may modulate for each voice by itself.
pub const MAX_MODULATIONS: usize = 16;

/// An event and its place in the block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedEvent {
    /// Samples from the start of the block; beyond its end counts as its end.
    pub offset_samples: u32,
    /// What happens.
    pub event: NoteEvent,
}

/// One note, as it was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// 0..16; MIDI's first channel is 0.
    pub channel: u8,
    /// 0..128; 60 is middle C.
    pub key: u8,
    /// The host's name for the note, where it has one.
    pub voice_id: Option<i32>,
}

/// Which notes an event means; what is none means all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Only this channel.
    pub channel: Option<u8>,
    /// Only this key.
    pub key: Option<u8>,
    /// Only the note with this name, and notes that have none.
    pub voice_id: Option<i32>,
}

impl Address {
    /// Is this note meant? Hosts name a note at its start and not always at its end, or the other way round.
    pub fn matches(&self, note: &Note) -> bool {
        self.channel.is_none_or(|channel| channel == note.channel)
            && self.key.is_none_or(|key| key == note.key)
            && (self.voice_id.is_none() || note.voice_id.is_none() || self.voice_id == note.voice_id)
    }
}

impl From<Note> for Address {
    fn from(note: Note) -> Self {
        Self { channel: Some(note.channel), key: Some(note.key), voice_id: note.voice_id }
    }
}

/// What may be expressed by one note alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Finger pressure, 0..1.
    Pressure,
    /// Linear gain, 1 is unity.
    Volume,
    /// -1 left, 1 right.
    Pan,
    /// Semitones added to the key.
    Tuning,
    /// 0..1.
    Vibrato,
    /// A share of the level, 0..1.
    Expression,
    /// MPE's third dimension, 0..1 with its middle at 0.5.
    Brightness,
}

/// What a player or host can do to notes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoteEvent {
    /// A key goes down; a velocity of 0 means that it goes up, as in MIDI.
    On {
        /// The note that begins.
        note: Note,
        /// 0..1.
        velocity: f32,
    },
    /// A key goes up.
    Off {
        /// The notes that end.
        address: Address,
    },
    /// Notes fall silent without a release.
    Choke {
        /// The notes that end.
        address: Address,
    },
    /// A note is expressed by itself.
    Expression {
        /// The notes that are meant.
        address: Address,
        /// Which dimension.
        expression: Expression,
        /// In the dimension's unit.
        value: f32,
    },
    /// The host moves one parameter of one note.
    Modulation {
        /// The note's name.
        voice_id: i32,
        /// Number of the parameter, 0..[`MAX_MODULATIONS`].
        parameter: u32,
        /// Added to the parameter's value, in shares of its range.
        offset: f32,
    },
    /// Pressure of a channel.
    ChannelPressure {
        /// 0..16.
        channel: u8,
        /// 0..1.
        pressure: f32,
    },
    /// Bend of a channel.
    PitchBend {
        /// 0..16.
        channel: u8,
        /// -1..1 of the bend range.
        bend: f32,
    },
    /// A MIDI controller.
    Control {
        /// 0..16.
        channel: u8,
        /// 0..128.
        number: u8,
        /// 0..1; times 127 is MIDI's number.
        value: f32,
    },
}

impl NoteEvent {
    /// Reads a MIDI channel message; none for what this crate has no use for (programs, system messages).
    pub fn from_midi(status: u8, data: [u8; 2]) -> Option<Self> {
        let [first, second] = data.map(|byte| byte & 0x7f);
        let (channel, value) = (status & 0x0f, f32::from(second) / 127.0);
        let note = Note { channel, key: first, voice_id: None };
        match status & 0xf0 {
            0x80 => Some(Self::Off { address: note.into() }),
            0x90 => Some(Self::On { note, velocity: value }),
            0xa0 => Some(Self::Expression { address: note.into(), expression: Expression::Pressure, value }),
            0xb0 => Some(Self::Control { channel, number: first, value }),
            0xd0 => Some(Self::ChannelPressure { channel, pressure: f32::from(first) / 127.0 }),
            0xe0 => Some(Self::PitchBend { channel, bend: bend_of(u16::from(second) << 7 | u16::from(first)) }),
            _ => None,
        }
    }

    /// Are all its numbers numbers, and do its channel and key exist?
    pub fn is_sane(&self) -> bool {
        let channel_exists = |channel: u8| usize::from(channel) < CHANNELS;
        match *self {
            Self::On { note, velocity } => channel_exists(note.channel) && note.key < KEYS && velocity.is_finite(),
            Self::Off { .. } | Self::Choke { .. } => true,
            Self::Expression { value, .. } => value.is_finite(),
            Self::Modulation { parameter, offset, .. } => (parameter as usize) < MAX_MODULATIONS && offset.is_finite(),
            Self::ChannelPressure { channel, pressure: value } | Self::PitchBend { channel, bend: value } => {
                channel_exists(channel) && value.is_finite()
            }
            Self::Control { channel, number, value } => channel_exists(channel) && number < 128 && value.is_finite(),
        }
    }
}

/// MIDI's 14 bits as -1..1: 8192 is the middle, and both ends are reached although one side has a step less.
fn bend_of(bits: u16) -> f32 {
    let steps = f32::from(bits) - 8192.0;
    steps / if steps > 0.0 { 8191.0 } else { 8192.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midi_bytes_become_musical_units() {
        let note = Note { channel: 2, key: 60, voice_id: None };
        assert_eq!(NoteEvent::from_midi(0x92, [60, 127]), Some(NoteEvent::On { note, velocity: 1.0 }));
        assert_eq!(NoteEvent::from_midi(0x82, [60, 64]), Some(NoteEvent::Off { address: note.into() }));
        for (low, high, bend) in [(0, 0, -1.0), (0, 0x40, 0.0), (0x7f, 0x7f, 1.0)] {
            assert_eq!(NoteEvent::from_midi(0xe0, [low, high]), Some(NoteEvent::PitchBend { channel: 0, bend }));
        }
        assert_eq!(NoteEvent::from_midi(0xc0, [3, 0]), None);
        assert_eq!(NoteEvent::from_midi(0xf8, [0, 0]), None);
    }

    #[test]
    fn a_name_decides_only_where_both_sides_have_one() {
        let named = Note { channel: 0, key: 60, voice_id: Some(7) };
        let nameless = Note { voice_id: None, ..named };
        assert!(Address::from(named).matches(&named));
        assert!(Address::from(named).matches(&nameless));
        assert!(Address::from(nameless).matches(&named));
        assert!(!Address { voice_id: Some(8), ..Address::from(named) }.matches(&named));
        assert!(!Address { key: Some(61), ..Address::from(named) }.matches(&named));
        assert!(Address { channel: None, key: None, voice_id: None }.matches(&named));
    }

    #[test]
    fn what_does_not_exist_is_not_sane() {
        let note = |channel, key| Note { channel, key, voice_id: None };
        assert!(NoteEvent::On { note: note(15, 127), velocity: 0.5 }.is_sane());
        assert!(!NoteEvent::On { note: note(16, 60), velocity: 0.5 }.is_sane());
        assert!(!NoteEvent::On { note: note(0, 128), velocity: 0.5 }.is_sane());
        assert!(!NoteEvent::On { note: note(0, 60), velocity: f32::NAN }.is_sane());
        assert!(!NoteEvent::Modulation { voice_id: 0, parameter: 16, offset: 0.0 }.is_sane());
        assert!(!NoteEvent::PitchBend { channel: 0, bend: f32::INFINITY }.is_sane());
    }
}
