//! Parameters of Doppel Sound Model: ids are frozen, `docs/parameters.md` lists them.
use crate::playing::PlayingParams;
use crate::project::{
    InstrumentParams, Listed, Project, amount, dress, percent, plain, share, slots_at_rest, with_unit,
};
use crate::ui::param::ParamView;
use kernels::checkpoint::ModelInfo;
use kernels::sound_model::engine::{Controls, Outside, best_temperature};
use kernels::sound_model::{MAX_TEMPERATURE, MAX_VOICES};
use nice_plug::prelude::*;

/// Timbres that have a parameter.
pub const TIMBRES: usize = 6;
/// Ids of the parameters that a model's timbres take: its controls without pitch and amplitude, in the file's order.
pub const SLOTS: [&str; TIMBRES] = ["ctl1", "ctl2", "ctl3", "ctl4", "ctl5", "ctl6"];
/// Ids of the controls that the notes play.
const PLAYED: [&str; 3] = ["pitch", "amplitude", "a"];
/// Temperature at which the first factory model plays best.
const FIRST_TEMPERATURE: f32 = 0.7;
/// Voices of a fresh instance.
const VOICES: usize = 8;

/// What becomes of a note that the model was not trained on.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutsideChoice {
    /// The nearest trained pitch is read faster or slower.
    #[id = "transpose"]
    Transpose,
    /// The same note in a trained octave.
    #[id = "fold"]
    Fold,
    /// The nearest trained pitch.
    #[id = "clamp"]
    Clamp,
}

/// The model's own knobs.
#[derive(Params)]
pub struct TimbreParams {
    /// First timbre of the model, 0..1 of its range.
    #[id = "ctl1"]
    pub control_1: FloatParam,
    /// Second timbre.
    #[id = "ctl2"]
    pub control_2: FloatParam,
    /// Third timbre.
    #[id = "ctl3"]
    pub control_3: FloatParam,
    /// Fourth timbre.
    #[id = "ctl4"]
    pub control_4: FloatParam,
    /// Fifth timbre.
    #[id = "ctl5"]
    pub control_5: FloatParam,
    /// Sixth timbre.
    #[id = "ctl6"]
    pub control_6: FloatParam,
}

impl TimbreParams {
    fn slots(&self) -> [&FloatParam; TIMBRES] {
        [&self.control_1, &self.control_2, &self.control_3, &self.control_4, &self.control_5, &self.control_6]
    }
}

/// How the next sample is drawn.
#[derive(Params)]
pub struct ChanceParams {
    /// 1 is as trained, 0 the most probable always.
    #[id = "temp"]
    pub temperature: FloatParam,
    /// So many of the most probable levels are drawn from.
    #[id = "top_k"]
    pub top_k: IntParam,
    /// What becomes of a note that the model was not trained on.
    #[id = "outside"]
    pub outside: EnumParam<OutsideChoice>,
}

/// What a player's expressions move.
#[derive(Params)]
pub struct ExpressionParams {
    /// How far the velocity moves the first timbre, -1..1 of its range.
    #[id = "vel_tim"]
    pub velocity: FloatParam,
    /// How far slide moves it.
    #[id = "slide_tim"]
    pub slide: FloatParam,
    /// How far pressure moves the second timbre.
    #[id = "press_tim"]
    pub pressure: FloatParam,
    /// Depth of the vibrato at the modulation wheel's end, semitones.
    #[id = "vibrato"]
    pub vibrato: FloatParam,
}

/// All parameters, and what else a project keeps.
#[derive(Params)]
pub struct SoundModelParams {
    /// The model's own knobs.
    #[nested(group = "Timbre")]
    pub timbre: TimbreParams,
    /// How the next sample is drawn.
    #[nested(group = "Chance")]
    pub chance: ChanceParams,
    /// What expressions move.
    #[nested(group = "Expression")]
    pub expression: ExpressionParams,
    /// Notes and level.
    #[nested]
    pub playing: PlayingParams,
    /// Model, preset, zoom.
    #[nested]
    pub project: Project,
}

impl Default for SoundModelParams {
    fn default() -> Self {
        let slot = |k: u32| percent(&format!("Timbre {}", k + 1), 0.5).with_poly_modulation_id(k);
        let semitones = FloatRange::Skewed { min: 0.0, max: 12.0, factor: FloatRange::skew_factor(-2.0) };
        let temperature = FloatRange::Linear { min: 0.0, max: MAX_TEMPERATURE };
        let top_k = IntRange::Linear { min: 1, max: 256 };
        Self {
            timbre: TimbreParams {
                control_1: slot(0),
                control_2: slot(1),
                control_3: slot(2),
                control_4: slot(3),
                control_5: slot(4),
                control_6: slot(5),
            },
            chance: ChanceParams {
                temperature: with_unit(FloatParam::new("Temperature", FIRST_TEMPERATURE, temperature), 2, ""),
                top_k: IntParam::new("Top k", 256, top_k),
                outside: EnumParam::new("Outside", OutsideChoice::Transpose),
            },
            expression: ExpressionParams {
                velocity: amount("Velocity timbre", 0.0),
                slide: amount("Slide timbre", 1.0),
                pressure: amount("Pressure timbre", 0.5),
                vibrato: with_unit(FloatParam::new("Vibrato", 0.5, semitones), 2, " st"),
            },
            playing: PlayingParams::new(VOICES, MAX_VOICES),
            project: Project::default(),
        }
    }
}

impl InstrumentParams for SoundModelParams {
    fn list(&self) -> Vec<Listed<'_>> {
        const SLOT: &str = "A timbre that the model declares; the arc shows what it was trained on.";
        let (chance, expression) = (&self.chance, &self.expression);
        let mut list: Vec<Listed<'_>> =
            SLOTS.iter().zip(self.timbre.slots()).map(|(id, param)| (*id, param as _, SLOT)).collect();
        list.extend::<[Listed<'_>; 7]>([
            ("temp", &chance.temperature, "1 draws samples as probable as in training; less is calmer and purer, 0 never surprises."),
            ("top_k", &chance.top_k, "Draws from so many of the most probable levels only: fewer is cleaner, 256 is all."),
            (
                "outside",
                &chance.outside,
                "Notes that the model was not trained on: transposed from the nearest, folded by octaves, or held at the nearest.",
            ),
            ("vel_tim", &expression.velocity, "How far a note's velocity moves the first timbre, to both sides of the middle."),
            ("slide_tim", &expression.slide, "How far slide (MPE, controller 74) moves the first timbre."),
            ("press_tim", &expression.pressure, "How far pressure moves the second timbre."),
            ("vibrato", &expression.vibrato, "Depth of the vibrato at the end of the modulation wheel."),
        ]);
        list.extend(self.playing.list());
        list
    }

    fn project(&self) -> &Project {
        &self.project
    }

    fn at_rest(&self, info: &ModelInfo) -> Vec<(&'static str, f32)> {
        let mut values = slots_at_rest(info, &SLOTS, places(info));
        values.push(("temp", best_temperature(info) / MAX_TEMPERATURE));
        values
    }

    fn views(&self, info: Option<&ModelInfo>) -> Vec<ParamView> {
        let mut views: Vec<ParamView> = self.list().iter().map(|(id, param, help)| param.view(id, help)).collect();
        let Some(info) = info else { return views };
        for (view, place) in views.iter_mut().zip(places(info)) {
            let control = &info.controls[place];
            dress(view, control);
            view.trained = Some((share(control, control.trained_min), share(control, control.trained_max)));
        }
        views
    }
}

/// Places in the file of the timbres that have a parameter.
pub fn places(info: &ModelInfo) -> impl Iterator<Item = usize> {
    let timbres = info.controls.iter().enumerate().filter(|(_, control)| !PLAYED.contains(&control.id.as_str()));
    timbres.map(|(place, _)| place).take(TIMBRES)
}

/// Places in the file of the pad's two axes: the first two timbres, or one timbre and the pitch where there is no second.
pub fn axes(info: &ModelInfo) -> [Option<usize>; 2] {
    let mut places = places(info);
    [places.next(), places.next().or_else(|| info.control("pitch").map(|(place, _)| place))]
}

/// The kernel's number of what a poly modulation id moves: timbres are counted alike on both sides.
pub fn modulated(info: &ModelInfo, id: u32) -> Option<u32> {
    places(info).nth(id as usize).map(|_| id)
}

impl SoundModelParams {
    /// The parameters as the engine takes them; `free_seed` stands in for a seed that is free.
    pub fn controls(&self, info: &ModelInfo, free_seed: u64) -> Controls {
        let (chance, expression, playing) = (&self.chance, &self.expression, &self.playing);
        let mut controls = Controls::new(info);
        for (place, slot) in places(info).zip(self.timbre.slots()) {
            controls.values[place] = plain(&info.controls[place], slot.value());
        }
        controls.playing = playing.controls();
        controls.playing.velocity_to_timbre = expression.velocity.value();
        Controls {
            slide_to_timbre: expression.slide.value(),
            pressure_to_timbre: expression.pressure.value(),
            vibrato_semitones: expression.vibrato.value(),
            temperature: chance.temperature.value(),
            top_k: chance.top_k.value() as usize,
            level: playing.level(),
            outside: match chance.outside.value() {
                OutsideChoice::Transpose => Outside::Transpose,
                OutsideChoice::Fold => Outside::Fold,
                OutsideChoice::Clamp => Outside::Clamp,
            },
            seed: playing.seed().unwrap_or(free_seed),
            ..controls
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound_model::FACTORY_MODELS;
    use kernels::sound_model::SoundModel;

    #[test]
    fn timbres_are_the_models_controls_without_those_that_notes_play() {
        let info = SoundModel::load(FACTORY_MODELS[0].1).unwrap().info().clone();
        let timbres: Vec<usize> = places(&info).collect();
        assert!(!timbres.is_empty() && timbres.iter().all(|place| info.controls[*place].id != "pitch"));
        assert_eq!((modulated(&info, 0), modulated(&info, 77)), (Some(0), None));
        let views = SoundModelParams::default().views(Some(&info));
        assert_eq!(views[0].name, info.controls[timbres[0]].name);
    }

    #[test]
    fn every_id_is_listed_once_and_known_to_the_framework() {
        let params = SoundModelParams::default();
        let mut listed: Vec<&str> = params.list().iter().map(|(id, ..)| *id).collect();
        let mut known: Vec<String> = params.param_map().into_iter().map(|(id, ..)| id).collect();
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!(listed, known);
    }
}
