//! The tensors of a sound model's file under PyTorch's names, read and checked, or random for tests and benches.
use super::config::{Audio, Config};
use super::mu_law::CLASSES;
use crate::checkpoint::{Checkpoint, LoadError, Matrix, Values, write_mixed};
use crate::nn::naive::noise;
use std::collections::BTreeMap;

/// Everything trained, as PyTorch lays it out.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// `embedding.weight` `[256, width]`; empty where the audio enters as a scalar.
    pub embedding: Vec<f32>,
    /// `i2d.weight` `[width, inputs]`: the audio's level if it is a scalar, conditions, sine and cosine of the clock.
    pub i2d_weight: Vec<f32>,
    /// `i2d.bias` `[width]`.
    pub i2d_bias: Vec<f32>,
    /// `gru.*_l{n}`.
    pub layers: Vec<LayerWeights>,
    /// `h2o.weight` `[256, hidden]`.
    pub h2o_weight: Matrix,
    /// `h2o.bias` `[256]`.
    pub h2o_bias: Vec<f32>,
}

/// One GRU; gates r, z, n.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerWeights {
    /// `gru.weight_ih_l{n}` `[3 hidden, width or hidden]`.
    pub weight_ih: Matrix,
    /// `gru.weight_hh_l{n}` `[3 hidden, hidden]`.
    pub weight_hh: Matrix,
    /// `gru.bias_ih_l{n}` `[3 hidden]`.
    pub bias_ih: Vec<f32>,
    /// `gru.bias_hh_l{n}` `[3 hidden]`.
    pub bias_hh: Vec<f32>,
}

impl LayerWeights {
    /// Numbers that the layer reads from below.
    pub fn inputs(config: &Config, layer: usize) -> usize {
        if layer == 0 { config.width } else { config.hidden }
    }
}

impl Weights {
    /// Reads every tensor that `config` calls for, each in exactly its shape.
    pub fn load(file: &Checkpoint, config: &Config) -> Result<Self, LoadError> {
        let (width, gates) = (config.width, 3 * config.hidden);
        let layer = |n: usize| {
            let inputs = LayerWeights::inputs(config, n);
            Ok(LayerWeights {
                weight_ih: file.matrix(&format!("gru.weight_ih_l{n}"), [gates, inputs])?,
                weight_hh: file.matrix(&format!("gru.weight_hh_l{n}"), [gates, config.hidden])?,
                bias_ih: file.tensor(&format!("gru.bias_ih_l{n}"), &[gates])?,
                bias_hh: file.tensor(&format!("gru.bias_hh_l{n}"), &[gates])?,
            })
        };
        Ok(Self {
            embedding: match config.audio {
                Audio::Scalar => Vec::new(),
                Audio::Embedding => file.tensor("embedding.weight", &[CLASSES, width])?,
            },
            i2d_weight: file.tensor("i2d.weight", &[width, config.inputs()])?,
            i2d_bias: file.tensor("i2d.bias", &[width])?,
            layers: (0..config.layers).map(layer).collect::<Result<_, LoadError>>()?,
            h2o_weight: file.matrix("h2o.weight", [CLASSES, config.hidden])?,
            h2o_bias: file.tensor("h2o.bias", &[CLASSES])?,
        })
    }

    /// The same with 8-bit matrices where the player multiplies by them at every sample. The first layer's input matrix stays
    /// full unless a ReLU keeps it from being folded: it then only serves to make a table.
    pub fn quantised(self, config: &Config) -> Self {
        let gates = 3 * config.hidden;
        let quantise = |(n, layer): (usize, LayerWeights)| LayerWeights {
            weight_ih: if n > 0 || config.relu { layer.weight_ih.quantised(gates) } else { layer.weight_ih },
            weight_hh: layer.weight_hh.quantised(gates),
            ..layer
        };
        Self {
            layers: self.layers.into_iter().enumerate().map(quantise).collect(),
            h2o_weight: self.h2o_weight.quantised(CLASSES),
            ..self
        }
    }

    /// The same with zeros in all but the share `density` of the blocks of the GRUs' matrices, gate by gate; of the first layer's
    /// input matrix only where it is not folded, as in [`Self::quantised`].
    pub fn pruned(mut self, config: &Config, density: f64) -> Self {
        for (n, layer) in self.layers.iter_mut().enumerate() {
            let from_below = (n > 0 || config.relu).then_some(&mut layer.weight_ih);
            for matrix in from_below.into_iter().chain([&mut layer.weight_hh]) {
                let whole = std::mem::replace(matrix, Matrix::Full(Vec::new()));
                *matrix = whole.pruned(3 * config.hidden, 3, density);
            }
        }
        self
    }

    /// As [`Self::quantised`], the GRUs' 8-bit matrices without their blocks of zeros where that is worth it.
    pub fn sparse(self, config: &Config) -> Self {
        let mut quantised = self.quantised(config);
        for matrix in quantised.layers.iter_mut().flat_map(|layer| [&mut layer.weight_ih, &mut layer.weight_hh]) {
            if let Matrix::Quantised { .. } = matrix {
                let whole = std::mem::replace(matrix, Matrix::Full(Vec::new()));
                *matrix = whole.sparse(3 * config.hidden);
            }
        }
        quantised
    }

    /// The tensors that hold them in a file; primed states and a self-test may be added.
    pub fn tensors(&self, config: &Config) -> Vec<(String, Vec<usize>, Values<'_>)> {
        let gates = 3 * config.hidden;
        let full = |name: &str, shape: &[usize], values| (name.to_string(), shape.to_vec(), Values::F32(values));
        let mut tensors = vec![
            full("i2d.weight", &[config.width, config.inputs()], &self.i2d_weight),
            full("i2d.bias", &[config.width], &self.i2d_bias),
            full("h2o.bias", &[CLASSES], &self.h2o_bias),
        ];
        if config.audio == Audio::Embedding {
            tensors.push(full("embedding.weight", &[CLASSES, config.width], &self.embedding));
        }
        for (n, layer) in self.layers.iter().enumerate() {
            let inputs = LayerWeights::inputs(config, n);
            tensors.extend(layer.weight_ih.tensors(&format!("gru.weight_ih_l{n}"), [gates, inputs]));
            tensors.extend(layer.weight_hh.tensors(&format!("gru.weight_hh_l{n}"), [gates, config.hidden]));
            tensors.push(full(&format!("gru.bias_ih_l{n}"), &[gates], &layer.bias_ih));
            tensors.push(full(&format!("gru.bias_hh_l{n}"), &[gates], &layer.bias_hh));
        }
        tensors.extend(self.h2o_weight.tensors("h2o.weight", [CLASSES, config.hidden]));
        tensors
    }

    /// The bytes of a model file with these weights; `metadata` says the rest.
    pub fn write(&self, config: &Config, metadata: BTreeMap<String, String>) -> Result<Vec<u8>, LoadError> {
        write_mixed(metadata, &self.tensors(config))
    }

    /// Random weights of the size that training ends with: logits then spread over several nats.
    pub fn random(seed: u64, config: &Config) -> Self {
        let (hidden, width) = (config.hidden, config.width);
        let mut seeds = seed..;
        let mut scaled = |len: usize, size: f32| -> Vec<f32> {
            noise(seeds.next().unwrap_or(seed), len).into_iter().map(|x| size * x).collect()
        };
        let unit = 1.0 / (hidden as f32).sqrt();
        let embedding = if config.audio == Audio::Embedding { scaled(CLASSES * width, 1.0) } else { Vec::new() };
        let i2d_weight = scaled(width * config.inputs(), 1.0);
        let i2d_bias = scaled(width, 0.5);
        let layers = (0..config.layers)
            .map(|n| LayerWeights {
                weight_ih: Matrix::Full(scaled(3 * hidden * LayerWeights::inputs(config, n), 2.0 * unit)),
                weight_hh: Matrix::Full(scaled(3 * hidden * hidden, 2.0 * unit)),
                bias_ih: scaled(3 * hidden, 0.5),
                bias_hh: scaled(3 * hidden, 0.5),
            })
            .collect();
        let h2o_weight = Matrix::Full(scaled(CLASSES * hidden, 4.0 * unit));
        Self { embedding, i2d_weight, i2d_bias, layers, h2o_weight, h2o_bias: scaled(CLASSES, 0.5) }
    }
}
