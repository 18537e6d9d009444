//! What the author of Sinclair 2017 recorded of the string: a grid of settings, a random walk, and a known trajectory.
//!
//! After the program `generate_bowed_samples` of the author's repository. Frames are 201 samples, about two periods of the
//! tuned 476.5 Hz; the name's "velocity" and "volume" are one parameter of the string.
use crate::wavetable::bowed_string::BowedString;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::f64::consts::PI;

/// Samples of a record.
pub const RECORD: usize = 201;
/// Rate of all published recordings, in Hz.
pub const RATE_HZ: f64 = 48_000.0;
/// Pitch that the string is tuned to, in Hz.
const TUNED_HZ: f64 = 476.5;
/// Values of a controller.
const STEPS: usize = 129;
/// A cell of the grid sounds when its RMS is above this.
const GRID_SOUNDS: f64 = 1e-5;
/// A capture of the walk is kept when its RMS is above this.
const WALK_SOUNDS: f64 = 1e-3;
/// Longest wait between two captures of the walk, in samples.
const LONGEST_WAIT: f64 = 24_000.0;
/// Records of each of the trajectory's parts.
const PART: usize = 238;

/// 201 samples and what they were played with.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Bow pressure, 0..128.
    pub pressure: f64,
    /// Bow position, 0..128.
    pub position: f64,
    /// `[RECORD]` samples.
    pub sound: Vec<f64>,
}

impl Record {
    /// RMS, summed in 32 bits as the author's program does.
    pub fn rms(&self) -> f64 {
        let sum = self.sound.iter().fold(0.0f32, |sum, x| (f64::from(sum) + x * x) as f32);
        f64::from(sum / RECORD as f32).sqrt()
    }
}

/// Settings of the grid, pressure by pressure.
fn cells() -> impl Iterator<Item = (usize, usize)> {
    (0..STEPS).flat_map(|pressure| (0..STEPS).map(move |position| (pressure, position)))
}

/// A string that was just set into motion.
fn played(pressure: f64, position: f64) -> BowedString {
    let mut string = BowedString::new(RATE_HZ);
    string.set_pressure(pressure / 128.0);
    string.set_position(position / 128.0);
    string.set_speed(100.0 / 128.0);
    string.note_on(TUNED_HZ, 100.0 / 128.0);
    string
}

/// One cell of the grid after a second, none if nothing sounds there.
pub fn cell(pressure: usize, position: usize) -> Option<Record> {
    let (pressure, position) = (pressure as f64, position as f64);
    let mut string = played(pressure, position);
    for _ in 0..RATE_HZ as usize - RECORD {
        string.step();
    }
    let record = Record { pressure, position, sound: (0..RECORD).map(|_| string.step()).collect() };
    (record.rms() > GRID_SOUNDS).then_some(record)
}

/// bowed1: all 129 x 129 settings, of which 15,731 sound. Takes about 45 s of one core.
pub fn grid() -> Vec<Record> {
    let cells: Vec<_> = cells().collect();
    cells.into_par_iter().filter_map(|(pressure, position)| cell(pressure, position)).collect()
}

/// bowed2: one string whose bow jumps to random places and is heard up to half a second later. Returns what sounded of
/// `captures`.
pub fn walk(captures: usize, seed: u64) -> Vec<Record> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut string = played(64.0, 64.0);
    let mut records = Vec::new();
    for _ in 0..captures {
        let (pressure, position) = (rng.random_range(0.0..128.0), rng.random_range(0.0..128.0));
        string.set_pressure(pressure / 128.0);
        string.set_position(position / 128.0);
        for _ in 0..rng.random_range(0.0..LONGEST_WAIT) as usize {
            string.step();
        }
        let record = Record { pressure, position, sound: (0..RECORD).map(|_| string.step()).collect() };
        if record.rms() > WALK_SOUNDS {
            records.push(record);
        }
    }
    records
}

/// Pressure and position of the known trajectory at `along` 0..1 of one of its three parts.
fn course(part: usize, along: f64) -> [f64; 2] {
    let swell = (-(along - 0.5).powi(2) / 0.04).exp();
    match part {
        0 => [64.0 + 64.0 * (4.0 * PI * along).sin() * swell, 48.0],
        1 => [64.0, 32.0 + 16.0 * (PI * along).cos()],
        _ => [64.0 + 64.0 * (2.0 * PI * along).sin() * swell, 32.0 - 16.0 * (PI * along).cos()],
    }
}

/// The trajectory on which parameters are estimated: 3 x 238 records, three seconds in all, after one part at rest.
pub fn trajectory() -> Vec<Record> {
    let [pressure, position] = course(0, 0.0);
    let mut string = played(pressure, position);
    for _ in 0..PART * RECORD {
        string.step();
    }
    let mut records = Vec::new();
    for part in 0..3 {
        for frame in 0..PART {
            let [pressure, position] = course(part, frame as f64 / PART as f64);
            let sound = (0..RECORD).map(|n| {
                let [pressure, position] = course(part, (frame * RECORD + n) as f64 / (PART * RECORD) as f64);
                string.set_pressure(pressure / 128.0);
                string.set_position(position / 128.0);
                string.step()
            });
            records.push(Record { pressure, position, sound: sound.collect() });
        }
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings that do not sound in the paper's data, by position; all other positions sound at every pressure.
    const REJECTED: [(usize, usize); 9] =
        [(0, 129), (1, 129), (2, 79), (3, 3), (124, 54), (125, 129), (126, 129), (127, 129), (128, 129)];

    fn rejected(position: usize) -> usize {
        (0..STEPS).into_par_iter().filter(|pressure| cell(*pressure, position).is_none()).count()
    }

    #[test]
    fn the_columns_at_the_edge_of_the_sounding_range_reject_what_stk_does() {
        for position in [2, 3, 124] {
            let expected = REJECTED.iter().find(|r| r.0 == position).map_or(0, |r| r.1);
            assert_eq!(rejected(position), expected, "position {position}");
        }
        for (pressure, position) in [(0, 64), (128, 4), (77, 123), (5, 43)] {
            assert!(cell(pressure, position).is_some(), "pressure {pressure}, position {position}");
        }
        for (pressure, position) in [(0, 0), (64, 1), (128, 125), (30, 128)] {
            assert!(cell(pressure, position).is_none(), "pressure {pressure}, position {position}");
        }
    }

    /// Run by hand, `cargo test -p training --release whole_grid -- --ignored`: 45 s of one core.
    #[test]
    #[ignore = "takes most of a minute"]
    fn the_whole_grid_has_the_papers_number_of_stable_cells() {
        let records = grid();
        assert_eq!(records.len(), 15_731);
        for position in 0..STEPS {
            let sounding = records.iter().filter(|r| r.position == position as f64).count();
            let expected = REJECTED.iter().find(|r| r.0 == position).map_or(0, |r| r.1);
            assert_eq!(STEPS - sounding, expected, "position {position}");
        }
    }

    #[test]
    fn a_walk_is_decided_by_its_seed() {
        let records = walk(40, 3);
        assert_eq!(records, walk(40, 3));
        assert_ne!(records, walk(40, 4));
        assert!((30..=40).contains(&records.len()), "{}", records.len());
    }

    #[test]
    fn a_constant_guess_scores_on_the_trajectory_what_it_is_known_to() {
        let records = trajectory();
        assert_eq!(records.len(), 714);
        for (guess, expected) in [([64.0, 64.0], 23.57), ([64.0, 32.0], 14.64)] {
            let error = |r: &Record| (r.pressure - guess[0]).powi(2) + (r.position - guess[1]).powi(2);
            let rms = (records.iter().map(error).sum::<f64>() / (2 * records.len()) as f64).sqrt();
            assert!((rms - expected).abs() < 0.05, "found {rms}, expected {expected}");
        }
        assert!(records.iter().all(|r| r.rms() > 1e-3));
    }
}
