//! Which weights become the model: those that play best on their own, at the temperature that suits them, their pitch measured.
use super::bank::Bank;
use super::evaluate::{FAILURE, Grid, Held, full_grid, notes, voices};
use super::response::Response;
use super::takes::Takes;
use super::{export, rounding, timbre};
use crate::card::Card;
use anyhow::{Context, Result};
use candle_core::Tensor;
use kernels::sound_model::SoundModel;
use kernels::sound_model::calibration::{self, Calibration};
use nets::sound_model::Net;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Temperatures that are tried, rising.
const TEMPERATURES: [f32; 4] = [0.7, 0.8, 0.9, 1.0];
/// Temperature at which late weights are compared.
const COMPARED_AT: f32 = 0.85;
/// Late weights that are compared with the last ones, at most.
const MOST_LATE: usize = 4;
/// Late weights whose mean with the last ones is tried too. Where notes are held long it is the steadier one: of the published kind
/// 0.5 % of its frames were off after it, 1.2 % after the best single weights, while the grid's two seconds knew no difference.
const AVERAGED: usize = 6;
/// Seeds of what is drawn while pitch is measured, and while the result is judged.
const MEASURED: u64 = 1;
const JUDGED: u64 = 2;
/// A table is only added where it moves a pitch by more, in cents.
const WORTH_CENTS: f32 = 0.5;
/// Farthest that a pitch is moved, in cents; a voice that is farther off has failed otherwise.
const MOST_CENTS: f64 = 60.0;

/// One temperature of the finished model.
#[derive(Clone, Debug, Serialize)]
pub struct AtTemperature {
    /// The temperature.
    pub temperature: f32,
    /// As the network plays.
    pub raw: Grid,
    /// With its pitch calibrated.
    pub calibrated: Grid,
    /// Voices that are held.
    pub held: Held,
}

impl AtTemperature {
    /// Smaller is better; a hundredth of all frames off weighs as much as a voice that fails.
    fn badness(&self) -> f64 {
        self.calibrated.badness() + 1e4 * self.held.off_mean
    }
}

/// What is said of a model in its file.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Which weights were taken: `last`, or a file of late ones.
    pub weights: String,
    /// Best temperature.
    pub temperature: f32,
    /// All that were tried; empty for a model without pitch.
    pub grid: Vec<AtTemperature>,
    /// Voices that are held, at the best temperature.
    pub held: Held,
    /// How strictly timbre follows its control at each of three notes, at the best temperature.
    pub timbre_spearman: Vec<f64>,
    /// How it follows its player; none for a model without pitch.
    pub response: Option<Response>,
    /// What 8 bits cost, in nats a sample.
    pub rounding_nats: f64,
}

/// A finished model.
pub struct Judged {
    /// Its file.
    pub bytes: Vec<u8>,
    /// What was found.
    pub report: Report,
}

/// A net's file with and without calibration.
struct Candidate<'a> {
    net: &'a Net,
    bank: Bank,
    card: &'a Card,
}

impl Candidate<'_> {
    fn bytes(&self, keys: &[(&str, String)]) -> Result<Vec<u8>> {
        export::bytes(self.net, &self.bank, self.card, keys)
    }

    fn load(&self, keys: &[(&str, String)]) -> Result<SoundModel> {
        Ok(SoundModel::load(&self.bytes(keys)?)?)
    }
}

/// Takes the best of the last and the late weights (files in `late`), and makes the model of it; `net` holds them afterwards.
pub fn judge(
    net: &Net,
    late: &Path,
    takes: &Takes,
    amplitude: bool,
    map: &serde_json::Value,
    mut card: Card,
) -> Result<Judged> {
    let chosen = choose(net, late, takes, amplitude, &card)?;
    let candidate = Candidate { net, bank: Bank::prime(net, takes, amplitude)?, card: &card };
    let raw = candidate.load(&[])?;
    let is_pitched = raw.info().control("pitch").is_some();
    let table = if is_pitched { measure(&raw) } else { Calibration::default() };
    let is_worth = table.cents.iter().flatten().any(|cents| cents.abs() > WORTH_CENTS);
    let mut keys = vec![("map", map.to_string())];
    if is_worth {
        keys.push((calibration::KEY, serde_json::to_string(&table)?));
    }
    let model = candidate.load(&keys)?;
    let points = full_grid(model.info());
    let mut grid = Vec::new();
    for temperature in TEMPERATURES.into_iter().filter(|_| is_pitched) {
        let of = |model: &SoundModel| Grid::of(&voices(model, &points, temperature, JUDGED));
        let held = Held::of(&model, temperature);
        grid.push(AtTemperature { temperature, raw: of(&raw), calibrated: of(&model), held });
    }
    // The highest of equals: it keeps most of the sound's own noise.
    let best = grid.iter().rev().min_by(|a, b| a.badness().total_cmp(&b.badness()));
    let temperature = best.map_or(1.0, |best| best.temperature);
    let held = best.map_or_else(|| Held::of(&model, temperature), |best| best.held.clone());
    keys.push(("temperature", temperature.to_string()));
    let report = Report {
        weights: chosen,
        temperature,
        held,
        timbre_spearman: timbre::follows(&model, temperature),
        response: Response::of(&model, temperature),
        rounding_nats: rounding::cost(
            &export::full_bytes(net, &candidate.bank, &card)?,
            &candidate.bytes(&keys)?,
            temperature,
        )?,
        grid,
    };
    let bank = candidate.bank;
    card.training["evaluation"] = serde_json::to_value(&report)?;
    let bytes = export::bytes(net, &bank, &card, &keys)?;
    Ok(Judged { bytes, report })
}

/// Lays the weights into `net` that fail least, or the mean of late ones if no more voices fail with it; which they are.
fn choose(net: &Net, late: &Path, takes: &Takes, amplitude: bool, card: &Card) -> Result<String> {
    let badness = || -> Result<f64> {
        let candidate = Candidate { net, bank: Bank::prime(net, takes, amplitude)?, card };
        let model = candidate.load(&[])?;
        let grid = Grid::of(&voices(&model, &full_grid(model.info()), COMPARED_AT, MEASURED));
        Ok(grid.badness())
    };
    if !takes.controls.iter().any(|control| control.id == "pitch") {
        return Ok("last".into());
    }
    let last: Vec<_> =
        net.vars.iter().map(|(name, var)| Ok((name.clone(), var.as_tensor().copy()?))).collect::<Result<_>>()?;
    let mut best = (badness()?, "last".to_string(), None);
    println!("last weights: badness {:.1}", best.0);
    for file in late_files(late).into_iter().rev().take(MOST_LATE) {
        lay(net, &file)?;
        let (found, name) = (badness()?, file.file_name().unwrap_or_default().to_string_lossy().to_string());
        println!("{name}: badness {found:.1}");
        if found < best.0 {
            best = (found, name, Some(file));
        }
    }
    let late: Vec<PathBuf> = late_files(late).into_iter().rev().take(AVERAGED).collect();
    if !late.is_empty() {
        lay_mean(net, &last, &late)?;
        let (found, name) = (badness()?, format!("mean of the last and {} late", late.len()));
        println!("{name}: badness {found:.1}");
        if found < best.0 + FAILURE {
            return Ok(name);
        }
    }
    match &best.2 {
        Some(file) => lay(net, file)?,
        None => {
            for (name, values) in last {
                net.vars[&name].set(&values)?;
            }
        }
    }
    Ok(best.1)
}

fn late_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files
}

/// Sets the net's weights to those of a file.
fn lay(net: &Net, file: &Path) -> Result<()> {
    let what = || format!("{}: not weights of this net; remove the folder to do without", file.display());
    let tensors = candle_core::safetensors::load(file, &candle_core::Device::Cpu).with_context(what)?;
    for (name, var) in &net.vars {
        var.set(tensors.get(name).with_context(what)?).with_context(what)?;
    }
    Ok(())
}

/// Sets the net's weights to the mean of `last` and those of some files.
fn lay_mean(net: &Net, last: &[(String, Tensor)], files: &[PathBuf]) -> Result<()> {
    let mut sums = last.to_vec();
    for file in files {
        lay(net, file)?;
        for (name, sum) in &mut sums {
            *sum = (&*sum + net.vars[name].as_tensor())?;
        }
    }
    for (name, sum) in sums {
        net.vars[&name].set(&(sum / (files.len() + 1) as f64)?)?;
    }
    Ok(())
}

/// How much too high the network plays each note at each temperature: the median over timbres, failures left out.
fn measure(model: &SoundModel) -> Calibration {
    let points = full_grid(model.info());
    let mut played: Vec<f64> = notes(model.info(), &points);
    let mut rows = Vec::new();
    for temperature in TEMPERATURES {
        let voices = voices(model, &points, temperature, MEASURED);
        let row: Vec<f32> = distinct(&played)
            .iter()
            .map(|note| {
                let at = voices.iter().zip(&played).filter(|(_, n)| *n == note).map(|(voice, _)| voice);
                let mut cents: Vec<f64> =
                    at.filter(|v| v.correlation > 0.9 && v.cents.abs() < MOST_CENTS).map(|v| v.cents).collect();
                cents.sort_by(f64::total_cmp);
                cents.get(cents.len() / 2).copied().unwrap_or(0.0) as f32
            })
            .collect();
        rows.push(row);
    }
    played = distinct(&played);
    let notes = played.iter().map(|note| *note as f32).collect();
    Calibration { temperatures: TEMPERATURES.to_vec(), notes, cents: rows }
}

fn distinct(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        writeln!(f, "weights {}, best temperature {}", self.weights, self.temperature)?;
        for AtTemperature { temperature, raw, calibrated, held } in &self.grid {
            for (what, g) in [("raw", raw), ("calibrated", calibrated)] {
                writeln!(
                    f,
                    "T {temperature:.2} {what:>10}: {:.2} cents median, {:.1} p95, {:+.2} bias; {} noisy, {} octaves, {} dead of {}",
                    g.cents_median, g.cents_p95, g.cents_bias, g.noisy, g.octaves, g.dead, g.voices
                )?;
            }
            writeln!(f, "T {temperature:.2}   held 30 s: {held}")?;
        }
        if self.grid.is_empty() {
            writeln!(f, "held 30 s: {}", self.held)?;
        }
        if let Some(r) = &self.response {
            writeln!(
                f,
                "a step of pitch arrives in {:.0} samples ({:.0} if it were at once), {:.0} % of voices; a glide is {:.1} cents off, p95 {:.1}",
                r.step_samples,
                r.step_samples_ideal,
                100.0 * r.arrived,
                r.glide_cents_median,
                r.glide_cents_p95
            )?;
        }
        writeln!(f, "timbre follows: {:.2?}; 8 bits cost {:.5} nats a sample", self.timbre_spearman, self.rounding_nats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nets::sound_model::{Audio, CLASSES, Config};

    #[test]
    fn the_mean_of_weights_lies_between_them() {
        let (audio, conditions, clock, width, relu, layers, hidden) = (Audio::Embedding, 1, false, 8, false, 1, 8);
        let config = Config { audio, conditions, clock, width, relu, layers, hidden, classes: CLASSES };
        let nets = [1, 2, 3].map(|seed| Net::new(config.clone(), seed).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let values = |net: &Net| -> Vec<(String, Tensor)> {
            net.vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().copy().unwrap())).collect()
        };
        let files: Vec<PathBuf> = (1..3).map(|n| folder.path().join(format!("{n}.safetensors"))).collect();
        for (net, file) in nets[1..].iter().zip(&files) {
            candle_core::safetensors::save(&values(net).into_iter().collect(), file).unwrap();
        }
        let each: Vec<Vec<f32>> =
            nets.iter().map(|net| net.vars["h2o.weight"].flatten_all().unwrap().to_vec1().unwrap()).collect();
        lay_mean(&nets[0], &values(&nets[0]), &files).unwrap();
        let mean: Vec<f32> = nets[0].vars["h2o.weight"].flatten_all().unwrap().to_vec1().unwrap();
        for (k, mean) in mean.iter().enumerate() {
            assert!((mean - (each[0][k] + each[1][k] + each[2][k]) / 3.0).abs() < 1e-6);
        }
    }
}
