//! `doppel train wavetable`: from a computed machine, a set of periods or a recording to a model file.
pub mod autoencoder;
pub mod basis;
pub mod data;
pub mod evaluate;
pub mod export;
pub mod losses;
pub mod material;
pub mod plan;
pub mod recording;
pub mod report;

use super::dataset::published::{Alignment, prepare};
use super::dataset::{Dataset, capture};
use super::sources::{self, Machine};
use crate::card::Card;
use crate::models;
use crate::trainer::attend::attend;
use crate::trainer::{Budget, Trainer};
use anyhow::{Result, bail, ensure};
use data::Data;
use evaluate::{Report, Target, evaluate};
use export::Model;
use kernels::checkpoint::ControlInfo;
use plan::{HARMONICS, Plan, Published};
use std::path::{Path, PathBuf};

/// Fewest periods that are worth a training.
const FEWEST: usize = 10;

/// Options of the command.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Sizes and losses: as published, or ours
    #[arg(long, value_enum, default_value_t = Preset::Ours)]
    pub preset: Preset,
    /// Which of the six published nets: D or N (with or without discriminator), latents z, conditions y
    #[arg(long, default_value = "D1z2y")]
    pub net: String,
    /// Computed machine that ours learns when there is no --data: bowed_string, voice, reed or fm
    #[arg(long, default_value = "bowed_string", conflicts_with = "data")]
    pub source: String,
    /// Settings of the machine that are heard
    #[arg(long, default_value_t = 40_000)]
    pub rows: usize,
    /// What to learn: a recording of one note at a time, a wavetable (WAV with the chunk `clm `), or a set of periods
    /// (.safetensors, of `doppel dataset wavetable`)
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// What a player did during the recording: a table of comma-separated values, the first line `time_s,pressure,..`; without it
    /// brightness and level are measured
    #[arg(long, requires = "data")]
    pub conditions: Option<PathBuf>,
    /// Minutes of training on this machine, those before a --resume included
    #[arg(long, default_value_t = 5.0, conflicts_with = "steps")]
    pub minutes: f64,
    /// Steps instead of minutes: the same model wherever it is trained
    #[arg(long)]
    pub steps: Option<u64>,
    /// Model file to write
    #[arg(long, required_unless_present = "report")]
    pub out: Option<PathBuf>,
    /// Repeat the paper's experiments and print their tables instead
    #[arg(long, conflicts_with_all = ["out", "data"])]
    pub report: bool,
    /// Go on from the checkpoint beside --out
    #[arg(long)]
    pub resume: bool,
    /// Seed of weights and data
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Name of the model on the panel; without it the file's
    #[arg(long)]
    pub name: Option<String>,
    /// Who made the model
    #[arg(long, default_value = "unknown")]
    pub author: String,
    /// SPDX licence id of the model; without it nobody else may use the model
    #[arg(long, default_value = "LicenseRef-All-rights-reserved")]
    pub license: String,
}

/// Sizes and losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// The paper's and its author's program's.
    Paper,
    /// Exact periods, level apart, sines and cosines of the conditions, latents kept from telling them.
    Ours,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let Some(out) = args.out.as_ref().filter(|_| !args.report) else { return report::run(args.seed) };
    let budget = match args.steps {
        Some(steps) => Budget::Steps(steps.max(1)),
        None if args.minutes > 0.0 => Budget::Minutes(args.minutes),
        None => bail!("--minutes {}: expected more than 0", args.minutes),
    };
    let (set, mut controls, description) = match &args.data {
        Some(path) => {
            let set = material::opened(path, args.conditions.as_deref())?;
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (set, Vec::new(), format!("Learnt from {file}."))
        }
        None if args.preset == Preset::Paper => {
            println!("playing the published grid");
            let grid = capture::grid();
            let set = prepare("bowed1", &grid, grid.len(), Alignment::Correlation, args.seed);
            (
                set,
                Vec::new(),
                "The bowed string of the Synthesis ToolKit, body and all, as Sinclair 2017 learned it.".into(),
            )
        }
        None => {
            let machine = sources::machine(&args.source)?;
            (heard(args, out, &*machine)?, machine.controls(), machine.description().to_string())
        }
    };
    println!("{} periods, {} left out", set.len(), set.about.rejected);
    ensure!(set.len() >= FEWEST, "{}: expected at least {FEWEST} periods, found {}", set.about.name, set.len());
    if controls.is_empty() {
        controls = set.about.conditions.iter().map(material::control).collect();
    }
    let plan = match args.preset {
        Preset::Ours => {
            ensure!(
                !set.about.differences,
                "{}: ours learns periods, found differences: give --preset paper",
                set.about.name
            );
            Plan::ours(Data::ours(&set, HARMONICS), 1)
        }
        Preset::Paper => {
            let one = Published::named(&args.net)?;
            let (found, expected) = (controls.len(), one.conditions);
            ensure!(found >= expected, "--net {}: expected {expected} conditions in the set, found {found}", one.name);
            controls.truncate(one.conditions);
            Plan::published(Data::published(&set, one.conditions), one)
        }
    };
    train(args, out, budget, &set, &plan, &controls, description)
}

/// The machine's periods; they are kept beside --out for a --resume.
fn heard(args: &Args, out: &Path, machine: &dyn Machine) -> Result<Dataset> {
    let kept = out.with_extension("periods");
    if args.resume && kept.exists() {
        return Dataset::load(&kept);
    }
    println!("listening to {} settings of {}", args.rows, machine.name());
    let set = sources::record(machine, args.rows, args.seed);
    set.save(&kept)?;
    Ok(set)
}

fn train(
    args: &Args,
    out: &Path,
    budget: Budget,
    set: &Dataset,
    plan: &Plan,
    controls: &[ControlInfo],
    description: String,
) -> Result<()> {
    let mut trainer = Trainer::new(plan.learner(args.seed)?, budget, args.seed);
    if args.resume {
        let checkpoint = out.with_extension("checkpoint");
        trainer.load(&checkpoint)?;
        println!("going on from step {} of {}", trainer.progress.step, checkpoint.display());
    }
    if !attend(&mut trainer, &plan.source(args.seed), out, "error of the period", |_| Ok(()))? {
        return Ok(());
    }
    let (net, data) = (&trainer.learner.net, &*plan.data);
    let is_ours = args.preset == Preset::Ours;
    let prior = if is_ours { Target::Uniform } else { Target::Normal };
    let held_out = evaluate(net, data, &data.held_out, plan.method.told, prior, &set.hidden)?;
    show(&held_out, controls);
    let model = Model::new(net, data, set, is_ours.then_some(HARMONICS), controls)?;
    let progress = &trainer.progress;
    let file_name = || out.file_stem().map_or_else(|| "my wavetable".into(), |stem| stem.to_string_lossy().into());
    let card = Card {
        name: args.name.clone().unwrap_or_else(file_name),
        author: args.author.clone(),
        license: args.license.clone(),
        description,
        redistribute: true,
        sample_rate_hz: set.about.sample_rate_hz,
        controls: model.controls(controls),
        training: serde_json::json!({
            "data": set.about.name,
            "periods": set.len(),
            "method": if is_ours { "ours" } else { args.net.as_str() },
            "minutes": progress.seconds / 60.0,
            "steps": progress.step,
            "loss": progress.loss,
            "seed": progress.seed,
            "revision": env!("CARGO_PKG_VERSION"),
            "held_out": summary(&held_out),
        }),
    };
    let bytes = model.bytes(&card)?;
    models::write(out, &bytes)?;
    println!("wrote {} ({} bytes)", out.display(), bytes.len());
    Ok(())
}

fn show(report: &Report, controls: &[ControlInfo]) {
    println!("variance explained   {:.3}, by the knobs alone {:.3}", report.explained, report.explained_by_knobs);
    println!("level                within {:.2} dB RMS", report.gain_error_db);
    for (error, control) in report.condition_errors.iter().zip(controls) {
        println!("{:<20} found within {:.3} of its span RMS", control.id, error / 2.0);
    }
    println!(
        "latent               KS {:.3}, tells {:.3} of a condition, hidden setting {:.2}",
        report.ks, report.told, report.hidden
    );
}

fn summary(report: &Report) -> serde_json::Value {
    let round = |x: f64| (x * 1e4).round() / 1e4;
    serde_json::json!({
        "explained": round(report.explained),
        "explained_by_knobs": round(report.explained_by_knobs),
        "level_error_db": round(report.gain_error_db),
        "condition_errors_of_span": report.condition_errors.iter().map(|e| round(e / 2.0)).collect::<Vec<_>>(),
        "latent_ks": round(report.ks),
        "latent_tells_of_conditions": round(report.told),
    })
}

#[cfg(test)]
mod tests;
