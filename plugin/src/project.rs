//! What a project keeps of any instrument: its parameters by id, its model, its preset, its zoom.
use crate::models::ModelSlot;
use crate::ui::param::{AnyParam, ParamView};
use kernels::checkpoint::{ControlInfo, Curve, ModelInfo};
use nice_plug::plugin::{ParamValue, PluginState};
use nice_plug::prelude::*;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is no parameter.
#[derive(Params)]
pub struct Project {
    /// Which model plays.
    #[persist = "model"]
    pub model: Arc<ModelSlot>,
    /// Name of the preset that was loaded last.
    #[persist = "preset"]
    pub preset: Arc<Mutex<String>>,
    /// Zoom of the panel.
    #[persist = "zoom"]
    pub zoom: Arc<Mutex<f32>>,
}

impl Default for Project {
    fn default() -> Self {
        Self { model: Arc::default(), preset: Arc::default(), zoom: Arc::new(Mutex::new(1.0)) }
    }
}

/// One parameter in the list: id, the parameter, a sentence for its tooltip.
pub type Listed<'a> = (&'static str, &'a dyn AnyParam, &'static str);

/// The parameters of an instrument.
pub trait InstrumentParams: Params + Default {
    /// Every parameter, in the order of `docs/parameters.md`.
    fn list(&self) -> Vec<Listed<'_>>;

    /// What a project keeps beside them.
    fn project(&self) -> &Project;

    /// Views of all parameters, named and marked as the model wants them.
    fn views(&self, info: Option<&ModelInfo>) -> Vec<ParamView>;

    /// Parameters that move nothing but a control of the model, where the model would have them: id and 0..1.
    fn at_rest(&self, info: &ModelInfo) -> Vec<(&'static str, f32)>;

    /// Defaults of all parameters by id, as a saved state holds them.
    fn defaults() -> BTreeMap<String, ParamValue> {
        let params = Self::default();
        params.list().iter().map(|(id, param, _)| ((*id).to_string(), param.default_value())).collect()
    }

    /// Brings every value of a saved state into its parameter's range: a project may have been edited by hand.
    fn make_sane(state: &mut PluginState) {
        let params = Self::default();
        for (id, param, _) in params.list() {
            if let Some(value) = state.params.get_mut(id) {
                *value = param.sane_value(value);
            }
        }
    }
}

/// Shows a 0..1 parameter as the model's control that it moves: name, value in its unit, trained span.
pub fn dress(view: &mut ParamView, control: &ControlInfo) {
    view.name = control.name.clone();
    let value = plain(control, view.value);
    view.text = match (control.steps, value) {
        (Some(2), v) if v == control.min => "Off".into(),
        (Some(2), v) if v == control.max => "On".into(),
        (_, v) => format!("{v:.2} {}", control.unit).trim_end().into(),
    };
}

/// A knob's 0..1 as a value in the control's unit.
pub fn plain(control: &ControlInfo, share: f32) -> f32 {
    match control.curve {
        Curve::Linear => control.min + (control.max - control.min) * share,
        Curve::Log => control.min * (control.max / control.min).powf(share),
    }
}

/// The other way round: where a knob stands for a value in the control's unit.
pub fn share(control: &ControlInfo, value: f32) -> f32 {
    let share = match control.curve {
        Curve::Linear => (value - control.min) / (control.max - control.min),
        Curve::Log => (value / control.min).ln() / (control.max / control.min).ln(),
    };
    if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
}

/// Slots beside the model's defaults of the controls that they move.
pub fn slots_at_rest(
    info: &ModelInfo,
    slots: &[&'static str],
    places: impl Iterator<Item = usize>,
) -> Vec<(&'static str, f32)> {
    let default = |place: usize| share(&info.controls[place], info.controls[place].default);
    slots.iter().zip(places).map(|(slot, place)| (*slot, default(place))).collect()
}

/// A share as percents.
pub fn percent(name: &str, default: f32) -> FloatParam {
    FloatParam::new(name, default, FloatRange::Linear { min: 0.0, max: 1.0 })
        .with_unit(" %")
        .with_value_to_string(formatters::v2s_f32_percentage(0))
        .with_string_to_value(formatters::s2v_f32_percentage())
}

/// A share of either sign as percents.
pub fn amount(name: &str, default: f32) -> FloatParam {
    FloatParam::new(name, default, FloatRange::Linear { min: -1.0, max: 1.0 })
        .with_unit(" %")
        .with_value_to_string(formatters::v2s_f32_percentage(0))
        .with_string_to_value(formatters::s2v_f32_percentage())
}

/// A parameter whose text has so many digits and a unit, which may be left out or follow a decimal comma when typed.
pub fn with_unit(param: FloatParam, digits: usize, unit: &'static str) -> FloatParam {
    param
        .with_value_to_string(formatters::v2s_f32_rounded(digits))
        .with_string_to_value(Arc::new(move |text| {
            text.trim().trim_end_matches(unit.trim()).trim().replace(',', ".").parse().ok()
        }))
        .with_unit(unit)
}

/// A gain of -24 to 24 dB.
pub fn decibels(name: &str) -> FloatParam {
    let range = FloatRange::Linear { min: -24.0, max: 24.0 };
    with_unit(FloatParam::new(name, 0.0, range).with_step_size(0.1), 1, " dB")
}

/// A time in milliseconds from 0 to `max`, with most of the knob for the short ones.
pub fn milliseconds(name: &str, default: f32, max: f32) -> FloatParam {
    let range = FloatRange::Skewed { min: 0.0, max, factor: FloatRange::skew_factor(-2.0) };
    with_unit(FloatParam::new(name, default, range), 0, " ms")
}
