//! Periods that a network draws, played at any pitch: the autoencoder wavetable of Sinclair 2017 (arXiv 1806.09617).
pub mod body;
