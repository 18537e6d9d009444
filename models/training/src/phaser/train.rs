//! `doppel train phaser`: from a computed device or from recordings to a model file.
pub mod adversarial;
pub mod batch;
pub mod beginning;
pub mod checks;
pub mod cycle;
pub mod data;
pub mod distilled;
pub mod evaluate;
pub mod export;
pub mod recordings;
mod settle;
pub mod stand_in;
pub mod supervised;
pub mod turning;

use crate::card::Card;
use crate::models::{self, ModelFile, install_folder};
use crate::trainer::attend::attend;
use crate::trainer::{Budget, Learner, Source, Trainer};
use adversarial::{Adversarial, Start};
use anyhow::{Context, Result, bail};
use batch::{Batch, Window};
use beginning::Beginning;
use candle_core::Device;
use data::Data;
use distilled::{Distilled, Silence};
use kernels::phaser::Phaser;
use nets::phaser::{Config, Net};
use settle::settle;
use stand_in::SAMPLE_RATE_HZ;
use std::path::PathBuf;
use std::sync::Arc;
use supervised::Supervised;

/// Outputs and windows of a step with the LFO known.
const SUPERVISED: [usize; 2] = [8192, 4];

/// Options of the command.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Sound that was sent into the device; without it the model learns a computed one
    #[arg(long, requires = "wet")]
    pub dry: Option<PathBuf>,
    /// What came back; once for each setting of the device
    #[arg(long, requires = "dry")]
    pub wet: Vec<PathBuf>,
    /// Settings of the --wet at the same place, as in rate=2.3,colour=1; a rate that is not given is measured. For a
    /// computed device: the setting at which its knobs stand still
    #[arg(long)]
    pub at: Vec<String>,
    /// The device's sweep has no period: find where it stood from dry and wet, and play it as a random walk
    #[arg(long, requires = "dry")]
    pub wander: bool,
    /// With --wander: truth.csv of a computed recording, to say how near the sweep found is; never used in training
    #[arg(long, value_name = "CSV", requires = "wander")]
    pub truth: Option<PathBuf>,
    /// Computed device to learn when there are no recordings: small_stone, jfet, vibe or rack
    #[arg(long, default_value = "small_stone", conflicts_with = "dry")]
    pub device: String,
    /// Seconds at the end of the recordings that are kept out of training and judged
    #[arg(long, default_value_t = 10.0)]
    pub holdout_seconds: f64,
    /// How to learn
    #[arg(long, value_enum, default_value_t = Method::Supervised)]
    pub method: Method,
    /// What moves the model trained adversarially
    #[arg(long, value_enum, default_value_t = Modulation::Oscillator)]
    pub modulation: Modulation,
    /// Start states of the adversarial phase
    #[arg(long, value_enum, default_value_t = Start::Angle)]
    pub start: Start,
    /// Shares of the budget for the adversarial phase, the state predictor alone, and fine-tuning
    #[arg(long, value_delimiter = ',', default_values_t = [0.6, 0.1, 0.3])]
    pub shares: Vec<f64>,
    /// Leave out all that knows the level, the follower and the channels' saturation: a net that answers alike at every one
    #[arg(long)]
    pub linear: bool,
    /// Weight of mode seeking in the adversarial phase
    #[arg(long, default_value_t = 0.0)]
    pub mode_seeking: f64,
    /// Windows of 0.74 s that fine-tuning runs through with carried states
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub windows: u8,
    /// What to begin with, its steps not counted: a model file, or for an adversarial training the checkpoint of one
    #[arg(long)]
    pub from: Option<PathBuf>,
    /// Oscillator model that a distilled one learns from; without it the first factory model
    #[arg(long)]
    pub teacher: Option<PathBuf>,
    /// Minutes of training on this machine, those before a --resume included
    #[arg(long, default_value_t = 20.0, conflicts_with = "steps")]
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

/// How to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Method {
    /// With the LFO found in the recordings beforehand: the quickest and the closest.
    Supervised,
    /// As published, from dry and wet alone, one setting of the device.
    Adversarial,
    /// The published modulation path, taught by an oscillator model at one setting.
    Distilled,
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Self::Supervised => "supervised",
            Self::Adversarial => "adversarial",
            Self::Distilled => "distilled",
        })
    }
}

/// What moves a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Modulation {
    /// An exact phase.
    Oscillator,
    /// The paper's LSTMs.
    Lstm,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let budget = match args.steps {
        Some(steps) => Budget::Steps(steps.max(1)),
        None if args.minutes > 0.0 => Budget::Minutes(args.minutes),
        None => bail!("--minutes {}: expected more than 0", args.minutes),
    };
    if args.wander && args.method != Method::Supervised {
        bail!(
            "--wander --method {}: expected supervised, the only method that is told where the sweep stood",
            args.method
        );
    }
    match args.method {
        Method::Supervised => supervised(args, budget),
        Method::Adversarial => adversarial(args, budget),
        Method::Distilled => distilled(args, budget),
    }
}

fn supervised(args: &Args, budget: Budget) -> Result<()> {
    let mut config = Config::default();
    config.effect.limit = !args.linear;
    config.wander = args.wander;
    let [samples, count] = SUPERVISED;
    let window = Window { receptive_field: config.effect.receptive_field(), frame: config.frame, samples, count };
    let data = Data::open(args, window)?;
    let beginning = args.from.as_deref().map(|from| Beginning::open(from, data.gain())).transpose()?;
    let follower = beginning.as_ref().and_then(Beginning::follower).unwrap_or_else(|| data.follower());
    config.effect.follower = (!args.linear).then_some(follower);
    let net = Net::new(config, data.controls().len(), args.seed, &Device::Cpu)?;
    let mut learner = Supervised::new(net, data.loss());
    if let Some(beginning) = &beginning {
        beginning.lay_into(&learner.net, &data.controls())?;
        learner.highest_rate = beginning::LEARNING_RATE;
    }
    let mut trainer = Trainer::new(learner, budget, args.seed);
    resume(args, &mut trainer)?;
    let progress = trainer.progress.clone();
    let preview = |learner: &Supervised| {
        let card = data.card(args, data.controls(), &progress);
        data.preview(&load(&learner.net.louder(data.gain().recip())?, &card)?, &args.out)
    };
    if !attend(&mut trainer, &data.source(), &args.out, "ESR a window", preview)? {
        return Ok(());
    }
    let mut card = data.card(args, data.controls(), &trainer.progress);
    if let Some(beginning) = &beginning {
        beginning.credit(&mut card);
    }
    finish(args, &data, &trainer.learner.net.louder(data.gain().recip())?, card)
}

fn adversarial(args: &Args, budget: Budget) -> Result<()> {
    let mut config = Config::default();
    if args.modulation == Modulation::Lstm {
        // The audio path stays without biases, unlike the published one: with them the first minutes teach nothing but to be rid
        // of an offset, and a stream would begin with a transient that no window has.
        config = distilled::student_config(&config);
    }
    let window = Window {
        receptive_field: config.effect.receptive_field(),
        frame: config.frame,
        samples: adversarial::WINDOW_SAMPLES * usize::from(args.windows),
        count: 2,
    };
    let frame_hz = SAMPLE_RATE_HZ / config.frame as f64;
    let data = Data::open(args, window)?;
    let Some(rate_hz) = data.rate_hz() else {
        bail!("adversarial training learns one setting: give one --wet, or --at rate=1,colour=0 for a computed device");
    };
    let is_recurrent = args.modulation == Modulation::Lstm;
    let controls = if is_recurrent { Vec::new() } else { data.controls() };
    let net = Net::new(config, controls.len(), args.seed, &Device::Cpu)?;
    let options = adversarial::Options {
        start: args.start,
        shares: shares(&args.shares)?,
        mode_seeking: args.mode_seeking,
        esr_share: if is_recurrent { 0.0 } else { 1.0 },
    };
    let rate = (!is_recurrent).then_some(rate_hz / frame_hz);
    let learner = Adversarial::new(net, options, rate, data.loss(), args.seed)?;
    let mut trainer = Trainer::new(learner, budget, args.seed);
    resume(args, &mut trainer)?;
    // A checkpoint that is resumed has long taken over what the run began with.
    if let (Some(from), false) = (&args.from, args.resume) {
        trainer.adopt(from)?;
    }
    if !attend(&mut trainer, &data.source(), &args.out, "MR-STFT", |_| Ok(()))? {
        return Ok(());
    }
    let mut controls = controls;
    if let (Some(turns), Some(rate)) = (trainer.learner.turns_per_frame()?, controls.first_mut()) {
        println!("LFO learnt: {:.4} Hz, {rate_hz:.4} Hz at the start", turns * frame_hz);
        rate.default = (turns * frame_hz) as f32;
    }
    let mut card = data.card(args, controls, &trainer.progress);
    if is_recurrent {
        let state = trainer.learner.start_state(&data.source().batch(u64::MAX))?;
        card.training["cycle"] = settle(&args.out, &trainer.learner.net, Some(&state))?;
    }
    finish(args, &data, &trainer.learner.net, card)
}

fn distilled(args: &Args, budget: Budget) -> Result<()> {
    if let Some(from) = &args.from {
        bail!("--from {}: distilled training begins with its teacher; give that as --teacher", from.display());
    }
    let file = ModelFile::open(Phaser::NOUN, args.teacher.as_deref())?;
    let (teacher, info) = (export::read(&file.bytes).with_context(|| file.name.clone())?, file.phaser()?);
    let window = Window { receptive_field: 0, frame: teacher.config.frame, samples: 1, count: 1 };
    let data = Data::open(args, window)?;
    let Data::Computed(stand_in) = &data else {
        bail!("distilled training learns from a model: leave out --dry and --wet");
    };
    let Some(values) = stand_in.fixed() else {
        bail!("distilled training learns one setting: give it as in --at rate=1,colour=0");
    };
    let controls = evaluate::controls(&info, &stand_in.device().controls(), values);
    let seen = info.info().controls.iter().zip(&controls.values).map(|(c, value)| c.normalised(*value)).collect();
    let turns_per_frame = values[0] * teacher.config.frame as f64 / SAMPLE_RATE_HZ;
    let mut trainer = Trainer::new(Distilled::new(teacher, seen, turns_per_frame, args.seed)?, budget, args.seed);
    resume(args, &mut trainer)?;
    let silence: Arc<dyn Source<Batch>> = Arc::new(Silence);
    if !attend(&mut trainer, &silence, &args.out, "error of the modulation", |_| Ok(()))? {
        return Ok(());
    }
    let mut card = data.card(args, Vec::new(), &trainer.progress);
    let net = &trainer.learner.net;
    card.training["cycle"] = settle(&args.out, net, None)?;
    finish(args, &data, net, card)
}

fn resume<L: Learner>(args: &Args, trainer: &mut Trainer<L>) -> Result<()> {
    if args.resume {
        let checkpoint = args.out.with_extension("checkpoint");
        trainer.load(&checkpoint)?;
        println!("going on from step {} of {}", trainer.progress.step, checkpoint.display());
    }
    Ok(())
}

fn shares(given: &[f64]) -> Result<[f64; 3]> {
    let sum: f64 = given.iter().sum();
    match *given {
        [a, b, c] if given.iter().all(|share| *share >= 0.0) && sum > 0.0 => Ok([a / sum, b / sum, c / sum]),
        _ => bail!("--shares {given:?}: expected three numbers of 0 or more, not all 0"),
    }
}

/// The net as the plug-in would load it.
fn load(net: &Net, card: &Card) -> Result<Arc<Phaser>> {
    Ok(Arc::new(Phaser::load(&export::bytes(net, card)?).context("the export does not load")?))
}

/// Judges the model, writes its file and installs it if that was asked for.
fn finish(args: &Args, data: &Data, net: &Net, mut card: Card) -> Result<()> {
    let model = load(net, &card)?;
    card.training["held_out"] = data.judge(&model, args)?;
    data.preview(&model, &args.out)?;
    let bytes = export::bytes(net, &card)?;
    models::write(&args.out, &bytes)?;
    println!("wrote {}", args.out.display());
    if args.install {
        let folder = install_folder(Phaser::NOUN)?;
        std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        let file = folder.join(args.out.file_name().context("--out names no file")?);
        models::write(&file, &bytes)?;
        println!("installed {}", file.display());
    }
    Ok(())
}
