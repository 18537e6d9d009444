//! `doppel render phaser`: a sound through a model, by the engine that the plug-in runs.
use super::settings;
use crate::audio::{self, Audio};
use crate::metrics;
use crate::models::ModelFile;
use crate::plot;
use crate::settings::{Change, automation, parse};
use anyhow::{Context, Result, bail};
use kernels::phaser::finder::alignment::lag_samples;
use kernels::phaser::finder::in_step;
use kernels::phaser::finder::phase_track::PhaseTrack;
use kernels::phaser::{Controls, Engine, Phaser};
use std::path::PathBuf;
use std::sync::Arc;

/// Samples between two readings of the recording's LFO.
const FOLLOW_SAMPLES: usize = 64;
/// Stretch at the end that is judged by itself, in seconds.
const LAST_S: f64 = 10.0;

/// Options of the command.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Model file; without it the first factory model
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// Sound to play: WAV, FLAC, MP3 or OGG, any rate and channels
    #[arg(long = "in")]
    pub input: PathBuf,
    /// WAV file to write (32-bit float), as long as the input and aligned with it
    #[arg(long)]
    pub out: PathBuf,
    /// Parameter, as in rate=0.8 or colour=1
    #[arg(long = "set", value_name = "ID=VALUE")]
    pub settings: Vec<String>,
    /// Changes on the way: lines of seconds,id,value
    #[arg(long, value_name = "CSV")]
    pub automate: Option<PathBuf>,
    /// Recording of the hardware playing the same sound: the LFO takes its phase from it, drift included
    #[arg(long, value_name = "WET")]
    pub follow: Option<PathBuf>,
    /// Sample rate of the render in Hz; without it the input's
    #[arg(long)]
    pub rate: Option<f64>,
    /// Samples given to the engine at a time; the result does not depend on it
    #[arg(long, default_value_t = 512)]
    pub block: usize,
    /// Length in seconds: cuts the input or repeats it
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Accepted for all instruments; the phaser draws nothing by chance
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Spectrogram of the result
    #[arg(long, value_name = "PNG")]
    pub spectrogram: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    if args.block == 0 {
        bail!("--block 0: expected at least 1");
    }
    let model = Arc::new(ModelFile::open(Phaser::NOUN, args.model.as_deref())?.phaser()?);
    let mut dry = Audio::read(&args.input)?;
    if let Some(rate) = args.rate {
        dry = dry.resampled(rate)?;
    }
    if let Some(seconds) = args.seconds {
        stretch(&mut dry, seconds)?;
    }
    let mut controls = settings::defaults(model.info());
    let mut set_rate = false;
    for text in &args.settings {
        let (id, value) = parse(text)?;
        set_rate |= id == "rate";
        settings::set(&mut controls, model.info(), &id, value)?;
    }
    let changes = args.automate.as_deref().map_or_else(|| Ok(Vec::new()), automation)?;
    let followed = args.follow.as_ref().map(|path| Followed::read(path, &dry, &model, &controls)).transpose()?;
    if let (Some(followed), false) = (&followed, set_rate) {
        controls.rate_hz = followed.rate_hz as f32;
    }

    let wet = play(&model, &dry, &controls, &changes, followed.as_ref().map(|f| &f.track), args.block)?;
    audio::write(&args.out, &wet)?;
    println!(
        "{}: {:.2} s, {} channels, {} Hz, peak {:.1} dBFS",
        args.out.display(),
        wet.seconds(),
        wet.channels.len(),
        wet.sample_rate_hz,
        20.0 * wet.channels.iter().map(|c| metrics::peak(c)).fold(0.0, f32::max).log10(),
    );
    if let Some(path) = &args.spectrogram {
        plot::spectrogram(path, &wet.mono(), wet.sample_rate_hz, &args.out.display().to_string())?;
    }
    if let Some(followed) = &followed {
        followed.judge(&wet);
    }
    Ok(())
}

/// Cuts a sound, or repeats it, to a length.
fn stretch(audio: &mut Audio, seconds: f64) -> Result<()> {
    let samples = seconds * audio.sample_rate_hz;
    if !(1.0..1e10).contains(&samples) || audio.is_empty() {
        bail!("--seconds {seconds}: expected more than 0 and a sound that is not empty");
    }
    for channel in &mut audio.channels {
        let period = channel.len();
        let long: Vec<f32> = (0..samples as usize).map(|t| channel[t % period]).collect();
        *channel = long;
    }
    Ok(())
}

/// The whole sound through a fresh engine; the latency is taken off, so that the result lies under the input.
pub fn play(
    model: &Arc<Phaser>,
    dry: &Audio,
    controls: &Controls,
    changes: &[Change],
    track: Option<&PhaseTrack>,
    block: usize,
) -> Result<Audio> {
    let rate_hz = dry.sample_rate_hz;
    let mut engine = Engine::new(model.clone(), rate_hz, dry.channels.len())?;
    let latency = engine.latency_samples() as usize;
    let length = dry.len() + latency;
    let mut channels: Vec<Vec<f32>> = dry.channels.clone();
    channels.iter_mut().for_each(|channel| channel.resize(length, 0.0));
    let mut controls = *controls;
    let mut changes = changes.iter().peekable();
    let mut start = 0;
    while start < length {
        let sample = |time_s: f64| (time_s * rate_hz).round() as usize;
        while let Some(change) = changes.next_if(|change| sample(change.time_s) <= start) {
            settings::set(&mut controls, model.info(), &change.id, change.value)?;
        }
        let mut end = (start + block).min(length);
        if let Some(change) = changes.peek() {
            end = end.min(sample(change.time_s));
        }
        if let Some(track) = track {
            end = end.min(start + FOLLOW_SAMPLES);
            let turns = |t: usize| track.turns_at(t as f64 / rate_hz);
            controls.phase_turns = Some(turns(start));
            controls.rate_hz =
                ((turns(start + FOLLOW_SAMPLES) - turns(start)) * rate_hz / FOLLOW_SAMPLES as f64) as f32;
        }
        let mut parts: Vec<&mut [f32]> = channels.iter_mut().map(|channel| &mut channel[start..end]).collect();
        engine.process(&controls, &mut parts);
        // Set by hand, the phase counts from that moment only.
        controls.phase_turns = None;
        start = end;
    }
    channels.iter_mut().for_each(|channel| drop(channel.drain(..latency)));
    if engine.guard_events() > 0 {
        println!("the input held {} stretches that were not finite; they were silenced", engine.guard_events());
    }
    Ok(Audio { sample_rate_hz: rate_hz, channels })
}

/// A recording of the hardware, and where its LFO stood.
pub struct Followed {
    track: PhaseTrack,
    /// Mean rate of the LFO in Hz.
    pub rate_hz: f64,
    wet: Vec<f32>,
    /// Rate of the recording and of the render, in Hz.
    sample_rate_hz: f64,
}

impl Followed {
    /// Reads the recording and follows its LFO, for a model set as it is to be heard.
    pub fn read(path: &PathBuf, dry: &Audio, model: &Arc<Phaser>, controls: &Controls) -> Result<Self> {
        let wet = Audio::read(path)?.resampled(dry.sample_rate_hz)?.mono();
        let mut dry_mono = dry.mono();
        let length = wet.len().min(dry_mono.len());
        let differ = wet.len().abs_diff(dry_mono.len());
        if differ as f64 > 0.1 * dry.sample_rate_hz {
            bail!(
                "{}: {differ} samples longer or shorter than --in; give the recording of the same sound",
                path.display()
            );
        }
        dry_mono.truncate(length);
        let found = in_step(model, controls, &dry_mono, &wet[..length], dry.sample_rate_hz)
            .with_context(|| format!("{}: its LFO is not found", path.display()))?;
        println!(
            "{}: LFO {:.4} Hz, drift {:.2} %, explains {:.2} of the level changes",
            path.display(),
            found.fit.rate_hz,
            100.0 * found.track.drift(),
            found.fit.explained_variance
        );
        Ok(Self { track: found.track, rate_hz: found.fit.rate_hz, wet, sample_rate_hz: dry.sample_rate_hz })
    }

    /// Prints how far the render is from the recording, at the lag between the two and with no other fitting.
    fn judge(&self, found: &Audio) {
        let found = found.mono();
        let lag = lag_samples(&found, &self.wet).clamp(-2000, 2000);
        let (skip, advance) = ((-lag).max(0) as usize, lag.max(0) as usize);
        let (wet, found) = (&self.wet[advance..], &found[skip..]);
        let length = wet.len().min(found.len());
        let last = length - (LAST_S * self.sample_rate_hz).min(length as f64) as usize;
        println!(
            "against the recording (lag {lag} samples): ESR {:.5} over all, {:.5} over the last {LAST_S} s",
            metrics::esr(&wet[..length], &found[..length]),
            metrics::esr(&wet[last..length], &found[last..length]),
        );
    }
}
