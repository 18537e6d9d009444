//! Cuts, rates, floods, numbers that are none, files that overflow.
use super::*;
use crate::nn::naive::noise;
use crate::voices::Mode;
use crate::wavetable::knobs::FilterKnobs;

/// A patch in which everything is in use.
fn busy(engine: &Engine) -> Knobs {
    let mut knobs = knobs(engine);
    knobs.unison = Unison { copies: 3, detune_cents: 12.0, spread: 0.7, phase_spread: 1.0 };
    knobs.sub = 0.4;
    knobs.retrigger = false;
    knobs.body = 0.5;
    knobs.level = 0.2;
    knobs.filter = FilterKnobs { cutoff_hz: 900.0, resonance: 0.6, keytrack: 0.5, ..Default::default() };
    knobs.filter.envelope_octaves = 3.0;
    knobs.routes[0].pressure = 0.3;
    knobs.voices.portamento.seconds = 0.03;
    knobs
}

/// Random notes, bends, pressures, pedals and modulations in `frames`.
fn events(seed: u64, count: usize, frames: usize) -> Vec<TimedEvent> {
    let dice = noise(seed, 3 * count);
    let mut events: Vec<_> = (0..count)
        .map(|n| {
            let [which, value, place] = [dice[3 * n], dice[3 * n + 1], dice[3 * n + 2]].map(|x| 0.5 + 0.5 * x);
            let key = (127.0 * value) as u8;
            let event = match (8.0 * which) as usize {
                0..=2 => NoteEvent::On { note: note(key), velocity: value },
                3 => NoteEvent::Off { address: Address { channel: None, key: Some(key), voice_id: None } },
                4 => NoteEvent::PitchBend { channel: 0, bend: 2.0 * value - 1.0 },
                5 => NoteEvent::ChannelPressure { channel: 0, pressure: value },
                6 => NoteEvent::Modulation { voice_id: 60, parameter: u32::from(key % 12), offset: value },
                _ => NoteEvent::Control { channel: 0, number: key, value },
            };
            at((place * frames as f32) as u32, event)
        })
        .collect();
    events.sort_by_key(|event| event.offset_samples);
    events
}

#[test]
fn any_cut_into_blocks_gives_the_same_samples() {
    for (rate_hz, mode) in [(48_000.0, Mode::Poly), (44_100.0, Mode::Legato), (192_000.0, Mode::Poly)] {
        let mut engine = Engine::new(load(&example::tensors()), rate_hz, 6).unwrap();
        let mut knobs = busy(&engine);
        knobs.voices.mode = mode;
        let frames = 12_000;
        let events = events(9, 60, frames);
        let whole = play(&mut engine, &knobs, &events, frames);
        assert!(power(&whole[0]) > 1e-4);
        for cut in [1, 17, 64, 999] {
            engine.reset();
            let mut pieces = [Vec::new(), Vec::new()];
            for start in (0..frames).step_by(cut) {
                let end = frames.min(start + cut);
                let inside = |event: &&TimedEvent| (start..end).contains(&(event.offset_samples as usize));
                let shift = |event: &TimedEvent| at(event.offset_samples - start as u32, event.event);
                let block: Vec<_> = events.iter().filter(inside).map(shift).collect();
                let sound = play(&mut engine, &knobs, &block, end - start);
                pieces.iter_mut().zip(sound).for_each(|(piece, sound)| piece.extend(sound));
            }
            assert!(pieces == whole, "{rate_hz} Hz, blocks of {cut}");
        }
    }
}

#[test]
fn every_host_rate_plays_in_tune_and_others_are_refused() {
    let model = load(&example::tensors());
    for rate_hz in [8000.0, 11_025.0, 44_123.45, 96_000.0, 768_000.0] {
        let mut engine = Engine::new(model.clone(), rate_hz, 2).unwrap();
        let knobs = knobs(&engine);
        // The helper measures in cycles of 48 kHz.
        let [sound, _] = play(&mut engine, &knobs, &[on(0, 69)], (0.2 * rate_hz) as usize);
        let found = cents(&sound, 440.0 * RATE_HZ / rate_hz);
        assert!(found.abs() < 0.1, "{rate_hz} Hz: {found} cents");
        let busy = busy(&engine);
        let [sound, _] = play(&mut engine, &busy, &[on(0, 0), on(3, 127)], 4000);
        assert!(sound.iter().all(|x| x.abs() < 20.0));
    }
    for rate_hz in [f64::NAN, 0.0, -48_000.0, 1e9] {
        assert!(Engine::new(model.clone(), rate_hz, 2).is_err());
    }
}

#[test]
fn a_flood_of_events_leaves_voices_within_the_cap_and_no_note_hanging() {
    let mut engine = engine(8);
    let knobs = busy(&engine);
    let ons: Vec<_> = (0..10_000).map(|n| on(n % 64, (n * 7 % 128) as u8)).collect();
    let [sound, _] = play(&mut engine, &knobs, &ons, 64);
    assert!(engine.sounding() <= 8 && sound.iter().all(|x| x.is_finite()));
    for seed in 0..20 {
        let [sound, right] = play(&mut engine, &knobs, &events(seed, 300, 1000), 1000);
        assert!(engine.sounding() <= 8);
        assert!(sound.iter().chain(&right).all(|x| x.abs() < 50.0));
    }
    play(&mut engine, &knobs, &[control(0, 120, 0.0)], 48_000);
    assert_eq!(engine.sounding(), 0);
    let [sound, _] = play(&mut engine, &knobs, &[], 1000);
    assert!(sound.iter().all(|x| x.abs() < 1e-9));
    assert_eq!(engine.guard_events(), 0);
}

#[test]
fn knobs_and_events_that_are_no_numbers_harm_nothing() {
    let mut engine = engine(4);
    let good = busy(&engine);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38, -1e38] {
        let mut knobs = good;
        knobs.values = [bad; MAX_CONTROLS];
        knobs.routes[1].slide = bad;
        knobs.unison = Unison { copies: usize::MAX, detune_cents: bad, spread: bad, phase_spread: bad };
        knobs.filter =
            FilterKnobs { cutoff_hz: bad, resonance: bad, keytrack: bad, envelope_octaves: bad, ..good.filter };
        knobs.filter.envelope.attack_s = bad;
        knobs.voices.tune_semitones = bad;
        (knobs.sub, knobs.body, knobs.level) = (bad, bad, bad);
        let expression = NoteEvent::Expression { address: note(60).into(), expression: Expression::Volume, value: bad };
        let bend = NoteEvent::PitchBend { channel: 0, bend: bad };
        let [left, right] = play(&mut engine, &knobs, &[on(0, 60), at(1, expression), at(2, bend)], 2000);
        assert!(left.iter().chain(&right).all(|x| x.is_finite()), "{bad}");
    }
    let [sound, _] = play(&mut engine, &good, &[on(0, 64)], 9600);
    assert!(power(&sound[4800..]) > 1e-4 && sound[4800..].iter().all(|x| x.abs() < 10.0));
    // The events with what is no number, and the bends and volumes among them that are infinite.
    assert_eq!((engine.ignored_events(), engine.guard_events()), (6, 0));
}

#[test]
fn a_file_whose_weights_overflow_is_silent_and_says_so() {
    let mut metadata = example::metadata();
    let config = r#"{"period":512,"output":"period","latents":1,"octaves":0,"hidden":[1,1,1,1,1,1,1],"gain":true}"#;
    metadata.insert("config".into(), config.into());
    let layer = |i: usize, rows: usize, inputs: usize| {
        let tensor = |name: &str, shape: Vec<usize>| {
            let count = shape.iter().product();
            (format!("decoder.{i}.{name}"), shape, vec![1e6; count])
        };
        [tensor("weight", vec![rows, inputs]), tensor("bias", vec![rows])]
    };
    let mut tensors: Tensors = (0..7).flat_map(|i| layer(i, 1, if i == 0 { 3 } else { 1 })).collect();
    tensors.extend(layer(7, 513, 1));
    let model = Arc::new(Wavetable::load(&write(metadata, &tensors).unwrap()).unwrap());
    let mut engine = Engine::new(model, RATE_HZ, 4).unwrap();
    let knobs = knobs(&engine);
    let [sound, _] = play(&mut engine, &knobs, &[on(0, 60)], 4800);
    assert!(sound.iter().all(|x| *x == 0.0));
    assert!(engine.guard_events() > 0);
}

#[test]
fn the_period_of_the_newest_note_is_there_to_be_drawn() {
    let mut engine = engine(4);
    let mut knobs = knobs(&engine);
    knobs.values[0] = 1.0;
    play(&mut engine, &knobs, &[on(0, 40), on(10, 57)], 4800);
    let mut drawn = [0.0; 256];
    engine.draw(&mut drawn);
    // A square of pi / 4, and the corners' ringing.
    assert!(drawn[32..96].iter().all(|x| (x - 0.785).abs() < 0.05), "{:?}", &drawn[32..96]);
    assert!((engine.seen()[2] - 0.0).abs() < 1.0, "{:?}", engine.seen());
}
