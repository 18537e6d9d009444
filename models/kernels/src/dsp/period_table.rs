//! One period as a table that holds no more harmonics than a note has room for.
//!
//! The table holds the coefficients of a cubic B-spline. Its four points cost what a Hermite's cost and leave 20 dB less of
//! images; that it dulls the period is undone in the harmonics, where it costs nothing.
//! The table is made anew from the harmonics when they or the room change, so the band limit is exact for every note and
//! nothing is stored in octaves (the idea is M. Tytel's in Vital).
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner};
use std::f64::consts::PI;
use std::sync::Arc;

/// Samples of a table.
pub const TABLE: usize = 2048;
/// Most harmonics of a period. An eighth of the table: read between places, the highest one leaves images of -68 dB of
/// itself (`sinc^4`), and it is the quietest of its period.
pub const MOST_HARMONICS: usize = TABLE / 8 - 1;
/// Samples repeated around the table so that a reader never wraps: one before, two behind.
const GUARD: usize = 3;
/// Bits of a phase below the table's step.
const STEP_BITS: u32 = u64::BITS - TABLE.ilog2();
/// Bits of the way between two samples that f32 holds.
const FRACTION_BITS: u32 = 24;

/// One period; place `i + 1` holds coefficient `i`.
#[derive(Clone, Debug)]
pub struct PeriodTable(Box<[f32; TABLE + GUARD]>);

impl Default for PeriodTable {
    /// Silence.
    fn default() -> Self {
        Self(Box::new([0.0; TABLE + GUARD]))
    }
}

impl PeriodTable {
    /// The period at evenly spaced places, as many as `out` has.
    pub fn draw(&self, out: &mut [f32]) {
        let step = (u64::MAX / out.len().max(1) as u64).wrapping_add(1);
        for (n, x) in out.iter_mut().enumerate() {
            *x = self.read((n as u64).wrapping_mul(step));
        }
    }

    /// Four neighbours of a phase in 2^-64 turns.
    #[inline(always)]
    fn around(&self, phase: u64) -> [f32; 4] {
        let at = (phase >> STEP_BITS) as usize;
        [self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]]
    }

    /// The period at a phase.
    #[inline(always)]
    pub fn read(&self, phase: u64) -> f32 {
        dot(self.around(phase), weights(phase))
    }

    /// The same while it changes to another period, of which `share` is reached.
    #[inline(always)]
    pub fn read_towards(&self, to: &Self, share: f32, phase: u64) -> f32 {
        let (mut x, y) = (self.around(phase), to.around(phase));
        for (x, y) in x.iter_mut().zip(y) {
            *x += share * (y - *x);
        }
        dot(x, weights(phase))
    }
}

#[inline(always)]
fn dot(x: [f32; 4], w: [f32; 4]) -> f32 {
    (x[0] * w[0] + x[1] * w[1]) + (x[2] * w[2] + x[3] * w[3])
}

/// Weights of four neighbours: the cubic B-spline between the middle two.
#[inline(always)]
fn weights(phase: u64) -> [f32; 4] {
    let t = ((phase << (u64::BITS - STEP_BITS)) >> (u64::BITS - FRACTION_BITS)) as u32 as f32
        * (1.0 / (1u32 << FRACTION_BITS) as f32);
    const SIXTH: f32 = 1.0 / 6.0;
    const CUBIC: [f32; 4] = [-SIXTH, 0.5, -0.5, SIXTH];
    const SQUARE: [f32; 4] = [0.5, -1.0, 0.5, 0.0];
    const LINE: [f32; 4] = [-0.5, 0.0, 0.5, 0.0];
    const CONSTANT: [f32; 4] = [SIXTH, 4.0 * SIXTH, SIXTH, 0.0];
    std::array::from_fn(|i| ((CUBIC[i] * t + SQUARE[i]) * t + LINE[i]) * t + CONSTANT[i])
}

/// What the spline makes of harmonic `k`: the fourth power of `sinc`, because it is a box folded with itself four times.
fn dulled(k: usize) -> f64 {
    let x = PI * k as f64 / TABLE as f64;
    (x.sin() / x).powi(4)
}

/// Makes tables out of harmonics.
#[derive(Clone)]
pub struct TableMaker {
    plan: Arc<dyn ComplexToReal<f32>>,
    /// What harmonic `k` is multiplied with to be bin `k`, `[MOST_HARMONICS]` from 1 on.
    factors: Vec<f32>,
    /// Bins 0 to half the table; the transform leaves rubbish in it.
    spectrum: Vec<Complex32>,
    /// The transform's own.
    scratch: Vec<Complex32>,
}

impl Default for TableMaker {
    fn default() -> Self {
        let plan = RealFftPlanner::<f32>::new().plan_fft_inverse(TABLE);
        let factors = (1..=MOST_HARMONICS).map(|k| (0.5 / dulled(k)) as f32).collect();
        Self { factors, spectrum: plan.make_input_vec(), scratch: plan.make_scratch_vec(), plan }
    }
}

impl TableMaker {
    /// The sum of `Re(h_k e^(i k phase))` over k = 1, 2, …; beyond [`MOST_HARMONICS`] they are left out. Real time.
    pub fn fill(&mut self, harmonics: &[Complex32], table: &mut PeriodTable) {
        self.spectrum.fill(Complex32::ZERO);
        for ((bin, h), factor) in self.spectrum[1..].iter_mut().zip(harmonics).zip(&self.factors) {
            *bin = h * factor;
        }
        // Only buffers of other lengths, or a mean or a top bin that is not real, make it fail.
        let _ = self.plan.process_with_scratch(&mut self.spectrum, &mut table.0[1..=TABLE], &mut self.scratch);
        table.0[0] = table.0[TABLE];
        (table.0[TABLE + 1], table.0[TABLE + 2]) = (table.0[1], table.0[2]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn at(harmonics: &[Complex32], turns: f64) -> f64 {
        let term = |(k, h): (usize, &Complex32)| {
            let (sin, cos) = ((k + 1) as f64 * turns * TAU).sin_cos();
            f64::from(h.re) * cos - f64::from(h.im) * sin
        };
        harmonics.iter().enumerate().map(term).sum()
    }

    #[test]
    fn a_table_reads_as_the_sum_of_its_harmonics() {
        let harmonics: Vec<_> = (1..=40).map(|k| Complex32::from_polar(1.0 / k as f32, k as f32)).collect();
        let (mut maker, mut table) = (TableMaker::default(), PeriodTable::default());
        maker.fill(&harmonics, &mut table);
        for n in 0..999 {
            let phase = (n as u64).wrapping_mul(0x0123_4567_89AB_CDEF);
            let (found, expected) = (f64::from(table.read(phase)), at(&harmonics, phase as f64 / 2f64.powi(64)));
            assert!((found - expected).abs() < 3e-6, "{found} for {expected}");
        }
        let mut drawn = [0.0; 100];
        table.draw(&mut drawn);
        for n in 0..100 {
            assert!((f64::from(drawn[n]) - at(&harmonics, n as f64 / 100.0)).abs() < 3e-6);
        }
    }

    #[test]
    fn no_more_harmonics_are_taken_than_a_table_reads_cleanly() {
        let (mut maker, mut table) = (TableMaker::default(), PeriodTable::default());
        let mut harmonics = vec![Complex32::ZERO; 1100];
        harmonics[MOST_HARMONICS] = Complex32::ONE;
        maker.fill(&harmonics, &mut table);
        assert!(table.0.iter().all(|x| *x == 0.0));
    }

    #[test]
    fn half_the_way_to_another_table_is_their_mean() {
        let (mut maker, mut a, mut b) = (TableMaker::default(), PeriodTable::default(), PeriodTable::default());
        maker.fill(&[Complex32::ONE], &mut a);
        maker.fill(&[Complex32::ZERO, Complex32::I], &mut b);
        let phase = 0x5A5A_0123_4567_89AB;
        let mean = 0.5 * (a.read(phase) + b.read(phase));
        assert!((a.read_towards(&b, 0.5, phase) - mean).abs() < 1e-6);
        assert_eq!(a.read_towards(&b, 0.0, phase), a.read(phase));
    }
}
