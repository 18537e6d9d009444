//! What runs between two LSTMs of the paper's modulation path, at audio rate, as one operation for the CPU.
//!
//! ```text
//! s = nu_a v' + nu_b        gain and shift ramped from frame to frame, v' of the block before
//! v = PReLU(Conv(s))        causal; before its first sample s has stood still for ever
//! p = mean of v             over each frame
//! ```
//! Out of candle's operations a window of 32,768 samples takes two seconds and a hundred large tensors.
use crate::cpu::{add_scaled, values};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use multiversion::multiversion;
use rayon::prelude::*;
use std::sync::Mutex;

/// Channels are padded to whole groups of so many, for the vector instructions.
const GROUP: usize = 8;

/// Sizes of the operation.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Channels of both signals.
    channels: usize,
    /// The same in whole groups.
    padded: usize,
    /// Taps of the convolution and samples between them.
    taps: usize,
    dilation: usize,
    /// Samples of a frame.
    frame: usize,
}

/// Weights laid out for the inner loops, which run along outputs (forward) and inputs (backward).
struct Weights {
    /// `[tap][input][padded output]`.
    forth: Vec<f32>,
    /// `[tap][output][padded input]`.
    back: Vec<f32>,
    /// `[padded]`.
    bias: Vec<f32>,
    /// `[padded]`.
    slope: Vec<f32>,
}

/// One window's signals, kept for the way back; both `[time][padded]`.
struct Trace {
    /// What the convolution reads.
    s: Vec<f32>,
    /// What the PReLU reads.
    bent: Vec<f32>,
}

/// The operation `(nu [batch, frames + 1, 2 channels], v' [batch, time or 1, channels], weights) -> [batch, time + frames, channels]`.
struct ModSignal {
    sizes: Sizes,
    traces: Mutex<Vec<Trace>>,
}

/// Convolution weight `[channels, channels, taps]`, its bias and the slopes of a ModBlock.
pub struct Block<'a> {
    /// PyTorch's layout, newest tap last.
    pub weight: &'a Tensor,
    /// `[channels]`.
    pub bias: &'a Tensor,
    /// `[channels]`.
    pub slope: &'a Tensor,
    /// Samples between two taps.
    pub dilation: usize,
}

/// Signal of a block `[batch, time, channels]` and its means over the frames `[batch, frames, channels]`, from gain and shift
/// `nu` `[batch, frames + 1, 2 channels]` and the signal of the block before, `[batch, time, channels]`, or `[batch, 1,
/// channels]` if that stands still.
pub fn mod_signal(nu: &Tensor, before: &Tensor, block: &Block<'_>, frame: usize) -> Result<(Tensor, Tensor)> {
    let (channels, inputs, taps) = block.weight.dims3()?;
    let (batch, frames, pairs) = nu.dims3()?;
    let time = (frames - 1) * frame;
    if inputs != channels
        || pairs != 2 * channels
        || !(before.dims() == [batch, time, channels] || before.dims() == [batch, 1, channels])
    {
        candle_core::bail!("{channels} channels, {time} samples: found nu {:?}, signal {:?}", nu.dims(), before.dims());
    }
    let padded = channels.next_multiple_of(GROUP);
    let op = ModSignal {
        sizes: Sizes { channels, padded, taps, dilation: block.dilation, frame },
        traces: Mutex::default(),
    };
    let weights = Tensor::cat(&[&block.weight.flatten_all()?, block.bias, block.slope], 0)?;
    let both = nu.contiguous()?.apply_op3(&before.contiguous()?, &weights, op)?;
    Ok((both.narrow(1, 0, time)?, both.narrow(1, time, frames - 1)?))
}

impl Sizes {
    /// Unpacks `[output][input][tap]`, bias and slopes.
    fn weights(&self, packed: &[f32]) -> Weights {
        let (c, p, taps) = (self.channels, self.padded, self.taps);
        let mut w = Weights {
            forth: vec![0.0; taps * c * p],
            back: vec![0.0; taps * c * p],
            bias: vec![0.0; p],
            slope: vec![0.0; p],
        };
        for o in 0..c {
            for i in 0..c {
                for tap in 0..taps {
                    let x = packed[(o * c + i) * taps + tap];
                    w.forth[(tap * c + i) * p + o] = x;
                    w.back[(tap * c + o) * p + i] = x;
                }
            }
        }
        w.bias[..c].copy_from_slice(&packed[c * c * taps..][..c]);
        w.slope[..c].copy_from_slice(&packed[c * c * taps + c..][..c]);
        w
    }

    /// Sample that tap `tap` reads at `t`; before the start the first one stands.
    fn read(&self, t: usize, tap: usize) -> usize {
        t.saturating_sub((self.taps - 1 - tap) * self.dilation)
    }
}

/// Writes the signal and then its means, `[time + frames][channels]`.
#[multiversion(targets("x86_64+avx2+fma", "aarch64+neon"))]
fn forward(sizes: Sizes, w: &Weights, nu: &[f32], before: &[f32], out: &mut [f32]) -> Trace {
    let Sizes { channels: c, padded: p, frame, taps, .. } = sizes;
    let frames = nu.len() / (2 * c) - 1;
    let time = frames * frame;
    let stands = before.len() == c;
    let mut trace = Trace { s: vec![0.0; time * p], bent: vec![0.0; time * p] };
    for t in 0..time {
        let (from, to) = (&nu[t / frame * 2 * c..][..2 * c], &nu[(t / frame + 1) * 2 * c..][..2 * c]);
        let share = (t % frame) as f32 / frame as f32;
        let v = &before[if stands { 0 } else { t * c }..][..c];
        let s = &mut trace.s[t * p..][..c];
        for k in 0..c {
            let ramp = |n: usize| from[n] + share * (to[n] - from[n]);
            s[k] = ramp(k) * v[k] + ramp(c + k);
        }
    }
    let (signal, means) = out.split_at_mut(time * c);
    for t in 0..time {
        let sums = &mut trace.bent[t * p..][..p];
        sums.copy_from_slice(&w.bias);
        for tap in 0..taps {
            let s = &trace.s[sizes.read(t, tap) * p..][..c];
            for (i, s) in s.iter().enumerate() {
                add_scaled(sums, *s, &w.forth[(tap * c + i) * p..][..p]);
            }
        }
        let y = &mut signal[t * c..][..c];
        for k in 0..c {
            y[k] = if sums[k] > 0.0 { sums[k] } else { w.slope[k] * sums[k] };
        }
        add_scaled(&mut means[t / frame * c..][..c], 1.0 / frame as f32, y);
    }
    trace
}

/// Gradients of one window: by nu, by the signal before, and by the packed weights.
struct Gradient {
    nu: Vec<f32>,
    before: Vec<f32>,
    weights: Vec<f32>,
}

#[multiversion(targets("x86_64+avx2+fma", "aarch64+neon"))]
fn backward(sizes: Sizes, w: &Weights, trace: &Trace, nu: &[f32], before: &[f32], grad: &[f32]) -> Gradient {
    let Sizes { channels: c, padded: p, frame, taps, .. } = sizes;
    let time = trace.s.len() / p;
    let stands = before.len() == c;
    let (by_signal, by_means) = grad.split_at(time * c);
    let mut by_s = vec![0.0f32; time * p];
    let mut by_forth = vec![0.0f32; w.forth.len()];
    let (mut by_bias, mut by_slope) = (vec![0.0f32; p], vec![0.0f32; p]);
    let mut sums = vec![0.0f32; p];
    for t in 0..time {
        let bent = &trace.bent[t * p..][..p];
        for k in 0..c {
            let g = by_signal[t * c + k] + by_means[t / frame * c + k] / frame as f32;
            sums[k] = if bent[k] > 0.0 { g } else { g * w.slope[k] };
            by_slope[k] += if bent[k] > 0.0 { 0.0 } else { g * bent[k] };
        }
        add_scaled(&mut by_bias, 1.0, &sums);
        for tap in 0..taps {
            let at = sizes.read(t, tap) * p;
            let (s, by_s) = (&trace.s[at..][..c], &mut by_s[at..][..p]);
            for (i, s) in s.iter().enumerate() {
                add_scaled(&mut by_forth[(tap * c + i) * p..][..p], *s, &sums);
            }
            for (o, sum) in sums[..c].iter().enumerate() {
                add_scaled(by_s, *sum, &w.back[(tap * c + o) * p..][..p]);
            }
        }
    }
    let (mut by_nu, mut by_before) = (vec![0.0f32; nu.len()], vec![0.0f32; before.len()]);
    for t in 0..time {
        let m = t / frame;
        let share = (t % frame) as f32 / frame as f32;
        let place = if stands { 0 } else { t * c };
        for k in 0..c {
            let g = by_s[t * p + k];
            let gain = nu[m * 2 * c + k] + share * (nu[(m + 1) * 2 * c + k] - nu[m * 2 * c + k]);
            for (n, g) in [(k, g * before[place + k]), (c + k, g)] {
                by_nu[m * 2 * c + n] += (1.0 - share) * g;
                by_nu[(m + 1) * 2 * c + n] += share * g;
            }
            by_before[place + k] += g * gain;
        }
    }
    let mut weights = Vec::with_capacity(c * c * taps + 2 * c);
    for o in 0..c {
        for i in 0..c {
            weights.extend((0..taps).map(|tap| by_forth[(tap * c + i) * p + o]));
        }
    }
    weights.extend_from_slice(&by_bias[..c]);
    weights.extend_from_slice(&by_slope[..c]);
    Gradient { nu: by_nu, before: by_before, weights }
}

impl CustomOp3 for ModSignal {
    fn name(&self) -> &'static str {
        "modulation signal"
    }

    fn cpu_fwd(
        &self,
        nu: &CpuStorage,
        nu_layout: &Layout,
        before: &CpuStorage,
        before_layout: &Layout,
        weights: &CpuStorage,
        weights_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, frames, pairs) = nu_layout.shape().dims3()?;
        let c = self.sizes.channels;
        let rows = (frames - 1) * (self.sizes.frame + 1);
        let w = self.sizes.weights(values(weights, weights_layout)?);
        let before = values(before, before_layout)?;
        let mut out = vec![0.0; batch * rows * c];
        let traces = values(nu, nu_layout)?
            .par_chunks_exact(frames * pairs)
            .zip(before.par_chunks_exact(before.len() / batch))
            .zip(out.par_chunks_exact_mut(rows * c))
            .map(|((nu, before), out)| forward(self.sizes, &w, nu, before, out))
            .collect();
        *self.traces.lock().expect("no panic holds the traces") = traces;
        Ok((CpuStorage::F32(out), (batch, rows, c).into()))
    }

    fn bwd(
        &self,
        nu: &Tensor,
        before: &Tensor,
        weights: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let traces = std::mem::take(&mut *self.traces.lock().expect("no panic holds the traces"));
        let plain = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        let (nus, befores, packed, grads) = (plain(nu)?, plain(before)?, plain(weights)?, plain(grad)?);
        let batch = traces.len();
        let w = self.sizes.weights(&packed);
        let parts: Vec<Gradient> = traces
            .par_iter()
            .zip(nus.par_chunks_exact(nus.len() / batch))
            .zip(befores.par_chunks_exact(befores.len() / batch))
            .zip(grads.par_chunks_exact(grads.len() / batch))
            .map(|(((trace, nu), before), grad)| backward(self.sizes, &w, trace, nu, before, grad))
            .collect();
        let mut by_weights = vec![0.0; packed.len()];
        parts.iter().for_each(|part| add_scaled(&mut by_weights, 1.0, &part.weights));
        let join = |part: fn(&Gradient) -> &Vec<f32>| parts.iter().flat_map(|p| part(p).iter().copied()).collect();
        let tensor = |values: Vec<f32>, like: &Tensor| Tensor::from_vec(values, like.shape(), nu.device());
        Ok((
            Some(tensor(join(|p| &p.nu), nu)?),
            Some(tensor(join(|p| &p.before), before)?),
            Some(tensor(by_weights, weights)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phaser::bend;
    use candle_core::{Device, Var};
    use rand::{RngExt, SeedableRng};

    fn noise(seed: u64, shape: &[usize]) -> Tensor {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random::<f32>() - 0.5).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// The same out of candle's operations.
    fn oracle(nu: &Tensor, before: &Tensor, block: &Block<'_>, frame: usize) -> Result<(Tensor, Tensor)> {
        let (batch, frames, pairs) = nu.dims3()?;
        let (c, spans) = (pairs / 2, frames - 1);
        let share = Tensor::new((0..frame).map(|t| t as f32 / frame as f32).collect::<Vec<_>>(), &Device::Cpu)?;
        let from = nu.narrow(1, 0, spans)?.unsqueeze(2)?;
        let step = (nu.narrow(1, 1, spans)?.unsqueeze(2)? - &from)?;
        let ramped = from.broadcast_add(&step.broadcast_mul(&share.reshape((1, 1, frame, 1))?)?)?.reshape((
            batch,
            spans * frame,
            pairs,
        ))?;
        let s = (ramped.narrow(2, 0, c)?.broadcast_mul(before)? + ramped.narrow(2, c, c)?)?;
        let taps = block.weight.dim(2)?;
        let past = (taps - 1) * block.dilation;
        let first = s.narrow(1, 0, 1)?.expand((batch, past, c))?;
        let s = Tensor::cat(&[&first, &s], 1)?;
        let mut sums: Option<Tensor> = None;
        for tap in 0..taps {
            let rows = s.narrow(1, tap * block.dilation, spans * frame)?.reshape((batch * spans * frame, c))?;
            let part = rows.matmul(&block.weight.narrow(2, tap, 1)?.squeeze(2)?.t()?)?;
            sums = Some(match sums {
                Some(sums) => (sums + part)?,
                None => part,
            });
        }
        let v = bend(&sums.unwrap().broadcast_add(block.bias)?, block.slope)?;
        let v = v.reshape((batch, spans * frame, c))?;
        let means = v.reshape((batch, spans, frame, c))?.mean(2)?;
        Ok((v, means))
    }

    #[test]
    fn the_fused_signal_gives_the_graphs_output_and_gradients_moving_or_standing() -> Result<()> {
        let (batch, spans, frame, c) = (2, 3, 4, 5);
        for (taps, dilation, time) in [(3, 1, spans * frame), (1, 1, spans * frame), (3, 2, 1)] {
            let vars = [
                noise(1, &[batch, spans + 1, 2 * c]),
                noise(2, &[batch, time, c]),
                noise(3, &[c, c, taps]),
                noise(4, &[c]),
                noise(5, &[c]),
            ]
            .map(|tensor| Var::from_tensor(&tensor).unwrap());
            let run = |fused: bool| -> Result<Vec<Vec<f32>>> {
                let block = Block {
                    weight: vars[2].as_tensor(),
                    bias: vars[3].as_tensor(),
                    slope: vars[4].as_tensor(),
                    dilation,
                };
                let layer = if fused { mod_signal } else { oracle };
                let (v, means) = layer(vars[0].as_tensor(), vars[1].as_tensor(), &block, frame)?;
                let loss = ((&v * noise(6, v.dims()))?.sum_all()? + (&means * noise(7, means.dims()))?.sum_all()?)?;
                let grads = loss.backward()?;
                let mut found = vec![v.flatten_all()?.to_vec1()?, means.flatten_all()?.to_vec1()?];
                for var in &vars {
                    found.push(grads.get(var.as_tensor()).unwrap().flatten_all()?.to_vec1()?);
                }
                Ok(found)
            };
            for (what, (found, expected)) in run(true)?.iter().zip(&run(false)?).enumerate() {
                assert_eq!(found.len(), expected.len());
                for (f, e) in found.iter().zip(expected) {
                    assert!((f - e).abs() < 1e-5, "{taps} taps, result {what}: {f} against {e}");
                }
            }
        }
        Ok(())
    }
}
