//! Sweeps without a period: made for a computed device, and their statistics.
use kernels::phaser::finder::phase_track::PhaseTrack;
use kernels::phaser::wander::Wander;
use std::f64::consts::TAU;

/// Seconds between two knots of a made sweep.
const KNOT_S: f64 = 64.0 / 44_100.0;
/// Where the autocorrelation of two equal poles falls to a half: the root of (1 + x) exp(-x) = 1/2.
const HALF: f64 = 1.678_35;

/// A sweep from end to end and back at random, with its corner at `corner_hz`; phases 0..0.5 turns.
pub fn sweep(corner_hz: f64, seconds: f64, seed: u64) -> PhaseTrack {
    let mut walk = Wander::new(seed);
    let knots = (seconds / KNOT_S).ceil() as usize + 1;
    PhaseTrack::through((0..knots).map(|k| (k as f64 * KNOT_S, walk.advance(corner_hz, KNOT_S))).collect())
}

/// Corner in Hz of a walk that was seen at even steps: from the lag at which it has forgotten half. None if it never does.
pub fn corner_hz(places: &[f64], step_s: f64) -> Option<f64> {
    // Back to the normal walk behind the even places; the ends are as far as the kernel's own numbers go.
    let walk: Vec<f64> = places.iter().map(|p| p.clamp(1e-3, 1.0 - 1e-3)).map(|p| (p / (1.0 - p)).ln()).collect();
    let mean = walk.iter().sum::<f64>() / walk.len() as f64;
    let mut before = 1.0;
    let power = walk.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / walk.len() as f64;
    for lag in 1..walk.len() / 2 {
        let pairs = walk.iter().zip(&walk[lag..]);
        let now = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / ((walk.len() - lag) as f64 * power);
        if now < 0.5 {
            let half_s = step_s * (lag as f64 - (0.5 - now) / (before - now));
            return Some(HALF / (TAU * half_s));
        }
        before = now;
    }
    None
}

/// Largest difference between the distribution of some places and an even one over 0..1.
pub fn farthest_from_even(places: &[f64]) -> f64 {
    let mut sorted = places.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let share = |i: usize| i as f64 / sorted.len() as f64;
    sorted.iter().enumerate().map(|(i, p)| f64::max((p - share(i)).abs(), (p - share(i + 1)).abs())).fold(0.0, f64::max)
}

/// Speed of a walk in sweeps a second, RMS, over steps long enough for the ear.
pub fn speed_hz(places: &[f64], step_s: f64) -> f64 {
    const SPAN_S: f64 = 0.05;
    let span = ((SPAN_S / step_s).round() as usize).clamp(1, places.len() - 1);
    let moves = places.iter().zip(&places[span..]).map(|(a, b)| (b - a).powi(2));
    (moves.sum::<f64>() / (places.len() - span) as f64).sqrt() / (span as f64 * step_s)
}

/// Spearman's: 1 for the same order, -1 for the opposite one.
pub fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let middle = 0.5 * (a.len() as f64 - 1.0);
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - middle) * (y - middle)).sum::<f64>();
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    order.iter().enumerate().for_each(|(rank, &k)| ranks[k] = rank as f64);
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_sweep_has_the_corner_that_was_asked_for_and_visits_all_places_alike() {
        for corner in [0.3, 1.2] {
            let sweep = sweep(corner, 1200.0, 1);
            let places: Vec<f64> = (0..60_000).map(|k| 2.0 * sweep.turns_at(0.02 * f64::from(k))).collect();
            let found = corner_hz(&places, 0.02).unwrap();
            assert!((found / corner - 1.0).abs() < 0.1, "{found} Hz instead of {corner}");
            assert!(farthest_from_even(&places) < 0.06, "{}", farthest_from_even(&places));
        }
    }

    #[test]
    fn the_figures_of_known_walks_are_known() {
        let triangle: Vec<f64> = (0..1000).map(|k| 1.0 - (f64::from(k) / 100.0 % 2.0 - 1.0).abs()).collect();
        assert!((speed_hz(&triangle, 0.01) - 1.0).abs() < 0.03);
        assert!(farthest_from_even(&triangle) < 0.02 && farthest_from_even(&[0.5; 10]) > 0.49);
        let turned: Vec<f64> = triangle.iter().map(|p| 1.0 - p.powi(3)).collect();
        assert!(rank_correlation(&triangle, &turned) < -0.99);
        assert_eq!(
            corner_hz(&(0..100).map(|k| f64::from(k % 2)).collect::<Vec<_>>(), 0.01).map(|hz| hz > 10.0),
            Some(true)
        );
    }
}
