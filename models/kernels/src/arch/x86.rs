//! The inner loops compiled for x86-64 CPUs with AVX2 and FMA, and with AVX-512.
use super::vector::Vector;
use super::{Arch, Bend, ConvShape, FilmRamp, LANES, Lanes, Scaling, Sums, gates, generic};
use std::arch::x86_64::*;

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

/// Implements [`Vector`] on registers of one width. The type must only be named in functions that are compiled for the
/// CPU features it needs, which is why it stays private: every SAFETY below rests on that.
macro_rules! vector {
    ($name:ident, [$register:ty; $($r:literal),*], $load:ident, $load_sums:ident, $convert:ident, $store:ident, $splat:ident, $add:ident, $sub:ident,
     $mul:ident, $fma:ident, $div:ident, $root:ident, $min:ident, $max:ident) => {
        #[derive(Clone, Copy)]
        struct $name([$register; $name::COUNT]);

        impl $name {
            /// Registers that hold one group of channels.
            const COUNT: usize = [$($r),*].len();
            /// Channels of a register.
            const WIDTH: usize = LANES / Self::COUNT;
        }

        impl Vector for $name {
            // SAFETY: all bits zero is a valid value of a vector register.
            const ZERO: Self = unsafe { std::mem::zeroed() };
            #[inline(always)]
            fn load(from: &Lanes) -> Self {
                // SAFETY: the type's rule; `Lanes` is aligned to 64 bytes and the registers divide it evenly.
                Self([$(unsafe { $load(from.0.as_ptr().add($r * Self::WIDTH)) }),*])
            }
            #[inline(always)]
            fn store(self, to: &mut Lanes) {
                // SAFETY: as in `load`, and the borrow is exclusive.
                $(unsafe { $store(to.0.as_mut_ptr().add($r * Self::WIDTH), self.0[$r]) };)*
            }
            #[inline(always)]
            fn from_sums(from: &Sums) -> Self {
                // SAFETY: as in `load`; `Sums` has the layout of `Lanes`.
                Self([$(unsafe { $convert($load_sums(from.0.as_ptr().add($r * Self::WIDTH).cast())) }),*])
            }
            #[inline(always)]
            fn splat(x: f32) -> Self {
                // SAFETY: the type's rule.
                Self([unsafe { $splat(x) }; Self::COUNT])
            }
            #[inline(always)]
            fn add(self, y: Self) -> Self {
                // SAFETY: the type's rule.
                Self([$(unsafe { $add(self.0[$r], y.0[$r]) }),*])
            }
            #[inline(always)]
            fn sub(self, y: Self) -> Self {
                // SAFETY: the type's rule.
                Self([$(unsafe { $sub(self.0[$r], y.0[$r]) }),*])
            }
            #[inline(always)]
            fn mul(self, y: Self) -> Self {
                // SAFETY: the type's rule.
                Self([$(unsafe { $mul(self.0[$r], y.0[$r]) }),*])
            }
            #[inline(always)]
            fn mul_add(self, y: Self, z: Self) -> Self {
                // SAFETY: the type's rule.
                Self([$(unsafe { $fma(self.0[$r], y.0[$r], z.0[$r]) }),*])
            }
            #[inline(always)]
            fn over_root(self, y: Self) -> Self {
                // SAFETY: the type's rule.
                Self([$(unsafe { $div(self.0[$r], $root(y.0[$r])) }),*])
            }
            #[inline(always)]
            fn negative(self) -> Self {
                // SAFETY: the type's rule. Of a NaN the instruction returns the second operand.
                Self([$(unsafe { $min(Self::ZERO.0[$r], self.0[$r]) }),*])
            }
            #[inline(always)]
            fn positive(self) -> Self {
                // SAFETY: as in `negative`.
                Self([$(unsafe { $max(Self::ZERO.0[$r], self.0[$r]) }),*])
            }
        }
    };
}

vector!(
    Avx2, [__m256; 0, 1], _mm256_load_ps, _mm256_load_si256, _mm256_cvtepi32_ps, _mm256_store_ps, _mm256_set1_ps, _mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps,
    _mm256_fmadd_ps, _mm256_div_ps, _mm256_sqrt_ps, _mm256_min_ps, _mm256_max_ps
);
vector!(
    Avx512,
    [__m512; 0],
    _mm512_load_ps,
    _mm512_load_si512,
    _mm512_cvtepi32_ps,
    _mm512_store_ps,
    _mm512_set1_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_fmadd_ps,
    _mm512_div_ps,
    _mm512_sqrt_ps,
    _mm512_min_ps,
    _mm512_max_ps
);

/// Wraps each generic loop in a function compiled with the given CPU features.
macro_rules! compile_for {
    ($table:ident, $name:literal, $features:literal, $v:ident, $tile:literal, { $($f:ident($($arg:ident: $type:ty),*) = $body:expr;)* }) => {
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
    ($table:ident, $name:literal, $features:literal, $v:ident, $tile:literal) => {
        compile_for!($table, $name, $features, $v, $tile, {
            gemv(y: &mut [Lanes], w: &[Lanes], x: &[f32]) = generic::gemv::<$v>;
            tanh(x: &mut [f32]) = generic::tanh::<true>;
            conv(y: &mut [Lanes], x: &[Lanes], w: &[Lanes], bias: &[Lanes], shape: ConvShape) = generic::conv::<$v, $tile>;
            conv_mono(y: &mut [Lanes], x: &[f32], w: &[Lanes], bias: &[Lanes], shape: ConvShape) = generic::conv_mono::<$v>;
            depthwise(y: &mut [Lanes], x: &[Lanes], w: &[Lanes], bias: &[Lanes], shape: ConvShape) = generic::depthwise::<$v>;
            film(y: &mut [Lanes], q: &[Lanes], bend: &Bend, ramp: &FilmRamp) = generic::film::<$v>;
            mix_down(y: &mut [f32], x: &[Lanes], w: &[Lanes], bias: f32) = generic::mix_down::<$v>;
            scale_sums(y: &mut [Lanes], sums: &[Sums], scaling: Scaling) = gates::scale_sums::<$v>;
            gru_gates(h: &mut [Lanes], q: &mut [u8], x: &[Lanes], sums: &[Sums], scaling: Scaling) = gates::gru_gates::<true>;
            weigh(y: &mut [Lanes], x: &[Lanes], top: f32, floor: f32, sharpness: f32) = gates::weigh::<true>;
        });
    };
}

compile_for!(AVX2, "avx2", "avx2,fma", Avx2, 4);
compile_for!(AVX512, "avx512", "avx2,fma,avx512f,avx512vl,avx512dq,avx512bw", Avx512, 8);
