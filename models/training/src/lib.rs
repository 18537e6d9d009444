//! Data, losses, trainers and export of Doppel's models; the library behind the `doppel` command.
pub mod bench;
pub mod card;
pub mod demo;
pub mod inspect;
pub mod metrics;
pub mod midi;
pub mod models;
pub mod phaser;
pub mod plot;
pub mod settings;
pub mod song_render;
pub mod sound_model;
pub mod spectral_loss;
pub mod trainer;
pub mod wavetable;

pub use kernels::dsp::stft;
pub use sound_files::{audio, resample};
