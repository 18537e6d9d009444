//! What is drawn, and where it lies in time: cuts, seeds, rates, latency.
use super::*;

/// Rates that hosts have.
const RATES_HZ: [f64; 4] = [16_000.0, 44_100.0, 48_000.0, 96_000.0];

/// A second of everything: chord, transposed notes, bend, glide, pedal, stealing, a change of the controls at its half.
fn song(host_hz: f64) -> Vec<TimedEvent> {
    let ms = |ms: f64| (ms * 0.001 * host_hz) as u32;
    vec![
        at(ms(3.1), on(64)),
        at(ms(3.1), soft(71, 0.4)),
        at(ms(20.0), on(90)),
        at(ms(21.3), NoteEvent::PitchBend { channel: 0, bend: 0.7 }),
        at(ms(40.0), control(64, 1.0)),
        at(ms(41.0), off(64)),
        at(ms(60.0), express(71, Expression::Brightness, 0.9)),
        at(ms(61.0), NoteEvent::Modulation { voice_id: 90, parameter: 1, offset: -0.3 }),
        at(ms(70.0), on(50)),
        at(ms(70.0), on(66)),
        at(ms(90.0), control(1, 1.0)),
        at(ms(130.0), control(64, 0.0)),
        at(ms(140.0), off(90)),
        at(ms(150.0), off(50)),
    ]
}

fn sung(model: &Arc<SoundModel>, host_hz: f64, blocks: &[usize]) -> [Vec<f32>; 2] {
    let mut rig = Rig::new(model, host_hz, 4);
    rig.controls.temperature = 1.0;
    rig.controls.playing.portamento.seconds = 0.03;
    let (song, len) = (song(host_hz), (0.2 * host_hz) as usize);
    let (mut start, mut blocks) = (0, blocks.iter().cycle());
    while start < len {
        let end = if start < len / 2 { len / 2 } else { len };
        let count = blocks.next().map_or(1, |block| (*block).min(end - start));
        if start >= len / 2 {
            (rig.controls.values[1], rig.controls.level, rig.controls.outside) = (0.9, 0.5, Outside::Fold);
        }
        // An event at the end of a block belongs to the next one.
        let inside = |event: &&TimedEvent| (start..start + count).contains(&(event.offset_samples as usize));
        let now = |event: &TimedEvent| at(event.offset_samples - start as u32, event.event);
        let events: Vec<_> = song.iter().filter(inside).map(now).collect();
        rig.play_timed(&events, count);
        start += count;
    }
    rig.heard
}

#[test]
fn a_cut_into_blocks_changes_no_bit_at_any_rate() {
    let model = random(&["pitch", "x", "y"]);
    for host_hz in RATES_HZ {
        let whole = sung(&model, host_hz, &[usize::MAX]);
        assert!(whole[0].iter().any(|y| y.abs() > 0.1));
        for blocks in [&[1][..], &[64], &[17, 1, 480, 0, 3], &[255, 256, 257]] {
            assert!(sung(&model, host_hz, blocks) == whole, "{host_hz} Hz in blocks of {blocks:?}");
        }
    }
}

#[test]
fn a_seed_is_a_take_and_another_seed_another() {
    let model = random(&["pitch", "x"]);
    let take = |seed| {
        let mut rig = Rig::new(&model, 48_000.0, 4);
        (rig.controls.temperature, rig.controls.seed) = (1.0, seed);
        rig.play(&[on(64), on(68)], 5_000).to_vec()
    };
    assert_eq!(take(1), take(1));
    assert_ne!(take(1), take(2));
}

#[test]
fn a_reset_engine_plays_as_a_new_one() {
    let model = random(&["pitch", "x"]);
    let mut rig = Rig::new(&model, 44_100.0, 4);
    rig.controls.temperature = 1.0;
    let first = rig.play(&[on(64), on(90)], 3_000).to_vec();
    rig.play(&[off(64), control(64, 1.0)], 777);
    rig.engine.reset();
    assert_eq!(rig.engine.sounding(), 0);
    assert!(rig.play(&[on(64), on(90)], 3_000) == first);
}

#[test]
fn what_a_note_draws_does_not_depend_on_other_voices() {
    let model = random(&["pitch", "x"]);
    let play = |others: &[u8]| {
        let mut rig = Rig::new(&model, 16_000.0, 16);
        rig.controls.temperature = 1.0;
        // The others are there but cannot be heard.
        let mut events = vec![on(70)];
        events.extend(others.iter().flat_map(|key| [on(*key), express(*key, Expression::Volume, 0.0)]));
        rig.play(&events, 4_000).to_vec()
    };
    let alone = play(&[]);
    assert!(alone.iter().any(|y| y.abs() > 0.1));
    assert!(play(&[64]) == alone && play(&[80, 50, 71, 72, 90]) == alone);
}

#[test]
fn two_notes_of_one_key_are_two_draws() {
    let model = random(&["pitch", "x"]);
    let mut rig = Rig::new(&model, 16_000.0, 2);
    (rig.controls.temperature, rig.controls.playing.envelope.release_s) = (1.0, 0.01);
    let first = rig.play(&[on(70)], 1_600).to_vec();
    rig.play(&[off(70)], 1_600);
    assert_ne!(rig.play(&[on(70)], 1_600), first);
}

#[test]
fn at_the_models_rate_a_note_sounds_on_the_sample_after_its_latency() {
    let mut rig = Rig::new(&sine(), MODEL_HZ, 1);
    let latency = rig.engine.latency_samples() as usize;
    let y = rig.play_timed(&[at(37, on(70))], 200);
    assert!(y[..37 + latency].iter().all(|y| *y == 0.0));
    // The first sample of the sine is 0 itself, or the level next to it.
    assert!(y[37 + latency + 1] > 1e-4);
}

#[test]
fn a_note_lies_where_the_latency_says_at_every_rate() {
    let model = sine();
    let centre_s = |host_hz: f64| {
        let mut rig = Rig::new(&model, host_hz, 1);
        rig.controls.playing.envelope.release_s = 0.02;
        let latency = f64::from(rig.engine.latency_samples());
        let (start, end) = (0.01 * host_hz, 0.06 * host_hz);
        let y = rig.play_timed(&[at(start as u32, on(70)), at(end as u32, off(70))], (0.2 * host_hz) as usize);
        let (mut moment, mut energy) = (0.0, 0.0);
        for (n, y) in y.iter().enumerate() {
            moment += (n as f64 - latency) / host_hz * f64::from(*y).powi(2);
            energy += f64::from(*y).powi(2);
        }
        moment / energy
    };
    let expected_s = centre_s(MODEL_HZ);
    for host_hz in [8_000.0, 22_050.0, 44_100.0, 48_000.0, 88_200.0, 96_000.0, 192_000.0, 768_000.0] {
        let off_s = centre_s(host_hz) - expected_s;
        // An event takes effect at the nearest sample of the model.
        assert!(off_s.abs() < 0.6 / MODEL_HZ, "{host_hz} Hz: off by {:.1} us", off_s * 1e6);
    }
}

#[test]
fn a_note_has_its_pitch_at_every_rate() {
    for host_hz in [8_000.0, 16_000.0, 44_100.0, 48_000.0, 96_000.0, 384_000.0] {
        let mut rig = Rig::new(&sine(), host_hz, 1);
        rig.play(&[on(70)], (0.2 * host_hz) as usize);
        let found = rig.pitch_note((0.1 * host_hz) as usize);
        assert!((found - 70.0).abs() < 0.02, "{host_hz} Hz: {found}");
    }
}

#[test]
fn rates_that_no_host_has_are_refused() {
    for host_hz in [0.0, f64::NAN, -48_000.0, 1e9] {
        assert!(Engine::new(sine(), host_hz, 4).is_err());
    }
}
