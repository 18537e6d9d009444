//! A recording or a wavetable as a set of periods: exact periods by pitch tracking, conditions measured or from a table.
use crate::audio::Audio;
use crate::wavetable::dataset::alignment::align;
use crate::wavetable::dataset::{About, Condition, Dataset};
use crate::wavetable::export::{Table, resampled};
use anyhow::{Context, Result, bail, ensure};
use kernels::wavetable::encoder::cuts::{Cut, cuts};
use kernels::wavetable::period::{Period, Synthesis};

/// Samples of a period that is kept.
const PERIOD: usize = 512;
/// Time from one period to the next, in seconds.
const HOP_S: f64 = 0.005;
/// Clarity that a period must have to be learnt.
const CLEAR: f64 = 0.9;
/// Level below the loudest period at which one is left out, in dB.
const QUIET_DB: f64 = 50.0;
/// Fewest periods that are worth a training.
const FEWEST: usize = 40;
/// Share of the values on each side that lie beyond a measured condition's knob.
const BEYOND: f64 = 0.01;
/// Conditions below these spans are left out: semitones of pitch, dB of level.
const SPANS: [f64; 2] = [0.5, 1.0];

/// What a player did while a recording was made: columns over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    /// Names of the columns.
    names: Vec<String>,
    /// Time in seconds, then a value of each column, by time.
    rows: Vec<(f64, Vec<f64>)>,
}

impl Conditions {
    /// From a text of comma-separated values whose first line names the columns, `time_s` first.
    pub fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (_, head) = lines.next().context("expected a first line like `time_s,pressure`, found nothing")?;
        let names: Vec<String> = head.split(',').map(|name| name.trim().to_string()).collect();
        ensure!(
            names.first().is_some_and(|name| name == "time_s") && (2..=6).contains(&names.len()),
            "line 1: expected `time_s` and one to five names of conditions, found `{head}`"
        );
        for name in &names {
            let plain =
                !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            ensure!(plain, "line 1: expected names of small letters, digits and `_`, found `{name}`");
            ensure!(name != "pitch", "line 1: `pitch` is measured: leave that column out");
            ensure!(names.iter().filter(|other| *other == name).count() == 1, "line 1: `{name}` stands there twice");
        }
        let mut rows: Vec<(f64, Vec<f64>)> = Vec::new();
        for (n, line) in lines {
            let values: Option<Vec<f64>> =
                line.split(',').map(|x| x.trim().parse().ok().filter(|x: &f64| x.is_finite())).collect();
            let values = values.filter(|values| values.len() == names.len());
            let values =
                values.with_context(|| format!("line {}: expected {} numbers, found `{line}`", n + 1, names.len()))?;
            let later = rows.last().is_none_or(|(before, _)| values[0] > *before);
            ensure!(later, "line {}: expected a time after the last line's, found {}", n + 1, values[0]);
            rows.push((values[0], values[1..].to_vec()));
        }
        ensure!(rows.len() >= 2, "expected at least two lines of numbers, found {}", rows.len());
        Ok(Self { names: names[1..].to_vec(), rows })
    }

    /// Values at a time, on straight lines; none before the first and after the last.
    fn at(&self, time_s: f64) -> Option<Vec<f64>> {
        let next = self.rows.partition_point(|(at, _)| *at < time_s);
        let (to_s, to) = self.rows.get(next)?;
        let Some((from_s, from)) = next.checked_sub(1).map(|last| &self.rows[last]) else {
            return (*to_s == time_s).then(|| to.clone());
        };
        let share = (time_s - from_s) / (to_s - from_s);
        Some(from.iter().zip(to).map(|(a, b)| a + share * (b - a)).collect())
    }
}

/// The periods of a recording, under given conditions or under its own brightness and level, and its pitch if that moves.
pub fn periods(audio: &Audio, conditions: Option<&Conditions>) -> Result<Dataset> {
    let found = cuts(&audio.mono(), audio.sample_rate_hz, HOP_S);
    let loudest = found.iter().filter(|cut| cut.tone.is_some()).map(|cut| cut.level).fold(0.0, f64::max);
    let floor = loudest * 10f64.powf(-QUIET_DB / 20.0);
    let mut tones = Vec::new();
    for Cut { time_s, level, tone } in &found {
        let Some((pitch, period)) = tone else { continue };
        if pitch.clarity < CLEAR || *level <= floor {
            continue;
        }
        let pitch_hz = audio.sample_rate_hz / pitch.period_samples;
        let values = match conditions {
            Some(table) => table.at(*time_s),
            None => Some(vec![brightness(period), 20.0 * level.log10()]),
        };
        if let Some(mut values) = values {
            values.push(pitch_hz);
            tones.push((period.clone(), values));
        }
    }
    ensure!(
        tones.len() >= FEWEST,
        "expected at least {FEWEST} periods of a clear tone, found {} in {:.1} s: one note at a time, without reverberation",
        tones.len(),
        audio.seconds()
    );
    let names: Vec<String> = match conditions {
        Some(table) => table.names.clone(),
        None => ["brightness", "level"].map(String::from).into(),
    };
    let mut columns: Vec<Condition> = Vec::new();
    let mut kept = Vec::new();
    for (place, id) in names.iter().map(String::as_str).chain(["pitch"]).enumerate() {
        let mut values: Vec<f64> = tones.iter().map(|(_, values)| values[place]).collect();
        values.sort_by(f64::total_cmp);
        let quantile = |share: f64| values[(share * (values.len() - 1) as f64).round() as usize];
        let (min, max) = if conditions.is_some() && id != "pitch" {
            (quantile(0.0), quantile(1.0))
        } else {
            (quantile(BEYOND), quantile(1.0 - BEYOND))
        };
        let moves = match id {
            "pitch" => 12.0 * (max / min).log2() > SPANS[0],
            "level" if conditions.is_none() => max - min > SPANS[1],
            // Something must be left to turn.
            "brightness" if conditions.is_none() => true,
            _ if max > min => true,
            _ => bail!("condition `{id}`: expected values that differ, found only {min} where there is a tone"),
        };
        if moves {
            let margin = if max - min < 1e-3 { 0.01 * max.abs().max(1.0) } else { 0.0 };
            kept.push(place);
            let log = id == "pitch" || (id == "brightness" && conditions.is_none());
            columns.push(Condition { id: id.into(), min: (min - margin) as f32, max: (max + margin) as f32, log });
        }
    }
    Ok(set("recording", audio.sample_rate_hz, columns, found.len() - tones.len(), tones, &kept))
}

/// The periods of a wavetable under their place in it, 0..1.
pub fn of_table(table: &Table) -> Result<Dataset> {
    ensure!(table.frames.len() >= 2, "expected a wavetable of at least 2 frames, found {}", table.frames.len());
    let last = (table.frames.len() - 1) as f64;
    let tones: Vec<(Period, Vec<f64>)> = (table.frames.iter().enumerate())
        .map(|(n, frame)| (Period::of_samples(&resampled(frame, PERIOD)), vec![n as f64 / last]))
        .filter(|(period, _)| period.rms() > 1e-5)
        .collect();
    ensure!(tones.len() >= 2, "expected at least 2 frames with sound, found {}", tones.len());
    let column = Condition { id: "position".into(), min: 0.0, max: 1.0, log: false };
    let silent = table.frames.len() - tones.len();
    Ok(set("table", 48_000.0, vec![column], silent, tones, &[0]))
}

/// The set of periods with those of their values that are kept. Periods of a table stay as they are turned: whoever made it
/// wanted it so.
fn set(
    name: &str,
    sample_rate_hz: f64,
    conditions: Vec<Condition>,
    rejected: usize,
    tones: Vec<(Period, Vec<f64>)>,
    kept: &[usize],
) -> Dataset {
    let place = |values: &[f64]| -> Vec<f64> {
        let share = |(place, column): (&usize, &Condition)| {
            let bend = |x: f64| if column.log { x.ln() } else { x };
            let (min, max) = (bend(f64::from(column.min)), bend(f64::from(column.max)));
            (bend(values[*place]) - min) / (max - min)
        };
        kept.iter().zip(&conditions).map(share).collect()
    };
    let places: Vec<Vec<f64>> = tones.iter().map(|(_, values)| place(values)).collect();
    let (mut periods, values): (Vec<Period>, Vec<Vec<f64>>) = tones.into_iter().unzip();
    let synthesis = Synthesis::new(PERIOD);
    if name == "recording" {
        periods.iter_mut().for_each(|period| period.start_at(synthesis.corner_turns(period)));
        align(&mut periods, &places);
    }
    let about = About {
        name: name.into(),
        period: PERIOD,
        differences: false,
        body: true,
        sample_rate_hz,
        conditions,
        rejected,
        seed: 0,
    };
    let mut set = Dataset::empty(about);
    for (period, values) in periods.iter().zip(values) {
        let rms = period.rms();
        let values: Vec<f64> = kept.iter().map(|place| values[*place]).collect();
        set.push(synthesis.samples(period).into_iter().map(|x| x / rms), &values, rms, 1);
    }
    set
}

/// Centroid of a period's magnitudes, in harmonics: 1 for a sine.
pub fn brightness(period: &Period) -> f64 {
    let magnitudes = || period.harmonics.iter().map(|h| h.norm());
    let sum: f64 = magnitudes().sum();
    magnitudes().enumerate().map(|(k, magnitude)| (k + 1) as f64 * magnitude).sum::<f64>() / sum.max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    const RATE_HZ: f64 = 44_100.0;

    /// Four seconds whose second harmonic, level and pitch rise.
    fn sweep() -> Audio {
        let mut turns = 0.0;
        let count = (4.0 * RATE_HZ) as usize;
        let sample = |n: usize| {
            let along = n as f64 / count as f64;
            turns += 200.0 * 2f64.powf(along) / RATE_HZ;
            let wave = (TAU * turns).sin() + along * (2.0 * TAU * turns).cos();
            (0.1 * 10f64.powf(along) * wave / 1.5) as f32
        };
        Audio::from_mono(RATE_HZ, (0..count).map(sample).collect())
    }

    #[test]
    fn brightness_level_and_pitch_of_a_sweep_are_measured() {
        let set = periods(&sweep(), None).unwrap();
        let ids: Vec<&str> = set.about.conditions.iter().map(|c| c.id.as_str()).collect();
        assert_eq!(ids, ["brightness", "level", "pitch"]);
        assert!(set.len() > 700, "{}", set.len());
        for row in (20..set.len() - 20).step_by(50) {
            let &[brightness, level_db, pitch_hz] = set.row_conditions(row) else { panic!("three conditions") };
            let along = f64::from(pitch_hz / 200.0).log2();
            assert!(
                (f64::from(brightness) - (1.0 + 2.0 * along) / (1.0 + along)).abs() < 0.02,
                "{along}: {brightness}"
            );
            let rms = 0.1 * 10f64.powf(along) / 1.5 * (0.5 + 0.5 * along * along).sqrt();
            assert!((f64::from(level_db) - 20.0 * rms.log10()).abs() < 0.3, "{along}: {level_db}");
        }
    }

    #[test]
    fn given_conditions_are_read_between_their_lines() {
        let table = Conditions::parse("time_s, bow\n0,10\n\n2,20\n3,0\n").unwrap();
        assert_eq!(table.at(1.0), Some(vec![15.0]));
        assert_eq!(table.at(2.5), Some(vec![10.0]));
        assert_eq!((table.at(0.0), table.at(3.1), table.at(-0.1)), (Some(vec![10.0]), None, None));
        let set = periods(&sweep(), Some(&table)).unwrap();
        assert_eq!(
            set.about.conditions[0],
            Condition { id: "bow".into(), min: set.about.conditions[0].min, max: 20.0, log: false }
        );
        for (text, word) in [
            ("", "time_s,pressure"),
            ("bow,time_s\n", "line 1"),
            ("time_s,Bow\n", "`Bow`"),
            ("time_s,bow\n0,1\n0,2\n", "line 3: expected a time after"),
            ("time_s,bow\n0,1\n1,x\n", "line 3: expected 2 numbers"),
            ("time_s,bow\n0,1\n", "at least two lines"),
        ] {
            let error = Conditions::parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_recording_without_a_tone_gives_one_clear_line() {
        let noise = kernels::nn::naive::noise(1, 44_100);
        let error = periods(&Audio::from_mono(RATE_HZ, noise), None).unwrap_err().to_string();
        assert!(error.contains("periods of a clear tone") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn a_table_becomes_periods_by_their_place() {
        let frame = |k: f64| (0..2048).map(|n| (TAU * k * f64::from(n) / 2048.0).sin() as f32).collect::<Vec<_>>();
        let frames = vec![frame(1.0), frame(2.0), frame(3.0)];
        let set = of_table(&Table { frames, comment: String::new() }).unwrap();
        assert_eq!((set.len(), set.about.period), (3, 512));
        assert_eq!(set.conditions, [0.0, 0.5, 1.0]);
        assert!((set.frame(1)[64] - 2f32.sqrt()).abs() < 1e-4, "{}", set.frame(1)[64]);
    }
}
