//! The recurrent modulation learnt from an oscillator model's: no sound, only the numbers that move the audio path.
//!
//! Through the audio an LSTM finds the standing filter and stays there; shown the modulation itself it becomes a true limit
//! cycle. Windows grow with the budget, since only long ones tell a rate that is a little wrong from a right one.
use super::batch::Batch;
use crate::trainer::Source;
use crate::trainer::adam::Adam;
use crate::trainer::{Learner, Part, learning_rate};
use anyhow::{Result, bail};
use candle_core::Tensor;
use nets::phaser::{Config, ModulationConfig, Net};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Highest learning rate.
const LEARNING_RATE: f64 = 0.01;
/// Frames of a window at the start and at the end of the budget: 0.74 s and 6 s at 44.1 kHz. Windows shorter than a turn of the
/// LFO teach an LSTM no cycle: of 256 frames at 2.33 Hz nothing was left after a second.
const FRAMES: [usize; 2] = [512, 4096];
/// Share of the budget with the shortest windows: the cycle is found in them.
const FINDING: f64 = 0.5;
/// Windows of a step at the start; fewer as they grow.
const WINDOWS: usize = 8;
/// Fewest windows of a step.
const LEAST_WINDOWS: usize = 2;

/// Sizes of the published modulation path, in the audio path of a teacher.
pub fn student_config(teacher: &Config) -> Config {
    let modulation =
        ModulationConfig::Lstm { channels: 15, kernel: 3, dilation: 1, hidden: 32, control_hidden: vec![] };
    Config { modulation, wander: false, ..teacher.clone() }
}

/// An LSTM net in training, and what it listens to.
pub struct Distilled {
    /// The student; its audio path is the teacher's.
    pub net: Net,
    adam: Adam,
    teacher: Net,
    /// The teacher's controls, -1..1.
    controls: Vec<f32>,
    turns_per_frame: f64,
    seed: u64,
}

impl Distilled {
    /// A student of an oscillator at fixed controls and a fixed rate.
    pub fn new(teacher: Net, controls: Vec<f32>, turns_per_frame: f64, seed: u64) -> Result<Self> {
        if !matches!(teacher.config.modulation, ModulationConfig::Oscillator { .. }) {
            bail!("the model to learn from has a recurrent modulation: give an oscillator model");
        }
        let net = Net::new(student_config(&teacher.config), 0, seed, &candle_core::Device::Cpu)?;
        for (name, var) in &net.vars {
            if let Some(same) = teacher.vars.get(name) {
                var.set(same.as_tensor())?;
            }
        }
        Ok(Self { net, adam: Adam::default(), teacher, controls, turns_per_frame, seed })
    }
}

/// Batches without sound: the learner draws its phases itself.
pub struct Silence;

impl Source<Batch> for Silence {
    fn batch(&self, _step: u64) -> Batch {
        Batch::default()
    }
}

impl Learner for Distilled {
    type Batch = Batch;

    /// Returns the squared error of the modulation over its variance.
    fn learn(&mut self, _batch: &Batch, step: u64, share: f64) -> Result<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // Then three doublings, each for the same share of what is left.
        let doublings = (FRAMES[1] / FRAMES[0]).ilog2();
        let grown = (share - FINDING) / (1.0 - FINDING) * f64::from(doublings);
        let frames = FRAMES[0] << (grown.max(-1.0) + 1.0).min(f64::from(doublings)) as u32;
        let windows = (WINDOWS * FRAMES[0] / frames).max(LEAST_WINDOWS);
        let starts: Vec<f64> = (0..windows).map(|_| rng.random()).collect();
        let phases: Vec<Vec<f64>> = starts
            .iter()
            .map(|start| (0..=frames).map(|m| start + m as f64 * self.turns_per_frame).collect())
            .collect();
        let target = self.teacher.oscillator(&phases, &vec![self.controls.clone(); windows])?.detach();
        let (found, _) = self.net.recurrent(&self.net.states_at(&starts)?, &vec![vec![]; windows], frames, frames)?;
        let mean = target.mean_keepdim(1)?;
        let variance = target.broadcast_sub(&mean)?.sqr()?.mean_all()?;
        let error: Tensor = ((found - target)?.sqr()?.mean_all()? / variance)?;
        self.adam.step(&self.net.vars, &error.backward()?, learning_rate(LEARNING_RATE, share))?;
        Ok(f64::from(error.to_scalar::<f32>()?))
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        vec![Part { prefix: "net", vars: &self.net.vars, adam: &mut self.adam }]
    }
}
