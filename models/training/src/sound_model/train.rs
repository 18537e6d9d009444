//! `doppel train sound_model`: from a folder of sounds to a model file.
use super::SAMPLE_RATE_HZ;
use super::bank::Bank;
use super::export::{self, controls};
use super::judge::{Judged, judge};
use super::learner::Learning;
use super::map::{Anchor, map};
use super::pruning::Pruning;
use super::takes::Takes;
use super::windows::{Batch, Windows};
use crate::audio::{self, Audio};
use crate::card::Card;
use crate::models;
use crate::trainer::attend::attend;
use crate::trainer::{Budget, Progress, Source, Trainer};
use anyhow::{Context, Result, bail};
use kernels::checkpoint::{ControlInfo, Curve};
use kernels::sound_model::{SoundModel, SoundModelState};
use nets::sound_model::{self as nets_sound_model, CLASSES, Config, Net};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Share of the budget after which weights are kept beside the last ones.
const LATE: f64 = 0.6;
/// Seconds of each sound of a preview.
const PREVIEW_S: f64 = 0.5;
/// Temperature of a preview.
const PREVIEW_TEMPERATURE: f32 = 0.8;

/// Options of the command.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of sounds named after their values, as in pitch=64_timbre=0.5.wav, or with a CSV that lists them
    #[arg(long)]
    pub data: PathBuf,
    /// What the network hears beside the last sample
    #[arg(long, value_enum, default_value_t = Kind::Clock)]
    pub kind: Kind,
    /// GRUs in series; without it 3 for the paper's kind, 1 with a clock
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub layers: Option<u8>,
    /// Units of each; without it 256 for the paper's kind, 128 with a clock
    #[arg(long, value_parser = clap::value_parser!(u16).range(8..=512))]
    pub hidden: Option<u16>,
    /// The last sample enters as one number, as in the paper, and not by a table
    #[arg(long)]
    pub scalar: bool,
    /// Teach ten levels of loudness as one more control, so that the network plays the envelope itself
    #[arg(long)]
    pub amplitude: bool,
    /// Share of the recurrent weights that remain, in blocks of 8 rows by 4 columns; the others are pruned in the first half of the
    /// training and not computed any more
    #[arg(long, value_parser = density)]
    pub density: Option<f64>,
    /// Checkpoint of a training of the same sizes to begin with, its steps not counted
    #[arg(long, conflicts_with = "resume")]
    pub from: Option<PathBuf>,
    /// Minutes of training on this machine, those before a --resume included
    #[arg(long, default_value_t = 10.0, conflicts_with = "steps")]
    pub minutes: f64,
    /// Steps instead of minutes: the same model wherever it is trained
    #[arg(long)]
    pub steps: Option<u64>,
    /// Model file to write
    #[arg(long)]
    pub out: PathBuf,
    /// Go on from the checkpoint beside --out
    #[arg(long)]
    pub resume: bool,
    /// Also put the model where the plug-ins look
    #[arg(long)]
    pub install: bool,
    /// Seed of weights and data
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// A named place on the panel's pad: a name and the timbre's value, as in Reed=0; any number of them
    #[arg(long = "anchor", value_name = "NAME=VALUE")]
    pub anchors: Vec<String>,
    /// Name of the model on the panel; without it the file's
    #[arg(long)]
    pub name: Option<String>,
    /// What the model is and where its sounds come from
    #[arg(long, default_value = "Sound model trained on recordings.")]
    pub description: String,
    /// Who made the model
    #[arg(long, default_value = "unknown")]
    pub author: String,
    /// SPDX licence id of the model; without it nobody else may use the model
    #[arg(long, default_value = "LicenseRef-All-rights-reserved")]
    pub license: String,
}

/// What the network hears beside the last sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// The controls, as published.
    Paper,
    /// And the phase of the note, which keeps its pitch exact.
    Clock,
}

impl Args {
    fn config(&self, conditions: usize) -> Config {
        let clock = self.kind == Kind::Clock;
        let layers = self.layers.map_or(if clock { 1 } else { 3 }, usize::from);
        let hidden = self.hidden.map_or(if clock { 128 } else { 256 }, usize::from);
        let audio = if self.scalar { nets_sound_model::Audio::Scalar } else { nets_sound_model::Audio::Embedding };
        Config { audio, conditions, clock, width: hidden, relu: false, layers, hidden, classes: CLASSES }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let budget = match args.steps {
        Some(steps) => Budget::Steps(steps.max(1)),
        None if args.minutes > 0.0 => Budget::Minutes(args.minutes),
        None => bail!("--minutes {}: expected more than 0", args.minutes),
    };
    let takes = Arc::new(Takes::read(&args.data, args.kind == Kind::Clock)?);
    let anchors = args.anchors.iter().map(|text| Anchor::parse(text)).collect::<Result<Vec<_>>>()?;
    let map = map(&takes, &anchors)?;
    println!("{} sounds, {:.1} s, controls: {}", takes.takes.len(), takes.seconds(), names(&takes.controls));
    let mut controls = takes.controls.clone();
    controls.extend(args.amplitude.then(amplitude));
    let source: Arc<dyn Source<Batch>> =
        Arc::new(Windows::new(takes.clone(), args.kind == Kind::Clock, args.amplitude, args.seed));
    let net = Net::new(args.config(controls.len()), args.seed)?;
    let pruning = args.density.map(|density| Pruning { density });
    let mut trainer = Trainer::new(Learning::new(net, pruning)?, budget, args.seed);
    if args.resume {
        let checkpoint = args.out.with_extension("checkpoint");
        trainer.load(&checkpoint)?;
        println!("going on from step {} of {}", trainer.progress.step, checkpoint.display());
    }
    if let Some(from) = &args.from {
        trainer.adopt(from)?;
    }
    let progress = trainer.progress.clone();
    let late = args.out.with_extension("late");
    let preview = |learner: &Learning| {
        if learner.share >= LATE {
            keep(&learner.net, &late, learner.share)?;
        }
        let card = card(args, &takes, &controls, &progress);
        play(&learner.net, &takes, &card, args)
    };
    if !attend(&mut trainer, &source, &args.out, "nats a sample", preview)? {
        return Ok(());
    }
    let card = card(args, &takes, &controls, &trainer.progress);
    let net = &trainer.learner.net;
    play(net, &takes, &card, args)?;
    let Judged { bytes, report } = judge(net, &late, &takes, args.amplitude, &map, card)?;
    print!("{report}");
    models::write(&args.out, &bytes)?;
    println!("wrote {}", args.out.display());
    if args.install {
        let folder = models::install_folder(SoundModel::NOUN)?;
        std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        let file = folder.join(args.out.file_name().context("--out names no file")?);
        models::write(&file, &bytes)?;
        println!("installed {}", file.display());
    }
    Ok(())
}

/// A share of weights.
fn density(text: &str) -> Result<f64, String> {
    let density = text.parse().ok().filter(|density| (0.0..=1.0).contains(density));
    density.ok_or_else(|| "expected a share from 0 to 1, as in 0.25".into())
}

fn names(controls: &[ControlInfo]) -> String {
    controls.iter().map(|control| control.id.as_str()).collect::<Vec<_>>().join(", ")
}

/// The control of a model that plays loudness itself.
fn amplitude() -> ControlInfo {
    let (min, max, default, trained_min, trained_max) = (0.0, 1.0, 1.0, 0.0, 1.0);
    let (id, name, unit) = ("amplitude".into(), "Amplitude".into(), String::new());
    ControlInfo { id, name, unit, min, max, default, trained_min, trained_max, curve: Curve::Linear, steps: None }
}

/// Weights of a late step, for the choice by ear at the end.
fn keep(net: &Net, folder: &Path, share: f64) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    let tensors = net.vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
    let file = folder.join(format!("{:04}.safetensors", (share * 10_000.0) as u32));
    candle_core::safetensors::save(&tensors, &file).with_context(|| format!("{}: cannot be written", file.display()))
}

/// Plays every few takes as the net would, one after the other, beside the model.
fn play(net: &Net, takes: &Takes, card: &Card, args: &Args) -> Result<()> {
    let bank = Bank::prime(net, takes, args.amplitude)?;
    let model = SoundModel::load(&export::bytes(net, &bank, card, &[])?)?;
    let mut state = SoundModelState::new(&model, 1);
    let mut sound = Vec::new();
    for (note, take) in takes.takes.iter().step_by(takes.takes.len().div_ceil(8)).enumerate() {
        let mut values = take.values.clone();
        values.extend(args.amplitude.then_some(1.0));
        let controls = [controls(&model, &values, PREVIEW_TEMPERATURE)];
        state.start(&model, 0, &controls[0], 1, note as u64);
        let mut part = vec![0.0; (PREVIEW_S * SAMPLE_RATE_HZ) as usize];
        state.render(&model, &controls, &mut part);
        sound.extend(part);
    }
    audio::write(args.out.with_extension("preview.wav"), &Audio::from_mono(SAMPLE_RATE_HZ, sound))
}

/// What the model's file says of itself.
fn card(args: &Args, takes: &Takes, controls: &[ControlInfo], progress: &Progress) -> Card {
    let file_name =
        || args.out.file_stem().map_or_else(|| "my sound model".into(), |stem| stem.to_string_lossy().into());
    Card {
        name: args.name.clone().unwrap_or_else(file_name),
        author: args.author.clone(),
        license: args.license.clone(),
        description: args.description.clone(),
        redistribute: true,
        sample_rate_hz: SAMPLE_RATE_HZ,
        controls: controls.to_vec(),
        training: serde_json::json!({
            "data": format!("{} sounds, {:.1} s", takes.takes.len(), takes.seconds()),
            "minutes": progress.seconds / 60.0,
            "steps": progress.step,
            "loss_nats": progress.loss,
            "density": args.density.unwrap_or(1.0),
            "seed": progress.seed,
            "revision": env!("CARGO_PKG_VERSION"),
        }),
    }
}
