//! Products with blocks of 8-bit weights on x86-64, four voices: AVX2, AVX-VNNI (256 bit) and AVX-512 VNNI.
//!
//! A lane of 128 bits holds the sums of one row: the activations of four voices are the same in all lanes, so that one load
//! brings them, and a shuffle makes a block's rows into lanes.
use super::sparse::{Block, Tile};
use super::x86_sparse::{Rows, load, multiply_add, parted, put, start_at, sum};
use std::arch::x86_64::*;

// Every SAFETY here rests on the rule of `x86_sparse`.

#[inline(always)]
fn broadcast(x: &[[u8; 4]; 4]) -> __m256i {
    // SAFETY: the rule above.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(std::ptr::from_ref(x).cast())) }
}

/// A block's rows n and 4 + n, four times each, in register n.
#[inline(always)]
fn in_lanes(w: __m256i) -> [__m256i; 4] {
    // SAFETY: the rule above.
    unsafe {
        [
            _mm256_shuffle_epi32::<0x00>(w),
            _mm256_shuffle_epi32::<0x55>(w),
            _mm256_shuffle_epi32::<0xaa>(w),
            _mm256_shuffle_epi32::<0xff>(w),
        ]
    }
}

/// From rows n and 4 + n of four voices in register n to eight rows of voice n.
#[inline(always)]
fn by_voice([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    // SAFETY: the rule above.
    unsafe {
        let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
        let (ab_high, cd_high) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
        [
            _mm256_unpacklo_epi64(ab, cd),
            _mm256_unpackhi_epi64(ab, cd),
            _mm256_unpacklo_epi64(ab_high, cd_high),
            _mm256_unpackhi_epi64(ab_high, cd_high),
        ]
    }
}

/// Four registers of rows n and 4 + n, products by AVX2.
#[derive(Clone, Copy)]
pub(super) struct FourAvx2([__m256i; 4]);

impl Tile<4> for FourAvx2 {
    type Entry = ([[u8; 4]; 4], [[u8; 4]; 4]);
    type X = (__m256i, __m256i);
    type W = [__m256i; 4];
    type Rows = __m256i;
    const NOTHING: Self::Entry = ([[0; 4]; 4], [[0; 4]; 4]);

    #[inline(always)]
    fn zero() -> Self {
        // SAFETY: the rule above.
        Self(unsafe { [_mm256_setzero_si256(); 4] })
    }
    #[inline(always)]
    fn enter(x: [[u8; 4]; 4]) -> Self::Entry {
        parted(x)
    }
    #[inline(always)]
    fn spread((x, magnitude): &Self::Entry) -> Self::X {
        (broadcast(x), broadcast(magnitude))
    }
    #[inline(always)]
    fn load(w: &Block) -> Self::W {
        in_lanes(load(w))
    }
    #[inline(always)]
    fn add_product(self, w: Self::W, x: Self::X) -> Self {
        let one = |n: usize| multiply_add(self.0[n], w[n], x);
        Self([one(0), one(1), one(2), one(3)])
    }
    #[inline(always)]
    fn add(self, sums: Self) -> Self {
        let one = |n: usize| sum(self.0[n], sums.0[n]);
        Self([one(0), one(1), one(2), one(3)])
    }
    #[inline(always)]
    fn split(self, _start: &Rows) -> [__m256i; 4] {
        by_voice(self.0)
    }
    #[inline(always)]
    fn store(rows: __m256i, to: &mut Rows) {
        put(rows, to);
    }
}

/// Four registers of rows n and 4 + n, products by AVX-VNNI.
#[derive(Clone, Copy)]
pub(super) struct FourVnni([__m256i; 4]);

impl Tile<4> for FourVnni {
    type Entry = [[u8; 4]; 4];
    type X = __m256i;
    type W = [__m256i; 4];
    type Rows = __m256i;
    const NOTHING: Self::Entry = [[0; 4]; 4];

    #[inline(always)]
    fn zero() -> Self {
        // SAFETY: the rule above.
        Self(unsafe { [_mm256_setzero_si256(); 4] })
    }
    #[inline(always)]
    fn enter(x: [[u8; 4]; 4]) -> Self::Entry {
        x
    }
    #[inline(always)]
    fn spread(x: &Self::Entry) -> __m256i {
        broadcast(x)
    }
    #[inline(always)]
    fn load(w: &Block) -> Self::W {
        in_lanes(load(w))
    }
    #[inline(always)]
    fn add_product(self, w: Self::W, x: __m256i) -> Self {
        // SAFETY: the rule above.
        let one = |n: usize| unsafe { _mm256_dpbusd_avx_epi32(self.0[n], x, w[n]) };
        Self([one(0), one(1), one(2), one(3)])
    }
    #[inline(always)]
    fn add(self, sums: Self) -> Self {
        let one = |n: usize| sum(self.0[n], sums.0[n]);
        Self([one(0), one(1), one(2), one(3)])
    }
    #[inline(always)]
    fn split(self, start: &Rows) -> [__m256i; 4] {
        let (start, [a, b, c, d]) = (start_at(start), by_voice(self.0));
        [sum(a, start), sum(b, start), sum(c, start), sum(d, start)]
    }
    #[inline(always)]
    fn store(rows: __m256i, to: &mut Rows) {
        put(rows, to);
    }
}

/// Rows 0, 4, 1, 5 of four voices, then 2, 6, 3, 7.
#[derive(Clone, Copy)]
pub(super) struct Four512([__m512i; 2]);

/// Bytes of a lane that holds rows 0 to 3 or 4 to 7, for each lane to become row `n`, or row `m`.
const fn rows_of_lanes(n: u8, m: u8) -> [u8; 64] {
    let mut bytes = [0; 64];
    let mut i = 0;
    while i < 64 {
        bytes[i] = 4 * if i < 32 { n } else { m } + i as u8 % 4;
        i += 1;
    }
    bytes
}

/// Places of eight rows of voice `v` and of voice `v + 1` in the two registers.
const fn rows_of_voices(v: i32) -> [i32; 16] {
    let lanes = [0, 8, 16, 24, 4, 12, 20, 28];
    let mut places = [0; 16];
    let mut i = 0;
    while i < 16 {
        places[i] = lanes[i % 8] + v + i as i32 / 8;
        i += 1;
    }
    places
}

static ROWS_OF_LANES: [[u8; 64]; 2] = [rows_of_lanes(0, 1), rows_of_lanes(2, 3)];
static ROWS_OF_VOICES: [[i32; 16]; 2] = [rows_of_voices(0), rows_of_voices(2)];

impl Tile<4> for Four512 {
    type Entry = [[u8; 4]; 4];
    type X = __m512i;
    type W = [__m512i; 2];
    type Rows = __m256i;
    const NOTHING: Self::Entry = [[0; 4]; 4];

    #[inline(always)]
    fn zero() -> Self {
        // SAFETY: the rule above.
        Self(unsafe { [_mm512_setzero_si512(); 2] })
    }
    #[inline(always)]
    fn enter(x: [[u8; 4]; 4]) -> Self::Entry {
        x
    }
    #[inline(always)]
    fn spread(x: &Self::Entry) -> __m512i {
        // SAFETY: the rule above.
        unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(std::ptr::from_ref(x).cast())) }
    }
    #[inline(always)]
    fn load(w: &Block) -> Self::W {
        // SAFETY: the rule above.
        unsafe {
            let w = _mm512_broadcast_i64x4(load(w));
            let rows = |n: usize| _mm512_loadu_si512(ROWS_OF_LANES[n].as_ptr().cast());
            [_mm512_shuffle_epi8(w, rows(0)), _mm512_shuffle_epi8(w, rows(1))]
        }
    }
    #[inline(always)]
    fn add_product(self, w: Self::W, x: __m512i) -> Self {
        // SAFETY: the rule above.
        Self(unsafe { [_mm512_dpbusd_epi32(self.0[0], x, w[0]), _mm512_dpbusd_epi32(self.0[1], x, w[1])] })
    }
    #[inline(always)]
    fn add(self, sums: Self) -> Self {
        // SAFETY: the rule above.
        Self(unsafe { [_mm512_add_epi32(self.0[0], sums.0[0]), _mm512_add_epi32(self.0[1], sums.0[1])] })
    }
    #[inline(always)]
    fn split(self, start: &Rows) -> [__m256i; 4] {
        // SAFETY: the rule above.
        unsafe {
            let start = _mm512_broadcast_i64x4(start_at(start));
            let places = |n: usize| _mm512_loadu_si512(ROWS_OF_VOICES[n].as_ptr().cast());
            let ab = _mm512_add_epi32(_mm512_permutex2var_epi32(self.0[0], places(0), self.0[1]), start);
            let cd = _mm512_add_epi32(_mm512_permutex2var_epi32(self.0[0], places(1), self.0[1]), start);
            let (a, c) = (_mm512_castsi512_si256(ab), _mm512_castsi512_si256(cd));
            let (b, d) = (_mm512_extracti64x4_epi64::<1>(ab), _mm512_extracti64x4_epi64::<1>(cd));
            [a, b, c, d]
        }
    }
    #[inline(always)]
    fn store(rows: __m256i, to: &mut Rows) {
        put(rows, to);
    }
}
