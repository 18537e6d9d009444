//! Everything offline about the sound model: sounds to learn from, trainer, free-run judge, export.
pub mod bank;
pub mod clock;
pub mod dataset;
pub mod evaluate;
pub mod export;
pub mod judge;
pub mod learner;
pub mod map;
pub mod morph;
pub mod period;
pub mod pruning;
pub mod render;
pub mod response;
pub mod rounding;
pub mod takes;
#[cfg(test)]
mod tests;
pub mod texture;
pub mod timbre;
pub mod train;
pub mod waveguide;
pub mod windows;

pub use kernels::voices::hz_of;

/// Rate of all sound models that are made here, in Hz.
pub const SAMPLE_RATE_HZ: f64 = 16_000.0;

/// How far `hz` is above `target_hz`, in cents.
pub fn cents(hz: f64, target_hz: f64) -> f64 {
    1200.0 * (hz / target_hz).log2()
}
