//! Presets: settings under a name, as text; factory ones built in, the user's in a folder.
use nice_plug::plugin::{ParamValue, PluginState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One preset, as its JSON file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preset {
    /// Name in the list.
    pub name: String,
    /// Who made it.
    #[serde(default)]
    pub author: String,
    /// Shelf: Slow, Fast, Vibe, Stereo, Extreme.
    #[serde(default)]
    pub category: String,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Id of the plug-in it belongs to.
    pub plugin: String,
    /// Version of the plug-in that wrote it.
    #[serde(default)]
    pub version: String,
    /// Name of the model that it was made for; none: it is for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Plain values by parameter id, as the plug-in's state keeps them; what is not named keeps its default.
    pub params: BTreeMap<String, serde_json::Value>,
}

impl Preset {
    /// From its file's text, for a plug-in.
    pub fn parse(text: &str, plugin: &str) -> Result<Self, String> {
        let preset: Self = serde_json::from_str(text).map_err(|e| format!("not a preset: {e}"))?;
        if preset.plugin != plugin {
            return Err(format!("a preset of `{}`, expected one of `{plugin}`", preset.plugin));
        }
        Ok(preset)
    }

    /// The settings of a state under a name, for a model of that name.
    pub fn of(name: &str, plugin: &str, model: Option<String>, state: &PluginState) -> Self {
        let params = state.params.iter().map(|(id, value)| (id.clone(), json(value))).collect();
        Self {
            name: name.into(),
            author: String::new(),
            category: "User".into(),
            tags: Vec::new(),
            plugin: plugin.into(),
            version: state.version.clone(),
            model,
            params,
        }
    }

    /// Lays the preset over a state: its parameters, and the defaults of all others. Values of the wrong kind are left out.
    pub fn apply(&self, defaults: &BTreeMap<String, ParamValue>, state: &mut PluginState) {
        for (id, default) in defaults {
            let value = self.params.get(id).and_then(|value| same_kind(default, value));
            state.params.insert(id.clone(), value.unwrap_or_else(|| default.clone()));
        }
        state.fields.insert("preset".into(), serde_json::Value::from(self.name.as_str()).to_string());
    }
}

/// Holds a text of the factory's to its instrument: it parses, and every value that it names becomes a parameter's unchanged.
#[cfg(test)]
pub fn assert_loads_whole(text: &str, plugin: &str, defaults: &BTreeMap<String, ParamValue>) -> Preset {
    let preset = Preset::parse(text, plugin).unwrap();
    assert!(!preset.name.is_empty() && !preset.category.is_empty(), "{}", preset.name);
    let mut state = PluginState { version: String::new(), params: BTreeMap::new(), fields: BTreeMap::new() };
    preset.apply(defaults, &mut state);
    assert_eq!(state.params.len(), defaults.len(), "{}", preset.name);
    let written = Preset::of(&preset.name, plugin, None, &state);
    for (id, value) in &preset.params {
        let found = written.params.get(id).unwrap_or_else(|| panic!("{}: `{id}` is no parameter", preset.name));
        let same = match (found.as_f64(), value.as_f64()) {
            (Some(found), Some(value)) => (found - value).abs() <= 1e-6 * value.abs().max(1.0),
            _ => found == value,
        };
        assert!(same, "{}: `{id}` = {value} became {found}", preset.name);
    }
    preset
}

fn json(value: &ParamValue) -> serde_json::Value {
    match value {
        ParamValue::F32(v) => (*v).into(),
        ParamValue::I32(v) => (*v).into(),
        ParamValue::Bool(v) => (*v).into(),
        ParamValue::String(v) => v.as_str().into(),
    }
}

fn same_kind(kind: &ParamValue, value: &serde_json::Value) -> Option<ParamValue> {
    Some(match kind {
        ParamValue::F32(_) => ParamValue::F32(value.as_f64().filter(|v| v.is_finite())? as f32),
        ParamValue::I32(_) => ParamValue::I32(i32::try_from(value.as_i64()?).ok()?),
        ParamValue::Bool(_) => ParamValue::Bool(value.as_bool()?),
        ParamValue::String(_) => ParamValue::String(value.as_str()?.into()),
    })
}

/// All presets of one instrument.
pub struct Presets {
    plugin: &'static str,
    /// Factory ones first.
    all: Vec<Preset>,
    /// Documents/Doppel/Presets/<noun>.
    folder: Option<PathBuf>,
}

impl Presets {
    /// Those built in and those in the user's folder; files that are no presets are passed over.
    pub fn new(noun: &str, plugin: &'static str, factory: &[&str]) -> Self {
        let folder = dirs::document_dir().map(|documents| documents.join("Doppel/Presets").join(noun));
        let mut all: Vec<Preset> = factory.iter().filter_map(|text| Preset::parse(text, plugin).ok()).collect();
        let mut files: Vec<PathBuf> = folder
            .iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .collect();
        files.sort();
        all.extend(files.iter().filter_map(|p| Preset::parse(&std::fs::read_to_string(p).ok()?, plugin).ok()));
        Self { plugin, all, folder }
    }

    /// All presets, factory ones first.
    pub fn all(&self) -> &[Preset] {
        &self.all
    }

    /// Keeps a state, and the name of the model that plays it, as a preset of the user's.
    pub fn save(&mut self, name: &str, model: Option<String>, state: &PluginState) -> Result<(), String> {
        let folder = self.folder.as_ref().ok_or("the system names no documents folder to keep presets in")?;
        let preset = Preset::of(name, self.plugin, model, state);
        let file: String =
            name.chars().map(|c| if c.is_alphanumeric() || " -_".contains(c) { c } else { '_' }).collect();
        let path = folder.join(file).with_extension("json");
        let what = |e: std::io::Error| format!("{}: {e}", path.display());
        std::fs::create_dir_all(folder).map_err(what)?;
        let partial = path.with_extension("partial");
        let text = serde_json::to_string_pretty(&preset).map_err(|e| e.to_string())?;
        std::fs::write(&partial, text).map_err(what)?;
        std::fs::rename(&partial, &path).map_err(what)?;
        self.all.retain(|other| other.name != name || other.category != "User");
        self.all.push(preset);
        Ok(())
    }
}
