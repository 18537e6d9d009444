//! Sixteen channels in the registers of one kind of CPU: the few operations that the inner loops are made of.
use super::{LANES, Lanes, Sums};

/// Sixteen numbers that live in registers.
pub trait Vector: Copy {
    /// All zero.
    const ZERO: Self;
    /// Reads one group of channels.
    fn load(from: &Lanes) -> Self;
    /// Writes one group of channels.
    fn store(self, to: &mut Lanes);
    /// Reads sixteen integers, each rounded to the nearest number.
    fn from_sums(from: &Sums) -> Self;
    /// The same number in every channel.
    fn splat(x: f32) -> Self;
    /// `self + y`.
    fn add(self, y: Self) -> Self;
    /// `self - y`.
    fn sub(self, y: Self) -> Self;
    /// `self y`.
    fn mul(self, y: Self) -> Self;
    /// `self y + z`, rounded once where the CPU can.
    fn mul_add(self, y: Self, z: Self) -> Self;
    /// `self / sqrt y`.
    fn over_root(self, y: Self) -> Self;
    /// What is below zero, else zero; NaN stays.
    fn negative(self) -> Self;
    /// What is above zero, else zero; NaN stays.
    fn positive(self) -> Self;
}

/// Plain arithmetic, for any CPU. `FMA` says whether it multiplies and adds in one instruction: without it
/// [`f32::mul_add`] would call a slow library routine.
#[derive(Clone, Copy)]
pub struct Plain<const FMA: bool>([f32; LANES]);

impl<const FMA: bool> Plain<FMA> {
    // Not `std::array::from_fn`: it is not always inlined, and then every operation is a call.
    #[inline(always)]
    fn zip(self, y: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self;
        for l in 0..LANES {
            out.0[l] = f(self.0[l], y.0[l]);
        }
        out
    }
}

impl<const FMA: bool> Vector for Plain<FMA> {
    const ZERO: Self = Self([0.0; LANES]);
    #[inline(always)]
    fn load(from: &Lanes) -> Self {
        Self(from.0)
    }
    #[inline(always)]
    fn store(self, to: &mut Lanes) {
        to.0 = self.0;
    }
    #[inline(always)]
    fn from_sums(from: &Sums) -> Self {
        let mut out = Self::ZERO;
        for l in 0..LANES {
            out.0[l] = from.0[l] as f32;
        }
        out
    }
    #[inline(always)]
    fn splat(x: f32) -> Self {
        Self([x; LANES])
    }
    #[inline(always)]
    fn add(self, y: Self) -> Self {
        self.zip(y, |x, y| x + y)
    }
    #[inline(always)]
    fn sub(self, y: Self) -> Self {
        self.zip(y, |x, y| x - y)
    }
    #[inline(always)]
    fn mul(self, y: Self) -> Self {
        self.zip(y, |x, y| x * y)
    }
    #[inline(always)]
    fn mul_add(self, y: Self, z: Self) -> Self {
        let mut out = z;
        for l in 0..LANES {
            out.0[l] = if FMA { self.0[l].mul_add(y.0[l], z.0[l]) } else { self.0[l] * y.0[l] + z.0[l] };
        }
        out
    }
    #[inline(always)]
    fn over_root(self, y: Self) -> Self {
        self.zip(y, |x, y| x / y.sqrt())
    }
    #[inline(always)]
    fn negative(self) -> Self {
        self.zip(Self::ZERO, |x, zero| if x > zero { zero } else { x })
    }
    #[inline(always)]
    fn positive(self) -> Self {
        self.zip(Self::ZERO, |x, zero| if x < zero { zero } else { x })
    }
}
