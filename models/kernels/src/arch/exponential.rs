//! Powers of two, and the hyperbolic tangent made of them, for loops that the compiler turns into vectors.

/// ln(2)^n / n!, n = 6 down to 1.
const TAYLOR: [f32; 6] = [1.540353e-4, 1.3333558e-3, 9.618129e-3, 5.5504109e-2, 2.4022651e-1, std::f32::consts::LN_2];
/// 1.5 x 2^23: adding it leaves the nearest integer in the low bits of the mantissa.
pub(super) const ROUND: f32 = 12_582_912.0;

/// `a b + c`, rounded once where the CPU can; [`f32::mul_add`] would otherwise call a slow library routine.
#[inline(always)]
pub(super) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `2^x` for x in -126..126.
///
/// `2^f` for `f` in [-1/2, 1/2] is its Taylor polynomial of degree 6, relative remainder 1.2e-7; the rest is rounding.
#[inline(always)]
pub(super) fn power_of_two<const FMA: bool>(x: f32) -> f32 {
    let rounded = x + ROUND;
    let f = x - (rounded - ROUND);
    let mut p = TAYLOR[0];
    for c in &TAYLOR[1..] {
        p = fma::<FMA>(p, f, *c);
    }
    p = fma::<FMA>(p, f, 1.0);
    p * f32::from_bits((rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127)) << 23)
}

/// `tanh |x| = (1 - e) / (1 + e)` with `e = 2^(-2 |x| / ln 2)`; at most a quarter of the power's error reaches the result.
#[inline(always)]
pub(super) fn tanh_of<const FMA: bool>(x: f32) -> f32 {
    // Beyond 10 the result is 1 to the last bit; NaN passes through `min` as 10 and is restored below.
    let e = power_of_two::<FMA>(x.abs().min(10.0) * (-2.0 * std::f32::consts::LOG2_E));
    let y = ((1.0 - e) / (1.0 + e)).copysign(x);
    if x.is_nan() { x } else { y }
}

/// The logistic function of `2 x`, `1 / (1 + e)` with `e = 2^(-2 x / ln 2)`: what `(1 + tanh x) / 2` is, without its detour over
/// the magnitude. Absolute error at most 1.5e-7.
#[inline(always)]
pub(super) fn logistic_of_twice<const FMA: bool>(x: f32) -> f32 {
    // Beyond 29 octaves either way the result is 0 or 1 to within 2e-9.
    let octaves = (x * (-2.0 * std::f32::consts::LOG2_E)).clamp(-29.0, 29.0);
    1.0 / (1.0 + power_of_two::<FMA>(octaves))
}
