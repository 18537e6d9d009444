//! The LFO against the host's song: held to its position through play, jumps and loops; sane where the host is not.
use crate::clap_host::{Automation, activate, instance, params, play_song};
use clack_host::events::event_types::{TransportEvent, TransportFlags};
use clack_host::events::{EventFlags, EventHeader};
use clack_host::utils::{BeatTime, SecondsTime};
use kernels::nn::naive::noise;

const RATE_HZ: f64 = 44_100.0;
/// A frame of the factory model's modulation is 64 samples: songs that start on one are comparable sample by sample.
const BLOCK: usize = 448;
/// Samples after a jump until the model has forgotten what it heard before.
const SETTLED: usize = 4_480;

/// Modes of the LFO by their place: choices count from 0.
const FREE: f64 = 0.0;
const SYNC: f64 = 1.0;
const SONG: f64 = 4.0;

/// Song position in seconds and tempo, playing.
fn song(seconds: f64, tempo: f64) -> TransportEvent {
    let zero = BeatTime::from_float(0.0);
    let zero_s = SecondsTime::from_float(0.0);
    TransportEvent {
        header: EventHeader::new_core(0, EventFlags::empty()),
        flags: TransportFlags::HAS_TEMPO
            | TransportFlags::HAS_BEATS_TIMELINE
            | TransportFlags::HAS_SECONDS_TIMELINE
            | TransportFlags::IS_PLAYING,
        song_pos_beats: BeatTime::from_float(seconds * tempo / 60.0),
        song_pos_seconds: SecondsTime::from_float(seconds),
        tempo,
        tempo_inc: 0.0,
        loop_start_beats: zero,
        loop_end_beats: zero,
        loop_start_seconds: zero_s,
        loop_end_seconds: zero_s,
        bar_start: zero,
        bar_number: 0,
        time_signature_numerator: 4,
        time_signature_denominator: 4,
    }
}

/// Plays noise in LFO mode Sync, quarter notes, through a song of which every sample's position is given.
fn synced(samples: usize, tempo: f64, position_samples: impl Fn(usize) -> f64) -> Vec<f32> {
    played(SYNC, samples, tempo, position_samples)
}

/// The same in any mode, the knob of the rate at 0.7.
fn played(mode: f64, samples: usize, tempo: f64, position_samples: impl Fn(usize) -> f64) -> Vec<f32> {
    let sound = noise(1, samples);
    let mut instance = instance();
    let ids = params(&mut instance);
    // The quarter note is the sixth division.
    let settings: [Automation; 3] = [(0, ids["LFO mode"], mode), (0, ids["Division"], 5.0), (0, ids["Rate"], 0.7)];
    let mut processor = activate(&mut instance, RATE_HZ);
    let out = play_song(&mut processor, [&sound, &sound], &[BLOCK], &settings, &|sample| {
        Some(song(position_samples(sample) / RATE_HZ, tempo))
    });
    instance.deactivate(processor.stop_processing());
    out.into_iter().next().unwrap()
}

/// Largest difference of two stretches of sound.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn after_a_jump_or_a_loop_the_sweep_is_where_a_song_started_there_would_be() {
    // Ten minutes in, back to the start, and a loop of less than a block.
    let ten_minutes = (600.0 * RATE_HZ) as usize / BLOCK * BLOCK;
    for target in [ten_minutes, 0, BLOCK] {
        let jump = 20 * BLOCK;
        let settled = jump + SETTLED;
        let strays = |mode: f64| {
            let jumped =
                played(mode, 2 * jump, 130.0, |s| if s < jump { s as f64 } else { (target + s - jump) as f64 });
            let direct = played(mode, 2 * jump, 130.0, |s| (target + s) as f64 - jump as f64);
            difference(&jumped[settled..], &direct[settled..])
        };
        for mode in [SYNC, SONG] {
            assert!(strays(mode) < 1e-4, "mode {mode} to {target}: {}", strays(mode));
        }
    }
}

#[test]
fn in_song_mode_the_seconds_of_the_song_and_not_its_beats_move_the_sweep() {
    let jump = 20 * BLOCK;
    let place = |s: usize| (s + 1000 * BLOCK) as f64;
    let song = |tempo: f64| played(SONG, 2 * jump, tempo, place);
    assert_eq!(difference(&song(130.0), &song(61.7)), 0.0);
    // Free, the sweep began when the sound did.
    assert!(difference(&song(130.0), &played(FREE, 2 * jump, 130.0, place)) > 1e-2);
}

#[test]
fn a_minute_of_play_drifts_by_nothing() {
    let minute = (60.0 * RATE_HZ) as usize / BLOCK * BLOCK;
    let late = minute - 40 * BLOCK;
    let played = synced(minute, 97.3, |s| s as f64);
    let sound = noise(1, minute);
    let mut instance = instance();
    let ids = params(&mut instance);
    let settings: [Automation; 2] = [(0, ids["LFO mode"], SYNC), (0, ids["Division"], 5.0)];
    let mut processor = activate(&mut instance, RATE_HZ);
    let part = &sound[late..];
    let direct = play_song(&mut processor, [part, part], &[BLOCK], &settings, &|s| {
        Some(song((late + s) as f64 / RATE_HZ, 97.3))
    });
    instance.deactivate(processor.stop_processing());
    let found = difference(&played[late + SETTLED..], &direct[0][SETTLED..]);
    assert!(found < 1e-4, "{found}");
}

#[test]
fn a_tempo_that_is_none_plays_on() {
    for tempo in [f64::NAN, f64::INFINITY, 0.0, -120.0, 1e6] {
        let out = synced(40 * BLOCK, tempo, |s| s as f64);
        assert!(out.iter().all(|y| y.is_finite()), "{tempo}");
        assert!(out[SETTLED..].iter().any(|y| y.abs() > 0.1), "{tempo}: silence");
    }
}

#[test]
fn a_reset_forgets_everything_however_often() {
    let sound = noise(2, 30 * BLOCK);
    let mut instance = instance();
    let mut processor = activate(&mut instance, RATE_HZ);
    let mut run = || {
        let out = play_song(&mut processor, [&sound, &sound], &[BLOCK], &[], &|_| None);
        processor.reset();
        out
    };
    let first = run();
    assert!(run() == first && run() == first);
    instance.deactivate(processor.stop_processing());
}
