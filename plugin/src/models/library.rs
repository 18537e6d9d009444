//! The models at hand: those built in, and those in the user's model folder.
use super::choice::sha256;
use std::path::{Path, PathBuf};

/// Longest file that is read; the loader refuses longer ones too, but not before they are in memory.
const MAX_FILE: u64 = kernels::checkpoint::MAX_FILE as u64;

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in: name and bytes.
    Factory(&'static str, &'static [u8]),
    /// A file.
    File(PathBuf),
}

impl Origin {
    /// Name in the list.
    pub fn name(&self) -> String {
        match self {
            Self::Factory(name, _) => (*name).into(),
            Self::File(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Factory(_, bytes) => Ok(bytes.to_vec()),
            Self::File(path) => read(path),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let what = |e: std::io::Error| format!("{}: {e}", path.display());
    let length = std::fs::metadata(path).map_err(what)?.len();
    if length > MAX_FILE {
        return Err(format!("{}: {length} bytes, expected at most {MAX_FILE}", path.display()));
    }
    std::fs::read(path).map_err(what)
}

/// The models of one instrument.
#[derive(Clone, Debug)]
pub struct Library {
    factory: Vec<Origin>,
    /// Documents/Doppel/Models/<noun>; none where the system names no such folder.
    folder: Option<PathBuf>,
    /// Files found there when last looked.
    installed: Vec<Origin>,
}

impl Library {
    /// With the models built in; looks into the user's folder only when asked.
    pub fn new(noun: &str, factory: &[(&'static str, &'static [u8])]) -> Self {
        Self {
            factory: factory.iter().map(|(name, bytes)| Origin::Factory(name, bytes)).collect(),
            folder: dirs::document_dir().map(|documents| documents.join("Doppel/Models").join(noun)),
            installed: Vec::new(),
        }
    }

    /// Looks into the user's folder again.
    pub fn refresh(&mut self) {
        let Some(entries) = self.folder.as_ref().and_then(|folder| std::fs::read_dir(folder).ok()) else { return };
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
            .collect();
        files.sort();
        self.installed = files.into_iter().map(Origin::File).collect();
    }

    /// All models, factory ones first.
    pub fn all(&self) -> Vec<Origin> {
        self.factory.iter().chain(&self.installed).cloned().collect()
    }

    /// The model with such a hash.
    pub fn find(&self, hash: &str) -> Option<Vec<u8>> {
        self.all().iter().find_map(|origin| origin.bytes().ok().filter(|bytes| sha256(bytes) == hash))
    }
}
