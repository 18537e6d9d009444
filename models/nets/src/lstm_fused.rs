//! An LSTM layer over a whole sequence as one operation for the CPU: forward and backward written by hand.
//!
//! Step by step out of candle's operations, a window of 512 frames costs some ten thousand tensors, and dropping so deep a
//! graph overflows the stack. Gates stand in PyTorch's order i, f, g, o.
use crate::cpu::{add_scaled, values};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use multiversion::multiversion;
use rayon::prelude::*;
use std::sync::Mutex;

/// One sequence's signals, kept for the way back.
struct Trace {
    /// Gates after their activations, `[time][4 hidden]`.
    gates: Vec<f32>,
    /// Outputs and cells from before the first step on, `[time + 1][2 hidden]`.
    states: Vec<f32>,
}

/// Gradients of one sequence: by the gates' inputs, by the start state and by the recurrent weight.
struct Gradient {
    inputs: Vec<f32>,
    state: Vec<f32>,
    weight: Vec<f32>,
}

/// The operation `(inputs [batch, time, 4 hidden], state [batch, 2 hidden], weight [4 hidden, hidden]) -> [batch, time + 1, 2 hidden]`.
struct Lstm {
    hidden: usize,
    /// No gradient crosses from a frame whose number this divides to the one before.
    truncate: usize,
    traces: Mutex<Vec<Trace>>,
}

/// States of an LSTM, output then cell, the start state first: `[batch, time + 1, 2 hidden]`.
///
/// `inputs` `[batch, time, 4 hidden]` are the gates' sums without the recurrent part, `state` `[batch, 2 hidden]` is h then c,
/// `weight` `[4 hidden, hidden]`. Gradients reach back over at most `truncate` frames (truncated backpropagation through
/// time); the start state gets the gradient of the first such stretch.
pub fn lstm(inputs: &Tensor, state: &Tensor, weight: &Tensor, truncate: usize) -> Result<Tensor> {
    let (batch, _, gates) = inputs.dims3()?;
    let hidden = gates / 4;
    if state.dims() != [batch, 2 * hidden] || weight.dims() != [gates, hidden] || truncate == 0 {
        candle_core::bail!(
            "LSTM of {hidden} units: expected state [{batch}, {}] and weight [{gates}, {hidden}], found {:?} and {:?}",
            2 * hidden,
            state.dims(),
            weight.dims()
        );
    }
    let op = Lstm { hidden, truncate, traces: Mutex::default() };
    inputs.contiguous()?.apply_op3(&state.contiguous()?, &weight.contiguous()?, op)
}

fn sigmoid(x: f32) -> f32 {
    0.5 + 0.5 * (0.5 * x).tanh()
}

/// `transposed` is the recurrent weight as `[hidden][4 hidden]`, so that the inner loop runs along the gates.
#[multiversion(targets("x86_64+avx2+fma", "aarch64+neon"))]
fn forward(inputs: &[f32], state: &[f32], transposed: &[f32], hidden: usize) -> Trace {
    let mut gates = inputs.to_vec();
    let mut states = state.to_vec();
    states.reserve(2 * inputs.len() / 4);
    for gates in gates.chunks_exact_mut(4 * hidden) {
        let last = states.len() - 2 * hidden;
        for k in 0..hidden {
            add_scaled(gates, states[last + k], &transposed[k * 4 * hidden..][..4 * hidden]);
        }
        states.resize(last + 4 * hidden, 0.0);
        let (before, after) = states[last..].split_at_mut(2 * hidden);
        for k in 0..hidden {
            let (i, f, o) = (sigmoid(gates[k]), sigmoid(gates[hidden + k]), sigmoid(gates[3 * hidden + k]));
            let g = gates[2 * hidden + k].tanh();
            let c = f * before[hidden + k] + i * g;
            (after[k], after[hidden + k]) = (o * c.tanh(), c);
            (gates[k], gates[hidden + k], gates[2 * hidden + k], gates[3 * hidden + k]) = (i, f, g, o);
        }
    }
    Trace { gates, states }
}

/// `weight` is `[4 hidden][hidden]`; `grad` `[time + 1][2 hidden]`.
#[multiversion(targets("x86_64+avx2+fma", "aarch64+neon"))]
fn backward(trace: &Trace, weight: &[f32], grad: &[f32], hidden: usize, truncate: usize) -> Gradient {
    let time = trace.gates.len() / (4 * hidden);
    let mut inputs = vec![0.0; trace.gates.len()];
    let mut by_weight = vec![0.0; weight.len()];
    // By the state, output then cell.
    let mut state = vec![0.0f32; 2 * hidden];
    for t in (0..time).rev() {
        add_scaled(&mut state, 1.0, &grad[(t + 1) * 2 * hidden..][..2 * hidden]);
        let gates = &trace.gates[t * 4 * hidden..][..4 * hidden];
        let sums = &mut inputs[t * 4 * hidden..][..4 * hidden];
        let (before, after) = trace.states[t * 2 * hidden..][..4 * hidden].split_at(2 * hidden);
        let (by_h, by_c) = state.split_at_mut(hidden);
        for k in 0..hidden {
            let (i, f, g, o) = (gates[k], gates[hidden + k], gates[2 * hidden + k], gates[3 * hidden + k]);
            let bent = after[hidden + k].tanh();
            let cell = by_c[k] + by_h[k] * o * (1.0 - bent * bent);
            sums[k] = cell * g * i * (1.0 - i);
            sums[hidden + k] = cell * before[hidden + k] * f * (1.0 - f);
            sums[2 * hidden + k] = cell * i * (1.0 - g * g);
            sums[3 * hidden + k] = by_h[k] * bent * o * (1.0 - o);
            by_c[k] = cell * f;
        }
        by_h.fill(0.0);
        for (n, sum) in sums.iter().enumerate() {
            add_scaled(by_h, *sum, &weight[n * hidden..][..hidden]);
            add_scaled(&mut by_weight[n * hidden..][..hidden], *sum, &before[..hidden]);
        }
        if t > 0 && t % truncate == 0 {
            state.fill(0.0);
        }
    }
    add_scaled(&mut state, 1.0, &grad[..2 * hidden]);
    Gradient { inputs, state, weight: by_weight }
}

impl CustomOp3 for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }

    fn cpu_fwd(
        &self,
        inputs: &CpuStorage,
        inputs_layout: &Layout,
        state: &CpuStorage,
        state_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, time, gates) = inputs_layout.shape().dims3()?;
        let weight = values(weight, weight_layout)?;
        let transposed: Vec<f32> = (0..weight.len()).map(|n| weight[n % gates * self.hidden + n / gates]).collect();
        let traces: Vec<Trace> = values(inputs, inputs_layout)?
            .par_chunks_exact(time * gates)
            .zip(values(state, state_layout)?.par_chunks_exact(2 * self.hidden))
            .map(|(inputs, state)| forward(inputs, state, &transposed, self.hidden))
            .collect();
        let states = traces.iter().flat_map(|trace| trace.states.iter().copied()).collect();
        *self.traces.lock().expect("no panic holds the traces") = traces;
        Ok((CpuStorage::F32(states), (batch, time + 1, 2 * self.hidden).into()))
    }

    fn bwd(
        &self,
        inputs: &Tensor,
        state: &Tensor,
        weight: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let traces = std::mem::take(&mut *self.traces.lock().expect("no panic holds the traces"));
        let plain = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        let (values, grad) = (plain(weight)?, plain(grad)?);
        let each = grad.len() / traces.len();
        let parts: Vec<Gradient> = traces
            .par_iter()
            .zip(grad.par_chunks_exact(each))
            .map(|(trace, grad)| backward(trace, &values, grad, self.hidden, self.truncate))
            .collect();
        let mut by_weight = vec![0.0; values.len()];
        parts.iter().for_each(|part| add_scaled(&mut by_weight, 1.0, &part.weight));
        let join = |part: fn(&Gradient) -> &Vec<f32>| parts.iter().flat_map(|p| part(p).iter().copied()).collect();
        let device = inputs.device();
        let tensor = |values: Vec<f32>, like: &Tensor| Tensor::from_vec(values, like.shape(), device);
        Ok((
            Some(tensor(join(|p| &p.inputs), inputs)?),
            Some(tensor(join(|p| &p.state), state)?),
            Some(tensor(by_weight, weight)?),
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
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random::<f32>() - 0.5).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// The same out of candle's operations, a step at a time.
    fn oracle(inputs: &Tensor, state: &Tensor, weight: &Tensor, truncate: usize) -> Result<Tensor> {
        let (_, time, gates) = inputs.dims3()?;
        let n = gates / 4;
        let (mut h, mut c) = (state.narrow(1, 0, n)?, state.narrow(1, n, n)?);
        let mut all = vec![Tensor::cat(&[&h, &c], 1)?];
        for t in 0..time {
            if t > 0 && t % truncate == 0 {
                (h, c) = (h.detach(), c.detach());
            }
            let sums = (inputs.narrow(1, t, 1)?.squeeze(1)? + h.contiguous()?.matmul(&weight.t()?)?)?;
            let part = |k: usize| sums.narrow(1, k * n, n);
            let sigmoid = |x: Tensor| ((x * 0.5)?.tanh()? * 0.5)? + 0.5;
            c = ((sigmoid(part(1)?)? * &c)? + (sigmoid(part(0)?)? * part(2)?.tanh()?)?)?;
            h = (sigmoid(part(3)?)? * c.tanh()?)?;
            all.push(Tensor::cat(&[&h, &c], 1)?);
        }
        Tensor::stack(&all, 1)
    }

    #[test]
    fn the_fused_lstm_gives_the_graphs_outputs_and_gradients_truncated_or_not() -> Result<()> {
        let (batch, time, hidden) = (3, 17, 5);
        for truncate in [1, 4, 100] {
            let inputs = Var::from_tensor(&noise(1, &[batch, time, 4 * hidden]))?;
            let state = Var::from_tensor(&noise(2, &[batch, 2 * hidden]))?;
            let weight = Var::from_tensor(&noise(3, &[4 * hidden, hidden]))?;
            let run = |fused: bool| -> Result<Vec<Vec<f32>>> {
                let layer = if fused { lstm } else { oracle };
                let h = layer(inputs.as_tensor(), state.as_tensor(), weight.as_tensor(), truncate)?;
                let grads = (&h * noise(4, &[batch, time + 1, 2 * hidden]))?.sum_all()?.backward()?;
                let mut found = vec![h.flatten_all()?.to_vec1()?];
                for var in [&inputs, &state, &weight] {
                    found.push(grads.get(var.as_tensor()).unwrap().flatten_all()?.to_vec1()?);
                }
                Ok(found)
            };
            for (what, (found, expected)) in run(true)?.iter().zip(&run(false)?).enumerate() {
                assert_eq!(found.len(), expected.len());
                for (f, e) in found.iter().zip(expected) {
                    assert!((f - e).abs() < 1e-5, "truncated at {truncate}, result {what}: {f} against {e}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn a_state_of_the_wrong_width_is_an_error() {
        let bad = lstm(&noise(1, &[1, 4, 8]), &noise(2, &[1, 3]), &noise(3, &[8, 2]), 4).unwrap_err();
        assert!(bad.to_string().contains("expected state [1, 4]"), "{bad}");
    }
}
