//! Parameters of Doppel Phaser: ids are frozen, `docs/parameters.md` lists them.
use crate::project::{InstrumentParams, Listed, Project, decibels, dress, percent, plain, slots_at_rest, with_unit};
use crate::ui::param::ParamView;
use kernels::checkpoint::ModelInfo;
use kernels::phaser::{Controls, MAX_CONTROLS};
use nice_plug::prelude::*;

/// Ids of controls that have a parameter of their own; every other control of a model takes one of the four slots.
const OWN: [&str; 3] = ["rate", "colour", "depth"];
/// Ids of the slots.
const SLOTS: [&str; 4] = ["ctl1", "ctl2", "ctl3", "ctl4"];

/// What moves the LFO.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LfoMode {
    /// Runs at Rate.
    #[id = "free"]
    Free,
    /// Follows tempo and song position.
    #[id = "sync"]
    Sync,
    /// Runs at Rate and starts anew with each note and with the transport.
    #[id = "trigger"]
    Trigger,
    /// Stands at Phase.
    #[id = "manual"]
    Manual,
    /// Runs at Rate, its phase counted from the song's start. Last: hosts know choices by their place.
    #[id = "song"]
    Song,
}

/// What a division is multiplied by.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// As written.
    #[id = "straight"]
    Straight,
    /// One and a half.
    #[id = "dotted"]
    Dotted,
    /// Two thirds.
    #[id = "triplet"]
    Triplet,
}

/// Note value of one turn of the LFO.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Division {
    /// Eight bars.
    #[id = "8/1"]
    #[name = "8/1"]
    Bars8,
    /// Four bars.
    #[id = "4/1"]
    #[name = "4/1"]
    Bars4,
    /// Two bars.
    #[id = "2/1"]
    #[name = "2/1"]
    Bars2,
    /// A bar of four quarters.
    #[id = "1/1"]
    #[name = "1/1"]
    Whole,
    /// A half note.
    #[id = "1/2"]
    #[name = "1/2"]
    Half,
    /// A quarter note.
    #[id = "1/4"]
    #[name = "1/4"]
    Quarter,
    /// An eighth note.
    #[id = "1/8"]
    #[name = "1/8"]
    Eighth,
    /// A sixteenth note.
    #[id = "1/16"]
    #[name = "1/16"]
    Sixteenth,
    /// A thirty-second note.
    #[id = "1/32"]
    #[name = "1/32"]
    ThirtySecond,
}

/// Length of one turn of a synced LFO in quarter notes.
pub fn period_beats(division: Division, sync: Sync) -> f64 {
    let whole_notes = 8.0 / f64::from(1u32 << (division as u32));
    let factor = match sync {
        Sync::Straight => 1.0,
        Sync::Dotted => 1.5,
        Sync::Triplet => 2.0 / 3.0,
    };
    4.0 * whole_notes * factor
}

/// How the LFO runs.
#[derive(Params)]
pub struct LfoParams {
    /// LFO rate, Hz.
    #[id = "rate"]
    pub rate: FloatParam,
    /// What moves the LFO.
    #[id = "lfo_mode"]
    pub mode: EnumParam<LfoMode>,
    /// Feel of the division.
    #[id = "sync"]
    pub sync: EnumParam<Sync>,
    /// Length of a turn.
    #[id = "division"]
    pub division: EnumParam<Division>,
    /// Phase in degrees: where the LFO stands, starts, or lies against the song.
    #[id = "phase"]
    pub phase: FloatParam,
    /// Right channel ahead of the left, degrees.
    #[id = "stereo_phase"]
    pub stereo_phase: FloatParam,
    /// Natural wandering of the rate, 0..1.
    #[id = "drift"]
    pub drift: FloatParam,
}

/// What the hardware's other knobs do.
#[derive(Params)]
pub struct ToneParams {
    /// The pedal's colour switch, 0..1.
    #[id = "colour"]
    pub colour: FloatParam,
    /// Depth of the sweep, 0..1.
    #[id = "depth"]
    pub depth: FloatParam,
    /// First further control of the model, 0..1 of its range.
    #[id = "ctl1"]
    pub control_1: FloatParam,
    /// Second further control.
    #[id = "ctl2"]
    pub control_2: FloatParam,
    /// Third further control.
    #[id = "ctl3"]
    pub control_3: FloatParam,
    /// Fourth further control.
    #[id = "ctl4"]
    pub control_4: FloatParam,
}

/// Levels around the model.
#[derive(Params)]
pub struct LevelParams {
    /// Gain before the model, dB.
    #[id = "input"]
    pub input: FloatParam,
    /// Share of the model's output, 0..1.
    #[id = "mix"]
    pub mix: FloatParam,
    /// Gain after the model, dB.
    #[id = "output"]
    pub output: FloatParam,
}

/// All parameters, and what else a project keeps.
#[derive(Params)]
pub struct PhaserParams {
    /// The LFO.
    #[nested(group = "LFO")]
    pub lfo: LfoParams,
    /// The tone.
    #[nested(group = "Tone")]
    pub tone: ToneParams,
    /// The levels.
    #[nested(group = "Level")]
    pub level: LevelParams,
    /// Passes the input, delayed like the model.
    #[id = "bypass"]
    pub bypass: BoolParam,
    /// Model, preset, zoom.
    #[nested]
    pub project: Project,
}

impl Default for PhaserParams {
    fn default() -> Self {
        let rate = FloatRange::Skewed { min: 0.02, max: 10.0, factor: FloatRange::skew_factor(-2.0) };
        let degrees = |name: &str, default, min, max| {
            with_unit(FloatParam::new(name, default, FloatRange::Linear { min, max }), 0, "°")
        };
        Self {
            lfo: LfoParams {
                rate: with_unit(FloatParam::new("Rate", 0.5, rate), 2, " Hz"),
                mode: EnumParam::new("LFO mode", LfoMode::Free),
                sync: EnumParam::new("Sync", Sync::Straight),
                division: EnumParam::new("Division", Division::Whole),
                phase: degrees("Phase", 0.0, 0.0, 360.0),
                stereo_phase: degrees("Stereo phase", 90.0, -180.0, 180.0),
                drift: percent("Drift", 0.0),
            },
            tone: ToneParams {
                colour: percent("Colour", 0.0),
                depth: percent("Depth", 1.0),
                control_1: percent("Control 1", 0.5),
                control_2: percent("Control 2", 0.5),
                control_3: percent("Control 3", 0.5),
                control_4: percent("Control 4", 0.5),
            },
            level: LevelParams { input: decibels("Input"), mix: percent("Mix", 1.0), output: decibels("Output") },
            bypass: BoolParam::new("Bypass", false).make_bypass(),
            project: Project::default(),
        }
    }
}

impl InstrumentParams for PhaserParams {
    fn list(&self) -> Vec<Listed<'_>> {
        let (lfo, tone, level) = (&self.lfo, &self.tone, &self.level);
        vec![
            (
                "rate",
                &lfo.rate,
                "Speed of the sweep. The arc shows what the model was trained on; beyond it the sweep goes on, with the tone of the nearest trained rate.",
            ),
            (
                "lfo_mode",
                &lfo.mode,
                "Free runs at Rate, Sync follows the beat, Trigger starts anew with notes and transport, Manual stands at Phase, Song counts from the song's start: in step with a recording through jumps and loops.",
            ),
            ("sync", &lfo.sync, "Straight, dotted or triplet length of the division."),
            ("division", &lfo.division, "Note value of one turn in Sync mode."),
            (
                "phase",
                &lfo.phase,
                "Manual: where the sweep stands. Sync: where it lies against the bar. Trigger: where it starts. Song: where it stands at the song's start.",
            ),
            ("stereo_phase", &lfo.stereo_phase, "How far the right channel's sweep is ahead of the left's."),
            (
                "drift",
                &lfo.drift,
                "How far the speed wanders by itself in Free and Trigger mode. 100 % is as measured on a pedal: 0.13 % up and down within some ten seconds.",
            ),
            ("colour", &tone.colour, "The pedal's colour switch: feedback around the stages."),
            (
                "depth",
                &tone.depth,
                "Shrinks the sweep towards its middle. Not a knob of the hardware: 100 % is the hardware.",
            ),
            ("ctl1", &tone.control_1, "First further control that the model declares."),
            ("ctl2", &tone.control_2, "Second further control that the model declares."),
            ("ctl3", &tone.control_3, "Third further control that the model declares."),
            ("ctl4", &tone.control_4, "Fourth further control that the model declares."),
            ("input", &level.input, "Level into the model."),
            (
                "mix",
                &level.mix,
                "Share of the clone. The clone already holds the pedal's own dry signal, so 100 % is the pedal.",
            ),
            ("output", &level.output, "Level after the model, before the mix."),
            ("bypass", &self.bypass, "Passes the input, delayed by the same latency, without a click."),
        ]
    }

    fn project(&self) -> &Project {
        &self.project
    }

    fn at_rest(&self, info: &ModelInfo) -> Vec<(&'static str, f32)> {
        slots_at_rest(info, &SLOTS, further(info))
    }

    fn views(&self, info: Option<&ModelInfo>) -> Vec<ParamView> {
        let mut views: Vec<ParamView> = self.list().iter().map(|(id, param, help)| param.view(id, help)).collect();
        let Some(info) = info else { return views };
        for view in &mut views {
            let Some((_, control)) =
                self.control_of(view.id, info).and_then(|place| Some((place, info.controls.get(place)?)))
            else {
                continue;
            };
            if view.id == "rate" {
                let at = |hz: f32| self.lfo.rate.preview_normalized(hz);
                view.name = control.name.clone();
                view.trained = Some((at(control.trained_min), at(control.trained_max)));
            } else {
                dress(view, control);
            }
        }
        views
    }
}

/// Places in the file of the controls that the slots move.
fn further(info: &ModelInfo) -> impl Iterator<Item = usize> {
    let controls = info.controls.iter().enumerate().filter(|(_, control)| !OWN.contains(&control.id.as_str()));
    controls.map(|(place, _)| place)
}

impl PhaserParams {
    /// Which of the model's controls a parameter moves.
    pub fn control_of(&self, id: &str, info: &ModelInfo) -> Option<usize> {
        if OWN.contains(&id) {
            return info.control(id).map(|(place, _)| place);
        }
        further(info).nth(SLOTS.iter().position(|slot| *slot == id)?)
    }

    /// The parameters as the engine takes them; LFO phase and sync are added by the caller.
    pub fn controls(&self, info: &ModelInfo) -> Controls {
        let (lfo, tone, level) = (&self.lfo, &self.tone, &self.level);
        let slots = [&tone.control_1, &tone.control_2, &tone.control_3, &tone.control_4];
        let mut values = [0.0; MAX_CONTROLS];
        let mut further = slots.iter();
        let mut depth = tone.depth.value();
        for (value, control) in values.iter_mut().zip(&info.controls) {
            *value = match control.id.as_str() {
                "rate" => lfo.rate.value(),
                "colour" => plain(control, tone.colour.value()),
                // A trained depth is the hardware's own and takes the place of the engine's.
                "depth" => plain(control, std::mem::replace(&mut depth, 1.0)),
                _ => further.next().map_or(control.default, |slot| plain(control, slot.value())),
            };
        }
        Controls {
            rate_hz: lfo.rate.value(),
            phase_turns: None,
            running: true,
            // A sweep that follows the song does not stray from it.
            drift: match lfo.mode.value() {
                LfoMode::Free | LfoMode::Trigger => lfo.drift.value(),
                LfoMode::Sync | LfoMode::Manual | LfoMode::Song => 0.0,
            },
            stereo_phase_turns: lfo.stereo_phase.value() / 360.0,
            depth,
            values,
            input_gain: util::db_to_gain(level.input.value()),
            output_gain: util::db_to_gain(level.output.value()),
            mix: level.mix.value(),
            bypass: self.bypass.value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisions_are_note_values() {
        assert_eq!(period_beats(Division::Whole, Sync::Straight), 4.0);
        assert_eq!(period_beats(Division::Bars8, Sync::Straight), 32.0);
        assert_eq!(period_beats(Division::Quarter, Sync::Dotted), 1.5);
        assert!((period_beats(Division::Eighth, Sync::Triplet) - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn every_text_reads_back_as_its_value() {
        let params = PhaserParams::default();
        for view in params.views(None) {
            assert!(!view.text.is_empty(), "{}", view.id);
        }
        for (param, text, value) in [
            (&params.lfo.rate, "0.75 Hz", 0.75),
            (&params.lfo.rate, "0,75", 0.75),
            (&params.lfo.stereo_phase, "-90°", -90.0),
            (&params.level.input, "-6 dB", -6.0),
            (&params.level.mix, "40 %", 0.4),
        ] {
            let normalised = param.string_to_normalized_value(text).expect(text);
            assert!((param.preview_plain(normalised) - value).abs() < 1e-4, "{text}");
        }
    }
}
