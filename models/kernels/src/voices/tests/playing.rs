//! Keys, pedals, one voice for many keys, glides, bends, MPE, expressions.
use super::*;

fn pitch(heard: &[Heard]) -> f64 {
    heard[0].pitch_note
}

#[test]
fn a_note_begins_and_ends_on_its_sample() {
    let mut rig = Rig::new(2);
    rig.controls.envelope.release_s = 0.001;
    rig.play_timed(&[at(37, on(60)), at(1001, off(60))], 2000);
    let held = |n: usize| rig.heard[n][0].as_ref().map(|heard| heard.held);
    assert_eq!(
        [36, 37, 1000, 1001, 1048, 1049].map(held),
        [None, Some(true), Some(true), Some(false), Some(false), None]
    );
    assert!(rig.heard[37][0].as_ref().unwrap().started);
    assert_eq!(rig.heard[37 + 2 * MS][0].as_ref().unwrap().level, 1.0);
}

#[test]
fn a_note_on_of_velocity_0_is_a_note_off() {
    let mut rig = Rig::new(2);
    rig.play(&[on(60)], MS);
    rig.play(&[soft(60, 0.0)], MS);
    assert!(rig.held().is_empty());
}

#[test]
fn a_note_off_ends_the_note_it_names_and_no_other() {
    let mut rig = Rig::new(4);
    let named = |id| Note { voice_id: Some(id), ..note(0, 60) };
    rig.play(&[NoteEvent::On { note: named(1), velocity: 1.0 }], MS);
    rig.play(&[NoteEvent::On { note: named(2), velocity: 1.0 }], MS);
    // The end of the first note comes after its key was struck again.
    rig.play(&[NoteEvent::Off { address: named(1).into() }], MS);
    assert_eq!(rig.held(), [60]);
    rig.play(&[NoteEvent::Off { address: note(1, 60).into() }, off(61)], MS);
    assert_eq!(rig.held(), [60]);
    rig.play(&[NoteEvent::Off { address: note(0, 60).into() }], MS);
    assert!(rig.held().is_empty());
}

#[test]
fn the_sustain_pedal_holds_notes_until_it_is_lifted() {
    let mut rig = Rig::new(4);
    rig.play(&[pedal(64, true), on(60), on(62)], MS);
    rig.play(&[off(60)], MS);
    assert_eq!(rig.held(), [60, 62]);
    rig.play(&[pedal(64, false)], MS);
    assert_eq!(rig.held(), [62]);
}

#[test]
fn the_sostenuto_pedal_holds_only_the_keys_that_were_down() {
    let mut rig = Rig::new(4);
    rig.play(&[on(60), pedal(66, true), on(62)], MS);
    rig.play(&[off(60), off(62)], MS);
    assert_eq!(rig.held(), [60]);
    rig.play(&[pedal(66, false)], MS);
    assert!(rig.held().is_empty());
}

#[test]
fn a_pedal_that_comes_down_late_does_not_catch_released_notes() {
    let mut rig = Rig::new(4);
    rig.play(&[on(60)], MS);
    rig.play(&[off(60)], MS);
    rig.play(&[pedal(64, true)], 200 * MS);
    assert_eq!(rig.voices.sounding(), 0);
}

#[test]
fn all_notes_off_releases_and_all_sound_off_silences_pedal_or_not() {
    for (number, after) in [(123, 150 * MS), (120, 5 * MS)] {
        for mode in [Mode::Poly, Mode::Mono, Mode::Legato] {
            let mut rig = Rig::new(4);
            rig.controls.mode = mode;
            rig.play(&[pedal(64, true), pedal(66, true), on(60), on(62)], 50 * MS);
            rig.play(&[off(60), NoteEvent::Control { channel: 0, number, value: 0.0 }], 0);
            rig.play(&[], after - 1);
            assert!(rig.voices.sounding() > 0, "{number} {mode:?}");
            rig.play(&[], 1);
            assert_eq!(rig.voices.sounding(), 0, "{number} {mode:?}");
            assert!((0..4).all(|slot| rig.largest_step(slot) < 0.02));
        }
    }
}

#[test]
fn a_choke_silences_one_note() {
    let mut rig = Rig::new(4);
    rig.play(&[on(60), on(62)], 50 * MS);
    rig.play(&[NoteEvent::Choke { address: note(0, 60).into() }], 5 * MS);
    assert_eq!((rig.held(), rig.voices.sounding()), (vec![62], 1));
}

#[test]
fn reset_forgets_notes_pedals_bends_and_zones() {
    let mut rig = Rig::new(4);
    rig.play(&[pedal(64, true), NoteEvent::PitchBend { channel: 0, bend: 1.0 }, on(60)], MS);
    rig.voices.reset();
    assert_eq!(rig.voices.sounding(), 0);
    assert_eq!(pitch(&rig.play(&[on(60)], MS)), 60.0);
    rig.play(&[off(60)], MS);
    assert!(rig.held().is_empty());
}

#[test]
fn one_voice_plays_the_last_highest_or_lowest_key_and_returns_to_the_others() {
    for (priority, keys) in [
        (Priority::Last, [60, 67, 55, 67, 67]),
        (Priority::High, [60, 67, 67, 67, 67]),
        (Priority::Low, [60, 60, 55, 60, 67]),
    ] {
        let mut rig = Rig::new(4);
        (rig.controls.mode, rig.controls.priority) = (Mode::Mono, priority);
        let heard = [on(60), on(67), on(55), off(55), off(60)].map(|event| rig.play(&[event], MS));
        assert!(heard.iter().all(|heard| heard.len() == 1));
        assert_eq!(heard.map(|heard| heard[0].key), keys, "{priority:?}");
        rig.play(&[off(67)], MS);
        assert!(rig.held().is_empty());
    }
}

#[test]
fn one_voice_under_a_pedal_keeps_the_key_that_was_pressed_last() {
    let mut rig = Rig::new(4);
    rig.controls.mode = Mode::Legato;
    rig.play(&[pedal(64, true), on(60), on(62)], MS);
    assert_eq!(rig.play(&[off(62)], MS)[0].key, 62);
    assert_eq!(rig.play(&[pedal(64, false)], MS)[0].key, 60);
    rig.play(&[off(60)], MS);
    assert!(rig.held().is_empty());
}

#[test]
fn legato_goes_on_and_mono_begins_again_from_where_it_stands() {
    for (mode, rises) in [(Mode::Legato, false), (Mode::Mono, true)] {
        let mut rig = Rig::new(4);
        rig.controls.mode = mode;
        rig.controls.envelope = Adsr { sustain: 0.5, ..Default::default() };
        rig.play(&[on(60)], 400 * MS);
        let after = rig.play(&[on(62)], 2 * MS);
        assert_eq!((after[0].level == 1.0, after[0].pitch_note), (rises, 62.0));
        assert!(rig.largest_step(0) < 0.02);
        // Without an overlap both begin again.
        rig.play(&[off(60), off(62)], 10 * MS);
        assert_eq!(rig.play(&[on(64)], 2 * MS)[0].level, 1.0);
    }
}

#[test]
fn a_change_of_mode_leaves_no_note_hanging() {
    let modes = [Mode::Poly, Mode::Mono, Mode::Legato];
    for (from, to) in modes.into_iter().flat_map(|from| modes.map(|to| (from, to))).filter(|(from, to)| from != to) {
        let mut rig = Rig::new(4);
        rig.controls.mode = from;
        rig.play(&[pedal(64, true), on(60), on(62)], MS);
        rig.controls.mode = to;
        rig.play(&[], 151 * MS);
        assert_eq!(rig.voices.sounding(), 0, "{from:?} to {to:?}");
    }
}

#[test]
fn a_note_glides_from_the_note_played_last() {
    let mut rig = Rig::new(4);
    rig.controls.portamento.seconds = 0.1;
    assert_eq!(pitch(&rig.play(&[on(60)], MS)), 60.0);
    rig.play(&[off(60)], 500 * MS);
    rig.play(&[on(72)], 50 * MS + 1);
    assert!((rig.heard.last().unwrap()[0].as_ref().unwrap().pitch_note - 66.0).abs() < 1e-3);
    // A cell may pass between the end of the glide and the end of its line.
    assert_eq!(pitch(&rig.play(&[], 51 * MS)), 72.0);
    rig.controls.portamento.legato_only = true;
    rig.play(&[off(72)], 500 * MS);
    assert_eq!(pitch(&rig.play(&[on(60)], 1)), 60.0);
    let glides = rig.play(&[on(72)], 2 * MS);
    assert!(glides[1].pitch_note > 60.0 && glides[1].pitch_note < 61.0);
}

#[test]
fn one_voice_glides_back_to_the_key_that_is_still_held() {
    let mut rig = Rig::new(4);
    (rig.controls.mode, rig.controls.portamento.seconds) = (Mode::Legato, 0.1);
    rig.controls.portamento.legato_only = true;
    rig.play(&[on(60)], 10 * MS);
    assert_eq!(pitch(&rig.play(&[on(72)], 110 * MS)), 72.0);
    let back = pitch(&rig.play(&[off(72)], 50 * MS));
    assert!((back - 66.0).abs() < 0.1, "{back}");
    assert_eq!(pitch(&rig.play(&[], 60 * MS)), 60.0);
}

#[test]
fn a_bend_moves_its_channel_smoothly_by_its_range() {
    let mut rig = Rig::new(4);
    rig.play(&[on(60), NoteEvent::On { note: note(1, 64), velocity: 1.0 }], 10 * MS);
    let before = rig.heard.len();
    let heard = rig.play(&[NoteEvent::PitchBend { channel: 0, bend: -1.0 }], 60 * MS);
    assert_eq!([heard[0].pitch_note, heard[1].pitch_note], [58.0, 64.0]);
    let pitches: Vec<_> = rig.heard[before..].iter().map(|heard| heard[0].as_ref().unwrap().pitch_note).collect();
    assert!(pitches.windows(2).all(|pair| pair[0] >= pair[1] && pair[0] - pair[1] < 0.02));
}

#[test]
fn what_is_bent_before_its_note_begins_bent() {
    let mut rig = Rig::new(4);
    let heard = rig.play(&[NoteEvent::PitchBend { channel: 0, bend: 0.5 }, on(60)], 1);
    assert_eq!(pitch(&heard), 61.0);
}

#[test]
fn in_a_zone_a_member_moves_its_own_note_and_the_leader_all() {
    let mut rig = Rig::new(4);
    rig.controls.mpe = true;
    let begin = |channel, key| NoteEvent::On { note: note(channel, key), velocity: 1.0 };
    let bend = |channel, bend| NoteEvent::PitchBend { channel, bend };
    rig.play(&[begin(1, 60), begin(2, 64)], MS);
    let slide = NoteEvent::Control { channel: 2, number: 74, value: 1.0 };
    let pressure = NoteEvent::ChannelPressure { channel: 1, pressure: 0.75 };
    let heard = rig.play(&[bend(1, 0.5), slide, pressure], 80 * MS);
    assert_eq!([heard[0].pitch_note, heard[1].pitch_note], [84.0, 64.0]);
    assert_eq!([heard[0].values[0], heard[1].values[0]], [0.75, 0.0]);
    assert_eq!([heard[0].values[1], heard[1].values[1]], [0.5, 1.0]);
    let heard = rig.play(&[bend(0, 1.0)], 80 * MS);
    assert_eq!([heard[0].pitch_note, heard[1].pitch_note], [86.0, 66.0]);
}

#[test]
fn the_next_finger_on_a_member_channel_does_not_bend_the_tail_of_the_last() {
    let mut rig = Rig::new(4);
    (rig.controls.mpe, rig.controls.envelope.release_s) = (true, 5.0);
    let first = note(1, 60);
    rig.play(&[NoteEvent::PitchBend { channel: 1, bend: 0.25 }], 0);
    rig.play(&[NoteEvent::On { note: first, velocity: 1.0 }], 10 * MS);
    rig.play(&[NoteEvent::Off { address: first.into() }], MS);
    let bend = NoteEvent::PitchBend { channel: 1, bend: 0.0 };
    let heard = rig.play(&[bend, NoteEvent::On { note: note(1, 62), velocity: 1.0 }], 100 * MS);
    assert_eq!([heard[0].pitch_note, heard[1].pitch_note], [72.0, 62.0]);
}

#[test]
fn an_expression_reaches_its_note_and_is_forgotten_by_the_next() {
    let mut rig = Rig::new(1);
    let express = |expression, value| NoteEvent::Expression { address: note(0, 60).into(), expression, value };
    let all = [
        on(60),
        express(Expression::Tuning, 1.5),
        express(Expression::Volume, 0.5),
        express(Expression::Pressure, 0.25),
        express(Expression::Brightness, 0.75),
        express(Expression::Vibrato, 0.125),
        express(Expression::Pan, -1.0),
    ];
    let heard = &rig.play(&all, 3 * MS)[0];
    assert_eq!((heard.pitch_note, heard.level), (61.5, 0.5));
    assert_eq!(heard.values[..4], [0.25, 0.75, 0.125, -1.0]);
    let heard = &rig.play(&[on(62)], 10 * MS)[0];
    assert_eq!((heard.pitch_note, heard.level), (62.0, 1.0));
    assert_eq!(heard.values[..4], [0.0, 0.5, 0.0, 0.0]);
}

#[test]
fn a_hosts_modulation_reaches_only_the_note_it_names() {
    let mut rig = Rig::new(2);
    let begin = |key, id| NoteEvent::On { note: Note { voice_id: Some(id), ..note(0, key) }, velocity: 1.0 };
    let modulate = NoteEvent::Modulation { voice_id: 8, parameter: 0, offset: -0.5 };
    let heard = rig.play(&[begin(60, 7), begin(62, 8), modulate], MS);
    assert_eq!([heard[0].values[5], heard[1].values[5]], [0.0, -0.5]);
}

#[test]
fn velocity_moves_the_timbre_as_far_as_the_player_allows() {
    let mut rig = Rig::new(2);
    rig.controls.velocity_to_timbre = -0.5;
    let heard = rig.play(&[on(60), soft(62, 0.25)], MS);
    assert_eq!([heard[0].values[4], heard[1].values[4]], [-0.5, 0.25]);
}

#[test]
fn bends_end_where_the_model_ends_if_the_player_wants_so() {
    let mut rig = Rig::new(2);
    rig.controls.range = PitchRange { low_note: 64.0, high_note: 76.0, outside: Outside::Fold };
    assert_eq!(pitch(&rig.play(&[on(50)], MS)), 74.0);
    let heard = rig.play(&[NoteEvent::PitchBend { channel: 0, bend: 1.0 }], 60 * MS);
    assert_eq!(pitch(&heard), 76.0);
    let mut outside = Vec::new();
    rig.voices.process(&rig.controls, &[at(0, on(70))], 1, |segment| {
        outside = segment.voices().map(|voice| voice.is_outside()).collect();
    });
    assert_eq!(outside, [true, false]);
}

#[test]
fn seeds_differ_from_note_to_note_and_repeat_after_a_reset() {
    let mut seeds = Vec::new();
    let mut rig = Rig::new(4);
    for seed in [1, 1, 2] {
        rig.voices.reset();
        rig.voices.seed(seed);
        seeds.push(rig.play(&[on(60), on(62), on(64)], 1).iter().map(|heard| heard.seed).collect::<Vec<_>>());
    }
    assert_eq!(seeds[0], seeds[1]);
    let mut all = [seeds[0].clone(), seeds[2].clone()].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6);
}

#[test]
fn a_seed_that_is_set_while_a_key_is_held_confuses_no_key() {
    let mut rig = Rig::new(1);
    rig.controls.mode = Mode::Legato;
    let first = rig.play(&[on(60)], 1)[0].seed;
    rig.voices.seed(0);
    let second = &rig.play(&[on(62)], 1)[0];
    assert_eq!((second.key, second.seed), (62, first));
}
