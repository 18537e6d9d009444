//! Our own set: exact periods of the bare string at several pitches, corner first, level apart.
//!
//! Against the published set this puts no seam into a period, no flip, no pitch of the body and no 80 dB of level into
//! what a network has to learn: with the same network it explains more with no latent than the published one with it.
use super::{About, Condition, Dataset};
use crate::wavetable::bowed_string::BowedString;
use kernels::wavetable::period::{Period, Synthesis, period, samples_needed};
use rayon::prelude::*;

/// Quietest period that counts as sound, RMS.
const SOUNDS: f64 = 1e-5;

/// What to play and how to keep it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Pitches that the string is tuned to, in Hz, ascending.
    pub pitches_hz: Vec<f64>,
    /// Bow pressures, 0..128, ascending.
    pub pressures: Vec<f64>,
    /// Bow positions, 0..128, ascending. Beyond 64 the string is nearly the mirror of what it was before.
    pub positions: Vec<f64>,
    /// Samples of a period, even. 512 hold 255 harmonics: at 110 Hz all up to 24 kHz would be 218.
    pub period: usize,
    /// Does the body belong to the sound? It then moves with the pitch that the period is played at.
    pub body: bool,
    /// Rate of the string in Hz.
    pub sample_rate_hz: f64,
    /// Seconds that the string has to settle.
    pub settle_s: f64,
}

impl Default for Settings {
    /// 33 pressures, 62 positions on the bridge's half, 4 pitches: 8184 settings, about half a minute of one core.
    fn default() -> Self {
        Self {
            pitches_hz: vec![110.0, 220.0, 440.0, 880.0],
            pressures: (0..=128).step_by(4).map(f64::from).collect(),
            positions: (3..=64).map(f64::from).collect(),
            period: 512,
            body: false,
            sample_rate_hz: 48_000.0,
            settle_s: 1.0,
        }
    }
}

/// One period with its level and mode.
struct Row {
    conditions: [f64; 3],
    samples: Vec<f64>,
    rms: f64,
    mode: usize,
}

/// Plays every setting and keeps a period of each that sounds steadily.
pub fn record(settings: &Settings) -> Dataset {
    let mut cells = Vec::new();
    for pitch_hz in &settings.pitches_hz {
        for pressure in &settings.pressures {
            cells.extend(settings.positions.iter().map(|position| [*pressure, *position, *pitch_hz]));
        }
    }
    let synthesis = Synthesis::new(settings.period);
    let rows: Vec<Row> = cells.par_iter().filter_map(|conditions| row(settings, &synthesis, *conditions)).collect();
    let ends = |values: &[f64]| {
        let end = |value: Option<&f64>| value.copied().unwrap_or(0.0) as f32;
        (end(values.first()), end(values.last()))
    };
    let column = |id: &str, values: &[f64], log| {
        let (min, max) = ends(values);
        Condition { id: id.into(), min, max, log }
    };
    let mut set = Dataset::empty(About {
        name: "strings".into(),
        period: settings.period,
        differences: false,
        body: settings.body,
        sample_rate_hz: settings.sample_rate_hz,
        conditions: vec![
            column("pressure", &settings.pressures, false),
            column("position", &settings.positions, false),
            column("pitch", &settings.pitches_hz, true),
        ],
        rejected: cells.len() - rows.len(),
        // Nothing here is drawn by chance.
        seed: 0,
    });
    for row in rows {
        set.push(row.samples, &row.conditions, row.rms, row.mode);
    }
    set
}

/// One setting's period with an RMS of 1, none if nothing steady sounds.
fn row(settings: &Settings, synthesis: &Synthesis, conditions: [f64; 3]) -> Option<Row> {
    let [pressure, position, pitch_hz] = conditions;
    let mut string = BowedString::new(settings.sample_rate_hz);
    string.set_pressure(pressure / 128.0);
    string.set_position(position / 128.0);
    string.set_speed(100.0 / 128.0);
    string.note_on(pitch_hz, 100.0 / 128.0);
    let mut step = || if settings.body { string.step() } else { string.step_string() };
    for _ in 0..(settings.settle_s * settings.sample_rate_hz) as usize {
        step();
    }
    let tuned_samples = settings.sample_rate_hz / pitch_hz;
    let mut sound: Vec<f64> = (0..samples_needed(tuned_samples)).map(|_| step()).collect();
    // The bare string stands off its rest by what the bow pulls: no part of a tone, and it would look like resemblance.
    let mean = sound.iter().sum::<f64>() / sound.len() as f64;
    sound.iter_mut().for_each(|x| *x -= mean);

    let period_samples = period(&sound, tuned_samples)?;
    let mut tone = Period::of(&sound, period_samples, settings.period / 2 - 1);
    let rms = tone.rms();
    if rms <= SOUNDS {
        return None;
    }
    tone.start_at(synthesis.corner_turns(&tone));
    let samples = synthesis.samples(&tone).into_iter().map(|x| x / rms).collect();
    Some(Row { conditions, samples, rms, mode: tone.mode() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Settings {
        Settings {
            pitches_hz: vec![220.0, 476.5],
            pressures: vec![40.0, 42.0, 100.0],
            positions: vec![1.0, 20.0, 21.0, 64.0],
            settle_s: 0.5,
            ..Settings::default()
        }
    }

    #[test]
    fn every_period_has_unit_rms_no_mean_and_its_corner_first() {
        let set = record(&small());
        assert_eq!((set.about.period, set.len() + set.about.rejected), (512, 24));
        assert!(set.len() >= 16, "{} rows", set.len());
        for row in 0..set.len() {
            let frame = set.frame(row);
            let power = frame.iter().map(|x| x * x).sum::<f32>() / 512.0;
            assert!((power - 1.0).abs() < 1e-3, "row {row}: power {power}");
            assert!(frame.iter().sum::<f32>().abs() < 1e-3);
            let largest = frame.iter().fold(0.0f32, |m, x| m.max(x.abs()));
            assert!(frame[0].abs() > 0.99 * largest, "row {row}: {} of {largest}", frame[0]);
        }
    }

    #[test]
    fn neighbours_in_the_grid_look_alike() {
        let set = record(&small());
        let find = |conditions: [f32; 3]| (0..set.len()).find(|row| *set.row_conditions(*row) == conditions).unwrap();
        let likeness = |a: [f32; 3], b: [f32; 3]| {
            let (a, b) = (set.frame(find(a)), set.frame(find(b)));
            a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>() / 512.0
        };
        let near = likeness([40.0, 20.0, 220.0], [42.0, 20.0, 220.0]);
        assert!(near > 0.98, "{near}");
    }

    #[test]
    fn a_light_bow_near_the_bridge_sounds_the_octave() {
        let pressures = vec![64.0, 128.0];
        let set =
            record(&Settings { pitches_hz: vec![440.0], positions: vec![10.0], pressures, settle_s: 1.0, ..small() });
        assert_eq!(set.mode, [2.0, 1.0]);
    }
}
