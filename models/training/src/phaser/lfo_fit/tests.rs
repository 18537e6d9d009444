//! Rates and phases of the stand-in, whose truth is known, come out of its audio.

use super::*;
use crate::phaser::circuit::CircuitState;
use crate::phaser::excitation;

const FS: f64 = 44_100.0;

/// Strings and chirps through a pedal whose LFO starts at a phase.
fn take(circuit: &Circuit, rate_hz: f64, start_turns: f64, seconds: f64) -> (Vec<f32>, Vec<f32>) {
    let bank = excitation::bank(11, FS, [seconds / 2.0, 0.0, seconds / 2.0]);
    let dry = [bank.strings, bank.chirps].concat();
    let mut wet = vec![0.0; dry.len()];
    let mut state = CircuitState::new(circuit, FS);
    circuit.process(&mut state, rate_hz, |i| start_turns + rate_hz * i as f64 / FS, &dry, &mut wet);
    (dry, wet)
}

fn off_by(a: f64, b: f64) -> f64 {
    (a - b - (a - b).round()).abs()
}

#[test]
fn rate_and_phase_of_a_known_pedal_are_found() {
    for (colour, rate_hz, start_turns, seconds, rate_error) in
        [(false, 2.33, 0.3, 10.0, 1e-3), (true, 1.39, 0.8, 10.0, 1e-3), (false, 0.61, 0.55, 12.0, 2e-3)]
    {
        let (dry, wet) = take(&Circuit::small_stone(colour), rate_hz, start_turns, seconds);
        let fit = fit(&dry, &wet, FS).unwrap();
        assert!((fit.rate_hz / rate_hz - 1.0).abs() < rate_error, "{rate_hz} Hz found as {}", fit.rate_hz);
        assert!(fit.explained_variance > 0.5, "{}", fit.explained_variance);
        // Rate and phase errors belong together; in the middle of the take they must cancel.
        let middle_s = 0.5 * seconds;
        let error = off_by(fit.start_turns + fit.rate_hz * middle_s, start_turns + rate_hz * middle_s);
        assert!(error < 0.01, "colour {colour}, {rate_hz} Hz: {error} turns");
    }
}

#[test]
fn takes_share_their_origin_whatever_their_start() {
    let circuit = Circuit::small_stone(false);
    let fits = [0.1, 0.45].map(|start_turns| {
        let (dry, wet) = take(&circuit, 2.0, start_turns, 8.0);
        fit(&dry, &wet, FS).unwrap()
    });
    assert!(off_by(phase_between(&fits[1], &fits[0]), 0.35) < 0.01);
}

#[test]
fn a_recording_without_an_lfo_is_refused_with_a_remedy() {
    let (dry, _) = take(&Circuit::ideal(false), 1.0, 0.0, 6.0);
    let half: Vec<f32> = dry.iter().map(|x| 0.5 * x).collect();
    let error = fit(&dry, &half, FS).unwrap_err().to_string();
    assert!(error.contains("explains") && error.contains("check"), "{error}");
    let error = fit(&dry[..4000], &half[..4000], FS).unwrap_err().to_string();
    assert!(error.contains("record"), "{error}");
}

#[test]
fn fewer_than_two_periods_are_refused() {
    let (dry, wet) = take(&Circuit::ideal(false), 0.12, 0.0, 9.0);
    assert!(fit(&dry, &wet, FS).is_err());
}
