//! The candle twins of the kernels: the same networks as graphs, with the same tensor names, for training.
//!
//! | module | what it is |
//! |---|---|
//! | [`mod_signal_fused`] | what runs between two LSTMs of the phaser's modulation path, likewise |
//! | [`phaser`] | the phaser's networks out of candle's own operations: the reference, and the path for GPUs |
//! | [`lstm_fused`] | an LSTM over a whole sequence as one operation with a hand-written gradient, for the CPU |
//! | [`phaser_critic`] | discriminator and state prediction network for the adversarial training |
//! | [`phaser_fused`] | its whole audio path as one operation with a hand-written gradient, for the CPU |
//!
//! Invariant: this crate knows neither the kernels nor the plug-in; that both compute the same is shown in `tests/golden.rs`.
mod cpu;
pub mod lstm_fused;
pub mod mod_signal_fused;
pub mod phaser;
pub mod phaser_critic;
pub mod phaser_fused;
