//! The phaser's audio path as one operation for the CPU: forward and backward written by hand.
//!
//! candle's convolutions take about 12 times PyTorch's time on a CPU and keep a tensor for every step of the FiLM chain.
//! Here a window is walked through all blocks in `[time][channels]`, sixteen channels to a vector, windows side by side on
//! the cores. Gradients are those of `phaser::Net::effect`, which the tests compare them with.
mod layers;
mod weights;

use crate::cpu::values;
use crate::phaser::{EffectConfig, Net};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use layers::{ConvShape, LANES, Lanes};
use rayon::prelude::*;
use std::sync::Mutex;
use weights::{Block, Weights};

/// One FXBlock's signals over one window, kept for the way back.
struct BlockTrace {
    /// Input, `[time][panels]`; empty in the first block, whose input is the window.
    input: Vec<Lanes>,
    /// Outputs of the convolutions, the last of them is what the FiLM scales.
    stages: Vec<Vec<Lanes>>,
    /// Sample of the window that the block's first output belongs to.
    start: usize,
}

/// All signals of one window.
struct Trace {
    blocks: Vec<BlockTrace>,
    /// What the follower hears at every sample; empty without one.
    levels: Vec<f32>,
    /// Output of the last block, `[time][panels]`.
    last: Vec<Lanes>,
}

/// The operation `(x [batch, time], modulation [batch, frames, outputs], weights [count]) -> [batch, time - field]`.
struct AudioPath {
    config: EffectConfig,
    /// Samples between two frames of modulation.
    frame: usize,
    /// Signals of the forward pass, one entry a window.
    traces: Mutex<Vec<Trace>>,
}

impl Net {
    /// The same as [`Net::effect`], by one operation; only on the CPU.
    pub fn effect_fused(&self, x: &Tensor, modulation: &Tensor) -> Result<Tensor> {
        let config = &self.config.effect;
        let mut parts = Vec::new();
        for (name, _) in config.tensors() {
            let Some(var) = self.vars.get(&name) else {
                candle_core::bail!("tensor `{name}` does not belong to this configuration");
            };
            parts.push(var.as_tensor().flatten_all()?);
        }
        let op = AudioPath { config: config.clone(), frame: self.config.frame, traces: Mutex::default() };
        x.contiguous()?.apply_op3(&modulation.contiguous()?, &Tensor::cat(&parts, 0)?, op)
    }
}

impl CustomOp3 for AudioPath {
    fn name(&self) -> &'static str {
        "phaser audio path"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        modulation: &CpuStorage,
        modulation_layout: &Layout,
        weights: &CpuStorage,
        weights_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, time) = x_layout.shape().dims2()?;
        let (_, frames, outputs) = modulation_layout.shape().dims3()?;
        if time <= self.config.receptive_field() || frames < time.div_ceil(self.frame) + 1 {
            candle_core::bail!(
                "{time} samples and {frames} frames: expected more than {} samples and a frame every {} and one after",
                self.config.receptive_field(),
                self.frame
            );
        }
        let x = values(x, x_layout)?;
        let modulation = values(modulation, modulation_layout)?;
        let weights = Weights::unpack(&self.config, values(weights, weights_layout)?);
        let (outs, traces): (Vec<_>, Vec<_>) = x
            .par_chunks_exact(time)
            .zip(modulation.par_chunks_exact(frames * outputs))
            .map(|(x, mu)| self.forward(&weights, x, &weights.pad_modulation(mu)))
            .unzip();
        let out_time = time - self.config.receptive_field();
        *self.traces.lock().expect("no panic holds the traces") = traces;
        Ok((CpuStorage::F32(outs.concat()), (batch, out_time).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        modulation: &Tensor,
        weights: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (_, time) = x.dims2()?;
        let (batch, frames, outputs) = modulation.dims3()?;
        let device = x.device();
        let plain = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        let (x, mu, packed, grad) = (plain(x)?, plain(modulation)?, plain(weights)?, plain(grad)?);
        let weights = Weights::unpack(&self.config, &packed);
        let mut traces = self.traces.lock().expect("no panic holds the traces");
        let traces = std::mem::take(&mut *traces);
        let out_time = time - self.config.receptive_field();
        let grads: Vec<(Weights, Vec<Lanes>)> = traces
            .into_par_iter()
            .enumerate()
            .map(|(b, trace)| {
                let x = &x[b * time..][..time];
                let mu = weights.pad_modulation(&mu[b * frames * outputs..][..frames * outputs]);
                self.backward(&weights, x, &mu, trace, &grad[b * out_time..][..out_time])
            })
            .collect();
        let mut sum = vec![0.0; packed.len()];
        let mut grad_mu = Vec::with_capacity(mu.len());
        // In the order of the batch, whichever window was done first: the same seed gives the same model.
        for (grad, grad_frames) in &grads {
            for (sum, g) in sum.iter_mut().zip(grad.pack(&self.config)) {
                *sum += g;
            }
            weights.unpad_modulation(grad_frames, &mut grad_mu);
        }
        Ok((
            None,
            Some(Tensor::from_vec(grad_mu, (batch, frames, outputs), device)?),
            Some(Tensor::from_vec(sum, packed.len(), device)?),
        ))
    }
}

impl AudioPath {
    /// Shape of a block's `i`-th convolution.
    fn shape(&self, block: usize, i: usize) -> ConvShape {
        let panels = self.config.channels.div_ceil(LANES);
        let inputs = if block == 0 { 1 } else { panels * LANES };
        ConvShape { inputs, panels, taps: self.config.kernel, dilation: self.config.dilations[i] }
    }

    fn residual_shape(&self, block: usize) -> ConvShape {
        ConvShape { taps: 1, dilation: 1, ..self.shape(block, 0) }
    }

    /// One window through all blocks.
    fn forward(&self, weights: &Weights, x: &[f32], mu: &[Lanes]) -> (Vec<f32>, Trace) {
        let panels = weights.panels;
        let mut blocks: Vec<BlockTrace> = Vec::new();
        let levels = self.config.follower.map_or_else(Vec::new, |follower| follower.levels(x));
        let mut input: Vec<Lanes> = Vec::new();
        let mut start = 0;
        for (j, block) in weights.blocks.iter().enumerate() {
            let signal = if j == 0 { x } else { input.as_flattened() };
            let mut stages = vec![layers::conv(signal, &block.conv, &block.conv_bias, self.shape(j, 0))];
            for (i, (w, bias)) in block.depthwise.iter().enumerate() {
                let y = layers::depthwise(&stages[i], w, bias, self.shape(j, i + 1));
                stages.push(y);
            }
            start += self.config.block_history();
            let q = stages.last().expect("a block has at least one convolution");
            let aligned = &signal[self.config.block_history() * self.shape(j, 0).inputs..];
            let mut y = layers::conv(aligned, &block.residual, &block.residual_bias, self.residual_shape(j));
            layers::film(&mut y, q, &bend(block), &self.film(weights, j, start, &levels), mu);
            blocks.push(BlockTrace { input: std::mem::replace(&mut input, y), stages, start });
        }
        let out = layers::mix_down(&input, &weights.output, weights.output_bias);
        debug_assert_eq!(out.len() * panels, input.len());
        (out, Trace { blocks, levels, last: input })
    }

    /// Gradients of one window: of the weights and of its modulation, `[frames][parts][panels]`.
    fn backward(
        &self,
        weights: &Weights,
        x: &[f32],
        mu: &[Lanes],
        trace: Trace,
        grad: &[f32],
    ) -> (Weights, Vec<Lanes>) {
        let mut grads = weights.zeros();
        let mut grad_mu = vec![[0.0; LANES]; mu.len()];
        grads.output_bias = grad.iter().sum();
        let mut g = layers::mix_down_back(grad, &trace.last, &weights.output, &mut grads.output);
        let levels = &trace.levels;
        for (j, (block, trace)) in weights.blocks.iter().zip(&trace.blocks).enumerate().rev() {
            let grads: &mut Block = &mut grads.blocks[j];
            let signal = if j == 0 { x } else { trace.input.as_flattened() };
            let shape = self.shape(j, 0);
            let skip = self.config.block_history() * shape.inputs;
            let mut grad_input = vec![0.0; if j == 0 { 0 } else { signal.len() }];
            let grad_residual = if j == 0 { &mut [][..] } else { &mut grad_input[skip..] };
            layers::conv_back(
                &g,
                &signal[skip..],
                &block.residual,
                (&mut grads.residual, &mut grads.residual_bias),
                grad_residual,
                self.residual_shape(j),
            );
            let q = trace.stages.last().expect("a block has at least one convolution");
            let film = self.film(weights, j, trace.start, levels);
            let by_bend = (&mut grads.slope[..], &mut grads.limit[..]);
            layers::film_back(&mut g, q, &bend(block), by_bend, &film, mu, &mut grad_mu);
            for (i, (w, _)) in block.depthwise.iter().enumerate().rev() {
                let (grad_w, grad_bias) = &mut grads.depthwise[i];
                g = layers::depthwise_back(&g, &trace.stages[i], w, (grad_w, grad_bias), self.shape(j, i + 1));
            }
            let grad_w = (&mut grads.conv, &mut grads.conv_bias);
            layers::conv_back(&g, signal, &block.conv, grad_w, &mut grad_input, shape);
            g = grad_input.as_chunks::<LANES>().0.to_vec();
        }
        (grads, grad_mu)
    }

    fn film<'a>(&self, weights: &Weights, block: usize, start: usize, levels: &'a [f32]) -> layers::Film<'a> {
        let parts = self.config.modulation_parts();
        layers::Film {
            frame: self.frame,
            start,
            stride: weights.blocks.len() * parts * weights.panels,
            gain: block * parts * weights.panels,
            shift: self.config.shift.then_some((block * parts + 1) * weights.panels),
            swing: self.config.follower.map(|_| (block * parts + parts - 1) * weights.panels),
            levels,
        }
    }
}

fn bend(block: &Block) -> layers::Bend<'_> {
    layers::Bend { slope: &block.slope, limit: &block.limit }
}

#[cfg(test)]
mod tests {
    use crate::phaser::{Config, Follower, Net};
    use candle_core::{Device, Result, Tensor};

    fn noise(seed: u64, shape: &[usize]) -> Tensor {
        use rand::{RngExt, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn net(bias: bool, shift: bool, [limit, follow]: [bool; 2], channels: usize) -> Net {
        let mut config = Config::default();
        config.effect.bias = bias;
        config.effect.shift = shift;
        config.effect.limit = limit;
        config.effect.follower = follow.then_some(Follower { samples: 3.0, knee: 0.2, loudest: 0.6 });
        config.effect.channels = channels;
        config.effect.dilations = vec![1, 2, 3, 5];
        let net = Net::new(config, 0, 7, &Device::Cpu).unwrap();
        // Slopes at 1 would hide the PReLU, limits far off the saturation.
        for (name, var) in &net.vars {
            if name.contains("prelu") || name.contains("limit") {
                var.set(&noise(3, &[channels])).unwrap();
            }
        }
        net
    }

    /// Gradients by the name of what they belong to.
    type Gradients = Vec<(String, Vec<f32>)>;

    /// Output, and gradients of all weights and of the modulation, for a loss that weighs every sample differently.
    fn run(net: &Net, fused: bool) -> Result<(Vec<f32>, Gradients)> {
        let field = net.config.effect.receptive_field();
        let x = noise(1, &[3, field + 150]);
        let frames = (field + 150usize).div_ceil(64) + 1;
        let mu = candle_core::Var::from_tensor(&noise(2, &[3, frames, net.config.effect.modulation_outputs()]))?;
        let y = if fused { net.effect_fused(&x, mu.as_tensor())? } else { net.effect(&x, mu.as_tensor())? };
        let grads = (&y * &noise(4, &[3, 150]))?.sum_all()?.backward()?;
        let mut found = vec![("modulation".to_string(), grads.get(&mu).unwrap().flatten_all()?.to_vec1()?)];
        for (name, _) in net.config.effect.tensors() {
            let grad = grads.get(net.vars[&name].as_tensor()).unwrap();
            found.push((name.clone(), grad.flatten_all()?.to_vec1()?));
        }
        Ok((y.flatten_all()?.to_vec1()?, found))
    }

    #[track_caller]
    fn assert_close(found: &[f32], expected: &[f32], what: &str) {
        let scale = expected.iter().fold(1e-3f32, |m, e| m.max(e.abs()));
        assert_eq!(found.len(), expected.len(), "{what}");
        for (i, (f, e)) in found.iter().zip(expected).enumerate() {
            assert!((f - e).abs() <= 2e-5 * scale, "{what} at {i}: found {f}, expected {e}");
        }
    }

    #[test]
    fn the_fused_path_gives_the_graphs_output_and_gradients() -> Result<()> {
        let (linear, level) = ([false, false], [true, true]);
        for (bias, shift, level, channels) in [
            (false, false, linear, 16),
            (true, true, level, 16),
            (true, false, [true, false], 5),
            (false, true, linear, 24),
            (false, false, [false, true], 16),
        ] {
            let net = net(bias, shift, level, channels);
            let (y, grads) = run(&net, false)?;
            let (fused_y, fused_grads) = run(&net, true)?;
            assert_close(&fused_y, &y, "output");
            for ((name, expected), (_, found)) in grads.iter().zip(&fused_grads) {
                assert_close(found, expected, &format!("gradient of {name} (bias {bias}, shift {shift}, {channels})"));
            }
        }
        Ok(())
    }

    #[test]
    fn gradients_are_finite_differences() -> Result<()> {
        let net = net(true, true, [true, true], 4);
        let (_, grads) = run(&net, true)?;
        let loss = |net: &Net| -> Result<f64> {
            let (y, _) = run(net, true)?;
            let weight: Vec<f32> = noise(4, &[3 * 150]).to_vec1()?;
            Ok(y.iter().zip(&weight).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum())
        };
        for (name, grad) in grads.iter().skip(1) {
            let var = &net.vars[name];
            let (before, step) = (var.as_tensor().copy()?, 1e-3f32);
            let shifted = |sign: f32| -> Result<Tensor> {
                let mut values: Vec<f32> = before.flatten_all()?.to_vec1()?;
                values[0] += sign * step;
                Tensor::from_vec(values, before.shape(), &Device::Cpu)
            };
            var.set(&shifted(1.0)?)?;
            let up = loss(&net)?;
            var.set(&shifted(-1.0)?)?;
            let down = loss(&net)?;
            var.set(&before)?;
            let slope = (up - down) / f64::from(2.0 * step);
            let scale = f64::from(grad.iter().fold(1.0f32, |m, g| m.max(g.abs())));
            assert!((slope - f64::from(grad[0])).abs() < 2e-2 * scale, "{name}: {slope} against {}", grad[0]);
        }
        Ok(())
    }
}
