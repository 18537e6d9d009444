//! The autoencoder in training: as published, and ours.
use super::data::{Data, Rows};
use super::losses::{discrepancy, discriminator, generator, mean_square, quantiles_within};
use crate::trainer::adam::Adam;
use crate::trainer::{Learner, Part, learning_rate};
use anyhow::Result;
use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};
use nets::wavetable::{Discriminator, Net};
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// Deviation of the published prior.
pub const PUBLISHED_DEVIATION: f64 = 0.6827;
/// Share of the budget over which our pull on the latents grows. Pulled from the start they fill the prior before they mean
/// anything, folded over whatever varies.
const PULL_GROWS: f64 = 0.3;
/// Rate of the published players' gradient descent. Its momentum of 0.001 is left out.
const PLAYERS_RATE: f64 = 0.05;

/// What a run makes small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Method {
    /// Rows of a draw.
    pub rows: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Does the rate rise and fall over the run?
    pub schedule: bool,
    /// Weight of the error of the conditions that the encoder finds.
    pub conditions: f64,
    /// Is the decoder told the true conditions? As published it hears those that the encoder finds.
    pub told: bool,
    /// Share of rows whose latents are left out, so that 0 becomes a good default.
    pub dropout: f64,
    /// Weight of the error of the log gain.
    pub gain: f64,
    /// What latents are pulled to, and how hard.
    pub prior: Prior,
}

/// What latents are pulled to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prior {
    /// Nothing.
    Free,
    /// A normal distribution, by a discriminator: as published.
    Adversary,
    /// The uniform distribution over -1..1, by sorted quantiles of all rows and of those below and above each condition's middle.
    Quantiles(f64),
    /// The same by maximum mean discrepancy, jointly with the conditions.
    Discrepancy(f64),
}

impl Method {
    /// The author's program.
    pub fn published(has_discriminator: bool) -> Self {
        Self {
            rows: 50,
            learning_rate: 0.005,
            schedule: false,
            conditions: 0.5,
            told: false,
            dropout: 0.0,
            gain: 0.0,
            prior: if has_discriminator { Prior::Adversary } else { Prior::Free },
        }
    }

    /// Ours.
    pub fn ours() -> Self {
        Self {
            rows: 128,
            learning_rate: 0.003,
            schedule: true,
            conditions: 0.1,
            told: true,
            dropout: 0.3,
            gain: 0.05,
            prior: Prior::Quantiles(0.3),
        }
    }

    /// Independent draws of a step.
    pub fn draws(&self) -> usize {
        if self.prior == Prior::Adversary { 3 } else { 1 }
    }
}

/// A net in training.
pub struct Autoencoder {
    /// The net.
    pub net: Net,
    discriminator: Discriminator,
    method: Method,
    /// Does the decoder give a log gain behind the numbers?
    gain: bool,
    /// Mean sum of squares of a target without its gain: errors are measured in it.
    power: f64,
    adam: Adam,
    /// Only so that a checkpoint keeps the discriminator: it is taught by plain descent.
    discriminator_adam: Adam,
}

impl Autoencoder {
    /// An untrained run.
    pub fn new(net: Net, discriminator: Discriminator, method: Method, data: &Data) -> Self {
        let gain = data.gain.is_some();
        let targets = &data.targets;
        let numbers = targets.width - usize::from(gain);
        let rows = (targets.values.len() / targets.width).max(1);
        let squares = targets.values.chunks(targets.width).map(|row| row[..numbers].iter().map(|x| x * x).sum::<f32>());
        let power = squares.map(f64::from).sum::<f64>() / rows as f64;
        Self {
            net,
            discriminator,
            method,
            gain,
            power: power.max(1e-12),
            adam: Adam::default(),
            discriminator_adam: Adam::default(),
        }
    }

    fn latents(&self, codes: &Tensor) -> candle_core::Result<Tensor> {
        codes.narrow(1, 0, self.net.config.latents)
    }

    /// Error of the period over its power, and of the gain.
    fn reconstruction(&self, found: &Tensor, targets: &Tensor) -> candle_core::Result<(Tensor, Option<Tensor>)> {
        let outputs = self.net.config.outputs;
        let numbers = outputs - usize::from(self.gain);
        let period = mean_square(&found.narrow(1, 0, numbers)?, &targets.narrow(1, 0, numbers)?)?;
        let gain = |x: &Tensor| x.narrow(1, numbers, 1);
        let gain = if self.gain { Some(mean_square(&gain(found)?, &gain(targets)?)?) } else { None };
        Ok(((period * (numbers as f64 / self.power))?, gain))
    }

    /// The paper's step: periods and conditions through the encoder's own codes.
    fn learn_published(&mut self, rows: &Rows, rate: f64) -> Result<f64> {
        let codes = self.net.encode(&rows.inputs)?;
        let found = self.net.decode(&codes)?;
        let mut loss = mean_square(&found, &rows.targets)?;
        let shown = f64::from(loss.to_scalar::<f32>()?) * self.net.config.outputs as f64 / self.power;
        let conditions = self.net.config.conditions;
        if conditions > 0 {
            let conditions = codes.narrow(1, self.net.config.latents, conditions)?;
            loss = (loss + (mean_square(&conditions, &rows.conditions)? * self.method.conditions)?)?;
        }
        self.adam.step(&self.net.vars, &loss.backward()?, rate)?;
        Ok(shown)
    }

    /// Discriminator, then encoder, each a step of plain descent.
    fn play(&mut self, first: &Rows, second: &Rows) -> Result<()> {
        let drawn = self.discriminator.judge(&normal(&first.chance)?)?;
        let encoded = self.latents(&self.net.encode(&first.inputs)?)?.detach();
        let loss = discriminator(&drawn, &self.discriminator.judge(&encoded)?)?;
        descend(&self.discriminator.vars, "", &loss.backward()?)?;
        let encoded = self.latents(&self.net.encode(&second.inputs)?)?;
        let loss = generator(&self.discriminator.judge(&encoded)?)?;
        descend(&self.net.vars, "encoder", &loss.backward()?)
    }

    /// Our step: the decoder is told the true conditions, latents are the encoder's or left out.
    fn learn_ours(&mut self, rows: &Rows, rate: f64, pull: f64) -> Result<f64> {
        let codes = self.net.encode(&rows.inputs)?;
        let mut controls = rows.conditions.clone();
        let mut loss = Tensor::new(0.0f32, codes.device())?;
        let latents = self.net.config.latents;
        if latents > 0 {
            let z = self.latents(&codes)?;
            controls = Tensor::cat(&[&z.broadcast_mul(&rows.keep)?, &controls], 1)?;
            let drawn = ((&rows.chance * 2.0)? - 1.0)?;
            let distance = match self.method.prior {
                Prior::Quantiles(weight) => (quantiles_within(&z, &rows.conditions)? * weight)?,
                Prior::Discrepancy(weight) => (discrepancy(&z, &drawn, Some(&rows.conditions))? * weight)?,
                Prior::Free | Prior::Adversary => loss.clone(),
            };
            loss = (loss + (distance * pull)?)?;
        }
        let (period, gain) = self.reconstruction(&self.net.decode(&controls)?, &rows.targets)?;
        loss = (loss + &period)?;
        if let Some(gain) = gain {
            loss = (loss + (gain * self.method.gain)?)?;
        }
        let found = codes.narrow(1, latents, self.net.config.conditions)?;
        loss = (loss + (mean_square(&found, &rows.conditions)? * self.method.conditions)?)?;
        self.adam.step(&self.net.vars, &loss.backward()?, rate)?;
        Ok(f64::from(period.to_scalar::<f32>()?))
    }
}

/// Normal numbers out of uniform ones in pairs of columns' own (Box, Muller 1958): deviation [`PUBLISHED_DEVIATION`].
fn normal(chance: &Tensor) -> candle_core::Result<Tensor> {
    // The second uniform number is another row's: rows are independent.
    let (rows, _) = chance.dims2()?;
    let other = Tensor::cat(&[chance.narrow(0, 1, rows - 1)?, chance.narrow(0, 0, 1)?], 0)?;
    let radius = ((chance.clamp(1e-7, 1.0)?.log()? * -2.0)?.sqrt()? * PUBLISHED_DEVIATION)?;
    radius * (other * TAU)?.cos()?
}

/// A step of plain gradient descent for the weights whose names begin so.
fn descend(vars: &BTreeMap<String, Var>, prefix: &str, grads: &GradStore) -> Result<()> {
    for (_, var) in vars.iter().filter(|(name, _)| name.starts_with(prefix)) {
        if let Some(grad) = grads.get(var.as_tensor()) {
            var.set(&(var.as_tensor() - (grad * PLAYERS_RATE)?)?.detach())?;
        }
    }
    Ok(())
}

impl Learner for Autoencoder {
    type Batch = Vec<Rows>;

    /// Returns the error of the periods over their power before the step.
    fn learn(&mut self, batch: &Vec<Rows>, _step: u64, share: f64) -> Result<f64> {
        let highest = self.method.learning_rate;
        let rate = if self.method.schedule { learning_rate(highest, share) } else { highest };
        if self.method.told {
            return self.learn_ours(&batch[0], rate, (share / PULL_GROWS).min(1.0));
        }
        let shown = self.learn_published(&batch[0], rate)?;
        if let [_, first, second] = batch.as_slice() {
            self.play(first, second)?;
        }
        Ok(shown)
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        vec![
            Part { prefix: "net", vars: &self.net.vars, adam: &mut self.adam },
            Part { prefix: "critic", vars: &self.discriminator.vars, adam: &mut self.discriminator_adam },
        ]
    }
}
