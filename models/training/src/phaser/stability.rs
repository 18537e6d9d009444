//! Does a model still sweep like its device after seconds, a minute, ten minutes of streaming?
use super::device::Device;
use super::lfo::Lfo;
use super::modulation_metric::{self, CHIRPS, ModulationDistance, PERIOD_SAMPLES, SAMPLE_RATE_HZ, chirp_train};
use crate::metrics::{self, Floor};
use crate::phaser::train::evaluate;
use kernels::phaser::{Phaser, PhaserState};
use serde::Serialize;
use std::collections::BTreeMap;

/// Where the judged stretches end: a training window of the paper, its test signal, a minute, ten minutes; in trains of 4 s.
const ENDS_TRAINS: [usize; 4] = [1, 1, 15, 150];
/// Length of the first stretch in chirps: 32,768 samples.
const WINDOW_CHIRPS: usize = 32_768 / PERIOD_SAMPLES;
/// Time before a stretch in which the device settles, in samples.
const LEAD_IN_SAMPLES: usize = 44_100;
/// LFO phases that are tried where a model's own is not known, in a turn.
const PHASES: usize = 48;

/// Figures of one stretch.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
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

/// Streams ten minutes of the chirp train through a model, at given settings or at the fastest held-out one of each group:
/// four seconds must hold some periods.
pub fn measure(device: &dyn Device, at: Option<Vec<f64>>, model: &Phaser) -> Vec<Row> {
    let settings = at.map_or_else(
        || device.held_out().into_iter().collect::<BTreeMap<_, _>>().into_values().collect(),
        |values| vec![values],
    );
    settings.iter().flat_map(|values| measure_at(device, model, values)).collect()
}

fn measure_at(device: &dyn Device, model: &Phaser, values: &[f64]) -> Vec<Row> {
    let controls = evaluate::controls(model, &device.controls(), values);
    let train = chirp_train(CHIRPS);
    let mut state = PhaserState::new(model);
    let mut rows: Vec<Row> = Vec::new();
    let mut streamed = 0;
    let mut found = Vec::new();
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
            let lfo = Lfo::steady(values[0], turns + values[0] * start_s - lead_in_turns);
            device.play(values, &lfo, 1, SAMPLE_RATE_HZ, &dry).split_off(LEAD_IN_SAMPLES)
        };
        // The first chirps of all meet a model that has heard nothing: they are left out.
        let judged = if streamed == 1 { 2 * PERIOD_SAMPLES } else { 0 };
        let distance = |turns: f64| metrics::esr(&play(turns)[judged..], &estimate[judged..]);
        let turns = best_phase(distance);
        let reference = play(turns);
        let before = rows.first().map_or(turns, |first: &Row| first.ahead_turns);
        rows.push(Row {
            values: values.to_vec(),
            streamed_s: start_s + estimate.len() as f64 / SAMPLE_RATE_HZ,
            esr: metrics::esr(&reference[judged..], &estimate[judged..]),
            mrstft: metrics::mrstft(&reference[judged..], &estimate[judged..], SAMPLE_RATE_HZ, Floor::default()),
            modulation: modulation_metric::distance(&reference, estimate),
            ahead_turns: if k == 0 { turns } else { (turns - before + 0.5).rem_euclid(1.0) - 0.5 },
        });
    }
    if let Some(first) = rows.first_mut() {
        first.ahead_turns = 0.0;
    }
    rows
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
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:>14} {:>9} {:>9} {:>8} {:>7} {:>7} {:>7} {:>8}\n",
        "settings", "after s", "ESR", "MR-STFT", "modA", "modB", "modC", "ahead"
    );
    for row in rows {
        let values: Vec<String> = row.values.iter().map(|v| format!("{v}")).collect();
        let m = row.modulation;
        text += &format!(
            "{:>14} {:>9.2} {:>9.5} {:>8.4} {:>7.4} {:>7.4} {:>7.4} {:>8.4}\n",
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
