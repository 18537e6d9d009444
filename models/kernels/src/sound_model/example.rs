//! Model files of random weights: what tests and benches play.
use super::config::Config;
use super::weights::Weights;
use crate::checkpoint::LoadError;
use std::collections::BTreeMap;

/// Metadata of a file of this config; its controls are named after their places.
pub fn metadata(config: &Config) -> BTreeMap<String, String> {
    let control = |i: usize| {
        serde_json::json!({"id": format!("c{i}"), "name": format!("Control {i}"), "min": 0.0, "max": 1.0, "default": 0.5,
            "trained_min": 0.0, "trained_max": 1.0})
    };
    let controls: Vec<_> = (0..config.conditions).map(control).collect();
    let pairs = [
        ("format", "doppel".to_string()),
        ("format_version", "1.0.0".to_string()),
        ("noun", "sound_model".to_string()),
        ("name", "Random".to_string()),
        ("author", "The Doppel developers".to_string()),
        ("license", "CC0-1.0".to_string()),
        ("sample_rate", "16000".to_string()),
        ("config", serde_json::json!(config).to_string()),
        ("controls", serde_json::json!(controls).to_string()),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
}

/// A whole file.
pub fn file(seed: u64, config: &Config) -> Result<Vec<u8>, LoadError> {
    Weights::random(seed, config).write(config, metadata(config))
}
