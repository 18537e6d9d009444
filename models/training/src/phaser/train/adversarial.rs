//! SPTVMod's own training (Bourdin, Legrand, Roche 2025, arXiv 2512.15313): from dry and wet alone, no LFO known.
//!
//! ```text
//! I    adversarial   h0 random;  discriminator hinge;  generator -D + small MR-STFT (+ mode seeking), gradients balanced
//!      predictor     h0 = SPN(features of dry and wet, frozen), trained alone (optional)
//! II   fine-tuning   net and predictor together on MR-STFT, over several windows with carried states
//! ```
//! The three phases are stretches of one budget. With the oscillator in place of the LSTMs, the state is one phase, the
//! predictor gives its cosine and sine, and the LFO's rate is a weight that starts at what the recording's level changes say.
pub mod balance;
pub mod losses;

use super::batch::Batch;
use super::supervised::Loss;
use crate::spectral_loss::SpectralLoss;
use crate::trainer::adam::Adam;
use crate::trainer::{Learner, Part};
use anyhow::Result;
use balance::Balance;
use candle_core::{Device, Tensor, Var};
use nets::phaser::{ModulationConfig, Net};
use nets::phaser_critic::{Critic, CriticConfig, StatePredictor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// Samples of a window: 0.74 s, as published.
pub const WINDOW_SAMPLES: usize = 32_768;
/// Learning rates of net and predictor, and of the discriminator. The paper's are not public; these are its predecessor's.
const LEARNING_RATE: f64 = 5e-4;
const CRITIC_LEARNING_RATE: f64 = 2e-4;
/// Weight of the STFT distance beside the discriminator's word, as published.
const SPECTRAL_WEIGHT: f64 = 0.005;
/// Normal numbers that a `noise` start is made of.
const NOISE_INPUTS: usize = 32;

/// Where a start state comes from while no predictor is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Start {
    /// From a random angle.
    Angle,
    /// From 32 normal numbers.
    Noise,
    /// The same state always.
    Zero,
}

/// What may be chosen about the method.
#[derive(Clone, Debug)]
pub struct Options {
    /// Start states of phase I.
    pub start: Start,
    /// Shares of the budget for the adversarial phase, the predictor alone, and fine-tuning.
    pub shares: [f64; 3],
    /// Weight of mode seeking, 0 for none.
    pub mode_seeking: f64,
    /// Weight of the ESR beside the STFT distance in fine-tuning; the paper has none.
    pub esr_share: f64,
}

/// A stretch of the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Adversarial,
    Predictor,
    FineTuning,
}

/// All that learns.
pub struct Adversarial {
    /// The generator.
    pub net: Net,
    /// Weights of the generator that no model file holds: `noise.weight` of a noise start, `ln_turns_per_frame` of an oscillator.
    pub extra: BTreeMap<String, Var>,
    /// The discriminator, whose features the predictor reads.
    pub critic: Critic,
    /// The state prediction network.
    pub predictor: StatePredictor,
    options: Options,
    balance: Balance,
    adam_net: Adam,
    adam_extra: Adam,
    adam_critic: Adam,
    adam_predictor: Adam,
    adam_balance: Adam,
    spectral: SpectralLoss,
    loss: Loss,
    seed: u64,
}

impl Adversarial {
    /// An untrained run. `turns_per_frame`: the LFO's rate to start from, for an oscillator.
    pub fn new(net: Net, options: Options, turns_per_frame: Option<f64>, loss: Loss, seed: u64) -> Result<Self> {
        let state = match &net.config.modulation {
            ModulationConfig::Lstm { hidden, .. } => net.config.effect.blocks * 2 * hidden,
            ModulationConfig::Oscillator { .. } => 2,
        };
        let mut extra = BTreeMap::new();
        if options.start == Start::Noise {
            let bound = 1.0 / (NOISE_INPUTS as f32).sqrt();
            let weight = uniform(seed, NOISE_INPUTS * state).iter().map(|x| bound * x).collect::<Vec<_>>();
            let weight = Tensor::from_vec(weight, (NOISE_INPUTS, state), &Device::Cpu)?;
            extra.insert("noise.weight".to_string(), Var::from_tensor(&weight)?);
        }
        if let Some(turns) = turns_per_frame {
            let rate = Tensor::new(&[turns.ln() as f32], &Device::Cpu)?;
            extra.insert("ln_turns_per_frame".to_string(), Var::from_tensor(&rate)?);
        }
        let config = CriticConfig::default();
        Ok(Self {
            predictor: StatePredictor::new(&config, state, seed ^ 2)?,
            critic: Critic::new(config, seed ^ 1)?,
            balance: Balance::new(3)?,
            adam_net: Adam::default(),
            adam_extra: Adam::default(),
            adam_critic: Adam::default(),
            adam_predictor: Adam::default(),
            adam_balance: Adam::default(),
            spectral: SpectralLoss::default(),
            net,
            extra,
            options,
            loss,
            seed,
        })
    }

    /// The LFO's rate in turns a frame, of an oscillator.
    pub fn turns_per_frame(&self) -> Result<Option<f64>> {
        let Some(rate) = self.extra.get("ln_turns_per_frame") else { return Ok(None) };
        Ok(Some(f64::from(rate.as_tensor().to_vec1::<f32>()?[0]).exp()))
    }

    /// The state that the predictor reads from windows `[batch, samples]`: an LSTM's, or cosine and sine of a phase.
    pub fn predict(&self, means: &[Tensor]) -> Result<Tensor> {
        let state = self.predictor.predict(means)?;
        if self.is_recurrent() {
            return Ok(state);
        }
        let length = (state.sqr()?.sum_keepdim(1)? + 1e-8)?.sqrt()?;
        Ok(state.broadcast_div(&length)?)
    }

    fn is_recurrent(&self) -> bool {
        matches!(self.net.config.modulation, ModulationConfig::Lstm { .. })
    }

    /// A start state that leads where the training led, `[1, state]`: the predictor's for the first of some windows, or where
    /// there has been no predictor, the start of phase I, laid out so that a model file can hold it.
    pub fn start_state(&self, batch: &Batch) -> Result<Tensor> {
        let (x, wet) = batch.sounds()?;
        if self.options.shares[1] + self.options.shares[2] > 0.0 {
            let dry = x.narrow(1, x.dim(1)? - wet.dim(1)?, WINDOW_SAMPLES)?.contiguous()?;
            let means = self.critic.means(&dry, &wet.narrow(1, 0, WINDOW_SAMPLES)?.contiguous()?)?;
            return Ok(self.predict(&means)?.narrow(0, 0, 1)?);
        }
        if self.options.start != Start::Angle {
            let weight = &self.net.vars["initial_state.weight"];
            weight.set(&weight.as_tensor().zeros_like()?)?;
        }
        Ok(self.net.states_at(&[0.0])?)
    }

    /// Random start states of phase I.
    fn random_states(&self, rng: &mut ChaCha8Rng, windows: usize) -> Result<Tensor> {
        let angles: Vec<f64> = (0..windows).map(|_| rng.random()).collect();
        if !self.is_recurrent() {
            let units = angles.iter().flat_map(|t| [(t * TAU).cos() as f32, (t * TAU).sin() as f32]).collect();
            return Ok(Tensor::from_vec(units, (windows, 2), &Device::Cpu)?);
        }
        let bias = self.net.vars["initial_state.bias"].as_tensor();
        Ok(match self.options.start {
            Start::Angle => self.net.states_at(&angles)?,
            Start::Zero => bias.unsqueeze(0)?.repeat((windows, 1))?,
            Start::Noise => {
                let noise =
                    Tensor::from_vec(normal(rng, windows * NOISE_INPUTS), (windows, NOISE_INPUTS), &Device::Cpu)?;
                noise.matmul(self.extra["noise.weight"].as_tensor())?.broadcast_add(bias)?
            }
        })
    }

    /// The generator's sound from start states, for dry windows with their past `[batch, past + samples]`.
    fn generate(&self, x: &Tensor, states: &Tensor, controls: &[Vec<f32>]) -> Result<Tensor> {
        let frame = self.net.config.frame;
        let frames = x.dim(1)?.div_ceil(frame) + 1;
        let modulation = if self.is_recurrent() {
            self.net.recurrent(states, controls, frames - 1, WINDOW_SAMPLES / frame)?.0
        } else {
            let rate = self.extra["ln_turns_per_frame"].as_tensor().exp()?;
            self.net.oscillator_from(states, &rate, controls, frames)?
        };
        Ok(self.net.effect_fused(x, &modulation)?)
    }

    fn phase(&self, share: f64) -> Phase {
        let [adversarial, predictor, _] = self.options.shares;
        if share < adversarial {
            Phase::Adversarial
        } else if share < adversarial + predictor {
            Phase::Predictor
        } else {
            Phase::FineTuning
        }
    }

    /// One step of both players; returns the STFT distance.
    fn play(&mut self, x: &Tensor, wet: &Tensor, controls: &[Vec<f32>], rng: &mut ChaCha8Rng) -> Result<f64> {
        // Mode seeking hears every window twice, from two states.
        let seeking = self.options.mode_seeking > 0.0;
        let twice = |t: &Tensor| if seeking { Tensor::cat(&[t, t], 0) } else { Ok(t.clone()) };
        let (x, wet) = (twice(x)?, twice(wet)?);
        let controls = if seeking { [controls, controls].concat() } else { controls.to_vec() };
        let dry = x.narrow(1, x.dim(1)? - wet.dim(1)?, wet.dim(1)?)?.contiguous()?;
        let fake = self.generate(&x, &self.random_states(rng, controls.len())?, &controls)?;
        let hinge = losses::critic_hinge(&self.critic.judge(&dry, &wet)?, &self.critic.judge(&dry, &fake.detach())?)?;
        self.adam_critic.step(&self.critic.vars, &hinge.backward()?, CRITIC_LEARNING_RATE)?;

        // Each loss by the sound alone; what the balance makes of the gradients then goes back into the net.
        let heard = Var::from_tensor(&fake.detach())?;
        let judged = losses::generator_hinge(&self.critic.judge(&dry, heard.as_tensor())?)?;
        let spectral = self.spectral.distance(heard.as_tensor(), &wet)?;
        let mut terms = vec![(1.0, gradient(&judged, &heard)?), (SPECTRAL_WEIGHT, gradient(&spectral, &heard)?)];
        if seeking {
            let apart = losses::mode_seeking(&self.spectral, heard.as_tensor())?;
            terms.push((self.options.mode_seeking, gradient(&apart, &heard)?));
        }
        let grads = (fake * self.balance.combine(&terms)?)?.sum_all()?.backward()?;
        self.adam_net.step(&self.net.vars, &grads, LEARNING_RATE)?;
        self.adam_extra.step(&self.extra, &grads, LEARNING_RATE)?;
        Ok(f64::from(spectral.to_scalar::<f32>()?))
    }

    /// One step with predicted states; `whole`: the net learns too. Returns the STFT distance.
    fn follow(&mut self, x: &Tensor, wet: &Tensor, controls: &[Vec<f32>], whole: bool) -> Result<f64> {
        let past = x.dim(1)? - wet.dim(1)?;
        let dry = x.narrow(1, past, WINDOW_SAMPLES)?.contiguous()?;
        // The discriminator's features are frozen from phase I on.
        let means: Vec<Tensor> = self
            .critic
            .means(&dry, &wet.narrow(1, 0, WINDOW_SAMPLES)?.contiguous()?)?
            .iter()
            .map(Tensor::detach)
            .collect();
        let y = self.generate(x, &self.predict(&means)?, controls)?;
        let spectral = self.spectral.distance(&y, wet)?;
        let mut loss = spectral.clone();
        if self.options.esr_share > 0.0 {
            loss = (loss + (self.loss.esr(&y, wet)? * self.options.esr_share)?)?;
        }
        let grads = loss.backward()?;
        self.adam_predictor.step(&self.predictor.vars, &grads, LEARNING_RATE)?;
        if whole {
            self.adam_net.step(&self.net.vars, &grads, LEARNING_RATE)?;
            self.adam_extra.step(&self.extra, &grads, LEARNING_RATE)?;
        }
        Ok(f64::from(spectral.to_scalar::<f32>()?))
    }
}

fn gradient(loss: &Tensor, by: &Var) -> Result<Tensor> {
    let grads = loss.backward()?;
    Ok(match grads.get(by) {
        Some(grad) => grad.detach(),
        None => by.as_tensor().zeros_like()?,
    })
}

fn uniform(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect()
}

/// Normal numbers by Box and Muller.
fn normal(rng: &mut ChaCha8Rng, count: usize) -> Vec<f32> {
    let mut one = || {
        let (radius, angle): (f32, f32) = (rng.random(), rng.random());
        (-2.0 * radius.max(1e-12).ln()).sqrt() * (TAU as f32 * angle).cos()
    };
    (0..count).map(|_| one()).collect()
}

impl Learner for Adversarial {
    type Batch = Batch;

    fn learn(&mut self, batch: &Batch, step: u64, share: f64) -> Result<f64> {
        let (x, wet) = batch.sounds()?;
        // A net of one setting is told nothing.
        let controls: Vec<Vec<f32>> =
            batch.controls.iter().map(|values| values[..self.net.controls].to_vec()).collect();
        // What is random about a step depends on its number alone, so that a resumed run goes on as it would have gone.
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ step.wrapping_mul(0xD1B5_4A32_D192_ED03));
        match self.phase(share) {
            Phase::Adversarial => {
                let past = x.dim(1)? - wet.dim(1)?;
                let (x, wet) = (x.narrow(1, 0, past + WINDOW_SAMPLES)?, wet.narrow(1, 0, WINDOW_SAMPLES)?);
                self.play(&x.contiguous()?, &wet.contiguous()?, &controls, &mut rng)
            }
            Phase::Predictor => self.follow(&x, &wet, &controls, false),
            Phase::FineTuning => self.follow(&x, &wet, &controls, true),
        }
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        vec![
            Part { prefix: "net", vars: &self.net.vars, adam: &mut self.adam_net },
            Part { prefix: "extra", vars: &self.extra, adam: &mut self.adam_extra },
            Part { prefix: "critic", vars: &self.critic.vars, adam: &mut self.adam_critic },
            Part { prefix: "predictor", vars: &self.predictor.vars, adam: &mut self.adam_predictor },
            Part { prefix: "balance", vars: &self.balance.norms, adam: &mut self.adam_balance },
        ]
    }
}

#[cfg(test)]
mod tests;
