//! A dropped sound as knobs: read, estimated, kept as automation.
use crate::project::share;
use crate::wavetable::params::{SLOTS, places};
use kernels::wavetable::Wavetable;
use kernels::wavetable::encoder::trajectory::Frame;
use sound_files::audio::Audio;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Longest stretch that is looked at, in seconds.
const LONGEST_S: f64 = 60.0;
/// Confidence from which a frame counts.
const SURE: f32 = 0.3;

/// Knobs of a sound over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// The sound's file.
    pub path: PathBuf,
    /// The model that it was estimated for.
    pub model: String,
    /// One every hundredth of a second.
    pub frames: Vec<Frame>,
    /// Ids of the slots, and their knobs, 0..1: the middle of all frames that count.
    pub knobs: Vec<(&'static str, f32)>,
    /// Mean confidence of those frames, 0..1.
    pub confidence: f32,
}

/// Knobs of a sound in a file, for a model.
pub fn read_and_encode(path: &Path, model: &Wavetable) -> Result<Encoded, String> {
    let (sound, rate_hz) = read(path)?;
    encode(path, &sound, rate_hz, model)
}

/// The sound, mono, and its rate.
fn read(path: &Path) -> Result<(Vec<f32>, f64), String> {
    let audio = Audio::read(path).map_err(|error| format!("{error:#}"))?;
    let mut sound = audio.mono();
    sound.truncate((LONGEST_S * audio.sample_rate_hz) as usize);
    Ok((sound, audio.sample_rate_hz))
}

/// Knobs of a sound; says why if there are none.
fn encode(path: &Path, sound: &[f32], rate_hz: f64, model: &Wavetable) -> Result<Encoded, String> {
    let info = model.info();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let frames = model
        .encode(sound, rate_hz)
        .ok_or_else(|| format!("the model `{}` has no encoder: it cannot set its knobs from a sound", info.name))?;
    let sure: Vec<&Frame> = frames.iter().filter(|frame| frame.confidence >= SURE).collect();
    if sure.is_empty() {
        return Err(format!("{name}: no steady tone was found in it; drop a single note of one voice"));
    }
    let middle = |place: usize| {
        let mut values: Vec<f32> = sure.iter().map(|frame| frame.values[place]).collect();
        values.sort_by(f32::total_cmp);
        values[values.len() / 2]
    };
    let knobs =
        SLOTS.iter().zip(places(info)).map(|(id, place)| (*id, share(&info.controls[place], middle(place)))).collect();
    let confidence = sure.iter().map(|frame| frame.confidence).sum::<f32>() / sure.len() as f32;
    Ok(Encoded { path: path.to_path_buf(), model: info.name.clone(), frames, knobs, confidence })
}

impl Encoded {
    /// The frames as a table that `doppel render wavetable --automate` plays: seconds, id, value.
    pub fn automation(&self, model: &Wavetable) -> String {
        let info = model.info();
        let mut text = format!("# {} as heard by {}\nseconds,id,value\n", self.path.display(), self.model);
        for frame in self.frames.iter().filter(|frame| frame.confidence >= SURE) {
            for place in places(info) {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{:.3},{},{:.4}", frame.time_s, info.controls[place].id, frame.values[place]);
            }
        }
        text
    }

    /// Keeps that table beside the sound; where it is, or why not.
    pub fn save_automation(&self, model: &Wavetable) -> Result<PathBuf, String> {
        let path = self.path.with_extension("automation.csv");
        std::fs::write(&path, self.automation(model)).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wavetable::FACTORY_MODELS;
    use kernels::voices::{Note, NoteEvent, TimedEvent};
    use kernels::wavetable::{Engine, Knobs};
    use std::sync::Arc;

    const RATE_HZ: f64 = 48_000.0;

    fn model() -> Arc<Wavetable> {
        Arc::new(Wavetable::load(FACTORY_MODELS[0].1).unwrap())
    }

    /// A held note of the model at a value of the control at `place`.
    fn note(model: &Arc<Wavetable>, place: usize, value: f32) -> Vec<f32> {
        let mut knobs = Knobs::new(model.info());
        knobs.values[place] = value;
        let on = NoteEvent::On { note: Note { channel: 0, key: 57, voice_id: None }, velocity: 1.0 };
        let mut out = vec![0.0; 24_000];
        let mut engine = Engine::new(model.clone(), RATE_HZ, 1).unwrap();
        engine.process(&knobs, &[TimedEvent { offset_samples: 0, event: on }], &mut [&mut out]);
        out
    }

    #[test]
    fn a_sound_of_the_models_own_sets_the_knob_that_made_it() {
        let model = model();
        let info = model.info();
        let (place, control) = info.control("position").unwrap();
        let slot = SLOTS[places(info).position(|other| other == place).unwrap()];
        for wanted in [0.25, 0.7] {
            let value = control.min + wanted * (control.max - control.min);
            let encoded = encode(Path::new("a.wav"), &note(&model, place, value), RATE_HZ, &model).unwrap();
            let (_, found) = encoded.knobs.iter().find(|(id, _)| *id == slot).unwrap();
            assert!((found - wanted).abs() < 0.08, "{wanted} came back as {found}");
            assert!(encoded.confidence > 0.6, "{}", encoded.confidence);
            let table = encoded.automation(&model);
            assert!(table.lines().count() > 50 && table.contains(",position,"), "{table}");
        }
    }

    #[test]
    fn what_is_no_tone_or_no_sound_file_is_said() {
        let model = model();
        let error = encode(Path::new("hum.wav"), &[0.0; 24_000], RATE_HZ, &model).unwrap_err();
        assert!(error.contains("hum.wav") && error.contains("single note"), "{error}");
        assert!(read(Path::new("/nowhere/at all.wav")).unwrap_err().contains("at all.wav"));
    }
}
