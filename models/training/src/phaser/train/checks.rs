//! What is looked at before a training starts: one line for each point, with a light and, where it is not green, a remedy.
use super::stand_in::SAMPLE_RATE_HZ;
use crate::audio::Audio;
use crate::metrics;
use anyhow::{Result, bail};
use std::fmt;

/// Sample value at and beyond which a recording is taken for clipped.
const CLIPPED: f32 = 0.999;
/// Clipped samples in a row that show it: a peak alone touches the rail by chance.
const CLIPPED_IN_A_ROW: usize = 3;
/// Longest delay between dry and wet that is taken for the recording's and removed.
pub const MOST_LAG_SAMPLES: i64 = 1000;
/// Seconds by which dry and wet may differ in length; the longer one is cut.
const MOST_DIFFERENCE_S: f64 = 1.0;
/// Share of the level changes between dry and wet that a well heard LFO explains; `lfo_fit` finds none below 0.3.
const WELL_EXPLAINED: f64 = 0.5;
/// Level below which a recording is silent, and below which its noise begins to tell, in dB RMS.
const SILENT_DB: f64 = -80.0;
const FAINT_DB: f64 = -50.0;

/// How well it stands with one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Light {
    /// As it should be.
    Green,
    /// Works, but costs quality.
    Yellow,
    /// Training makes no sense.
    Red,
}

/// One point.
#[derive(Clone, Debug)]
pub struct Check {
    /// How well it stands.
    pub light: Light,
    /// What was looked at, and what was found.
    pub finding: String,
    /// What to do about it; empty if green.
    pub remedy: &'static str,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let light = match self.light {
            Light::Green => "green ",
            Light::Yellow => "yellow",
            Light::Red => "red   ",
        };
        write!(f, "{light} {}", self.finding)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, ": {}", self.remedy) }
    }
}

/// A check with its light, what was found, and the remedies for yellow and red.
fn check(light: Light, finding: String, yellow: &'static str, red: &'static str) -> Check {
    let remedy = [("", Light::Green), (yellow, Light::Yellow), (red, Light::Red)]
        .into_iter()
        .find_map(|(remedy, of)| (of == light).then_some(remedy))
        .unwrap_or("");
    Check { light, finding, remedy }
}

fn light(yellow: bool, red: bool) -> Light {
    match (yellow, red) {
        (_, true) => Light::Red,
        (true, false) => Light::Yellow,
        (false, false) => Light::Green,
    }
}

/// Rate, channels, level and clipping of one file.
pub fn file(name: &str, audio: &Audio) -> Vec<Check> {
    let mono = audio.mono();
    let level_db = metrics::rms_db(&mono);
    let rate = audio.sample_rate_hz;
    let clipped = clipped_stretches(&audio.channels);
    vec![
        check(
            light(rate != SAMPLE_RATE_HZ, false),
            format!("{name}: {rate} Hz, {} channel(s), {:.1} s", audio.channels.len(), audio.seconds()),
            "converted to 44100 Hz and mono; a recording at 44100 Hz loses nothing",
            "",
        ),
        check(
            light(level_db < FAINT_DB, level_db < SILENT_DB),
            format!("{name}: level {level_db:.1} dB RMS"),
            "faint, its noise will be learnt too; record louder",
            "silent; check what was recorded",
        ),
        check(
            light(clipped > 0, clipped > 1000),
            format!("{name}: clipped in {clipped} places"),
            "what was clipped is learnt as if the device had done it; record lower",
            "clipped through and through; record lower",
        ),
    ]
}

/// Places with three or more samples in a row at full scale.
fn clipped_stretches(channels: &[Vec<f32>]) -> usize {
    channels
        .iter()
        .map(|channel| {
            let (mut stretches, mut run) = (0, 0);
            for x in channel {
                run = if x.abs() >= CLIPPED { run + 1 } else { 0 };
                stretches += usize::from(run == CLIPPED_IN_A_ROW);
            }
            stretches
        })
        .sum()
}

/// Lengths of a pair, in seconds.
pub fn lengths(name: &str, dry_s: f64, wet_s: f64, least_s: f64) -> Check {
    let differ_s = wet_s - dry_s;
    check(
        light(differ_s.abs() > 0.05, differ_s.abs() > MOST_DIFFERENCE_S || dry_s.min(wet_s) < least_s),
        format!("{name}: {differ_s:+.2} s longer than the dry sound, {:.1} s in common", dry_s.min(wet_s)),
        "the longer one is cut; check that both start together",
        "give the recording of the same sound, long enough for training and for the part that is kept out",
    )
}

/// Delay and polarity of a pair.
pub fn alignment(name: &str, lag_samples: i64, polarity: f32) -> Vec<Check> {
    vec![
        check(
            light(lag_samples.abs() > 64, lag_samples.abs() > MOST_LAG_SAMPLES),
            format!("{name}: {lag_samples} samples behind the dry sound"),
            "removed; the clone will have no such delay",
            "cut both so that they start together",
        ),
        check(
            light(polarity < 0.0, false),
            format!("{name}: polarity {polarity:+.0}"),
            "turned round; the clone will have the dry sound's polarity",
            "",
        ),
    ]
}

/// The LFO that was found in a pair.
pub fn lfo(name: &str, rate_hz: f64, explained: f64, span_s: f64) -> Vec<Check> {
    let periods = rate_hz * span_s;
    vec![
        check(
            light(explained < WELL_EXPLAINED, false),
            format!("{name}: LFO {rate_hz:.4} Hz explains {explained:.2} of the level changes"),
            "hard to hear in this sound; chirps, noise or full chords show it better",
            "",
        ),
        check(
            light(periods < 4.0, periods < 2.0),
            format!("{name}: {periods:.1} turns of the LFO"),
            "few; record longer, or set the LFO faster",
            "fewer than two; record longer, or set the LFO faster",
        ),
    ]
}

/// The sweep without a period that was found in a pair.
pub fn sweep(name: &str, corner_hz: f64, explained: f64) -> Check {
    check(
        light(explained < WELL_EXPLAINED, false),
        format!(
            "{name}: a hidden walk with its corner at {corner_hz:.3} Hz explains {explained:.2} of the level changes"
        ),
        "hard to hear in this sound; chirps, noise or full chords show it better",
        "",
    )
}

/// No LFO was found in a pair, and why.
pub fn no_lfo(name: &str, why: &anyhow::Error) -> Check {
    let remedy = "chirps, noise or full chords show an LFO best";
    Check { light: Light::Red, finding: format!("{name}: {why:#}"), remedy }
}

/// Prints all lines; an error with the first red one, after all were printed.
pub fn report(checks: &[Check]) -> Result<()> {
    checks.iter().for_each(|check| println!("{check}"));
    if let Some(red) = checks.iter().find(|check| check.light == Light::Red) {
        bail!("{}: {}", red.finding, red.remedy);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(peak: f32, seconds: f64, rate: f64) -> Audio {
        let samples = (seconds * rate) as usize;
        Audio::from_mono(rate, (0..samples).map(|n| (peak * (n as f32 * 0.05).sin()).clamp(-1.0, 1.0)).collect())
    }

    fn worst(checks: &[Check]) -> Light {
        checks.iter().map(|c| c.light).max().unwrap()
    }

    #[test]
    fn a_good_recording_is_green_without_a_remedy() {
        let checks = file("a.wav", &sound(0.5, 2.0, SAMPLE_RATE_HZ));
        assert_eq!(worst(&checks), Light::Green);
        assert!(checks.iter().all(|c| c.remedy.is_empty()));
        assert!(report(&checks).is_ok());
    }

    #[test]
    fn each_fault_of_a_file_has_its_light_and_its_remedy() {
        for (audio, expected, word) in [
            (sound(0.5, 2.0, 48_000.0), Light::Yellow, "44100"),
            (sound(0.002, 2.0, SAMPLE_RATE_HZ), Light::Yellow, "louder"),
            (sound(0.0, 2.0, SAMPLE_RATE_HZ), Light::Red, "silent"),
            (sound(1.05, 1.0, SAMPLE_RATE_HZ), Light::Yellow, "lower"),
            (sound(9.0, 20.0, SAMPLE_RATE_HZ), Light::Red, "lower"),
        ] {
            let checks = file("a.wav", &audio);
            let faulty: Vec<&Check> = checks.iter().filter(|c| c.light != Light::Green).collect();
            assert!(faulty.len() == 1 && faulty[0].light == expected, "{checks:?}");
            assert!(faulty[0].remedy.contains(word), "{faulty:?}");
            assert_eq!(report(&checks).is_err(), expected == Light::Red);
        }
    }

    #[test]
    fn pairs_are_judged_by_length_delay_polarity_and_lfo() {
        assert_eq!(lengths("w", 60.0, 60.0, 20.0).light, Light::Green);
        assert_eq!(lengths("w", 60.0, 60.5, 20.0).light, Light::Yellow);
        assert_eq!(lengths("w", 60.0, 70.0, 20.0).light, Light::Red);
        assert_eq!(lengths("w", 10.0, 10.0, 20.0).light, Light::Red);
        assert_eq!(worst(&alignment("w", 2, 1.0)), Light::Green);
        assert_eq!(worst(&alignment("w", 2, -1.0)), Light::Yellow);
        assert_eq!(worst(&alignment("w", 512, 1.0)), Light::Yellow);
        assert_eq!(worst(&alignment("w", 5000, 1.0)), Light::Red);
        assert_eq!(worst(&lfo("w", 1.0, 0.7, 60.0)), Light::Green);
        assert_eq!(worst(&lfo("w", 1.0, 0.4, 60.0)), Light::Yellow);
        let none = no_lfo("w", &anyhow::anyhow!("no LFO found"));
        assert!(none.light == Light::Red && none.to_string().contains("no LFO found: chirps"), "{none}");
        assert_eq!(worst(&lfo("w", 0.05, 0.7, 30.0)), Light::Red);
    }
}
