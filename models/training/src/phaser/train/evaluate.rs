//! How close a model plays to the circuit on takes and rates that no training saw.
use super::stand_in::SAMPLE_RATE_HZ;
use crate::metrics::{self, Floor};
use crate::phaser::circuit::{Circuit, CircuitState};
use crate::phaser::excitation::bank;
use crate::phaser::lfo::Lfo;
use anyhow::Result;
use kernels::phaser::{Controls, Phaser, PhaserState};
use serde::Serialize;

/// Held-out rates with the colour switch off, in Hz: between the measured settings.
const RATES_OFF_HZ: [f64; 4] = [0.12, 0.35, 1.1, 2.1];
/// Held-out rates with it on, in Hz.
const RATES_ON_HZ: [f64; 4] = [0.075, 0.2, 0.6, 1.2];
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
    /// Colour switch.
    pub colour: bool,
    /// LFO rate in Hz.
    pub rate_hz: f64,
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
    /// Mean ESR and MR-STFT of the takes with one position of the switch.
    pub fn mean(&self, colour: bool) -> (f64, f64) {
        let rows: Vec<_> = self.rows.iter().filter(|r| r.colour == colour).collect();
        let mean = |f: fn(&Row) -> f64| rows.iter().map(|r| f(r)).sum::<f64>() / rows.len() as f64;
        (mean(|r| r.esr), mean(|r| r.mrstft))
    }

    /// The means as the model's metadata keeps them.
    pub fn summary(&self) -> serde_json::Value {
        let ((esr_off, mrstft_off), (esr_on, mrstft_on)) = (self.mean(false), self.mean(true));
        serde_json::json!({
            "takes": "held-out rates and sound, phase known",
            "esr_off": esr_off, "mrstft_off": mrstft_off, "esr_on": esr_on, "mrstft_on": mrstft_on,
        })
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        writeln!(f, "{:>6} {:>8} {:>8} {:>9} {:>8}", "colour", "rate Hz", "source", "ESR", "MR-STFT")?;
        for row in &self.rows {
            let colour = if row.colour { "on" } else { "off" };
            writeln!(f, "{colour:>6} {:>8.3} {:>8} {:>9.5} {:>8.4}", row.rate_hz, row.source, row.esr, row.mrstft)?;
        }
        for colour in [false, true] {
            let ((esr, mrstft), name) = (self.mean(colour), if colour { "on" } else { "off" });
            writeln!(f, "mean of colour {name}: ESR {esr:.5}, MR-STFT {mrstft:.4}")?;
        }
        Ok(())
    }
}

/// Plays all held-out takes through the loaded model, streaming as the plug-in does.
pub fn stand_in(model: &Phaser) -> Result<Report> {
    let bank = bank(SEED, SAMPLE_RATE_HZ, [TAKE_S; 3]);
    let mut rows = Vec::new();
    for colour in [false, true] {
        let circuit = Circuit::small_stone(colour);
        for rate_hz in if colour { RATES_ON_HZ } else { RATES_OFF_HZ } {
            for (source, dry) in [("strings", &bank.strings), ("noise", &bank.noise), ("chirps", &bank.chirps)] {
                let lfo = Lfo::steady(rate_hz, START_TURNS);
                let mut state = CircuitState::new(&circuit, SAMPLE_RATE_HZ);
                let mut expected = vec![0.0; dry.len()];
                let turns = |i: usize| lfo.turns_at(i as f64 / SAMPLE_RATE_HZ);
                circuit.process(&mut state, rate_hz, turns, dry, &mut expected);
                let mut controls = Controls::new(model.info());
                controls.rate_hz = rate_hz as f32;
                if let Some((place, _)) = model.info().control("colour") {
                    controls.values[place] = f32::from(u8::from(colour));
                }
                let mut found = dry.clone();
                let mut state = PhaserState::new(model);
                state.set_phase(START_TURNS);
                state.process(model, &controls, 0.0, &mut found);
                let (expected, found) = (&expected[SKIP_SAMPLES..], &found[SKIP_SAMPLES..]);
                rows.push(Row {
                    colour,
                    rate_hz,
                    source,
                    esr: metrics::esr(expected, found),
                    mrstft: metrics::mrstft(expected, found, SAMPLE_RATE_HZ, Floor::default()),
                });
            }
        }
    }
    Ok(Report { rows })
}
