//! Model files as the commands name them: a path, or nothing for the first factory model.
use anyhow::{Context, Result};
use kernels::arch::{self, Arch};
use kernels::checkpoint::Checkpoint;
use kernels::phaser::Phaser;
use kernels::sound_model::SoundModel;
use kernels::wavetable::Wavetable;
use std::path::{Path, PathBuf};

/// The first factory model of each instrument: noun, name, file.
const FACTORY: [(&str, &str, &[u8]); 3] = [
    (Phaser::NOUN, "small_stone", include_bytes!("../../../assets/models/phaser/small_stone.safetensors")),
    (SoundModel::NOUN, "reed_sax_eco", include_bytes!("../../../assets/models/sound_model/reed_sax_eco.safetensors")),
    (Wavetable::NOUN, "bowed_string", include_bytes!("../../../assets/models/wavetable/bowed_string.safetensors")),
];

/// A model's bytes and how to call it in messages.
pub struct ModelFile {
    /// Path, or what stands for it.
    pub name: String,
    /// The whole file.
    pub bytes: Vec<u8>,
}

impl ModelFile {
    /// Reads a file, or takes the first factory model of an instrument.
    pub fn open(noun: &str, path: Option<&Path>) -> Result<Self> {
        Ok(match path {
            Some(path) => {
                let bytes = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
                Self { name: path.display().to_string(), bytes }
            }
            None => {
                let (_, name, bytes) = FACTORY
                    .iter()
                    .find(|(of, ..)| *of == noun)
                    .with_context(|| format!("no factory model of {noun}"))?;
                Self { name: format!("factory model {name}"), bytes: bytes.to_vec() }
            }
        })
    }

    /// The instrument that it is for.
    pub fn noun(&self) -> Result<String> {
        let file = Checkpoint::parse(&self.bytes).with_context(|| self.name.clone())?;
        Ok(file.info().noun.clone())
    }

    /// The sound model in it.
    pub fn sound_model(&self) -> Result<SoundModel> {
        SoundModel::load(&self.bytes).with_context(|| self.name.clone())
    }

    /// The wavetable in it.
    pub fn wavetable(&self) -> Result<Wavetable> {
        Wavetable::load(&self.bytes).with_context(|| self.name.clone())
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
    let (name, partial) = (path.display(), path.with_extension("partial"));
    std::fs::write(&partial, bytes).with_context(|| format!("{}: cannot be written", partial.display()))?;
    let placed = sound_files::put_in_place(&partial, path).with_context(|| format!("{name}: cannot be replaced"));
    if placed.is_err() {
        // Nothing more can be done about the part if it cannot be removed either.
        let _ = std::fs::remove_file(&partial);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_ordinary_file_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = format!("{:#}", write(folder.path(), b"model").unwrap_err());
        assert!(refusal.contains("no ordinary file"), "{refusal}");
        let file = folder.path().join("a.safetensors");
        for bytes in [b"old".as_slice(), b"new"] {
            write(&file, bytes).unwrap();
            assert_eq!(std::fs::read(&file).unwrap(), bytes);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no partial file stays");
    }
}
