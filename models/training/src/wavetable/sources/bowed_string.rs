//! The bowed string without its body, on strings bright and dark, under a bow that is drawn as a player draws it.
//!
//! Drawn at one speed everywhere, as in the published sets, this string slips twice and more in a period over most of its knobs,
//! now so, now so, for neighbouring settings. A bow needs the more force the nearer it is to the bridge (Schelleng 1973). So
//! the bow's speed goes with its distance from the bridge, which is the same to the friction as more force, and keeps the
//! level; and settings where the string still does not slip once a period are left out.
use super::{Machine, PERIOD, RATE_HZ, control, pitch};
use crate::wavetable::bowed_string::BowedString;
use kernels::checkpoint::{ControlInfo, Curve};
use kernels::wavetable::period::{Period, Synthesis, period, samples_needed};

/// Time that the string has to settle, in seconds.
const SETTLE_S: f64 = 1.0;
/// Quietest tone that is kept, RMS: 48 dB below the loudest.
const SOUNDS: f64 = 1e-3;
/// Position at which the bow is drawn at the published speed; elsewhere in proportion.
const FULL_SPEED_POSITION: f64 = 54.0;
/// Periods over which slips are counted.
const COUNTED: f64 = 8.0;
/// Pole of the string's losses from bright to dark; STK's is 0.658 at 48 kHz.
const POLES: [f64; 2] = [0.5, 0.8];
/// The pole that STK's tuning has in mind.
const STK_POLE: f64 = 0.658125;

/// What is played.
pub struct String;

impl Machine for String {
    fn name(&self) -> &'static str {
        "bowed_string"
    }

    fn description(&self) -> &'static str {
        "A bowed string without its body, after the waveguide model of the Synthesis ToolKit. Pressure and position of the bow; \
         the latent is what the network made of strings of different damping that it was not told about."
    }

    fn controls(&self) -> Vec<ControlInfo> {
        vec![
            control("pressure", "Pressure", "", [0.0, 128.0], 80.0, Curve::Linear),
            control("position", "Position", "", [5.0, 40.0], 14.0, Curve::Linear),
            pitch([55.0, 880.0]),
        ]
    }

    fn period(&self, values: &[f64], hidden: f64) -> Option<Period> {
        let &[pressure, position, pitch_hz] = values else { return None };
        let pole = POLES[0] + (POLES[1] - POLES[0]) * hidden;
        let tuned_samples = RATE_HZ / pitch_hz;
        let mut string = BowedString::new(RATE_HZ);
        string.set_pressure(pressure / 128.0);
        string.set_position(position / 128.0);
        string.set_speed(100.0 / 128.0 * position / FULL_SPEED_POSITION);
        string.set_string_pole(pole);
        // The low-pass delays a low partial by p / (1 - p) samples.
        let delay = |pole: f64| pole / (1.0 - pole);
        string.note_on(RATE_HZ / (tuned_samples - delay(pole) + delay(STK_POLE)), 100.0 / 128.0);
        for _ in 0..(SETTLE_S * RATE_HZ) as usize {
            string.step_string();
        }
        if slips(&mut string.clone(), (COUNTED * tuned_samples) as usize) != COUNTED as usize {
            return None;
        }
        let mut sound: Vec<f64> = (0..samples_needed(tuned_samples)).map(|_| string.step_string()).collect();
        let mean = sound.iter().sum::<f64>() / sound.len() as f64;
        sound.iter_mut().for_each(|x| *x -= mean);
        let mut tone = Period::of(&sound, period(&sound, tuned_samples)?, PERIOD / 2 - 1);
        if tone.rms() <= SOUNDS || tone.mode() != 1 {
            return None;
        }
        tone.start_at(Synthesis::new(PERIOD).corner_turns(&tone));
        Some(tone)
    }

    fn turns(&self) -> bool {
        true
    }
}

/// How often the bow lets go of the string within some samples.
fn slips(string: &mut BowedString, samples: usize) -> usize {
    let mut before = string.slips();
    let lets_go = |_: &usize| {
        string.step_string();
        let now = string.slips();
        let begins = now && !before;
        before = now;
        begins
    };
    (0..samples).filter(lets_go).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wavetable::sources::record;

    #[test]
    fn a_set_of_strings_has_unit_periods_and_is_decided_by_its_seed() {
        let set = record(&String, 24, 3);
        assert!(set.len() >= 8 && set.len() + set.about.rejected == 24, "{}", set.len());
        for row in 0..set.len() {
            let power = set.frame(row).iter().map(|x| x * x).sum::<f32>() / PERIOD as f32;
            assert!((power - 1.0).abs() < 1e-3, "row {row}: power {power}");
        }
        assert_eq!(set, record(&String, 24, 3));
    }

    #[test]
    fn a_damped_string_is_darker_and_no_flatter() {
        let bright = |hidden| {
            let tone = String.period(&[90.0, 16.0, 220.0], hidden).unwrap();
            let power = |k: usize| tone.harmonics[k].norm_sqr();
            (20..60).map(power).sum::<f64>() / (0..60).map(power).sum::<f64>()
        };
        assert!(bright(0.0) > 2.0 * bright(1.0), "{} {}", bright(0.0), bright(1.0));
    }
}
