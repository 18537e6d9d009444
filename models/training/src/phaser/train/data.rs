//! Where a training's sound comes from, and how its model is judged: a computed device, or recordings.
use super::Args;
use super::batch::{Batch, Window};
use super::evaluate;
use super::recordings::{HeldOut, Recordings};
use super::stand_in::{self, SAMPLE_RATE_HZ, StandIn};
use super::supervised::Loss;
use crate::audio::{self, Audio};
use crate::card::Card;
use crate::models;
use crate::phaser::device;
use crate::phaser::lfo::Lfo;
use crate::phaser::modulation_metric::{CHIRPS, chirp_train};
use crate::phaser::settings::fixed_values;
use crate::trainer::Progress;
use crate::trainer::Source;
use crate::{metrics, plot};
use anyhow::{Result, bail};
use kernels::checkpoint::ControlInfo;
use kernels::phaser::{Phaser, PhaserState};
use nets::phaser::Follower;
use std::path::Path;
use std::sync::Arc;

/// The loss for rendered sound, whose only noise is the circuit's hiss.
const LOSS_RENDERED: Loss = Loss { energy_floor: 1e-6, spectral_share: 0.1 };
/// The loss for recordings: their pauses and their treble hold the noise of codecs and converters.
const LOSS_RECORDED: Loss = Loss { energy_floor: 3e-5, spectral_share: 0.0 };

/// Where the sound comes from.
pub enum Data {
    /// Rendered while the training runs.
    Computed(Arc<StandIn>),
    /// Read from files.
    Recorded(Arc<Recordings>),
}

impl Data {
    /// Reads or makes what the options name.
    pub fn open(args: &Args, window: Window) -> Result<Self> {
        if let Some(dry) = &args.dry {
            let recordings = {
                let (wet, at, holdout_s) = (&args.wet, &args.at, args.holdout_seconds);
                Recordings::read(dry, wet, at, holdout_s, args.seed, args.wander, window)?
            };
            recordings.plot_drift(&args.out.with_extension("lfo.png"))?;
            return Ok(Self::Recorded(Arc::new(recordings)));
        }
        let device = device::find(&args.device)?;
        let fixed = match &args.at[..] {
            [] => None,
            [one] => Some(fixed_values(one, &device.controls())?),
            more => bail!("{} --at: expected one, for all of the computed device's training", more.len()),
        };
        Ok(Self::Computed(Arc::new(StandIn::new(device, fixed, args.seed, window))))
    }

    /// What makes the batches.
    pub fn source(&self) -> Arc<dyn Source<Batch>> {
        match self {
            Self::Computed(data) => data.clone(),
            Self::Recorded(data) => data.clone(),
        }
    }

    /// Controls of a model of it, rate first.
    pub fn controls(&self) -> Vec<ControlInfo> {
        match self {
            Self::Computed(data) => data.controls(),
            Self::Recorded(data) => data.controls.clone(),
        }
    }

    /// What fits the noise of this sound.
    pub fn loss(&self) -> Loss {
        match self {
            Self::Computed(_) => LOSS_RENDERED,
            Self::Recorded(_) => LOSS_RECORDED,
        }
    }

    /// What fits the levels of this sound.
    pub fn follower(&self) -> Follower {
        match self {
            Self::Computed(_) => stand_in::FOLLOWER,
            Self::Recorded(data) => data.follower(),
        }
    }

    /// How much louder the batches are than the sound of the device.
    pub fn gain(&self) -> f32 {
        match self {
            Self::Computed(_) => 1.0,
            Self::Recorded(data) => data.gain,
        }
    }

    /// Rate of the LFO in Hz where there is but one.
    pub fn rate_hz(&self) -> Option<f64> {
        match self {
            Self::Computed(data) => data.fixed().map(|values| values[0]),
            Self::Recorded(data) => (data.takes.len() == 1).then(|| data.rate_hz()),
        }
    }

    /// Prints how close the model comes on what no training saw; the figures for its metadata.
    pub fn judge(&self, model: &Arc<Phaser>, args: &Args) -> Result<serde_json::Value> {
        let (out, holdout_s) = (&args.out, args.holdout_seconds);
        match self {
            Self::Computed(data) => {
                let is_phase_known = data.fixed().is_none();
                let settings = data.fixed().map(|values| vec![("fixed", values.to_vec())]);
                let report = evaluate::stand_in(data.device(), settings, model)?;
                print!("{report}");
                if is_phase_known {
                    let rows = evaluate::levels(data.device(), None, model);
                    print!("{}", evaluate::level_table(&rows));
                    evaluate::plot_levels(&rows, &out.with_extension("levels.png"))?;
                }
                let json = serde_json::to_string_pretty(&report)?;
                models::write(&out.with_extension("report.json"), json.as_bytes())?;
                Ok(report.summary())
            }
            Self::Recorded(data) => {
                let mut rows = Vec::new();
                for HeldOut { name, wet, found } in data.held_out(model)? {
                    let esr = metrics::esr(&wet, &found);
                    let mrstft = metrics::mrstft(&wet, &found, SAMPLE_RATE_HZ, metrics::Floor::mp3());
                    println!(
                        "{name}: ESR {esr:.5}, MR-STFT {mrstft:.4} on the last {holdout_s} s, kept out of training"
                    );
                    rows.push(serde_json::json!({ "take": name, "esr": esr, "mrstft": mrstft }));
                }
                if args.wander {
                    rows.extend(data.judge_wandering(model, args.truth.as_deref())?);
                }
                Ok(rows.into())
            }
        }
    }

    /// Sound and pictures of a model on its way, beside `out`: what was kept out of the training, or the chirp train.
    pub fn preview(&self, model: &Arc<Phaser>, out: &Path) -> Result<()> {
        let (expected, found) = match self {
            Self::Computed(data) => {
                let device = data.device();
                let values = match (data.fixed(), device.held_out().pop()) {
                    (Some(values), _) => values.to_vec(),
                    (None, Some((_, values))) => values,
                    (None, None) => return Ok(()),
                };
                let train = chirp_train(CHIRPS);
                let expected = device.play(&values, &Lfo::steady(values[0], 0.0), 1, SAMPLE_RATE_HZ, &train);
                let controls = evaluate::controls(model, &device.controls(), &values);
                let mut found = train;
                PhaserState::new(model).process(model, &controls, 0.0, &mut found);
                (expected, found)
            }
            Self::Recorded(data) => match data.held_out(model)?.pop() {
                Some(take) if !take.wet.is_empty() => (take.wet, take.found),
                _ => return Ok(()),
            },
        };
        let file = |kind: &str| out.with_extension(kind);
        plot::spectrogram_pair(file("preview.png"), [("device", &expected), ("model", &found)], SAMPLE_RATE_HZ)?;
        audio::write(file("preview.device.wav"), &Audio::from_mono(SAMPLE_RATE_HZ, expected))?;
        audio::write(file("preview.wav"), &Audio::from_mono(SAMPLE_RATE_HZ, found))
    }

    /// What the model's file says of itself; `method` and the rest of `training` are the caller's to add.
    pub fn card(&self, args: &Args, controls: Vec<ControlInfo>, progress: &Progress) -> Card {
        let (description, data) = match self {
            Self::Computed(data) => (
                format!(
                    "{}, trained on a circuit simulation: no recording of any device was used.",
                    data.device().description()
                ),
                format!(
                    "circuit simulation `{}`, rendered on the fly from synthetic strings, noise and chirps",
                    data.device().id()
                ),
            ),
            Self::Recorded(data) => (
                "Phaser trained on recordings.".to_string(),
                format!("{} recordings, {:.1} minutes", data.takes.len(), data.minutes()),
            ),
        };
        let file_name =
            || args.out.file_stem().map_or_else(|| "my phaser".into(), |stem| stem.to_string_lossy().into());
        Card {
            name: args.name.clone().unwrap_or_else(file_name),
            author: args.author.clone(),
            license: args.license.clone(),
            description,
            redistribute: true,
            sample_rate_hz: SAMPLE_RATE_HZ,
            controls,
            training: serde_json::json!({
                "data": data,
                "method": args.method.to_string(),
                "minutes": progress.seconds / 60.0,
                "steps": progress.step,
                "loss": progress.loss,
                "seed": progress.seed,
                "revision": env!("CARGO_PKG_VERSION"),
            }),
        }
    }
}
