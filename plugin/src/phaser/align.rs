//! The clone in step with a recording: a dry sound and what the hardware made of it, read and compared. Takes seconds.
use kernels::phaser::finder::in_step;
use kernels::phaser::{Controls, Phaser};
use sound_files::audio::Audio;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest stretch that is looked at, in seconds.
const LONGEST_S: f64 = 300.0;
/// Most that the two may differ in length, in seconds.
const MOST_DIFFERENCE_S: f64 = 0.1;
/// Two sounds that were named are taken for exchanged when recording and model are that much more alike the other way round.
const EXCHANGED: f64 = 0.1;

/// Recording and model that sweep less alike are no doubles of each other, as the knobs stand.
const UNLIKE: f64 = 0.7;

/// Two files, and what is known of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Pair {
    /// The user said which is which.
    Named {
        /// The dry sound.
        dry: PathBuf,
        /// What the hardware made of it.
        wet: PathBuf,
    },
    /// Dropped together: the order in which recording and model sweep more alike is the right one.
    Dropped([PathBuf; 2]),
}

/// A sound and its file's name.
struct Sound {
    name: String,
    audio: Audio,
}

/// What a recording says of its LFO, for a model.
#[derive(Clone, Debug)]
pub struct Aligned {
    /// The model that it holds for.
    pub model: Arc<Phaser>,
    /// Name of the wet sound's file.
    pub wet: String,
    /// Mean rate in Hz.
    pub rate_hz: f64,
    /// The model's phase where the recording begins, in turns.
    pub start_turns: f64,
    /// RMS deviation of the rate, of the rate.
    pub drift: f64,
    /// How alike recording and model sweep, -1..1.
    pub likeness: f64,
    /// Share of the level changes that the LFO explains.
    pub explained_variance: f64,
}

/// Reads two files and finds the LFO; says which file, what is wrong and how to mend it.
pub fn read_and_align(pair: &Pair, model: &Arc<Phaser>, controls: &Controls) -> Result<Aligned, String> {
    let (first, second) = match pair {
        Pair::Named { dry, wet } => (read(dry)?, read(wet)?),
        Pair::Dropped([a, b]) => (read(a)?, read(b)?),
    };
    let (forwards, backwards) = (align(&first, &second, model, controls), align(&second, &first, model, controls));
    let gain = backwards.as_ref().map_or(-1.0, |found| found.likeness)
        - forwards.as_ref().map_or(-1.0, |found| found.likeness);
    match pair {
        Pair::Dropped(_) if gain > 0.0 => backwards,
        Pair::Named { .. } if gain > EXCHANGED && forwards.is_ok() => {
            let (dry, wet) = (first.name, second.name);
            Err(format!("{dry} sounds like what the hardware made of {wet}: choose {wet} as the dry sound"))
        }
        _ => forwards,
    }
}

fn read(path: &Path) -> Result<Sound, String> {
    let mut audio = Audio::read(path).map_err(|error| format!("{error:#}"))?;
    let longest = (LONGEST_S * audio.sample_rate_hz) as usize;
    audio.channels.iter_mut().for_each(|channel| channel.truncate(longest));
    Ok(Sound { name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(), audio })
}

/// A sound in mono at another one's rate.
fn at_rate(sound: &Sound, other: &Sound) -> Result<Vec<f32>, String> {
    let rate_hz = other.audio.sample_rate_hz;
    let audio = sound.audio.resampled(rate_hz).map_err(|error| format!("{}: {error:#}", sound.name))?;
    Ok(audio.mono())
}

/// Finds the LFO between two sounds.
fn align(dry: &Sound, wet: &Sound, model: &Arc<Phaser>, controls: &Controls) -> Result<Aligned, String> {
    if !model.has_phase() {
        let name = &model.info().name;
        return Err(format!(
            "the model `{name}` keeps its own time: its LFO cannot be set; load one with an oscillator"
        ));
    }
    let longer_s = wet.audio.seconds() - dry.audio.seconds();
    if longer_s.abs() > MOST_DIFFERENCE_S {
        let than = if longer_s > 0.0 { "longer" } else { "shorter" };
        let (wet, dry, differ_s) = (&wet.name, &dry.name, longer_s.abs());
        return Err(format!(
            "{wet} is {differ_s:.2} s {than} than {dry}: cut both so that they begin and end together"
        ));
    }
    let rate_hz = dry.audio.sample_rate_hz;
    let found = in_step(model, controls, &dry.audio.mono(), &at_rate(wet, dry)?, rate_hz)
        .map_err(|error| format!("{}: {error}", wet.name))?;
    Ok(Aligned {
        model: model.clone(),
        likeness: found.likeness,
        wet: wet.name.clone(),
        rate_hz: found.fit.rate_hz,
        start_turns: found.start_turns,
        drift: found.track.drift(),
        explained_variance: found.fit.explained_variance,
    })
}

impl Aligned {
    /// Phase at the song's start in turns, 0..1, for an LFO that runs at a rate and a recording laid at a place of the song.
    pub fn song_turns(&self, rate_hz: f64, recording_s: f64) -> f64 {
        (self.start_turns - rate_hz * recording_s).rem_euclid(1.0)
    }

    /// What was found and set, in a line; `rate_hz` as the knob could take it.
    pub fn line(&self, rate_hz: f64, recording_s: f64) -> String {
        let Self { wet, drift, explained_variance, .. } = self;
        let mut line = format!(
            "{wet}: LFO {:.4} Hz, drift {:.2} %, explains {explained_variance:.2}: in step with the recording at {recording_s:.3} s \
             of the song",
            self.rate_hz,
            100.0 * drift,
        );
        if self.likeness < UNLIKE {
            line.push_str("; the model sweeps otherwise: set its knobs as the hardware's stood and align again");
        } else if (rate_hz / self.rate_hz - 1.0).abs() > 1e-4 {
            line.push_str(&format!("; Rate reaches {rate_hz:.2} Hz only, so it runs away"));
        } else if let Some((_, rate)) = self.model.info().control("rate")
            && !(rate.trained_min..=rate.trained_max).contains(&(rate_hz as f32))
        {
            let (low, high) = (rate.trained_min, rate.trained_max);
            line.push_str(&format!("; trained for {low:.3} to {high:.3} Hz, the tone is that of the nearest"));
        }
        line
    }
}

#[cfg(test)]
mod tests;
