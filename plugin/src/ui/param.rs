//! A parameter as a widget sees it, and what a widget does to it.
use nice_plug::plugin::ParamValue;
use nice_plug::prelude::{BoolParam, Enum, EnumParam, FloatParam, IntParam, Param, ParamSetter};

/// Steps up to which a parameter is a switch with named positions.
const MOST_CHOICES: usize = 16;

/// One parameter at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamView {
    /// Stable id.
    pub id: &'static str,
    /// Name on the panel.
    pub name: String,
    /// One sentence for the tooltip.
    pub help: &'static str,
    /// Value, 0..1.
    pub value: f32,
    /// Value of a fresh instance, 0..1.
    pub default: f32,
    /// Where its arc begins, 0..1: at 0 for a value of either sign, otherwise at the low end.
    pub origin: f32,
    /// Value as text, with its unit.
    pub text: String,
    /// Texts of all positions of a switch; empty for a continuous parameter.
    pub choices: Vec<String>,
    /// Span that the model was trained on, 0..1.
    pub trained: Option<(f32, f32)>,
}

/// What the user did to a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Gesture {
    /// Took hold of it.
    Begin,
    /// Moved it, 0..1.
    Set(f32),
    /// Let it go.
    End,
    /// Typed a value.
    Type(String),
    /// Asked for the default.
    Reset,
}

/// A gesture and the id of the parameter it means.
pub type Edit = (&'static str, Gesture);

/// A parameter of any kind, for lists.
pub trait AnyParam {
    /// The parameter as it stands.
    fn view(&self, id: &'static str, help: &'static str) -> ParamView;

    /// Its default as a saved state holds it.
    fn default_value(&self) -> ParamValue;

    /// What a saved state says of it, brought into its range; of the wrong kind or not a number, its default.
    fn sane_value(&self, value: &ParamValue) -> ParamValue;

    /// Carries a gesture out and tells the host.
    fn apply(&self, setter: &ParamSetter, gesture: &Gesture);
}

impl AnyParam for FloatParam {
    fn view(&self, id: &'static str, help: &'static str) -> ParamView {
        let origin = if self.preview_plain(0.0) < 0.0 { self.preview_normalized(0.0) } else { 0.0 };
        ParamView { origin, ..view(self, id, help) }
    }

    fn default_value(&self) -> ParamValue {
        ParamValue::F32(self.default_plain_value())
    }

    fn sane_value(&self, value: &ParamValue) -> ParamValue {
        match value {
            ParamValue::F32(v) if !v.is_nan() => {
                ParamValue::F32(v.clamp(self.preview_plain(0.0), self.preview_plain(1.0)))
            }
            _ => self.default_value(),
        }
    }

    fn apply(&self, setter: &ParamSetter, gesture: &Gesture) {
        apply(self, setter, gesture);
    }
}

impl AnyParam for IntParam {
    fn view(&self, id: &'static str, help: &'static str) -> ParamView {
        view(self, id, help)
    }

    fn default_value(&self) -> ParamValue {
        ParamValue::I32(self.default_plain_value())
    }

    fn sane_value(&self, value: &ParamValue) -> ParamValue {
        match value {
            ParamValue::I32(v) => ParamValue::I32((*v).clamp(self.preview_plain(0.0), self.preview_plain(1.0))),
            _ => self.default_value(),
        }
    }

    fn apply(&self, setter: &ParamSetter, gesture: &Gesture) {
        apply(self, setter, gesture);
    }
}

impl AnyParam for BoolParam {
    fn view(&self, id: &'static str, help: &'static str) -> ParamView {
        view(self, id, help)
    }

    fn default_value(&self) -> ParamValue {
        ParamValue::Bool(self.default_plain_value())
    }

    fn sane_value(&self, value: &ParamValue) -> ParamValue {
        match value {
            ParamValue::Bool(v) => ParamValue::Bool(*v),
            _ => self.default_value(),
        }
    }

    fn apply(&self, setter: &ParamSetter, gesture: &Gesture) {
        apply(self, setter, gesture);
    }
}

impl<T: Enum + PartialEq + 'static> AnyParam for EnumParam<T> {
    fn view(&self, id: &'static str, help: &'static str) -> ParamView {
        view(self, id, help)
    }

    fn default_value(&self) -> ParamValue {
        let index = self.default_plain_value().to_index();
        match T::ids().and_then(|ids| ids.get(index)) {
            Some(id) => ParamValue::String((*id).into()),
            None => ParamValue::I32(index as i32),
        }
    }

    fn sane_value(&self, value: &ParamValue) -> ParamValue {
        match value {
            ParamValue::String(id) if T::ids().is_some_and(|ids| ids.contains(&id.as_str())) => {
                ParamValue::String(id.clone())
            }
            _ => self.default_value(),
        }
    }

    fn apply(&self, setter: &ParamSetter, gesture: &Gesture) {
        apply(self, setter, gesture);
    }
}

fn view<P: Param>(param: &P, id: &'static str, help: &'static str) -> ParamView {
    let value = param.unmodulated_normalized_value();
    let named = param.step_count().filter(|steps| *steps <= MOST_CHOICES);
    ParamView {
        id,
        name: param.name().into(),
        help,
        value,
        default: param.default_normalized_value(),
        origin: 0.0,
        text: param.normalized_value_to_string(value, true),
        choices: named.map_or(Vec::new(), |steps| {
            (0..=steps).map(|k| param.normalized_value_to_string(k as f32 / steps as f32, false)).collect()
        }),
        trained: None,
    }
}

fn apply<P: Param>(param: &P, setter: &ParamSetter, gesture: &Gesture) {
    let whole = |value| {
        setter.begin_set_parameter(param);
        setter.set_parameter_normalized(param, value);
        setter.end_set_parameter(param);
    };
    match gesture {
        Gesture::Begin => setter.begin_set_parameter(param),
        Gesture::Set(value) => setter.set_parameter_normalized(param, *value),
        Gesture::End => setter.end_set_parameter(param),
        Gesture::Reset => whole(param.default_normalized_value()),
        Gesture::Type(text) => {
            if let Some(value) = param.string_to_normalized_value(text).filter(|v| v.is_finite()) {
                whole(value);
            }
        }
    }
}
