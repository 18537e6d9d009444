//! Note events of the plug-in framework as the kernels take them.
use kernels::voices::{Address, Expression, Note, NoteEvent, TimedEvent};
use nice_plug::midi::{Channel, Key, VoiceID};
use nice_plug::prelude::{NoteEvent as HostEvent, PluginApi};

/// Reads one event of the host's; none for what no instrument has a use for. `parameter` says which of the kernel's parameters
/// a poly modulation id moves; none moves nothing.
pub fn read<S>(event: &HostEvent<S>, api: PluginApi, parameter: impl Fn(u32) -> Option<u32>) -> Option<TimedEvent> {
    let express = |voice_id: &VoiceID, channel: &Channel, key: &Key, expression, value: &f32| NoteEvent::Expression {
        address: address(voice_id, channel, key),
        expression,
        value: *value,
    };
    let (timing, event) = match event {
        HostEvent::NoteOn { timing, voice_id, channel, key, velocity } => {
            let note = Note { channel: channel.number().unwrap_or(0), key: key.number()?, voice_id: voice_id.id() };
            // A velocity of 0 is a note of its own in CLAP and VST3; the framework has turned MIDI's into an end.
            let velocity = if *velocity == 0.0 { f32::MIN_POSITIVE } else { *velocity };
            (timing, NoteEvent::On { note, velocity })
        }
        HostEvent::NoteOff { timing, voice_id, channel, key, .. } => {
            (timing, NoteEvent::Off { address: address(voice_id, channel, key) })
        }
        HostEvent::Choke { timing, voice_id, channel, key } => {
            (timing, NoteEvent::Choke { address: address(voice_id, channel, key) })
        }
        HostEvent::PolyPressure { timing, voice_id, channel, key, pressure } => {
            (timing, express(voice_id, channel, key, Expression::Pressure, pressure))
        }
        HostEvent::PolyVolume { timing, voice_id, channel, key, gain } => {
            (timing, express(voice_id, channel, key, Expression::Volume, gain))
        }
        HostEvent::PolyPan { timing, voice_id, channel, key, pan } => {
            (timing, express(voice_id, channel, key, Expression::Pan, pan))
        }
        HostEvent::PolyTuning { timing, voice_id, channel, key, tuning } => {
            (timing, express(voice_id, channel, key, Expression::Tuning, tuning))
        }
        HostEvent::PolyVibrato { timing, voice_id, channel, key, vibrato } => {
            (timing, express(voice_id, channel, key, Expression::Vibrato, vibrato))
        }
        HostEvent::PolyExpression { timing, voice_id, channel, key, expression } => {
            (timing, express(voice_id, channel, key, swapped(Expression::Expression, api), expression))
        }
        HostEvent::PolyBrightness { timing, voice_id, channel, key, brightness } => {
            (timing, express(voice_id, channel, key, swapped(Expression::Brightness, api), brightness))
        }
        HostEvent::PolyModulation { timing, voice_id, poly_modulation_id, normalized_offset } => {
            let parameter = parameter(*poly_modulation_id)?;
            (timing, NoteEvent::Modulation { voice_id: *voice_id, parameter, offset: *normalized_offset })
        }
        HostEvent::MidiChannelPressure { timing, channel, pressure } => {
            (timing, NoteEvent::ChannelPressure { channel: *channel, pressure: *pressure })
        }
        HostEvent::MidiPitchBend { timing, channel, value } => {
            (timing, NoteEvent::PitchBend { channel: *channel, bend: 2.0 * value - 1.0 })
        }
        HostEvent::MidiCC { timing, channel, cc, value } => {
            (timing, NoteEvent::Control { channel: *channel, number: *cc, value: *value })
        }
        _ => return None,
    };
    Some(TimedEvent { offset_samples: *timing, event })
}

fn address(voice_id: &VoiceID, channel: &Channel, key: &Key) -> Address {
    Address { channel: channel.number(), key: key.number(), voice_id: voice_id.id() }
}

/// The framework (0.4.2) takes VST3's brightness for expression and the other way round; a host test would notice if it stopped.
fn swapped(expression: Expression, api: PluginApi) -> Expression {
    match (api, expression) {
        (PluginApi::Vst3, Expression::Expression) => Expression::Brightness,
        (PluginApi::Vst3, Expression::Brightness) => Expression::Expression,
        (_, expression) => expression,
    }
}

/// A note that ended, as hosts that modulate single notes want to hear of it.
pub fn ended<S>(note: &Note, timing: u32) -> HostEvent<S> {
    HostEvent::VoiceTerminated {
        timing,
        voice_id: note.voice_id.map_or(VoiceID::Wildcard, VoiceID::ID),
        channel: Channel::Number(note.channel),
        key: Key::Number(note.key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(velocity: f32) -> HostEvent<()> {
        let (voice_id, channel, key) = (VoiceID::ID(7), Channel::Number(2), Key::Number(60));
        HostEvent::NoteOn { timing: 5, voice_id, channel, key, velocity }
    }

    #[test]
    fn a_note_keeps_its_place_its_name_and_a_velocity_above_zero() {
        let found = read(&on(0.0), PluginApi::Clap, |_| None).unwrap();
        let NoteEvent::On { note, velocity } = found.event else { panic!("{found:?}") };
        assert_eq!((found.offset_samples, note), (5, Note { channel: 2, key: 60, voice_id: Some(7) }));
        assert!(velocity > 0.0);
    }

    #[test]
    fn what_names_no_key_begins_no_note_but_ends_all() {
        let (voice_id, channel, key) = (VoiceID::Wildcard, Channel::Wildcard, Key::Wildcard);
        let begin = HostEvent::<()>::NoteOn { timing: 0, voice_id, channel, key, velocity: 1.0 };
        assert_eq!(read(&begin, PluginApi::Clap, |_| None), None);
        let choke = HostEvent::<()>::Choke { timing: 0, voice_id, channel, key };
        let all = Address { channel: None, key: None, voice_id: None };
        assert_eq!(read(&choke, PluginApi::Clap, |_| None).unwrap().event, NoteEvent::Choke { address: all });
    }

    #[test]
    fn bends_have_their_middle_at_zero_and_vst3_gets_its_brightness_back() {
        let bend = |value| HostEvent::<()>::MidiPitchBend { timing: 0, channel: 0, value };
        for (value, expected) in [(0.0, -1.0), (0.5, 0.0), (1.0, 1.0)] {
            let NoteEvent::PitchBend { bend, .. } = read(&bend(value), PluginApi::Clap, |_| None).unwrap().event else {
                panic!()
            };
            assert_eq!(bend, expected);
        }
        let (voice_id, channel, key) = (VoiceID::ID(1), Channel::Number(0), Key::Number(60));
        let bright = HostEvent::<()>::PolyBrightness { timing: 0, voice_id, channel, key, brightness: 0.3 };
        for (api, expected) in [(PluginApi::Clap, Expression::Brightness), (PluginApi::Vst3, Expression::Expression)] {
            let NoteEvent::Expression { expression, .. } = read(&bright, api, |_| None).unwrap().event else {
                panic!()
            };
            assert_eq!(expression, expected);
        }
    }

    #[test]
    fn modulation_goes_where_the_instrument_says_and_nowhere_else() {
        let event = |id| HostEvent::<()>::PolyModulation {
            timing: 0,
            voice_id: 3,
            poly_modulation_id: id,
            normalized_offset: 0.25,
        };
        let place = |id| (id == 1).then_some(4);
        let found = read(&event(1), PluginApi::Clap, place).unwrap().event;
        assert_eq!(found, NoteEvent::Modulation { voice_id: 3, parameter: 4, offset: 0.25 });
        assert_eq!(read(&event(2), PluginApi::Clap, place), None);
    }
}
