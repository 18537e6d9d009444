//! A dense layer over many rows as one operation for the CPU, with the products of [`crate::product`].
use crate::cpu::{read, sum_of_rows, values};
use crate::product::{Panels, add_transposed_product, affine};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

/// The operation `(x [rows, inputs], weight [outputs, inputs], bias [outputs]) -> [rows, outputs]`.
struct Linear;

/// `x weight^T + bias`: `x` `[rows, inputs]`, `weight` `[outputs, inputs]`, `bias` `[outputs]`.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Linear)
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, _) = x_layout.shape().dims2()?;
        let (outputs, _) = weight_layout.shape().dims2()?;
        let panels = Panels::transposed(values(weight, weight_layout)?, outputs);
        let y = affine(values(x, x_layout)?, &panels, values(bias, bias_layout)?);
        Ok((CpuStorage::F32(y), (rows, outputs).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (outputs, inputs) = weight.dims2()?;
        let panels = read(weight, |weight| Panels::new(weight, inputs))?;
        let mut by_weight = vec![0.0; outputs * inputs];
        let (by_x, by_bias) = read(grad, |grad| {
            read(x, |x| add_transposed_product(&mut by_weight, grad, x, outputs, inputs))?;
            Ok::<_, candle_core::Error>((affine(grad, &panels, &[]), sum_of_rows(grad, outputs)))
        })??;
        let device = x.device();
        Ok((
            Some(Tensor::from_vec(by_x, x.shape(), device)?),
            Some(Tensor::from_vec(by_weight, weight.shape(), device)?),
            Some(Tensor::from_vec(by_bias, bias.shape(), device)?),
        ))
    }
}
