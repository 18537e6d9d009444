//! A model file being read: safetensors bytes turned into checked, typed tensors; everything that can be wrong is found here.
//!
//! Files are untrusted. Sizes are compared with limits before anything is allocated, every value is looked at, and what is
//! wrong is named with what was expected and what was found. `docs/model-format.md` is the specification.
mod header;
mod info;
mod matrix;
pub mod pruning;
mod selftest;
mod write;

use header::{Container, Entry};
pub use info::{ControlInfo, Curve, ModelInfo};
pub use matrix::Matrix;
use safetensors::tensor::Dtype;
pub use selftest::{SelfTest, SelfTestResult};
use serde::de::DeserializeOwned;
use std::cell::RefCell;
pub use write::{Values, write, write_mixed};

/// Longest file, in bytes.
pub const MAX_FILE: usize = 64 << 20;
/// Longest header, in bytes.
pub const MAX_HEADER: usize = 1 << 20;
/// Most tensors.
pub const MAX_TENSORS: usize = 4096;
/// Most dimensions of a tensor.
pub const MAX_RANK: usize = 4;
/// Most entries of metadata.
pub const MAX_METADATA: usize = 256;
/// Longest text in the header as it is written there, in bytes.
pub const MAX_TEXT: usize = 32 << 10;
/// Largest magnitude of a weight; trained ones stay far below.
pub const MAX_WEIGHT: f32 = 1e6;
/// Longest `aux.` tensor, in values.
pub const MAX_AUX: usize = 1 << 16;
/// The format's version that this build writes and reads.
pub const FORMAT_VERSION: (u32, u32, u32) = (1, 0, 0);

/// Why a model file was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Too long to be looked at.
    #[error("{what}: expected at most {limit} bytes, found {found}; this is not a Doppel model or it is damaged")]
    TooLarge {
        /// File or header.
        what: &'static str,
        /// Most bytes allowed.
        limit: u64,
        /// Bytes there are.
        found: u64,
    },
    /// Not the container that it should be.
    #[error("not a safetensors file: {0}; export the model again or download it again")]
    NotSafetensors(String),
    /// A metadata key is missing or says what it must not.
    #[error("metadata `{key}`: expected {expected}, found {found}; export the model again")]
    Metadata {
        /// The key.
        key: String,
        /// What it should say.
        expected: String,
        /// What it says.
        found: String,
    },
    /// Made for another version of the format.
    #[error("this file needs version {found} of the model format, this build reads {supported}; update Doppel")]
    Version {
        /// The file's version.
        found: String,
        /// This build's.
        supported: String,
    },
    /// A model of another instrument.
    #[error("this is a {found} model, expected a {expected} model: open it in Doppel's {found} plug-in")]
    Noun {
        /// What this plug-in plays.
        expected: String,
        /// What the file is for.
        found: String,
    },
    /// A size in `config` cannot be.
    #[error("{key}: expected {expected}, found {found}; export the model again")]
    Config {
        /// Path of the entry.
        key: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A tensor that `config` calls for is not there.
    #[error("tensor `{name}`: missing, expected shape {expected:?}; the file does not fit its own config")]
    Missing {
        /// The tensor.
        name: String,
        /// Shape it should have.
        expected: Vec<usize>,
    },
    /// A tensor of another shape.
    #[error("tensor `{name}`: expected shape {expected:?}, found {found:?}; the file does not fit its own config")]
    Shape {
        /// The tensor.
        name: String,
        /// Shape it should have.
        expected: Vec<usize>,
        /// Shape it has.
        found: Vec<usize>,
    },
    /// A number format that is not read.
    #[error("tensor `{name}`: expected F32, F16 or BF16, found {found}; convert it before exporting")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its format.
        found: String,
    },
    /// A weight that no training gives.
    #[error(
        "tensor `{name}`: value {found} at {index}: expected finite and at most {MAX_WEIGHT:e} in size; train again from a checkpoint before it diverged"
    )]
    Value {
        /// The tensor.
        name: String,
        /// Place in it.
        index: usize,
        /// The value, as text so that errors can be compared.
        found: String,
    },
    /// A tensor that the model has no place for.
    #[error("tensor `{name}` belongs to no part of this model; the file does not fit its own config")]
    Unexpected {
        /// The tensor.
        name: String,
    },
}

/// A parsed file: metadata checked, tensors not yet.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    container: Container<'a>,
    info: ModelInfo,
    /// Which of the container's entries somebody asked for.
    read: RefCell<Vec<bool>>,
}

impl<'a> Checkpoint<'a> {
    /// Looks at header and metadata; allocates no more than twice the header.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, LoadError> {
        if bytes.len() > MAX_FILE {
            return Err(LoadError::TooLarge { what: "file", limit: MAX_FILE as u64, found: bytes.len() as u64 });
        }
        let mut container = Container::read(bytes)?;
        let info = ModelInfo::from_metadata(std::mem::take(&mut container.metadata))?;
        let read = RefCell::new(vec![false; container.entries.len()]);
        Ok(Self { container, info, read })
    }

    /// What the file says of itself.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Is it a model of this instrument?
    pub fn expect_noun(&self, noun: &'static str) -> Result<(), LoadError> {
        if self.info.noun == noun {
            return Ok(());
        }
        Err(LoadError::Noun { expected: noun.into(), found: self.info.noun.clone() })
    }

    /// The sizes, from the metadata key `config`.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, LoadError> {
        let text = self.info.metadata.get("config").map_or("", String::as_str);
        serde_json::from_str(text).map_err(|e| LoadError::Metadata {
            key: "config".into(),
            expected: format!("JSON with the sizes of a {}", self.info.noun),
            found: shown(&e.to_string()),
        })
    }

    /// Is there a tensor of this name?
    pub fn has(&self, name: &str) -> bool {
        self.container.find(name).is_some()
    }

    /// Name, number format and shape of every tensor, by name.
    pub fn tensors(&self) -> Vec<(String, String, Vec<usize>)> {
        let described =
            |entry: &Entry| (entry.name.to_string(), format!("{:?}", entry.info.dtype), entry.info.shape.to_vec());
        self.container.entries.iter().map(described).collect()
    }

    /// All values of a tensor, row by row; refuses any other shape, other formats and values that are not weights.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let missing = || LoadError::Missing { name: name.into(), expected: shape.to_vec() };
        let place = self.container.find(name).ok_or_else(missing)?;
        let found = &self.container.entries[place].info.shape;
        if !found.is(shape) {
            let found = found.to_vec();
            return Err(LoadError::Shape { name: name.into(), expected: shape.to_vec(), found });
        }
        self.read.borrow_mut()[place] = true;
        self.values(place)
    }

    /// An optional tensor of at most as many rows of given width as are allowed, which the model can do without.
    pub fn rows(&self, name: &str, most: usize, width: usize) -> Result<Option<Vec<f32>>, LoadError> {
        let Some(place) = self.container.find(name) else { return Ok(None) };
        let rows = match self.container.entries[place].info.shape.to_vec().as_slice() {
            [rows, _] => (*rows).min(most),
            _ => most,
        };
        self.tensor(name, &[rows, width]).map(Some)
    }

    /// An optional vector of at most [`MAX_AUX`] values, which is no part of the model.
    pub fn aux(&self, name: &str) -> Result<Option<Vec<f32>>, LoadError> {
        let Some(place) = self.container.find(name) else { return Ok(None) };
        match self.container.entries[place].info.shape.to_vec().as_slice() {
            [n] if *n <= MAX_AUX => self.values(place).map(Some),
            found => Err(LoadError::Shape { name: name.into(), expected: vec![MAX_AUX], found: found.to_vec() }),
        }
    }

    /// Refuses a file that holds tensors nobody asked for, `aux.` ones excepted.
    pub fn finish(self) -> Result<(), LoadError> {
        let mut entries = self.container.entries.iter().zip(self.read.take());
        match entries.find(|(entry, read)| !read && !entry.name.starts_with("aux.")) {
            Some((entry, _)) => Err(LoadError::Unexpected { name: shown(&entry.name) }),
            None => Ok(()),
        }
    }

    fn values(&self, place: usize) -> Result<Vec<f32>, LoadError> {
        let Entry { name, info } = &self.container.entries[place];
        let data = self.container.data(info);
        let values: Vec<f32> = match info.dtype {
            Dtype::F32 => data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F16 => data.as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
            Dtype::BF16 => data.as_chunks().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect(),
            other => return Err(LoadError::Dtype { name: shown(name), found: format!("{other:?}") }),
        };
        match values.iter().position(|v| v.is_nan() || v.abs() > MAX_WEIGHT) {
            Some(index) => Err(LoadError::Value { name: shown(name), index, found: values[index].to_string() }),
            None => Ok(values),
        }
    }
}

/// A size of `config` within its limits.
pub(crate) fn within(key: &'static str, found: usize, min: usize, max: usize) -> Result<(), LoadError> {
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(LoadError::Config { key: key.into(), expected: format!("{min} to {max}"), found: found.to_string() })
}

/// A text out of a file as an error may show it: one line, not long.
fn shown(text: &str) -> String {
    text.chars().take(160).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
