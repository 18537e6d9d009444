//! A sound model judged by what it plays on its own: pitch, failures, level and timbre, many voices at once.
use super::period::{self, FRAME, Period};
use super::timbre::{bands, centroid_hz};
use super::{SAMPLE_RATE_HZ, cents, export, hz_of};
use crate::metrics::rms_db;
use kernels::checkpoint::ModelInfo;
use kernels::sound_model::{MAX_VOICES, SoundModel, SoundModelState};
use rayon::prelude::*;
use serde::Serialize;

/// Notes of the grid over the trained pitches; times [`TIMBRES`].
const NOTES: usize = 13;
/// Values of the second control: its ends and the middle.
const TIMBRES: usize = 3;
/// Seconds of a voice of the grid, and of one that is held.
const GRID_S: f64 = 2.0;
const HELD_S: f64 = 30.0;
/// Seconds at the start that are not judged.
const SKIPPED_S: f64 = 0.2;
/// What one failing voice adds to a grid's badness.
pub const FAILURE: f64 = 100.0;
/// Below this likeness of neighbouring periods a voice is noise.
const NOISY: f64 = 0.8;
/// A frame or voice is off that is farther from its note, in cents.
const OFF_CENTS: f64 = 50.0;
/// Level below which a voice is dead, beside the median one, in dB: a quarter.
const DEAD_DB: f64 = -12.0;
/// Of what is drawn while voices are held.
const SEED: u64 = 3;
/// Samples from frame to frame.
const HOP: usize = 1024;
/// Seconds at either end that drifts are measured between.
const END_S: f64 = 2.0;

/// One voice's tune: medians over its frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Voice {
    /// How much too high, in cents.
    pub cents: f64,
    /// Likeness of neighbouring periods.
    pub correlation: f64,
    /// Share of frames that are off or noise.
    pub off: f64,
    /// In dB of full scale.
    pub level_db: f64,
}

/// All voices of the grid.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Grid {
    /// Voices.
    pub voices: usize,
    /// Median over the voices of how far they are off, in cents.
    pub cents_median: f64,
    /// The same of the worst twentieth.
    pub cents_p95: f64,
    /// Median, with its sign.
    pub cents_bias: f64,
    /// Voices that are noise.
    pub noisy: usize,
    /// Voices in another octave or at its fifth.
    pub octaves: usize,
    /// Voices far below the others.
    pub dead: usize,
}

/// Voices that are held for long.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Held {
    /// Voices.
    pub voices: usize,
    /// Share of frames off, mean and worst voice.
    pub off_mean: f64,
    /// Of the worst voice.
    pub off_worst: f64,
    /// Largest change of pitch from the first seconds to the last, in cents.
    pub pitch_drift_cents: f64,
    /// Largest change of level, in dB.
    pub level_drift_db: f64,
    /// Largest change of the spectrum's centroid, of it.
    pub centroid_drift: f64,
}

/// A point to play: a value for each control, in its unit.
pub type Point = Vec<f32>;

/// Points of a grid over pitch and the first other control, the rest at their defaults; one note if there is no pitch.
pub fn grid(info: &ModelInfo, notes: usize, timbres: usize) -> Vec<Point> {
    let pitch = info.control("pitch").map(|(place, _)| place);
    let timbre =
        (0..info.controls.len()).find(|place| Some(*place) != pitch && info.controls[*place].id != "amplitude");
    let along = |place: Option<usize>, count: usize, rounded: bool| -> Vec<Option<(usize, f32)>> {
        let Some(place) = place else { return vec![None] };
        let control = &info.controls[place];
        let value = |n: usize| {
            let share = n as f32 / (count - 1).max(1) as f32;
            let value = control.trained_min + share * (control.trained_max - control.trained_min);
            Some((place, if rounded { value.round() } else { value }))
        };
        (0..count).map(value).collect()
    };
    let mut points = Vec::new();
    for note in along(pitch, notes, true) {
        for timbre in along(timbre, timbres, false) {
            let mut point: Point = info.controls.iter().map(|control| control.default).collect();
            [note, timbre].into_iter().flatten().for_each(|(place, value)| point[place] = value);
            points.push(point);
        }
    }
    points
}

/// The grid that models are judged by.
pub fn full_grid(info: &ModelInfo) -> Vec<Point> {
    grid(info, NOTES, TIMBRES)
}

/// Plays every point for some seconds, each voice with its own random numbers, all of `seed`.
pub fn play(model: &SoundModel, points: &[Point], temperature: f32, seed: u64, seconds: f64) -> Vec<Vec<f32>> {
    let samples = (seconds * SAMPLE_RATE_HZ) as usize;
    let play = |(batch, points): (usize, &[Point])| -> Vec<Vec<f32>> {
        let controls: Vec<_> = points.iter().map(|point| export::controls(model, point, temperature)).collect();
        let mut state = SoundModelState::new(model, points.len());
        for (voice, controls) in controls.iter().enumerate() {
            state.start(model, voice, controls, seed, (batch * MAX_VOICES + voice) as u64);
        }
        let mut audio = vec![0.0; points.len() * samples];
        state.render(model, &controls, &mut audio);
        audio.chunks_exact(samples).map(<[f32]>::to_vec).collect()
    };
    points.par_chunks(MAX_VOICES).enumerate().map(play).collect::<Vec<_>>().concat()
}

/// Periods of all frames that are judged.
fn frames(sound: &[f32], hz: f64) -> Vec<Period> {
    let judged = &sound[(SKIPPED_S * SAMPLE_RATE_HZ) as usize..];
    let range = [hz / 3.3, hz * 3.3];
    judged.windows(FRAME).step_by(HOP).map(|frame| period::find(frame, SAMPLE_RATE_HZ, range)).collect()
}

/// The middle of the values.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(values, 0.5)
}

/// The value that a share of them lies below.
pub fn percentile(values: impl IntoIterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get((share * values.len() as f64) as usize).or(values.last()).copied().unwrap_or(0.0)
}

/// How a sound plays its note.
pub fn hear(sound: &[f32], note: f64) -> Voice {
    let hz = hz_of(note);
    let frames = frames(sound, hz);
    let is_off = |p: &&Period| p.correlation < NOISY || cents(p.hz, hz).abs() > OFF_CENTS;
    Voice {
        cents: median(frames.iter().map(|p| cents(p.hz, hz))),
        correlation: median(frames.iter().map(|p| p.correlation)),
        off: frames.iter().filter(is_off).count() as f64 / frames.len().max(1) as f64,
        level_db: rms_db(&sound[(SKIPPED_S * SAMPLE_RATE_HZ) as usize..]),
    }
}

/// Plays the points and hears each at its note.
pub fn voices(model: &SoundModel, points: &[Point], temperature: f32, seed: u64) -> Vec<Voice> {
    let notes = notes(model.info(), points);
    let sounds = play(model, points, temperature, seed, GRID_S);
    sounds.par_iter().zip(notes).map(|(sound, note)| hear(sound, note)).collect()
}

/// MIDI note of every point; middle C without pitch.
pub fn notes(info: &ModelInfo, points: &[Point]) -> Vec<f64> {
    let place = info.control("pitch").map(|(place, _)| place);
    points.iter().map(|point| place.map_or(60.0, |place| f64::from(point[place]))).collect()
}

impl Grid {
    /// Sums up.
    pub fn of(voices: &[Voice]) -> Self {
        let level = median(voices.iter().map(|v| v.level_db));
        let is_octave = |v: &&Voice| {
            [2.0, 3.0, 0.5, 1.0 / 3.0].iter().any(|ratio: &f64| (v.cents - 1200.0 * ratio.log2()).abs() < 100.0)
        };
        Self {
            voices: voices.len(),
            cents_median: median(voices.iter().map(|v| v.cents.abs())),
            cents_p95: percentile(voices.iter().map(|v| v.cents.abs()), 0.95),
            cents_bias: median(voices.iter().map(|v| v.cents)),
            noisy: voices.iter().filter(|v| v.correlation < NOISY).count(),
            octaves: voices.iter().filter(is_octave).count(),
            dead: voices.iter().filter(|v| v.level_db < level + DEAD_DB).count(),
        }
    }

    /// Smaller is better: failures first, then how far the worst are off.
    pub fn badness(&self) -> f64 {
        FAILURE * (self.noisy + self.octaves + self.dead) as f64 + self.cents_p95 + 5.0 * self.cents_median
    }
}

impl Held {
    /// Plays three notes at three timbres for half a minute.
    pub fn of(model: &SoundModel, temperature: f32) -> Self {
        let points = grid(model.info(), 3, TIMBRES);
        let is_pitched = model.info().control("pitch").is_some();
        let sounds = play(model, &points, temperature, SEED, HELD_S);
        let end = (END_S * SAMPLE_RATE_HZ) as usize;
        let each: Vec<[f64; 4]> = sounds
            .par_iter()
            .zip(notes(model.info(), &points))
            .map(|(sound, note)| {
                let judged = &sound[(SKIPPED_S * SAMPLE_RATE_HZ) as usize..];
                let (first, last) = (&judged[..end], &judged[judged.len() - end..]);
                let tune = |part: &[f32]| median(frames(part, hz_of(note)).iter().map(|p| cents(p.hz, hz_of(note))));
                let centroid = |part: &[f32]| centroid_hz(&bands(part));
                [
                    if is_pitched { hear(sound, note).off } else { 0.0 },
                    if is_pitched { (tune(last) - tune(first)).abs() } else { 0.0 },
                    (rms_db(last) - rms_db(first)).abs(),
                    (centroid(last) / centroid(first) - 1.0).abs(),
                ]
            })
            .collect();
        let most = |place: usize| each.iter().map(|e| e[place]).fold(0.0, f64::max);
        Self {
            voices: each.len(),
            off_mean: each.iter().map(|e| e[0]).sum::<f64>() / each.len().max(1) as f64,
            off_worst: most(0),
            pitch_drift_cents: most(1),
            level_drift_db: most(2),
            centroid_drift: most(3),
        }
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let percent = [self.off_mean, self.off_worst, self.centroid_drift].map(|share| 100.0 * share);
        let [mean, worst, centroid] = percent;
        let (cents, db) = (self.pitch_drift_cents, self.level_drift_db);
        write!(
            f,
            "{mean:.2} % of frames off, worst voice {worst:.2} %; drifts {cents:.1} cents, {db:.2} dB, centroid {centroid:.1} %"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::nn::naive::noise;

    #[test]
    fn voices_that_fail_are_counted_by_how_they_fail() {
        let tone = |note: f64, level: f32| -> Vec<f32> {
            let step = std::f64::consts::TAU * hz_of(note) / SAMPLE_RATE_HZ;
            (0..20_000).map(|t| level * (step * t as f64).sin() as f32).collect()
        };
        let hiss: Vec<f32> = noise(1, 20_000).iter().map(|x| 0.3 * x).collect();
        let sounds = [tone(70.0, 0.3), tone(70.05, 0.3), tone(82.0, 0.3), hiss, tone(70.0, 0.01), tone(69.97, 0.3)];
        let voices: Vec<Voice> = sounds.iter().map(|sound| hear(sound, 70.0)).collect();
        let grid = Grid::of(&voices);
        assert_eq!((grid.voices, grid.noisy, grid.octaves, grid.dead), (6, 1, 1, 1));
        assert!((voices[1].cents - 5.0).abs() < 0.1 && (voices[5].cents + 3.0).abs() < 0.1, "{voices:?}");
        assert_eq!((voices[0].off, voices[2].off, voices[3].off), (0.0, 1.0, 1.0));
        assert!(Grid::of(&voices[..2]).badness() < grid.badness());
    }
}
