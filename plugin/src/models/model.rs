//! What the loader and the window must know of an instrument's model.
use super::loader::Format;
use kernels::checkpoint::{LoadError, ModelInfo, SelfTestResult};
use std::sync::Arc;

/// A model that can be loaded from a file and played by an engine.
pub trait Model: Sized + Send + Sync + 'static {
    /// What plays it.
    type Engine: Send + 'static;

    /// Its `noun`: the name of its folders.
    const NOUN: &'static str;
    /// What is heard while a project's model is not to be had.
    const WHILE_MISSING: &'static str;

    /// Reads a file.
    fn load(bytes: &[u8]) -> Result<Self, LoadError>;

    /// What the file says of itself.
    fn info(&self) -> &ModelInfo;

    /// Does it play as it was trained? None if its file does not say.
    fn self_test(&self, bytes: &[u8]) -> Result<Option<SelfTestResult>, LoadError>;

    /// An engine for a host's rate and channels; says why there is none.
    fn engine(self: Arc<Self>, format: Format) -> Result<Self::Engine, String>;
}
