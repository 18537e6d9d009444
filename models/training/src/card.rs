//! What a model file says of itself beside its weights.
use anyhow::Result;
use kernels::checkpoint::{self, ControlInfo};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a file says of itself beside its weights.
pub struct Card {
    /// Name on the panel.
    pub name: String,
    /// Who made it.
    pub author: String,
    /// SPDX licence id.
    pub license: String,
    /// Free text.
    pub description: String,
    /// May a project embed the file?
    pub redistribute: bool,
    /// Rate of the net, in Hz.
    pub sample_rate_hz: f64,
    /// The controls, in the order of the net's inputs.
    pub controls: Vec<ControlInfo>,
    /// Data, minutes, steps, losses, seed, revision.
    pub training: serde_json::Value,
}

impl Card {
    /// The metadata of a file for instrument `noun`, whose self-test may differ by `tolerance`; a noun's own keys are added by
    /// its export.
    pub fn metadata(&self, noun: &str, config: &impl Serialize, tolerance: f32) -> Result<BTreeMap<String, String>> {
        let version = checkpoint::FORMAT_VERSION;
        let pairs = [
            ("format", "doppel".into()),
            ("format_version", format!("{}.{}.{}", version.0, version.1, version.2)),
            ("noun", noun.into()),
            ("config", serde_json::to_string(config)?),
            ("sample_rate", self.sample_rate_hz.to_string()),
            ("controls", serde_json::to_string(&self.controls)?),
            ("name", self.name.clone()),
            ("author", self.author.clone()),
            ("license", self.license.clone()),
            ("description", self.description.clone()),
            ("redistribute", self.redistribute.to_string()),
            ("training", self.training.to_string()),
            ("selftest", serde_json::json!({ "tolerance": tolerance }).to_string()),
        ];
        Ok(pairs.map(|(key, value): (&str, String)| (key.to_string(), value)).into())
    }
}
