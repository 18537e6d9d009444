//! The inner loops compiled for x86-64 CPUs with AVX2 and FMA, and with AVX-512.
use super::{Arch, ConvShape, FilmRamp, Lanes, generic};

/// AVX2 and FMA: every desktop CPU since 2013 (Intel) and 2015 (AMD).
pub fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// AVX-512 F, VL, DQ and BW, which come together on every CPU with usable 512-bit units.
pub fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
}

/// Wraps each generic loop in a function compiled with the given CPU features.
macro_rules! compile_for {
    ($table:ident, $name:literal, $features:literal, $tile:literal, { $($f:ident($($arg:ident: $type:ty),*) = $body:expr;)* }) => {
        pub const $table: Arch = {
            $(fn $f($($arg: $type),*) {
                #[target_feature(enable = $features)]
                fn compiled($($arg: $type),*) {
                    $body($($arg),*);
                }
                // SAFETY: `table::available` hands this table out only after the CPU said that it has the features.
                unsafe { compiled($($arg),*) }
            })*
            Arch { name: $name, $($f),* }
        };
    };
    ($table:ident, $name:literal, $features:literal, $tile:literal) => {
        compile_for!($table, $name, $features, $tile, {
            gemv(y: &mut [Lanes], w: &[Lanes], x: &[f32]) = generic::gemv::<true>;
            tanh(x: &mut [f32]) = generic::tanh::<true>;
            conv(y: &mut [Lanes], x: &[Lanes], w: &[Lanes], bias: &[Lanes], shape: ConvShape) = generic::conv::<true, $tile>;
            conv_mono(y: &mut [Lanes], x: &[f32], w: &[Lanes], bias: &[Lanes], shape: ConvShape) = generic::conv_mono::<true>;
            depthwise(y: &mut [Lanes], x: &[Lanes], w: &[Lanes], bias: &[Lanes], shape: ConvShape) = generic::depthwise::<true>;
            film(y: &mut [Lanes], q: &[Lanes], slope: &[Lanes], ramp: &FilmRamp) = generic::film::<true>;
            mix_down(y: &mut [f32], x: &[Lanes], w: &[Lanes], bias: f32) = generic::mix_down::<true>;
        });
    };
}

// Four time steps to a tile: of eight the compiler keeps the sums in memory, which costs ten times the time (measured).
compile_for!(AVX2, "avx2", "avx2,fma", 4);
compile_for!(AVX512, "avx512", "avx2,fma,avx512f,avx512vl,avx512dq,avx512bw", 4);
