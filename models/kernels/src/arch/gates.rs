//! The float loops between 8-bit products: scaling, the gates of a GRU, and the weights that a sampler draws by.
use super::exponential::{ROUND, fma, power_of_two, tanh_of};
use super::{LANES, Lanes, Scaling, Sums};

/// See [`super::Arch::scale_sums`].
#[inline(always)]
pub fn scale_sums<const FMA: bool>(y: &mut [Lanes], sums: &[Sums], scaling: Scaling) {
    for (((y, sum), scale), bias) in y.iter_mut().zip(sums).zip(scaling.scale).zip(scaling.bias) {
        for l in 0..LANES {
            y.0[l] = fma::<FMA>(sum.0[l] as f32, scale.0[l], bias.0[l]);
        }
    }
}

/// See [`super::Arch::gru_gates`]: `r, z = (1 + tanh) / 2` of halved sums, `n = tanh(x_n + r h_n)`, `h = n + z (h - n)`.
#[inline(always)]
pub fn gru_gates<const FMA: bool>(h: &mut [Lanes], q: &mut [u8], x: &[Lanes], sums: &[Sums], scaling: Scaling) {
    let p = h.len();
    let (xr, xz, xn) = (&x[..p], &x[p..2 * p], &x[2 * p..3 * p]);
    let (hr, hz, hn) = (&sums[..p], &sums[p..2 * p], &sums[2 * p..3 * p]);
    let (sr, sz, sn) = (&scaling.scale[..p], &scaling.scale[p..2 * p], &scaling.scale[2 * p..3 * p]);
    let (br, bz, bn) = (&scaling.bias[..p], &scaling.bias[p..2 * p], &scaling.bias[2 * p..3 * p]);
    let q = &mut q.as_chunks_mut::<LANES>().0[..p];
    for k in 0..p {
        for l in 0..LANES {
            let from_h = |sums: &[Sums], scale: &[Lanes], bias: &[Lanes]| {
                fma::<FMA>(sums[k].0[l] as f32, scale[k].0[l], bias[k].0[l])
            };
            let r = fma::<FMA>(0.5, tanh_of::<FMA>(xr[k].0[l] + from_h(hr, sr, br)), 0.5);
            let z = fma::<FMA>(0.5, tanh_of::<FMA>(xz[k].0[l] + from_h(hz, sz, bz)), 0.5);
            let n = tanh_of::<FMA>(fma::<FMA>(r, from_h(hn, sn, bn), xn[k].0[l]));
            h[k].0[l] = fma::<FMA>(z, h[k].0[l] - n, n);
            // `ROUND` leaves the nearest integer in the lowest byte; one more of 128 turns -127..127 into 1..255.
            q[k][l] = ((h[k].0[l] * 127.0 + (ROUND + 128.0)).to_bits()) as u8;
        }
    }
}

/// See [`super::Arch::weigh`].
#[inline(always)]
pub fn weigh<const FMA: bool>(y: &mut [Lanes], x: &[Lanes], top: f32, floor: f32, sharpness: f32) {
    /// Beyond, a weight is nothing beside the largest one, and 2^x would leave the normal numbers.
    const LEAST: f32 = -126.0;
    let octaves = sharpness * std::f32::consts::LOG2_E;
    for (y, x) in y.iter_mut().zip(x) {
        for l in 0..LANES {
            let weight = power_of_two::<FMA>(((x.0[l] - top) * octaves).max(LEAST));
            y.0[l] = if x.0[l] < floor { 0.0 } else { weight };
        }
    }
}
