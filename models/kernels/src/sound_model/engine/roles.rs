//! Which of a file's controls the notes play, and which the player: pitch, amplitude, timbres.
use super::controls::{Controls, MAX_TRANSPOSITION_SEMITONES, Outside};
use crate::checkpoint::{ControlInfo, ModelInfo};
use crate::sound_model::calibration::Calibration;
use crate::sound_model::config::MAX_CONDITIONS;
use crate::voices::{self, Dimension, PitchRange, VoiceControls};

/// What a model without pitch sounds like at its own speed: middle C.
const UNPITCHED_NOTE: f32 = 60.0;

/// Roles of the controls of one file.
#[derive(Clone, Debug)]
pub(super) struct Roles {
    /// Place of the control `pitch`, and the control.
    pitch: Option<(usize, ControlInfo)>,
    /// Place of the control `amplitude` or `a`.
    amplitude: Option<usize>,
    /// Places of all others, in the file's order.
    timbres: Vec<usize>,
    /// Lowest pitch that was trained, in MIDI notes.
    low_note: f32,
    /// Highest one.
    high_note: f32,
    /// How far off the network's pitch is.
    calibration: Calibration,
}

impl Roles {
    pub fn new(info: &ModelInfo, calibration: &Calibration) -> Self {
        let pitch = info.control("pitch").map(|(place, control)| (place, control.clone()));
        let amplitude = ["amplitude", "a"].iter().find_map(|id| info.control(id)).map(|(place, _)| place);
        let taken = |place: usize| amplitude == Some(place) || pitch.as_ref().is_some_and(|(other, _)| *other == place);
        let end = |value: fn(&ControlInfo) -> f32| {
            pitch.as_ref().map_or(UNPITCHED_NOTE, |(_, control)| control.midi_note(value(control)))
        };
        Self {
            amplitude,
            timbres: (0..info.controls.len()).filter(|place| !taken(*place)).collect(),
            low_note: end(|control| control.trained_min),
            high_note: end(|control| control.trained_max),
            pitch,
            calibration: calibration.clone(),
        }
    }

    /// Does the network itself play the envelope?
    pub fn has_amplitude(&self) -> bool {
        self.amplitude.is_some()
    }

    /// The pitches that the model knows, and what the voices do with others.
    pub fn range(&self, outside: Outside) -> PitchRange {
        let outside = match outside {
            Outside::Clamp => voices::Outside::Clamp,
            Outside::Fold => voices::Outside::Fold,
            Outside::Transpose => voices::Outside::Allow,
        };
        PitchRange { low_note: self.low_note, high_note: self.high_note, outside }
    }

    /// The pitch at which the network plays so that a note sounds, and the speed at which it is read.
    pub fn place(&self, note: f64, outside: Outside) -> (f64, f64) {
        let inside = note.clamp(self.low_note.into(), self.high_note.into());
        let beyond = (note - inside).clamp(-MAX_TRANSPOSITION_SEMITONES, MAX_TRANSPOSITION_SEMITONES);
        let speed = if outside == Outside::Transpose && beyond != 0.0 { (beyond / 12.0).exp2() } else { 1.0 };
        (inside, speed)
    }

    /// What the network hears of one sample of a voice. `player`: the player's controls as the network sees them; `note`: as
    /// [`Self::place`] gave it; `level`: of the envelope, with velocity.
    pub fn conditions(
        &self,
        player: &[f32; MAX_CONDITIONS],
        controls: &Controls,
        voice: &VoiceControls,
        sample: usize,
        note: f64,
        level: f32,
    ) -> [f32; MAX_CONDITIONS] {
        // The span that was trained is -1 to 1, so it is two wide.
        let mut conditions = *player;
        for (number, place) in self.timbres.iter().enumerate() {
            conditions[*place] += 2.0 * voice.modulation(number, sample);
        }
        if let Some(first) = self.timbres.first() {
            let slide = 2.0 * voice.value(Dimension::Slide, sample) - 1.0;
            conditions[*first] += voice.value(Dimension::Timbre, sample) + controls.slide_to_timbre * slide;
        }
        if let Some(second) = self.timbres.get(1) {
            conditions[*second] += 2.0 * controls.pressure_to_timbre * voice.value(Dimension::Pressure, sample);
        }
        if let Some((place, control)) = &self.pitch {
            let asked = self.calibration.asked(note, controls.temperature);
            conditions[*place] = control.normalised(value_of(control, asked));
        }
        if let Some(place) = self.amplitude {
            conditions[place] = 2.0 * level.min(1.0) - 1.0;
        }
        conditions.map(|c| c.clamp(-1.0, 1.0))
    }
}

/// A MIDI note in the unit of a pitch control.
fn value_of(control: &ControlInfo, note: f64) -> f32 {
    if control.is_in_hz() { voices::hz_of(note) as f32 } else { note as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Curve;

    fn control(id: &str, unit: &str, trained: [f32; 2], curve: Curve) -> ControlInfo {
        let [min, max] = trained;
        let (id, name, unit) = (id.to_string(), id.to_string(), unit.to_string());
        ControlInfo { id, name, unit, min, max, default: min, trained_min: min, trained_max: max, curve, steps: None }
    }

    fn roles(controls: Vec<ControlInfo>) -> Roles {
        let config =
            crate::sound_model::Config { conditions: 1, layers: 1, hidden: 8, ..crate::sound_model::Config::paper() };
        let bytes = crate::sound_model::example::file(1, &config).unwrap();
        let mut info = crate::sound_model::SoundModel::load(&bytes).unwrap().info().clone();
        info.controls = controls;
        Roles::new(&info, &Calibration::default())
    }

    #[test]
    fn pitch_in_hz_and_in_notes_span_the_same_keys() {
        let hz = roles(vec![control("pitch", "Hz", [440.0, 880.0], Curve::Log)]);
        let notes = roles(vec![control("pitch", "", [69.0, 81.0], Curve::Linear)]);
        for roles in [&hz, &notes] {
            assert_eq!((roles.low_note, roles.high_note), (69.0, 81.0));
            let (place, control) = roles.pitch.as_ref().unwrap();
            assert_eq!(*place, 0);
            for (note, expected) in [(69.0, -1.0), (75.0, 0.0), (81.0, 1.0)] {
                assert!((control.normalised(value_of(control, note)) - expected).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_note_outside_is_read_faster_or_slower_by_two_octaves_at_most() {
        let roles = roles(vec![control("pitch", "", [64.0, 76.0], Curve::Linear)]);
        for (note, expected) in [(70.0, (70.0, 1.0)), (88.0, (76.0, 2.0)), (52.0, (64.0, 0.5)), (127.0, (76.0, 4.0))] {
            assert_eq!(roles.place(note, Outside::Transpose), expected);
            assert_eq!(roles.place(note, Outside::Clamp), (expected.0, 1.0));
        }
    }

    #[test]
    fn a_model_without_pitch_stands_at_middle_c() {
        let roles =
            roles(vec![control("a", "", [0.0, 1.0], Curve::Linear), control("x", "", [0.0, 1.0], Curve::Linear)]);
        assert_eq!(roles.place(60.0, Outside::Transpose), (60.0, 1.0));
        assert_eq!(roles.place(72.0, Outside::Transpose), (60.0, 2.0));
        assert!(roles.has_amplitude());
        assert_eq!(roles.timbres, [1]);
    }
}
