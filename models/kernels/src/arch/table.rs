//! Which table of inner loops this CPU can run.
use super::vector::Plain;
use super::{Arch, gates, generic};

/// Plain code for any CPU of the target: SSE2 on x86-64.
#[cfg(not(target_arch = "aarch64"))]
const PORTABLE: Arch = Arch {
    name: "portable",
    gemv: generic::gemv::<Plain<false>>,
    tanh: generic::tanh::<false>,
    conv: generic::conv::<Plain<false>, 2>,
    conv_mono: generic::conv_mono::<Plain<false>>,
    depthwise: generic::depthwise::<Plain<false>>,
    film: generic::film::<Plain<false>>,
    mix_down: generic::mix_down::<Plain<false>>,
    scale_sums: gates::scale_sums::<Plain<false>>,
    gru_gates: gates::gru_gates::<false>,
    weigh: gates::weigh::<false>,
};

/// NEON with fused multiply-add belongs to every 64-bit ARM, so the plain code already compiles to it.
#[cfg(target_arch = "aarch64")]
const PORTABLE: Arch = Arch {
    name: "neon",
    gemv: generic::gemv::<Plain<true>>,
    tanh: generic::tanh::<true>,
    conv: generic::conv::<Plain<true>, 4>,
    conv_mono: generic::conv_mono::<Plain<true>>,
    depthwise: generic::depthwise::<Plain<true>>,
    film: generic::film::<Plain<true>>,
    mix_down: generic::mix_down::<Plain<true>>,
    scale_sums: gates::scale_sums::<Plain<true>>,
    gru_gates: gates::gru_gates::<true>,
    weigh: gates::weigh::<true>,
};

#[cfg(target_arch = "x86_64")]
static TABLES: [Arch; 3] = [PORTABLE, super::x86::AVX2, super::x86::AVX512];
#[cfg(not(target_arch = "x86_64"))]
static TABLES: [Arch; 1] = [PORTABLE];

fn runs(arch: &Arch) -> bool {
    match arch.name {
        #[cfg(target_arch = "x86_64")]
        "avx2" => super::x86::has_avx2(),
        #[cfg(target_arch = "x86_64")]
        "avx512" => super::x86::has_avx512(),
        _ => true,
    }
}

/// Every path that this CPU can run, the slowest first; tests and benches walk it.
pub fn available() -> impl Iterator<Item = &'static Arch> {
    TABLES.iter().filter(|arch| runs(arch))
}

/// The fastest path that this CPU can run.
pub fn best() -> &'static Arch {
    available().last().unwrap_or(&TABLES[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{Bend, FilmEnd, FilmRamp, Lanes, flat, flat_mut};
    use crate::nn::naive;

    #[test]
    fn tanh_stays_within_its_stated_error_on_every_path() {
        let mut xs: Vec<f32> = (-200_000..=200_000).map(|i| i as f32 * 1e-4).collect();
        xs.extend([0.0, -0.0, 1e-30, -1e-30, 88.0, -1e30, f32::INFINITY, f32::NEG_INFINITY]);
        for arch in available() {
            let mut ys = xs.clone();
            (arch.tanh)(&mut ys);
            for (x, y) in xs.iter().zip(&ys) {
                let error = (f64::from(*y) - f64::from(*x).tanh()).abs();
                assert!(error <= 2.5e-7, "{}: tanh({x}) = {y}, error {error:e}", arch.name);
                // What the layers make of it: sigmoid(2x) = (1 + tanh x) / 2.
                let sigmoid = 1.0 / (1.0 + (-2.0 * f64::from(*x)).exp());
                assert!((f64::from(0.5 + 0.5 * y) - sigmoid).abs() <= 1.5e-7, "{}: sigmoid({})", arch.name, 2.0 * x);
            }
            let mut nan = [f32::NAN];
            (arch.tanh)(&mut nan);
            assert!(nan[0].is_nan(), "{}", arch.name);
        }
    }

    #[test]
    fn film_scales_along_ramps_follows_the_level_and_saturates_where_asked_and_bends() {
        let q: Vec<Lanes> = naive::noise(1, 64 * 16).chunks(16).map(|c| Lanes(c.try_into().unwrap())).collect();
        let slope = [Lanes([0.25; 16])];
        let residual = naive::noise(2, 64 * 16);
        let heard = naive::noise(3, 64);
        let curves = [&[][..], &[Lanes([0.7; 16])]];
        let kinds = curves.iter().flat_map(|curve| [(*curve, &[][..]), (*curve, &heard[..])]);
        for (arch, (curve, levels)) in available().flat_map(|arch| kinds.clone().map(move |kind| (arch, kind))) {
            let bent = if curve.is_empty() { 0.0 } else { 0.7f32 };
            let (one, three, half) = ([Lanes([1.0; 16])], [Lanes([3.0; 16])], [Lanes([0.5; 16])]);
            let swing = if levels.is_empty() { &[][..] } else { &one };
            let end = |gain| FilmEnd { gain, shift: &half, swing };
            let ramp = FilmRamp { from: end(&one), to: end(&three), levels, first: 0, per_sample: 1.0 / 64.0 };
            let mut y = vec![Lanes::ZERO; 64];
            flat_mut(&mut y).copy_from_slice(&residual);
            (arch.film)(&mut y, &q, &Bend { slope: &slope, curve }, &ramp);
            let expected: Vec<f32> = flat(&q)
                .iter()
                .zip(&residual)
                .enumerate()
                .map(|(i, (q, residual))| {
                    let level = levels.get(i / 16).copied().unwrap_or(0.0);
                    let v = q * (1.0 + 2.0 * (i / 16) as f32 / 64.0 + level) + 0.5;
                    let v = v / (1.0 + bent * v * v).sqrt();
                    residual + if v > 0.0 { v } else { 0.25 * v }
                })
                .collect();
            naive::assert_close(flat(&y), &expected, 1e-6, arch.name);
        }
    }

    #[test]
    fn channels_are_summed_alike_on_every_path() {
        let x: Vec<Lanes> = naive::noise(3, 640).chunks(16).map(|c| Lanes(c.try_into().unwrap())).collect();
        let w: Vec<Lanes> = naive::noise(4, 32).chunks(16).map(|c| Lanes(c.try_into().unwrap())).collect();
        for arch in available() {
            let mut y = vec![0.0; 20];
            (arch.mix_down)(&mut y, &x, &w, 0.5);
            let expected: Vec<f32> = flat(&x).chunks(32).map(|x| naive::linear(flat(&w), &[0.5], x)[0]).collect();
            naive::assert_close(&y, &expected, 2e-6, arch.name);
        }
    }

    #[test]
    fn denormals_vanish_while_the_guard_lives_and_come_back_after() {
        let tiny = std::hint::black_box(1e-30f32);
        assert!(tiny * std::hint::black_box(1e-10) > 0.0);
        {
            let _flush = crate::arch::FlushDenormals::new();
            assert_eq!(tiny * std::hint::black_box(1e-10), 0.0);
        }
        assert!(tiny * std::hint::black_box(1e-10) > 0.0);
    }
}
