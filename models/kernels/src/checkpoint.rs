//! A model file being read: safetensors bytes turned into checked, typed tensors; everything that can be wrong is found here.
//!
//! Files are untrusted. Sizes are compared with limits before anything is allocated, every value is looked at, and what is
//! wrong is named with what was expected and what was found. `docs/model-format.md` is the specification.
mod info;
mod write;

pub use info::{ControlInfo, Curve, ModelInfo};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
pub use write::write;

/// Longest file, in bytes.
pub const MAX_FILE: usize = 64 << 20;
/// Longest header, in bytes.
pub const MAX_HEADER: usize = 1 << 20;
/// Most tensors.
pub const MAX_TENSORS: usize = 4096;
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
    #[error("tensor `{name}`: value {found} at {index}: expected finite and at most {MAX_WEIGHT:e} in size; train again from a checkpoint before it diverged")]
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
    tensors: SafeTensors<'a>,
    info: ModelInfo,
    /// Tensors that somebody asked for.
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Checkpoint<'a> {
    /// Looks at header and metadata; allocates no more than a small multiple of the header.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, LoadError> {
        let too_large = |what, limit: usize, found: u64| LoadError::TooLarge { what, limit: limit as u64, found };
        if bytes.len() > MAX_FILE {
            return Err(too_large("file", MAX_FILE, bytes.len() as u64));
        }
        let damaged = |reason: &str| LoadError::NotSafetensors(reason.into());
        let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(damaged(&format!("expected 8 bytes of header length, found {} bytes", bytes.len())));
        };
        let length = u64::from_le_bytes(*length);
        if length > MAX_HEADER as u64 {
            return Err(too_large("header", MAX_HEADER, length));
        }
        let Some(header) = rest.get(..length as usize) else {
            return Err(damaged(&format!("expected a header of {length} bytes, found {}", rest.len())));
        };
        let header = std::str::from_utf8(header).map_err(|e| damaged(&format!("header is not text: {e}")))?;
        info::check_header(header)?;
        let (_, parsed) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e.to_string()))?;
        let metadata: BTreeMap<String, String> = parsed.metadata().clone().unwrap_or_default().into_iter().collect();
        let info = ModelInfo::from_metadata(metadata)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| damaged(&e.to_string()))?;
        Ok(Self { tensors, info, read: RefCell::default() })
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
            found: e.to_string(),
        })
    }

    /// Is there a tensor of this name?
    pub fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    /// Name, number format and shape of every tensor, by name.
    pub fn tensors(&self) -> Vec<(String, String, Vec<usize>)> {
        let mut list: Vec<_> = self
            .tensors
            .iter()
            .map(|(name, view)| (name.to_string(), format!("{:?}", view.dtype()), view.shape().to_vec()))
            .collect();
        list.sort();
        list
    }

    /// All values of a tensor, row by row; refuses any other shape, other formats and values that are not weights.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let missing = || LoadError::Missing { name: name.into(), expected: shape.to_vec() };
        let view = self.tensors.tensor(name).map_err(|_| missing())?;
        if view.shape() != shape {
            let found = view.shape().to_vec();
            return Err(LoadError::Shape { name: name.into(), expected: shape.to_vec(), found });
        }
        self.read.borrow_mut().insert(name.into());
        values(name, &view)
    }

    /// An optional vector of at most [`MAX_AUX`] values, which is no part of the model.
    pub fn aux(&self, name: &str) -> Result<Option<Vec<f32>>, LoadError> {
        let Ok(view) = self.tensors.tensor(name) else { return Ok(None) };
        match view.shape() {
            [n] if *n <= MAX_AUX => values(name, &view).map(Some),
            found => Err(LoadError::Shape { name: name.into(), expected: vec![MAX_AUX], found: found.to_vec() }),
        }
    }

    /// Refuses a file that holds tensors nobody asked for, `aux.` ones excepted.
    pub fn finish(self) -> Result<(), LoadError> {
        let read = self.read.borrow();
        let mut names: Vec<_> = self.tensors.names().into_iter().map(|n| n.to_string()).collect();
        names.sort();
        match names.into_iter().find(|name| !name.starts_with("aux.") && !read.contains(name)) {
            Some(name) => Err(LoadError::Unexpected { name }),
            None => Ok(()),
        }
    }
}

fn values(name: &str, view: &TensorView) -> Result<Vec<f32>, LoadError> {
    let data = view.data();
    let values: Vec<f32> = match view.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect(),
        other => return Err(LoadError::Dtype { name: name.into(), found: format!("{other:?}") }),
    };
    // False for NaN as well.
    match values.iter().position(|v| !(v.abs() <= MAX_WEIGHT)) {
        Some(index) => Err(LoadError::Value { name: name.into(), index, found: values[index].to_string() }),
        None => Ok(values),
    }
}
