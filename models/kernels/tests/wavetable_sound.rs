//! How clean the wavetable oscillator sounds: aliasing, mean, pitch and steps, held, bent and while its knobs move.
//!
//! Measured with --nocapture: the worst numbers are printed.
mod wavetable_sound {
    pub mod oversampled;
    pub mod spectrum;
}

use kernels::dsp::wavetable_oscillator::{Tone, Unison, WavetableOscillator};
use kernels::nn::naive::noise;
use realfft::num_complex::Complex32;
use wavetable_sound::oversampled::{Moving, residue_db};
use wavetable_sound::spectrum::{Analyser, LENGTH};

/// Rates at which everything is measured, in Hz.
const RATES_HZ: [f64; 3] = [44_100.0, 48_000.0, 96_000.0];
/// What may lie between the harmonics, of their power.
const CLEAN_DB: f64 = -90.0;

fn note_hz(note: u32) -> f64 {
    440.0 * ((f64::from(note) - 69.0) / 12.0).exp2()
}

fn tone(frequency_hz: f64) -> Tone {
    Tone { frequency_hz, unison: Unison::default(), sub: 0.0 }
}

/// As bright as a sawtooth, the most that a bowed string's corner gives.
fn saw() -> Vec<Complex32> {
    (1..=255).map(|k| Complex32::new(0.0, -1.0 / k as f32)).collect()
}

/// A sawtooth of random phases that falls somewhat faster.
fn other() -> Vec<Complex32> {
    (1..=255).zip(noise(7, 255)).map(|(k, n)| Complex32::from_polar((k as f32).powf(-1.2), 3.1 * n)).collect()
}

fn held(rate_hz: f64, frequency_hz: f64, length: usize) -> Vec<f32> {
    let mut oscillator = WavetableOscillator::new(rate_hz, (0.003 * rate_hz) as usize);
    let (mut left, mut right) = (vec![0.0; length], vec![0.0; length]);
    let mut start = 0;
    while start < length {
        oscillator.begin_frame(&tone(frequency_hz), (start == 0).then_some(&saw()));
        let end = length.min(start + oscillator.left_in_frame());
        oscillator.add_to(&mut left[start..end], &mut right[start..end]);
        start = end;
    }
    left
}

#[test]
fn held_notes_have_no_alias_no_mean_and_the_right_pitch() {
    let mut analyser = Analyser::new();
    let (mut alias_db, mut mean_db, mut cents) = (f64::MIN, f64::MIN, 0.0f64);
    for rate_hz in RATES_HZ {
        for note in 24..=108 {
            let frequency_hz = note_hz(note);
            let sound = held(rate_hz, frequency_hz, LENGTH);
            let found = analyser.measure(&sound, frequency_hz / rate_hz);
            assert!(found.between_db <= CLEAN_DB, "note {note} at {rate_hz} Hz: {} dB", found.between_db);
            assert!(found.mean_db < -80.0, "note {note} at {rate_hz} Hz: mean {} dB", found.mean_db);
            assert!(found.cents.abs() < 0.1, "note {note} at {rate_hz} Hz: {} cents", found.cents);
            (alias_db, mean_db) = (alias_db.max(found.between_db), mean_db.max(found.mean_db));
            cents = cents.max(found.cents.abs());
        }
    }
    println!("worst of 255 notes: between harmonics {alias_db:.1} dB, mean {mean_db:.1} dB, pitch {cents:.1e} cents");
}

#[test]
fn the_measurement_finds_what_it_is_for() {
    let frequency_hz = note_hz(69);
    let mut sound = held(48_000.0, frequency_hz, LENGTH);
    // An inharmonic partial, and a mean.
    let intruder = |n: usize| 1e-3 * (std::f64::consts::TAU * (5000.7 / 48_000.0 * n as f64).fract()).sin();
    sound.iter_mut().enumerate().for_each(|(n, x)| *x += intruder(n) as f32 + 1e-3);
    let found = Analyser::new().measure(&sound, frequency_hz / 48_000.0);
    // Power of the sawtooth 0.82, of the partial 5e-7, of the mean 1e-6.
    assert!((found.between_db + 62.1).abs() < 0.5, "{}", found.between_db);
    assert!((found.mean_db + 59.1).abs() < 0.5, "{}", found.mean_db);
    let found = Analyser::new().measure(&sound, frequency_hz * (-0.1f64 / 1200.0).exp2() / 48_000.0);
    assert!((found.cents - 0.1).abs() < 1e-3, "{}", found.cents);
}

#[test]
fn bends_and_moving_knobs_fold_nothing_back() {
    for (note, rate_hz) in [(36, 48_000.0), (60, 44_100.0), (84, 48_000.0), (96, 96_000.0), (108, 44_100.0)] {
        for (bend_semitones, knob) in [(12.0, false), (0.0, true), (12.0, true)] {
            let moving = Moving { rate_hz, note_hz: note_hz(note), bend_semitones, lfo_hz: 10.0, knob };
            let found = residue_db(&moving, &saw(), &other());
            println!("note {note} at {rate_hz} Hz, bend {bend_semitones}, knob {knob}: {found:.1} dB");
            assert!(found <= CLEAN_DB, "note {note} at {rate_hz} Hz, bend {bend_semitones}, knob {knob}: {found} dB");
        }
    }
}

/// Run by hand: `cargo test -p kernels --test wavetable_sound every_note -- --ignored --nocapture`, minutes.
#[test]
#[ignore = "takes minutes"]
fn every_note_bends_and_morphs_without_folding_back() {
    let mut worst = f64::MIN;
    for rate_hz in RATES_HZ {
        for note in 24..=108 {
            let moving = Moving { rate_hz, note_hz: note_hz(note), bend_semitones: 12.0, lfo_hz: 10.0, knob: true };
            let found = residue_db(&moving, &saw(), &other());
            worst = worst.max(found);
            assert!(found <= CLEAN_DB, "note {note} at {rate_hz} Hz: {found} dB");
        }
        println!("{rate_hz} Hz: worst so far {worst:.1} dB");
    }
}

#[test]
fn no_period_changes_with_a_step() {
    const FRAME: usize = 144;
    let roughest = |sound: &[f32]| sound.windows(3).fold(0.0f32, |m, w| m.max((w[0] - 2.0 * w[1] + w[2]).abs()));
    for frequency_hz in [55.0, 440.0, 3000.0] {
        let play = |pick: &dyn Fn(usize) -> Option<Vec<Complex32>>, hz: &dyn Fn(usize) -> f64| {
            let mut oscillator = WavetableOscillator::new(48_000.0, FRAME);
            let (mut left, mut right) = (vec![0.0; 200 * FRAME], vec![0.0; 200 * FRAME]);
            for (frame, (left, right)) in left.chunks_mut(FRAME).zip(right.chunks_mut(FRAME)).enumerate() {
                oscillator.begin_frame(&tone(hz(frame)), pick(frame).as_deref());
                oscillator.add_to(left, right);
            }
            left
        };
        let steady =
            |period: fn() -> Vec<Complex32>, hz: f64| roughest(&play(&|frame| (frame == 0).then(period), &|_| hz));
        let calm = steady(saw, frequency_hz).max(steady(other, frequency_hz));
        // Random jumps from one period to the other and back.
        let dice = noise(3, 200);
        let jumping = play(&|frame| Some(if dice[frame] > 0.0 { saw() } else { other() }), &|_| frequency_hz);
        assert!(roughest(&jumping) < 1.1 * calm, "{frequency_hz} Hz: {} for {calm}", roughest(&jumping));
        // Harmonics that come and go at the top as the pitch moves.
        let bent = play(&|frame| (frame == 0).then(saw), &|frame| frequency_hz * (1.0 + 0.1 * f64::from(dice[frame])));
        let calm = [0.9, 1.0, 1.1].map(|bend| steady(saw, bend * frequency_hz)).into_iter().fold(0.0, f32::max);
        assert!(roughest(&bent) < 1.1 * calm, "{frequency_hz} Hz, bent: {} for {calm}", roughest(&bent));
    }
}
