//! What a network hears of one sample: a row of a table, and a few numbers through a matrix; one operation for the CPU.
use crate::cpu::{add_scaled, read, values};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use multiversion::multiversion;
use rayon::prelude::*;
use std::sync::Arc;

/// Rows of a product that go to one thread; fixed, so that sums come in one order on every machine.
const SHARE: usize = 4096;

/// What is heard, of every row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// Row of the table, `[rows]`.
    pub classes: Vec<u8>,
    /// The numbers beside it, `[rows, numbers]`.
    pub numbers: Vec<f32>,
}

/// The operation `(table [classes, width], matrix [numbers, width]) -> [rows, width]`.
struct Lookup(Arc<Heard>);

/// `table[class] + numbers matrix` for every row heard: `table` `[classes, width]`, `matrix` `[numbers, width]`.
pub fn lookup(table: &Tensor, matrix: &Tensor, heard: &Arc<Heard>) -> Result<Tensor> {
    let (classes, numbers) = (table.dim(0)?, matrix.dim(0)?);
    let most = heard.classes.iter().copied().max().unwrap_or(0);
    if usize::from(most) >= classes || heard.numbers.len() != numbers * heard.classes.len() {
        candle_core::bail!(
            "lookup: expected classes below {classes} and {numbers} numbers for each of {} rows, found class {most} and {} numbers",
            heard.classes.len(),
            heard.numbers.len()
        );
    }
    table.contiguous()?.apply_op2(&matrix.contiguous()?, Lookup(heard.clone()))
}

#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma", "aarch64+neon"))]
fn forward(y: &mut [f32], classes: &[u8], numbers: &[f32], table: &[f32], matrix: &[f32], width: usize) {
    let each = matrix.len() / width;
    for (i, (y, class)) in y.chunks_exact_mut(width).zip(classes).enumerate() {
        y.copy_from_slice(&table[usize::from(*class) * width..][..width]);
        for (row, x) in matrix.chunks_exact(width).zip(&numbers[i * each..]) {
            add_scaled(y, *x, row);
        }
    }
}

/// Gradients by table and matrix, one behind the other.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma", "aarch64+neon"))]
fn backward(grad: &[f32], classes: &[u8], numbers: &[f32], table: usize, matrix: usize, width: usize) -> Vec<f32> {
    let mut by = vec![0.0; table + matrix];
    let (by_table, by_matrix) = by.split_at_mut(table);
    let each = matrix / width;
    for (i, (grad, class)) in grad.chunks_exact(width).zip(classes).enumerate() {
        add_scaled(&mut by_table[usize::from(*class) * width..][..width], 1.0, grad);
        for (row, x) in by_matrix.chunks_exact_mut(width).zip(&numbers[i * each..]) {
            add_scaled(row, *x, grad);
        }
    }
    by
}

impl CustomOp2 for Lookup {
    fn name(&self) -> &'static str {
        "lookup"
    }

    fn cpu_fwd(
        &self,
        table: &CpuStorage,
        table_layout: &Layout,
        matrix: &CpuStorage,
        matrix_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (each, width) = matrix_layout.shape().dims2()?;
        let (table, matrix) = (values(table, table_layout)?, values(matrix, matrix_layout)?);
        let Heard { classes, numbers } = &*self.0;
        let mut y = vec![0.0; classes.len() * width];
        y.par_chunks_mut(SHARE * width)
            .zip(classes.par_chunks(SHARE))
            .zip(numbers.par_chunks(SHARE * each))
            .for_each(|((y, classes), numbers)| forward(y, classes, numbers, table, matrix, width));
        Ok((CpuStorage::F32(y), (classes.len(), width).into()))
    }

    fn bwd(
        &self,
        table: &Tensor,
        matrix: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (each, width) = matrix.dims2()?;
        let split = table.elem_count();
        let Heard { classes, numbers } = &*self.0;
        let parts: Vec<Vec<f32>> = read(grad, |grad| {
            grad.par_chunks(SHARE * width)
                .zip(classes.par_chunks(SHARE))
                .zip(numbers.par_chunks(SHARE * each))
                .map(|((grad, classes), numbers)| backward(grad, classes, numbers, split, matrix.elem_count(), width))
                .collect()
        })?;
        let mut by = vec![0.0; split + matrix.elem_count()];
        parts.iter().for_each(|part| add_scaled(&mut by, 1.0, part));
        let by_matrix = by.split_off(split);
        let device = table.device();
        Ok((
            Some(Tensor::from_vec(by, table.shape(), device)?),
            Some(Tensor::from_vec(by_matrix, matrix.shape(), device)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn values_and_gradients_are_those_of_a_one_hot_product() -> Result<()> {
        let (classes, width, rows) = (5, 3, 4);
        let ramp = |n: usize, step: f32| (0..n).map(|i| (i as f32 * step).sin()).collect::<Vec<_>>();
        let heard = Arc::new(Heard { classes: vec![4, 0, 4, 2], numbers: ramp(rows * 2, 0.7) });
        let table = Var::from_tensor(&Tensor::from_vec(ramp(classes * width, 1.3), (classes, width), &Device::Cpu)?)?;
        let matrix = Var::from_tensor(&Tensor::from_vec(ramp(2 * width, 2.1), (2, width), &Device::Cpu)?)?;
        let mut one_hot = vec![0.0f32; rows * classes];
        heard.classes.iter().enumerate().for_each(|(i, class)| one_hot[i * classes + usize::from(*class)] = 1.0);
        let one_hot = Tensor::from_vec(one_hot, (rows, classes), &Device::Cpu)?;
        let numbers = Tensor::from_vec(heard.numbers.clone(), (rows, 2), &Device::Cpu)?;
        let expected = (one_hot.matmul(table.as_tensor())? + numbers.matmul(matrix.as_tensor())?)?;
        let found = lookup(table.as_tensor(), matrix.as_tensor(), &heard)?;
        let plain = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        let close = |a: &Tensor, b: &Tensor| -> Result<bool> {
            Ok(plain(a)?.iter().zip(plain(b)?).all(|(a, b)| (a - b).abs() < 1e-5))
        };
        assert!(close(&found, &expected)?);
        let (found, expected) = (found.sqr()?.sum_all()?.backward()?, expected.sqr()?.sum_all()?.backward()?);
        for var in [&table, &matrix] {
            assert!(close(found.get(var.as_tensor()).unwrap(), expected.get(var.as_tensor()).unwrap())?);
        }
        Ok(())
    }

    #[test]
    fn a_class_outside_of_the_table_is_an_error() {
        let zeros = |n| Tensor::zeros((n, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
        let heard = Arc::new(Heard { classes: vec![3], numbers: vec![0.0] });
        let error = lookup(&zeros(3), &zeros(1), &heard).unwrap_err().to_string();
        assert!(error.contains("classes below 3"), "{error}");
    }
}
