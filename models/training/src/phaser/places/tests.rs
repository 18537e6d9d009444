use super::*;
use crate::phaser::circuit::{Circuit, CircuitState};
use crate::phaser::excitation;
use crate::phaser::wander;

const FS: f64 = 44_100.0;

/// Strings, noise and chirps in turn through the circuit with a wandering sweep, and where the sweep stood at each frame.
fn pair(corner_hz: f64, seconds: f64, seed: u64) -> (BandRatio, Vec<f64>) {
    let dry = excitation::bank(seed, FS, [0.5, 0.25, 0.25].map(|share| share * seconds)).rounds(8);
    let sweep = wander::sweep(corner_hz, seconds, seed);
    let circuit = Circuit::small_stone(false);
    let mut wet = vec![0.0; dry.len()];
    let mut state = CircuitState::new(&circuit, FS);
    circuit.process(&mut state, 0.6126, |i| sweep.turns_at(i as f64 / FS), &dry, &mut wet);
    let ratio = BandRatio::measure(&dry, &wet, FS);
    let truth = (0..ratio.frames()).map(|t| 2.0 * sweep.turns_at(ratio.time_s(t))).collect();
    (ratio, truth)
}

#[test]
fn a_hidden_walk_is_found_from_dry_and_wet_alone() {
    let (ratio, truth) = pair(0.6, 30.0, 5);
    let fitted = ratio.frames() * 3 / 4;
    let places = Places::fit(&ratio, fitted).unwrap();
    assert!(places.explained_variance > 0.6, "{}", places.explained_variance);
    let found = places.follow(&ratio);
    let (fit, held_out) = (
        wander::rank_correlation(&found[..fitted], &truth[..fitted]).abs(),
        wander::rank_correlation(&found[fitted..], &truth[fitted..]).abs(),
    );
    assert!(fit > 0.95 && held_out > 0.95, "{fit} where it was fitted, {held_out} where it was not");
}

#[test]
fn the_same_recording_gives_the_same_places_all_equally_frequent() {
    let (ratio, _) = pair(1.0, 12.0, 6);
    let find = || Places::fit(&ratio, ratio.frames()).unwrap().follow(&ratio);
    let found = find();
    assert_eq!(found, find());
    assert!(wander::farthest_from_even(&found) < 0.05, "{}", wander::farthest_from_even(&found));
}

#[test]
fn two_sounds_that_do_not_belong_together_have_no_sweep() {
    let dry = excitation::bank(1, FS, [0.0, 8.0, 0.0]).noise;
    let ratio = BandRatio::measure(&dry, &dry, FS);
    let error = Places::fit(&ratio, ratio.frames()).unwrap_err().to_string();
    assert!(error.contains("no sweep found"), "{error}");
    let silence = BandRatio::measure(&[0.0; 100_000], &[0.0; 100_000], FS);
    assert!(Places::fit(&silence, silence.frames()).unwrap_err().to_string().contains("chirps"));
}
