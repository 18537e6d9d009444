//! 8-bit products on x86-64: AVX2, and the dot products of AVX-VNNI (256 bit) and AVX-512 VNNI.
use super::integer::{Dot, Integer, Product, multiply};
use super::sparse::{self, SparseProduct};
use super::x86::{has_avx2, has_avx512};
use super::x86_sparse::{One512, OneAvx2, OneVnni};
use super::x86_sparse_four::{Four512, FourAvx2, FourVnni};
use super::{Quads, Sums};
use std::arch::x86_64::*;

/// AVX-VNNI: Intel since Alder Lake (2021), AMD since Zen 5 (2024).
pub fn has_avx_vnni() -> bool {
    has_avx2() && is_x86_feature_detected!("avxvnni")
}

/// AVX-512 VNNI: Intel servers since Cascade Lake (2019), AMD since Zen 4 (2022).
pub fn has_avx512_vnni() -> bool {
    has_avx512() && is_x86_feature_detected!("avx512vnni")
}

// The three types must only be named in functions that are compiled for the CPU features they need, which is why they stay
// private: every SAFETY below rests on that. All memory they read or write is a whole aligned `Quads` or `Sums` of 64 bytes.

/// Two registers of eight sums, products by AVX2.
#[derive(Clone, Copy)]
struct Avx2([__m256i; 2]);

/// Two registers of eight sums, products by AVX-VNNI.
#[derive(Clone, Copy)]
struct AvxVnni([__m256i; 2]);

/// One register of sixteen sums.
#[derive(Clone, Copy)]
struct Avx512Vnni(__m512i);

#[inline(always)]
fn two(from: *const __m256i) -> [__m256i; 2] {
    // SAFETY: the rule above.
    unsafe { [_mm256_load_si256(from), _mm256_load_si256(from.add(1))] }
}

#[inline(always)]
fn put_two(x: [__m256i; 2], to: &mut Sums) {
    let to = std::ptr::from_mut(to).cast::<__m256i>();
    // SAFETY: the rule above, and the borrow is exclusive.
    unsafe {
        _mm256_store_si256(to, x[0]);
        _mm256_store_si256(to.add(1), x[1]);
    }
}

impl Dot for Avx2 {
    /// The activations without their 128, and their magnitudes.
    type X = (__m256i, __m256i);
    type W = [__m256i; 2];

    #[inline(always)]
    fn start(from: &Sums) -> Self {
        // The activations' 128 is taken off them here, so `from`, which makes up for it, is not wanted.
        let _ = from;
        // SAFETY: the rule above.
        Self(unsafe { [_mm256_setzero_si256(); 2] })
    }
    #[inline(always)]
    fn splat(x: &[u8; 4]) -> Self::X {
        // SAFETY: the rule above.
        unsafe {
            let x = _mm256_set1_epi32(i32::from_le_bytes(*x) ^ i32::from_le_bytes([128; 4]));
            (x, _mm256_abs_epi8(x))
        }
    }
    #[inline(always)]
    fn load(w: &Quads) -> Self::W {
        two(std::ptr::from_ref(w).cast())
    }
    /// `|x| (w sign x)`: magnitudes of at most 127 keep the sum of two products within 16 bits, where `x + 128` would not.
    #[inline(always)]
    fn add_product(self, w: Self::W, (x, magnitude): Self::X) -> Self {
        // SAFETY: the rule above.
        let one = |sum, w| unsafe {
            let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(w, x));
            _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        };
        Self([one(self.0[0], w[0]), one(self.0[1], w[1])])
    }
    #[inline(always)]
    fn add(self, sums: Self) -> Self {
        // SAFETY: the rule above.
        let one = |a, b| unsafe { _mm256_add_epi32(a, b) };
        Self([one(self.0[0], sums.0[0]), one(self.0[1], sums.0[1])])
    }
    #[inline(always)]
    fn store(self, to: &mut Sums) {
        put_two(self.0, to);
    }
}

impl Dot for AvxVnni {
    type X = __m256i;
    type W = [__m256i; 2];

    #[inline(always)]
    fn start(from: &Sums) -> Self {
        Self(two(std::ptr::from_ref(from).cast()))
    }
    #[inline(always)]
    fn splat(x: &[u8; 4]) -> Self::X {
        // SAFETY: the rule above.
        unsafe { _mm256_set1_epi32(i32::from_le_bytes(*x)) }
    }
    #[inline(always)]
    fn load(w: &Quads) -> Self::W {
        two(std::ptr::from_ref(w).cast())
    }
    #[inline(always)]
    fn add_product(self, w: Self::W, x: Self::X) -> Self {
        // SAFETY: the rule above.
        let one = |sum, w| unsafe { _mm256_dpbusd_avx_epi32(sum, x, w) };
        Self([one(self.0[0], w[0]), one(self.0[1], w[1])])
    }
    #[inline(always)]
    fn add(self, sums: Self) -> Self {
        // SAFETY: the rule above.
        let one = |a, b| unsafe { _mm256_add_epi32(a, b) };
        Self([one(self.0[0], sums.0[0]), one(self.0[1], sums.0[1])])
    }
    #[inline(always)]
    fn store(self, to: &mut Sums) {
        put_two(self.0, to);
    }
}

impl Dot for Avx512Vnni {
    type X = __m512i;
    type W = __m512i;

    #[inline(always)]
    fn start(from: &Sums) -> Self {
        // SAFETY: the rule above.
        Self(unsafe { _mm512_load_si512(std::ptr::from_ref(from).cast()) })
    }
    #[inline(always)]
    fn splat(x: &[u8; 4]) -> Self::X {
        // SAFETY: the rule above.
        unsafe { _mm512_set1_epi32(i32::from_le_bytes(*x)) }
    }
    #[inline(always)]
    fn load(w: &Quads) -> Self::W {
        // SAFETY: the rule above.
        unsafe { _mm512_load_si512(std::ptr::from_ref(w).cast()) }
    }
    #[inline(always)]
    fn add_product(self, w: Self::W, x: Self::X) -> Self {
        // SAFETY: the rule above.
        Self(unsafe { _mm512_dpbusd_epi32(self.0, x, w) })
    }
    #[inline(always)]
    fn add(self, sums: Self) -> Self {
        // SAFETY: the rule above.
        Self(unsafe { _mm512_add_epi32(self.0, sums.0) })
    }
    #[inline(always)]
    fn store(self, to: &mut Sums) {
        // SAFETY: the rule above, and the borrow is exclusive.
        unsafe { _mm512_store_si512(std::ptr::from_mut(to).cast(), self.0) }
    }
}

macro_rules! compile_for {
    ($table:ident, $name:literal, $features:literal, $dot:ident, $($groups:literal),*; $one:ident, $four:ident, $($fours:literal),*) => {
        pub const $table: Integer = {
            fn run(y: &mut [Sums], product: Product) {
                #[target_feature(enable = $features)]
                fn compiled(y: &mut [Sums], product: Product) {
                    multiply::<$dot, $($groups),*>(y, product);
                }
                // SAFETY: `integer::available` hands this table out only after the CPU said that it has the features.
                unsafe { compiled(y, product) }
            }
            fn run_sparse(y: &mut [Sums], product: SparseProduct) {
                #[target_feature(enable = $features)]
                fn compiled(y: &mut [Sums], product: SparseProduct) {
                    sparse::multiply::<$one, $four, $($fours),*>(y, product);
                }
                // SAFETY: as above.
                unsafe { compiled(y, product) }
            }
            Integer { name: $name, multiply: run, multiply_sparse: run_sparse }
        };
    };
}

// Tiles whose sums and operands fit 16 registers, or 32 with AVX-512: voices, then groups of rows, see `multiply`; after the
// semicolon fours of voices, parts of their sums, and how many voices are worth a four, see `sparse::multiply`.
compile_for!(AVX2, "avx2", "avx2,fma", Avx2, 2, 4, 1, 2, 1; OneAvx2, FourAvx2, 1, 1, 3);
compile_for!(AVX_VNNI, "avxvnni", "avx2,fma,avxvnni", AvxVnni, 4, 4, 1, 2, 1; OneVnni, FourVnni, 2, 1, 2);
compile_for!(
    AVX512_VNNI, "avx512vnni", "avx512vl,avx512dq,avx512bw,avx512vnni", Avx512Vnni, 4, 4, 2, 4, 4; One512, Four512, 4, 2, 2
);
