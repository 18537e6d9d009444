//! The inner loops, once, for every CPU: plain arithmetic on groups of sixteen channels that the compiler turns into vectors.
//!
//! `FMA` says whether the CPU multiplies and adds in one instruction (without it `mul_add` would call a slow library
//! routine), `TILE` how many time steps share one load of a weight. The order of additions for one output does not depend
//! on where a block was cut, so any cut gives the same bits.
use super::{ConvShape, FilmRamp, LANES, Lanes, flat};

#[inline(always)]
fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `sum += x w`, lane by lane.
#[inline(always)]
fn accumulate<const FMA: bool>(sum: &mut [f32; LANES], x: f32, w: &[f32; LANES]) {
    for l in 0..LANES {
        sum[l] = fma::<FMA>(x, w[l], sum[l]);
    }
}

/// See [`super::Arch::gemv`]. Four independent sums hide the latency of the additions.
#[inline(always)]
pub fn gemv<const FMA: bool>(y: &mut [Lanes], w: &[Lanes], x: &[f32]) {
    debug_assert_eq!(w.len(), y.len() * x.len());
    for (y, w) in y.iter_mut().zip(w.chunks_exact(x.len())) {
        let mut sums = [[0.0; LANES]; 4];
        let (x4, x_rest) = x.as_chunks::<4>();
        let (w4, w_rest) = w.as_chunks::<4>();
        for (x, w) in x4.iter().zip(w4) {
            for chain in 0..4 {
                accumulate::<FMA>(&mut sums[chain], x[chain], &w[chain].0);
            }
        }
        for (x, w) in x_rest.iter().zip(w_rest) {
            accumulate::<FMA>(&mut sums[0], *x, &w.0);
        }
        for l in 0..LANES {
            y.0[l] += (sums[0][l] + sums[1][l]) + (sums[2][l] + sums[3][l]);
        }
    }
}

/// See [`super::Arch::tanh`]: `tanh |x| = (1 - e) / (1 + e)` with `e = 2^(-2 |x| / ln 2)`.
///
/// `2^f` for `f` in [-1/2, 1/2] is its Taylor polynomial of degree 6 (relative remainder 1.2e-7, at most a quarter of
/// which reaches the result); the rest of the error is rounding.
#[inline(always)]
pub fn tanh<const FMA: bool>(x: &mut [f32]) {
    /// ln(2)^n / n!, n = 6 down to 1.
    const TAYLOR: [f32; 6] =
        [1.540353e-4, 1.3333558e-3, 9.618129e-3, 5.5504109e-2, 2.4022651e-1, std::f32::consts::LN_2];
    /// 1.5 x 2^23: adding it leaves the nearest integer in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    #[inline(always)]
    fn one<const FMA: bool>(x: f32) -> f32 {
        // Beyond 10 the result is 1 to the last bit; NaN passes through `min` as 10 and is restored by the sign below.
        let exponent = x.abs().min(10.0) * (-2.0 * std::f32::consts::LOG2_E);
        let rounded = exponent + ROUND;
        let f = exponent - (rounded - ROUND);
        let mut p = TAYLOR[0];
        for c in &TAYLOR[1..] {
            p = fma::<FMA>(p, f, *c);
        }
        p = fma::<FMA>(p, f, 1.0);
        let power = f32::from_bits((rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127)) << 23);
        let e = p * power;
        let y = ((1.0 - e) / (1.0 + e)).copysign(x);
        if x.is_nan() { x } else { y }
    }
    let (groups, rest) = x.as_chunks_mut::<LANES>();
    for group in groups {
        for x in group {
            *x = one::<FMA>(*x);
        }
    }
    for x in rest {
        *x = one::<FMA>(*x);
    }
}

/// See [`super::Arch::conv`]. The sum of one tap over all inputs is one chain; the taps are added in their order.
#[inline(always)]
pub fn conv<const FMA: bool, const TILE: usize>(
    y: &mut [Lanes],
    x: &[Lanes],
    w: &[Lanes],
    bias: &[Lanes],
    shape: ConvShape,
) {
    let time = y.len() / shape.panels_out;
    debug_assert_eq!(x.len(), (time + shape.history()) * shape.panels_in);
    let x = flat(x);
    let per_panel = shape.taps * shape.panels_in * LANES;
    for (panel, (w, bias)) in w.chunks_exact(per_panel).zip(bias).enumerate() {
        let mut t = 0;
        while t + TILE <= time {
            let out: [Lanes; TILE] = conv_tile::<FMA, TILE>(x, w, bias, t, shape);
            for (s, out) in out.into_iter().enumerate() {
                y[(t + s) * shape.panels_out + panel] = out;
            }
            t += TILE;
        }
        while t < time {
            y[t * shape.panels_out + panel] = conv_frame::<FMA>(x, w, bias, t, shape);
            t += 1;
        }
    }
}

/// `TILE` outputs of one panel from time `t` on: each weight is loaded once for all of them.
#[inline(always)]
fn conv_tile<const FMA: bool, const TILE: usize>(
    x: &[f32],
    w: &[Lanes],
    bias: &Lanes,
    t: usize,
    shape: ConvShape,
) -> [Lanes; TILE] {
    let inputs = shape.panels_in * LANES;
    let mut total = [*bias; TILE];
    for (tap, w) in w.chunks_exact(inputs).enumerate() {
        let frames: [&[f32]; TILE] = std::array::from_fn(|s| &x[(t + s + tap * shape.dilation) * inputs..][..inputs]);
        let mut sums = [[0.0; LANES]; TILE];
        // The count is a slice's length and not the constant that it might be: over a loop of fixed length the compiler
        // turns the vectors to run along the inputs, which needs gathers and takes twice the time.
        for (i, w) in w.iter().enumerate().take(frames[0].len()) {
            for s in 0..TILE {
                accumulate::<FMA>(&mut sums[s], frames[s][i], &w.0);
            }
        }
        for s in 0..TILE {
            for l in 0..LANES {
                total[s].0[l] += sums[s][l];
            }
        }
    }
    total
}

/// One output of one panel: several taps run side by side, because one chain of additions would leave the units waiting.
#[inline(always)]
fn conv_frame<const FMA: bool>(x: &[f32], w: &[Lanes], bias: &Lanes, t: usize, shape: ConvShape) -> Lanes {
    let mut total = *bias;
    let mut tap = 0;
    while tap < shape.taps {
        tap += match shape.taps - tap {
            5.. => conv_taps::<FMA, 5>(&mut total, x, w, t, tap, shape),
            3.. => conv_taps::<FMA, 3>(&mut total, x, w, t, tap, shape),
            _ => conv_taps::<FMA, 1>(&mut total, x, w, t, tap, shape),
        };
    }
    total
}

/// Adds `N` taps from `tap` on, in the order in which a tile adds them; returns `N`.
#[inline(always)]
fn conv_taps<const FMA: bool, const N: usize>(
    total: &mut Lanes,
    x: &[f32],
    w: &[Lanes],
    t: usize,
    tap: usize,
    shape: ConvShape,
) -> usize {
    let inputs = shape.panels_in * LANES;
    let frames: [&[f32]; N] = std::array::from_fn(|n| &x[(t + (tap + n) * shape.dilation) * inputs..][..inputs]);
    let weights: [&[Lanes]; N] = std::array::from_fn(|n| &w[(tap + n) * inputs..][..inputs]);
    let mut sums = [[0.0; LANES]; N];
    for i in 0..frames[0].len() {
        for n in 0..N {
            accumulate::<FMA>(&mut sums[n], frames[n][i], &weights[n][i].0);
        }
    }
    for sum in sums {
        for l in 0..LANES {
            total.0[l] += sum[l];
        }
    }
    N
}

/// See [`super::Arch::conv_mono`].
#[inline(always)]
pub fn conv_mono<const FMA: bool>(y: &mut [Lanes], x: &[f32], w: &[Lanes], bias: &[Lanes], shape: ConvShape) {
    let time = y.len() / shape.panels_out;
    debug_assert_eq!(x.len(), time + shape.history());
    for (panel, (w, bias)) in w.chunks_exact(shape.taps).zip(bias).enumerate() {
        for t in 0..time {
            let mut sum = bias.0;
            for (tap, w) in w.iter().enumerate() {
                accumulate::<FMA>(&mut sum, x[t + tap * shape.dilation], &w.0);
            }
            y[t * shape.panels_out + panel].0 = sum;
        }
    }
}

/// See [`super::Arch::depthwise`].
#[inline(always)]
pub fn depthwise<const FMA: bool>(y: &mut [Lanes], x: &[Lanes], w: &[Lanes], bias: &[Lanes], shape: ConvShape) {
    let panels = shape.panels_out;
    debug_assert_eq!(x.len(), y.len() + shape.history() * panels);
    for (t, y) in y.chunks_exact_mut(panels).enumerate() {
        for (panel, y) in y.iter_mut().enumerate() {
            let mut sum = bias[panel].0;
            for tap in 0..shape.taps {
                let x = &x[(t + tap * shape.dilation) * panels + panel].0;
                let w = &w[tap * panels + panel].0;
                for l in 0..LANES {
                    sum[l] = fma::<FMA>(x[l], w[l], sum[l]);
                }
            }
            y.0 = sum;
        }
    }
}

/// See [`super::Arch::film`]. The ramp is computed from the sample's place in the frame, so cuts leave no trace.
#[inline(always)]
pub fn film<const FMA: bool>(y: &mut [Lanes], q: &[Lanes], slope: &[Lanes], ramp: &FilmRamp) {
    let panels = slope.len();
    for (t, (y, q)) in y.chunks_exact_mut(panels).zip(q.chunks_exact(panels)).enumerate() {
        let share = (ramp.first + t) as f32 * ramp.per_sample;
        for panel in 0..panels {
            let (from, to) = (&ramp.gain_from[panel].0, &ramp.gain_to[panel].0);
            let mut v = [0.0; LANES];
            for l in 0..LANES {
                v[l] = q[panel].0[l] * fma::<FMA>(share, to[l] - from[l], from[l]);
            }
            if !ramp.shift_from.is_empty() {
                let (from, to) = (&ramp.shift_from[panel].0, &ramp.shift_to[panel].0);
                for l in 0..LANES {
                    v[l] += fma::<FMA>(share, to[l] - from[l], from[l]);
                }
            }
            for l in 0..LANES {
                let negative = v[l].min(0.0);
                y[panel].0[l] += fma::<FMA>(slope[panel].0[l], negative, v[l].max(0.0));
            }
        }
    }
}

/// See [`super::Arch::mix_down`].
#[inline(always)]
pub fn mix_down<const FMA: bool>(y: &mut [f32], x: &[Lanes], w: &[Lanes], bias: f32) {
    for (y, x) in y.iter_mut().zip(x.chunks_exact(w.len())) {
        let mut sums = [0.0; LANES];
        for (x, w) in x.iter().zip(w) {
            for l in 0..LANES {
                sums[l] = fma::<FMA>(x.0[l], w.0[l], sums[l]);
            }
        }
        // A tree of halves: the order in which vector units fold, the same on every path.
        let mut width = LANES / 2;
        while width > 0 {
            for l in 0..width {
                sums[l] += sums[l + width];
            }
            width /= 2;
        }
        *y = sums[0] + bias;
    }
}
