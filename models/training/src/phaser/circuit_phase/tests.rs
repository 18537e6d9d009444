//! Rates and phases of the circuits, whose truth is known, come out of their audio.

use super::*;
use crate::phaser::circuit::CircuitState;
use crate::phaser::device;
use crate::phaser::excitation;
use crate::phaser::lfo::Lfo;
use kernels::phaser::finder::alignment::{lag_samples, match_polarity};
use kernels::phaser::finder::in_step;
use kernels::phaser::{Controls, Phaser};
use std::sync::Arc;

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

fn found(dry: &[f32], wet: &[f32]) -> Result<LfoFit, FindError> {
    fit(&BandRatio::measure(dry, wet, FS))
}

fn off_by(a: f64, b: f64) -> f64 {
    (a - b - (a - b).round()).abs()
}

#[test]
fn rate_and_phase_of_a_known_pedal_are_found() {
    for (colour, rate_hz, start, seconds, rate_error) in
        [(false, 2.33, 0.3, 10.0, 1e-3), (true, 1.39, 0.8, 10.0, 1e-3), (false, 0.61, 0.55, 12.0, 2e-3)]
    {
        let (dry, wet) = take(&Circuit::small_stone(colour), rate_hz, start, seconds);
        let fit = found(&dry, &wet).unwrap();
        assert!((fit.rate_hz / rate_hz - 1.0).abs() < rate_error, "{rate_hz} Hz found as {}", fit.rate_hz);
        assert!(fit.explained_variance > 0.5, "{}", fit.explained_variance);
        // Rate and phase errors belong together; in the middle of the take they must cancel.
        let middle_s = 0.5 * seconds;
        let error = off_by(start_turns(&fit) + fit.rate_hz * middle_s, start + rate_hz * middle_s);
        assert!(error < 0.01, "colour {colour}, {rate_hz} Hz: {error} turns");
    }
}

#[test]
fn takes_share_their_origin_whatever_their_start() {
    let circuit = Circuit::small_stone(false);
    let fits = [0.1, 0.45].map(|start_turns| {
        let (dry, wet) = take(&circuit, 2.0, start_turns, 8.0);
        found(&dry, &wet).unwrap()
    });
    assert!(off_by(start_turns(&fits[1]), start_turns(&fits[0]) + 0.35) < 0.01);
}

#[test]
fn a_recording_without_an_lfo_is_refused_with_a_remedy() {
    let (dry, _) = take(&Circuit::ideal(false), 1.0, 0.0, 6.0);
    let half: Vec<f32> = dry.iter().map(|x| 0.5 * x).collect();
    let error = found(&dry, &half).unwrap_err().to_string();
    assert!(error.contains("explains") && error.contains("check"), "{error}");
    let error = found(&dry[..4000], &half[..4000]).unwrap_err().to_string();
    assert!(error.contains("record"), "{error}");
}

#[test]
fn fewer_than_two_periods_are_refused() {
    let (dry, wet) = take(&Circuit::ideal(false), 0.12, 0.0, 9.0);
    assert!(found(&dry, &wet).is_err());
}

#[test]
fn a_drifting_lfo_is_followed_within_a_hundredth_of_a_turn() {
    let circuit = Circuit::small_stone(true);
    let bank = excitation::bank(12, FS, [15.0, 0.0, 15.0]);
    let dry = [bank.chirps, bank.strings].concat();
    let lfo = Lfo::drifting(1.7, 0.4, 30.0, 6);
    let mut wet = vec![0.0; dry.len()];
    circuit.process(&mut CircuitState::new(&circuit, FS), 1.7, |i| lfo.turns_at(i as f64 / FS), &dry, &mut wet);
    let (_, track) = follow(&dry, &wet, FS).unwrap();
    for tenths in 0..300 {
        let time_s = f64::from(tenths) / 10.0;
        let error = track.turns_at(time_s) - lfo.turns_at(time_s);
        let error = error - error.round();
        let inside = (3.0..27.0).contains(&time_s);
        assert!(error.abs() < if inside { 0.01 } else { 0.02 }, "{error} turns at {time_s} s");
    }
}

#[test]
fn delay_and_polarity_of_a_phased_recording_are_found() {
    let dry = excitation::bank(5, 44_100.0, [4.0; 3]).strings;
    for colour in [false, true] {
        let circuit = Circuit::small_stone(colour);
        let mut wet = vec![0.0; dry.len()];
        let mut state = CircuitState::new(&circuit, 44_100.0);
        circuit.process(&mut state, 1.0, |i| i as f64 / 44_100.0, &dry, &mut wet);
        let inverted: Vec<f32> = wet.iter().map(|x| -x).collect();
        assert_eq!((lag_samples(&dry, &wet), match_polarity(&dry, &wet)), (0, 1.0));
        assert_eq!(lag_samples(&dry[..100_000], &wet[300..100_300]), -300);
        assert_eq!(lag_samples(&dry[7..100_007], &inverted[..100_000]), 7);
        assert_eq!(match_polarity(&dry[7..100_007], &inverted[..100_000]), -1.0);
    }
}

#[test]
fn every_factory_model_finds_its_place_in_a_recording_of_its_device() {
    let bank = excitation::bank(14, FS, [3.0, 3.0, 0.0]);
    let dry = [bank.strings, bank.noise].concat();
    for device in device::all() {
        let path = format!("{}/../../assets/models/phaser/{}.safetensors", env!("CARGO_MANIFEST_DIR"), device.id());
        let model = Arc::new(Phaser::load(&std::fs::read(path).unwrap()).unwrap());
        for (group, mut values) in device.held_out().into_iter().rev().take(2) {
            values[0] = 1.8;
            let wet = device.play(&values, &Lfo::steady(values[0], 0.35), 1, FS, &dry);
            let mut controls = Controls::new(model.info());
            controls.values.iter_mut().zip(&values).for_each(|(control, value)| *control = *value as f32);
            let found = in_step(&model, &controls, &dry, &wet, FS).unwrap();
            let exchanged = in_step(&model, &controls, &wet, &dry, FS).map_or(-1.0, |found| found.likeness);
            assert!(found.likeness > exchanged + 0.1, "{} {group}: {exchanged}", device.id());
            let error = off_by(found.start_turns + found.fit.rate_hz * 3.0, 0.35 + values[0] * 3.0);
            assert!(error < 0.01, "{} {group}: {error} turns", device.id());
        }
    }
}
