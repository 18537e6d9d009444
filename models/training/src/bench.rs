//! `doppel bench`: the speed of a model on every path of this CPU, measured side by side; or how long it sweeps like its device.
mod phaser;
mod played;

use crate::models::ModelFile;
use crate::phaser::device::{self, Device};
use crate::phaser::settings::fixed_values;
use crate::phaser::stability::{self, Stream};
use crate::phaser::train::evaluate;
use anyhow::Result;
use kernels::phaser::Phaser;
use kernels::sound_model::SoundModel;
use kernels::wavetable::Wavetable;
use serde::Serialize;
use std::path::PathBuf;

/// Options of the command.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Model file; without it the first factory model
    pub model: Option<PathBuf>,
    /// For programs
    #[arg(long)]
    pub json: bool,
    /// Sample rate of the host in Hz; without it the model's own
    #[arg(long)]
    pub rate: Option<f64>,
    /// Instead of speed: the distance from this computed device after 0.74 s, 4 s, 60 s and 10 min of streaming
    #[arg(long, value_name = "DEVICE", group = "compared", conflicts_with = "rate")]
    pub stability: Option<String>,
    /// Instead of speed: the level beside this computed device's, from -40 to -4 dB RMS
    #[arg(long, value_name = "DEVICE", group = "compared", conflicts_with = "rate")]
    pub levels: Option<String>,
    /// With a device: the setting, as in rate=2.3,colour=0, instead of the device's held-out ones
    #[arg(long, requires = "compared")]
    pub at: Option<String>,
    /// With --stability: further models to measure and to draw below the first
    #[arg(long, value_name = "MODEL", requires = "stability")]
    pub beside: Vec<PathBuf>,
    /// With --stability: the sweep in the first four seconds and in those after ten minutes, of the first setting; with
    /// --levels: gain against level
    #[arg(long, value_name = "PNG", requires = "compared")]
    pub picture: Option<PathBuf>,
}

/// Samples of one timed run.
const RUN_SAMPLES: usize = 1 << 15;
/// Timed runs of each path, taken in turn so that a disturbance meets all alike; the quickest counts.
const RUNS: usize = 12;
/// Block that the figures are for, and those that it is compared with.
const BLOCK: usize = 64;

/// One path's figures.
#[derive(Serialize)]
struct Row {
    /// Name of the path.
    path: String,
    /// Channels or voices that sound.
    voices: usize,
    /// Time a sample of one channel or voice, in nanoseconds.
    ns_per_sample: f64,
    /// How many times faster than real time all of them play together.
    times_real_time: f64,
    /// The 999th of a thousand blocks over the middle one.
    worst_block_ratio: f64,
    /// Time a sample with blocks of one sample over that with blocks of 64.
    block_1_ratio: f64,
    /// Time a sample of silence over that of noise; instruments have no input.
    #[serde(skip_serializing_if = "Option::is_none")]
    silence_ratio: Option<f64>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let file = ModelFile::open(Phaser::NOUN, args.model.as_deref())?;
    if let Some(device) = &args.stability {
        return sweeps(args, device::find(device)?.as_ref(), file);
    }
    if let Some(device) = &args.levels {
        return levels(args, device::find(device)?.as_ref(), &file);
    }
    let rows = match file.noun()?.as_str() {
        SoundModel::NOUN => played::sound_model(&file, args.rate)?,
        Wavetable::NOUN => played::wavetable(&file, args.rate)?,
        _ => phaser::rows(&file, args.rate)?,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&serde_json::json!({ "model": file.name, "rows": rows }))?);
        return Ok(());
    }
    println!("{}, blocks of {BLOCK}, best of {RUNS} runs", file.name);
    println!(
        "{:>22} {:>7} {:>14} {:>12} {:>12} {:>9} {:>9}",
        "path", "voices", "ns per sample", "x real time", "worst block", "block 1", "silence"
    );
    for row in &rows {
        println!(
            "{:>22} {:>7} {:>14.1} {:>12.1} {:>11.2}x {:>8.2}x {:>9}",
            row.path,
            row.voices,
            row.ns_per_sample,
            row.times_real_time,
            row.worst_block_ratio,
            row.block_1_ratio,
            row.silence_ratio.map_or("-".into(), |ratio| format!("{ratio:.2}x"))
        );
    }
    Ok(())
}

/// Prints and draws how long models sweep like a device.
fn sweeps(args: &Args, device: &dyn Device, file: ModelFile) -> Result<()> {
    let at = args.at.as_ref().map(|at| fixed_values(at, &device.controls())).transpose()?;
    let beside = args.beside.iter().map(|path| ModelFile::open(Phaser::NOUN, Some(path)));
    let mut models = Vec::new();
    for file in std::iter::once(Ok(file)).chain(beside) {
        let file = file?;
        let model = file.phaser()?;
        models.push((model.info().name.clone(), stability::measure(device, at.clone(), &model)));
    }
    let rows = |streams: &[Stream]| streams.iter().flat_map(|stream| stream.rows.clone()).collect::<Vec<_>>();
    if args.json {
        let mut json = models.iter().map(|(name, streams)| serde_json::json!({ "model": name, "rows": rows(streams) }));
        let mut own = json.next().unwrap_or_default();
        own["beside"] = json.collect();
        println!("{}", serde_json::to_string_pretty(&own)?);
    } else {
        for (name, streams) in &models {
            print!("{name}\n{}", stability::table(rows(streams).iter()));
        }
    }
    let Some(path) = &args.picture else { return Ok(()) };
    let firsts: Vec<(&str, &Stream)> =
        models.iter().filter_map(|(name, streams)| Some((name.as_str(), streams.first()?))).collect();
    // Beside the last model, since the first is often one whose LFO has stopped.
    let device = firsts.last().map(|(_, stream)| (device.id(), &stream.device_ends));
    let players: Vec<_> = device.into_iter().chain(firsts.iter().map(|(name, stream)| (*name, &stream.ends))).collect();
    stability::plot_sweeps(&players, path)
}

/// Prints and draws how a model answers to level beside a device.
fn levels(args: &Args, device: &dyn Device, file: &ModelFile) -> Result<()> {
    let at = args.at.as_ref().map(|at| fixed_values(at, &device.controls())).transpose()?;
    let rows = evaluate::levels(device, at.as_deref(), &file.phaser()?);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&serde_json::json!({ "model": file.name, "rows": rows }))?);
    } else {
        print!("{}", evaluate::level_table(&rows));
    }
    args.picture.as_deref().map_or(Ok(()), |path| evaluate::plot_levels(&rows, path))
}
