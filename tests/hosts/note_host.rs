//! A CLAP host that plays notes on an instrument and listens.
use crate::clap_host::Quiet;
use clack_host::events::event_types::*;
use clack_host::events::spaces::CoreEventSpace;
use clack_host::events::{Match, Pckn};
use clack_host::prelude::*;
use clack_host::process::StartedPluginAudioProcessor;
use clack_host::process::audio_buffers::{AudioPortBuffer, AudioPortBufferType, AudioPorts};
use clack_host::utils::ClapId;

/// What the host does to an instrument.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// A key goes down: key, velocity, the note's name.
    On(u16, f64, u32),
    /// A key goes up: key, the note's name.
    Off(u16, u32),
    /// All notes fall silent.
    ChokeAll,
    /// Three bytes of MIDI.
    Midi([u8; 3]),
    /// A parameter takes a plain value.
    Set(ClapId, f64),
    /// A parameter of one note is moved: parameter, the note's name, offset.
    Modulate(ClapId, u32, f64),
    /// A note is expressed: its name, how, value.
    Express(u32, NoteExpressionType, f64),
}

/// What came out.
pub struct Heard {
    /// Left and right.
    pub sound: [Vec<f32>; 2],
    /// Names of the notes that the instrument said are over.
    pub ended: Vec<u32>,
}

impl Heard {
    /// Loudest sample of a stretch of the left channel.
    pub fn peak(&self, stretch: std::ops::Range<usize>) -> f32 {
        self.sound[0][stretch].iter().fold(0.0, |peak, y| peak.max(y.abs()))
    }
}

/// Plays so many samples in blocks, with actions at given samples, in their order.
pub fn play(
    processor: &mut StartedPluginAudioProcessor<Quiet>,
    samples: usize,
    blocks: &[usize],
    actions: &[(usize, Action)],
) -> Heard {
    let mut ports_out = AudioPorts::with_capacity(2, 1);
    let mut heard = Heard { sound: [Vec::new(), Vec::new()], ended: Vec::new() };
    let (mut start, mut blocks) = (0, blocks.iter().cycle());
    while start < samples {
        let end = (start + blocks.next().unwrap()).min(samples);
        let mut output = [vec![0.0f32; end - start], vec![0.0f32; end - start]];
        let mut buffer = EventBuffer::new();
        for (at, action) in actions.iter().filter(|(at, _)| (start..end).contains(at)) {
            push(&mut buffer, (at - start) as u32, action);
        }
        let mut audio_out = ports_out.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(output.iter_mut().map(|channel| channel.as_mut_slice())),
        }]);
        let mut events_out = EventBuffer::new();
        processor
            .process(
                &InputAudioBuffers::empty(),
                &mut audio_out,
                &buffer.as_input(),
                &mut events_out.as_output(),
                None,
                None,
            )
            .unwrap();
        for event in events_out.iter() {
            if let Some(CoreEventSpace::NoteEnd(end)) = event.as_core_event()
                && let Match::Specific(name) = end.note_id()
            {
                heard.ended.push(name);
            }
        }
        for (sound, block) in heard.sound.iter_mut().zip(&output) {
            sound.extend_from_slice(block);
        }
        start = end;
    }
    heard
}

fn push(buffer: &mut EventBuffer, time: u32, action: &Action) {
    let named = |name: u32| Pckn::new(0u16, Match::All, Match::All, name);
    match *action {
        Action::On(key, velocity, name) => {
            buffer.push(&NoteOnEvent::new(time, Pckn::new(0u16, 0u16, key, name), velocity));
        }
        Action::Off(key, name) => buffer.push(&NoteOffEvent::new(time, Pckn::new(0u16, 0u16, key, name), 0.0)),
        Action::ChokeAll => buffer.push(&NoteChokeEvent::new(time, Pckn::match_all())),
        Action::Midi(data) => buffer.push(&MidiEvent::new(time, 0, data)),
        Action::Set(id, value) => buffer.push(&ParamValueEvent::new(time, id, Pckn::match_all(), value)),
        Action::Modulate(id, name, offset) => buffer.push(&ParamModEvent::new(time, id, named(name), offset)),
        Action::Express(name, how, value) => buffer.push(&NoteExpressionEvent::new(time, named(name), how, value)),
    }
}
