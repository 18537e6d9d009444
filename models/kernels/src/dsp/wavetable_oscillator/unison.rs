//! Detuned copies of a note: where each stands in pitch, between the loudspeakers and in phase.
use super::MOST_COPIES;
use std::f64::consts::SQRT_2;

/// Detuned copies of one note; their gains keep the power of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unison {
    /// Copies, 1 to [`MOST_COPIES`].
    pub copies: usize,
    /// The outermost copies' distance from the note, in cents.
    pub detune_cents: f32,
    /// How far they stand apart between the loudspeakers, 0..1.
    pub spread: f32,
    /// How far apart their phases start, 0..1; 0 starts all together.
    pub phase_spread: f32,
}

impl Default for Unison {
    /// One copy.
    fn default() -> Self {
        Self { copies: 1, detune_cents: 0.0, spread: 0.0, phase_spread: 1.0 }
    }
}

impl Unison {
    /// The same with everything finite and in range.
    pub fn sane(&self) -> Self {
        let or = |x: f32, high: f32, other: f32| if x.is_finite() { x.clamp(0.0, high) } else { other };
        Self {
            copies: self.copies.clamp(1, MOST_COPIES),
            detune_cents: or(self.detune_cents, 1200.0, 0.0),
            spread: or(self.spread, 1.0, 0.0),
            phase_spread: or(self.phase_spread, 1.0, 1.0),
        }
    }

    /// Where a copy stands among the others, -1..1.
    fn place(&self, copy: usize) -> f64 {
        if self.copies < 2 { 0.0 } else { 2.0 * copy as f64 / (self.copies - 1) as f64 - 1.0 }
    }

    /// A copy's frequency over the note's.
    pub(super) fn ratio(&self, copy: usize) -> f64 {
        (self.place(copy) * f64::from(self.detune_cents) / 1200.0).exp2()
    }

    /// Gains of a copy in the left and right channel: equal power, 1 in the middle for a single one.
    pub(super) fn gains(&self, copy: usize) -> [f32; 2] {
        if copy >= self.copies {
            return [0.0; 2];
        }
        let (sin, cos) = ((self.place(copy) * f64::from(self.spread) + 1.0) * std::f64::consts::FRAC_PI_4).sin_cos();
        [cos, sin].map(|g| (g * SQRT_2 / (self.copies as f64).sqrt()) as f32)
    }

    /// Phase that a copy starts at, in turns: steps of the golden section lie evenly for any number of copies.
    pub(super) fn start_turns(&self, copy: usize) -> f64 {
        (copy as f64 * 0.618_033_988_749_895).fract() * f64::from(self.phase_spread)
    }
}
