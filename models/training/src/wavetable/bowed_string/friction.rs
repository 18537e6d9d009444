//! Friction between bow and string: how much of their difference in speed the bow takes away.

/// Keeps the curve from being even: without it a string at rest under a resting bow would be in balance.
const OFFSET: f64 = 0.001;
/// Least share, when the string slips.
const SLIP: f64 = 0.01;
/// Greatest share, when it sticks.
const STICK: f64 = 0.98;

/// Share of the velocity difference that the bow adds to the string: near 1 while they stick together, falling with the
/// fourth power beyond.
#[inline]
pub fn friction(difference: f64, slope: f64) -> f64 {
    (((difference + OFFSET) * slope).abs() + 0.75).powf(-4.0).clamp(SLIP, STICK)
}
