//! Adam (Kingma, Ba 2014) over named weights, with the gradient's norm clipped.
use anyhow::Result;
use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};
use std::collections::BTreeMap;

const BETA_1: f64 = 0.9;
const EPSILON: f64 = 1e-8;
/// Longest gradient that is followed whole.
const MAX_NORM: f64 = 1.0;

/// Running moments of every weight.
pub struct Adam {
    /// How slowly the second moment follows, 0..1.
    beta_2: f64,
    /// First and second moment under the weight's name.
    pub moments: BTreeMap<String, (Tensor, Tensor)>,
    /// Steps taken.
    pub steps: u64,
}

impl Default for Adam {
    fn default() -> Self {
        Self::new(0.999)
    }
}

impl Adam {
    /// Fresh moments; `beta_2` is how slowly the second one follows, 0.999 in the paper.
    pub fn new(beta_2: f64) -> Self {
        Self { beta_2, moments: BTreeMap::new(), steps: 0 }
    }

    /// The same, its moments and steps forgotten.
    pub fn fresh(&self) -> Self {
        Self::new(self.beta_2)
    }

    /// Moves all weights one step against their gradients.
    pub fn step(&mut self, vars: &BTreeMap<String, Var>, grads: &GradStore, learning_rate: f64) -> Result<()> {
        self.steps += 1;
        let mut norm = 0.0;
        for var in vars.values() {
            if let Some(grad) = grads.get(var.as_tensor()) {
                norm += f64::from(grad.sqr()?.sum_all()?.to_scalar::<f32>()?);
            }
        }
        let scale = MAX_NORM / norm.sqrt().max(MAX_NORM);
        let corrected = |beta: f64| 1.0 - beta.powf(self.steps as f64);
        for (name, var) in vars {
            let Some(grad) = grads.get(var.as_tensor()) else { continue };
            // Detached: moments that remember how they were made would keep every step's graph alive.
            let grad = (grad.detach() * scale)?;
            let (m, v) = match self.moments.remove(name) {
                Some(moments) => moments,
                None => (grad.zeros_like()?, grad.zeros_like()?),
            };
            let m = ((m * BETA_1)? + (&grad * (1.0 - BETA_1))?)?;
            let v = ((v * self.beta_2)? + (grad.sqr()? * (1.0 - self.beta_2))?)?;
            let step = ((&m / corrected(BETA_1))? / ((&v / corrected(self.beta_2))?.sqrt()? + EPSILON)?)?;
            var.set(&(var.as_tensor() - (step * learning_rate)?)?.detach())?;
            self.moments.insert(name.clone(), (m.detach(), v.detach()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_first_step_is_the_learning_rate_against_the_sign() -> Result<()> {
        let var = Var::from_tensor(&Tensor::new(&[1.0f32, -2.0], &Device::Cpu)?)?;
        let grads = var.as_tensor().sqr()?.sum_all()?.backward()?;
        let vars = BTreeMap::from([("w".to_string(), var.clone())]);
        Adam::default().step(&vars, &grads, 0.1)?;
        let found: Vec<f32> = var.as_tensor().to_vec1()?;
        assert!((found[0] - 0.9).abs() < 1e-5 && (found[1] + 1.9).abs() < 1e-5, "{found:?}");
        Ok(())
    }
}
