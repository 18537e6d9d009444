//! A resonant low-pass of two poles that stays stable however fast it is moved.
//!
//! The state variable filter with its two integrators by the trapezoidal rule and its loop solved without a delay
//! (V. Zavalishin, The Art of VA Filter Design; A. Simper, Solving the continuous SVF equations using trapezoidal
//! integration and equivalent currents, 2013). Its memory is what the integrators of the analogue circuit hold, which no
//! change of cutoff or resonance adds to: so both may move at every sample. The cutoff is exact at every rate; what lies
//! above it falls faster than the analogue filter does, to nothing at half the rate.
use std::f64::consts::PI;

/// Highest cutoff, of the sample rate.
pub const HIGHEST: f64 = 0.49;
/// Lowest cutoff, of the sample rate: 7 mHz at 768 kHz.
const LOWEST: f64 = 1e-8;

/// Cutoff and resonance as the filter computes with them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Gain of an integrator over half a sample, `tan(pi cutoff)`.
    g: f64,
    /// Damping, `1 / q`.
    k: f64,
}

impl Shape {
    /// Cutoff in cycles a sample, held within what the rate allows; `q`, the gain there, at least 0.1.
    pub fn new(cutoff: f64, q: f64) -> Self {
        Self { g: (PI * cutoff.clamp(LOWEST, HIGHEST)).tan(), k: 1.0 / q.max(0.1) }
    }
}

/// Both channels of one filter.
#[derive(Clone, Debug)]
pub struct LowPass {
    /// What the two integrators hold, `[integrator][channel]`. In f64: at 768 kHz a cutoff of 20 Hz adds 1e-8 of the signal a
    /// sample to the second one.
    memory: [[f64; 2]; 2],
    /// Where the next sample stands.
    now: Shape,
    /// Its change a sample.
    step: Shape,
    /// Where the change ends.
    to: Shape,
}

impl LowPass {
    /// Silent.
    pub fn new(shape: Shape) -> Self {
        Self { memory: [[0.0; 2]; 2], now: shape, step: Shape { g: 0.0, k: 0.0 }, to: shape }
    }

    /// Forgets all sound and stands at a shape; does not allocate.
    pub fn reset(&mut self, shape: Shape) {
        *self = Self::new(shape);
    }

    /// Moves to a shape on a straight line over so many samples, from where the last line was to end. At its end comes the
    /// next call.
    pub fn aim(&mut self, to: Shape, samples: usize) {
        let per_sample = 1.0 / samples.max(1) as f64;
        self.now = self.to;
        self.step = Shape { g: (to.g - self.now.g) * per_sample, k: (to.k - self.now.k) * per_sample };
        self.to = to;
    }

    /// Filters both channels in place, not beyond the end of the line; real time.
    pub fn process(&mut self, left: &mut [f32], right: &mut [f32]) {
        let Shape { mut g, mut k } = self.now;
        let [mut one, mut two] = self.memory;
        for (left, right) in left.iter_mut().zip(right) {
            let a1 = 1.0 / (1.0 + g * (g + k));
            let a2 = g * a1;
            let a3 = g * a2;
            let x = [f64::from(*left), f64::from(*right)];
            let mut low = [0.0; 2];
            for c in 0..2 {
                let rest = x[c] - two[c];
                let band = a1 * one[c] + a2 * rest;
                low[c] = two[c] + a2 * one[c] + a3 * rest;
                one[c] = 2.0 * band - one[c];
                two[c] = 2.0 * low[c] - two[c];
            }
            (*left, *right) = (low[0] as f32, low[1] as f32);
            g += self.step.g;
            k += self.step.k;
        }
        self.memory = [one, two];
        self.now = Shape { g, k };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::naive::noise;
    use std::f64::consts::TAU;

    /// Gain for a tone, from the filter's answer to an impulse.
    fn gain(shape: Shape, frequency: f64) -> f64 {
        let mut left = vec![0.0; 1 << 16];
        let mut right = left.clone();
        left[0] = 1.0;
        LowPass::new(shape).process(&mut left, &mut right);
        assert!(right.iter().all(|y| *y == 0.0), "channels are apart");
        let sum = |f: fn(f64) -> f64| -> f64 {
            left.iter().enumerate().map(|(n, y)| f64::from(*y) * f((TAU * frequency * n as f64) % TAU)).sum()
        };
        sum(f64::cos).hypot(sum(f64::sin))
    }

    #[test]
    fn the_gain_at_the_cutoff_is_q_and_the_slope_two_poles() {
        for cutoff in [0.001, 0.02, 0.2, 0.45] {
            for q in [0.5, 0.7, 4.0, 12.0] {
                let shape = Shape::new(cutoff, q);
                let found = gain(shape, cutoff);
                assert!((found / q - 1.0).abs() < 1e-3, "cutoff {cutoff}: gain {found} for {q}");
                // The analogue filter at the bent frequency.
                for frequency in [0.0005, 0.01, 0.1, 0.3, 0.48] {
                    let w = (PI * frequency).tan() / (PI * cutoff).tan();
                    let expected = 1.0 / (1.0 - w * w).hypot(w / q);
                    let found = gain(shape, frequency);
                    assert!((found - expected).abs() < 1e-3 * expected.max(1e-3), "{frequency}: {found}, {expected}");
                }
            }
        }
    }

    #[test]
    fn the_wildest_movement_adds_no_energy() {
        let dice = noise(1, 40_000);
        let mut filter = LowPass::new(Shape::new(0.1, 20.0));
        let mut loudest = 0.0f32;
        for n in 0..20_000 {
            // Anywhere within ten octaves and any resonance, at every sample.
            let cutoff = 0.49 * (-10.0 * f64::from(dice[n].abs())).exp2();
            filter.aim(Shape::new(cutoff, f64::from(20.0 * dice[20_000 + n].abs())), 1);
            let x = if n < 10_000 { dice[n] } else { 0.0 };
            let (mut left, mut right) = ([x], [-x]);
            filter.process(&mut left, &mut right);
            assert_eq!(left[0], -right[0]);
            loudest = loudest.max(left[0].abs());
        }
        assert!(loudest < 60.0, "{loudest}");
        let held = filter.memory.iter().flatten().fold(0.0f64, |m, x| m.max(x.abs()));
        assert!(held < 1e-9, "what was heard dies away: {held}");
    }

    #[test]
    fn cuts_leave_no_trace_and_no_number_is_refused() {
        let input = noise(2, 960);
        let play = |cut: usize| {
            let mut filter = LowPass::new(Shape::new(0.3, 1.0));
            let (mut left, mut right) = (input.clone(), input.clone());
            for (j, (left, right)) in left.chunks_mut(48).zip(right.chunks_mut(48)).enumerate() {
                filter.aim(Shape::new(0.01 * (1 + j) as f64, 1.0 + j as f64), 48);
                for (left, right) in left.chunks_mut(cut).zip(right.chunks_mut(cut)) {
                    filter.process(left, right);
                }
            }
            left
        };
        assert_eq!(play(48), play(7));
        for (cutoff, q) in [(0.0, 0.0), (1e9, 1e9), (-1.0, -1.0), (0.5, f64::INFINITY)] {
            let Shape { g, k } = Shape::new(cutoff, q);
            assert!(g.is_finite() && g > 0.0 && k.is_finite() && k >= 0.0);
        }
    }
}
