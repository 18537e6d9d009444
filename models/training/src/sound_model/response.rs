//! How a model follows its player: a step from pitch to pitch, and a glide over all that it knows.
use super::evaluate::{median, percentile};
use super::{SAMPLE_RATE_HZ, cents, export, hz_of, period};
use kernels::sound_model::{SoundModel, SoundModelState};
use serde::Serialize;

/// Voices that are heard.
const VOICES: usize = 12;
/// Samples before a step, and after it.
const BEFORE: usize = 8_000;
const AFTER: usize = 8_000;
/// A step up by so many semitones, in the middle of the range.
const STEP_SEMITONES: f32 = 4.0;
/// A voice has arrived when it stays so near, in cents, for so many samples.
const NEAR_CENTS: f64 = 50.0;
const STAY: usize = 800;
/// Samples between two looks.
const LOOK: usize = 8;
/// Periods of the old note that are compared with the ones after them.
const PERIODS: f64 = 2.0;
/// Samples of a glide, and between two values of its pitch.
const GLIDE: usize = 32_000;
const VALUE: usize = 16;
/// Of what is drawn.
const SEED: u64 = 6;

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Response {
    /// Samples from a step until the new pitch stands, median over the voices that arrive; the ear's window is a part of it.
    pub step_samples: f64,
    /// The same of a sound that steps at once.
    pub step_samples_ideal: f64,
    /// Share of the voices that arrive.
    pub arrived: f64,
    /// How far a glide of two seconds is from its pitch, in cents: median.
    pub glide_cents_median: f64,
    /// Of its worst twentieth.
    pub glide_cents_p95: f64,
}

impl Response {
    /// None for a model without pitch.
    pub fn of(model: &SoundModel, temperature: f32) -> Option<Self> {
        let (place, control) = model.info().control("pitch")?;
        let low = (0.5 * (control.trained_min + control.trained_max - STEP_SEMITONES)).round();
        let notes = [low, low + STEP_SEMITONES];
        let step = |sample: usize| notes[usize::from(sample >= BEFORE)];
        let sounds = play(model, place, temperature, BEFORE + AFTER, step);
        let arrivals: Vec<f64> = sounds.iter().filter_map(|sound| arrival(sound, notes)).collect();
        let span = control.trained_max - control.trained_min;
        let glide = |sample: usize| control.trained_min + span * sample as f32 / GLIDE as f32;
        let mut off = Vec::new();
        for sound in play(model, place, temperature, GLIDE, glide) {
            for start in (BEFORE / 2..GLIDE - BEFORE / 2).step_by(200) {
                let note = f64::from(glide(start));
                // The ear hears the middle of what it compares.
                let window = (PERIODS * SAMPLE_RATE_HZ / hz_of(note)) as usize;
                let hz = hear(&sound[start - window..], hz_of(note), window);
                off.push(cents(hz, hz_of(note)).abs());
            }
        }
        Some(Self {
            step_samples: median(arrivals.iter().copied()),
            step_samples_ideal: arrival(&ideal(notes), notes).unwrap_or(0.0),
            arrived: arrivals.len() as f64 / sounds.len() as f64,
            glide_cents_median: median(off.iter().copied()),
            glide_cents_p95: percentile(off, 0.95),
        })
    }
}

/// Voices whose pitch moves as `note` says, everything else at its default.
fn play(
    model: &SoundModel,
    place: usize,
    temperature: f32,
    samples: usize,
    note: impl Fn(usize) -> f32,
) -> Vec<Vec<f32>> {
    let mut values: Vec<f32> = model.info().controls.iter().map(|control| control.default).collect();
    let mut state = SoundModelState::new(model, VOICES);
    let mut sounds = vec![Vec::new(); VOICES];
    let mut audio = [0.0; VALUE * VOICES];
    for sample in (0..samples).step_by(VALUE) {
        values[place] = note(sample);
        let controls = [export::controls(model, &values, temperature); VOICES];
        if sample == 0 {
            (0..VOICES).for_each(|voice| state.start(model, voice, &controls[voice], SEED, voice as u64));
        }
        state.render(model, &controls, &mut audio);
        sounds.iter_mut().zip(audio.chunks_exact(VALUE)).for_each(|(sound, part)| sound.extend(part));
    }
    sounds
}

/// A sine that steps at once.
fn ideal(notes: [f32; 2]) -> Vec<f32> {
    let mut turns = 0.0;
    (0..BEFORE + AFTER)
        .map(|sample| {
            turns += hz_of(notes[usize::from(sample >= BEFORE)].into()) / SAMPLE_RATE_HZ;
            (turns * std::f64::consts::TAU).sin() as f32
        })
        .collect()
}

/// Frequency of the first samples, looked for within a sixth around `hz`.
fn hear(sound: &[f32], hz: f64, window: usize) -> f64 {
    period::near(sound, SAMPLE_RATE_HZ, [hz / 1.4, hz * 1.4], window).hz
}

/// Samples from the step until the new pitch stands.
fn arrival(sound: &[f32], [old, new]: [f32; 2]) -> Option<f64> {
    let hz = hz_of(new.into());
    let window = (PERIODS * SAMPLE_RATE_HZ / hz_of(old.into())) as usize;
    // What is heard from here on has been said when the compared stretch has ended.
    let is_near = |start: usize| cents(hear(&sound[start..], hz, window), hz).abs() < NEAR_CENTS;
    let looks: Vec<bool> = (0..(AFTER / 2 + STAY) / LOOK).map(|n| is_near(BEFORE + n * LOOK - window)).collect();
    let first = looks.windows(STAY / LOOK).position(|stay| stay.iter().all(|near| *near))?;
    Some((first * LOOK) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ideal_step_arrives_within_the_ears_own_window() {
        let found = arrival(&ideal([64.0, 68.0]), [64.0, 68.0]).unwrap();
        assert!((0.0..110.0).contains(&found), "{found}");
        assert_eq!(arrival(&ideal([64.0, 64.0]), [64.0, 68.0]), None);
    }
}
