//! Sound files in and out, at any sample rate: what the command and the panels both read recordings with.
//!
//! A crate of its own because the plug-in must not know the trainers, and the kernels know no files.
pub mod audio;
pub mod resample;
pub mod wavetable_file;

use std::io;
use std::path::Path;

/// May a file be put there? In place of an ordinary file or of none: moved onto a device, it would take the device's place in the
/// system.
pub fn replaceable(path: &Path) -> io::Result<()> {
    if path.exists() && !path.is_file() {
        return Err(io::Error::other("is there and is no ordinary file; give another name"));
    }
    Ok(())
}

/// Moves a finished part to its place, if it is [`replaceable`].
pub fn put_in_place(part: &Path, path: &Path) -> io::Result<()> {
    replaceable(path)?;
    std::fs::rename(part, path)
}
