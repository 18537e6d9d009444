//! What the encoder sees of a period: its harmonics as levels and, its corner first, as numbers of the plane.
use crate::wavetable::period::{Period, Synthesis};
use realfft::num_complex::Complex64;

/// Level of a harmonic that counts as none, in dB of a period of RMS 1.
const FLOOR_DB: f64 = -80.0;

/// Numbers that [`features`] gives for so many harmonics.
pub fn width(harmonics: usize) -> usize {
    3 * harmonics
}

/// For harmonic 1, 2, … of the period at RMS 1, corner first: `(level in dB + 40) / 40`, -1 and above; real part; imaginary
/// part. Any place of start and any gain give the same numbers.
pub fn features(synthesis: &Synthesis, period: &Period, count: usize) -> Vec<f32> {
    let mut period = period.clone();
    period.start_at(synthesis.corner_turns(&period));
    let gain = 1.0 / period.rms().max(f64::MIN_POSITIVE);
    let harmonics = (0..count).map(|k| gain * period.harmonics.get(k).copied().unwrap_or(Complex64::ZERO));
    harmonics
        .flat_map(|h| {
            let db = (20.0 * h.norm().max(1e-30).log10()).max(FLOOR_DB);
            [(db / 40.0 + 1.0) as f32, h.re as f32, h.im as f32]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_gain_nor_start_matters() {
        let saw: Vec<Complex64> = (1..=20).map(|k| Complex64::new(0.1, -1.0 / f64::from(k))).collect();
        let synthesis = Synthesis::new(64);
        let expected = features(&synthesis, &Period { harmonics: saw.clone() }, 24);
        assert_eq!(expected.len(), width(24));
        assert_eq!(expected[3 * 20..3 * 20 + 3], [-1.0, 0.0, 0.0]);
        let mut other = Period { harmonics: saw.into_iter().map(|h| 7.0 * h).collect() };
        // A whole number of steps of the grid on which the corner is looked for.
        other.start_at(1234.0 / 4096.0);
        for (a, b) in features(&synthesis, &other, 24).iter().zip(&expected) {
            assert!((a - b).abs() < 1e-5, "{a} for {b}");
        }
    }
}
