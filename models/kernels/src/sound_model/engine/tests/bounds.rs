//! What must hold whatever is sent: floods, numbers that are none, networks that break, silence.
use super::*;
use crate::sound_model::{Full, Network};

#[test]
fn a_flood_of_notes_is_cut_to_the_voices_there_are() {
    for host_hz in [16_000.0, 48_000.0] {
        let mut rig = Rig::new(&random(&["pitch", "x"]), host_hz, 8);
        let event = |n: u32| match n % 5 {
            0 => off((n * 7 % 128) as u8),
            1 => control((n % 128) as u8, (n % 3) as f32),
            _ => on((n * 11 % 128) as u8),
        };
        let events: Vec<_> = (0..10_000).map(|n| at(n / 20, event(n))).collect();
        let y = rig.play_timed(&events, 1_000);
        assert!(y.iter().all(|y| y.abs() < 8.0));
        assert!(rig.engine.sounding() <= 8 && rig.engine.stolen_notes() > 100);
        assert_eq!(rig.engine.readings().count(), rig.engine.sounding());
    }
}

#[test]
fn a_lower_cap_silences_the_voices_above_it() {
    let mut rig = Rig::new(&sine(), 48_000.0, 8);
    rig.play(&[on(64), on(66), on(68), on(70), on(72)], 1_000);
    assert_eq!(rig.engine.sounding(), 5);
    rig.engine.set_voice_cap(2);
    rig.play(&[], 1_000);
    assert_eq!((rig.engine.sounding(), rig.engine.voice_cap()), (2, 2));
    rig.play(&[on(74)], 1_000);
    assert_eq!(rig.engine.sounding(), 2);
}

#[test]
fn no_automation_and_no_event_can_break_the_sound() {
    for wild in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30] {
        let mut rig = Rig::new(&random(&["pitch", "x", "amplitude"]), 48_000.0, 4);
        let sane = rig.controls;
        rig.controls.values = [wild; 8];
        rig.controls.temperature = wild;
        rig.controls.level = wild;
        rig.controls.vibrato_semitones = wild;
        rig.controls.slide_to_timbre = wild;
        rig.controls.pressure_to_timbre = wild;
        rig.controls.playing.tune_semitones = wild;
        rig.controls.playing.velocity_to_timbre = wild;
        rig.controls.playing.envelope.attack_s = wild;
        rig.controls.playing.portamento.seconds = wild;
        rig.controls.top_k = 0;
        let events = [
            soft(70, wild),
            on(0),
            on(127),
            express(127, Expression::Tuning, wild),
            express(127, Expression::Volume, wild),
            NoteEvent::PitchBend { channel: 0, bend: wild },
            NoteEvent::PitchBend { channel: 77, bend: 0.5 },
            control(1, wild),
        ];
        rig.play(&events, 2_000);
        assert!(rig.engine.ignored_events() > 0);
        rig.controls = sane;
        rig.play(&[on(66)], 4_000);
        assert!(rig.heard.iter().flatten().all(|y| y.abs() < 64.0), "{wild}");
        assert!(rig.heard[0][3_000..].iter().any(|y| y.abs() > 0.01), "{wild}");
    }
}

#[test]
fn every_key_sounds_and_stays_within_bounds() {
    for outside in [Outside::Clamp, Outside::Fold, Outside::Transpose] {
        for key in [0, 1, 30, 63, 64, 76, 77, 100, 127] {
            let mut rig = Rig::new(&sine(), 48_000.0, 1);
            rig.controls.outside = outside;
            let y = rig.play(&[on(key)], 4_000);
            let loudest = y.iter().fold(0.0f32, |most, y| most.max(y.abs()));
            assert!((0.3..1.1).contains(&loudest), "{key} {outside:?}: {loudest}");
        }
    }
}

#[test]
fn after_the_tail_there_is_nothing() {
    for host_hz in [16_000.0, 44_100.0, 96_000.0] {
        let mut rig = Rig::new(&random(&["pitch", "x"]), host_hz, 4);
        (rig.controls.temperature, rig.controls.playing.envelope.release_s) = (1.0, 0.05);
        rig.play(&[on(50), on(64), on(90)], 2_000);
        let tail = rig.engine.tail_samples(&rig.controls) as usize;
        assert!(rig.play(&[off(50), off(64), off(90)], tail)[..tail / 3].iter().any(|y| y.abs() > 1e-3));
        assert!(rig.play(&[], 2_000).iter().all(|y| *y == 0.0), "{host_hz} Hz");
        assert_eq!(rig.engine.sounding(), 0);
    }
}

#[test]
fn a_voice_that_breaks_falls_silent_is_counted_and_returns() {
    let ids = ["pitch", "x", "y"];
    let config = sine_config(&ids);
    let mut weights = sine_weights(&config);
    if let Matrix::Full(head) = &mut weights.h2o_weight {
        // The lowest level's logit is beyond all numbers where timbre is above 0.9.
        (head[1], head[2]) = (3e38, 3e38);
    }
    // No file may hold such weights; this stands for whatever else may happen to a network's memory.
    let mut model = Arc::into_inner(sine_with(&ids)).unwrap();
    model.network = Network::Full(Full::new(&config, &weights, &model.input));
    let model = Arc::new(model);
    let mut rig = Rig::new(&model, 48_000.0, 2);
    let whole = tone(&rig.play(&[on(70)], 9_600)[4_800..], 70.0, 48_000.0);
    assert!(whole > 0.3);
    assert_eq!(rig.engine.guard_events(), 0);

    rig.controls.values[1] = 1.0;
    rig.play(&[], 9_600);
    assert_eq!(rig.engine.guard_events(), 1);
    assert!(rig.play(&[], 4_800).iter().all(|y| y.abs() < 1e-4));

    rig.controls.values[1] = 0.5;
    rig.play(&[], 4_800);
    assert!((tone(rig.play(&[], 4_800), 70.0, 48_000.0) / whole - 1.0).abs() < 0.02);
    // Nothing but what the conversion of a full-scale step overshoots.
    assert!(rig.heard[0].iter().all(|y| y.abs() < 1.5));
}

#[test]
fn no_channels_and_no_samples_are_nothing_to_do() {
    let mut engine = Engine::new(sine(), 48_000.0, 4).unwrap();
    let controls = Controls::new(engine.model().info());
    engine.process(&controls, &[at(0, on(70))], &mut []);
    engine.process(&controls, &[at(900, on(72))], &mut [&mut [], &mut []]);
    let (mut a, mut b, mut c) = ([1.0; 2_000], [1.0; 2_000], [1.0; 2_000]);
    engine.process(&controls, &[], &mut [&mut a, &mut b, &mut c]);
    assert_eq!(engine.sounding(), 2);
    assert!(a.iter().any(|y| *y != 0.0) && a == b && c == [0.0; 2_000]);
}
