//! Does a model still sweep like its device after seconds, a minute, ten minutes of streaming?
use super::device::Device;
use super::lfo::Lfo;
use super::modulation_metric::{self, CHIRPS, ModulationDistance, PERIOD_SAMPLES, SAMPLE_RATE_HZ, chirp_train};
use crate::metrics::{self, Floor};
use crate::phaser::train::evaluate;
use crate::plot;
use anyhow::Result;
use kernels::phaser::{Phaser, PhaserState};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Where the judged stretches end: a training window of the paper, its test signal, a minute, ten minutes; in trains of 4 s.
const ENDS_TRAINS: [usize; 4] = [1, 1, 15, 150];
/// Length of the first stretch in chirps: 32,768 samples.
const WINDOW_CHIRPS: usize = 32_768 / PERIOD_SAMPLES;
/// Time before a stretch in which the device settles, in samples.
const LEAD_IN_SAMPLES: usize = 44_100;
/// The first chirps of all meet a model that has heard nothing: they are not judged.
const SETTLING_SAMPLES: usize = 2 * PERIOD_SAMPLES;
/// Band whose gain is drawn against time, in Hz: a notch of every device passes through it.
const DRAWN_HZ: Range<f64> = 900.0..1100.0;
/// LFO phases that are tried where a model's own is not known, in a turn.
const PHASES: usize = 48;

/// Figures of one stretch.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// `model`, or `device` for the device's own repeat with other hiss: what no model can be nearer than.
    pub player: &'static str,
    /// Control values in their units, rate first.
    pub values: Vec<f64>,
    /// Streamed time at the end of the stretch, in seconds.
    pub streamed_s: f64,
    /// Energy of the error over the device's, the device's LFO at the phase that fits best.
    pub esr: f64,
    /// Multi-resolution STFT distance at that phase, floor 80 dB under the loudest bin.
    pub mrstft: f64,
    /// Distance of the sweeps; for the first stretch, shorter than a period, of little meaning.
    #[serde(flatten)]
    pub modulation: ModulationDistance,
    /// How far the model's LFO has run ahead of the device's since the first stretch, in turns.
    pub ahead_turns: f64,
}

impl Row {
    /// Compares two sounds from a sample on; the LFO's advance is the caller's to add.
    fn compare(player: &'static str, values: &[f64], reference: &[f32], estimate: &[f32], judged: usize) -> Self {
        Self {
            player,
            values: values.to_vec(),
            streamed_s: estimate.len() as f64 / SAMPLE_RATE_HZ,
            esr: metrics::esr(&reference[judged..], &estimate[judged..]),
            mrstft: metrics::mrstft(&reference[judged..], &estimate[judged..], SAMPLE_RATE_HZ, Floor::default()),
            modulation: modulation_metric::distance(reference, estimate),
            ahead_turns: 0.0,
        }
    }
}

/// Ten minutes of one setting.
pub struct Stream {
    /// Figures of the stretches, and of the device's own repeat.
    pub rows: Vec<Row>,
    /// The model's answer to the first train and to the last.
    pub ends: [Vec<f32>; 2],
    /// The device's, its LFO where the model's was found.
    pub device_ends: [Vec<f32>; 2],
}

/// Streams ten minutes of the chirp train through a model, at given settings or at the fastest held-out one of each group:
/// four seconds must hold some periods.
pub fn measure(device: &dyn Device, at: Option<Vec<f64>>, model: &Phaser) -> Vec<Stream> {
    let settings = at.map_or_else(
        || device.held_out().into_iter().collect::<BTreeMap<_, _>>().into_values().collect(),
        |values| vec![values],
    );
    settings.iter().map(|values| measure_at(device, model, values)).collect()
}

fn measure_at(device: &dyn Device, model: &Phaser, values: &[f64]) -> Stream {
    let controls = evaluate::controls(model, &device.controls(), values);
    let train = chirp_train(CHIRPS);
    let steady = |turns: f64| Lfo::steady(values[0], turns);
    let [own, again] = [1, 2].map(|hiss| device.play(values, &steady(0.0), hiss, SAMPLE_RATE_HZ, &train));
    let mut rows = vec![Row::compare("device", values, &own, &again, SETTLING_SAMPLES)];
    let mut state = PhaserState::new(model);
    let (mut streamed, mut found) = (0, Vec::new());
    let (mut ends, mut device_ends) = (Vec::new(), Vec::new());
    let mut start_turns = 0.0;
    for (k, end) in ENDS_TRAINS.into_iter().enumerate() {
        while streamed < end {
            found = train.clone();
            state.process(model, &controls, 0.0, &mut found);
            streamed += 1;
        }
        let chirps = if k == 0 { WINDOW_CHIRPS } else { CHIRPS };
        let estimate = &found[..chirps * PERIOD_SAMPLES];
        let start_s = (streamed - 1) as f64 * train.len() as f64 / SAMPLE_RATE_HZ;
        let play = |turns: f64| {
            // The device comes from its own past: the end of the train before.
            let mut dry = train[train.len() - LEAD_IN_SAMPLES..].to_vec();
            dry.extend_from_slice(&train[..estimate.len()]);
            let lead_in_turns = values[0] * LEAD_IN_SAMPLES as f64 / SAMPLE_RATE_HZ;
            let lfo = steady(turns + values[0] * start_s - lead_in_turns);
            device.play(values, &lfo, 1, SAMPLE_RATE_HZ, &dry).split_off(LEAD_IN_SAMPLES)
        };
        let judged = if streamed == 1 { SETTLING_SAMPLES } else { 0 };
        let turns = best_phase(|turns| metrics::esr(&play(turns)[judged..], &estimate[judged..]));
        if k == 0 {
            start_turns = turns;
        }
        rows.push(Row {
            streamed_s: start_s + estimate.len() as f64 / SAMPLE_RATE_HZ,
            ahead_turns: (turns - start_turns + 0.5).rem_euclid(1.0) - 0.5,
            ..Row::compare("model", values, &play(turns), estimate, judged)
        });
        if [1, ENDS_TRAINS.len() - 1].contains(&k) {
            ends.push(found.clone());
            device_ends.push(play(turns));
        }
    }
    let pair = |ends: Vec<Vec<f32>>| <[Vec<f32>; 2]>::try_from(ends).expect("two of the stretches were kept");
    Stream { rows, ends: pair(ends), device_ends: pair(device_ends) }
}

/// The phase in turns at which a distance is smallest: a grid, then thirds of what is left.
pub fn best_phase(distance: impl Fn(f64) -> f64) -> f64 {
    let grid = (0..PHASES).map(|k| k as f64 / PHASES as f64);
    let best = grid.map(|turns| (turns, distance(turns))).min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0.0, |(t, _)| t);
    let (mut low, mut high) = (best - 1.0 / PHASES as f64, best + 1.0 / PHASES as f64);
    for _ in 0..16 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if distance(a) < distance(b) { high = b } else { low = a }
    }
    0.5 * (low + high)
}

/// The rows as a table.
pub fn table<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut text = format!(
        "{:>6} {:>14} {:>9} {:>9} {:>8} {:>7} {:>7} {:>7} {:>8}\n",
        "of", "settings", "after s", "ESR", "MR-STFT", "modA", "modB", "modC", "ahead"
    );
    for row in rows {
        let values: Vec<String> = row.values.iter().map(|v| format!("{v}")).collect();
        let m = row.modulation;
        text += &format!(
            "{:>6} {:>14} {:>9.2} {:>9.5} {:>8.4} {:>7.4} {:>7.4} {:>7.4} {:>8.4}\n",
            row.player,
            values.join(" "),
            row.streamed_s,
            row.esr,
            row.mrstft,
            m.mod_a,
            m.mod_b,
            m.mod_c,
            row.ahead_turns
        );
    }
    text
}

/// Draws the sweep of a device and of players beside it: the gain of a band against time, in the first four seconds of the
/// stream and in those after ten minutes. `players`: name, and first and last four seconds.
pub fn plot_sweeps(players: &[(&str, &[Vec<f32>; 2])], path: &Path) -> Result<()> {
    let time_s = |i: usize| i as f64 * PERIOD_SAMPLES as f64 / SAMPLE_RATE_HZ;
    let curve = |sound: &[f32]| {
        let gains = modulation_metric::band_gain_db(sound, &DRAWN_HZ);
        // The first chirps meet empty filters.
        gains.into_iter().enumerate().skip(2).map(|(i, gain)| (time_s(i), gain)).collect()
    };
    let panels: Vec<_> = players
        .iter()
        .map(|(name, [first, last])| (*name, vec![("first 4 s", curve(first)), ("after 10 min", curve(last))]))
        .collect();
    plot::curve_stack(path, &panels, "time (s)", &format!("gain at {} to {} Hz (dB)", DRAWN_HZ.start, DRAWN_HZ.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    #[test]
    fn the_best_phase_is_found_between_the_points_of_the_grid() {
        for phase in [0.0, 0.2371, 0.5, 0.9949] {
            let found = best_phase(|turns| 1.0 - (TAU * (turns - phase)).cos());
            let off = (found - phase + 0.5).rem_euclid(1.0) - 0.5;
            assert!(off.abs() < 1e-4, "{phase}: {found}");
        }
    }
}
