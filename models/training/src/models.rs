//! Model files as the commands name them: a path, or nothing for the first factory model.
use anyhow::{Context, Result};
use kernels::arch::{self, Arch};
use kernels::phaser::Phaser;
use std::path::{Path, PathBuf};

/// The factory model of the phaser.
const PHASER: &[u8] = include_bytes!("../../../assets/models/phaser/small_stone.safetensors");

/// A model's bytes and how to call it in messages.
pub struct ModelFile {
    /// Path, or what stands for it.
    pub name: String,
    /// The whole file.
    pub bytes: Vec<u8>,
}

impl ModelFile {
    /// Reads a file, or takes the first factory model of the phaser.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        Ok(match path {
            Some(path) => {
                let bytes = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
                Self { name: path.display().to_string(), bytes }
            }
            None => Self { name: "factory model small_stone".into(), bytes: PHASER.to_vec() },
        })
    }

    /// The phaser in it, for the fastest path of this CPU.
    pub fn phaser(&self) -> Result<Phaser> {
        self.phaser_on(arch::best())
    }

    /// The phaser in it, for a given path.
    pub fn phaser_on(&self, arch: &'static Arch) -> Result<Phaser> {
        Phaser::load_on(&self.bytes, arch).with_context(|| self.name.clone())
    }
}

/// Where the plug-ins look for models of an instrument.
pub fn install_folder(noun: &str) -> Result<PathBuf> {
    let documents = dirs::document_dir().or_else(|| dirs::home_dir().map(|home| home.join("Documents")));
    Ok(documents.context("the system names no home folder to install to")?.join("Doppel/Models").join(noun))
}

/// Writes a file whole or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, bytes).with_context(|| format!("{}: cannot be written", partial.display()))?;
    std::fs::rename(&partial, path).with_context(|| format!("{}: cannot be replaced", path.display()))
}
