//! Layers: checked weights shared by everyone, state per voice or channel beside them; portable code on top of [`crate::arch`].
mod blocks;
pub mod conv1d;
pub mod gru;
pub mod line;
pub mod linear;
pub mod lstm;
pub mod naive;
pub mod quantised;
