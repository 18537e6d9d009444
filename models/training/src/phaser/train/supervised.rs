//! Training with the LFO's phase known: the net is told where the device's LFO stood, and learns the rest.
use super::batch::Batch;
use crate::spectral_loss::SpectralLoss;
use crate::trainer::adam::Adam;
use crate::trainer::{Learner, Part, learning_rate};
use anyhow::Result;
use candle_core::Tensor;
use nets::phaser::Net;

/// Highest learning rate of a training from nothing.
const LEARNING_RATE: f64 = 0.01;

/// Least saturation of a channel in training: one over 20 times full scale, which nobody hears. At 0 its gradient vanishes: a
/// channel that once was better off without would never saturate again (of 48, 13 had ended so).
const LEAST_LIMIT: f64 = 0.05;

/// What is made small: `ESR of each window + spectral_share x multi-resolution STFT distance`.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// Energy a sample that is added to a window's own, so that silence and its noise do not weigh more than sound.
    pub energy_floor: f64,
    /// Weight of the STFT distance. It holds the treble, of which the ESR hardly knows.
    pub spectral_share: f64,
}

impl Loss {
    /// Mean over the windows of error over energy, `[windows, samples]` each.
    pub fn esr(&self, estimate: &Tensor, target: &Tensor) -> candle_core::Result<Tensor> {
        let energy = (target.sqr()?.sum(1)? + self.energy_floor * target.dim(1)? as f64)?;
        ((estimate - target)?.sqr()?.sum(1)? / energy)?.mean_all()
    }
}

/// An oscillator net in training.
pub struct Supervised {
    /// The net.
    pub net: Net,
    /// Highest learning rate.
    pub highest_rate: f64,
    adam: Adam,
    loss: Loss,
    spectral: SpectralLoss,
}

impl Supervised {
    /// An untrained run.
    pub fn new(net: Net, loss: Loss) -> Self {
        Self { net, highest_rate: LEARNING_RATE, adam: Adam::default(), loss, spectral: SpectralLoss::default() }
    }
}

impl Learner for Supervised {
    type Batch = Batch;

    /// Returns the mean ESR of the windows before the step.
    fn learn(&mut self, batch: &Batch, _step: u64, share: f64) -> Result<f64> {
        let (x, target) = batch.sounds()?;
        let modulation = self.net.oscillator(&batch.phases_turns, &batch.controls)?;
        let y = self.net.effect_fused(&x, &modulation)?;
        let esr = self.loss.esr(&y, &target)?;
        let mut loss = esr.clone();
        if self.loss.spectral_share > 0.0 {
            loss = (loss + (self.spectral.distance(&y, &target)? * self.loss.spectral_share)?)?;
        }
        self.adam.step(&self.net.vars, &loss.backward()?, learning_rate(self.highest_rate, share))?;
        for (name, var) in &self.net.vars {
            if name.contains(".limit.") {
                var.set(&var.as_tensor().abs()?.maximum(LEAST_LIMIT)?)?;
            }
        }
        Ok(f64::from(esr.to_scalar::<f32>()?))
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        vec![Part { prefix: "net", vars: &self.net.vars, adam: &mut self.adam }]
    }
}
