//! The float loops between 8-bit products: scaling, the gates of a GRU, and the weights that a sampler draws by.
use super::exponential::{ROUND, fma, logistic_of_twice, power_of_two, tanh_of};
use super::vector::Vector;
use super::{LANES, Lanes, Scaling, Sums};

/// Groups of sixteen whose gates are computed together.
const PASS: usize = 8;

/// See [`super::Arch::scale_sums`]. On vectors held by hand: from plain loops the compiler makes gathers, 20 times slower.
#[inline(always)]
pub fn scale_sums<V: Vector>(y: &mut [Lanes], sums: &[Sums], scaling: Scaling) {
    for (((y, sum), scale), bias) in y.iter_mut().zip(sums).zip(scaling.scale).zip(scaling.bias) {
        V::from_sums(sum).mul_add(V::load(scale), V::load(bias)).store(y);
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
    let from_h = |k: usize, l: usize, sums: &[Sums], scale: &[Lanes], bias: &[Lanes]| {
        fma::<FMA>(sums[k].0[l] as f32, scale[k].0[l], bias[k].0[l])
    };
    // In two passes over a few groups at a time: one chain from r to h would be too long for a CPU to overlap with the next.
    let (mut z, mut n) = ([Lanes::ZERO; PASS], [Lanes::ZERO; PASS]);
    for first in (0..p).step_by(PASS) {
        let groups = first..p.min(first + PASS);
        for k in groups.clone() {
            let (z, n) = (&mut z[k - first].0, &mut n[k - first].0);
            for l in 0..LANES {
                let r = logistic_of_twice::<FMA>(xr[k].0[l] + from_h(k, l, hr, sr, br));
                z[l] = logistic_of_twice::<FMA>(xz[k].0[l] + from_h(k, l, hz, sz, bz));
                n[l] = fma::<FMA>(r, from_h(k, l, hn, sn, bn), xn[k].0[l]);
            }
        }
        for k in groups {
            let (z, n, mut next) = (&z[k - first].0, &n[k - first].0, h[k]);
            for l in 0..LANES {
                let n = tanh_of::<FMA>(n[l]);
                next.0[l] = fma::<FMA>(z[l], next.0[l] - n, n);
            }
            h[k] = next;
            for l in 0..LANES {
                // `ROUND` leaves the nearest integer in the lowest byte; one more of 128 turns -127..127 into 1..255.
                q[k][l] = (next.0[l].clamp(-1.0, 1.0) * 127.0 + (ROUND + 128.0)).to_bits() as u8;
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{self, flat, flat_mut};
    use crate::nn::naive::noise;

    fn lanes(seed: u64, groups: usize, size: f32) -> Vec<Lanes> {
        let mut lanes = vec![Lanes::ZERO; groups];
        flat_mut(&mut lanes).iter_mut().zip(noise(seed, groups * LANES)).for_each(|(y, x)| *y = size * x);
        lanes
    }

    #[test]
    fn every_path_meets_the_definition_of_the_gates() {
        let p = 70;
        // Sums that drive each gate from open to shut.
        let sums: Vec<Sums> =
            (0..3 * p).map(|k| Sums(std::array::from_fn(|l| 31 * (k + 7 * l) as i32 % 4001 - 2000))).collect();
        let (scale, bias, x) = (lanes(1, 3 * p, 1e-2), lanes(2, 3 * p, 1.0), lanes(3, 3 * p, 2.0));
        let before = lanes(4, p, 1.0);
        for arch in arch::available() {
            let (mut h, mut q) = (before.clone(), vec![0; p * LANES]);
            (arch.gru_gates)(&mut h, &mut q, &x, &sums, Scaling { scale: &scale, bias: &bias });
            for i in 0..p * LANES {
                let from_h = |gate: usize| {
                    let (k, l) = (gate * p + i / LANES, i % LANES);
                    f64::from(sums[k].0[l]) * f64::from(scale[k].0[l]) + f64::from(bias[k].0[l])
                };
                let from_x = |gate: usize| f64::from(flat(&x)[gate * p * LANES + i]);
                let logistic = |x: f64| 1.0 / (1.0 + (-2.0 * x).exp());
                let (r, z) = (logistic(from_x(0) + from_h(0)), logistic(from_x(1) + from_h(1)));
                let n = (from_x(2) + r * from_h(2)).tanh();
                let expected = n + z * (f64::from(flat(&before)[i]) - n);
                // The activations' own errors; the sums' rounding is 1e-6 of up to 20, where a gate is flat, or far less.
                let error = (f64::from(flat(&h)[i]) - expected).abs();
                assert!(error <= 1e-6, "{}: {i}: error {error:e}", arch.name);
                assert_eq!(i32::from(q[i]) - 128, (127.0 * flat(&h)[i]).round_ties_even() as i32, "{}: {i}", arch.name);
            }
        }
    }

    #[test]
    fn a_memory_beyond_its_range_does_not_wrap_around() {
        for arch in arch::available() {
            let (mut h, mut q) = ([Lanes([1.5; LANES])], [0; LANES]);
            h[0].0[1] = -1.5;
            let (zeros, ones) = ([Lanes::ZERO; 3], [Lanes::ZERO, Lanes([30.0; LANES]), Lanes::ZERO]);
            let scaling = Scaling { scale: &zeros, bias: &zeros };
            (arch.gru_gates)(&mut h, &mut q, &ones, &[Sums::ZERO; 3], scaling);
            assert_eq!((q[0], q[1]), (255, 1), "{}", arch.name);
        }
    }
}
