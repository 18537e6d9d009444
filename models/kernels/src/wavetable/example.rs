//! A model file whose periods are known: what tests and benches play.
use crate::checkpoint::{LoadError, write};
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// Samples of a period.
pub const PERIOD: usize = 512;
/// Harmonics of it.
pub const HARMONICS: usize = 255;

/// Name, shape and values of each tensor.
pub type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

/// Metadata of a file with the controls `z1`, `pressure` and `pitch`.
pub fn metadata() -> BTreeMap<String, String> {
    let control = |id: &str, unit: &str, ends: [f32; 2], default: f32, trained: [f32; 2], curve: &str| {
        serde_json::json!({"id": id, "name": id, "unit": unit, "min": ends[0], "max": ends[1], "default": default,
            "trained_min": trained[0], "trained_max": trained[1], "curve": curve})
    };
    let controls = serde_json::json!([
        control("z1", "", [-2.0, 2.0], 0.0, [-1.0, 1.0], "linear"),
        control("pressure", "", [0.0, 128.0], 128.0, [0.0, 128.0], "linear"),
        control("pitch", "Hz", [20.0, 5000.0], 220.0, [110.0, 880.0], "log"),
    ]);
    let config = serde_json::json!({"period": PERIOD, "output": "period", "latents": 1, "octaves": 0, "hidden": [],
        "gain": true});
    let pairs = [
        ("format", "doppel".to_string()),
        ("format_version", "1.0.0".to_string()),
        ("noun", "wavetable".to_string()),
        ("name", "Sawtooth to square".to_string()),
        ("author", "The Doppel developers".to_string()),
        ("license", "CC0-1.0".to_string()),
        ("sample_rate", "48000".to_string()),
        ("config", config.to_string()),
        ("controls", controls.to_string()),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
}

/// One layer. At `z1` 0 the period is a sawtooth `sum sin(k phase) / k`; `z1` takes away its even harmonics, all of them at 1,
/// and doubles them at -1. `pressure` from 0 to 128 moves the gain from `e^-2` to 1.
pub fn tensors() -> Tensors {
    let wave = |first: usize, step: usize| -> Vec<f32> {
        let sample = |n: usize| -> f64 {
            let harmonic = |k: usize| (TAU * (k * n % PERIOD) as f64 / PERIOD as f64).sin() / k as f64;
            (first..=HARMONICS).step_by(step).map(harmonic).sum()
        };
        (0..PERIOD).map(|n| sample(n) as f32).collect()
    };
    let mut bias = wave(1, 1);
    bias.push(-1.0);
    let mut weight: Vec<f32> = wave(2, 2).into_iter().flat_map(|even| [-even, 0.0, 0.0]).collect();
    weight.extend([0.0, 1.0, 0.0]);
    vec![
        ("decoder.0.weight".to_string(), vec![PERIOD + 1, 3], weight),
        ("decoder.0.bias".to_string(), vec![PERIOD + 1], bias),
    ]
}

/// A whole file.
pub fn file() -> Result<Vec<u8>, LoadError> {
    write(metadata(), &tensors())
}
