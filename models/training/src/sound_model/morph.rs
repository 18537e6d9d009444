//! Between two recorded notes: their harmonics are met halfway, on a clock that is met halfway too, and what is no harmonic is
//! cross-faded.
//!
//! Magnitudes go along straight lines in dB, as in a morph of spectrograms; phases need no reconstruction from them, since a
//! harmonic's phase is known beside the note's clock.
use super::waveguide::level;
use super::{SAMPLE_RATE_HZ, clock, hz_of};
use anyhow::{Result, ensure};
use realfft::num_complex::Complex;
use std::f64::consts::TAU;

/// Periods over which a harmonic is averaged to find it.
const PERIODS: f64 = 6.0;
/// Highest harmonic that is followed, in Hz.
const HIGHEST_HZ: f64 = 7_600.0;
/// Time over which a note's level is evened out, in seconds.
const EVEN_S: f64 = 0.15;
/// Smallest magnitude of a harmonic: below it there is only noise to interpolate.
const SMALLEST: f64 = 1e-6;

/// A note taken apart.
#[derive(Clone, Debug)]
pub struct Parts {
    /// MIDI note.
    note: f64,
    /// Phase of the fundamental in turns, without jumps.
    turns: Vec<f64>,
    /// Of every harmonic: magnitude's logarithm, and phase beside the clock in turns, without jumps; `[harmonic][sample]`.
    harmonics: Vec<Vec<[f64; 2]>>,
    /// What is left.
    rest: Vec<f64>,
}

impl Parts {
    /// Takes a steady note apart; its level is evened out first.
    pub fn of(sound: &[f32], note: f64) -> Result<Self> {
        let mut sound = even(sound);
        level(&mut sound);
        let hz = hz_of(note);
        ensure!(sound.len() as f64 > 4.0 * PERIODS * SAMPLE_RATE_HZ / hz, "{} samples: too few to follow", sound.len());
        let mut turns: Vec<f64> = clock::phases_turns(&sound, hz, SAMPLE_RATE_HZ)?.into_iter().map(f64::from).collect();
        unwrap(turns.iter_mut());
        let mut rest: Vec<f64> = sound.iter().map(|x| f64::from(*x)).collect();
        let half = (0.5 * PERIODS * SAMPLE_RATE_HZ / hz) as usize;
        let mut harmonics = Vec::new();
        for h in 1..=(HIGHEST_HZ / hz) as usize {
            let unit = |t: usize| Complex::from_polar(1.0, TAU * h as f64 * turns[t]);
            let turned: Vec<_> = sound.iter().enumerate().map(|(t, x)| unit(t).conj() * 2.0 * f64::from(*x)).collect();
            // Twice: a triangle, whose side lobes are those of a box squared.
            let found = averaged(&averaged(&turned, half / 2), half / 2);
            for (t, (rest, c)) in rest.iter_mut().zip(&found).enumerate() {
                *rest -= (c * unit(t)).re;
            }
            let mut polar: Vec<[f64; 2]> = found.iter().map(|c| [c.norm().max(SMALLEST).ln(), c.arg() / TAU]).collect();
            unwrap(polar.iter_mut().map(|p| &mut p[1]));
            harmonics.push(polar);
        }
        Ok(Self { note, turns, harmonics, rest })
    }

    /// The note at `share` (0..1) of the way to another one, in timbre and in pitch.
    pub fn toward(&self, other: &Self, share: f64) -> Vec<f32> {
        let count = self.rest.len().min(other.rest.len());
        let between = |a: f64, b: f64| a + share * (b - a);
        // Where the harmonics' phases of both lie to each other at the start, the shorter way round.
        let shortest = |h: usize| (self.harmonics[h][0][1] - other.harmonics[h][0][1]).round();
        let note = between(self.note, other.note);
        let drift =
            |parts: &Self, t: usize| parts.turns[t] - parts.turns[0] - hz_of(parts.note) / SAMPLE_RATE_HZ * t as f64;
        let start = between(self.turns[0], other.turns[0] + (self.turns[0] - other.turns[0]).round());
        let heard = self.harmonics.len().min(other.harmonics.len());
        let shifts: Vec<f64> = (0..heard).map(shortest).collect();
        let fades = [(1.0 - share).sqrt(), share.sqrt()];
        let mut sound: Vec<f32> = (0..count)
            .map(|t| {
                let turns = start + hz_of(note) / SAMPLE_RATE_HZ * t as f64 + between(drift(self, t), drift(other, t));
                let harmonics: f64 = (0..heard)
                    .map(|h| {
                        let ([a, p], [b, q]) = (self.harmonics[h][t], other.harmonics[h][t]);
                        let phase = (h + 1) as f64 * turns + between(p, q + shifts[h]);
                        between(a, b).exp() * (TAU * phase).cos()
                    })
                    .sum();
                (harmonics + fades[0] * self.beyond(heard, t) + fades[1] * other.beyond(heard, t)) as f32
            })
            .collect();
        level(&mut sound);
        sound
    }
}

impl Parts {
    /// What is no harmonic that the other note has too.
    fn beyond(&self, heard: usize, t: usize) -> f64 {
        let own = self.harmonics.iter().enumerate().skip(heard).map(|(h, polar)| {
            let [magnitude, phase] = polar[t];
            magnitude.exp() * (TAU * ((h + 1) as f64 * self.turns[t] + phase)).cos()
        });
        self.rest[t] + own.sum::<f64>()
    }
}

/// Phases in turns, each brought within half a turn of the one before.
fn unwrap<'a>(phases: impl Iterator<Item = &'a mut f64>) {
    let mut last = None;
    for phase in phases {
        if let Some(last) = last {
            let last: f64 = last;
            *phase += (last - *phase).round();
        }
        last = Some(*phase);
    }
}

/// Means over `half` samples to either side, fewer at the ends.
fn averaged(values: &[Complex<f64>], half: usize) -> Vec<Complex<f64>> {
    let mut sums: Vec<Complex<f64>> = vec![Complex::default(); values.len() + 1];
    for (t, value) in values.iter().enumerate() {
        sums[t + 1] = sums[t] + value;
    }
    let mean = |t: usize| {
        let (from, to) = (t.saturating_sub(half), (t + half + 1).min(values.len()));
        (sums[to] - sums[from]) / (to - from) as f64
    };
    (0..values.len()).map(mean).collect()
}

/// The sound over its own level around each sample.
fn even(sound: &[f32]) -> Vec<f32> {
    let half = (0.5 * EVEN_S * SAMPLE_RATE_HZ) as usize;
    let squares: Vec<_> = sound.iter().map(|x| Complex::new(f64::from(*x).powi(2), 0.0)).collect();
    let levels = averaged(&squares, half);
    sound.iter().zip(levels).map(|(x, square)| x / square.re.sqrt().max(1e-6) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound_model::waveguide::tuning;

    /// A note of three harmonics, the second and third by amount.
    fn note(note: f64, amounts: [f64; 3]) -> Vec<f32> {
        let step = hz_of(note) / SAMPLE_RATE_HZ;
        let at = |t: usize, h: usize| amounts[h] * (TAU * ((h + 1) as f64 * step * t as f64 + 0.1 * h as f64)).sin();
        (0..12_000).map(|t| (0..3).map(|h| at(t, h)).sum::<f64>() as f32).collect()
    }

    #[test]
    fn a_morph_begins_and_ends_as_the_notes_and_lies_halfway_in_db_and_pitch_between() {
        let (a, b) = (note(72.0, [1.0, 0.1, 0.5]), note(74.0, [1.0, 0.4, 0.5]));
        let (from, to) = (Parts::of(&a, 72.0).unwrap(), Parts::of(&b, 74.0).unwrap());
        for (sound, original) in [(from.toward(&to, 0.0), &a), (from.toward(&to, 1.0), &b)] {
            let mut expected = even(original);
            level(&mut expected);
            let off = sound.iter().zip(&expected).fold(0.0f32, |m, (x, y)| m.max((x - y).abs()));
            assert!(off < 2e-3, "{off}");
        }
        let middle = from.toward(&to, 0.5);
        let (cents, correlation) = tuning(&middle[2000..10_000], 73.0);
        assert!(cents.abs() < 1.0 && correlation > 0.99, "{cents}, {correlation}");
        let found = Parts::of(&middle, 73.0).unwrap();
        let db =
            |h: usize| (found.harmonics[h][6000][0] - found.harmonics[0][6000][0]) * 20.0 / std::f64::consts::LN_10;
        assert!((db(1) + 14.0).abs() < 0.3 && (db(2) + 6.0).abs() < 0.3, "{}, {}", db(1), db(2));
    }
}
