//! What the hand-written operations share: plain slices out of candle's tensors.
use candle_core::{CpuStorage, Layout, Result, Storage, Tensor};

/// The numbers of a contiguous f32 tensor.
pub fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("the fused operations read contiguous tensors");
    };
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// `y += scale x`.
#[inline(always)]
pub fn add_scaled(y: &mut [f32], scale: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += scale * x;
    }
}

/// Hands the numbers of a tensor to `f`, without a copy where they lie in order.
pub fn read<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { candle_core::bail!("the fused operations run on the CPU") };
    Ok(f(values(storage, layout)?))
}

/// The sum of rows of `width` numbers, the gradient of a bias.
pub fn sum_of_rows(rows: &[f32], width: usize) -> Vec<f32> {
    let mut sum = vec![0.0; width];
    rows.chunks_exact(width).for_each(|row| add_scaled(&mut sum, 1.0, row));
    sum
}
