//! Everything offline about the wavetable: the bowed string that it learns from, and the sets of periods.
pub mod bowed_string;
pub mod command;
pub mod dataset;
pub mod export;
pub mod render;
pub mod sources;
pub mod train;
