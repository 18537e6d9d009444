//! Parts that the stand-in circuits are built of: all-pass stages, chains with feedback, soft limits, capacitors, hiss.
//!
//! ```text
//! g = tan(pi f_b / fs),  G = g / (1 + g)
//! stage      d = u - s;  v = G d;  lp = v + s;  s <- s + 2 v;  out = 2 lp - u     (+1 at DC, -1 at Nyquist)
//! chain      u_0 = (x + g2 S) / (1 - g2 prod(2 G_i - 1)),   S = the chain's output for u_0 = 0
//! ```
//! The stages are topology-preserving (trapezoidal) one-poles and the feedback has no delay (Zavalishin, "The Art of VA
//! Filter Design", ch. 3 and 5).
use std::f64::consts::PI;

/// Highest `f_b / fs` that a stage takes: `tan` runs away at 1/2.
pub const MAX_BREAK: f64 = 0.45;

/// `G = tan(a) / (1 + tan(a))`, the tangent as its continued fraction to the fifth term: relative error below 1e-9 for
/// a < 0.3 (break frequencies below 4.2 kHz at 44.1 kHz), 2e-4 at the limit of 0.45 pi.
#[inline]
pub fn stage_gain(a: f64) -> f64 {
    let square = a * a;
    let sine = a * (945.0 + square * (square - 105.0));
    let cosine = 945.0 + square * (15.0 * square - 420.0);
    sine / (sine + cosine)
}

/// What enters the first stage: the input and the fed-back output of the same instant, the stages taken as linear.
#[inline]
pub fn chain_input(stages: &[f64], gains: &[f64], feedback: f64, x: f64) -> f64 {
    let (mut charge, mut through) = (0.0, 1.0);
    for i in 0..stages.len() {
        let slope = 2.0 * gains[i] - 1.0;
        charge = slope * charge + 2.0 * (1.0 - gains[i]) * stages[i];
        through *= slope;
    }
    (x + feedback * charge) / (1.0 - feedback * through)
}

/// Runs all stages by one sample; `bend` is what the device does to the difference at each stage's input.
#[inline]
pub fn chain(stages: &mut [f64], gains: &[f64], u: f64, bend: impl Fn(f64) -> f64) -> f64 {
    let mut u = u;
    for i in 0..stages.len() {
        let v = gains[i] * bend(u - stages[i]);
        let low = v + stages[i];
        stages[i] += 2.0 * v;
        u = 2.0 * low - u;
    }
    u
}

/// Where the fraction in `soft` reaches 1.
const FLAT: f64 = 3.646_738_595_329_642_5;

/// tanh as its continued fraction to the fifth term, held at ±1: error below 1e-6 for |x| < 1, below 1.6e-3 everywhere.
#[inline]
pub fn soft(x: f64) -> f64 {
    let x = x.clamp(-FLAT, FLAT);
    let square = x * x;
    x * (945.0 + square * (105.0 + square)) / (945.0 + square * (420.0 + 15.0 * square))
}

/// Coefficient of a one-pole low-pass: the part of the way to its input that it goes each sample.
pub fn one_pole(cutoff_hz: f64, sample_rate_hz: f64) -> f64 {
    1.0 - (-2.0 * PI * cutoff_hz / sample_rate_hz).exp()
}

/// A coupling capacitor: what its slow charge `low` has not taken up goes through.
#[inline]
pub fn couple(low: &mut f64, leak: Option<f64>, x: f64) -> f64 {
    match leak {
        None => x,
        Some(leak) => {
            *low += leak * (x - *low);
            x - *low
        }
    }
}

/// White noise of mean 0 and deviation 1: the sum of four 16-bit uniform numbers out of one SplitMix64 word (Steele et al.,
/// OOPSLA 2014). Its tails end at 3.5 deviations, which nobody hears in hiss.
#[derive(Clone, Debug)]
pub struct Noise {
    /// Position in the sequence.
    word: u64,
}

impl Noise {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self { word: seed.wrapping_mul(0xD134_2543_DE82_EF95) }
    }

    /// The next number.
    #[inline]
    pub fn step(&mut self) -> f64 {
        self.word = self.word.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.word;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let sum = (z & 0xFFFF) + ((z >> 16) & 0xFFFF) + ((z >> 32) & 0xFFFF) + (z >> 48);
        // Four uniform numbers of 0..65535 have mean 131070 and variance 4 * 65536^2 / 12.
        (sum as f64 - 131_070.0) * (1.0 / 37_837.227)
    }
}
