//! A GRU layer over a whole window as one operation for the CPU: forward and backward written by hand.
//!
//! PyTorch's `nn.GRU`: gates r, z, n, the reset behind the recurrent product, a bias in each. Streams go in groups, each a
//! thread of its own: signals are `[groups, time, streams, numbers]`, so that a step of a group is one product of matrices.
use crate::activations::{sigmoid, tanh};
use crate::cpu::{read, sum_of_rows, values};
use crate::product::{Panels, add_product, add_transposed_product};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use multiversion::multiversion;
use rayon::prelude::*;
use std::sync::Mutex;

/// The operation `(inputs [groups, time, streams, 3 hidden], weight [3 hidden, hidden], bias [3 hidden]) -> [.., hidden]`.
struct Gru {
    hidden: usize,
    /// Outputs before the first step, `[groups, streams][hidden]`; no gradient reaches them.
    start: Vec<f32>,
    /// For the way back: r, z, n and the recurrent part of n before its reset, `[groups, time, streams][4 hidden]`.
    gates: Mutex<Vec<f32>>,
}

/// Outputs of a GRU, `[groups, time, streams, hidden]`.
///
/// `inputs` `[groups, time, streams, 3 hidden]` are the gates' sums without the recurrent part, its bias included; `start`
/// `[groups, streams, hidden]` is carried over from before and gets no gradient; `weight` `[3 hidden, hidden]` and `bias`
/// `[3 hidden]` are the recurrent ones.
pub fn gru(inputs: &Tensor, start: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (groups, _, streams, gates) = inputs.dims4()?;
    let hidden = gates / 3;
    if start.dims() != [groups, streams, hidden] || weight.dims() != [gates, hidden] || bias.dims() != [gates] {
        candle_core::bail!(
            "GRU of {hidden} units: expected start [{groups}, {streams}, {hidden}], weight [{gates}, {hidden}] and bias [{gates}], found {:?}, {:?} and {:?}",
            start.dims(),
            weight.dims(),
            bias.dims()
        );
    }
    let op = Gru { hidden, start: start.flatten_all()?.to_vec1()?, gates: Mutex::default() };
    inputs.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)
}

/// The gates of one stream and step: `inputs` and `sums` `[3 hidden]`, `gates` `[4 hidden]`, outputs `[hidden]`.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma", "aarch64+neon"))]
fn gates_forward(inputs: &[f32], sums: &[f32], before: &[f32], gates: &mut [f32], after: &mut [f32]) {
    let n = before.len();
    let (xr, xz, xn) = (&inputs[..n], &inputs[n..][..n], &inputs[2 * n..][..n]);
    let (sr, sz, sn) = (&sums[..n], &sums[n..][..n], &sums[2 * n..][..n]);
    let (r, rest) = gates.split_at_mut(n);
    let (z, rest) = rest.split_at_mut(n);
    let (new, reset) = rest.split_at_mut(n);
    let (reset, after) = (&mut reset[..n], &mut after[..n]);
    for k in 0..n {
        r[k] = sigmoid(xr[k] + sr[k]);
        z[k] = sigmoid(xz[k] + sz[k]);
        reset[k] = sn[k];
    }
    for k in 0..n {
        new[k] = tanh(r[k].mul_add(reset[k], xn[k]));
        after[k] = z[k].mul_add(before[k] - new[k], new[k]);
    }
}

/// The same on the way back. `by_after` becomes what reaches `before` without the product; `inputs` and `sums` are gradients by
/// the gates' sums from below and from the recurrent product.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma", "aarch64+neon"))]
fn gates_backward(gates: &[f32], before: &[f32], by_after: &mut [f32], inputs: &mut [f32], sums: &mut [f32]) {
    let n = before.len();
    let (r, z, new, reset) = (&gates[..n], &gates[n..][..n], &gates[2 * n..][..n], &gates[3 * n..][..n]);
    let (by_r, rest) = inputs.split_at_mut(n);
    let (by_z, by_n) = rest.split_at_mut(n);
    let by_n = &mut by_n[..n];
    let by_after = &mut by_after[..n];
    for k in 0..n {
        let d = by_after[k];
        by_n[k] = d * (1.0 - z[k]) * (1.0 - new[k] * new[k]);
        by_z[k] = d * (before[k] - new[k]) * z[k] * (1.0 - z[k]);
        by_r[k] = by_n[k] * reset[k] * r[k] * (1.0 - r[k]);
        by_after[k] = d * z[k];
    }
    sums[..2 * n].copy_from_slice(&inputs[..2 * n]);
    let (sums, by_n) = (&mut sums[2 * n..][..n], &inputs[2 * n..][..n]);
    for k in 0..n {
        sums[k] = by_n[k] * r[k];
    }
}

/// One group: `outputs` `[time, streams][hidden]` and `gates` `[time, streams][4 hidden]` are written.
fn forward(
    inputs: &[f32],
    start: &[f32],
    weight: &Panels,
    bias: &[f32],
    outputs: &mut [f32],
    gates: &mut [f32],
    hidden: usize,
) {
    let step = start.len();
    let mut sums = vec![0.0; 3 * step];
    for t in 0..outputs.len() / step {
        let (past, now) = outputs.split_at_mut(t * step);
        let before = if t == 0 { start } else { &past[(t - 1) * step..] };
        sums.chunks_exact_mut(3 * hidden).for_each(|row| row.copy_from_slice(bias));
        add_product(&mut sums, before, weight);
        for stream in 0..step / hidden {
            let row = t * step / hidden + stream;
            gates_forward(
                &inputs[row * 3 * hidden..][..3 * hidden],
                &sums[stream * 3 * hidden..][..3 * hidden],
                &before[stream * hidden..][..hidden],
                &mut gates[row * 4 * hidden..][..4 * hidden],
                &mut now[stream * hidden..][..hidden],
            );
        }
    }
}

/// One group: the gradients by the gates' sums, from below and from the recurrent product, are written; `grad` is by the outputs.
fn backward(
    trace: (&[f32], &[f32], &[f32]),
    weight: &Panels,
    grad: &[f32],
    by_inputs: &mut [f32],
    by_sums: &mut [f32],
    hidden: usize,
) {
    let (gates, outputs, start) = trace;
    let step = start.len();
    let mut carried = vec![0.0; step];
    for t in (0..outputs.len() / step).rev() {
        let before = if t == 0 { start } else { &outputs[(t - 1) * step..][..step] };
        carried.iter_mut().zip(&grad[t * step..]).for_each(|(c, g)| *c += g);
        for stream in 0..step / hidden {
            let row = t * step / hidden + stream;
            gates_backward(
                &gates[row * 4 * hidden..][..4 * hidden],
                &before[stream * hidden..][..hidden],
                &mut carried[stream * hidden..][..hidden],
                &mut by_inputs[row * 3 * hidden..][..3 * hidden],
                &mut by_sums[row * 3 * hidden..][..3 * hidden],
            );
        }
        add_product(&mut carried, &by_sums[t * 3 * step..][..3 * step], weight);
    }
}

impl CustomOp3 for Gru {
    fn name(&self) -> &'static str {
        "gru"
    }

    fn cpu_fwd(
        &self,
        inputs: &CpuStorage,
        inputs_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (groups, time, streams, _) = inputs_layout.shape().dims4()?;
        let (hidden, rows) = (self.hidden, time * streams);
        let weight = Panels::transposed(values(weight, weight_layout)?, 3 * hidden);
        let (inputs, bias) = (values(inputs, inputs_layout)?, values(bias, bias_layout)?);
        let mut outputs = vec![0.0; groups * rows * hidden];
        let mut gates = vec![0.0; groups * rows * 4 * hidden];
        outputs
            .par_chunks_exact_mut(rows * hidden)
            .zip(gates.par_chunks_exact_mut(rows * 4 * hidden))
            .zip(inputs.par_chunks_exact(rows * 3 * hidden))
            .zip(self.start.par_chunks_exact(streams * hidden))
            .for_each(|(((outputs, gates), inputs), start)| {
                forward(inputs, start, &weight, bias, outputs, gates, hidden);
            });
        *self.gates.lock().expect("no panic holds the gates") = gates;
        Ok((CpuStorage::F32(outputs), (groups, time, streams, hidden).into()))
    }

    fn bwd(
        &self,
        inputs: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        outputs: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gates = std::mem::take(&mut *self.gates.lock().expect("no panic holds the gates"));
        let (_, time, streams, _) = inputs.dims4()?;
        let (hidden, rows, step) = (self.hidden, time * streams, streams * self.hidden);
        let panels = read(weight, |weight| Panels::new(weight, hidden))?;
        let mut by_inputs = vec![0.0; 3 * outputs.elem_count()];
        let mut by_sums = vec![0.0; by_inputs.len()];
        let mut by_weight = vec![0.0; 3 * hidden * hidden];
        read(outputs, |outputs| {
            read(grad, |grad| {
                by_inputs
                    .par_chunks_exact_mut(rows * 3 * hidden)
                    .zip(by_sums.par_chunks_exact_mut(rows * 3 * hidden))
                    .zip(gates.par_chunks_exact(rows * 4 * hidden).zip(outputs.par_chunks_exact(rows * hidden)))
                    .zip(self.start.par_chunks_exact(step).zip(grad.par_chunks_exact(rows * hidden)))
                    .for_each(|(((by_inputs, by_sums), (gates, outputs)), (start, grad))| {
                        backward((gates, outputs, start), &panels, grad, by_inputs, by_sums, hidden);
                    });
            })?;
            let groups = by_sums.chunks_exact(rows * 3 * hidden).zip(outputs.chunks_exact(rows * hidden));
            for ((by_sums, outputs), start) in groups.zip(self.start.chunks_exact(step)) {
                let (first, later) = by_sums.split_at(3 * step);
                add_transposed_product(&mut by_weight, first, start, 3 * hidden, hidden);
                add_transposed_product(&mut by_weight, later, &outputs[..outputs.len() - step], 3 * hidden, hidden);
            }
            Ok::<(), candle_core::Error>(())
        })??;
        let by_bias = sum_of_rows(&by_sums, 3 * hidden);
        let device = inputs.device();
        Ok((
            Some(Tensor::from_vec(by_inputs, inputs.shape(), device)?),
            Some(Tensor::from_vec(by_weight, weight.shape(), device)?),
            Some(Tensor::from_vec(by_bias, bias.shape(), device)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use rand::{RngExt, SeedableRng};

    fn noise(seed: u64, shape: &[usize]) -> Tensor {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// The same out of candle's operations, a step at a time.
    fn oracle(inputs: &Tensor, start: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let (groups, time, streams, gates) = inputs.dims4()?;
        let n = gates / 3;
        let mut h = start.reshape((groups * streams, n))?;
        let mut all = Vec::new();
        for t in 0..time {
            let x = inputs.narrow(1, t, 1)?.reshape((groups * streams, gates))?;
            let sums = h.matmul(&weight.t()?)?.broadcast_add(bias)?;
            let sigmoid = |x: Tensor| ((x * 0.5)?.tanh()? * 0.5)? + 0.5;
            let both = |k: usize| x.narrow(1, k * n, n)? + sums.narrow(1, k * n, n)?;
            let (r, z) = (sigmoid(both(0)?)?, sigmoid(both(1)?)?);
            let new = (x.narrow(1, 2 * n, n)? + (r * sums.narrow(1, 2 * n, n)?)?)?.tanh()?;
            h = (&new + (z * (h - &new)?)?)?;
            all.push(h.reshape((groups, 1, streams, n))?);
        }
        Tensor::cat(&all, 1)
    }

    const SHAPE: [usize; 4] = [2, 7, 3, 5];

    fn vars() -> Result<[Var; 3]> {
        let [groups, time, streams, hidden] = SHAPE;
        let var = |seed, shape: &[usize]| Var::from_tensor(&noise(seed, shape));
        Ok([var(1, &[groups, time, streams, 3 * hidden])?, var(2, &[3 * hidden, hidden])?, var(3, &[3 * hidden])?])
    }

    #[test]
    fn the_fused_gru_gives_the_graphs_outputs_and_gradients() -> Result<()> {
        let [groups, _, streams, hidden] = SHAPE;
        let (vars, start) = (vars()?, noise(4, &[groups, streams, hidden]));
        let run = |layer: fn(&Tensor, &Tensor, &Tensor, &Tensor) -> Result<Tensor>| -> Result<Vec<Vec<f32>>> {
            let [inputs, weight, bias] = vars.each_ref().map(Var::as_tensor);
            let h = layer(inputs, &start, weight, bias)?;
            let grads = (&h * noise(5, &SHAPE))?.sum_all()?.backward()?;
            let mut found = vec![h.flatten_all()?.to_vec1()?];
            for var in &vars {
                found.push(grads.get(var.as_tensor()).unwrap().flatten_all()?.to_vec1()?);
            }
            Ok(found)
        };
        for (what, (found, expected)) in run(gru)?.iter().zip(&run(oracle)?).enumerate() {
            assert_eq!(found.len(), expected.len());
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() < 5e-6, "result {what}: {f} against {e}");
            }
        }
        Ok(())
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_output() -> Result<()> {
        let [groups, _, streams, hidden] = SHAPE;
        let (vars, start) = (vars()?, noise(4, &[groups, streams, hidden]));
        let share = noise(5, &SHAPE);
        let loss = || -> Result<Tensor> {
            (gru(vars[0].as_tensor(), &start, vars[1].as_tensor(), vars[2].as_tensor())? * &share)?.sum_all()
        };
        let grads = loss()?.backward()?;
        for (v, var) in vars.iter().enumerate() {
            let plain: Vec<f32> = var.flatten_all()?.to_vec1()?;
            let slope: Vec<f32> = grads.get(var.as_tensor()).unwrap().flatten_all()?.to_vec1()?;
            for place in (0..plain.len()).step_by(7) {
                let moved = |by: f32| -> Result<f32> {
                    let mut values = plain.clone();
                    values[place] += by;
                    var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu)?)?;
                    loss()?.to_scalar()
                };
                let found = (moved(0.01)? - moved(-0.01)?) / 0.02;
                moved(0.0)?;
                assert!((found - slope[place]).abs() < 2e-3, "{v}, {place}: {found} against {}", slope[place]);
            }
        }
        Ok(())
    }

    #[test]
    fn a_state_of_the_wrong_width_is_an_error() {
        let bad =
            gru(&noise(1, &[1, 4, 2, 9]), &noise(2, &[1, 2, 4]), &noise(3, &[9, 3]), &noise(4, &[9])).unwrap_err();
        assert!(bad.to_string().contains("expected start [1, 2, 3]"), "{bad}");
    }
}
