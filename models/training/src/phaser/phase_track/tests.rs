//! The track follows an LFO that wanders.

use super::*;
use crate::phaser::circuit::{Circuit, CircuitState};
use crate::phaser::excitation;
use crate::phaser::lfo::Lfo;

const FS: f64 = 44_100.0;

#[test]
fn a_drifting_lfo_is_followed_within_a_hundredth_of_a_turn() {
    let circuit = Circuit::small_stone(true);
    let bank = excitation::bank(12, FS, [15.0, 0.0, 15.0]);
    let dry = [bank.chirps, bank.strings].concat();
    let lfo = Lfo::drifting(1.7, 0.4, 30.0, 6);
    let mut wet = vec![0.0; dry.len()];
    circuit.process(&mut CircuitState::new(&circuit, FS), 1.7, |i| lfo.turns_at(i as f64 / FS), &dry, &mut wet);
    let (_, track) = PhaseTrack::follow(&dry, &wet, FS).unwrap();
    for tenths in 0..300 {
        let time_s = f64::from(tenths) / 10.0;
        let error = track.turns_at(time_s) - lfo.turns_at(time_s);
        let error = error - error.round();
        let inside = (3.0..27.0).contains(&time_s);
        assert!(error.abs() < if inside { 0.01 } else { 0.02 }, "{error} turns at {time_s} s");
    }
}

#[test]
fn smoothing_keeps_a_straight_line() {
    let line: Vec<(f64, f64)> = (0..12).map(|n| (1.5 * f64::from(n), 0.1 * f64::from(n))).collect();
    let knots = smooth(&line, 1.5);
    assert_eq!((knots.len(), knots[0].0, knots[13].0), (14, -1.5, 18.0));
    for (time_s, turns) in knots {
        assert!((turns - 0.1 * time_s / 1.5).abs() < 1e-12);
    }
}

#[test]
fn a_single_segment_is_a_constant() {
    assert!(smooth(&[(5.0, 0.25)], 2.0).iter().all(|knot| knot.1 == 0.25));
}

#[test]
fn jumps_of_whole_turns_are_removed() {
    let mut knots = vec![(0.0, 0.4), (1.0, -0.45), (2.0, -0.3)];
    unwrap(&mut knots);
    assert!((knots[1].1 - 0.55).abs() < 1e-12 && (knots[2].1 - 0.7).abs() < 1e-12);
}
