//! `doppel train phaser`: from the stand-in circuit or from recordings to a model file.
pub mod adam;
pub mod batch;
pub mod evaluate;
pub mod export;
pub mod recordings;
pub mod stand_in;
pub mod trainer;

use crate::models::install_folder;
use crate::phaser::device;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use export::Card;
use indicatif::{ProgressBar, ProgressStyle};
use kernels::checkpoint::ControlInfo;
use kernels::phaser::Phaser;
use nets::phaser::{Config, Net};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use trainer::{Budget, Loss, Trainer};

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(120);
/// Time between two plots.
const PLOT_EVERY: Duration = Duration::from_secs(60);

/// The loss for rendered sound, whose only noise is the circuit's hiss.
const LOSS_RENDERED: Loss = Loss { energy_floor: 1e-6, spectral_share: 0.1 };
/// The loss for recordings: their pauses and their treble hold the noise of codecs and converters.
const LOSS_RECORDED: Loss = Loss { energy_floor: 3e-5, spectral_share: 0.0 };

/// Options of the command.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Sound that was sent into the device; without it the model learns a computed one
    #[arg(long, requires = "wet")]
    pub dry: Option<PathBuf>,
    /// What came back; once for each setting of the device
    #[arg(long, requires = "dry")]
    pub wet: Vec<PathBuf>,
    /// Settings of the --wet at the same place, as in rate=2.3,colour=1; a rate that is not given is measured
    #[arg(long, requires = "wet")]
    pub at: Vec<String>,
    /// Computed device to learn when there are no recordings: small_stone, jfet, vibe or rack
    #[arg(long, default_value = "small_stone", conflicts_with = "dry")]
    pub device: String,
    /// Seconds at the end of the recordings that are kept out of training and judged
    #[arg(long, default_value_t = 10.0)]
    pub holdout_seconds: f64,
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

/// Where the sound comes from.
enum Data {
    StandIn(Arc<stand_in::StandIn>),
    Recordings(Arc<recordings::Recordings>),
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let budget = match args.steps {
        Some(steps) => Budget::Steps(steps.max(1)),
        None if args.minutes > 0.0 => Budget::Minutes(args.minutes),
        None => bail!("--minutes {}: expected more than 0", args.minutes),
    };
    let config = Config::default();
    let (field, frame) = (config.effect.receptive_field(), config.frame);
    let (data, controls, loss) = match &args.dry {
        Some(dry) => {
            let recordings =
                recordings::Recordings::read(dry, &args.wet, &args.at, args.holdout_seconds, args.seed, field, frame)?;
            let controls = recordings.controls.clone();
            (Data::Recordings(Arc::new(recordings)), controls, LOSS_RECORDED)
        }
        None => {
            let device = device::find(&args.device)?;
            let controls = device.controls();
            let stand_in = stand_in::StandIn::new(device, args.seed, field, frame);
            (Data::StandIn(Arc::new(stand_in)), controls, LOSS_RENDERED)
        }
    };
    let net = Net::new(config, controls.len(), args.seed, &Device::Cpu)?;
    let mut trainer = Trainer::new(net, budget, loss, args.seed);
    let checkpoint = args.out.with_extension("checkpoint");
    if args.resume {
        trainer.load(&checkpoint)?;
        println!("going on from step {} of {}", trainer.progress.step, checkpoint.display());
    }
    let source: Arc<dyn batch::Source> = match &data {
        Data::StandIn(data) => data.clone(),
        Data::Recordings(data) => data.clone(),
    };
    if !attend(&mut trainer, source, &checkpoint, &args.out.with_extension("loss.png"))? {
        println!("stopped: {} keeps step {}; --resume goes on", checkpoint.display(), trainer.progress.step);
        return Ok(());
    }
    let mut card = data.card(args, controls, &trainer);
    let model = Arc::new(Phaser::load(&export::bytes(&trainer.net, &card)?).context("the export does not load")?);
    card.training["held_out"] = match &data {
        Data::StandIn(data) => {
            let report = evaluate::stand_in(data.device(), &model)?;
            print!("{report}");
            export::write(&args.out.with_extension("report.json"), serde_json::to_string_pretty(&report)?.as_bytes())?;
            report.summary()
        }
        Data::Recordings(data) => {
            let rows = data.judge(&model)?;
            for (name, esr) in &rows {
                println!("{name}: ESR {esr:.5} on the last {} s, kept out of training", args.holdout_seconds);
            }
            rows.into_iter().map(|(name, esr)| serde_json::json!({ "take": name, "esr": esr })).collect()
        }
    };
    let bytes = export::bytes(&trainer.net, &card)?;
    export::write(&args.out, &bytes)?;
    println!("wrote {}", args.out.display());
    if args.install {
        let folder = install_folder(Phaser::NOUN)?;
        std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        let file = folder.join(args.out.file_name().context("--out names no file")?);
        export::write(&file, &bytes)?;
        println!("installed {}", file.display());
    }
    Ok(())
}

impl Data {
    /// What the model's file says of itself.
    fn card(&self, args: &Args, controls: Vec<ControlInfo>, trainer: &Trainer) -> Card {
        let (description, data, redistribute) = match self {
            Self::StandIn(data) => (
                format!(
                    "{}, trained on a circuit simulation: no recording of any device was used.",
                    data.device().description()
                ),
                format!(
                    "circuit simulation `{}`, rendered on the fly from synthetic strings, noise and chirps",
                    data.device().id()
                ),
                true,
            ),
            Self::Recordings(data) => (
                "Phaser trained on recordings.".to_string(),
                format!("{} recordings, {:.1} minutes", data.takes.len(), data.minutes()),
                true,
            ),
        };
        let progress = &trainer.progress;
        Card {
            name: args.name.clone().unwrap_or_else(|| {
                args.out.file_stem().map_or_else(|| "my phaser".into(), |stem| stem.to_string_lossy().into_owned())
            }),
            author: args.author.clone(),
            license: args.license.clone(),
            description,
            redistribute,
            sample_rate_hz: stand_in::SAMPLE_RATE_HZ,
            controls,
            training: serde_json::json!({
                "data": data,
                "minutes": progress.seconds / 60.0,
                "steps": progress.step,
                "loss": progress.loss,
                "seed": progress.seed,
                "revision": env!("CARGO_PKG_VERSION"),
            }),
        }
    }
}

/// Trains with a progress bar, plots, checkpoints and an ear for Ctrl-C; false if it was stopped.
fn attend(
    trainer: &mut Trainer,
    source: Arc<dyn batch::Source>,
    checkpoint: &std::path::Path,
    plot: &std::path::Path,
) -> Result<bool> {
    let stop = Arc::new(AtomicBool::new(false));
    let heard = stop.clone();
    // A second handler in one process is refused; the first one still stops this run's predecessor only.
    ctrlc::set_handler(move || heard.store(true, Ordering::Relaxed)).ok();
    let bar = ProgressBar::new(1000).with_style(ProgressStyle::with_template("{bar:30} {percent}% {msg}, {eta} left")?);
    let (start, first_step) = (Instant::now(), trainer.progress.step);
    let (mut saved, mut plotted, mut logged) = (start, start, start);
    trainer.run(&source, |trainer| {
        let now = Instant::now();
        let progress = &trainer.progress;
        let per_s = (progress.step - first_step) as f64 / start.elapsed().as_secs_f64();
        let message = format!(
            "step {}, loss {:.5}, rate {:.5}, {per_s:.1} steps/s",
            progress.step,
            progress.loss,
            trainer.learning_rate()
        );
        bar.set_position((1000.0 * trainer.share()) as u64);
        // Without a terminal the bar is hidden: a line now and then takes its place.
        if bar.is_hidden() && now - logged > Duration::from_secs(10) {
            println!("{:.1} % {message}", 100.0 * trainer.share());
            logged = now;
        }
        bar.set_message(message);
        let stopped = stop.load(Ordering::Relaxed);
        if stopped || now - saved > CHECKPOINT_EVERY {
            trainer.save(checkpoint)?;
            saved = now;
        }
        if now - plotted > PLOT_EVERY {
            plot_loss(trainer, plot)?;
            plotted = now;
        }
        Ok(!stopped)
    })?;
    bar.finish_and_clear();
    if !stop.load(Ordering::Relaxed) {
        trainer.save(checkpoint)?;
        plot_loss(trainer, plot)?;
    }
    Ok(!stop.load(Ordering::Relaxed))
}

fn plot_loss(trainer: &Trainer, path: &std::path::Path) -> Result<()> {
    let curve = trainer.progress.curve.iter().map(|(step, loss)| (*step as f64, *loss)).collect();
    crate::plot::curves(path, "Training loss", "step", "ESR a window", &[("loss", curve)], true)
}
