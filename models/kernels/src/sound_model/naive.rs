//! The network as the paper draws it, one number at a time, nothing folded: the oracle of every faster path.
use super::config::{Audio, Config};
use super::mu_law::{CLASSES, companded};
use super::weights::Weights;
use crate::nn::naive::{self, Recurrent};

/// One voice of the network.
#[derive(Clone, Debug)]
pub struct Naive<'a> {
    config: &'a Config,
    weights: &'a Weights,
    /// Outputs of the layers, `[layer][hidden]`.
    h: Vec<Vec<f32>>,
}

impl<'a> Naive<'a> {
    /// A voice at rest.
    pub fn new(config: &'a Config, weights: &'a Weights) -> Self {
        Self { config, weights, h: vec![vec![0.0; config.hidden]; config.layers] }
    }

    /// Logits of the next sample, after the last one's level; `beside_audio` is conditions, then sine and cosine of the clock.
    pub fn step(&mut self, class: u8, beside_audio: &[f32]) -> Vec<f32> {
        let w = self.weights;
        let mut x = match self.config.audio {
            Audio::Scalar => {
                let inputs = [&[companded(class)], beside_audio].concat();
                naive::linear(&w.i2d_weight, &w.i2d_bias, &inputs)
            }
            Audio::Embedding => {
                let row = &w.embedding[usize::from(class) * self.config.width..][..self.config.width];
                let conditions = naive::linear(&w.i2d_weight, &w.i2d_bias, beside_audio);
                row.iter().zip(conditions).map(|(a, c)| a + c).collect()
            }
        };
        if self.config.relu {
            x.iter_mut().for_each(|x| *x = x.max(0.0));
        }
        let rows = 3 * self.config.hidden;
        for (layer, h) in w.layers.iter().zip(&mut self.h) {
            let weights = Recurrent {
                weight_ih: layer.weight_ih.full(rows),
                weight_hh: layer.weight_hh.full(rows),
                bias_ih: layer.bias_ih.clone(),
                bias_hh: layer.bias_hh.clone(),
            };
            *h = naive::gru(&weights, &x, h);
            x.clone_from(h);
        }
        naive::linear(&w.h2o_weight.full(CLASSES), &w.h2o_bias, &x)
    }
}
