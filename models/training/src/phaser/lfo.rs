//! The low-frequency oscillator of a stand-in pedal: where in its sweep it stands at any time, drift included.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Seconds between two knots of the drifting rate.
const KNOT_S: f64 = 1.0;

/// Standard deviation of the rate over its mean. A real pedal recorded for 80 s moved by 0.3 % from first to last minute.
const DRIFT: f64 = 0.002;

/// Seconds over which the rate forgets where it was.
const MEMORY_S: f64 = 20.0;

/// A phase that runs for ever, evenly or with the slow wander of an analogue pedal.
#[derive(Clone, Debug)]
pub struct Lfo {
    /// Mean frequency.
    rate_hz: f64,
    /// At each knot: relative deviation of the rate, and turns that all deviations before it have added.
    knots: Vec<(f64, f64)>,
    /// Phase at time 0.
    start_turns: f64,
}

impl Lfo {
    /// A perfectly even LFO.
    pub fn steady(rate_hz: f64, start_turns: f64) -> Self {
        Self { rate_hz, knots: Vec::new(), start_turns }
    }

    /// An LFO whose rate wanders for the given time (and then stays): an Ornstein-Uhlenbeck walk of 0.2 % and 20 s, so that
    /// a minute at 2 Hz strays by some tenths of a radian as measured on a real pedal.
    pub fn drifting(rate_hz: f64, start_turns: f64, seconds: f64, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let keep = (-KNOT_S / MEMORY_S).exp();
        // Twelve uniform numbers are normal enough: deviation 1, never beyond 6.
        let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let mut deviation = DRIFT * normal();
        let mut added_turns = 0.0;
        let mut knots = vec![(deviation, 0.0)];
        for _ in 0..(seconds / KNOT_S).ceil() as usize {
            let next = keep * deviation + (1.0 - keep * keep).sqrt() * DRIFT * normal();
            added_turns += rate_hz * KNOT_S * 0.5 * (deviation + next);
            deviation = next;
            knots.push((deviation, added_turns));
        }
        Self { rate_hz, knots, start_turns }
    }

    /// Phase in turns, not wrapped: whole turns count the periods since the start.
    #[inline]
    pub fn turns_at(&self, time_s: f64) -> f64 {
        let even_turns = self.start_turns + self.rate_hz * time_s;
        let Some(last) = self.knots.len().checked_sub(1) else {
            return even_turns;
        };
        let knot = ((time_s / KNOT_S).max(0.0) as usize).min(last);
        let (deviation, added_turns) = self.knots[knot];
        let since_s = time_s - knot as f64 * KNOT_S;
        // The rate is linear between knots, so the phase is its integral, a parabola.
        let slope = self.knots.get(knot + 1).map_or(0.0, |next| (next.0 - deviation) / KNOT_S);
        even_turns + added_turns + self.rate_hz * since_s * (deviation + 0.5 * slope * since_s)
    }

    /// Momentary frequency.
    pub fn rate_at(&self, time_s: f64) -> f64 {
        let Some(last) = self.knots.len().checked_sub(1) else {
            return self.rate_hz;
        };
        let knot = ((time_s / KNOT_S).max(0.0) as usize).min(last);
        let deviation = self.knots[knot].0;
        let next = self.knots.get(knot + 1).map_or(deviation, |next| next.0);
        let along = time_s / KNOT_S - knot as f64;
        self.rate_hz * (1.0 + deviation + (next - deviation) * along)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_is_the_integral_of_the_rate() {
        let lfo = Lfo::drifting(2.33, 0.3, 30.0, 5);
        let (step_s, mut turns) = (1e-3, 0.3);
        for n in 0..40_000 {
            let time_s = n as f64 * step_s;
            assert!((lfo.turns_at(time_s) - turns).abs() < 1e-9, "at {time_s} s");
            turns += step_s * lfo.rate_at(time_s + 0.5 * step_s);
        }
    }

    #[test]
    fn drift_has_the_size_measured_on_a_pedal() {
        let strays: Vec<f64> =
            (0..50).map(|seed| Lfo::drifting(2.33, 0.0, 80.0, seed).turns_at(80.0) - 2.33 * 80.0).collect();
        let rms_turns = (strays.iter().map(|x| x * x).sum::<f64>() / 50.0).sqrt();
        assert!((0.1..0.6).contains(&rms_turns), "{rms_turns}");
    }

    #[test]
    fn a_steady_lfo_counts_its_turns() {
        assert_eq!(Lfo::steady(0.5, 0.25).turns_at(10.0), 5.25);
    }
}
