//! The sound model in training: the last sample, conditions and clock through GRUs to 256 logits; tensor names are the file's.
mod config;

use crate::cross_entropy::cross_entropy;
use crate::gru_fused::gru;
use crate::linear_fused::linear;
use crate::lookup_fused::{Heard, lookup};
use candle_core::{DType, Device, Result, Tensor, Var};
pub use config::{Audio, CLASSES, Config};
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Noise of the first table beside its straight lines; more would hide from the network that levels are in an order.
const TABLE_NOISE: f32 = 0.1;

/// Trainable weights under their names in the file.
pub struct Net {
    /// The sizes.
    pub config: Config,
    /// The weights.
    pub vars: BTreeMap<String, Var>,
}

/// A stretch of several streams. Rows run over groups, then time, then the streams of a group: `[groups, time, streams]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Groups, time, streams of a group.
    pub shape: [usize; 3],
    /// The last sample's level, and beside it conditions and clock, of every row.
    pub heard: Arc<Heard>,
    /// The level that came next, of every row.
    pub next: Arc<Vec<u8>>,
}

impl Net {
    /// Drawn as PyTorch draws it; the rows of the table lie on lines, each number's a random one.
    pub fn new(config: Config, seed: u64) -> Result<Self> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut uniform = |size: f32| size * (2.0 * rng.random::<f32>() - 1.0);
        let mut vars = BTreeMap::new();
        for (name, shape) in config.tensors() {
            let count: usize = shape.iter().product();
            let values: Vec<f32> = if name == "embedding.weight" {
                let slopes: Vec<f32> = (0..config.width).map(|_| uniform(1.0)).collect();
                let level = |i: usize| 2.0 * (i / config.width) as f32 / (CLASSES - 1) as f32 - 1.0;
                (0..count).map(|i| level(i) * slopes[i % config.width] + uniform(TABLE_NOISE)).collect()
            } else {
                let fan_in = if name.starts_with("i2d") { config.beside_audio() + 1 } else { config.hidden };
                (0..count).map(|_| uniform(1.0 / (fan_in as f32).sqrt())).collect()
            };
            vars.insert(name, Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu)?)?);
        }
        Ok(Self { config, vars })
    }

    /// How all layers stand before the first sample: `[layers, groups, streams, hidden]`.
    pub fn rest(&self, groups: usize, streams: usize) -> Result<Tensor> {
        Tensor::zeros((self.config.layers, groups, streams, self.config.hidden), DType::F32, &Device::Cpu)
    }

    /// Logits of every row, `[rows, 256]`, and how the layers stand after the last one, without a gradient; `before` as
    /// [`Self::rest`] gives it.
    pub fn logits(&self, window: &Window, before: &Tensor) -> Result<(Tensor, Tensor)> {
        let [groups, time, streams] = window.shape;
        let (rows, hidden) = (groups * time * streams, self.config.hidden);
        let mut x = self.first_sums(&window.heard)?;
        let mut after = Vec::new();
        for n in 0..self.config.layers {
            let var = |kind: &str| self.var(&format!("gru.{kind}_l{n}"));
            if n > 0 {
                x = linear(&x.reshape((rows, hidden))?, var("weight_ih")?, var("bias_ih")?)?;
            }
            let sums = x.reshape((groups, time, streams, 3 * hidden))?;
            x = gru(&sums, &before.get(n)?, var("weight_hh")?, var("bias_hh")?)?;
            after.push(x.detach().narrow(1, time - 1, 1)?.squeeze(1)?);
        }
        let logits = linear(&x.reshape((rows, hidden))?, self.var("h2o.weight")?, self.var("h2o.bias")?)?;
        Ok((logits, Tensor::stack(&after, 0)?))
    }

    /// Mean cross-entropy of what came next, in nats, and the layers after the window.
    pub fn loss(&self, window: &Window, before: &Tensor) -> Result<(Tensor, Tensor)> {
        let (logits, after) = self.logits(window, before)?;
        Ok((cross_entropy(&logits, &window.next)?, after))
    }

    /// What the first GRU's gates hear from below. Without a ReLU the input layer and the GRU's matrix are one table and one
    /// small matrix: a sixth of the paper's network less to compute.
    fn first_sums(&self, heard: &Arc<Heard>) -> Result<Tensor> {
        let (weight, bias) = (self.var("gru.weight_ih_l0")?, self.var("gru.bias_ih_l0")?);
        let (input, input_bias) = (self.var("i2d.weight")?, self.var("i2d.bias")?);
        let (table, columns, first) = match self.config.audio {
            Audio::Embedding => (self.var("embedding.weight")?.clone(), input.clone(), 0),
            Audio::Scalar => {
                let levels: Vec<f32> = (0..CLASSES).map(|c| 2.0 * c as f32 / (CLASSES - 1) as f32 - 1.0).collect();
                let levels = Tensor::from_vec(levels, (CLASSES, 1), &Device::Cpu)?;
                (levels.matmul(&input.narrow(1, 0, 1)?.t()?)?, input.clone(), 1)
            }
        };
        let matrix = columns.narrow(1, first, self.config.beside_audio())?.t()?;
        let table = table.broadcast_add(input_bias)?;
        if self.config.relu {
            return linear(&lookup(&table, &matrix, heard)?.relu()?, weight, bias);
        }
        let table = table.matmul(&weight.t()?)?.broadcast_add(bias)?;
        lookup(&table, &matrix.contiguous()?.matmul(&weight.t()?)?, heard)
    }

    fn var(&self, name: &str) -> Result<&Tensor> {
        let var = self.vars.get(name).map(|var| var.as_tensor());
        var.ok_or_else(|| candle_core::Error::Msg(format!("tensor `{name}` does not belong to this configuration")))
    }
}

#[cfg(test)]
mod tests;
