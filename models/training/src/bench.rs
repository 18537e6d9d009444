//! `doppel bench`: the speed of a model on every path of this CPU, measured side by side; or how long it sweeps like its device.
use crate::models::ModelFile;
use crate::phaser::modulation_metric::SAMPLE_RATE_HZ;
use crate::phaser::settings::fixed_values;
use crate::phaser::{device, stability};
use crate::plot;
use anyhow::Result;
use kernels::arch;
use kernels::nn::naive::noise;
use kernels::phaser::{Engine, Phaser};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

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
    #[arg(long, value_name = "DEVICE", conflicts_with = "rate")]
    pub stability: Option<String>,
    /// With --stability: the setting, as in rate=2.3,colour=0, instead of the device's held-out ones
    #[arg(long, requires = "stability")]
    pub at: Option<String>,
    /// With --stability: spectrograms of the first four seconds and of those after ten minutes, of the first setting
    #[arg(long, value_name = "PNG", requires = "stability")]
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
    path: &'static str,
    /// Channels that sound.
    voices: usize,
    /// Time a sample and channel, in nanoseconds.
    ns_per_sample: f64,
    /// How many times faster than real time one channel plays.
    times_real_time: f64,
    /// The 999th of a thousand blocks over the middle one.
    worst_block_ratio: f64,
    /// Time a sample with blocks of one sample over that with blocks of 64.
    block_1_ratio: f64,
    /// Time a sample of silence over that of noise.
    silence_ratio: f64,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let file = ModelFile::open(args.model.as_deref())?;
    if let Some(device) = &args.stability {
        let device = device::find(device)?;
        let at = args.at.as_ref().map(|at| fixed_values(at, &device.controls())).transpose()?;
        let streams = stability::measure(device.as_ref(), at, &file.phaser()?);
        let rows = || streams.iter().flat_map(|stream| &stream.rows);
        if args.json {
            let json = serde_json::json!({ "model": file.name, "rows": rows().collect::<Vec<_>>() });
            println!("{}", serde_json::to_string_pretty(&json)?);
        } else {
            print!("{}", stability::table(rows()));
        }
        if let (Some(path), Some(stream)) = (&args.picture, streams.first()) {
            let [first, last] = &stream.ends;
            let titles = [("first 4 s of the chirp train", &first[..]), ("after ten minutes", &last[..])];
            plot::spectrogram_pair(path, titles, SAMPLE_RATE_HZ)?;
        }
        return Ok(());
    }
    let mut players = arch::available()
        .map(|arch| Player::new(Arc::new(file.phaser_on(arch)?), args.rate))
        .collect::<Result<Vec<_>>>()?;
    for _ in 0..RUNS {
        players.iter_mut().for_each(Player::run);
    }
    let rows: Vec<Row> = players.iter().map(Player::row).collect();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&serde_json::json!({ "model": file.name, "rows": rows }))?);
        return Ok(());
    }
    println!("{}, mono, blocks of {BLOCK}, best of {RUNS} runs", file.name);
    println!(
        "{:>9} {:>14} {:>12} {:>12} {:>12} {:>9}",
        "path", "ns per sample", "x real time", "worst block", "block 1", "silence"
    );
    for row in &rows {
        println!(
            "{:>9} {:>14.1} {:>12.0} {:>11.2}x {:>11.2}x {:>8.2}x",
            row.path,
            row.ns_per_sample,
            row.times_real_time,
            row.worst_block_ratio,
            row.block_1_ratio,
            row.silence_ratio
        );
    }
    Ok(())
}

/// One path's engine and the times it took.
struct Player {
    path: &'static str,
    engine: Engine,
    rate_hz: f64,
    noise: Vec<f32>,
    silence: Vec<f32>,
    /// Best seconds of a run: noise in blocks of 64, noise in blocks of 1, silence in blocks of 64.
    best_s: [f64; 3],
    /// Seconds of every block of 64.
    blocks_s: Vec<f64>,
}

impl Player {
    fn new(model: Arc<Phaser>, rate: Option<f64>) -> Result<Self> {
        let rate_hz = rate.unwrap_or(model.info().sample_rate_hz);
        Ok(Self {
            path: model.arch().name,
            engine: Engine::new(model, rate_hz, 1)?,
            rate_hz,
            noise: noise(1, RUN_SAMPLES).into_iter().map(|x| 0.3 * x).collect(),
            silence: vec![0.0; RUN_SAMPLES],
            best_s: [f64::INFINITY; 3],
            blocks_s: Vec::new(),
        })
    }

    fn run(&mut self) {
        let controls = kernels::phaser::Controls::new(self.engine.model().info());
        for (kind, block) in [BLOCK, 1, BLOCK].into_iter().enumerate() {
            let mut audio = if kind == 2 { self.silence.clone() } else { self.noise.clone() };
            let start = Instant::now();
            let mut before = start;
            for chunk in audio.chunks_mut(block) {
                self.engine.process(&controls, &mut [chunk]);
                if kind == 0 {
                    let now = Instant::now();
                    self.blocks_s.push((now - before).as_secs_f64());
                    before = now;
                }
            }
            self.best_s[kind] = self.best_s[kind].min(start.elapsed().as_secs_f64());
        }
    }

    fn row(&self) -> Row {
        let mut blocks = self.blocks_s.clone();
        blocks.sort_by(f64::total_cmp);
        let ns = 1e9 * self.best_s[0] / RUN_SAMPLES as f64;
        Row {
            path: self.path,
            voices: 1,
            ns_per_sample: ns,
            times_real_time: 1e9 / ns / self.rate_hz,
            worst_block_ratio: blocks[blocks.len() * 999 / 1000] / blocks[blocks.len() / 2],
            block_1_ratio: self.best_s[1] / self.best_s[0],
            silence_ratio: self.best_s[2] / self.best_s[0],
        }
    }
}
