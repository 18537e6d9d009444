//! The phaser on every path of this CPU.
use super::{BLOCK, RUN_SAMPLES, RUNS, Row};
use crate::models::ModelFile;
use anyhow::Result;
use kernels::arch;
use kernels::nn::naive::noise;
use kernels::phaser::{Engine, Phaser};
use std::sync::Arc;
use std::time::Instant;

/// All paths, measured in turn.
pub fn rows(file: &ModelFile, rate: Option<f64>) -> Result<Vec<Row>> {
    let mut players =
        arch::available().map(|arch| Player::new(Arc::new(file.phaser_on(arch)?), rate)).collect::<Result<Vec<_>>>()?;
    for _ in 0..RUNS {
        players.iter_mut().for_each(Player::run);
    }
    Ok(players.iter().map(Player::row).collect())
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
            path: self.path.into(),
            voices: 1,
            ns_per_sample: ns,
            times_real_time: 1e9 / ns / self.rate_hz,
            worst_block_ratio: blocks[blocks.len() * 999 / 1000] / blocks[blocks.len() / 2],
            block_1_ratio: self.best_s[1] / self.best_s[0],
            silence_ratio: Some(self.best_s[2] / self.best_s[0]),
        }
    }
}
