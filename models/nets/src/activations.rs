//! Exponential, logistic function and hyperbolic tangent for loops that the compiler turns into vectors.

/// ln(2)^n / n!, n = 6 down to 1.
const TAYLOR: [f32; 6] = [1.540353e-4, 1.3333558e-3, 9.618129e-3, 5.5504109e-2, 2.4022651e-1, std::f32::consts::LN_2];
/// 1.5 x 2^23: adding it leaves the nearest integer in the low bits of the mantissa.
const ROUND: f32 = 12_582_912.0;

/// `2^x` for x in -126..126: a Taylor polynomial of the rest after rounding, relative remainder 1.2e-7.
#[inline(always)]
fn power_of_two(x: f32) -> f32 {
    let rounded = x + ROUND;
    let f = x - (rounded - ROUND);
    let mut p = TAYLOR[0];
    for c in &TAYLOR[1..] {
        p = p.mul_add(f, *c);
    }
    p = p.mul_add(f, 1.0);
    p * f32::from_bits((rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127)) << 23)
}

/// `e^x` for x below 87, relative error at most 3e-7 + 1e-7 |x|; below -87 it is 1.2e-38.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    power_of_two((x * std::f32::consts::LOG2_E).max(-126.0))
}

/// `1 / (1 + e^-x)`, absolute error at most 2e-7.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + power_of_two((x * -std::f32::consts::LOG2_E).clamp(-60.0, 60.0)))
}

/// Absolute error at most 4e-7.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    2.0f32.mul_add(sigmoid(2.0 * x), -1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_within_what_is_stated() {
        for i in -40_000..=40_000 {
            let x = i as f32 * 1e-3;
            let exact = f64::from(x);
            let relative = (f64::from(exp(x)) / exact.exp() - 1.0).abs();
            assert!(relative <= 3e-7 + 1e-7 * exact.abs(), "exp({x}): {relative:e}");
            assert!((f64::from(sigmoid(x)) - 1.0 / (1.0 + (-exact).exp())).abs() <= 2e-7, "sigmoid({x})");
            assert!((f64::from(tanh(x)) - exact.tanh()).abs() <= 4e-7, "tanh({x})");
        }
        assert!(exp(-1e9) > 0.0 && sigmoid(1e9) == 1.0 && tanh(-1e9) == -1.0);
    }
}
