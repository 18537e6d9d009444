//! The candle twins of the kernels: the same networks as graphs, with the same tensor names, for training.
//!
//! | module | what it is |
//! |---|---|
//! | [`phaser`] | the phaser's networks out of candle's own operations: the reference, and the path for GPUs |
//! | [`phaser_fused`] | its whole audio path as one operation with a hand-written gradient, for the CPU |
//!
//! Invariant: this crate knows neither the kernels nor the plug-in; that both compute the same is shown in `tests/golden.rs`.
pub mod phaser;
pub mod phaser_fused;
