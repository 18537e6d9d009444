//! `doppel demo`: every instrument that has a factory model, heard in files.
mod songs;

use crate::audio::{self, Audio};
use crate::metrics;
use crate::models::ModelFile;
use crate::phaser::excitation::bank;
use crate::phaser::render;
use crate::phaser::settings;
use crate::plot;
use anyhow::{Context, Result};
use kernels::phaser::Phaser;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Options of the command.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder for the sounds and their spectrograms
    #[arg(long, default_value = "target/demo")]
    pub out: PathBuf,
}

/// Rate of the demo, which is not the model's: the way through the rate conversion is heard as well.
const RATE_HZ: f64 = 48_000.0;
/// Peak of the dry sound: -9 dBFS, room for what the feedback adds.
const LEVEL: f32 = 0.35;
/// Length of a piece, in seconds.
const SECONDS: f64 = 12.0;

/// The phaser's pieces: file name and parameters.
const PHASER: [(&str, &[(&str, f32)]); 4] = [
    ("phaser-slow", &[("rate", 0.2)]),
    ("phaser-colour", &[("rate", 0.6), ("colour", 1.0)]),
    ("phaser-fast-wide", &[("rate", 2.0), ("stereo_phase", 180.0)]),
    ("phaser-half-mixed", &[("rate", 1.0), ("mix", 0.5)]),
];

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    std::fs::create_dir_all(&args.out).with_context(|| format!("{}: cannot be made", args.out.display()))?;
    let mut strings = bank(7, 44_100.0, [SECONDS, 1.0, 1.0]).strings;
    let gain = LEVEL / metrics::peak(&strings);
    strings.iter_mut().for_each(|x| *x *= gain);
    let dry = Audio::from_mono(44_100.0, strings).resampled(RATE_HZ)?;
    let dry = Audio { sample_rate_hz: RATE_HZ, channels: vec![dry.channels[0].clone(), dry.channels[0].clone()] };
    println!("{:<24} {:>8} {:>10} {:>12}", "sound", "seconds", "peak dBFS", "x real time");
    report(args, "phaser-dry", &dry, None)?;
    let model = Arc::new(ModelFile::open(Phaser::NOUN, None)?.phaser()?);
    for (name, parameters) in PHASER {
        let mut controls = settings::defaults(model.info());
        for (id, value) in parameters {
            settings::set(&mut controls, model.info(), id, *value)?;
        }
        let start = Instant::now();
        let wet = render::play(&model, &dry, &controls, &[], None, 512)?;
        report(args, name, &wet, Some(wet.seconds() / start.elapsed().as_secs_f64()))?;
    }
    songs::play(args)?;
    println!("the sounds and their spectrograms are in {}", args.out.display());
    Ok(())
}

fn report(args: &Args, name: &str, audio: &Audio, times_real_time: Option<f64>) -> Result<()> {
    audio::write(args.out.join(name).with_extension("wav"), audio)?;
    plot::spectrogram(args.out.join(name).with_extension("png"), &audio.mono(), audio.sample_rate_hz, name)?;
    let peak = audio.channels.iter().map(|channel| metrics::peak(channel)).fold(0.0, f32::max);
    let speed = times_real_time.map_or("-".into(), |speed| format!("{speed:.0}"));
    println!("{name:<24} {:>8.2} {:>10.1} {speed:>12}", audio.seconds(), 20.0 * peak.log10());
    Ok(())
}
