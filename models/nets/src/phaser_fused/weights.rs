//! The audio path's weights, laid out for vectors over sixteen channels, and back.
use super::layers::{LANES, Lanes};
use crate::phaser::EffectConfig;

/// One FXBlock's weights, or their gradients.
#[derive(Clone)]
pub struct Block {
    /// First convolution, `[tap][input][panels]`.
    pub conv: Vec<Lanes>,
    /// Its bias, `[panels]`, zero where there is none.
    pub conv_bias: Vec<Lanes>,
    /// Weight `[tap][panels]` and bias `[panels]` of each depthwise convolution.
    pub depthwise: Vec<(Vec<Lanes>, Vec<Lanes>)>,
    /// 1x1 around the block, `[input][panels]`.
    pub residual: Vec<Lanes>,
    /// Its bias.
    pub residual_bias: Vec<Lanes>,
    /// PReLU slopes, `[panels]`.
    pub slope: Vec<Lanes>,
    /// One over each channel's level of saturation, `[panels]`; zero without.
    pub limit: Vec<Lanes>,
}

/// All weights of the audio path, or their gradients.
#[derive(Clone)]
pub struct Weights {
    /// The blocks in order.
    pub blocks: Vec<Block>,
    /// Channels to the output, `[panels]`.
    pub output: Vec<Lanes>,
    /// Bias of the output.
    pub output_bias: f32,
    /// Groups of sixteen channels.
    pub panels: usize,
    /// Channels of the model, before padding.
    channels: usize,
}

/// Walks the flat weights in the order of [`EffectConfig::tensors`]: either side may be the one that is written.
fn walk(config: &EffectConfig, weights: &mut Weights, flat: &mut dyn FnMut(&mut f32)) {
    let (c, panels, taps) = (config.channels, weights.panels, config.kernel);
    let bias = |bias: &mut [Lanes], flat: &mut dyn FnMut(&mut f32)| {
        if config.bias {
            bias.as_flattened_mut()[..c].iter_mut().for_each(flat);
        }
    };
    for (j, block) in weights.blocks.iter_mut().enumerate() {
        let inputs = if j == 0 { 1 } else { c };
        let padded = if j == 0 { 1 } else { panels * LANES };
        let full = |w: &mut [Lanes], taps: usize, flat: &mut dyn FnMut(&mut f32)| {
            for o in 0..c {
                for i in 0..inputs {
                    for tap in 0..taps {
                        flat(&mut w[(tap * padded + i) * panels + o / LANES][o % LANES]);
                    }
                }
            }
        };
        full(&mut block.conv, taps, flat);
        bias(&mut block.conv_bias, flat);
        for (w, b) in &mut block.depthwise {
            for o in 0..c {
                for tap in 0..taps {
                    flat(&mut w[tap * panels + o / LANES][o % LANES]);
                }
            }
            bias(b, flat);
        }
        full(&mut block.residual, 1, flat);
        bias(&mut block.residual_bias, flat);
    }
    weights.output.as_flattened_mut()[..c].iter_mut().for_each(&mut *flat);
    if config.bias {
        flat(&mut weights.output_bias);
    }
    for block in &mut weights.blocks {
        block.slope.as_flattened_mut()[..c].iter_mut().for_each(&mut *flat);
    }
    if config.limit {
        for block in &mut weights.blocks {
            block.limit.as_flattened_mut()[..c].iter_mut().for_each(&mut *flat);
        }
    }
}

impl Weights {
    /// From the flat tensors one after the other.
    pub fn unpack(config: &EffectConfig, flat: &[f32]) -> Self {
        let panels = config.channels.div_ceil(LANES);
        let zeros = |n: usize| vec![[0.0; LANES]; n * panels];
        let mut weights = Self {
            blocks: (0..config.blocks)
                .map(|j| {
                    let inputs = if j == 0 { 1 } else { panels * LANES };
                    Block {
                        conv: zeros(config.kernel * inputs),
                        conv_bias: zeros(1),
                        depthwise: (1..config.dilations.len()).map(|_| (zeros(config.kernel), zeros(1))).collect(),
                        residual: zeros(inputs),
                        residual_bias: zeros(1),
                        slope: zeros(1),
                        limit: zeros(1),
                    }
                })
                .collect(),
            output: zeros(1),
            output_bias: 0.0,
            panels,
            channels: config.channels,
        };
        let mut flat = flat.iter();
        walk(config, &mut weights, &mut |w| *w = flat.next().copied().unwrap_or(0.0));
        weights
    }

    /// Back to the flat tensors.
    pub fn pack(&self, config: &EffectConfig) -> Vec<f32> {
        let mut flat = Vec::new();
        walk(config, &mut self.clone(), &mut |w| flat.push(*w));
        flat
    }

    /// Gradients to add to.
    pub fn zeros(&self) -> Self {
        let mut zeros = self.clone();
        let clear = |w: &mut Vec<Lanes>| w.fill([0.0; LANES]);
        for block in &mut zeros.blocks {
            let single = [&mut block.conv, &mut block.conv_bias, &mut block.residual, &mut block.residual_bias];
            let depthwise = block.depthwise.iter_mut().flat_map(|(w, b)| [w, b]);
            single.into_iter().chain([&mut block.slope, &mut block.limit]).chain(depthwise).for_each(clear);
        }
        clear(&mut zeros.output);
        zeros.output_bias = 0.0;
        zeros
    }

    /// `[frames][parts channels]` to `[frames][parts][panels]`.
    pub fn pad_modulation(&self, mu: &[f32]) -> Vec<Lanes> {
        let mut padded = vec![[0.0; LANES]; mu.len() / self.channels * self.panels];
        for (from, to) in mu.chunks_exact(self.channels).zip(padded.chunks_exact_mut(self.panels)) {
            to.as_flattened_mut()[..self.channels].copy_from_slice(from);
        }
        padded
    }

    /// The inverse, appended.
    pub fn unpad_modulation(&self, padded: &[Lanes], mu: &mut Vec<f32>) {
        for part in padded.chunks_exact(self.panels) {
            mu.extend_from_slice(&part.as_flattened()[..self.channels]);
        }
    }
}
