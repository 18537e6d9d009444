//! What makes a track smooth and whole.

use super::*;

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
