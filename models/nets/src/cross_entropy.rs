//! How much a network is surprised by what came: the mean of -ln softmax(logits)\[class\], one operation for the CPU.
use crate::activations::exp;
use crate::cpu::values;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use multiversion::multiversion;
use rayon::prelude::*;
use std::sync::{Arc, Mutex};

/// Rows that go to one thread; fixed, so that sums come in one order on every machine.
const SHARE: usize = 1024;

/// The operation `logits [rows, classes] -> []`.
struct CrossEntropy {
    /// What came, `[rows]`.
    classes: Arc<Vec<u8>>,
    /// Gradient by the logits, kept for the way back.
    gradient: Mutex<Vec<f32>>,
}

/// Mean cross-entropy in nats: `logits` `[rows, numbers]`, `classes` `[rows]` below `numbers`.
pub fn cross_entropy(logits: &Tensor, classes: &Arc<Vec<u8>>) -> Result<Tensor> {
    let (rows, numbers) = logits.dims2()?;
    if classes.len() != rows || classes.iter().any(|class| usize::from(*class) >= numbers) {
        candle_core::bail!("cross-entropy: expected {rows} classes below {numbers}, found {}", classes.len());
    }
    logits.contiguous()?.apply_op1(CrossEntropy { classes: classes.clone(), gradient: Mutex::default() })
}

/// Turns logits into gradients of the mean over `1 / share` rows, and returns the sum of the surprises.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma", "aarch64+neon"))]
fn surprise(logits: &mut [f32], classes: &[u8], share: f32) -> f64 {
    let numbers = logits.len() / classes.len();
    let mut sum = 0.0;
    for (row, class) in logits.chunks_exact_mut(numbers).zip(classes) {
        let class = usize::from(*class);
        let mut top = f32::NEG_INFINITY;
        for x in row.iter() {
            top = if *x > top { *x } else { top };
        }
        let below_top = top - row[class];
        // In lanes: a single running sum could not be made into vectors.
        let mut totals = [0.0f32; 16];
        for chunk in row.chunks_mut(16) {
            for (x, total) in chunk.iter_mut().zip(&mut totals) {
                *x = exp(*x - top);
                *total += *x;
            }
        }
        let total: f32 = totals.iter().sum();
        sum += f64::from(total.ln() + below_top);
        let scale = share / total;
        for x in row.iter_mut() {
            *x *= scale;
        }
        row[class] -= share;
    }
    sum
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, numbers) = layout.shape().dims2()?;
        let mut gradient = values(logits, layout)?.to_vec();
        let sums: Vec<f64> = gradient
            .par_chunks_mut(SHARE * numbers)
            .zip(self.classes.par_chunks(SHARE))
            .map(|(logits, classes)| surprise(logits, classes, 1.0 / rows as f32))
            .collect();
        *self.gradient.lock().expect("no panic holds the gradient") = gradient;
        let mean = sums.iter().sum::<f64>() / rows as f64;
        Ok((CpuStorage::F32(vec![mean as f32]), ().into()))
    }

    fn bwd(&self, logits: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let mut gradient = std::mem::take(&mut *self.gradient.lock().expect("no panic holds the gradient"));
        let scale: f32 = grad.to_scalar()?;
        if scale != 1.0 {
            gradient.iter_mut().for_each(|g| *g *= scale);
        }
        Ok(Some(Tensor::from_vec(gradient, logits.shape(), logits.device())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{D, Device, Var};

    #[test]
    fn loss_and_gradient_are_those_of_the_graph() -> Result<()> {
        let values: Vec<f32> = (0..5 * 40).map(|i| 6.0 * (i as f32 * 1.7).sin()).collect();
        let logits = Var::from_tensor(&Tensor::from_vec(values, (5, 40), &Device::Cpu)?)?;
        let classes = Arc::new(vec![0, 39, 7, 7, 21]);
        let total = logits.exp()?.sum_keepdim(D::Minus1)?.log()?;
        let places = Tensor::new(&[0u32, 39, 7, 7, 21], &Device::Cpu)?.unsqueeze(1)?;
        let graph = (total - logits.gather(&places, 1)?)?.mean_all()?;
        let found = cross_entropy(logits.as_tensor(), &classes)?;
        assert!((found.to_scalar::<f32>()? - graph.to_scalar::<f32>()?).abs() < 1e-5);
        let slope = |loss: Tensor| -> Result<Vec<f32>> {
            (loss * 3.0)?.backward()?.get(logits.as_tensor()).unwrap().flatten_all()?.to_vec1()
        };
        for (f, e) in slope(found)?.iter().zip(slope(graph)?) {
            assert!((f - e).abs() < 1e-6, "{f} against {e}");
        }
        Ok(())
    }

    #[test]
    fn a_class_that_does_not_exist_is_an_error() {
        let logits = Tensor::zeros((1, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert!(cross_entropy(&logits, &Arc::new(vec![4])).is_err());
    }
}
