//! The body of a violin as six resonant sections, run after the oscillator so that formants stay where they are.
//!
//! The coefficients are those of the bowed string in STK 4.4.3 to 5.0.1 (Cook, Scavone; filter by E. Maestre), which
//! hold at 48 kHz. A recording through this body can only be transposed with it; a string recorded without it and played
//! through it keeps the body's size at every pitch.
use realfft::num_complex::Complex64;
use std::f64::consts::{PI, TAU};

/// Rate at which [`SECTIONS`] are meant, in Hz.
pub const DESIGN_RATE_HZ: f64 = 48_000.0;
/// Gain behind the last section.
pub const GAIN: f64 = 0.1248;
/// Sections of the body.
pub const COUNT: usize = 6;

/// `y = b0 x + b1 x1 + b2 x2 - a1 y1 - a2 y2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Section {
    /// `b0, b1, b2`.
    pub b: [f64; 3],
    /// `a1, a2`.
    pub a: [f64; 2],
}

/// The six sections in series, first to last.
pub const SECTIONS: [Section; COUNT] = [
    Section { b: [1.0, 1.5667, 0.3133], a: [-0.5509, -0.3925] },
    Section { b: [1.0, -1.9537, 0.9542], a: [-1.6357, 0.8697] },
    Section { b: [1.0, -1.6683, 0.8852], a: [-1.7674, 0.8735] },
    Section { b: [1.0, -1.8585, 0.9653], a: [-1.8498, 0.9516] },
    Section { b: [1.0, -1.9299, 0.9621], a: [-1.9354, 0.9590] },
    Section { b: [1.0, -1.9800, 0.9888], a: [-1.9867, 0.9923] },
];

impl Section {
    /// Angle of the resonance at the design rate, in Hz; 0 for a section with real poles.
    fn resonance_hz(&self) -> f64 {
        let [a1, a2] = self.a;
        if a1 * a1 >= 4.0 * a2 { 0.0 } else { (-a1 / (2.0 * a2.sqrt())).acos() / TAU * DESIGN_RATE_HZ }
    }

    /// The same section at another rate.
    ///
    /// Both rates' frequency axes are bent onto each other by the all-pass map `u = (c + v) / (1 + c v)` of the unit
    /// delays u and v (Constantinides 1970), with c such that the section's own resonance stays at its frequency, or the
    /// bottom of the axis where there is none. Gain and damping there are kept exactly, and so are the gain at 0 Hz and
    /// stability; only far above the resonance is the curve stretched. All six together stay within 0.45 dB up to 1.5 kHz,
    /// 0.7 dB up to 5 kHz and 1.5 dB up to 10 kHz at rates up to 192 kHz; towards 20 kHz they end up 6 dB brighter.
    fn at_rate(&self, rate_hz: f64) -> Self {
        let resonance_hz = self.resonance_hz().min(0.49 * rate_hz);
        let stretch = if resonance_hz > 0.0 {
            (PI * resonance_hz / DESIGN_RATE_HZ).tan() / (PI * resonance_hz / rate_hz).tan()
        } else {
            rate_hz / DESIGN_RATE_HZ
        };
        let c = (1.0 - stretch) / (1.0 + stretch);
        let bend = |[p0, p1, p2]: [f64; 3]| {
            [p0 + c * p1 + c * c * p2, 2.0 * c * (p0 + p2) + (1.0 + c * c) * p1, c * c * p0 + c * p1 + p2]
        };
        let b = bend(self.b);
        let a = bend([1.0, self.a[0], self.a[1]]);
        Self { b: b.map(|b| b / a[0]), a: [a[1] / a[0], a[2] / a[0]] }
    }

    /// The response at an angle in radians a sample.
    fn response(&self, angle: f64) -> Complex64 {
        let v = Complex64::from_polar(1.0, -angle);
        let [b0, b1, b2] = self.b;
        let [a1, a2] = self.a;
        (b0 + v * (b1 + v * b2)) / (1.0 + v * (a1 + v * a2))
    }
}

/// One channel of the body at the host's rate.
#[derive(Clone, Debug)]
pub struct Body {
    sections: [Section; COUNT],
    /// Two delayed numbers of each section (transposed direct form II).
    memory: [[f64; 2]; COUNT],
    rate_hz: f64,
}

impl Body {
    /// A silent body at a rate in Hz.
    pub fn new(rate_hz: f64) -> Self {
        Self { sections: SECTIONS.map(|s| s.at_rate(rate_hz)), memory: [[0.0; 2]; COUNT], rate_hz }
    }

    /// Forgets all sound; does not allocate.
    pub fn reset(&mut self) {
        self.memory = [[0.0; 2]; COUNT];
    }

    /// Filters samples in place, for any length; real time. One call for the sum of all voices gives what one for each
    /// would, because the body is linear.
    pub fn process(&mut self, audio: &mut [f32]) {
        for sample in audio {
            let mut x = f64::from(*sample);
            for (section, memory) in self.sections.iter().zip(&mut self.memory) {
                let y = section.b[0] * x + memory[0];
                memory[0] = section.b[1] * x - section.a[0] * y + memory[1];
                memory[1] = section.b[2] * x - section.a[1] * y;
                x = y;
            }
            *sample = (GAIN * x) as f32;
        }
    }

    /// Gain at a frequency in dB.
    pub fn gain_db(&self, frequency_hz: f64) -> f64 {
        let angle = TAU * frequency_hz / self.rate_hz;
        let response = self.sections.iter().fold(Complex64::new(GAIN, 0.0), |all, s| all * s.response(angle));
        20.0 * response.norm().log10()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_design_rate_the_coefficients_are_the_published_ones() {
        assert_eq!(Body::new(DESIGN_RATE_HZ).sections, SECTIONS);
    }

    #[test]
    fn the_body_has_the_measured_gains() {
        let body = Body::new(48_000.0);
        let measured =
            [(100., -22.), (300., -13.), (550., 2.), (953., -8.), (3000., 1.), (10_000., -14.), (20_000., -25.)];
        for (hz, db) in measured {
            assert!((body.gain_db(hz) - db).abs() < 0.6, "{hz} Hz: found {} dB, expected {db}", body.gain_db(hz));
        }
    }

    #[test]
    fn resonances_stay_at_their_frequencies_at_every_rate() {
        let peak_hz = |body: &Body, around_hz: f64| {
            let near = |k: i32| around_hz * (1.0 + 1e-3 * f64::from(k));
            (-100..=100).map(near).max_by(|a, b| body.gain_db(*a).total_cmp(&body.gain_db(*b))).unwrap_or(0.0)
        };
        let design = Body::new(DESIGN_RATE_HZ);
        for rate_hz in [44_100.0, 88_200.0, 96_000.0, 192_000.0] {
            let body = Body::new(rate_hz);
            for resonance_hz in [572.0, 1176.0, 3829.0] {
                let (found, expected) = (peak_hz(&body, resonance_hz), peak_hz(&design, resonance_hz));
                assert!((found / expected - 1.0).abs() < 0.005, "{rate_hz} Hz: peak at {found}, expected {expected}");
            }
            for (up_to_hz, tolerance_db) in [(1500.0, 0.45), (5000.0, 0.7), (10_000.0, 1.5)] {
                for hz in (1..).map(|k| 50.0 * f64::from(k)).take_while(|hz| *hz < up_to_hz) {
                    let (found, expected) = (body.gain_db(hz), design.gain_db(hz));
                    assert!(
                        (found - expected).abs() < tolerance_db,
                        "{rate_hz} Hz, at {hz} Hz: {found} for {expected} dB"
                    );
                }
            }
        }
    }

    #[test]
    fn the_filter_has_the_response_that_it_claims_and_falls_silent() {
        for rate_hz in [8000.0, 44_100.0, 48_000.0, 96_000.0, 768_000.0] {
            let mut body = Body::new(rate_hz);
            let mut impulse = vec![0.0; (rate_hz * 0.2) as usize];
            impulse[0] = 1.0;
            body.process(&mut impulse);
            for hz in [300.0, 572.0, 2500.0] {
                let sum: Complex64 = (0..impulse.len())
                    .map(|n| Complex64::from_polar(f64::from(impulse[n]), -TAU * hz / rate_hz * n as f64))
                    .sum();
                let found = 20.0 * sum.norm().log10();
                assert!((found - body.gain_db(hz)).abs() < 0.01, "{rate_hz} Hz: {found} dB at {hz} Hz");
            }
            let tail = &impulse[impulse.len() * 9 / 10..];
            assert!(tail.iter().all(|y| y.abs() < 1e-6), "{rate_hz} Hz: rings on");
        }
    }
}
