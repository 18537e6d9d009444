//! The model as a project remembers it: name, hash and, where its licence allows, its bytes.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nice_plug::params::persist::PersistentField;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is saved with a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelChoice {
    /// Name of the model, for messages.
    pub name: String,
    /// SHA-256 of its file in hexadecimal; empty: the first factory model.
    pub sha256: String,
    /// Its bytes in base 64, unless its file forbids that.
    pub data: Option<String>,
}

impl ModelChoice {
    /// Of a file's bytes.
    pub fn of(name: &str, bytes: &[u8], redistribute: bool) -> Self {
        Self { name: name.into(), sha256: sha256(bytes), data: redistribute.then(|| STANDARD.encode(bytes)) }
    }

    /// The embedded bytes: none if there are none, an error if they are not what the hash says.
    pub fn bytes(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(data) = &self.data else { return Ok(None) };
        let bytes = STANDARD.decode(data).ok().filter(|bytes| sha256(bytes) == self.sha256);
        bytes
            .map(Some)
            .ok_or_else(|| format!("the model `{}` in this project is damaged: load its file again", self.name))
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The choice of one instance. The framework may restore it on the audio thread, so storing one only stores it and raises
/// a counter; the loader's thread sees that and acts.
#[derive(Default)]
pub struct ModelSlot {
    choice: Mutex<ModelChoice>,
    generation: AtomicU64,
}

impl ModelSlot {
    /// The choice as it stands.
    pub fn get(&self) -> ModelChoice {
        self.choice.lock().clone()
    }

    /// Changes how often a project was restored.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Notes what was loaded, without asking for it to be loaded.
    pub fn note(&self, choice: ModelChoice) {
        *self.choice.lock() = choice;
    }

    /// Asks for a model, as a restored project does.
    pub fn ask(&self, choice: ModelChoice) {
        *self.choice.lock() = choice;
        self.generation.fetch_add(1, Ordering::Release);
    }
}

impl<'a> PersistentField<'a, ModelChoice> for Arc<ModelSlot> {
    fn set(&self, new_value: ModelChoice) {
        self.ask(new_value);
    }

    fn map<F: Fn(&ModelChoice) -> R, R>(&self, f: F) -> R {
        f(&self.choice.lock())
    }
}
