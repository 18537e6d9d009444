//! Sound files in and out, at any sample rate: what the command and the panels both read recordings with.
//!
//! A crate of its own because the plug-in must not know the trainers, and the kernels know no files.
pub mod audio;
pub mod resample;
pub mod wavetable_file;
