//! Everything offline about the phaser: circuit, training sound, trainer.
pub mod circuit;
pub mod circuit_phase;
pub mod dataset;
pub mod device;
pub mod excitation;
pub mod jfet;
pub mod lfo;
pub mod modulation_metric;
pub mod parts;
pub mod rack;
pub mod render;
pub mod settings;
pub mod small_stone;
pub mod stability;
pub mod train;
pub mod vibe;
