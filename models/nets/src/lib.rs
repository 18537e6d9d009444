//! The candle twins of the kernels: the same networks as graphs, with the same tensor names, for training.
//!
//! | module | what it is |
//! |---|---|
//! | [`mod_signal_fused`] | what runs between two LSTMs of the phaser's modulation path, likewise |
//! | [`phaser`] | the phaser's networks out of candle's own operations: the reference, and the path for GPUs |
//! | [`lstm_fused`] | an LSTM over a whole sequence as one operation with a hand-written gradient, for the CPU |
//! | [`phaser_critic`] | discriminator and state prediction network for the adversarial training |
//! | [`sound_model`] | the sound model, whose training runs on the CPU |
//! | [`gru_fused`], [`linear_fused`], [`lookup_fused`], [`cross_entropy`] | its layers, each one operation with a hand-written gradient |
//! | [`product`], [`activations`] | what these compute with |
//! | [`phaser_fused`] | its whole audio path as one operation with a hand-written gradient, for the CPU |
//! | [`wavetable`] | encoder, decoder and discriminator of the wavetable |
//!
//! Invariant: this crate knows neither the kernels nor the plug-in; that both compute the same is shown in `tests/golden.rs`.
pub mod activations;
mod cpu;
pub mod cross_entropy;
pub mod gru_fused;
pub mod linear_fused;
pub mod lookup_fused;
pub mod lstm_fused;
pub mod mod_signal_fused;
pub mod phaser;
pub mod phaser_critic;
pub mod phaser_fused;
pub mod product;
pub mod sound_model;
pub mod wavetable;
