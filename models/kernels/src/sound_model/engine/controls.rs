//! What the player sets for the whole instrument.
use super::reader::MAX_SPEED;
use crate::checkpoint::ModelInfo;
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
    /// 1 is as trained, 0 takes the most probable level always; at most [`crate::sound_model::MAX_TEMPERATURE`].
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

impl Controls {
    /// The file's defaults.
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
