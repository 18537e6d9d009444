//! Notes, pitch and what a patch is made of.
use super::*;
use crate::voices::{Mode, Portamento};

#[test]
fn a_chord_is_the_sum_of_its_notes_each_in_tune() {
    let mut engine = engine(8);
    let knobs = knobs(&engine);
    let keys = [48, 55, 64, 70];
    let [chord, _] = play(&mut engine, &knobs, &keys.map(|key| on(0, key)), 24_000);
    assert_eq!(engine.sounding(), 4);
    let mut sum = vec![0.0; chord.len()];
    for key in keys {
        engine.reset();
        let [one, _] = play(&mut engine, &knobs, &[on(0, key)], chord.len());
        let found = cents(&one, key_hz(f64::from(key)));
        assert!(found.abs() < 0.1, "key {key}: {found} cents");
        sum.iter_mut().zip(one).for_each(|(sum, x)| *sum += x);
    }
    let error = chord.iter().zip(&sum).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(error < 1e-5, "{error}");
}

#[test]
fn a_note_begins_on_its_sample_and_is_silent_after_its_release() {
    let mut engine = engine(4);
    let mut knobs = knobs(&engine);
    knobs.voices.envelope.release_s = 0.05;
    let [sound, _] = play(&mut engine, &knobs, &[on(1000, 60), off(5000, 60)], 12_000);
    assert!(sound[..1000].iter().all(|x| *x == 0.0));
    assert!(sound[1000..1100].iter().any(|x| *x != 0.0));
    assert!(sound[5000 + 2400..].iter().all(|x| *x == 0.0), "a release of 2400 samples");
    assert_eq!((engine.sounding(), engine.ended().len(), engine.latency_samples()), (0, 1, 0));
    // With the body it rings as long as the tail says.
    knobs.body = 1.0;
    engine.reset();
    let frames = 5000 + engine.tail_samples(&knobs) as usize + 1000;
    let [sound, _] = play(&mut engine, &knobs, &[on(1000, 60), off(5000, 60)], frames);
    let loudest = sound.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    assert!(sound[frames - 1000..].iter().all(|x| x.abs() < 1e-6 * loudest));
}

#[test]
fn the_filter_the_gain_and_the_body_have_the_response_that_their_knobs_say() {
    let mut engine = engine(1);
    let plain = knobs(&engine);
    let harmonics = |engine: &mut Engine, knobs: &Knobs| -> Vec<f64> {
        engine.reset();
        let [sound, _] = play(engine, knobs, &[on(0, 57)], 36_000);
        (1..=20).map(|k| 20.0 * partial(&sound[12_000..], 220.0 * f64::from(k)).0.log10()).collect()
    };
    let open = harmonics(&mut engine, &plain);
    let mut pressed = plain;
    pressed.values[1] = 64.0;
    let mut filtered = plain;
    (filtered.filter.cutoff_hz, filtered.filter.keytrack) = (1000.0, 1.0);
    let mut bodied = plain;
    bodied.body = 1.0;
    let (pressed, filtered, bodied) =
        (harmonics(&mut engine, &pressed), harmonics(&mut engine, &filtered), harmonics(&mut engine, &bodied));
    let body = Body::new(RATE_HZ);
    // A above the middle C's A: three semitones below, so far has the cutoff followed.
    let cutoff = (std::f64::consts::PI * 1000.0 * (-0.25f64).exp2() / RATE_HZ).tan();
    for k in 0..20 {
        let hz = 220.0 * (k + 1) as f64;
        let expected_db = 20.0 * (1.0 / (k + 1) as f64).log10();
        assert!((open[k] - expected_db).abs() < 0.2, "harmonic {}: {} dB", k + 1, open[k]);
        assert!(
            (pressed[k] - open[k] + 20.0 * std::f64::consts::E.log10()).abs() < 0.02,
            "half pressed, {}",
            pressed[k]
        );
        let w = (std::f64::consts::PI * hz / RATE_HZ).tan() / cutoff;
        let low_pass_db = -10.0 * ((1.0 - w * w).powi(2) + 2.0 * w * w).log10();
        let (found, expected) = (filtered[k] - open[k], low_pass_db);
        assert!((found - expected).abs() < 0.3, "{hz} Hz: {found} dB for {expected}");
        let found = bodied[k] - open[k];
        assert!((found - body.gain_db(hz)).abs() < 0.1, "{hz} Hz: {found} dB through the body");
    }
}

#[test]
fn bends_glides_and_tunings_end_on_their_cents() {
    let mut engine = engine(4);
    let mut knobs = knobs(&engine);
    let bend = at(0, NoteEvent::PitchBend { channel: 0, bend: 0.5 });
    let [sound, _] = play(&mut engine, &knobs, &[on(0, 60), bend], 48_000);
    let found = cents(&sound[12_000..], key_hz(61.0));
    assert!(found.abs() < 0.1, "a whole tone's half: {found} cents away");

    engine.reset();
    knobs.voices.tune_semitones = -0.3;
    let tuning = NoteEvent::Expression { address: note(60).into(), expression: Expression::Tuning, value: 7.1 };
    let [sound, _] = play(&mut engine, &knobs, &[on(0, 60), at(0, tuning)], 48_000);
    let found = cents(&sound[12_000..], key_hz(66.8));
    assert!(found.abs() < 0.1, "{found} cents away");

    engine.reset();
    knobs.voices.tune_semitones = 0.0;
    knobs.voices.mode = Mode::Legato;
    knobs.voices.portamento = Portamento { seconds: 0.5, ..Default::default() };
    let [sound, _] = play(&mut engine, &knobs, &[on(0, 48), on(12_000, 60)], 60_000);
    let crossing = cents(&sound[24_000 - 400..24_000 + 400], key_hz(54.0));
    assert!(crossing.abs() < 20.0, "in the middle of the way in the middle of the time: {crossing} cents");
    let found = cents(&sound[40_000..], key_hz(60.0));
    assert!(found.abs() < 0.1, "{found} cents away");
    assert_eq!(engine.sounding(), 1);
}

#[test]
fn pedals_hold_and_stolen_notes_are_counted() {
    let mut engine = engine(3);
    let knobs = knobs(&engine);
    play(&mut engine, &knobs, &[control(0, 64, 1.0), on(0, 60), off(100, 60)], 48_000);
    assert_eq!(engine.notes().next(), Some((note(60), true)));
    play(&mut engine, &knobs, &[on(0, 62), on(0, 64), on(0, 65), on(0, 67)], 4800);
    assert_eq!((engine.sounding(), engine.stolen_notes(), engine.voice_cap()), (3, 2, 3));
    play(&mut engine, &knobs, &[control(0, 123, 0.0)], 48_000);
    assert_eq!(engine.sounding(), 0);
    engine.set_voice_cap(1);
    play(&mut engine, &knobs, &[on(0, 60), on(10, 62)], 4800);
    assert_eq!(engine.sounding(), 1);
}

#[test]
fn unison_stands_between_the_loudspeakers_and_survives_mono() {
    let mut engine = engine(2);
    let mut knobs = knobs(&engine);
    let [alone, _] = play(&mut engine, &knobs, &[on(0, 57)], 48_000);
    knobs.unison = Unison { copies: 7, detune_cents: 20.0, spread: 1.0, phase_spread: 1.0 };
    engine.reset();
    let [left, right] = play(&mut engine, &knobs, &[on(0, 57)], 48_000);
    let both = 0.5 * (power(&left) + power(&right));
    assert!((both / power(&alone)).log10().abs() < 0.1, "level of one: {both} for {}", power(&alone));
    let correlation = left.iter().zip(&right).map(|(l, r)| f64::from(l * r)).sum::<f64>() / left.len() as f64 / both;
    assert!(correlation < 0.8, "{correlation}");
    // The mean of both is what a mono channel gets, and loses at most 3 dB and what was apart.
    engine.reset();
    let mut mono = vec![0.0; 48_000];
    engine.process(&knobs, &[on(0, 57)], &mut [&mut mono]);
    for n in 0..mono.len() {
        assert_eq!(mono[n], 0.5 * (left[n] + right[n]));
    }
    assert!(power(&mono) > 0.4 * both, "{} for {both}", power(&mono));
    // Without spread both channels are the same.
    knobs.unison.spread = 0.0;
    engine.reset();
    let [left, right] = play(&mut engine, &knobs, &[on(0, 57)], 4800);
    assert!(left.iter().zip(&right).all(|(l, r)| (l - r).abs() < 1e-6));
}

#[test]
fn the_octave_below_and_pan_are_where_they_should_be() {
    let mut engine = engine(2);
    let mut knobs = knobs(&engine);
    knobs.sub = 0.5;
    let [sound, _] = play(&mut engine, &knobs, &[on(0, 69)], 48_000);
    let (below, note_itself) = (partial(&sound[24_000..], 220.0).0, partial(&sound[24_000..], 440.0).0);
    assert!((below - 0.5).abs() < 1e-3, "{below}");
    // Its own first harmonic and the second of the octave below, each with its phase.
    assert!((note_itself - 1.25).abs() < 0.01, "{note_itself}");
    let pan = NoteEvent::Expression { address: note(69).into(), expression: Expression::Pan, value: -1.0 };
    let [left, right] = play(&mut engine, &knobs, &[at(0, pan)], 48_000);
    assert!(power(&left[24_000..]) > 0.5 && power(&right[24_000..]) < 1e-6);
}

#[test]
fn retriggered_notes_are_alike_and_others_differ_by_seed_and_note() {
    let mut engine = engine(4);
    let mut knobs = knobs(&engine);
    knobs.unison = Unison { copies: 3, detune_cents: 10.0, spread: 0.5, phase_spread: 1.0 };
    knobs.voices.envelope.release_s = 0.01;
    let two = [on(0, 60), off(2000, 60), on(4000, 60)];
    let [sound, _] = play(&mut engine, &knobs, &two, 6000);
    assert_eq!(sound[..1000], sound[4000..5000]);
    knobs.retrigger = false;
    let seeded = |engine: &mut Engine, seed: u64| {
        engine.reset();
        let mut knobs = knobs;
        knobs.seed = seed;
        play(engine, &knobs, &two, 6000)
    };
    let [first, _] = seeded(&mut engine, 1);
    assert_ne!(first[..1000], first[4000..5000], "each note has its own phases");
    assert_eq!(seeded(&mut engine, 1)[0], first, "and the same in each bounce");
    assert_ne!(seeded(&mut engine, 2)[0], first);
}
