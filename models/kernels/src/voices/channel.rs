//! One MIDI channel: what it remembers between notes, and how controllers change that.

/// Controller numbers of MIDI 1.0 that are understood.
mod number {
    pub const MODULATION: u8 = 1;
    pub const DATA: u8 = 6;
    pub const VOLUME: u8 = 7;
    pub const PAN: u8 = 10;
    pub const EXPRESSION: u8 = 11;
    pub const DATA_FINE: u8 = 38;
    pub const SUSTAIN: u8 = 64;
    pub const SOSTENUTO: u8 = 66;
    pub const BRIGHTNESS: u8 = 74;
    pub const UNREGISTERED_FINE: u8 = 98;
    pub const UNREGISTERED: u8 = 99;
    pub const REGISTERED_FINE: u8 = 100;
    pub const REGISTERED: u8 = 101;
    pub const ALL_SOUND_OFF: u8 = 120;
    pub const RESET: u8 = 121;
    pub const ALL_NOTES_OFF: u8 = 123;
    /// Omni and mono modes, which end all notes as well.
    pub const LAST_MODE: u8 = 127;
}

/// Registered parameters that are understood: bend range, and MPE's configuration message.
const BEND_RANGE: u16 = 0;
const MPE_CONFIGURATION: u16 = 6;
/// The registered parameter that is none.
const NO_PARAMETER: u16 = 0x3fff;

/// What a controller asks of the voices, beyond what the channel remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Nothing.
    None,
    /// Notes that only the sustain pedal held may end.
    SustainUp,
    /// The keys that are down are to be held.
    SostenutoDown,
    /// They are no longer.
    SostenutoUp,
    /// Every key goes up and so do the pedals.
    AllNotesOff,
    /// Everything falls silent at once.
    AllSoundOff,
    /// The bend range has these semitones, or these hundredths of one.
    BendRange {
        /// Semitones?
        whole: bool,
        /// 0..128.
        bits: u8,
    },
    /// The channel leads a zone of so many members.
    Zone {
        /// 0 ends the zone.
        members: u8,
    },
    /// The channels have new roles: nothing that sounds knows its bend any more.
    NewZones,
}

/// One channel.
#[derive(Clone, Copy, Debug)]
pub struct Channel {
    /// -1..1 of the bend range.
    pub bend: f32,
    /// Bend range in semitones where a message gave one; none takes the player's.
    pub bend_range_semitones: Option<f32>,
    /// 0..1.
    pub pressure: f32,
    /// Controller 74, 0..1 with its middle at 0.5.
    pub slide: f32,
    /// Modulation wheel, 0..1.
    pub vibrato: f32,
    /// Controller 7, 0..1.
    pub volume: f32,
    /// Controller 11, 0..1.
    pub expression: f32,
    /// -1..1.
    pub pan: f32,
    /// Is the sustain pedal down?
    pub sustain: bool,
    /// Is the sostenuto pedal down?
    sostenuto: bool,
    /// Registered parameter that data entries go to.
    parameter: u16,
}

impl Channel {
    /// Nothing was ever sent.
    pub const NEW: Self = Self {
        bend: 0.0,
        bend_range_semitones: None,
        pressure: 0.0,
        slide: 0.5,
        vibrato: 0.0,
        volume: 1.0,
        expression: 1.0,
        pan: 0.0,
        sustain: false,
        sostenuto: false,
        parameter: NO_PARAMETER,
    };

    /// Takes a controller, 0..1, and says what it asks for.
    pub fn control(&mut self, controller: u8, value: f32) -> Request {
        let value = value.clamp(0.0, 1.0);
        let bits = (value * 127.0).round() as u16;
        let down = bits >= 64;
        match controller {
            number::MODULATION => self.vibrato = value,
            number::VOLUME => self.volume = value,
            number::EXPRESSION => self.expression = value,
            number::BRIGHTNESS => self.slide = value,
            // The middle, 64 of 127, is the centre.
            number::PAN => self.pan = ((f32::from(bits) - 64.0) / 63.0).max(-1.0),
            number::SUSTAIN => {
                let was_down = std::mem::replace(&mut self.sustain, down);
                return if was_down && !down { Request::SustainUp } else { Request::None };
            }
            number::SOSTENUTO => {
                return match (std::mem::replace(&mut self.sostenuto, down), down) {
                    (false, true) => Request::SostenutoDown,
                    (true, false) => Request::SostenutoUp,
                    _ => Request::None,
                };
            }
            number::REGISTERED => self.parameter = bits << 7 | self.parameter & 0x7f,
            number::REGISTERED_FINE => self.parameter = self.parameter & 0x3f80 | bits,
            number::UNREGISTERED | number::UNREGISTERED_FINE => self.parameter = NO_PARAMETER,
            number::DATA | number::DATA_FINE => {
                let (whole, bits) = (controller == number::DATA, bits as u8);
                return match self.parameter {
                    BEND_RANGE => Request::BendRange { whole, bits },
                    MPE_CONFIGURATION if whole => Request::Zone { members: bits },
                    _ => Request::None,
                };
            }
            number::ALL_SOUND_OFF => return Request::AllSoundOff,
            number::RESET => {
                self.reset_controllers();
                // Whatever either pedal held is let go by who follows this.
                return Request::SostenutoUp;
            }
            number::ALL_NOTES_OFF..=number::LAST_MODE => {
                // MIDI would leave pedalled notes alone, but hosts send this on stop, where a pedal may hang for ever.
                (self.sustain, self.sostenuto) = (false, false);
                return Request::AllNotesOff;
            }
            _ => {}
        }
        Request::None
    }

    /// What it was told as a member, a leader or neither means nothing to it in another role.
    pub fn forget_role(&mut self) {
        *self = Self { volume: self.volume, pan: self.pan, ..Self::NEW };
    }

    /// Controller 121, after RP-015: volume, pan, brightness and the bend range stay.
    fn reset_controllers(&mut self) {
        let Self { bend_range_semitones, volume, pan, slide, .. } = *self;
        *self = Self { bend_range_semitones, volume, pan, slide, ..Self::NEW };
    }
}
