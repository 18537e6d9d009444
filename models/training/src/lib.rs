//! Data, losses, trainers and export of Doppel's models; the library behind the `doppel` command.
pub mod audio;
pub mod bench;
pub mod card;
pub mod demo;
pub mod inspect;
pub mod metrics;
pub mod midi;
pub mod models;
pub mod phaser;
pub mod plot;
pub mod resample;
pub mod spectral_loss;
pub mod stft;
pub mod trainer;
pub mod wavetable;
