//! Which note loses its voice, and how.
use super::*;

#[test]
fn the_note_released_longest_ago_is_stolen_first() {
    let mut rig = Rig::new(3);
    rig.play(&[on(60), on(62), on(64)], 10 * MS);
    rig.play(&[off(64)], MS);
    rig.play(&[off(60)], MS);
    rig.play(&[on(72)], 10 * MS);
    let keys: Vec<_> = rig.voices.notes().map(|(note, _)| note.key).collect();
    assert_eq!(keys, [60, 62, 72]);
    rig.play(&[on(74)], 10 * MS);
    assert_eq!(rig.held(), [62, 72, 74]);
    assert_eq!(rig.voices.stolen_notes(), 2);
}

#[test]
fn of_held_notes_those_of_the_pedal_go_first_then_the_quietest_then_the_oldest() {
    let mut rig = Rig::new(4);
    rig.play(&[pedal(64, true), on(60), soft(62, 0.3), on(64), on(65)], 10 * MS);
    rig.play(&[off(65), on(66)], 10 * MS);
    assert_eq!(rig.held(), [60, 62, 64, 66]);
    rig.play(&[on(67)], 10 * MS);
    assert_eq!(rig.held(), [60, 64, 66, 67]);
    rig.play(&[on(68)], 10 * MS);
    assert_eq!(rig.held(), [64, 66, 67, 68]);
}

#[test]
fn a_note_that_has_just_begun_is_not_the_quietest() {
    let mut rig = Rig::new(3);
    rig.play(&[on(60), on(62)], 100 * MS);
    rig.play(&[on(64), on(65), on(67)], MS);
    assert_eq!(rig.held(), [64, 65, 67]);
}

#[test]
fn a_stolen_voice_fades_for_5_ms_at_its_own_pitch_before_its_new_note_begins() {
    let mut rig = Rig::new(1);
    rig.play(&[on(60)], 20 * MS + 7);
    rig.play(&[on(72)], 20 * MS);
    let (fade, fresh) = rig.heard[20 * MS + 7..].split_at(5 * MS);
    assert!(fade.iter().flatten().flatten().all(|heard| heard.pitch_note == 60.0 && !heard.started));
    assert_eq!(fade.last().unwrap()[0].as_ref().unwrap().level, 0.0);
    let first = fresh[0][0].as_ref().unwrap();
    assert!(first.started && first.pitch_note == 72.0);
    assert!(rig.largest_step(0) < 0.02);
    assert_eq!(rig.heard.iter().flatten().flatten().filter(|heard| heard.started).count(), 2);
}

#[test]
fn a_note_that_ends_while_it_waits_for_its_voice_still_sounds_as_long_as_it_was_held() {
    let mut rig = Rig::new(1);
    rig.play(&[on(60)], 20 * MS);
    // Another key going up must not end it early.
    rig.play_timed(&[at(0, on(72)), at(100, off(72)), at(5 * MS as u32 + 50, off(30))], 20 * MS);
    let held = rig.heard[25 * MS..].iter().flatten().flatten().filter(|heard| heard.held).count();
    assert_eq!(held, 100);
    assert!(rig.held().is_empty());
}

#[test]
fn a_key_that_is_struck_again_keeps_its_voice_and_has_no_step() {
    let mut rig = Rig::new(4);
    rig.play(&[pedal(64, true), on(60)], 30 * MS);
    rig.play(&[off(60)], 30 * MS);
    rig.play(&[on(60)], 30 * MS);
    assert_eq!(rig.voices.sounding(), 1);
    rig.play(&[off(60), pedal(64, false)], 20 * MS);
    rig.play(&[on(60)], 20 * MS);
    assert_eq!(rig.voices.sounding(), 1);
    assert!(rig.largest_step(0) < 0.02);
    assert_eq!(rig.heard.iter().flatten().flatten().filter(|heard| heard.started).count(), 1);
    rig.play(&[off(60)], 1000 * MS);
    assert_eq!(rig.voices.sounding(), 0);
}

#[test]
fn a_lower_cap_fades_the_notes_above_it_and_then_holds() {
    let mut rig = Rig::new(8);
    rig.play(&[on(60), on(62), on(64), on(65), on(67)], 50 * MS);
    rig.voices.set_voice_cap(2);
    assert_eq!((rig.voices.stolen_notes(), rig.held()), (3, vec![65, 67]));
    rig.play(&[], 6 * MS);
    assert_eq!(rig.voices.sounding(), 2);
    for key in 70..90 {
        rig.play(&[on(key)], 3 * MS);
        assert!(rig.voices.sounding() <= 2);
    }
    rig.voices.set_voice_cap(0);
    rig.play(&[], 6 * MS);
    assert_eq!((rig.voices.voice_cap(), rig.voices.sounding()), (1, 1));
    rig.voices.set_voice_cap(99);
    rig.play(&[on(30), on(31), on(32)], 6 * MS);
    assert_eq!((rig.voices.voice_cap(), rig.voices.sounding()), (8, 4));
    assert!((0..8).all(|slot| rig.largest_step(slot) < 0.02));
}

#[test]
fn new_notes_under_a_lowered_cap_do_not_add_to_it() {
    let mut rig = Rig::new(4);
    rig.play(&[on(60), on(62), on(64), on(65)], 50 * MS);
    rig.voices.set_voice_cap(2);
    // Two voices are still fading when these come.
    rig.play(&[on(70), on(71), on(72)], 20 * MS);
    assert_eq!((rig.held(), rig.voices.sounding()), (vec![71, 72], 2));
}

#[test]
fn the_host_hears_which_notes_are_over() {
    let mut rig = Rig::new(1);
    let named = |key, id| Note { voice_id: Some(id), ..note(0, key) };
    let begin = |note| NoteEvent::On { note, velocity: 1.0 };
    rig.play(&[begin(named(60, 1))], 10 * MS);
    rig.play_timed(&[at(17, begin(named(62, 2)))], 10 * MS);
    assert_eq!(rig.voices.ended(), [Ended { note: named(60, 1), offset_samples: 17 }]);
    rig.play(&[NoteEvent::Off { address: named(62, 2).into() }], 149 * MS);
    assert_eq!(rig.voices.ended(), []);
    rig.play(&[], 2 * MS);
    assert_eq!(rig.voices.ended(), [Ended { note: named(62, 2), offset_samples: MS as u32 }]);
}
