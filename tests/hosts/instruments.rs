//! The instruments in a CLAP host: what is played, how it is expressed, floods, states, and the same sound as the engine's.
use crate::clap_host::{Quiet, activate, bouncing, latency, load, params, save};
use crate::note_host::{Action, Heard, play};
use clack_host::events::event_types::NoteExpressionType;
use clack_host::prelude::PluginInstance;
use kernels::sound_model::SoundModel;
use kernels::voices::{Note, NoteEvent, TimedEvent};
use kernels::wavetable::Wavetable;
use plugin::sound_model::params::SoundModelParams;
use plugin::wavetable::params::WavetableParams;
use std::ffi::CStr;
use std::sync::Arc;

const RATE_HZ: f64 = 48_000.0;
const WAVETABLE: &CStr = c"audio.doppel.wavetable";
const SOUND_MODEL: &CStr = c"audio.doppel.sound-model";
const BOTH: [&CStr; 2] = [WAVETABLE, SOUND_MODEL];

/// Plays a fresh instance.
fn hear(id: &CStr, samples: usize, blocks: &[usize], actions: &[(usize, Action)]) -> Heard {
    let mut instance = bouncing(id);
    hear_on(&mut instance, samples, blocks, actions)
}

fn hear_on(
    instance: &mut PluginInstance<Quiet>,
    samples: usize,
    blocks: &[usize],
    actions: &[(usize, Action)],
) -> Heard {
    let mut processor = activate(instance, RATE_HZ);
    let heard = play(&mut processor, samples, blocks, actions);
    instance.deactivate(processor.stop_processing());
    heard
}

/// A chord that begins and ends note by note.
fn chord() -> Vec<(usize, Action)> {
    let keys = [(66, 1), (70, 2), (73, 3)];
    let on = keys.iter().map(|(key, name)| (100 * *name as usize, Action::On(*key, 0.8, *name)));
    let off = keys.iter().map(|(key, name)| (12_000 + 700 * *name as usize, Action::Off(*key, *name)));
    on.chain(off).collect()
}

/// What the engine plays of the same chord, with a fresh plug-in's settings.
fn engine_plays(id: &CStr, actions: &[(usize, Action)], samples: usize) -> [Vec<f32>; 2] {
    let events: Vec<TimedEvent> = actions
        .iter()
        .map(|(at, action)| {
            let note = |key: u16, name: u32| Note { channel: 0, key: key as u8, voice_id: Some(name as i32) };
            let event = match *action {
                Action::On(key, velocity, name) => NoteEvent::On { note: note(key, name), velocity: velocity as f32 },
                Action::Off(key, name) => NoteEvent::Off { address: note(key, name).into() },
                _ => panic!("{action:?}"),
            };
            TimedEvent { offset_samples: *at as u32, event }
        })
        .collect();
    let (mut left, mut right) = (vec![0.0; samples], vec![0.0; samples]);
    if id == WAVETABLE {
        let model = Arc::new(Wavetable::load(plugin::wavetable::FACTORY_MODELS[0].1).unwrap());
        let knobs = WavetableParams::default().knobs(model.info(), 1);
        let mut engine = kernels::wavetable::Engine::new(model, RATE_HZ, 16).unwrap();
        engine.process(&knobs, &events, &mut [&mut left, &mut right]);
    } else {
        let model = Arc::new(SoundModel::load(plugin::sound_model::FACTORY_MODELS[0].1).unwrap());
        let controls = SoundModelParams::default().controls(model.info(), 1);
        let mut engine = kernels::sound_model::Engine::new(model, RATE_HZ, 8).unwrap();
        engine.process(&controls, &events, &mut [&mut left, &mut right]);
    }
    [left, right]
}

#[test]
fn a_host_hears_exactly_what_the_engine_plays_in_any_blocks() {
    for id in BOTH {
        let expected = engine_plays(id, &chord(), 24_000);
        assert!(expected[0].iter().any(|y| y.abs() > 0.02), "{id:?} is silent");
        for blocks in [&[480][..], &[1, 2, 3, 17, 63, 64, 65, 512, 1024, 8192]] {
            let heard = hear(id, 24_000, blocks, &chord());
            assert!(heard.sound == expected, "{id:?} in blocks of {blocks:?}");
        }
    }
}

#[test]
fn a_note_sounds_from_its_sample_to_its_end_and_the_host_hears_of_that() {
    for id in BOTH {
        let late = {
            let mut instance = bouncing(id);
            let processor = activate(&mut instance, RATE_HZ);
            let late = latency(&mut instance);
            instance.deactivate(processor.stop_processing());
            late
        };
        let heard = hear(id, 40_000, &[480], &[(5_000, Action::On(69, 1.0, 42)), (20_000, Action::Off(69, 42))]);
        let first = heard.sound[0].iter().position(|y| y.abs() > 1e-4).unwrap();
        // Rate conversion begins a little before its latency, and a wave may begin at zero.
        assert!((4_960 + late / 2..5_120 + late).contains(&first), "{id:?}: sample {first}, latency {late}");
        assert!(heard.peak(15_000..20_000) > 0.02, "{id:?}");
        // Release of 150 ms.
        assert_eq!(heard.peak(20_000 + 2 * late + 8_000..40_000), 0.0, "{id:?} rings on");
        assert_eq!(heard.ended, [42], "{id:?}");
    }
}

#[test]
fn the_sustain_pedal_holds_and_the_wheel_bends() {
    for id in BOTH {
        let pedal = [
            (0, Action::Midi([0xb0, 64, 127])),
            (10, Action::Midi([0x90, 69, 100])),
            (5_000, Action::Midi([0x80, 69, 0])),
            (30_000, Action::Midi([0xb0, 64, 0])),
        ];
        let heard = hear(id, 48_000, &[512], &pedal);
        assert!(heard.peak(25_000..30_000) > 0.01, "{id:?}: not held");
        assert_eq!(heard.peak(40_000..48_000), 0.0, "{id:?}: not let go");
    }
    // Two semitones up by a wheel at its end.
    let bent = [(0, Action::Midi([0x90, 69, 100])), (24_000, Action::Midi([0xe0, 127, 127]))];
    let heard = hear(WAVETABLE, 72_000, &[512], &bent);
    let crossings = |stretch: std::ops::Range<usize>| {
        let tone = fundamental(&heard.sound[0][stretch]);
        tone.windows(2).filter(|pair| pair[0] <= 0.0 && pair[1] > 0.0).count() as f64
    };
    let ratio = crossings(48_000..72_000) / crossings(0..24_000);
    assert!((ratio - 2f64.powf(2.0 / 12.0)).abs() < 0.02, "{ratio}");
}

/// Leaves little but the fundamental of A4.
fn fundamental(sound: &[f32]) -> Vec<f32> {
    let mut poles = [0.0f32; 4];
    sound
        .iter()
        .map(|x| {
            let mut y = *x;
            for pole in &mut poles {
                *pole += 0.03 * (y - *pole);
                y = *pole;
            }
            y
        })
        .collect()
}

#[test]
fn a_host_modulates_and_expresses_one_note_and_leaves_the_others() {
    for (id, name) in [(WAVETABLE, "Control 1"), (SOUND_MODEL, "Timbre 1")] {
        let mut instance = bouncing(id);
        let timbre = params(&mut instance)[name];
        let alone = |key, name| vec![(0, Action::On(key, 0.8, name))];
        let plain = hear(id, 20_000, &[480], &alone(69, 1));
        let with = |what: Action| {
            let mut actions = alone(69, 1);
            actions.push((5_000, what));
            hear(id, 20_000, &[480], &actions)
        };
        let moved = with(Action::Modulate(timbre, 1, 0.4));
        let other = with(Action::Modulate(timbre, 9, 0.4));
        assert!(moved.sound[0][..5_000] == plain.sound[0][..5_000] && moved.sound != plain.sound, "{id:?}");
        assert!(other.sound == plain.sound, "{id:?}: a note that does not exist was moved");
        let tuned = with(Action::Express(1, NoteExpressionType::Tuning, 0.5));
        assert!(tuned.sound != plain.sound, "{id:?}: tuning changes nothing");
    }
}

#[test]
fn a_flood_of_notes_and_of_nonsense_harms_nothing() {
    for id in BOTH {
        let mut instance = bouncing(id);
        let ids = params(&mut instance);
        let mut actions: Vec<(usize, Action)> = Vec::new();
        for k in 0..10_000u32 {
            let at = 100 + (k / 40) as usize;
            actions.push((
                at,
                if k % 3 < 2 { Action::On((k % 128) as u16, 1.0, k) } else { Action::Off((k % 128) as u16, k) },
            ));
        }
        for (n, value) in [f64::NAN, f64::INFINITY, -1e30, 1e30].into_iter().enumerate() {
            actions.extend(ids.values().take(60).map(|id| (400 + n, Action::Set(*id, value))));
        }
        actions.push((450, Action::On(60, f64::NAN, 7)));
        actions.push((20_000, Action::ChokeAll));
        let heard = hear_on(&mut instance, 48_000, &[512], &actions);
        assert!(heard.sound.iter().flatten().all(|y| y.is_finite()), "{id:?}");
        assert!(heard.peak(40_000..48_000) < 1e-9, "{id:?}: something sticks");
    }
}

#[test]
fn the_same_seed_sounds_the_same_and_a_state_keeps_it() {
    for id in BOTH {
        let mut first = bouncing(id);
        let ids = params(&mut first);
        let set = [(0, Action::Set(ids["Seed"], 77.0)), (0, Action::Set(ids["Attack"], 80.0))];
        let before = hear_on(&mut first, 24_000, &[480], &[&set[..], &chord()].concat());
        let saved = save(&mut first);
        let mut second = bouncing(id);
        assert!(load(&mut second, &saved[..]));
        assert!(save(&mut second) == saved, "{id:?}: saved again, the state differs");
        let after = hear_on(&mut second, 24_000, &[480], &chord());
        assert!(after.sound == before.sound, "{id:?}");
    }
    // Where chance sounds, another seed is another sound.
    let seeded = |seed: f64| {
        let mut instance = bouncing(SOUND_MODEL);
        let id = params(&mut instance)["Seed"];
        hear_on(&mut instance, 12_000, &[480], &[&[(0, Action::Set(id, seed))][..], &chord()].concat())
    };
    assert!(seeded(3.0).sound != seeded(4.0).sound);
}

#[test]
fn every_host_rate_is_played() {
    for id in BOTH {
        for rate_hz in [8_000.0, 11_025.0, 44_123.45, 96_000.0, 192_000.0, 768_000.0] {
            let mut instance = bouncing(id);
            let mut processor = activate(&mut instance, rate_hz);
            let samples = (0.3 * rate_hz) as usize;
            let heard = play(&mut processor, samples, &[333], &[(7, Action::On(69, 1.0, 1))]);
            instance.deactivate(processor.stop_processing());
            assert!(heard.sound.iter().flatten().all(|y| y.is_finite()), "{id:?} at {rate_hz} Hz");
            assert!(heard.peak(samples / 2..samples) > 0.01, "{id:?} at {rate_hz} Hz: silence");
        }
    }
}

#[test]
fn a_project_whose_model_is_missing_is_silent_and_says_so_by_keeping_it() {
    for id in BOTH {
        let mut instance = bouncing(id);
        let saved = save(&mut instance);
        let mut state: serde_json::Value = serde_json::from_slice(&saved[8..]).unwrap();
        let wanted = r#"{"name":"Gone","sha256":"00","data":null}"#;
        state["fields"]["model"] = wanted.into();
        let text = state.to_string();
        let bytes = [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
        assert!(load(&mut instance, &bytes[..]));
        let heard = hear_on(&mut instance, 10_000, &[480], &[(0, Action::On(69, 1.0, 1))]);
        assert_eq!(heard.peak(0..10_000), 0.0, "{id:?}: another model sounds");
        assert!(String::from_utf8_lossy(&save(&mut instance)).contains("Gone"), "{id:?}");
    }
}
