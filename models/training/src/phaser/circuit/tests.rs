//! What the stand-in must be: notches where theory puts them, stable, repeatable, silent when fed silence.

use super::*;

const FS: f64 = 44_100.0;

/// Magnitude at a frequency of a circuit whose LFO stands still.
fn magnitude(circuit: &Circuit, rate_hz: f64, turns: f64, hz: f64) -> f64 {
    let mut dry = vec![0.0f32; 1 << 15];
    dry[0] = 1.0;
    let mut wet = dry.clone();
    circuit.process(&mut CircuitState::new(circuit, FS), rate_hz, |_| turns, &dry, &mut wet);
    let (mut re, mut im) = (0.0, 0.0);
    for (n, &y) in wet.iter().enumerate() {
        let angle = 2.0 * PI * hz * n as f64 / FS;
        re += f64::from(y) * angle.cos();
        im += f64::from(y) * angle.sin();
    }
    re.hypot(im)
}

/// Impulse energy, a rough measure of loudness and a sharp one of instability.
fn energy(wet: &[f32]) -> f64 {
    wet.iter().map(|&y| f64::from(y).powi(2)).sum()
}

#[test]
fn notches_lie_at_tan_pi_over_8_of_the_break_frequency_and_its_inverse() {
    let circuit = Circuit::ideal(false);
    for (rate_hz, turns) in [(2.3301, 0.0), (2.3301, 0.5), (0.6126, 0.2), (0.0881, 0.3)] {
        let break_hz = circuit.setting(rate_hz).break_frequency_hz(turns);
        // The trapezoidal rule bends the axis: tan(pi f / fs) is what scales.
        let warped = (PI * break_hz / FS).tan();
        for ratio in [(PI / 8.0).tan(), 1.0 / (PI / 8.0).tan()] {
            let notch_hz = (warped * ratio).atan() * FS / PI;
            let at = magnitude(&circuit, rate_hz, turns, notch_hz);
            let beside = magnitude(&circuit, rate_hz, turns, notch_hz * 1.05).min(magnitude(
                &circuit,
                rate_hz,
                turns,
                notch_hz / 1.05,
            ));
            assert!(at < 0.08, "notch at {notch_hz} Hz: {at}");
            assert!(beside > at, "{beside} beside {at}");
        }
    }
}

#[test]
fn feedback_does_not_move_the_notches_but_sharpens_the_peaks() {
    let circuit = Circuit::ideal(true);
    let break_hz = circuit.setting(1.3888).break_frequency_hz(0.5);
    let peak = magnitude(&circuit, 1.3888, 0.5, break_hz);
    let setting = circuit.setting(1.3888);
    let expected = (setting.direct + 1.0 / (1.0 - setting.feedback)) * filter_gain(&setting, break_hz);
    assert!((peak / expected - 1.0).abs() < 1e-3, "{peak} against {expected}");
}

/// |B| at a frequency.
fn filter_gain(setting: &Setting, hz: f64) -> f64 {
    let angle = 2.0 * PI * hz / FS;
    let part = |c: [f64; 3]| {
        (c[0] + c[1] * angle.cos() + c[2] * (2.0 * angle).cos()).hypot(c[1] * angle.sin() + c[2] * (2.0 * angle).sin())
    };
    part(setting.numerator) / part([1.0, setting.denominator[0], setting.denominator[1]])
}

#[test]
fn it_stays_bounded_at_every_rate_with_either_colour() {
    for colour in [false, true] {
        for circuit in [Circuit::ideal(colour), Circuit::small_stone(colour)] {
            for rate_hz in [0.01, 0.0559, 0.2, 0.6, 1.3888, 2.3301, 20.0] {
                let dry: Vec<f32> = (0..20_000).map(|n| if (n / 97) % 2 == 0 { 1.0 } else { -1.0 }).collect();
                let mut wet = vec![0.0; dry.len()];
                let mut state = CircuitState::new(&circuit, FS);
                circuit.process(&mut state, rate_hz, |i| rate_hz * i as f64 / FS, &dry, &mut wet);
                assert!(wet.iter().all(|y| y.abs() < 10.0), "colour {colour}, {rate_hz} Hz");
                // At a break frequency of 17 Hz the feedback rings with a time constant of 0.2 s.
                let mut tail = vec![0.0; 132_300];
                circuit.process(&mut state, rate_hz, |_| 0.5, &vec![0.0; 132_300], &mut tail);
                assert!(energy(&tail[88_200..]) < 1e-3, "colour {colour}, {rate_hz} Hz rings on");
            }
        }
    }
}

#[test]
fn the_same_take_twice_or_in_pieces_is_the_same() {
    let circuit = Circuit::small_stone(true);
    let dry: Vec<f32> = (0..3000).map(|n| (n as f32 * 0.05).sin() * 0.2).collect();
    let play = |cuts: &[usize]| {
        let mut state = CircuitState::new(&circuit, FS);
        state.reseed(3);
        let (mut wet, mut start) = (vec![0.0; dry.len()], 0);
        for &end in cuts {
            let turns = |i: usize| 0.3 + 1.0 * (start + i) as f64 / FS;
            circuit.process(&mut state, 1.0, turns, &dry[start..end], &mut wet[start..end]);
            start = end;
        }
        wet
    };
    assert_eq!(play(&[3000]), play(&[1, 64, 65, 2000, 3000]));
}

#[test]
fn extras_that_are_off_change_nothing_and_silence_stays_silent() {
    let circuit = Circuit::ideal(true);
    let mut wet = [1.0f32; 100];
    circuit.process(&mut CircuitState::new(&circuit, FS), 1.0, |_| 0.0, &[0.0; 100], &mut wet);
    assert_eq!(wet, [0.0; 100]);
    let soft_only = Circuit { limit: Some(1e6), ..Circuit::ideal(true) };
    let dry: Vec<f32> = (0..500).map(|n| (n as f32 * 0.3).sin()).collect();
    let (mut a, mut b) = (vec![0.0; 500], vec![0.0; 500]);
    circuit.process(&mut CircuitState::new(&circuit, FS), 1.0, |_| 0.1, &dry, &mut a);
    soft_only.process(&mut CircuitState::new(&soft_only, FS), 1.0, |_| 0.1, &dry, &mut b);
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn reset_forgets_everything() {
    let circuit = Circuit::small_stone(false);
    let dry = [0.5f32; 200];
    let (mut first, mut second) = ([0.0; 200], [0.0; 200]);
    let mut state = CircuitState::new(&circuit, FS);
    circuit.process(&mut state, 1.0, |_| 0.2, &dry, &mut first);
    state.reset();
    circuit.process(&mut state, 1.0, |_| 0.2, &dry, &mut second);
    assert_eq!(first, second);
}

#[test]
fn approximations_keep_their_stated_errors() {
    for n in 0..1000 {
        let x = n as f64 * 0.01;
        let bound = if x < 1.0 { 1e-6 } else { 1.6e-3 };
        assert!((soft(x) - x.tanh()).abs() < bound, "tanh at {x}: {}", soft(x) - x.tanh());
        let a = n as f64 * 0.001 * PI * MAX_BREAK;
        let exact = a.tan() / (1.0 + a.tan());
        let bound = if a < 0.3 { 1e-9 } else { 2e-4 };
        assert!((stage_gain(a) - exact).abs() <= bound * exact, "G at {a}: {}", stage_gain(a) / exact - 1.0);
    }
}

#[test]
fn hiss_has_its_level() {
    let circuit = Circuit { hiss: Some(1e-4), ..Circuit::ideal(false) };
    let mut wet = vec![0.0; 100_000];
    circuit.process(&mut CircuitState::new(&circuit, FS), 1.0, |_| 0.0, &vec![0.0; 100_000], &mut wet);
    let rms = (energy(&wet) / 1e5).sqrt();
    assert!((rms / 1e-4 - 1.0).abs() < 0.01, "{rms}");
    assert!(wet.iter().map(|&y| f64::from(y)).sum::<f64>().abs() / 1e5 < 2e-6);
}
