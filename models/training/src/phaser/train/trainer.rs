//! The loop: batches, loss, gradient, step; by a budget of time or of steps, resumable.
use super::adam::Adam;
use super::batch::{Batch, Source, WINDOW_SAMPLES, WINDOWS};
use crate::spectral_loss::SpectralLoss;
use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use nets::phaser::Net;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

/// Highest learning rate.
const LEARNING_RATE: f64 = 0.01;
/// Share of the budget in which the learning rate rises.
const WARM_UP: f64 = 0.03;
/// Learning rate at the end, of the highest.
const FINAL_SHARE: f64 = 0.01;
/// Batches made ahead on another thread.
const AHEAD: usize = 4;

/// How long to train.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Budget {
    /// So many minutes on this machine, those before a resume included.
    Minutes(f64),
    /// So many steps: the same result wherever it runs.
    Steps(u64),
}

/// Where a run stands; written into its checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Seconds of training, over all resumed parts.
    pub seconds: f64,
    /// Slowly following mean of the loss: ESR a window.
    pub loss: f64,
    /// Step and loss, every so often, for the plot.
    pub curve: Vec<(u64, f64)>,
    /// Seed of weights and data.
    pub seed: u64,
}

/// A net in training.
pub struct Trainer {
    /// The net.
    pub net: Net,
    /// The optimiser.
    pub adam: Adam,
    /// Where the run stands.
    pub progress: Progress,
    budget: Budget,
    loss: Loss,
    spectral: SpectralLoss,
}

/// What is made small: `ESR of each window + spectral_share x multi-resolution STFT distance`.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// Energy a sample that is added to a window's own, so that silence and its noise do not weigh more than sound.
    pub energy_floor: f64,
    /// Weight of the STFT distance. It holds the treble, of which the ESR hardly knows.
    pub spectral_share: f64,
}

impl Trainer {
    /// A new run.
    pub fn new(net: Net, budget: Budget, loss: Loss, seed: u64) -> Self {
        let progress = Progress { step: 0, seconds: 0.0, loss: 1.0, curve: Vec::new(), seed };
        Self { net, adam: Adam::default(), progress, budget, loss, spectral: SpectralLoss::default() }
    }

    /// Share of the budget that is used up, 0..1.
    pub fn share(&self) -> f64 {
        match self.budget {
            Budget::Minutes(minutes) => self.progress.seconds / (60.0 * minutes),
            Budget::Steps(steps) => self.progress.step as f64 / steps as f64,
        }
        .min(1.0)
    }

    /// Warm-up, then a cosine down to a hundredth.
    pub fn learning_rate(&self) -> f64 {
        let share = self.share();
        let cosine = 0.5 + 0.5 * (std::f64::consts::PI * (share - WARM_UP) / (1.0 - WARM_UP)).cos();
        LEARNING_RATE * if share < WARM_UP { share / WARM_UP } else { FINAL_SHARE + (1.0 - FINAL_SHARE) * cosine }
    }

    /// Trains until the budget is used up or `after_step` says stop. Data is made on a second thread.
    pub fn run(&mut self, source: &Arc<dyn Source>, mut after_step: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        let (sender, batches) = mpsc::sync_channel(AHEAD);
        let (source, first) = (source.clone(), self.progress.step);
        let maker = std::thread::spawn(move || {
            // Ends when the receiver is gone.
            for step in first.. {
                if sender.send(source.batch(step)).is_err() {
                    return;
                }
            }
        });
        let (start, before) = (Instant::now(), self.progress.seconds);
        while self.share() < 1.0 {
            let batch = batches.recv().context("the thread that makes the training data ended")?;
            let loss = self.step(&batch)?;
            if !loss.is_finite() {
                bail!("the loss became {loss} at step {}: resume from the last checkpoint", self.progress.step);
            }
            let progress = &mut self.progress;
            progress.seconds = before + start.elapsed().as_secs_f64();
            let speed = (1.0 / (progress.step as f64 + 1.0)).max(0.01);
            progress.loss += speed * (loss - progress.loss);
            progress.step += 1;
            if progress.step.is_multiple_of(50) {
                progress.curve.push((progress.step, progress.loss));
            }
            if !after_step(self)? {
                break;
            }
        }
        drop(batches);
        maker.join().ok().context("the thread that makes the training data failed")
    }

    /// One step; returns the mean ESR of the windows before it.
    fn step(&mut self, batch: &Batch) -> Result<f64> {
        let device = Device::Cpu;
        let x = Tensor::from_slice(&batch.dry, (WINDOWS, batch.dry.len() / WINDOWS), &device)?;
        let target = Tensor::from_slice(&batch.wet, (WINDOWS, WINDOW_SAMPLES), &device)?;
        let modulation = self.net.oscillator(&batch.phases_turns, &batch.controls)?;
        let y = self.net.effect_fused(&x, &modulation)?;
        let energy = (target.sqr()?.sum(1)? + self.loss.energy_floor * WINDOW_SAMPLES as f64)?;
        let esr = ((&y - &target)?.sqr()?.sum(1)? / energy)?.mean_all()?;
        let mut loss = esr.clone();
        if self.loss.spectral_share > 0.0 {
            loss = (loss + (self.spectral.distance(&y, &target)? * self.loss.spectral_share)?)?;
        }
        let rate = self.learning_rate();
        self.adam.step(&self.net.vars, &loss.backward()?, rate)?;
        Ok(f64::from(esr.to_scalar::<f32>()?))
    }

    /// Writes weights, moments and progress; the file appears whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut tensors: HashMap<String, Tensor> = HashMap::new();
        for (name, var) in &self.net.vars {
            tensors.insert(name.clone(), var.as_tensor().clone());
        }
        for (name, (m, v)) in &self.adam.moments {
            tensors.insert(format!("adam.m.{name}"), m.clone());
            tensors.insert(format!("adam.v.{name}"), v.clone());
        }
        let progress = serde_json::to_string(&self.progress)?;
        let metadata = HashMap::from([("progress".to_string(), progress)]);
        let partial = path.with_extension("partial");
        safetensors::serialize_to_file(&tensors, Some(metadata), &partial)
            .with_context(|| format!("{}: the checkpoint cannot be written", partial.display()))?;
        std::fs::rename(&partial, path).with_context(|| format!("{}: cannot be replaced", path.display()))
    }

    /// Goes on from a checkpoint of a net with the same sizes.
    pub fn load(&mut self, path: &Path) -> Result<()> {
        let what =
            || format!("{}: not a checkpoint of this training; leave out --resume to start anew", path.display());
        let bytes = std::fs::read(path).with_context(what)?;
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).with_context(what)?;
        let progress = header.metadata().as_ref().and_then(|m| m.get("progress")).with_context(what)?;
        self.progress = serde_json::from_str(progress).with_context(what)?;
        let mut tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).with_context(what)?;
        for (name, var) in &self.net.vars {
            var.set(&tensors.remove(name).with_context(what)?).with_context(what)?;
            if let (Some(m), Some(v)) =
                (tensors.remove(&format!("adam.m.{name}")), tensors.remove(&format!("adam.v.{name}")))
            {
                self.adam.moments.insert(name.clone(), (m, v));
            }
        }
        self.adam.steps = self.progress.step;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
