//! What the hand-written operations share: plain slices out of candle's tensors.
use candle_core::{CpuStorage, Layout, Result};

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
