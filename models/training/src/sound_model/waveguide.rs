//! A reed on a bore that is blown somewhere along it: from a clarinet (the middle) to a saxophone (nearer to one end).
//!
//! The blown string of Scavone's Saxofony (STK, Cook and Scavone): two delays on either side of the reed, whose ratio is the
//! place of the reed; one model, so that everything between two timbres is as real as they are.
use super::{SAMPLE_RATE_HZ, cents, hz_of, period};
use crate::resample::resample;
use anyhow::Result;
use kernels::nn::naive::noise;

/// Rate of the bore; three times the model's, so that tuning by linear interpolation keeps the treble.
const RATE_HZ: f64 = 48_000.0;
/// Place of the reed for timbre 0 and 1, of the bore.
const PLACES: [f64; 2] = [0.50, 0.40];
/// Pressure of the breath.
const BREATH: f64 = 0.75;
/// Noise of the breath, of its pressure.
const BREATH_NOISE: f64 = 0.05;
/// Seconds until the tone stands, cut away.
const ATTACK_S: f64 = 0.5;
/// Samples by which the bore is shorter than a period, besides what [`Player::tune`] finds.
const DELAY_OF_FILTERS: f64 = 2.5;
/// Root mean square of a note.
pub const RMS: f32 = 0.2;

/// A delay of any length, read between two samples.
struct Delay {
    line: Vec<f64>,
    write: usize,
    length: f64,
}

impl Delay {
    fn new(length: f64) -> Self {
        Self { line: vec![0.0; length as usize + 3], write: 0, length }
    }

    fn read(&self) -> f64 {
        let size = self.line.len();
        let (whole, part) = (self.length as usize, self.length.fract());
        let back = |n: usize| self.line[(self.write + size - n) % size];
        (1.0 - part) * back(whole) + part * back(whole + 1)
    }

    fn write(&mut self, x: f64) {
        self.line[self.write] = x;
        self.write = (self.write + 1) % self.line.len();
    }
}

/// One note.
#[derive(Clone, Copy, Debug)]
pub struct Player {
    /// MIDI note.
    pub note: f64,
    /// 0 reed to 1 sax.
    pub timbre: f64,
    /// Decides the breath's noise.
    pub seed: u64,
}

impl Player {
    /// The note in tune, at the model's rate, the attack cut away, without offset, at a level of [`RMS`].
    pub fn play(&self, seconds: f64) -> Result<Vec<f32>> {
        let mut shorter = DELAY_OF_FILTERS;
        // How much the loop's filters delay depends on note and timbre; the second look mends what the first left.
        for _ in 0..2 {
            shorter += self.tune(shorter)?;
        }
        self.sound(shorter, seconds)
    }

    /// Samples by which a bore that is so much shorter than a period still sounds too low.
    fn tune(&self, shorter: f64) -> Result<f64> {
        let hz = hz_of(self.note);
        let sound = self.sound(shorter, 0.4)?;
        let mut found: Vec<f64> = sound
            .windows(period::FRAME)
            .step_by(512)
            .map(|frame| period::find(frame, SAMPLE_RATE_HZ, [0.7 * hz, 1.4 * hz]).hz)
            .collect();
        found.sort_by(f64::total_cmp);
        Ok(RATE_HZ / found[found.len() / 2] - RATE_HZ / hz)
    }

    fn sound(&self, shorter: f64, seconds: f64) -> Result<Vec<f32>> {
        let bore = RATE_HZ / hz_of(self.note) - shorter;
        let place = PLACES[0] + (PLACES[1] - PLACES[0]) * self.timbre;
        let (mut long, mut short) = (Delay::new((1.0 - place) * bore), Delay::new(place * bore));
        let attack = (ATTACK_S * RATE_HZ) as usize;
        let count = attack + (seconds * RATE_HZ) as usize;
        let mut last = 0.0;
        let played: Vec<f32> = noise(self.seed, count)
            .into_iter()
            .enumerate()
            .map(|(t, hiss)| {
                let rise = (t as f64 / (0.02 * RATE_HZ)).min(1.0);
                let breath = rise * BREATH * (1.0 + BREATH_NOISE * f64::from(hiss));
                let back = long.read();
                let reflected = -0.95 * 0.5 * (back + last);
                last = back;
                let out = reflected - short.read();
                let difference = breath - out;
                let reed = (0.7 + 0.3 * difference).clamp(-1.0, 1.0);
                short.write(reflected);
                long.write(breath - difference * reed - reflected);
                out as f32
            })
            .collect();
        let mut sound = resample(&played, RATE_HZ, SAMPLE_RATE_HZ)?.split_off((ATTACK_S * SAMPLE_RATE_HZ) as usize);
        level(&mut sound);
        Ok(sound)
    }
}

/// Takes the offset away and sets the level to [`RMS`], or lower where peaks would be cut.
pub fn level(sound: &mut [f32]) {
    let count = sound.len().max(1) as f32;
    let mean = sound.iter().sum::<f32>() / count;
    sound.iter_mut().for_each(|x| *x -= mean);
    let rms = (sound.iter().map(|x| x * x).sum::<f32>() / count).sqrt();
    let peak = sound.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    if rms > 1e-6 {
        let gain = (RMS / rms).min(0.98 / peak);
        sound.iter_mut().for_each(|x| *x *= gain);
    }
}

/// How far a sound is from a note, in cents, and how regular it is: medians over its frames.
pub fn tuning(sound: &[f32], note: f64) -> (f64, f64) {
    let hz = hz_of(note);
    let frames: Vec<_> = sound
        .windows(period::FRAME)
        .step_by(1024)
        .map(|frame| period::find(frame, SAMPLE_RATE_HZ, [hz / 3.3, hz * 3.3]))
        .collect();
    let median = |value: fn(&period::Period) -> f64| {
        let mut values: Vec<f64> = frames.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (cents(median(|p| p.hz), hz), median(|p| p.correlation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::rms_db;

    #[test]
    fn notes_over_two_octaves_are_in_tune_steady_and_regular() {
        for (note, timbre) in
            [(55.0, 0.0), (55.0, 1.0), (61.0, 0.5), (67.0, 1.0), (73.0, 0.25), (79.0, 0.0), (79.0, 1.0)]
        {
            let sound = Player { note, timbre, seed: 5 }.play(0.6).unwrap();
            let (off, regular) = tuning(&sound, note);
            assert!(off.abs() < 1.0 && regular > 0.98, "{note}, {timbre}: {off} cents, {regular}");
            let (first, last) = (rms_db(&sound[..3000]), rms_db(&sound[sound.len() - 3000..]));
            assert!((first - last).abs() < 0.5, "{note}, {timbre}: {first} to {last} dB");
        }
    }
}
