//! Small signal processing that the engines share.
pub mod ramp;
