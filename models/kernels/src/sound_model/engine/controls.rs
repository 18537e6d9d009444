//! What the player sets for the whole instrument.
use super::reader::MAX_SPEED;
use crate::checkpoint::ModelInfo;
use crate::sound_model::MAX_TEMPERATURE;
use crate::sound_model::config::MAX_CONDITIONS;
use crate::sound_model::mu_law::CLASSES;
use crate::voices;

/// Loudest level, linear: +12 dB.
pub const MAX_LEVEL: f32 = 4.0;
/// Farthest a note is transposed by reading it faster or slower, in semitones: [`MAX_SPEED`].
pub const MAX_TRANSPOSITION_SEMITONES: f64 = 24.0;
const _: () = assert!(MAX_SPEED == 4.0);

/// What becomes of a note that the model was not trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outside {
    /// The nearest pitch that it knows sounds.
    Clamp,
    /// The same note sounds in the nearest octave that it knows.
    Fold,
    /// The nearest pitch that it knows is read faster or slower, timbre and all.
    #[default]
    Transpose,
}

/// What the player sets, taken once per call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Controls {
    /// Each of the file's controls in its unit; those of pitch and amplitude are played by the notes and stand for nothing here.
    pub values: [f32; MAX_CONDITIONS],
    /// How far the slide (brightness, controller 74) moves the first timbre, -1..1 of its span.
    pub slide_to_timbre: f32,
    /// How far pressure moves the second timbre, -1..1 of its span.
    pub pressure_to_timbre: f32,
    /// Depth of the vibrato at the modulation wheel's end, in semitones, 0..12.
    pub vibrato_semitones: f32,
    /// 1 is as trained, 0 takes the most probable level always; at most [`MAX_TEMPERATURE`].
    pub temperature: f32,
    /// So many of the most probable levels are drawn from, 1 to 256.
    pub top_k: usize,
    /// Level of the whole, linear, 0..[`MAX_LEVEL`].
    pub level: f32,
    /// How notes are played; its range is the model's.
    pub playing: voices::Controls,
    /// What becomes of a note that the model was not trained on.
    pub outside: Outside,
    /// What is drawn depends on it and on the order of the notes; whoever wants chance draws one.
    pub seed: u64,
}

/// Temperature at which a model plays best, as its file says; without a word of it that of the training, 1. Reads a text: for
/// whoever chooses a model, not for each block.
pub fn best_temperature(info: &ModelInfo) -> f32 {
    let said: Option<f32> = info.metadata.get("temperature").and_then(|text| text.parse().ok());
    said.filter(|temperature| (0.0..=MAX_TEMPERATURE).contains(temperature)).unwrap_or(1.0)
}

impl Controls {
    /// The file's defaults, the temperature that of the training.
    pub fn new(info: &ModelInfo) -> Self {
        let mut values = [0.0; MAX_CONDITIONS];
        values.iter_mut().zip(&info.controls).for_each(|(value, control)| *value = control.default);
        Self {
            values,
            slide_to_timbre: 1.0,
            pressure_to_timbre: 0.5,
            vibrato_semitones: 0.5,
            temperature: 1.0,
            top_k: CLASSES,
            level: 1.0,
            playing: voices::Controls::default(),
            outside: Outside::default(),
            seed: 1,
        }
    }

    /// The same with everything finite, so that no automation can harm a voice. The voices look after `playing`, and the
    /// network after temperature and top-k.
    pub(super) fn sane(&self, info: &ModelInfo) -> Self {
        let or = |x: f32, low: f32, high: f32, other: f32| if x.is_finite() { x.clamp(low, high) } else { other };
        let default = Self::new(info);
        let mut values = default.values;
        for ((value, wanted), control) in values.iter_mut().zip(&self.values).zip(&info.controls) {
            *value = or(*wanted, control.min, control.max, control.default);
        }
        Self {
            values,
            slide_to_timbre: or(self.slide_to_timbre, -1.0, 1.0, default.slide_to_timbre),
            pressure_to_timbre: or(self.pressure_to_timbre, -1.0, 1.0, default.pressure_to_timbre),
            vibrato_semitones: or(self.vibrato_semitones, 0.0, 12.0, default.vibrato_semitones),
            level: or(self.level, 0.0, MAX_LEVEL, default.level),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound_model::config::Config;
    use crate::sound_model::{SoundModel, example};

    #[test]
    fn a_file_may_say_at_which_temperature_it_plays_best() {
        let config = Config { layers: 1, hidden: 8, width: 8, ..Config::paper() };
        let model = SoundModel::load(&example::file(1, &config).unwrap()).unwrap();
        let best = |text: Option<&str>| {
            let mut info = model.info().clone();
            info.metadata.extend(text.map(|text| ("temperature".to_string(), text.to_string())));
            best_temperature(&info)
        };
        assert_eq!([Some("0.7"), Some("0"), None].map(best), [0.7, 0.0, 1.0]);
        assert_eq!([Some("9"), Some("NaN"), Some("warm")].map(best), [1.0; 3]);
    }
}
