//! What moves: knobs, expressions, modulation.
use super::*;
use crate::nn::naive::noise;
use crate::wavetable::knobs::{Route, modulation};

/// The sharpest corner while a knob jumps every 21 ms, over the sharpest one at rest with the same knobs at their loudest.
fn roughness(turn: impl Fn(&mut Knobs, f32)) -> f32 {
    let mut engine = Engine::new(soft(), RATE_HZ, 1).unwrap();
    let fresh = knobs(&engine);
    let mut calm = 0.0f32;
    for place in 0..=8 {
        engine.reset();
        let mut knobs = fresh;
        turn(&mut knobs, place as f32 / 8.0);
        let [sound, _] = play(&mut engine, &knobs, &[on(0, 69)], 9600);
        calm = calm.max(roughest(&sound[4800..]));
    }
    engine.reset();
    let mut knobs = fresh;
    turn(&mut knobs, 0.5);
    play(&mut engine, &knobs, &[on(0, 69)], 4800);
    let mut moved = Vec::new();
    for dice in noise(5, 100) {
        turn(&mut knobs, (dice > 0.0).into());
        moved.extend(play(&mut engine, &knobs, &[], 1001)[0].iter());
    }
    roughest(&moved) / calm
}

type Turn = fn(&mut Knobs, f32);

#[test]
fn knobs_that_jump_from_end_to_end_make_no_click() {
    let knobs: [(&str, Turn, f32); 9] = [
        ("z1", |k, x| k.values[0] = 2.0 * x - 1.0, 2.0),
        ("pressure", |k, x| k.values[1] = 128.0 * x, 2.0),
        ("sub", |k, x| k.sub = x, 2.0),
        ("detune", |k, x| k.unison = Unison { copies: 3, detune_cents: 50.0 * x, spread: 0.5, phase_spread: 1.0 }, 2.0),
        ("copies", |k, x| k.unison.copies = 1 + (7.0 * x) as usize, 3.0),
        ("cutoff", |k, x| k.filter.cutoff_hz = 100.0 * (1.0 + 50.0 * x), 3.0),
        ("resonance", |k, x| (k.filter.cutoff_hz, k.filter.resonance) = (440.0, x), 2.0),
        ("body", |k, x| k.body = x, 2.0),
        ("level", |k, x| k.level = x, 2.0),
    ];
    for (name, turn, most) in knobs {
        let found = roughness(turn);
        println!("{name}: {found:.2}");
        // A step of full scale would be 300 times as rough as the tone.
        assert!(found < most, "{name}: {found} times as rough as at rest");
    }
}

/// Amplitude of the second harmonic of the last quarter.
fn second_harmonic(engine: &mut Engine, knobs: &Knobs, events: &[TimedEvent]) -> f64 {
    engine.reset();
    let [sound, _] = play(engine, knobs, events, 48_000);
    partial(&sound[36_000..], 880.0).0
}

#[test]
fn expressions_and_the_hosts_modulation_reach_every_control_and_stop_at_the_trained_span() {
    let mut engine = Engine::new(soft(), RATE_HZ, 4).unwrap();
    let mut knobs = knobs(&engine);
    // The span -1..1 is half of the control's range -2..2: a share of 0.25 goes from its middle to its end.
    let modulate = |parameter: usize, offset: f32| {
        at(10, NoteEvent::Modulation { voice_id: 69, parameter: parameter as u32, offset })
    };
    for (offset, expected) in [(0.0, 0.0), (0.125, 0.5), (0.25, 1.0), (0.9, 1.0)] {
        let found = second_harmonic(&mut engine, &knobs, &[on(0, 69), modulate(0, offset)]);
        assert!((found - expected).abs() < 1e-3, "modulation {offset}: {found}");
    }
    let found = second_harmonic(&mut engine, &knobs, &[on(0, 69), modulate(0, 0.125), modulate(1, -0.5)]);
    assert!((found - 0.5 * (-1.0f64).exp()).abs() < 1e-3, "{found}");
    assert!((engine.seen()[0] - 0.5).abs() < 1e-3 && engine.seen()[1].abs() < 1e-3, "{:?}", engine.seen());

    knobs.routes[0] = Route { pressure: 0.2, slide: 0.1, wheel: 0.05, velocity: 0.025 };
    let expression = |expression, value| at(0, NoteEvent::Expression { address: note(69).into(), expression, value });
    let cases: [(TimedEvent, f64); 3] = [
        (expression(Expression::Pressure, 0.5), 0.4),
        (expression(Expression::Brightness, 1.0), 0.4),
        (control(0, 1, 1.0), 0.2),
    ];
    for (event, expected) in cases {
        // Full velocity adds 0.1.
        let found = second_harmonic(&mut engine, &knobs, &[on(0, 69), event]);
        assert!((found - expected - 0.1).abs() < 2e-3, "{event:?}: {found}");
    }
}

#[test]
fn one_notes_modulation_leaves_the_others_alone() {
    let mut engine = Engine::new(soft(), RATE_HZ, 4).unwrap();
    let knobs = knobs(&engine);
    let both = [on(0, 69), on(0, 60), at(0, NoteEvent::Modulation { voice_id: 60, parameter: 0, offset: 0.25 })];
    let [sound, _] = play(&mut engine, &knobs, &both, 48_000);
    let tail = &sound[24_000..];
    assert!(partial(tail, 880.0).0 < 1e-3);
    assert!((partial(tail, 2.0 * key_hz(60.0)).0 - 1.0).abs() < 1e-2);
}

#[test]
fn a_member_of_an_mpe_zone_bends_and_presses_its_own_note() {
    let mut engine = Engine::new(soft(), RATE_HZ, 4).unwrap();
    let mut knobs = knobs(&engine);
    knobs.voices.mpe = true;
    knobs.routes[0].pressure = 0.25;
    let on = |channel: u8, key: u8| at(0, NoteEvent::On { note: Note { channel, key, voice_id: None }, velocity: 1.0 });
    // An eighth of 48 semitones.
    let bend = at(0, NoteEvent::PitchBend { channel: 2, bend: 0.125 });
    let pressure = at(0, NoteEvent::ChannelPressure { channel: 1, pressure: 1.0 });
    let [sound, _] = play(&mut engine, &knobs, &[on(1, 69), on(2, 60), bend, pressure], 48_000);
    let tail = &sound[24_000..];
    for (hz, expected) in [(440.0, 1.0), (880.0, 1.0), (key_hz(66.0), 1.0), (key_hz(78.0), 0.0), (key_hz(60.0), 0.0)] {
        let found = partial(tail, hz).0;
        assert!((found - expected).abs() < 0.01, "{hz} Hz: {found} for {expected}");
    }
}

#[test]
fn the_filters_envelope_opens_it_and_the_host_may_close_it_for_one_note() {
    let mut engine = engine(2);
    let mut knobs = knobs(&engine);
    knobs.filter.cutoff_hz = 220.0;
    knobs.filter.envelope_octaves = 4.0;
    knobs.filter.envelope = crate::voices::Adsr { attack_s: 0.2, decay_s: 0.2, sustain: 0.0, release_s: 0.1 };
    let [sound, _] = play(&mut engine, &knobs, &[on(0, 57)], 48_000);
    let bright = |around: usize| partial(&sound[around - 1200..around + 1200], 2200.0).0;
    let [start, top, end] = [bright(1200), bright(9600), bright(36_000)];
    assert!(top > 10.0 * start && top > 10.0 * end, "{start}, {top}, {end}");
    // Ten harmonics up, 12 dB an octave above 220 Hz.
    assert!((end - 0.1 / 100.0).abs() < 0.0002, "{end}");
    knobs.filter = Default::default();
    engine.reset();
    let close = NoteEvent::Modulation { voice_id: 57, parameter: modulation::CUTOFF as u32, offset: -0.5 };
    let [sound, _] = play(&mut engine, &knobs, &[on(0, 57), at(0, close)], 48_000);
    // Half of the way from 20 kHz to 20 Hz is 632 Hz.
    let found = partial(&sound[24_000..], 6600.0).0 * 30.0;
    assert!((found - (632.0f64 / 6600.0).powi(2)).abs() < 0.002, "{found}");
}
