//! The LFO of a hardware phaser, found in a recording of what went in and what came out. Not real time.
//!
//! | module | what it is |
//! |---|---|
//! | [`alignment`] | delay and polarity between the two |
//! | [`band_ratio`], [`harmonics`] | what the phaser did to each band over time, and the harmonics of an LFO in it |
//! | [`lfo_fit`], [`phase_track`] | the LFO's rate; its phase over the whole recording, drift included |
//! | [`in_step`] | all of it for a model that is to play along, in the model's own phase |
pub mod alignment;
pub mod band_ratio;
pub mod harmonics;
pub mod in_step;
pub mod lfo_fit;
pub mod phase_track;
#[cfg(test)]
mod stand_in;

use super::RateError;
pub use in_step::{InStep, in_step};
use lfo_fit::{LEAST_EXPLAINED, LEAST_PERIODS};

/// Why no LFO is found, and what to do about it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// Less than a second.
    #[error("no LFO found: the recording is {span_s:.1} s long; record at least two periods of the LFO, better ten")]
    Short {
        /// Length of the recording in seconds.
        span_s: f64,
    },
    /// Nothing periodic lies between dry and wet.
    #[error(
        "no LFO found: the best guess, {rate_hz:.4} Hz, explains {:.0} % of the changes between dry and wet, at least {:.0} % \
         are needed; check that both files belong together, are aligned, and that nothing else changed",
        100.0 * explained_variance, 100.0 * LEAST_EXPLAINED
    )]
    Unexplained {
        /// Rate that explains most, in Hz.
        rate_hz: f64,
        /// What it explains, 0..1.
        explained_variance: f64,
    },
    /// The recording ends too soon.
    #[error(
        "the LFO of about {rate_hz:.4} Hz shows only {periods:.1} periods in {span_s:.1} s; at least {LEAST_PERIODS:.0} are \
         needed: record longer, or with a faster LFO"
    )]
    FewPeriods {
        /// Rate that explains most, in Hz.
        rate_hz: f64,
        /// Turns of it that the recording shows.
        periods: f64,
        /// Length of the recording in seconds.
        span_s: f64,
    },
    /// The model that is to play along does not sweep at the rate.
    #[error(
        "the model itself does not sweep at the {rate_hz:.4} Hz of the recording, which explain {:.0} % of what it does; turn \
         its depth up, or load a model whose LFO can be set",
        100.0 * explained_variance
    )]
    StillModel {
        /// Rate of the recording's LFO, in Hz.
        rate_hz: f64,
        /// What it explains of the model's changes, 0..1.
        explained_variance: f64,
    },
    /// The model cannot be played at the recording's sample rate.
    #[error(transparent)]
    SampleRate(#[from] RateError),
}
