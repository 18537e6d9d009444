//! Machines with a steady tone that a wavetable can learn, and a set of periods drawn from all over their knobs.
//!
//! Each has conditions, which the network is told, and one setting that it is not told: something for its latent to find.
pub mod bowed_string;
pub mod fm;
pub mod reed;
pub mod voice;

use super::dataset::alignment::align;
use super::dataset::{About, Condition, Dataset};
use anyhow::{Result, bail};
use kernels::checkpoint::{ControlInfo, Curve};
use kernels::wavetable::period::{Period, Synthesis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Rate at which machines run, in Hz.
pub const RATE_HZ: f64 = 48_000.0;
/// Samples of a period; 512 hold 255 harmonics.
pub const PERIOD: usize = 512;

/// A machine with a steady tone.
pub trait Machine: Sync {
    /// Name of its model's file.
    fn name(&self) -> &'static str;

    /// What it is, for the model's description.
    fn description(&self) -> &'static str;

    /// Its conditions.
    fn controls(&self) -> Vec<ControlInfo>;

    /// One period at values of the conditions, in their units, and at the hidden setting, 0..1; none if nothing steady sounds.
    fn period(&self, values: &[f64], hidden: f64) -> Option<Period>;

    /// Are periods still to be turned to each other? Otherwise they begin where the machine begins them.
    fn turns(&self) -> bool;
}

/// The machine of that name.
pub fn machine(name: &str) -> Result<Box<dyn Machine>> {
    Ok(match name {
        "bowed_string" => Box::new(bowed_string::String),
        "voice" => Box::new(voice::Voice),
        "reed" => Box::new(reed::Reed),
        "fm" => Box::new(fm::Fm),
        _ => bail!("--source {name}: expected bowed_string, voice, reed or fm"),
    })
}

/// A condition as the file declares it, its knob as wide as the training.
fn control(id: &str, name: &str, unit: &str, [min, max]: [f32; 2], default: f32, curve: Curve) -> ControlInfo {
    ControlInfo {
        id: id.into(),
        name: name.into(),
        unit: unit.into(),
        min,
        max,
        default,
        trained_min: min,
        trained_max: max,
        curve,
        steps: None,
    }
}

/// Pitch in Hz; a knob of the whole keyboard.
fn pitch(trained_hz: [f32; 2]) -> ControlInfo {
    let [trained_min, trained_max] = trained_hz;
    let default = (trained_min * trained_max).sqrt();
    ControlInfo { trained_min, trained_max, ..control("pitch", "Pitch", "Hz", [20.0, 12_000.0], default, Curve::Log) }
}

/// Periods at `count` places spread evenly over all conditions and the hidden setting.
///
/// The places are an additive recurrence by the powers of the root of `x^(d+1) = x + 1` (Roberts 2018): more even than
/// chance, so that a tenth held out is spread evenly as well. The seed moves them all.
pub fn record(machine: &dyn Machine, count: usize, seed: u64) -> Dataset {
    let controls = machine.controls();
    let places = places(controls.len() + 1, count, seed);
    let synthesis = Synthesis::new(PERIOD);
    let rows: Vec<_> = places
        .par_iter()
        .filter_map(|place| {
            let values: Vec<f64> = controls.iter().zip(place).map(|(control, share)| value(control, *share)).collect();
            let hidden = place[controls.len()];
            Some((machine.period(&values, hidden)?, place.clone(), values))
        })
        .collect();
    let (mut periods, mut kept, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (period, place, of_controls) in rows {
        periods.push(period);
        kept.push(place);
        values.push(of_controls);
    }
    if machine.turns() {
        align(&mut periods, &kept);
    }
    let condition = |c: &ControlInfo| Condition {
        id: c.id.clone(),
        min: c.trained_min,
        max: c.trained_max,
        log: c.curve == Curve::Log,
    };
    let mut set = Dataset::empty(About {
        name: machine.name().into(),
        period: PERIOD,
        differences: false,
        body: false,
        sample_rate_hz: RATE_HZ,
        conditions: controls.iter().map(condition).collect(),
        rejected: count - periods.len(),
        seed,
    });
    for ((period, place), values) in periods.iter().zip(kept).zip(values) {
        let rms = period.rms();
        set.push(synthesis.samples(period).into_iter().map(|x| x / rms), &values, rms, 1);
        set.hidden.push(place[controls.len()] as f32);
    }
    set
}

/// Points of 0..1 in some dimensions.
fn places(dimensions: usize, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut root = 1.0f64;
    for _ in 0..64 {
        root = (1.0 + root).powf(1.0 / (dimensions as f64 + 1.0));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let starts: Vec<f64> = (0..dimensions).map(|_| rng.random()).collect();
    let place = |n: usize| {
        let along = |(d, start): (usize, &f64)| (start + n as f64 * root.powi(-(d as i32) - 1)).fract();
        starts.iter().enumerate().map(along).collect()
    };
    (0..count).map(place).collect()
}

/// The value at a share of the trained span.
fn value(control: &ControlInfo, share: f64) -> f64 {
    let (min, max) = (f64::from(control.trained_min), f64::from(control.trained_max));
    if control.curve == Curve::Log { min * (max / min).powf(share) } else { min + (max - min) * share }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_evenly_in_every_dimension() {
        for dimensions in [1, 4] {
            let places = places(dimensions, 1000, 1);
            for d in 0..dimensions {
                let mut tenths = [0; 10];
                places.iter().for_each(|place| tenths[(10.0 * place[d]) as usize] += 1);
                assert!(tenths.iter().all(|n| (90..=110).contains(n)), "{d}: {tenths:?}");
            }
        }
    }
}
