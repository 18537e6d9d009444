//! The loop of every training: batches made ahead, a step, a budget of time or of steps, checkpoints to go on from.
pub mod adam;
pub mod attend;

use adam::Adam;
use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor, Var};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

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
    /// Slowly following mean of the loss that [`Learner::learn`] returns.
    pub loss: f64,
    /// Step and loss, every so often, for the plot.
    pub curve: Vec<(u64, f64)>,
    /// Seed of weights and data.
    pub seed: u64,
}

/// Where batches come from. Batch `step` depends on nothing but the source and `step`, so a resumed run sees what an
/// uninterrupted one would have seen.
pub trait Source<B>: Send + Sync {
    /// The data of a step.
    fn batch(&self, step: u64) -> B;
}

/// What a training run teaches.
pub trait Learner {
    /// The data of one step.
    type Batch: Send + 'static;

    /// One step, `share` 0..1 of the budget used up before it; returns the loss to show.
    fn learn(&mut self, batch: &Self::Batch, step: u64, share: f64) -> Result<f64>;

    /// All that a checkpoint keeps.
    fn parts(&mut self) -> Vec<Part<'_>>;
}

/// Weights with their optimiser.
pub struct Part<'a> {
    /// What stands before the names of its tensors in a checkpoint.
    pub prefix: &'static str,
    /// The weights.
    pub vars: &'a BTreeMap<String, Var>,
    /// Their moments.
    pub adam: &'a mut Adam,
}

/// A run.
pub struct Trainer<L> {
    /// What learns.
    pub learner: L,
    /// Where the run stands.
    pub progress: Progress,
    budget: Budget,
}

/// Warm-up, then a cosine down to a hundredth of the highest rate; `share` is 0..1 of the budget.
pub fn learning_rate(highest: f64, share: f64) -> f64 {
    let cosine = 0.5 + 0.5 * (std::f64::consts::PI * (share - WARM_UP) / (1.0 - WARM_UP)).cos();
    highest * if share < WARM_UP { share / WARM_UP } else { FINAL_SHARE + (1.0 - FINAL_SHARE) * cosine }
}

impl<L: Learner> Trainer<L> {
    /// A new run.
    pub fn new(learner: L, budget: Budget, seed: u64) -> Self {
        let progress = Progress { step: 0, seconds: 0.0, loss: 1.0, curve: Vec::new(), seed };
        Self { learner, progress, budget }
    }

    /// Share of the budget that is used up, 0..1.
    pub fn share(&self) -> f64 {
        match self.budget {
            Budget::Minutes(minutes) => self.progress.seconds / (60.0 * minutes),
            Budget::Steps(steps) => self.progress.step as f64 / steps as f64,
        }
        .min(1.0)
    }

    /// Trains until the budget is used up or `after_step` says stop. Data is made on a second thread.
    pub fn run(
        &mut self,
        source: &Arc<dyn Source<L::Batch>>,
        mut after_step: impl FnMut(&mut Self) -> Result<bool>,
    ) -> Result<()> {
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
            let loss = self.learner.learn(&batch, self.progress.step, self.share())?;
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

    /// Writes weights, moments and progress; the file appears whole or not at all.
    pub fn save(&mut self, path: &Path) -> Result<()> {
        let mut tensors: HashMap<String, Tensor> = HashMap::new();
        let mut steps: BTreeMap<&str, u64> = BTreeMap::new();
        for Part { prefix, vars, adam } in self.learner.parts() {
            steps.insert(prefix, adam.steps);
            for (name, var) in vars {
                tensors.insert(format!("{prefix}.{name}"), var.as_tensor().clone());
            }
            for (name, (m, v)) in &adam.moments {
                tensors.insert(format!("adam.m.{prefix}.{name}"), m.clone());
                tensors.insert(format!("adam.v.{prefix}.{name}"), v.clone());
            }
        }
        let metadata = HashMap::from([
            ("progress".to_string(), serde_json::to_string(&self.progress)?),
            ("adam_steps".to_string(), serde_json::to_string(&steps)?),
        ]);
        let partial = path.with_extension("partial");
        safetensors::serialize_to_file(&tensors, Some(metadata), &partial)
            .with_context(|| format!("{}: the checkpoint cannot be written", partial.display()))?;
        sound_files::put_in_place(&partial, path).with_context(|| format!("{}: cannot be replaced", path.display()))
    }

    /// Goes on from a checkpoint of a net with the same sizes.
    pub fn load(&mut self, path: &Path) -> Result<()> {
        self.read(path, "leave out --resume to start anew")
    }

    /// `mend`: what to do if the file is another's.
    fn read(&mut self, path: &Path, mend: &str) -> Result<()> {
        let what = || format!("{}: not a checkpoint of this training; {mend}", path.display());
        let bytes = std::fs::read(path).with_context(what)?;
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).with_context(what)?;
        let metadata = header.metadata().as_ref().with_context(what)?;
        self.progress = serde_json::from_str(metadata.get("progress").with_context(what)?).with_context(what)?;
        let steps: BTreeMap<String, u64> =
            serde_json::from_str(metadata.get("adam_steps").with_context(what)?).with_context(what)?;
        let mut tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).with_context(what)?;
        for Part { prefix, vars, adam } in self.learner.parts() {
            adam.steps = *steps.get(prefix).with_context(what)?;
            for (name, var) in vars {
                var.set(&tensors.remove(&format!("{prefix}.{name}")).with_context(what)?).with_context(what)?;
                let mut moment = |kind: &str| tensors.remove(&format!("adam.{kind}.{prefix}.{name}"));
                if let (Some(m), Some(v)) = (moment("m"), moment("v")) {
                    adam.moments.insert(name.clone(), (m, v));
                }
            }
        }
        Ok(())
    }
}

impl<L: Learner> Trainer<L> {
    /// Begins with the weights of a checkpoint, its steps and moments forgotten.
    pub fn adopt(&mut self, path: &Path) -> Result<()> {
        let fresh = self.progress.clone();
        self.read(path, "--from wants one of the same sizes")?;
        self.progress = fresh;
        for part in self.learner.parts() {
            *part.adam = part.adam.fresh();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
