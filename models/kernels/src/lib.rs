//! Everything of Doppel that sounds: models loaded once, states that stream, engines that plug-ins and the command share.
//!
//! | module | what it is |
//! |---|---|
//! | [`checkpoint`] | a model file, checked: the only place where anything can fail |
//! | [`arch`] | the inner loops, per CPU; the only `unsafe` code |
//! | [`nn`] | layers: weights beside state |
//! | [`dsp`], [`guard`], [`host_rate`] | ramps, the output guard, model rate <-> host rate |
//! | [`voices`] | notes into voices: allocation, envelopes, glide, MPE, per-note expressions |
//! | [`phaser`] | the phaser: model, state, controls, engine |
//! | [`sound_model`] | the sound model: a network that plays sample by sample, all voices in lock-step |
//! | [`wavetable`] | the wavetable: decoder of periods, voices with filters, body, engine |
//!
//! Invariants: this crate knows neither candle nor the plug-in framework nor egui (`cargo xtask test` checks the
//! dependencies). After `new`, nothing allocates, locks, logs or fails (`tests/realtime.rs`). The output of an engine does
//! not depend on how its input is cut into blocks.
pub mod arch;
pub mod checkpoint;
pub mod dsp;
pub mod guard;
pub mod host_rate;
pub mod nn;
pub mod phaser;
pub mod sound_model;
pub mod voices;
pub mod wavetable;
