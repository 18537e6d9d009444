//! Fewer and fewer blocks of a net's recurrent weights while it trains, so that it learns to do without the others.
use anyhow::Result;
use candle_core::{Device, Tensor, Var};
use kernels::checkpoint::Matrix;
use kernels::checkpoint::pruning::{BLOCK_COLUMNS, BLOCK_ROWS, block_of};
use nets::sound_model::Net;

/// Share of the budget at which the last block goes; the rest is for what remains.
const END: f64 = 0.5;
/// Steps between two prunings.
const EVERY_STEPS: u64 = 10;
/// Gates of a GRU, pruned one by one.
const GATES: usize = 3;

/// How much of a net is to remain.
#[derive(Clone, Copy, Debug)]
pub struct Pruning {
    /// Share of the blocks of every pruned matrix, 0..1.
    pub density: f64,
}

/// Weights of a matrix of a net, 0 in the blocks that are gone and 1 elsewhere.
pub struct Kept<'a> {
    var: &'a Var,
    mask: Tensor,
}

impl Pruning {
    /// Share of the blocks that remain at a share of the budget: quick at first, when the smallest go, then slower (Zhu and
    /// Gupta 2017, arXiv 1710.01878, equation 1).
    pub fn density_at(&self, share: f64) -> f64 {
        self.density + (1.0 - self.density) * (1.0 - (share / END).min(1.0)).powi(3)
    }

    /// Before a step: what remains of each matrix, read off the weights, since what is gone is zero and nothing else is.
    pub fn kept<'a>(&self, net: &'a Net) -> Result<Vec<Kept<'a>>> {
        pruned(net).map(|var| Ok(Kept { var, mask: mask(var)? })).collect()
    }

    /// After a step: what was gone is gone again, and every few steps the smallest blocks go too.
    pub fn prune(&self, kept: &[Kept], step: u64, share: f64) -> Result<()> {
        for Kept { var, mask } in kept {
            let mut weights = (var.as_tensor() * mask)?;
            if step.is_multiple_of(EVERY_STEPS) {
                let (rows, columns) = weights.dims2()?;
                let whole = Matrix::Full(weights.flatten_all()?.to_vec1()?);
                let values = whole.pruned(rows, GATES, self.density_at(share)).full(rows);
                weights = Tensor::from_vec(values, (rows, columns), &Device::Cpu)?;
            }
            var.set(&weights.detach())?;
        }
        Ok(())
    }
}

/// The matrices that are multiplied by at every sample; the first layer's from below is folded into a table.
fn pruned(net: &Net) -> impl Iterator<Item = &Var> {
    let folded = |name: &str| name.starts_with("gru.weight_ih_l0") && !net.config.relu;
    net.vars.iter().filter(move |(name, _)| name.starts_with("gru.weight") && !folded(name)).map(|(_, var)| var)
}

fn mask(var: &Var) -> Result<Tensor> {
    let (rows, columns) = var.dims2()?;
    let values: Vec<f32> = var.flatten_all()?.to_vec1()?;
    let mut there = vec![0.0f32; rows.div_ceil(BLOCK_ROWS) * columns.div_ceil(BLOCK_COLUMNS)];
    for (place, value) in values.iter().enumerate() {
        if *value != 0.0 {
            there[block_of(place, columns)] = 1.0;
        }
    }
    let each = (0..values.len()).map(|place| there[block_of(place, columns)]).collect();
    Ok(Tensor::from_vec::<_, f32>(each, (rows, columns), &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_go_quickly_at_first_and_none_in_the_second_half() {
        let pruning = Pruning { density: 0.25 };
        let at = |share| pruning.density_at(share);
        assert_eq!((at(0.0), at(END), at(1.0)), (1.0, 0.25, 0.25));
        // A third of the way up the cubic: 0.25 + 0.75 (2/3)^3.
        assert!((at(END / 3.0) - 0.472_222).abs() < 1e-5);
        assert!(at(0.1) - at(0.2) > at(0.3) - at(0.4));
    }
}
