//! The recurrent modulation learnt from an oscillator model's: no sound, only the numbers that move the audio path.
//!
//! Through the audio an LSTM finds the standing filter and stays there. Here two units of the first LSTM are set to turn at the
//! right rate and stay as they are (`turning`); the rest learns to follow them. Between the LSTMs four samples stand for the
//! 64 of a frame until the last part of the budget, since nothing there is as quick as a frame.
use super::batch::Batch;
use super::turning::Pair;
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
/// Frames of a window, 0.74 s at 44.1 kHz, and windows of a step.
const FRAMES: usize = 512;
const WINDOWS: usize = 16;
/// Samples of a frame between the LSTMs at first, and the share of the budget that this lasts.
const COARSE_FRAME: usize = 4;
const COARSE: f64 = 0.75;

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
    pair: Pair,
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
        let pair = Pair::turning(turns_per_frame);
        pair.lay_into(&net)?;
        let learner = Self { net, adam: Adam::default(), teacher, controls, turns_per_frame, pair, seed };
        learner.start_at_the_mean()?;
        Ok(learner)
    }

    /// Lets the modulation begin at the mean of the teacher's over a turn, or the first hundreds of steps teach nothing else.
    fn start_at_the_mean(&self) -> Result<()> {
        let turn: Vec<f64> = (0..FRAMES).map(|m| m as f64 / FRAMES as f64).collect();
        let mean = self.teacher.oscillator(&[turn], std::slice::from_ref(&self.controls))?.mean(1)?.squeeze(0)?;
        let blocks = self.net.config.effect.blocks;
        for (j, part) in mean.chunk(blocks, 0)?.into_iter().enumerate() {
            self.net.vars[&format!("modulation.{j}.to_effect.bias")].set(&part.contiguous()?)?;
        }
        Ok(())
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
        let starts: Vec<f64> = (0..WINDOWS).map(|_| rng.random()).collect();
        let phases: Vec<Vec<f64>> = starts
            .iter()
            .map(|start| (0..=FRAMES).map(|m| start + m as f64 * self.turns_per_frame).collect())
            .collect();
        let target = self.teacher.oscillator(&phases, &vec![self.controls.clone(); WINDOWS])?.detach();
        let frame = if share < COARSE { COARSE_FRAME } else { self.net.config.frame };
        let net = self.net.with_frame(frame);
        let (found, _) = net.recurrent(&self.net.states_at(&starts)?, &vec![vec![]; WINDOWS], FRAMES, FRAMES)?;
        let mean = target.mean_keepdim(1)?;
        let variance = target.broadcast_sub(&mean)?.sqr()?.mean_all()?;
        let error: Tensor = ((found - target)?.sqr()?.mean_all()? / variance)?;
        self.adam.step(&self.net.vars, &error.backward()?, learning_rate(LEARNING_RATE, share))?;
        self.pair.lay_into(&self.net)?;
        Ok(f64::from(error.to_scalar::<f32>()?))
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        vec![Part { prefix: "net", vars: &self.net.vars, adam: &mut self.adam }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phaser::train::cycle;

    #[test]
    fn an_lstm_learns_a_teachers_modulation_and_keeps_its_rate() -> Result<()> {
        let config = Config::default();
        let effect = nets::phaser::EffectConfig { blocks: 1, channels: 4, ..config.effect.clone() };
        let teacher = Net::new(Config { effect, ..config }, 0, 2, &candle_core::Device::Cpu)?;
        let (rate_hz, fs) = (5.0, 44_100.0);
        let mut learner = Distilled::new(teacher, vec![], rate_hz * 64.0 / fs, 3)?;
        let first = learner.learn(&Batch::default(), 0, 0.1)?;
        let mut last = first;
        for step in 1..12 {
            last = learner.learn(&Batch::default(), step, 0.1)?;
        }
        assert!(last < 0.5 * first, "error {first} at first, {last} at last");
        let run = cycle::watch(&learner.net, &learner.net.states_at(&[0.0])?, fs)?;
        let found_hz = run.rate_hz.expect("it turns");
        assert!((found_hz / rate_hz - 1.0).abs() < 1e-4, "{found_hz} Hz");
        Ok(())
    }
}
