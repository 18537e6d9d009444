//! The violin's body as the data has it: fixed coefficients, so a body at 44.1 kHz is 8 % larger.
use kernels::wavetable::body::{COUNT, GAIN, SECTIONS};

/// Six sections in direct form I, whose sums are in STK's order.
#[derive(Clone, Debug, Default)]
pub struct Resonator {
    /// `x1, x2, y1, y2` of each section.
    memory: [[f64; 4]; COUNT],
}

impl Resonator {
    /// The next sample.
    #[inline]
    pub fn step(&mut self, x: f64) -> f64 {
        let mut x = x;
        for (section, [x1, x2, y1, y2]) in SECTIONS.iter().zip(&mut self.memory) {
            let ([b0, b1, b2], [a1, a2]) = (section.b, section.a);
            let mut y = b0 * x + b1 * *x1 + b2 * *x2;
            y -= a2 * *y2 + a1 * *y1;
            (*x2, *x1, *y2, *y1) = (*x1, x, *y1, y);
            x = y;
        }
        GAIN * x
    }
}
