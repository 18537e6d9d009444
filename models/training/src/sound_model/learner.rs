//! A sound model in training: it is held to the recording (teacher forcing) and told what came next.
use super::pruning::Pruning;
use super::windows::{Batch, SHAPE};
use crate::trainer::adam::Adam;
use crate::trainer::{Learner, Part};
use anyhow::Result;
use candle_core::{Device, Tensor, Var};
use nets::sound_model::Net;
use std::collections::BTreeMap;
use std::f64::consts::PI;

/// Highest learning rate of one layer. The published 5e-4 is still noise where this one plays in tune.
const RATE_OF_ONE: f64 = 3e-3;
/// Of several layers.
const RATE_OF_MORE: f64 = 2e-3;
/// Steps in which the rate rises.
const WARM_UP_STEPS: f64 = 50.0;
/// The last rate, of the highest.
const FINAL_SHARE: f64 = 0.02;
/// How slowly the second moment follows; nothing in these sounds is rare enough for the usual 0.999.
const BETA_2: f64 = 0.99;

/// A net, its optimiser, and how its streams stand.
pub struct Learning {
    /// The net.
    pub net: Net,
    /// Share of the budget that was used up before the last step.
    pub share: f64,
    /// Blocks that go on the way; none keeps all weights.
    pruning: Option<Pruning>,
    adam: Adam,
    /// Outputs of all layers after the last window, so that a resumed run goes on where it was.
    carried: BTreeMap<String, Var>,
    /// Carried states have no gradient.
    idle: Adam,
}

impl Learning {
    /// An untrained run.
    pub fn new(net: Net, pruning: Option<Pruning>) -> Result<Self> {
        let [groups, streams, _] = SHAPE;
        let carried = BTreeMap::from([("states".to_string(), Var::from_tensor(&net.rest(groups, streams)?)?)]);
        Ok(Self { net, share: 0.0, pruning, adam: Adam::new(BETA_2), carried, idle: Adam::default() })
    }

    fn rate(&self, step: u64, share: f64) -> f64 {
        let highest = if self.net.config.layers == 1 { RATE_OF_ONE } else { RATE_OF_MORE };
        let cosine = FINAL_SHARE + (1.0 - FINAL_SHARE) * (0.5 + 0.5 * (PI * share).cos());
        highest * cosine * ((step + 1) as f64 / WARM_UP_STEPS).min(1.0)
    }
}

impl Learner for Learning {
    type Batch = Batch;

    fn learn(&mut self, batch: &Batch, step: u64, share: f64) -> Result<f64> {
        let [groups, streams, _] = SHAPE;
        self.share = share;
        let states = &self.carried["states"];
        let goes_on = Tensor::from_slice(&batch.goes_on, (1, groups, streams, 1), &Device::Cpu)?;
        let before = states.as_tensor().broadcast_mul(&goes_on)?.detach();
        let (loss, after) = self.net.loss(&batch.window, &before)?;
        let grads = loss.backward()?;
        let rate = self.rate(step, share);
        let kept = self.pruning.map_or_else(|| Ok(Vec::new()), |pruning| pruning.kept(&self.net))?;
        self.adam.step(&self.net.vars, &grads, rate)?;
        if let Some(pruning) = &self.pruning {
            pruning.prune(&kept, step, share)?;
        }
        self.carried["states"].set(&after)?;
        Ok(loss.to_scalar::<f32>()?.into())
    }

    fn parts(&mut self) -> Vec<Part<'_>> {
        vec![
            Part { prefix: "net", vars: &self.net.vars, adam: &mut self.adam },
            Part { prefix: "carried", vars: &self.carried, adam: &mut self.idle },
        ]
    }
}
