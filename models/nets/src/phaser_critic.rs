//! What judges a phaser and what guesses its state: discriminator and state prediction network of SPTVMod
//! (arXiv 2512.15313, figure 2), on one stack of features.
//!
//! ```text
//! z_f = pool(PReLU(Conv(z_{f-1})))                      z_0 = dry and wet, two channels
//! m_f = mean over time of z_f
//! v   = m_F + sum over f < F of Linear_f(m_f)
//! discriminator = Linear(PReLU(Linear(PReLU(v))))       one number
//! predictor     = Linear(PReLU(Linear(v)))              the start state, with Linear_f of its own
//! ```
use crate::phaser::{bend, prelu};
use candle_core::{DType, Device, Result, Tensor, Var};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Sizes of the features.
#[derive(Clone, Debug, PartialEq)]
pub struct CriticConfig {
    /// Channels of each FeatBlock.
    pub channels: Vec<usize>,
    /// Taps of each convolution.
    pub kernel: usize,
    /// Samples from one output of a convolution to the next.
    pub stride: usize,
    /// Outputs that are averaged into one.
    pub pool: usize,
}

impl Default for CriticConfig {
    /// Six blocks as published; their sizes are not public. A window of 32,768 samples ends as five frames.
    fn default() -> Self {
        Self { channels: vec![16, 32, 48, 64, 64, 64], kernel: 9, stride: 2, pool: 2 }
    }
}

/// Trainable weights under their names.
pub type Vars = BTreeMap<String, Var>;

/// PyTorch's default start: uniform, bounded by one over the root of the inputs.
fn uniform(rng: &mut ChaCha8Rng, shape: &[usize], fan_in: usize, device: &Device) -> Result<Var> {
    let bound = 1.0 / (fan_in as f32).sqrt();
    let values = (0..shape.iter().product()).map(|_| bound * (2.0 * rng.random::<f32>() - 1.0)).collect::<Vec<_>>();
    Var::from_tensor(&Tensor::from_vec(values, shape, device)?)
}

fn add_linear(vars: &mut Vars, rng: &mut ChaCha8Rng, name: &str, [outputs, inputs]: [usize; 2]) -> Result<()> {
    vars.insert(format!("{name}.weight"), uniform(rng, &[outputs, inputs], inputs, &Device::Cpu)?);
    vars.insert(format!("{name}.bias"), uniform(rng, &[outputs], inputs, &Device::Cpu)?);
    Ok(())
}

fn add_slopes(vars: &mut Vars, name: &str, channels: usize) -> Result<()> {
    vars.insert(
        format!("{name}.weight"),
        Var::from_tensor(&(Tensor::ones(channels, DType::F32, &Device::Cpu)? * 0.25)?)?,
    );
    Ok(())
}

fn var<'a>(vars: &'a Vars, name: &str) -> Result<&'a Tensor> {
    vars.get(name).map(|v| v.as_tensor()).ok_or_else(|| candle_core::Error::Msg(format!("no weight `{name}`")))
}

fn linear(vars: &Vars, name: &str, x: &Tensor) -> Result<Tensor> {
    x.matmul(&var(vars, &format!("{name}.weight"))?.t()?)?.broadcast_add(var(vars, &format!("{name}.bias"))?)
}

/// `v` of the module's figure: the means, each through its own layer but the last.
fn gather(vars: &Vars, means: &[Tensor]) -> Result<Tensor> {
    let Some((last, earlier)) = means.split_last() else { candle_core::bail!("a critic needs a FeatBlock") };
    earlier.iter().enumerate().try_fold(last.clone(), |v, (f, mean)| v + linear(vars, &format!("gather.{f}"), mean)?)
}

fn add_gather(vars: &mut Vars, rng: &mut ChaCha8Rng, channels: &[usize]) -> Result<usize> {
    let Some((last, earlier)) = channels.split_last() else { candle_core::bail!("a critic needs a FeatBlock") };
    for (f, width) in earlier.iter().enumerate() {
        add_linear(vars, rng, &format!("gather.{f}"), [*last, *width])?;
    }
    Ok(*last)
}

/// FeatBlocks and the discriminator's head.
pub struct Critic {
    /// The sizes.
    pub config: CriticConfig,
    /// The weights.
    pub vars: Vars,
}

impl Critic {
    /// Random weights.
    pub fn new(config: CriticConfig, seed: u64) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut vars = Vars::new();
        let mut inputs = 2;
        for (f, outputs) in config.channels.iter().enumerate() {
            let fan_in = inputs * config.kernel;
            let shape = [*outputs, inputs, config.kernel];
            vars.insert(format!("features.{f}.conv.weight"), uniform(&mut rng, &shape, fan_in, &Device::Cpu)?);
            vars.insert(format!("features.{f}.conv.bias"), uniform(&mut rng, &[*outputs], fan_in, &Device::Cpu)?);
            add_slopes(&mut vars, &format!("features.{f}.prelu"), *outputs)?;
            inputs = *outputs;
        }
        let width = add_gather(&mut vars, &mut rng, &config.channels)?;
        add_slopes(&mut vars, "judge.0", width)?;
        add_linear(&mut vars, &mut rng, "judge.1", [width, width])?;
        add_slopes(&mut vars, "judge.2", width)?;
        add_linear(&mut vars, &mut rng, "judge.3", [1, width])?;
        Ok(Self { config, vars })
    }

    /// Means over time of every FeatBlock, `[batch, channels]` each, of dry and wet `[batch, samples]`.
    pub fn means(&self, dry: &Tensor, wet: &Tensor) -> Result<Vec<Tensor>> {
        let mut z = Tensor::stack(&[dry, wet], 1)?;
        let mut means = Vec::new();
        for f in 0..self.config.channels.len() {
            let weight = var(&self.vars, &format!("features.{f}.conv.weight"))?;
            let bias = var(&self.vars, &format!("features.{f}.conv.bias"))?;
            z = strided_conv(&z, weight, bias, self.config.stride)?;
            z = prelu(&z, var(&self.vars, &format!("features.{f}.prelu.weight"))?)?;
            z = mean_pool(&z, self.config.pool)?;
            means.push(z.mean(2)?);
        }
        Ok(means)
    }

    /// One number for each pair: high for what the device did, low for what a net did.
    pub fn judge(&self, dry: &Tensor, wet: &Tensor) -> Result<Tensor> {
        let v = bend(&gather(&self.vars, &self.means(dry, wet)?)?, var(&self.vars, "judge.0.weight")?)?;
        let v = bend(&linear(&self.vars, "judge.1", &v)?, var(&self.vars, "judge.2.weight")?)?;
        linear(&self.vars, "judge.3", &v)?.squeeze(1)
    }
}

/// The predictor's own layers; its features are a critic's.
pub struct StatePredictor {
    /// The weights.
    pub vars: Vars,
}

impl StatePredictor {
    /// Random weights; `outputs` numbers of state.
    pub fn new(config: &CriticConfig, outputs: usize, seed: u64) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut vars = Vars::new();
        let width = add_gather(&mut vars, &mut rng, &config.channels)?;
        add_linear(&mut vars, &mut rng, "predict.0", [width, width])?;
        add_slopes(&mut vars, "predict.1", width)?;
        add_linear(&mut vars, &mut rng, "predict.2", [outputs, width])?;
        Ok(Self { vars })
    }

    /// The state at the start of the windows whose features have these means, `[batch, outputs]`.
    pub fn predict(&self, means: &[Tensor]) -> Result<Tensor> {
        let v = linear(&self.vars, "predict.0", &gather(&self.vars, means)?)?;
        let v = bend(&v, var(&self.vars, "predict.1.weight")?)?;
        linear(&self.vars, "predict.2", &v)
    }
}

/// A valid convolution with a stride, `[batch, inputs, time]` to `[batch, outputs, frames]`: the taps are laid side by side and
/// multiplied at once. Not candle's `conv1d`, see `phaser::Net::conv`.
fn strided_conv(x: &Tensor, weight: &Tensor, bias: &Tensor, stride: usize) -> Result<Tensor> {
    let (batch, inputs, time) = x.dims3()?;
    let (outputs, _, taps) = weight.dims3()?;
    if time < taps {
        candle_core::bail!("{time} samples are fewer than the {taps} taps of a FeatBlock");
    }
    let frames = (time - taps) / stride + 1;
    // One row of `stride` samples for each frame; tap t is column t mod stride, t / stride rows on.
    let rows = time.div_ceil(stride);
    let padded = x.pad_with_zeros(2, 0, rows * stride - time)?.reshape((batch, inputs, rows, stride))?;
    let taps: Vec<Tensor> = (0..taps)
        .map(|tap| padded.narrow(3, tap % stride, 1)?.squeeze(3)?.narrow(2, tap / stride, frames))
        .collect::<Result<_>>()?;
    let beside = Tensor::stack(&taps, 2)?.reshape((batch, inputs * taps.len(), frames))?;
    let weight =
        weight.reshape((1, outputs, inputs * taps.len()))?.broadcast_as((batch, outputs, inputs * taps.len()))?;
    weight.contiguous()?.matmul(&beside)?.broadcast_add(&bias.reshape((1, outputs, 1))?)
}

/// Means of `pool` neighbours; what is left over at the end is dropped.
fn mean_pool(x: &Tensor, pool: usize) -> Result<Tensor> {
    let (batch, channels, time) = x.dims3()?;
    let frames = time / pool;
    x.narrow(2, 0, frames * pool)?.reshape((batch, channels, frames, pool))?.mean(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, shape: &[usize]) -> Tensor {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random::<f32>() - 0.5).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn small() -> CriticConfig {
        CriticConfig { channels: vec![3, 4], kernel: 5, stride: 2, pool: 2 }
    }

    #[test]
    fn the_strided_convolution_is_the_sum_over_taps_and_inputs() -> Result<()> {
        let (x, w, b) = (noise(1, &[2, 3, 20]), noise(2, &[4, 3, 5]), noise(3, &[4]));
        let found: Vec<Vec<Vec<f32>>> = strided_conv(&x, &w, &b, 3)?.to_vec3()?;
        let (x, w, b) = (x.to_vec3::<f32>()?, w.to_vec3::<f32>()?, b.to_vec1::<f32>()?);
        assert_eq!(found[0][0].len(), 6);
        for n in 0..2 {
            for o in 0..4 {
                for t in 0..6 {
                    let sum: f32 =
                        (0..3).map(|i| (0..5).map(|k| x[n][i][3 * t + k] * w[o][i][k]).sum::<f32>()).sum::<f32>()
                            + b[o];
                    assert!((found[n][o][t] - sum).abs() < 1e-5);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn gradients_of_the_judgement_are_finite_differences_in_weights_and_in_the_wet_sound() -> Result<()> {
        let critic = Critic::new(small(), 1)?;
        let dry = noise(2, &[2, 60]);
        let wet = Var::from_tensor(&noise(3, &[2, 60]))?;
        let loss = || critic.judge(&dry, wet.as_tensor())?.sqr()?.sum_all();
        let grads = loss()?.backward()?;
        let all = critic.vars.iter().map(|(name, var)| (name.clone(), var.clone()));
        for (name, var) in all.chain([("wet".to_string(), wet.clone())]) {
            let grad: Vec<f32> = grads.get(var.as_tensor()).unwrap().flatten_all()?.to_vec1()?;
            let before: Vec<f32> = var.as_tensor().flatten_all()?.to_vec1()?;
            let place = before.len() / 2;
            let at = |step: f32| -> Result<f64> {
                let mut values = before.clone();
                values[place] += step;
                var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu)?)?;
                Ok(f64::from(loss()?.to_scalar::<f32>()?))
            };
            let slope = (at(1e-2)? - at(-1e-2)?) / 2e-2;
            at(0.0)?;
            let scale = f64::from(grad.iter().fold(1e-2f32, |m, g| m.max(g.abs())));
            assert!((slope - f64::from(grad[place])).abs() < 0.03 * scale, "{name}: {slope} against {}", grad[place]);
        }
        Ok(())
    }

    #[test]
    fn a_predictor_learns_its_own_layers_only() -> Result<()> {
        let critic = Critic::new(small(), 1)?;
        let predictor = StatePredictor::new(&small(), 6, 2)?;
        let means: Vec<Tensor> =
            critic.means(&noise(3, &[2, 60]), &noise(4, &[2, 60]))?.iter().map(Tensor::detach).collect();
        let state = predictor.predict(&means)?;
        assert_eq!(state.dims(), [2, 6]);
        let grads = state.sqr()?.sum_all()?.backward()?;
        assert!(predictor.vars.values().all(|var| grads.get(var.as_tensor()).is_some()));
        assert!(critic.vars.values().all(|var| grads.get(var.as_tensor()).is_none()));
        Ok(())
    }

    #[test]
    fn windows_of_the_default_size_pass_through_all_six_blocks() -> Result<()> {
        let critic = Critic::new(CriticConfig::default(), 1)?;
        let (dry, wet) = (noise(1, &[1, 32_768]), noise(2, &[1, 32_768]));
        assert_eq!(critic.judge(&dry, &wet)?.dims(), [1]);
        Ok(())
    }
}
