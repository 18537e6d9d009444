//! The wavetable as a graph: encoder, decoder and discriminator of Sinclair 2017 (arXiv 1806.09617), layers of ReLU.
//!
//! Tensor names and shapes are the model file's. What the decoder's numbers are (samples of a period, their differences,
//! harmonics) is the trainer's to say: all of them are one matrix apart.
use candle_core::{Device, Result, Tensor, Var};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::f64::consts::PI;

/// Sizes of encoder and decoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// What the encoder sees of a period.
    pub inputs: usize,
    /// Widths of the encoder's hidden layers.
    pub encoder_hidden: Vec<usize>,
    /// Numbers that the network finds by itself.
    pub latents: usize,
    /// Numbers that it is told.
    pub conditions: usize,
    /// Octaves of sines and cosines of each condition that the decoder sees beside the condition itself.
    pub octaves: usize,
    /// Widths of the decoder's hidden layers.
    pub decoder_hidden: Vec<usize>,
    /// Numbers that the decoder gives.
    pub outputs: usize,
}

/// How weights begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Uniform within this bound; biases 0. The paper's is 0.1.
    Uniform(f64),
    /// Uniform within sqrt(6 / inputs), so that layers of ReLU keep the power (He et al. 2015); the last ones a tenth of it;
    /// biases 0.
    He,
}

impl Config {
    /// Numbers that the decoder's first layer sees.
    pub fn features(&self) -> usize {
        self.latents + self.conditions * (1 + 2 * self.octaves)
    }

    fn encoder_widths(&self) -> Vec<usize> {
        [&[self.inputs], self.encoder_hidden.as_slice(), &[self.latents + self.conditions]].concat()
    }

    fn decoder_widths(&self) -> Vec<usize> {
        [&[self.features()], self.decoder_hidden.as_slice(), &[self.outputs]].concat()
    }
}

/// Weights of fully connected layers, `{prefix}.{i}.weight` [outputs, inputs] and `.bias`.
fn layers(prefix: &str, widths: &[usize], start: Start, rng: &mut ChaCha8Rng) -> Result<BTreeMap<String, Var>> {
    let mut vars = BTreeMap::new();
    for (i, pair) in widths.windows(2).enumerate() {
        let bound = match start {
            Start::Uniform(bound) => bound,
            Start::He => (6.0 / pair[0] as f64).sqrt() * if i + 2 == widths.len() { 0.1 } else { 1.0 },
        };
        let weight: Vec<f32> =
            (0..pair[0] * pair[1]).map(|_| (bound * rng.random_range(-1.0..1.0f64)) as f32).collect();
        let weight = Tensor::from_vec(weight, (pair[1], pair[0]), &Device::Cpu)?;
        vars.insert(format!("{prefix}.{i}.weight"), Var::from_tensor(&weight)?);
        let bias = Tensor::zeros(pair[1], candle_core::DType::F32, &Device::Cpu)?;
        vars.insert(format!("{prefix}.{i}.bias"), Var::from_tensor(&bias)?);
    }
    Ok(vars)
}

/// `x` [batch, inputs] through all layers of a prefix; ReLU between them, none after the last.
fn apply(vars: &BTreeMap<String, Var>, prefix: &str, x: &Tensor) -> Result<Tensor> {
    let mut x = x.clone();
    for i in 0.. {
        let (Some(weight), Some(bias)) =
            (vars.get(&format!("{prefix}.{i}.weight")), vars.get(&format!("{prefix}.{i}.bias")))
        else {
            break;
        };
        if i > 0 {
            x = x.relu()?;
        }
        x = x.matmul(&weight.as_tensor().t()?)?.broadcast_add(bias.as_tensor())?;
    }
    Ok(x)
}

/// Encoder and decoder.
pub struct Net {
    /// The sizes.
    pub config: Config,
    /// `encoder.*` and `decoder.*`.
    pub vars: BTreeMap<String, Var>,
}

impl Net {
    /// Weights drawn by a seed.
    pub fn new(config: Config, start: Start, seed: u64) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut vars = layers("encoder", &config.encoder_widths(), start, &mut rng)?;
        vars.extend(layers("decoder", &config.decoder_widths(), start, &mut rng)?);
        Ok(Self { config, vars })
    }

    /// Latents and conditions, in this order, as [batch, latents + conditions], of periods [batch, inputs].
    pub fn encode(&self, x: &Tensor) -> Result<Tensor> {
        apply(&self.vars, "encoder", x)
    }

    /// What the decoder gives, [batch, outputs], for latents and conditions [batch, latents + conditions].
    pub fn decode(&self, controls: &Tensor) -> Result<Tensor> {
        apply(&self.vars, "decoder", &self.features(controls)?)
    }

    /// All controls; then for each condition x and octave o the sine and cosine of 2^o pi x (Tancik et al. 2020).
    fn features(&self, controls: &Tensor) -> Result<Tensor> {
        let Config { latents, conditions, octaves, .. } = self.config;
        let mut features = vec![controls.clone()];
        for condition in 0..conditions {
            let x = controls.narrow(1, latents + condition, 1)?;
            for octave in 0..octaves {
                let turned = (&x * (PI * f64::from(1u32 << octave)))?;
                features.extend([turned.sin()?, turned.cos()?]);
            }
        }
        Tensor::cat(&features, 1)
    }
}

/// Tells latents from the prior: one hidden layer, then a probability.
pub struct Discriminator {
    /// `discriminator.*`.
    pub vars: BTreeMap<String, Var>,
}

impl Discriminator {
    /// For so many latents.
    pub fn new(latents: usize, hidden: usize, start: Start, seed: u64) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Ok(Self { vars: layers("discriminator", &[latents, hidden, 1], start, &mut rng)? })
    }

    /// How likely latents [batch, latents] are drawn from the prior, [batch, 1].
    pub fn judge(&self, z: &Tensor) -> Result<Tensor> {
        let logit = apply(&self.vars, "discriminator", z)?;
        // The logistic function; written with exp its gradient would be no number far from the middle.
        ((logit * 0.5)?.tanh()? * 0.5)? + 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            inputs: 5,
            encoder_hidden: vec![7],
            latents: 1,
            conditions: 2,
            octaves: 2,
            decoder_hidden: vec![6, 4],
            outputs: 3,
        }
    }

    #[test]
    fn the_published_net_has_the_published_sizes() -> Result<()> {
        let config = Config {
            inputs: 200,
            encoder_hidden: vec![100],
            octaves: 0,
            decoder_hidden: vec![100],
            outputs: 200,
            ..config()
        };
        let net = Net::new(config, Start::Uniform(0.1), 1)?;
        let count = |vars: &BTreeMap<String, Var>, prefix: &str| -> usize {
            vars.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, var)| var.elem_count()).sum()
        };
        assert_eq!((count(&net.vars, "decoder"), count(&net.vars, "encoder")), (20_600, 20_403));
        let discriminator = Discriminator::new(1, 100, Start::Uniform(0.1), 1)?;
        assert_eq!(count(&discriminator.vars, ""), 301);
        Ok(())
    }

    #[test]
    fn a_sure_discriminator_still_has_a_gradient() -> Result<()> {
        let discriminator = Discriminator::new(1, 4, Start::Uniform(0.1), 1)?;
        let z = Var::from_tensor(&Tensor::new(&[[1e6f32], [-1e6], [0.3]], &Device::Cpu)?)?;
        let judged = discriminator.judge(z.as_tensor())?;
        let values: Vec<f32> = judged.flatten_all()?.to_vec1()?;
        assert!(values.iter().all(|p| (0.0..=1.0).contains(p)), "{values:?}");
        let grads = judged.sum_all()?.backward()?;
        let grad: Vec<f32> = grads.get(z.as_tensor()).unwrap().flatten_all()?.to_vec1()?;
        assert!(grad.iter().all(|g| g.is_finite()), "{grad:?}");
        Ok(())
    }

    #[test]
    fn features_are_those_of_the_file_format() -> Result<()> {
        let net = Net::new(config(), Start::He, 1)?;
        let controls = Tensor::new(&[[0.7f32, 0.25, -0.5]], &Device::Cpu)?;
        let found: Vec<f32> = net.features(&controls)?.flatten_all()?.to_vec1()?;
        let wave = |x: f64| {
            [(PI * x).sin() as f32, (PI * x).cos() as f32, (2.0 * PI * x).sin() as f32, (2.0 * PI * x).cos() as f32]
        };
        let expected = [&[0.7, 0.25, -0.5][..], &wave(0.25), &wave(-0.5)].concat();
        assert_eq!(found.len(), net.config.features());
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} for {expected:?}");
        Ok(())
    }

    #[test]
    fn hidden_layers_cut_off_what_is_negative_and_the_last_does_not() -> Result<()> {
        let tiny = Config {
            inputs: 1,
            encoder_hidden: vec![2],
            latents: 0,
            conditions: 1,
            octaves: 0,
            decoder_hidden: vec![1],
            outputs: 1,
        };
        let net = Net::new(tiny, Start::He, 1)?;
        let set = |name: &str, values: Vec<f32>, shape: (usize, usize)| {
            net.vars[name].set(&Tensor::from_vec(values, shape, &Device::Cpu)?)
        };
        set("encoder.0.weight", vec![1.0, -1.0], (2, 1))?;
        set("encoder.1.weight", vec![-2.0, -3.0], (1, 2))?;
        let x = Tensor::new(&[[2.0f32], [-2.0]], &Device::Cpu)?;
        let y: Vec<f32> = net.encode(&x)?.flatten_all()?.to_vec1()?;
        assert_eq!(y, [-4.0, -6.0]);
        Ok(())
    }

    #[test]
    fn a_seed_decides_the_weights() -> Result<()> {
        let weights = |seed| -> Result<Vec<f32>> {
            Net::new(config(), Start::He, seed)?.vars["decoder.0.weight"].as_tensor().flatten_all()?.to_vec1()
        };
        assert_eq!(weights(3)?, weights(3)?);
        assert_ne!(weights(3)?, weights(4)?);
        Ok(())
    }
}
