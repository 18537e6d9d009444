//! What a training listens to when it is a file: a recording, a wavetable, a set of periods.
use super::recording::{self, Conditions};
use crate::audio::Audio;
use crate::wavetable::dataset::{Condition, Dataset};
use crate::wavetable::export::{from_wav, is_table};
use anyhow::{Context, Result};
use kernels::checkpoint::{ControlInfo, Curve};
use std::path::Path;

/// The periods of a file, whatever it is.
pub fn opened(path: &Path, conditions: Option<&Path>) -> Result<Dataset> {
    let what = || path.display().to_string();
    let table = conditions.map(|path| -> Result<Conditions> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        Conditions::parse(&text).with_context(|| path.display().to_string())
    });
    let table = table.transpose()?;
    if path.extension().is_some_and(|e| e == "safetensors") {
        return Dataset::load(path);
    }
    let bytes = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    if is_table(&bytes) {
        return from_wav(&bytes).and_then(|table| recording::of_table(&table)).with_context(what);
    }
    recording::periods(&Audio::read(path)?, table.as_ref()).with_context(what)
}

/// A measured condition as a control; its knob is as wide as the training.
pub fn control(condition: &Condition) -> ControlInfo {
    let Condition { id, min, max, log } = condition;
    let mut name = id.replace('_', " ");
    name[..1].make_ascii_uppercase();
    let unit = match id.as_str() {
        "pitch" => "Hz",
        "level" => "dB",
        _ => "",
    };
    let (min, max) = (*min, *max);
    let info = ControlInfo {
        id: id.clone(),
        name,
        unit: unit.into(),
        min,
        max,
        default: 0.5 * (min + max),
        trained_min: min,
        trained_max: max,
        curve: if *log && min > 0.0 { Curve::Log } else { Curve::Linear },
        steps: None,
    };
    if id == "pitch" { ControlInfo { min: min.min(20.0), max: max.max(12_000.0), ..info } } else { info }
}
