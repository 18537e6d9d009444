//! What a model file says of itself: its metadata, checked.
use super::{FORMAT_VERSION, LoadError, MAX_TENSORS};
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The four instruments.
const NOUNS: [&str; 4] = ["phaser", "sound_model", "wavetable", "modulation"];
/// Most controls that a model may declare.
const MAX_CONTROLS: usize = 8;

/// How a control moves between its ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Curve {
    /// Equal steps are equal differences.
    #[default]
    Linear,
    /// Equal steps are equal ratios.
    Log,
}

/// One conditioning control that a model declares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlInfo {
    /// Stable id, for example `rate`.
    pub id: String,
    /// Name on the panel.
    pub name: String,
    /// Unit in text, empty if none.
    #[serde(default)]
    pub unit: String,
    /// Lowest value, in `unit`.
    pub min: f32,
    /// Highest value, in `unit`.
    pub max: f32,
    /// Value of a fresh instance, in `unit`.
    pub default: f32,
    /// Lowest value seen in training, in `unit`.
    pub trained_min: f32,
    /// Highest value seen in training, in `unit`.
    pub trained_max: f32,
    /// How the control moves between its ends; also how the network sees it.
    #[serde(default)]
    pub curve: Curve,
    /// Number of positions of a switch; none for a continuous control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
}

impl ControlInfo {
    /// The value as the network sees it: -1 and 1 are the ends of the trained span, beyond which nothing goes.
    pub fn normalised(&self, value: f32) -> f32 {
        let bend = |x: f32| if self.curve == Curve::Log { x.ln() } else { x };
        let (low, high) = (bend(self.trained_min), bend(self.trained_max));
        2.0 * (bend(value.clamp(self.trained_min, self.trained_max)) - low) / (high - low) - 1.0
    }

    fn check(&self) -> Result<(), LoadError> {
        let numbers = [self.min, self.max, self.default, self.trained_min, self.trained_max];
        let within = |v: f32| (self.min..=self.max).contains(&v);
        let expected = if self.id.is_empty() {
            "an id"
        } else if !numbers.iter().all(|v| v.is_finite()) {
            "finite numbers"
        } else if self.min >= self.max || self.trained_min >= self.trained_max {
            "min below max, trained_min below trained_max"
        } else if !(within(self.trained_min) && within(self.trained_max) && within(self.default)) {
            "the trained span and the default between min and max"
        } else if self.curve == Curve::Log && self.min <= 0.0 {
            "a positive min for a log curve"
        } else if self.steps.is_some_and(|s| !(2..=1000).contains(&s)) {
            "2 to 1000 steps"
        } else {
            return Ok(());
        };
        Err(LoadError::Metadata {
            key: "controls".into(),
            expected: format!("{expected} for control `{}`", self.id),
            found: format!(
                "min {}, max {}, default {}, trained {} to {}",
                self.min, self.max, self.default, self.trained_min, self.trained_max
            ),
        })
    }
}

/// What a model file says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// `phaser`, `sound_model`, `wavetable` or `modulation`.
    pub noun: String,
    /// Name on the panel.
    pub name: String,
    /// Who made it.
    pub author: String,
    /// SPDX licence id.
    pub license: String,
    /// Free text, may be empty.
    pub description: String,
    /// May a project embed the file?
    pub redistribute: bool,
    /// Rate the network runs at, in Hz.
    pub sample_rate_hz: f64,
    /// Conditioning controls, in the order of the network's inputs.
    pub controls: Vec<ControlInfo>,
    /// All of `__metadata__`, as written.
    pub metadata: BTreeMap<String, String>,
}

impl ModelInfo {
    /// A control and its place among the network's inputs.
    pub fn control(&self, id: &str) -> Option<(usize, &ControlInfo)> {
        self.controls.iter().enumerate().find(|(_, c)| c.id == id)
    }

    pub(super) fn from_metadata(metadata: BTreeMap<String, String>) -> Result<Self, LoadError> {
        let wrong = |key: &str, expected: &str, found: &str| LoadError::Metadata {
            key: key.into(),
            expected: expected.into(),
            found: found.chars().take(80).collect(),
        };
        let need = |key: &str, expected: &str| {
            metadata.get(key).filter(|v| !v.is_empty()).ok_or_else(|| wrong(key, expected, "nothing"))
        };
        let format = need("format", "`doppel`")?;
        if format != "doppel" {
            return Err(wrong("format", "`doppel`", format));
        }
        check_version(need("format_version", "a version like 1.0.0")?)?;
        let noun = need("noun", "one of phaser, sound_model, wavetable, modulation")?;
        if !NOUNS.contains(&noun.as_str()) {
            return Err(wrong("noun", "one of phaser, sound_model, wavetable, modulation", noun));
        }
        need("config", "JSON with the model's sizes")?;
        let rate_text = need("sample_rate", "a rate in Hz")?;
        let sample_rate_hz: f64 = rate_text.parse().unwrap_or(f64::NAN);
        if !(1_000.0..=768_000.0).contains(&sample_rate_hz) {
            return Err(wrong("sample_rate", "1000 to 768000 Hz", rate_text));
        }
        let controls: Vec<ControlInfo> = match metadata.get("controls") {
            Some(text) => serde_json::from_str(text)
                .map_err(|e| wrong("controls", "a JSON list of controls", &e.to_string()))?,
            None => Vec::new(),
        };
        let mut ids = BTreeSet::new();
        for control in &controls {
            control.check()?;
            if !ids.insert(&control.id) {
                return Err(wrong("controls", "every id once", &control.id));
            }
        }
        if controls.len() > MAX_CONTROLS {
            return Err(wrong("controls", &format!("at most {MAX_CONTROLS}"), &controls.len().to_string()));
        }
        let redistribute = match metadata.get("redistribute").map(String::as_str) {
            None | Some("true") => true,
            Some("false") => false,
            Some(other) => return Err(wrong("redistribute", "true or false", other)),
        };
        Ok(Self {
            noun: noun.clone(),
            name: need("name", "the model's name")?.clone(),
            author: need("author", "who made the model")?.clone(),
            license: need("license", "an SPDX licence id")?.clone(),
            description: metadata.get("description").cloned().unwrap_or_default(),
            redistribute,
            sample_rate_hz,
            controls,
            metadata,
        })
    }
}

fn check_version(text: &str) -> Result<(), LoadError> {
    let parts: Vec<_> = text.split('.').map(str::parse::<u32>).collect();
    let supported = format!("{}.{}.{}", FORMAT_VERSION.0, FORMAT_VERSION.1, FORMAT_VERSION.2);
    match parts.as_slice() {
        [Ok(major), Ok(_), Ok(_)] if *major == FORMAT_VERSION.0 => Ok(()),
        [Ok(_), Ok(_), Ok(_)] => Err(LoadError::Version { found: text.into(), supported }),
        _ => Err(LoadError::Metadata {
            key: "format_version".into(),
            expected: format!("a version like {supported}"),
            found: text.chars().take(80).collect(),
        }),
    }
}

/// Walks the header's top level without keeping it: duplicate names, which JSON parsers swallow, and sheer number.
pub(super) fn check_header(header: &str) -> Result<(), LoadError> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("an object of tensors")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            let mut names = BTreeSet::new();
            while let Some(name) = map.next_key::<String>()? {
                map.next_value::<IgnoredAny>()?;
                if names.len() > MAX_TENSORS {
                    return Err(serde::de::Error::custom(format!("more than {MAX_TENSORS} tensors")));
                }
                if !names.insert(name.clone()) {
                    return Err(serde::de::Error::custom(format!("tensor `{name}` appears twice")));
                }
            }
            Ok(())
        }
    }
    let mut parser = serde_json::Deserializer::from_str(header);
    parser.deserialize_map(Names).map_err(|e| LoadError::NotSafetensors(format!("header: {e}")))
}
