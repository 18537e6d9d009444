//! The few inner loops that are written per CPU; chosen once, when a model is loaded.
//!
//! The loops stand once, in [`generic`], over [`Lanes`] held in registers; each CPU's file says how it holds them and
//! compiles the loops with its instructions. A table of function pointers, [`Arch`], is all that the layers see. This
//! folder holds the crate's only `unsafe`: CPU instructions (after detection), and the control register of the floating
//! point unit.
#![allow(unsafe_code)] // CPU instructions, calls into `#[target_feature]` functions, a cast of `[Lanes]` to `[f32]`.

mod denormals;
mod exponential;
mod gates;
pub mod generic;
pub mod integer;
pub mod sparse;
mod table;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_integer;
#[cfg(target_arch = "x86_64")]
mod x86_sparse;
#[cfg(target_arch = "x86_64")]
mod x86_sparse_four;

pub use denormals::FlushDenormals;
pub use table::{available, best};

/// Channels that are computed together: one AVX-512 register, two of AVX2, four of SSE2 and NEON.
pub const LANES: usize = 16;

/// Sixteen channels of one frame, aligned to a cache line so that no load of a whole group straddles two.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Lanes(pub [f32; LANES]);

impl Lanes {
    /// All channels zero.
    pub const ZERO: Self = Self([0.0; LANES]);
}

/// Sums of 8-bit products, or what such sums start from, for sixteen rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Sums(pub [i32; LANES]);

impl Sums {
    /// All sums zero.
    pub const ZERO: Self = Self([0; LANES]);
}

/// Four columns of sixteen rows of 8-bit weights, `[row][column]`: what one instruction of the newest CPUs multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Quads(pub [[i8; 4]; LANES]);

impl Quads {
    /// All weights zero.
    pub const ZERO: Self = Self([[0; 4]; LANES]);
}

/// Groups of [`LANES`] that hold `channels`.
pub const fn panels(channels: usize) -> usize {
    channels.div_ceil(LANES)
}

/// One number for each channel in whole groups, zero beyond the last.
pub(crate) fn padded(values: &[f32]) -> Vec<Lanes> {
    let mut padded = vec![Lanes::ZERO; panels(values.len())];
    flat_mut(&mut padded)[..values.len()].copy_from_slice(values);
    padded
}

/// The same memory as plain numbers.
pub fn flat(lanes: &[Lanes]) -> &[f32] {
    // SAFETY: `Lanes` is `repr(C)` around `[f32; LANES]` and 64 bytes long, so it has no padding.
    unsafe { std::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len() * LANES) }
}

/// The same memory as plain numbers, to write.
pub fn flat_mut(lanes: &mut [Lanes]) -> &mut [f32] {
    // SAFETY: as in `flat`, and the borrow is exclusive.
    unsafe { std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), lanes.len() * LANES) }
}

/// Shape of a valid, dilated, causal convolution.
#[derive(Clone, Copy, Debug)]
pub struct ConvShape {
    /// Panels of one input frame; unused where the input is one channel or the same panels.
    pub panels_in: usize,
    /// Panels of one output frame.
    pub panels_out: usize,
    /// Taps, the newest last as in PyTorch.
    pub taps: usize,
    /// Samples between taps.
    pub dilation: usize,
}

impl ConvShape {
    /// Frames before the first output that the oldest tap reaches back to.
    pub const fn history(&self) -> usize {
        (self.taps - 1) * self.dilation
    }
}

/// Modulation of one FiLM at one end of a frame, `[panels]` each.
#[derive(Clone, Copy)]
pub struct FilmEnd<'a> {
    /// Factor of each channel.
    pub gain: &'a [Lanes],
    /// Added after it; empty when the model has none.
    pub shift: &'a [Lanes],
    /// Change of the gain for each unit of the level; empty when the model hears none.
    pub swing: &'a [Lanes],
}

/// Modulation of one FiLM over a frame: straight lines between its two ends.
#[derive(Clone, Copy)]
pub struct FilmRamp<'a> {
    /// At the start of the frame.
    pub from: FilmEnd<'a>,
    /// At its end.
    pub to: FilmEnd<'a>,
    /// The input's level at each output; empty when the model hears none.
    pub levels: &'a [f32],
    /// Sample of the frame that the first output belongs to.
    pub first: usize,
    /// One over the frame's length in samples.
    pub per_sample: f32,
}

/// What bends a FiLM's output, channel by channel.
#[derive(Clone, Copy)]
pub struct Bend<'a> {
    /// PReLU slopes, `[panels]`.
    pub slope: &'a [Lanes],
    /// One over the square of the level at which a channel saturates, `[panels]`; empty when none does.
    pub curve: &'a [Lanes],
}

/// How the sums of 8-bit products become numbers: `sum scale + bias`, a factor and a bias for each row, `[panels]`.
#[derive(Clone, Copy)]
pub struct Scaling<'a> {
    /// Step of the row's weights times step of the activations.
    pub scale: &'a [Lanes],
    /// Added after it.
    pub bias: &'a [Lanes],
}

/// A convolution from groups of sixteen: outputs, inputs, weights, bias, shape.
pub type ConvLoop = fn(&mut [Lanes], &[Lanes], &[Lanes], &[Lanes], ConvShape);
/// A convolution from one channel: outputs, inputs, weights, bias, shape.
pub type MonoConvLoop = fn(&mut [Lanes], &[f32], &[Lanes], &[Lanes], ConvShape);

/// The gates of a GRU: outputs, the same in 8 bits, gates from the input, sums from the last output, their scaling.
pub type GatesLoop = fn(&mut [Lanes], &mut [u8], &[Lanes], &[Sums], Scaling);

/// One CPU's implementations of the inner loops. Frames are `[time][panel]`, weights `[panel][tap][input]` of [`Lanes`].
pub struct Arch {
    /// Name in benches and messages: `portable`, `avx2`, `avx512`, `neon`.
    pub name: &'static str,
    /// `y += W x`: `(y [panels], w [panels][inputs], x [inputs])`.
    pub gemv: fn(&mut [Lanes], &[Lanes], &[f32]),
    /// Hyperbolic tangent of each element, absolute error at most 2.5e-7.
    pub tanh: fn(&mut [f32]),
    /// Valid dilated convolution: `(y [time][panels], x [history + time][panels_in], w, bias [panels])`.
    pub conv: ConvLoop,
    /// The same from one channel: `(y [time][panels], x [history + time], w [panels][taps], bias)`.
    pub conv_mono: MonoConvLoop,
    /// Each channel by its own taps: `(y [time][panels], x [history + time][panels], w [taps][panels], bias)`.
    pub depthwise: ConvLoop,
    /// `y += PReLU(v / sqrt(1 + curve v v))`, `v = gain q + shift`: `(y [time][panels], q [time][panels], bend, ramp)`.
    pub film: fn(&mut [Lanes], &[Lanes], &Bend, &FilmRamp),
    /// All channels to one: `(y [time], x [time][panels], w [panels], bias)`.
    pub mix_down: fn(&mut [f32], &[Lanes], &[Lanes], f32),
    /// Sums of 8-bit products to numbers: `(y [panels], sums [panels], scaling)`.
    pub scale_sums: fn(&mut [Lanes], &[Sums], Scaling),
    /// The gates of a GRU, r and z halved: `(h [panels], q [16 panels], from the input [3 panels], from the last output
    /// [3 panels], its scaling)`. `q` becomes `h` in steps of 1/127, plus 128.
    pub gru_gates: GatesLoop,
    /// `y = exp((x - top) sharpness)`, and 0 where `x` is below `floor`; no `x` may lie above `top`, relative error at most
    /// 3e-7 and 2e-7 per unit of the exponent: `(y [panels], x [panels], top, floor, sharpness)`.
    pub weigh: fn(&mut [Lanes], &[Lanes], f32, f32, f32),
}

impl std::fmt::Debug for Arch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
