//! The instruments in a VST3 host: the same notes sound as in a CLAP host, expressions reach what they name.
use crate::bundled;
use crate::clap_host::{activate, bouncing};
use crate::note_host::{Action, play};
use clack_host::events::event_types::NoteExpressionType as ClapExpression;
use vst3_host::audio::AudioBuffers;
use vst3_host::midi::{MidiChannel, NoteExpressionType, NoteId};
use vst3_host::{Plugin, Vst3Host};

const BLOCK: usize = 480;
const BLOCKS: usize = 40;
/// Class ids, and the CLAP ids of the same plug-ins.
const BOTH: [(&[u8; 16], &std::ffi::CStr); 2] =
    [(b"DoppelSoundModel", c"audio.doppel.sound-model"), (b"DoppelWavetable1", c"audio.doppel.wavetable")];

fn instance(class: &[u8; 16]) -> Plugin {
    let class: String = class.iter().map(|byte| format!("{byte:02X}")).collect();
    let mut host = Vst3Host::builder().sample_rate(48_000.0).block_size(BLOCK).build().unwrap();
    host.load_plugin_class(bundled("Doppel.vst3"), &class).unwrap()
}

/// Holds a note from the start on, and does something to it in the tenth block.
fn hold(class: &[u8; 16], key: u8, then: impl Fn(&mut Plugin, NoteId)) -> Vec<f32> {
    let mut plugin = instance(class);
    plugin.start_processing().unwrap();
    let note = plugin.note_on(MidiChannel::Ch1, key, 127).unwrap();
    let mut left = Vec::new();
    for block in 0..BLOCKS {
        if block == 10 {
            then(&mut plugin, note);
        }
        let mut buffers = AudioBuffers::new(0, 2, BLOCK, 48_000.0);
        plugin.process_audio(&mut buffers).unwrap();
        left.extend_from_slice(&buffers.outputs[0]);
    }
    plugin.stop_processing().unwrap();
    left
}

#[test]
fn a_note_and_its_expressions_sound_as_in_a_clap_host() {
    for (class, id) in BOTH {
        for (vst3, clap) in [
            (None, None),
            (Some(NoteExpressionType::Brightness), Some(ClapExpression::Brightness)),
            (Some(NoteExpressionType::Expression), Some(ClapExpression::Expression)),
        ] {
            let found = hold(class, 69, |plugin, note| {
                if let Some(kind) = vst3 {
                    plugin.send_note_expression(note, kind, 0.25).unwrap();
                }
            });
            let mut actions = vec![(0, Action::On(69, 1.0, 1))];
            actions.extend(clap.map(|kind| (10 * BLOCK, Action::Express(1, kind, 0.25))));
            let mut clap_instance = bouncing(id);
            let mut processor = activate(&mut clap_instance, 48_000.0);
            let expected = play(&mut processor, BLOCK * BLOCKS, &[BLOCK], &actions);
            clap_instance.deactivate(processor.stop_processing());
            assert!(found.iter().any(|y| y.abs() > 0.02), "{id:?} {vst3:?}: silence");
            assert!(found == expected.sound[0], "{id:?} {vst3:?}: not what the CLAP sounds like");
        }
    }
}

#[test]
fn controllers_reach_the_instrument() {
    for (class, id) in BOTH {
        let held = hold(class, 69, |plugin, note| {
            plugin.send_midi_cc(64, 127, MidiChannel::Ch1).unwrap();
            plugin.note_off_at(note, 100).unwrap();
        });
        let end = &held[held.len() - BLOCK..];
        assert!(end.iter().any(|y| y.abs() > 0.01), "{id:?}: the pedal does not hold");
        let let_go = hold(class, 69, |plugin, note| plugin.note_off_at(note, 100).unwrap());
        assert!(let_go[let_go.len() - BLOCK..].iter().all(|y| y.abs() < 1e-6), "{id:?}: the note does not end");
    }
}
