//! A sweep without a period: the phase as a slow random walk between the two ends of the sweep.
//!
//! ```text
//! u <- k u + sqrt(1 - k^2) n       n: deviation 1, a hash of the frame's number;  k = exp(-2 pi rate_hz dt)
//! z <- k z + (1 - k) u             no kinks: the corner at `rate_hz` is met twice
//! phase = Phi(z / deviation) / 2   turns: 0 is one end of the sweep, 1/2 the other, every place between equally likely
//! ```
//! A file asks for it with `wander` in its `config`. Its net is trained to answer alike at a phase and at its mirror image,
//! so that the same file can still be swept by an LFO. Nothing accumulates: the walk has no drift to run away with.
use super::drift::normal;
use std::f64::consts::TAU;

/// Slope of the logistic curve that lies within 0.01 of the normal distribution.
const LOGISTIC: f64 = 1.702;
/// Numbers of the hash that one walk has to itself: 200 days of frames.
const STREAM: u64 = 1 << 34;

/// Where a walk stands.
#[derive(Clone, Debug)]
pub struct Wander {
    /// Place in the stream of random numbers.
    frame: u64,
    /// The walk with its corner met once, deviation 1.
    rough: f64,
    /// The walk, deviation near `sqrt(1/2)`.
    smooth: f64,
}

impl Wander {
    /// The walk of a seed, at a place where its future is as likely as any other's.
    pub fn new(seed: u64) -> Self {
        let frame = seed.wrapping_mul(STREAM);
        let rough = normal(frame);
        Self { frame: frame.wrapping_add(1), rough, smooth: 0.5 * (rough + normal(frame.wrapping_add(1))) }
    }

    /// Goes on by so many seconds at a corner of `rate_hz`; the phase there, 0..0.5 turns.
    pub fn advance(&mut self, rate_hz: f64, seconds: f64) -> f64 {
        let keep = (-TAU * rate_hz.abs() * seconds).exp();
        self.frame = self.frame.wrapping_add(1);
        self.rough = keep * self.rough + (1.0 - keep * keep).sqrt() * normal(self.frame);
        self.smooth = keep * self.smooth + (1.0 - keep) * self.rough;
        self.phase_turns(keep)
    }

    /// Phase after steps that keep so much of the walk.
    fn phase_turns(&self, keep: f64) -> f64 {
        let deviation = (1.0 + keep * keep).sqrt() / (1.0 + keep);
        0.5 / (1.0 + (-LOGISTIC * self.smooth / deviation).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_S: f64 = 64.0 / 44_100.0;

    /// Places 0..1 of an hour at a corner of 1 Hz, twenty a second.
    fn hour() -> Vec<f64> {
        let mut walk = Wander::new(3);
        let every = (0.05 / FRAME_S) as usize;
        let places: Vec<f64> = (0..(3600.0 / FRAME_S) as usize).map(|_| 2.0 * walk.advance(1.0, FRAME_S)).collect();
        places.into_iter().step_by(every).collect()
    }

    #[test]
    fn every_place_of_the_sweep_is_equally_likely_now_and_after_an_hour() {
        let places = hour();
        for part in [&places[..places.len() / 2], &places[places.len() / 2..]] {
            let mut sorted = part.to_vec();
            sorted.sort_by(f64::total_cmp);
            let farthest = sorted.iter().enumerate().map(|(i, p)| (p - i as f64 / sorted.len() as f64).abs());
            assert!(farthest.fold(0.0, f64::max) < 0.03);
        }
    }

    #[test]
    fn the_walk_forgets_as_two_one_poles_do() {
        // The autocorrelation of two equal poles of time constant T is (1 + t / T) exp(-t / T).
        let z: Vec<f64> = hour().iter().map(|p| (p / (1.0 - p)).ln() / LOGISTIC).collect();
        let power = z.iter().map(|z| z * z).sum::<f64>() / z.len() as f64;
        let step_s = (0.05 / FRAME_S).floor() * FRAME_S;
        for lag in [2, 5, 10, 40] {
            let found = z.iter().zip(&z[lag..]).map(|(a, b)| a * b).sum::<f64>() / (z.len() - lag) as f64 / power;
            let x = lag as f64 * step_s * TAU;
            let expected = (1.0 + x) * (-x).exp();
            assert!((found - expected).abs() < 0.04, "lag {lag}: {found} instead of {expected}");
        }
    }

    #[test]
    fn a_seed_is_a_walk_and_no_step_is_a_jump() {
        let (mut a, mut b, mut other) = (Wander::new(1), Wander::new(1), Wander::new(2));
        let mut last = a.advance(1.0, FRAME_S);
        assert_eq!(last, b.advance(1.0, FRAME_S));
        let mut apart = 0.0f64;
        for _ in 0..20_000 {
            let next = a.advance(1.0, FRAME_S);
            assert_eq!(next, b.advance(1.0, FRAME_S));
            assert!((next - last).abs() < 0.02 && (0.0..=0.5).contains(&next));
            apart = apart.max((next - other.advance(1.0, FRAME_S)).abs());
            last = next;
        }
        assert!(apart > 0.1);
    }
}
