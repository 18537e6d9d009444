//! What a model file says of itself: its metadata, checked.
use super::{FORMAT_VERSION, LoadError, shown};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The four instruments.
const NOUNS: [&str; 4] = ["phaser", "sound_model", "wavetable", "modulation"];
/// Most controls that a model may declare.
const MAX_CONTROLS: usize = 8;
/// Least length of a trained span, in the control's unit or its logarithm: below it a value's place in it is rounding.
const MIN_SPAN: f32 = 1e-6;
/// Longest name, author and licence, in bytes: they stand on one line.
const MAX_LINE: usize = 200;
/// Longest description, in bytes.
const MAX_DESCRIPTION: usize = 8 << 10;

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
    /// The MIDI note that a value of a pitch control means, which counts in Hz or in notes.
    pub fn midi_note(&self, value: f32) -> f32 {
        // The least frequency here lies below all notes.
        let note = if self.is_in_hz() { 69.0 + 12.0 * (value.max(1.0) / 440.0).log2() } else { value };
        note.clamp(0.0, 127.0)
    }

    /// Does a pitch control count in Hz?
    pub fn is_in_hz(&self) -> bool {
        self.unit.eq_ignore_ascii_case("hz")
    }

    /// The value as the network sees it: -1 and 1 are the ends of the trained span, beyond which nothing goes.
    pub fn normalised(&self, value: f32) -> f32 {
        let low = self.bend(self.trained_min);
        2.0 * (self.bend(value.clamp(self.trained_min, self.trained_max)) - low) / self.trained_span() - 1.0
    }

    /// The value of which -1..1 is what the network sees: the way back of [`Self::normalised`].
    pub fn value(&self, seen: f32) -> f32 {
        let bent = self.bend(self.trained_min) + 0.5 * (seen.clamp(-1.0, 1.0) + 1.0) * self.trained_span();
        let value = if self.curve == Curve::Log { bent.exp() } else { bent };
        value.clamp(self.trained_min, self.trained_max)
    }

    /// What the network sees of a value that is moved by a share of the control's range, -1..1; it stops at the ends of the trained span.
    pub fn normalised_with_offset(&self, value: f32, share: f32) -> f32 {
        let range = self.bend(self.max) - self.bend(self.min);
        let moved = self.bend(value.clamp(self.min, self.max)) + share * range;
        (2.0 * (moved - self.bend(self.trained_min)) / self.trained_span() - 1.0).clamp(-1.0, 1.0)
    }

    fn bend(&self, value: f32) -> f32 {
        if self.curve == Curve::Log { value.ln() } else { value }
    }

    fn trained_span(&self) -> f32 {
        self.bend(self.trained_max) - self.bend(self.trained_min)
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
        } else if !(MIN_SPAN..=f32::MAX / 4.0).contains(&self.trained_span()) {
            "the ends of the trained span apart, and not by more than numbers reach"
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
            found: shown(found),
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
            Some(text) => {
                serde_json::from_str(text).map_err(|e| wrong("controls", "a JSON list of controls", &e.to_string()))?
            }
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
        let line = |key: &str, expected: &str| {
            let text = need(key, expected)?;
            let short = text.len() <= MAX_LINE;
            if short {
                Ok(text.clone())
            } else {
                Err(wrong(key, &format!("{expected}, at most {MAX_LINE} bytes"), text))
            }
        };
        let description = metadata.get("description").cloned().unwrap_or_default();
        if description.len() > MAX_DESCRIPTION {
            return Err(wrong("description", &format!("at most {MAX_DESCRIPTION} bytes"), &description));
        }
        Ok(Self {
            noun: noun.clone(),
            name: line("name", "the model's name")?,
            author: line("author", "who made the model")?,
            license: line("license", "an SPDX licence id")?,
            description,
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
        [Ok(_), Ok(_), Ok(_)] => Err(LoadError::Version { found: shown(text), supported }),
        _ => Err(LoadError::Metadata {
            key: "format_version".into(),
            expected: format!("a version like {supported}"),
            found: shown(text),
        }),
    }
}
