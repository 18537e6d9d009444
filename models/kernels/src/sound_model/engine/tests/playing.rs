//! Notes, pedals, pitch and timbre as a player hears them.
use super::*;
use crate::sound_model::engine::Reading;
use crate::voices::Mode;

const RATE_HZ: f64 = 48_000.0;
const MS: usize = 48;

fn readings(rig: &Rig) -> Vec<Reading> {
    rig.engine.readings().collect()
}

#[test]
fn a_chord_sounds_all_its_notes_and_no_others() {
    let mut rig = Rig::new(&sine(), RATE_HZ, 8);
    let y = rig.play(&[on(64), on(69), on(74)], 500 * MS)[100 * MS..].to_vec();
    for key in [64.0, 69.0, 74.0] {
        assert!(tone(&y, key, RATE_HZ) > 0.2, "{key}");
    }
    for key in [66.0, 67.0, 71.0, 72.0] {
        assert!(tone(&y, key, RATE_HZ) < 0.01, "{key}");
    }
}

#[test]
fn a_glide_passes_over_the_pitches_between() {
    let mut rig = Rig::new(&sine(), RATE_HZ, 1);
    (rig.controls.playing.mode, rig.controls.playing.portamento.seconds) = (Mode::Legato, 0.4);
    rig.play(&[on(64)], 100 * MS);
    rig.play(&[on(76)], 190 * MS);
    rig.play(&[], 20 * MS);
    let middle = rig.pitch_note(rig.heard[0].len() - 20 * MS);
    assert!((middle - 70.0).abs() < 0.3, "{middle}");
    rig.play(&[], 300 * MS);
    assert!((rig.pitch_note(rig.heard[0].len() - 80 * MS) - 76.0).abs() < 0.02);
}

#[test]
fn a_bend_goes_as_far_as_its_range() {
    let mut rig = Rig::new(&sine(), RATE_HZ, 2);
    rig.controls.playing.bend_range_semitones = 5.0;
    rig.play(&[on(66), NoteEvent::PitchBend { channel: 0, bend: 1.0 }], 200 * MS);
    assert!((rig.pitch_note(100 * MS) - 71.0).abs() < 0.02);
}

#[test]
fn in_mpe_a_finger_bends_and_colours_its_own_note_only() {
    let mut rig = Rig::new(&sine(), RATE_HZ, 4);
    rig.controls.playing.mpe = true;
    let finger = |channel, key| NoteEvent::On { note: Note { channel, key, voice_id: None }, velocity: 1.0 };
    rig.play(&[finger(1, 66), finger(2, 70)], 10 * MS);
    rig.play(
        &[
            NoteEvent::PitchBend { channel: 2, bend: 2.0 / 48.0 },
            NoteEvent::Control { channel: 2, number: 74, value: 1.0 },
            NoteEvent::ChannelPressure { channel: 2, pressure: 0.5 },
        ],
        200 * MS,
    );
    let found = readings(&rig);
    assert_eq!(found.iter().map(|reading| reading.pitch_note).collect::<Vec<_>>(), [66.0, 72.0]);
    assert_eq!(found[0].conditions[1..3], [0.0, 0.0]);
    assert_eq!(found[1].conditions[1..3], [1.0, 0.5]);
}

#[test]
fn a_pedal_holds_what_the_keys_let_go() {
    let mut rig = Rig::new(&sine(), RATE_HZ, 2);
    rig.controls.playing.envelope.release_s = 0.01;
    rig.play(&[on(70), control(64, 1.0)], 50 * MS);
    assert!(tone(rig.play(&[off(70)], 100 * MS), 70.0, RATE_HZ) > 0.2);
    rig.play(&[control(64, 0.0)], 50 * MS);
    assert!(rig.play(&[], 50 * MS).iter().all(|y| *y == 0.0));
}

#[test]
fn velocity_moves_level_and_first_timbre() {
    let mut rig = Rig::new(&sine(), RATE_HZ, 2);
    rig.controls.playing.velocity_to_timbre = 1.0;
    rig.play(&[soft(66, 1.0), soft(70, 0.25)], 20 * MS);
    let found = readings(&rig);
    assert_eq!([found[0].level, found[1].level], [1.0, 0.0625]);
    assert_eq!([found[0].conditions[1], found[1].conditions[1]], [1.0, -0.5]);
}

#[test]
fn the_host_modulates_one_note() {
    let mut rig = Rig::new(&sine(), RATE_HZ, 2);
    rig.play(&[on(66), on(70)], 5 * MS);
    rig.play(&[NoteEvent::Modulation { voice_id: 70, parameter: 1, offset: 0.25 }], 100 * MS);
    let found = readings(&rig);
    assert_eq!([found[0].conditions[2], found[1].conditions[2]], [0.0, 0.5]);
}

#[test]
fn timbre_moves_without_a_step_and_arrives() {
    let mut rig = Rig::new(&sine(), RATE_HZ, 2);
    rig.play(&[on(66)], 20 * MS);
    rig.controls.values[1] = 1.0;
    rig.play(&[], 5 * MS);
    let between = readings(&rig)[0].conditions[1];
    assert!((0.2..0.8).contains(&between), "{between}");
    rig.play(&[], 20 * MS);
    assert_eq!(readings(&rig)[0].conditions[1], 1.0);
}

#[test]
fn a_network_that_has_an_amplitude_plays_the_envelope_itself() {
    let model = sine_with(&["pitch", "x", "amplitude"]);
    let mut rig = Rig::new(&model, RATE_HZ, 2);
    let envelope = &mut rig.controls.playing.envelope;
    (envelope.attack_s, envelope.decay_s, envelope.sustain) = (0.0, 0.05, 0.25);
    rig.controls.playing.velocity_to_level = 0.0;
    let held = rig.play(&[on(70)], 300 * MS)[200 * MS..].to_vec();
    assert_eq!(readings(&rig)[0].conditions[2], -0.5);
    // Nothing scales the sound on the way, though the level is a quarter.
    let mut full = Rig::new(&sine(), RATE_HZ, 2);
    let full = full.play(&[on(70)], 300 * MS)[200 * MS..].to_vec();
    assert!((tone(&held, 70.0, RATE_HZ) / tone(&full, 70.0, RATE_HZ) - 1.0).abs() < 1e-3);
    // Its end is silent all the same.
    rig.play(&[off(70)], 400 * MS);
    assert!(rig.play(&[], 50 * MS).iter().all(|y| *y == 0.0));
}

#[test]
fn a_network_that_is_flat_is_asked_for_more() {
    let config = Config { conditions: 1, layers: 1, hidden: 8, width: 8, ..Config::paper() };
    let mut metadata = metadata(&config, &["pitch"]);
    let table = r#"{"temperatures": [0.8, 1.0], "notes": [64, 76], "cents": [[-24, -12], [0, 0]]}"#;
    metadata.insert("calibration".into(), table.into());
    let bytes = Weights::random(1, &config).write(&config, metadata).unwrap();
    let mut rig = Rig::new(&Arc::new(SoundModel::load(&bytes).unwrap()), RATE_HZ, 1);
    rig.controls.temperature = 0.8;
    rig.play(&[on(70)], 5 * MS);
    let found = readings(&rig)[0];
    // 18 cents of twelve semitones, which are two.
    assert!((found.conditions[0] - 0.03).abs() < 1e-5, "{}", found.conditions[0]);
    assert_eq!(found.pitch_note, 70.0);
    rig.controls.temperature = 1.0;
    rig.play(&[], 5 * MS);
    assert_eq!(readings(&rig)[0].conditions[0], 0.0);
}

#[test]
fn a_note_outside_is_transposed_clamped_or_folded() {
    for (key, outside, expected) in [
        (88, Outside::Transpose, 88.0),
        (57, Outside::Transpose, 57.0),
        (40, Outside::Transpose, 40.0),
        (30, Outside::Transpose, 40.0),
        (88, Outside::Clamp, 76.0),
        (50, Outside::Clamp, 64.0),
        (88, Outside::Fold, 76.0),
        (58, Outside::Fold, 70.0),
    ] {
        let mut rig = Rig::new(&sine(), RATE_HZ, 1);
        rig.controls.outside = outside;
        rig.play(&[on(key)], 300 * MS);
        let found = rig.pitch_note(100 * MS);
        assert!((found - expected).abs() < 0.02, "{key} {outside:?}: {found}");
    }
}

#[test]
fn a_bend_out_of_the_range_goes_on_without_a_step() {
    let mut rig = Rig::new(&sine(), RATE_HZ, 1);
    rig.controls.playing.bend_range_semitones = 24.0;
    let bend = |bend| NoteEvent::PitchBend { channel: 0, bend };
    let steady = rig.play(&[on(76), bend(0.5)], 200 * MS)[50 * MS..].to_vec();
    rig.play(&[bend(-1.0)], 100 * MS);
    rig.play(&[bend(0.5)], 200 * MS);
    assert!((rig.pitch_note(rig.heard[0].len() - 100 * MS) - 88.0).abs() < 0.02);
    // Nowhere is the slope steeper than at the highest pitch.
    let steepest = |y: &[f32]| y.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steepest(&rig.heard[0][50 * MS..]) < 1.1 * steepest(&steady));
}

#[test]
fn a_stolen_note_fades_and_the_next_one_begins_without_a_click() {
    for keys in [[64, 70], [90, 70], [52, 88], [70, 45]] {
        let mut rig = Rig::new(&sine(), RATE_HZ, 1);
        rig.controls.playing.envelope.attack_s = 0.005;
        rig.play(&[on(keys[0])], 100 * MS);
        rig.play(&[on(keys[1])], 200 * MS);
        assert_eq!(rig.engine.stolen_notes(), 1);
        let steepest = |y: &[f32]| y.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        let held = steepest(&rig.heard[0][50 * MS..100 * MS]).max(steepest(&rig.heard[0][150 * MS..]));
        let turn = steepest(&rig.heard[0][100 * MS..150 * MS]);
        assert!(turn < 1.1 * held, "{keys:?}: {turn} beside {held}");
    }
}

#[test]
fn vibrato_moves_the_pitch_around_the_note() {
    let mut rig = Rig::new(&sine(), RATE_HZ, 1);
    rig.controls.vibrato_semitones = 2.0;
    rig.play(&[on(70), control(1, 1.0)], 100 * MS);
    let pitches: Vec<_> = (0..400).map(|_| (rig.play(&[], MS).len(), readings(&rig)[0].pitch_note).1).collect();
    let (low, high) = pitches.iter().fold((f32::MAX, f32::MIN), |(low, high), p| (low.min(*p), high.max(*p)));
    assert!((low - 68.0).abs() < 0.02 && (high - 72.0).abs() < 0.02, "{low} to {high}");
}

#[test]
fn pan_moves_a_note_and_one_channel_hears_both_sides() {
    let mut rig = Rig::new(&sine(), RATE_HZ, 1);
    rig.play(&[on(70), express(70, Expression::Pan, -1.0)], 200 * MS);
    let sides = [0, 1].map(|side| tone(&rig.heard[side][50 * MS..], 70.0, RATE_HZ));
    assert!(sides[0] > 0.3 && sides[1] < 1e-6, "{sides:?}");
    let mut middle = Rig::new(&sine(), RATE_HZ, 1);
    middle.play(&[on(70)], 100 * MS);
    let mut mono = vec![0.0; 100 * MS];
    let mut engine = Engine::new(sine(), RATE_HZ, 1).unwrap();
    engine.process(&middle.controls, &[at(0, on(70))], &mut [&mut mono]);
    assert_eq!(mono, middle.heard[0]);
    assert_eq!(middle.heard[0], middle.heard[1]);
}

#[test]
fn ended_notes_are_named_where_they_end() {
    let mut rig = Rig::new(&sine(), RATE_HZ, 2);
    rig.controls.playing.envelope.release_s = 0.01;
    rig.play_timed(&[at(0, on(70)), at(4_800, off(70))], 9_600);
    let ended = rig.engine.ended().to_vec();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].note, note(70));
    assert!(ended[0].offset_samples.abs_diff(4_800 + 480) <= 48, "{}", ended[0].offset_samples);
    rig.play(&[], 100);
    assert!(rig.engine.ended().is_empty());
}
