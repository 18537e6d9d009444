//! Products with blocks of 8-bit weights on x86-64, one voice: AVX2, AVX-VNNI and AVX-512 VNNI, all in registers of 256 bits.
use super::sparse::{BLOCK_ROWS, Block, Tile};
use std::arch::x86_64::*;

// As in `x86_integer`, every SAFETY here rests on this: the types are only named in functions that are compiled for the CPU
// features they need. Memory is read and written through references to as many bytes, without a need for alignment.

/// Sums of eight rows in memory.
pub(super) type Rows = [i32; BLOCK_ROWS];

#[inline(always)]
pub(super) fn load(w: &Block) -> __m256i {
    // SAFETY: the rule above.
    unsafe { _mm256_loadu_si256(std::ptr::from_ref(w).cast()) }
}

#[inline(always)]
pub(super) fn start_at(start: &Rows) -> __m256i {
    // SAFETY: the rule above.
    unsafe { _mm256_loadu_si256(std::ptr::from_ref(start).cast()) }
}

#[inline(always)]
pub(super) fn put(rows: __m256i, to: &mut Rows) {
    // SAFETY: the rule above, and the borrow is exclusive.
    unsafe { _mm256_storeu_si256(std::ptr::from_mut(to).cast(), rows) }
}

#[inline(always)]
pub(super) fn sum(a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: the rule above.
    unsafe { _mm256_add_epi32(a, b) }
}

/// `sum + |x| (w sign x)`: magnitudes of at most 127 keep the sum of two products within 16 bits, where `x + 128` would not.
#[inline(always)]
pub(super) fn multiply_add(sum: __m256i, w: __m256i, (x, magnitude): (__m256i, __m256i)) -> __m256i {
    // SAFETY: the rule above.
    unsafe {
        let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(w, x));
        _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }
}

/// Activations without their 128, and their magnitudes.
#[inline(always)]
pub(super) fn parted<const V: usize>(x: [[u8; 4]; V]) -> ([[u8; 4]; V], [[u8; 4]; V]) {
    let x = x.map(|x| x.map(|x| x ^ 128));
    (x, x.map(|x| x.map(|x| (x as i8).unsigned_abs())))
}

/// One register of eight sums, products by AVX2.
#[derive(Clone, Copy)]
pub(super) struct OneAvx2(__m256i);

impl Tile<1> for OneAvx2 {
    type Entry = ([[u8; 4]; 1], [[u8; 4]; 1]);
    type X = (__m256i, __m256i);
    type W = __m256i;
    type Rows = __m256i;
    const NOTHING: Self::Entry = ([[0; 4]; 1], [[0; 4]; 1]);

    #[inline(always)]
    fn zero() -> Self {
        // SAFETY: the rule above.
        Self(unsafe { _mm256_setzero_si256() })
    }
    #[inline(always)]
    fn enter(x: [[u8; 4]; 1]) -> Self::Entry {
        parted(x)
    }
    #[inline(always)]
    fn spread(([x], [magnitude]): &Self::Entry) -> Self::X {
        // SAFETY: the rule above.
        let one = |x: &[u8; 4]| unsafe { _mm256_set1_epi32(i32::from_le_bytes(*x)) };
        (one(x), one(magnitude))
    }
    #[inline(always)]
    fn load(w: &Block) -> __m256i {
        load(w)
    }
    #[inline(always)]
    fn add_product(self, w: __m256i, x: Self::X) -> Self {
        Self(multiply_add(self.0, w, x))
    }
    #[inline(always)]
    fn add(self, sums: Self) -> Self {
        Self(sum(self.0, sums.0))
    }
    /// The activations' 128 was taken off them, so `start`, which makes up for it, is not wanted.
    #[inline(always)]
    fn split(self, _start: &Rows) -> [__m256i; 1] {
        [self.0]
    }
    #[inline(always)]
    fn store(rows: __m256i, to: &mut Rows) {
        put(rows, to);
    }
}

/// One register of eight sums, products by the instruction named.
macro_rules! one_voice {
    ($name:ident, $product:ident) => {
        #[derive(Clone, Copy)]
        pub(super) struct $name(__m256i);

        impl Tile<1> for $name {
            type Entry = [[u8; 4]; 1];
            type X = __m256i;
            type W = __m256i;
            type Rows = __m256i;
            const NOTHING: Self::Entry = [[0; 4]; 1];

            #[inline(always)]
            fn zero() -> Self {
                // SAFETY: the rule above.
                Self(unsafe { _mm256_setzero_si256() })
            }
            #[inline(always)]
            fn enter(x: [[u8; 4]; 1]) -> Self::Entry {
                x
            }
            #[inline(always)]
            fn spread([x]: &Self::Entry) -> __m256i {
                // SAFETY: the rule above.
                unsafe { _mm256_set1_epi32(i32::from_le_bytes(*x)) }
            }
            #[inline(always)]
            fn load(w: &Block) -> __m256i {
                load(w)
            }
            #[inline(always)]
            fn add_product(self, w: __m256i, x: __m256i) -> Self {
                // SAFETY: the rule above.
                Self(unsafe { $product(self.0, x, w) })
            }
            #[inline(always)]
            fn add(self, sums: Self) -> Self {
                Self(sum(self.0, sums.0))
            }
            #[inline(always)]
            fn split(self, start: &Rows) -> [__m256i; 1] {
                [sum(self.0, start_at(start))]
            }
            #[inline(always)]
            fn store(rows: __m256i, to: &mut Rows) {
                put(rows, to);
            }
        }
    };
}

one_voice!(OneVnni, _mm256_dpbusd_avx_epi32);
one_voice!(One512, _mm256_dpbusd_epi32);
