//! How close a model plays to a computed device on takes and settings that no training saw.
use super::stand_in::SAMPLE_RATE_HZ;
use crate::metrics::{self, Floor};
use crate::phaser::device::Device;
use crate::phaser::excitation::bank;
use crate::phaser::lfo::Lfo;
use crate::phaser::stability::best_phase;
use crate::plot;
use anyhow::Result;
use kernels::checkpoint::ControlInfo;
use kernels::phaser::{Controls, Phaser, PhaserState};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Length of a take, in seconds.
const TAKE_S: f64 = 4.0;
/// Start of a take that is not judged, in samples: circuit and model settle.
const SKIP_SAMPLES: usize = 8192;
/// Seed of the dry sound, which no training uses.
const SEED: u64 = 0xE7A1;
/// LFO phase at the start of every take, in turns.
const START_TURNS: f64 = 0.7 / std::f64::consts::TAU;

/// One take's figures.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Group of settings that it belongs to, such as `off` and `on`.
    pub group: &'static str,
    /// Control values in their units, rate first.
    pub values: Vec<f64>,
    /// `strings`, `noise` or `chirps`.
    pub source: &'static str,
    /// Energy of the error over the device's.
    pub esr: f64,
    /// Multi-resolution STFT distance with a floor 80 dB under the device's loudest bin.
    pub mrstft: f64,
}

/// All takes.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Every take.
    pub rows: Vec<Row>,
}

impl Report {
    /// Mean ESR and MR-STFT of each group of settings.
    pub fn means(&self) -> BTreeMap<&'static str, (f64, f64)> {
        let mut groups: BTreeMap<&'static str, Vec<&Row>> = BTreeMap::new();
        for row in &self.rows {
            groups.entry(row.group).or_default().push(row);
        }
        let mean = |rows: &[&Row], f: fn(&Row) -> f64| rows.iter().map(|r| f(r)).sum::<f64>() / rows.len() as f64;
        groups.into_iter().map(|(group, rows)| (group, (mean(&rows, |r| r.esr), mean(&rows, |r| r.mrstft)))).collect()
    }

    /// The means as the model's metadata keeps them.
    pub fn summary(&self) -> serde_json::Value {
        let mut summary = serde_json::json!({ "takes": "held-out settings and sound, phase known" });
        for (group, (esr, mrstft)) in self.means() {
            summary[format!("esr_{group}")] = esr.into();
            summary[format!("mrstft_{group}")] = mrstft.into();
        }
        summary
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        writeln!(f, "{:>8} {:>14} {:>8} {:>9} {:>8}", "group", "settings", "source", "ESR", "MR-STFT")?;
        for row in &self.rows {
            let values: Vec<String> = row.values.iter().map(|v| format!("{v}")).collect();
            let (values, esr) = (values.join(" "), row.esr);
            writeln!(f, "{:>8} {values:>14} {:>8} {esr:>9.5} {:>8.4}", row.group, row.source, row.mrstft)?;
        }
        for (group, (esr, mrstft)) in self.means() {
            writeln!(f, "mean of {group}: ESR {esr:.5}, MR-STFT {mrstft:.4}")?;
        }
        Ok(())
    }
}

/// The model's controls for values of a device's controls; those that it does not have are left out.
pub fn controls(model: &Phaser, device: &[ControlInfo], values: &[f64]) -> Controls {
    let mut controls = Controls::new(model.info());
    for (control, value) in device.iter().zip(values) {
        if control.id == "rate" {
            controls.rate_hz = *value as f32;
        }
        if let Some((place, _)) = model.info().control(&control.id) {
            controls.values[place] = *value as f32;
        }
    }
    controls
}

/// Levels of the strings that a device's saturation is shown by, dB RMS.
const LEVELS_DB: [f64; 7] = [-40.0, -32.0, -24.0, -18.0, -12.0, -8.0, -4.0];

/// One level's figures.
#[derive(Clone, Debug, Serialize)]
pub struct LevelRow {
    /// Level of the dry sound, dB RMS.
    pub dry_db: f64,
    /// What the device makes of it, dB RMS.
    pub device_db: f64,
    /// What the model makes of it, dB RMS.
    pub model_db: f64,
    /// Energy of the error over the device's.
    pub esr: f64,
}

/// Output against input level, of device and model, at the device's first held-out setting or at a given one.
pub fn levels(device: &dyn Device, at: Option<&[f64]>, model: &Phaser) -> Vec<LevelRow> {
    let strings = bank(SEED, SAMPLE_RATE_HZ, [TAKE_S; 3]).strings;
    let held_out = device.held_out();
    let values = at.unwrap_or(&held_out[0].1);
    let controls = controls(model, &device.controls(), values);
    let own_db = metrics::rms_db(&strings[SKIP_SAMPLES..]);
    LEVELS_DB
        .iter()
        .map(|dry_db| {
            let gain = 10f64.powf((dry_db - own_db) / 20.0) as f32;
            let dry: Vec<f32> = strings.iter().map(|x| gain * x).collect();
            let expected = device.play(values, &Lfo::steady(values[0], START_TURNS), SEED, SAMPLE_RATE_HZ, &dry);
            let mut found = dry;
            let mut state = PhaserState::new(model);
            state.set_phase(START_TURNS);
            state.process(model, &controls, 0.0, &mut found);
            let (expected, found) = (&expected[SKIP_SAMPLES..], &found[SKIP_SAMPLES..]);
            LevelRow {
                dry_db: *dry_db,
                device_db: metrics::rms_db(expected),
                model_db: metrics::rms_db(found),
                esr: metrics::esr(expected, found),
            }
        })
        .collect()
}

/// The rows as a table.
pub fn level_table(rows: &[LevelRow]) -> String {
    let mut text = format!("{:>9} {:>10} {:>9} {:>9}\n", "dry dB", "device dB", "model dB", "ESR");
    for row in rows {
        text += &format!("{:>9.1} {:>10.2} {:>9.2} {:>9.5}\n", row.dry_db, row.device_db, row.model_db, row.esr);
    }
    text
}

/// Draws gain against input level.
pub fn plot_levels(rows: &[LevelRow], path: &Path) -> Result<()> {
    let curve = |level: fn(&LevelRow) -> f64| rows.iter().map(|row| (row.dry_db, level(row) - row.dry_db)).collect();
    let curves = [("device", curve(|row| row.device_db)), ("model", curve(|row| row.model_db))];
    plot::curves(path, "What a louder sound does", "input, dB RMS", "gain, dB", &curves, false)
}

/// Plays takes through the loaded model, streaming as the plug-in does: at `settings` under the label of their group, or at
/// all held-out ones. Where settings are given, the model's LFO phase is not known: the device's is laid to fit best.
pub fn stand_in(
    device: &dyn Device,
    settings: Option<Vec<(&'static str, Vec<f64>)>>,
    model: &Phaser,
) -> Result<Report> {
    let bank = bank(SEED, SAMPLE_RATE_HZ, [TAKE_S; 3]);
    let is_known = settings.is_none();
    let mut rows = Vec::new();
    for (group, values) in settings.unwrap_or_else(|| device.held_out()) {
        let controls = controls(model, &device.controls(), &values);
        for (source, dry) in [("strings", &bank.strings), ("noise", &bank.noise), ("chirps", &bank.chirps)] {
            let mut found = dry.clone();
            let mut state = PhaserState::new(model);
            state.set_phase(START_TURNS);
            state.process(model, &controls, 0.0, &mut found);
            let found = &found[SKIP_SAMPLES..];
            let play = |turns: f64| {
                let lfo = Lfo::steady(values[0], turns);
                device.play(&values, &lfo, SEED, SAMPLE_RATE_HZ, dry).split_off(SKIP_SAMPLES)
            };
            let turns = if is_known { START_TURNS } else { best_phase(|turns| metrics::esr(&play(turns), found)) };
            let expected = play(turns);
            rows.push(Row {
                group,
                values: values.clone(),
                source,
                esr: metrics::esr(&expected, found),
                mrstft: metrics::mrstft(&expected, found, SAMPLE_RATE_HZ, Floor::default()),
            });
        }
    }
    Ok(Report { rows })
}
