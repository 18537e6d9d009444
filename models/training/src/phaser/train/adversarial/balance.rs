//! Gradient balancing: each loss pulls at the sound with its weight, however steep it is by itself.
//!
//! The paper's equation 7 is not public; this is the form of EnCodec's balancer (Défossez et al. 2022, equation 4):
//! ```text
//! G = sum_i  w_i / sum w  *  g_i / mean |g_i|        mean: over the steps so far, forgetting slowly
//! ```
use anyhow::Result;
use candle_core::{Device, Tensor, Var};
use std::collections::BTreeMap;

/// How much of the mean survives a step.
const MEMORY: f64 = 0.999;

/// Running norms of the gradients.
pub struct Balance {
    /// `sums` and `weights` of the mean, one for each loss; variables only so that checkpoints keep them.
    pub norms: BTreeMap<String, Var>,
}

impl Balance {
    /// Nothing seen yet, of so many losses.
    pub fn new(losses: usize) -> Result<Self> {
        let zeros = || Var::from_tensor(&Tensor::new(vec![0.0f32; losses], &Device::Cpu)?);
        Ok(Self { norms: BTreeMap::from([("sums".to_string(), zeros()?), ("weights".to_string(), zeros()?)]) })
    }

    /// The gradient to follow, from weight and gradient of each loss.
    pub fn combine(&self, terms: &[(f64, Tensor)]) -> Result<Tensor> {
        let read = |name: &str| self.norms[name].as_tensor().to_vec1::<f32>();
        let (mut sums, mut weights) = (read("sums")?, read("weights")?);
        let all: f64 = terms.iter().map(|(weight, _)| weight).sum();
        let mut total: Option<Tensor> = None;
        for (i, (weight, gradient)) in terms.iter().enumerate() {
            let norm = gradient.sqr()?.sum_all()?.to_scalar::<f32>()?.sqrt();
            sums[i] = MEMORY as f32 * sums[i] + norm;
            weights[i] = MEMORY as f32 * weights[i] + 1.0;
            let mean = f64::from(sums[i] / weights[i]).max(1e-12);
            let part = (gradient * (weight / all / mean))?;
            total = Some(match total {
                Some(total) => (total + part)?,
                None => part,
            });
        }
        self.norms["sums"].set(&Tensor::new(sums, &Device::Cpu)?)?;
        self.norms["weights"].set(&Tensor::new(weights, &Device::Cpu)?)?;
        total.ok_or_else(|| anyhow::anyhow!("no loss to balance"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    #[test]
    fn every_loss_pulls_with_its_weight_however_steep_it_is() -> Result<()> {
        let balance = Balance::new(2)?;
        // Norms 5 and 1000: unit vectors remain, weighed 3 to 1.
        let found: Vec<f32> = balance.combine(&[(3.0, row(&[3.0, 4.0])), (1.0, row(&[0.0, -1000.0]))])?.to_vec1()?;
        assert!((found[0] - 0.75 * 0.6).abs() < 1e-6 && (found[1] - (0.75 * 0.8 - 0.25)).abs() < 1e-6, "{found:?}");
        // The mean of the norms 5 and 10 with a memory of 0.999.
        let found: Vec<f32> = balance.combine(&[(1.0, row(&[10.0, 0.0]))])?.to_vec1()?;
        let mean = (0.999 * 5.0 + 10.0) / 1.999;
        assert!((found[0] - 10.0 / mean).abs() < 1e-5, "{found:?}");
        Ok(())
    }
}
