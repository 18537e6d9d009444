//! Parameters of Doppel Wavetable: ids are frozen, `docs/parameters.md` lists them.
use crate::playing::PlayingParams;
use crate::project::{
    InstrumentParams, Listed, Project, amount, dress, milliseconds, percent, plain, share, slots_at_rest, with_unit,
};
use crate::ui::param::ParamView;
use kernels::checkpoint::ModelInfo;
use kernels::voices::Adsr;
use kernels::wavetable::engine::MAX_VOICES;
use kernels::wavetable::knobs::{CUTOFF_HZ, FilterKnobs, Knobs, Route, modulation};
use kernels::wavetable::{MAX_CONTROLS, Unison};
use nice_plug::prelude::*;

/// Ids of the parameters that a model's controls take, all but its pitch, in the file's order.
pub const SLOTS: [&str; MAX_CONTROLS] = ["ctl1", "ctl2", "ctl3", "ctl4", "ctl5", "ctl6", "ctl7", "ctl8"];
/// Where the first factory model has its controls: a fresh instance plays what that file calls its default.
const FIRST_MODEL: [f32; 3] = [0.5, 0.625, 9.0 / 35.0];
/// Voices of a fresh instance.
const VOICES: usize = 16;
/// Octaves that the cutoff moves by a source at 100 %.
const CUTOFF_OCTAVES: f32 = 5.0;
/// Poly modulation ids of cutoff and resonance; those before are the slots'.
const CUTOFF_ID: u32 = MAX_CONTROLS as u32;
const RESONANCE_ID: u32 = CUTOFF_ID + 1;

/// What a player's expression moves.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing.
    #[id = "none"]
    None,
    /// The first slot.
    #[id = "ctl1"]
    #[name = "Control 1"]
    Control1,
    /// The second slot.
    #[id = "ctl2"]
    #[name = "Control 2"]
    Control2,
    /// The third slot.
    #[id = "ctl3"]
    #[name = "Control 3"]
    Control3,
    /// The fourth slot.
    #[id = "ctl4"]
    #[name = "Control 4"]
    Control4,
    /// The filter's cutoff.
    #[id = "cutoff"]
    Cutoff,
}

/// The knobs of the model.
#[derive(Params)]
pub struct TimbreParams {
    /// First control of the model, 0..1 of its range.
    #[id = "ctl1"]
    pub control_1: FloatParam,
    /// Second control.
    #[id = "ctl2"]
    pub control_2: FloatParam,
    /// Third control.
    #[id = "ctl3"]
    pub control_3: FloatParam,
    /// Fourth control.
    #[id = "ctl4"]
    pub control_4: FloatParam,
    /// Fifth control.
    #[id = "ctl5"]
    pub control_5: FloatParam,
    /// Sixth control.
    #[id = "ctl6"]
    pub control_6: FloatParam,
    /// Seventh control.
    #[id = "ctl7"]
    pub control_7: FloatParam,
    /// Eighth control.
    #[id = "ctl8"]
    pub control_8: FloatParam,
}

impl TimbreParams {
    fn slots(&self) -> [&FloatParam; MAX_CONTROLS] {
        [
            &self.control_1,
            &self.control_2,
            &self.control_3,
            &self.control_4,
            &self.control_5,
            &self.control_6,
            &self.control_7,
            &self.control_8,
        ]
    }
}

/// Copies of a note.
#[derive(Params)]
pub struct UnisonParams {
    /// Detuned copies of each note.
    #[id = "unison"]
    pub copies: IntParam,
    /// The outermost copies' distance, cents.
    #[id = "detune"]
    pub detune: FloatParam,
    /// How far they stand apart between the loudspeakers, 0..1.
    #[id = "spread"]
    pub spread: FloatParam,
    /// Level of the octave below, 0..1.
    #[id = "sub"]
    pub sub: FloatParam,
    /// Does every note begin at the same phase?
    #[id = "retrigger"]
    pub retrigger: BoolParam,
}

/// What stands behind the oscillator.
#[derive(Params)]
pub struct FilterParams {
    /// Cutoff of middle C at rest, Hz.
    #[id = "cutoff"]
    pub cutoff: FloatParam,
    /// Resonance, 0..1.
    #[id = "resonance"]
    pub resonance: FloatParam,
    /// How far the cutoff follows the pitch, 0..1.
    #[id = "keytrack"]
    pub keytrack: FloatParam,
    /// How far the filter's envelope moves the cutoff, octaves.
    #[id = "filter_env"]
    pub envelope: FloatParam,
    /// Attack of that envelope, ms.
    #[id = "f_attack"]
    pub attack: FloatParam,
    /// Decay of it, ms.
    #[id = "f_decay"]
    pub decay: FloatParam,
    /// Sustain of it, 0..1.
    #[id = "f_sustain"]
    pub sustain: FloatParam,
    /// Release of it, ms.
    #[id = "f_release"]
    pub release: FloatParam,
    /// Share of the sound that goes through the violin's body, 0..1.
    #[id = "body"]
    pub body: FloatParam,
}

/// What a player's expressions move, and how far.
#[derive(Params)]
pub struct ExpressionParams {
    /// What the velocity moves.
    #[id = "vel_to"]
    pub velocity_to: EnumParam<Target>,
    /// How far, -1..1 of its range.
    #[id = "vel_amt"]
    pub velocity: FloatParam,
    /// What pressure moves.
    #[id = "press_to"]
    pub pressure_to: EnumParam<Target>,
    /// How far.
    #[id = "press_amt"]
    pub pressure: FloatParam,
    /// What slide (MPE, controller 74) moves.
    #[id = "slide_to"]
    pub slide_to: EnumParam<Target>,
    /// How far.
    #[id = "slide_amt"]
    pub slide: FloatParam,
    /// What the modulation wheel moves.
    #[id = "wheel_to"]
    pub wheel_to: EnumParam<Target>,
    /// How far.
    #[id = "wheel_amt"]
    pub wheel: FloatParam,
}

/// All parameters, and what else a project keeps.
#[derive(Params)]
pub struct WavetableParams {
    /// The knobs of the model.
    #[nested(group = "Timbre")]
    pub timbre: TimbreParams,
    /// Copies of a note.
    #[nested(group = "Unison")]
    pub unison: UnisonParams,
    /// The filter and the body.
    #[nested(group = "Filter")]
    pub filter: FilterParams,
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

impl Default for WavetableParams {
    fn default() -> Self {
        let slot = |k: u32| {
            let default = FIRST_MODEL.get(k as usize).copied().unwrap_or(0.5);
            percent(&format!("Control {}", k + 1), default).with_poly_modulation_id(k)
        };
        let cutoff = FloatRange::Skewed { min: CUTOFF_HZ[0], max: CUTOFF_HZ[1], factor: FloatRange::skew_factor(-2.5) };
        let octaves = FloatRange::Linear { min: -8.0, max: 8.0 };
        let cents = FloatRange::Skewed { min: 0.0, max: 100.0, factor: FloatRange::skew_factor(-1.0) };
        let target = |name: &str, target| EnumParam::new(name, target);
        Self {
            timbre: TimbreParams {
                control_1: slot(0),
                control_2: slot(1),
                control_3: slot(2),
                control_4: slot(3),
                control_5: slot(4),
                control_6: slot(5),
                control_7: slot(6),
                control_8: slot(7),
            },
            unison: UnisonParams {
                copies: IntParam::new("Unison", 1, IntRange::Linear { min: 1, max: 8 }),
                detune: with_unit(FloatParam::new("Detune", 12.0, cents), 1, " ct"),
                spread: percent("Spread", 0.5),
                sub: percent("Sub", 0.0),
                retrigger: BoolParam::new("Retrigger", true),
            },
            filter: FilterParams {
                cutoff: with_unit(FloatParam::new("Cutoff", CUTOFF_HZ[1], cutoff), 0, " Hz")
                    .with_poly_modulation_id(CUTOFF_ID),
                resonance: percent("Resonance", 0.0).with_poly_modulation_id(RESONANCE_ID),
                keytrack: percent("Key track", 0.0),
                envelope: with_unit(FloatParam::new("Filter env", 0.0, octaves), 1, " oct"),
                attack: milliseconds("F attack", 2.0, 10_000.0),
                decay: milliseconds("F decay", 300.0, 10_000.0),
                sustain: percent("F sustain", 0.0),
                release: milliseconds("F release", 150.0, 20_000.0),
                body: percent("Body", 0.0),
            },
            expression: ExpressionParams {
                velocity_to: target("Velocity to", Target::None),
                velocity: amount("Velocity amount", 0.0),
                pressure_to: target("Pressure to", Target::Control2),
                pressure: amount("Pressure amount", 0.5),
                slide_to: target("Slide to", Target::Control3),
                slide: amount("Slide amount", 0.5),
                wheel_to: target("Wheel to", Target::Control1),
                wheel: amount("Wheel amount", 0.5),
            },
            playing: PlayingParams::new(VOICES, MAX_VOICES),
            project: Project::default(),
        }
    }
}

impl InstrumentParams for WavetableParams {
    fn list(&self) -> Vec<Listed<'_>> {
        let (unison, filter, expression) = (&self.unison, &self.filter, &self.expression);
        const SLOT: &str = "A control that the model declares; the arc shows what it was trained on.";
        let mut list: Vec<Listed<'_>> =
            SLOTS.iter().zip(self.timbre.slots()).map(|(id, param)| (*id, param as _, SLOT)).collect();
        list.extend::<[Listed<'_>; 22]>([
            ("unison", &unison.copies, "Detuned copies of each note."),
            ("detune", &unison.detune, "The outermost copies' distance from the note."),
            ("spread", &unison.spread, "How far the copies stand apart between the loudspeakers."),
            ("sub", &unison.sub, "Level of the octave below."),
            (
                "retrigger",
                &unison.retrigger,
                "On: every note begins at the same phase. Off: at one that the seed decides.",
            ),
            ("cutoff", &filter.cutoff, "Cutoff of the low-pass behind each note, at middle C."),
            ("resonance", &filter.resonance, "From a flat pass band to a peak of 21 dB."),
            ("keytrack", &filter.keytrack, "How far the cutoff follows the pitch."),
            ("filter_env", &filter.envelope, "How far the filter's envelope moves the cutoff at its top."),
            ("f_attack", &filter.attack, "Attack of the filter's envelope."),
            ("f_decay", &filter.decay, "Decay of the filter's envelope."),
            ("f_sustain", &filter.sustain, "Level of the filter's envelope while a note is held."),
            ("f_release", &filter.release, "Release of the filter's envelope."),
            (
                "body",
                &filter.body,
                "Share of the sound that goes through a violin's body, whose resonances stay at every pitch.",
            ),
            ("vel_to", &expression.velocity_to, "What a note's velocity moves."),
            ("vel_amt", &expression.velocity, "How far the velocity moves it, to both sides of the middle."),
            ("press_to", &expression.pressure_to, "What pressure (aftertouch) moves."),
            ("press_amt", &expression.pressure, "How far pressure moves it."),
            ("slide_to", &expression.slide_to, "What slide (MPE, controller 74) moves."),
            ("slide_amt", &expression.slide, "How far slide moves it, to both sides of its middle."),
            ("wheel_to", &expression.wheel_to, "What the modulation wheel moves."),
            ("wheel_amt", &expression.wheel, "How far the wheel moves it."),
        ]);
        list.extend(self.playing.list());
        list
    }

    fn project(&self) -> &Project {
        &self.project
    }

    fn at_rest(&self, info: &ModelInfo) -> Vec<(&'static str, f32)> {
        slots_at_rest(info, &SLOTS, places(info))
    }

    fn views(&self, info: Option<&ModelInfo>) -> Vec<ParamView> {
        let mut views: Vec<ParamView> = self.list().iter().map(|(id, param, help)| param.view(id, help)).collect();
        let Some(info) = info else { return views };
        for (slot, place) in places(info).enumerate() {
            let (view, control) = (&mut views[slot], &info.controls[place]);
            dress(view, control);
            view.trained = Some((share(control, control.trained_min), share(control, control.trained_max)));
        }
        // The menus of targets name the model's controls too.
        let names: Vec<String> = views[..SLOTS.len()].iter().map(|view| view.name.clone()).collect();
        for view in &mut views {
            if view.id.ends_with("_to") {
                view.choices.iter_mut().skip(1).zip(&names).take(4).for_each(|(choice, name)| choice.clone_from(name));
            }
        }
        views
    }
}

/// Places in the file of the controls that the slots move: all but the pitch, which follows the note.
pub fn places(info: &ModelInfo) -> impl Iterator<Item = usize> {
    let controls = info.controls.iter().take(MAX_CONTROLS).enumerate();
    controls.filter(|(_, control)| control.id != "pitch").map(|(place, _)| place)
}

/// The kernel's number of what a poly modulation id moves.
pub fn modulated(info: &ModelInfo, id: u32) -> Option<u32> {
    match id {
        CUTOFF_ID => Some(modulation::CUTOFF as u32),
        RESONANCE_ID => Some(modulation::RESONANCE as u32),
        slot => places(info).nth(slot as usize).map(|place| place as u32),
    }
}

impl WavetableParams {
    /// The parameters as the engine takes them; `free_seed` stands in for a seed that is free.
    pub fn knobs(&self, info: &ModelInfo, free_seed: u64) -> Knobs {
        let (unison, filter, playing) = (&self.unison, &self.filter, &self.playing);
        let defaults = Knobs::new(info);
        let mut values = defaults.values;
        for (place, slot) in places(info).zip(self.timbre.slots()) {
            values[place] = plain(&info.controls[place], slot.value());
        }
        let mut routes = [Route::default(); MAX_CONTROLS];
        for (slot, place) in places(info).enumerate().take(4) {
            routes[place] = self.route(slot_target(slot), 1.0);
        }
        Knobs {
            voices: playing.controls(),
            values,
            routes,
            unison: Unison {
                copies: unison.copies.value() as usize,
                detune_cents: unison.detune.value(),
                spread: unison.spread.value(),
                ..defaults.unison
            },
            sub: unison.sub.value(),
            retrigger: unison.retrigger.value(),
            filter: FilterKnobs {
                cutoff_hz: filter.cutoff.value(),
                resonance: filter.resonance.value(),
                keytrack: filter.keytrack.value(),
                envelope_octaves: filter.envelope.value(),
                envelope: Adsr {
                    attack_s: 1e-3 * filter.attack.value(),
                    decay_s: 1e-3 * filter.decay.value(),
                    sustain: filter.sustain.value(),
                    release_s: 1e-3 * filter.release.value(),
                },
                route: self.route(Target::Cutoff, CUTOFF_OCTAVES),
            },
            body: filter.body.value(),
            level: defaults.level * playing.level(),
            seed: playing.seed().unwrap_or(free_seed),
        }
    }

    /// How far each expression moves a target, `full` at 100 %.
    fn route(&self, target: Target, full: f32) -> Route {
        let by = |to: &EnumParam<Target>, amount: &FloatParam| {
            if to.value() == target { full * amount.value() } else { 0.0 }
        };
        let expression = &self.expression;
        Route {
            pressure: by(&expression.pressure_to, &expression.pressure),
            slide: by(&expression.slide_to, &expression.slide),
            wheel: by(&expression.wheel_to, &expression.wheel),
            velocity: by(&expression.velocity_to, &expression.velocity),
        }
    }
}

fn slot_target(slot: usize) -> Target {
    [Target::Control1, Target::Control2, Target::Control3, Target::Control4][slot]
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::wavetable::{Wavetable, example};

    fn info() -> ModelInfo {
        Wavetable::load(&example::file().unwrap()).unwrap().info().clone()
    }

    #[test]
    fn slots_are_the_models_controls_without_its_pitch() {
        let info = info();
        assert_eq!(places(&info).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(
            [0, 1, 2, 8, 9, 77].map(|id| modulated(&info, id)),
            [Some(0), Some(1), None, Some(8), Some(9), None]
        );
        let views = WavetableParams::default().views(Some(&info));
        assert_eq!((views[0].name.as_str(), views[1].name.as_str()), ("z1", "pressure"));
        let to = views.iter().find(|view| view.id == "press_to").unwrap();
        assert_eq!(to.choices[..3], ["None", "z1", "pressure"].map(String::from));
    }

    #[test]
    fn every_id_is_listed_once_and_known_to_the_framework() {
        let params = WavetableParams::default();
        let mut listed: Vec<&str> = params.list().iter().map(|(id, ..)| *id).collect();
        let mut known: Vec<String> = params.param_map().into_iter().map(|(id, ..)| id).collect();
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!(listed, known);
    }

    #[test]
    fn a_target_is_moved_by_what_is_set_to_it_and_by_nothing_else() {
        let (params, info) = (WavetableParams::default(), info());
        let knobs = params.knobs(&info, 5);
        // As shipped: the wheel to the first, which is the latent, pressure to the second.
        assert_eq!((knobs.routes[0].wheel, knobs.routes[0].pressure), (0.5, 0.0));
        assert_eq!((knobs.routes[1].pressure, knobs.routes[1].wheel), (0.5, 0.0));
        assert_eq!(knobs.filter.route, Route::default());
        assert_eq!((knobs.seed, knobs.values[1]), (1, 80.0));
    }
}
