//! Everything offline about the phaser: circuit, training sound, LFO found in recordings, trainer.
pub mod alignment;
pub mod band_ratio;
pub mod circuit;
pub mod dataset;
pub mod excitation;
pub mod harmonics;
pub mod lfo;
pub mod lfo_fit;
pub mod phase_track;
pub mod render;
pub mod settings;
pub mod small_stone;
pub mod train;
