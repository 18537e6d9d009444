//! Small signal processing that the engines share.
pub mod low_pass;
pub mod period_table;
pub mod ramp;
pub mod stft;
pub mod wavetable_oscillator;
