//! The inner loops, once, for every CPU: written on groups of sixteen channels, [`Vector`], that each CPU holds in its own way.
//!
//! `TILE` says how many time steps share one load of a weight: as many as leave all sums in registers. The order of
//! additions for one output does not depend on where a block was cut, so any cut gives the same bits.
use super::exponential::tanh_of;
use super::vector::Vector;
use super::{Bend, ConvShape, FilmRamp, LANES, Lanes};

/// See [`super::Arch::gemv`]. Four independent sums hide the latency of the additions.
#[inline(always)]
pub fn gemv<V: Vector>(y: &mut [Lanes], w: &[Lanes], x: &[f32]) {
    debug_assert_eq!(w.len(), y.len() * x.len());
    for (y, w) in y.iter_mut().zip(w.chunks_exact(x.len())) {
        let mut sums = [V::ZERO; 4];
        let (x4, x_rest) = x.as_chunks::<4>();
        let (w4, w_rest) = w.as_chunks::<4>();
        for (x, w) in x4.iter().zip(w4) {
            for chain in 0..4 {
                sums[chain] = V::splat(x[chain]).mul_add(V::load(&w[chain]), sums[chain]);
            }
        }
        for (x, w) in x_rest.iter().zip(w_rest) {
            sums[0] = V::splat(*x).mul_add(V::load(w), sums[0]);
        }
        let sum = (sums[0].add(sums[1])).add(sums[2].add(sums[3]));
        V::load(y).add(sum).store(y);
    }
}

/// See [`super::Arch::tanh`].
#[inline(always)]
pub fn tanh<const FMA: bool>(x: &mut [f32]) {
    let (groups, rest) = x.as_chunks_mut::<LANES>();
    for group in groups {
        for x in group {
            *x = tanh_of::<FMA>(*x);
        }
    }
    for x in rest {
        *x = tanh_of::<FMA>(*x);
    }
}

/// See [`super::Arch::conv`]. The sum of one tap over all inputs is one chain; the taps are added in their order.
#[inline(always)]
pub fn conv<V: Vector, const TILE: usize>(y: &mut [Lanes], x: &[Lanes], w: &[Lanes], bias: &[Lanes], shape: ConvShape) {
    // Shapes of the published phaser, which the compiler turns into straight code when it knows them.
    match shape {
        ConvShape { panels_in: 1, panels_out: 1, taps: 5, dilation: 1 } => {
            conv_any::<V, TILE>(y, x, w, bias, ConvShape { panels_in: 1, panels_out: 1, taps: 5, dilation: 1 });
        }
        ConvShape { panels_in: 1, panels_out: 1, taps: 1, .. } => {
            conv_any::<V, TILE>(y, x, w, bias, ConvShape { panels_in: 1, panels_out: 1, taps: 1, dilation: 1 });
        }
        _ => conv_any::<V, TILE>(y, x, w, bias, shape),
    }
}

#[inline(always)]
fn conv_any<V: Vector, const TILE: usize>(y: &mut [Lanes], x: &[Lanes], w: &[Lanes], bias: &[Lanes], shape: ConvShape) {
    let (w, _) = w.as_chunks::<LANES>();
    let per_panel = shape.taps * shape.panels_in;
    for (panel, bias) in bias.iter().enumerate() {
        let w = &w[panel * per_panel..][..per_panel];
        let bias = V::load(bias);
        // No division on the way from shapes to loops: for a block of one sample it would cost as much as the layer.
        let (mut t, mut at) = (0, panel);
        while at + (TILE - 1) * shape.panels_out < y.len() {
            let out: [V; TILE] = conv_tile(x, w, bias, t, shape);
            for out in out {
                out.store(&mut y[at]);
                at += shape.panels_out;
            }
            t += TILE;
        }
        while at < y.len() {
            conv_frame(x, w, bias, t, shape).store(&mut y[at]);
            at += shape.panels_out;
            t += 1;
        }
    }
}

/// `TILE` outputs of one panel from time `t` on: each weight is loaded once for all of them.
#[inline(always)]
fn conv_tile<V: Vector, const TILE: usize>(
    x: &[Lanes],
    w: &[[Lanes; LANES]],
    bias: V,
    t: usize,
    shape: ConvShape,
) -> [V; TILE] {
    let mut total = [bias; TILE];
    for tap in 0..shape.taps {
        let mut sums = [V::ZERO; TILE];
        for panel in 0..shape.panels_in {
            let w = &w[tap * shape.panels_in + panel];
            let mut frames = [&Lanes::ZERO; TILE];
            for (s, frame) in frames.iter_mut().enumerate() {
                *frame = &x[(t + s + tap * shape.dilation) * shape.panels_in + panel];
            }
            for i in 0..LANES {
                let w = V::load(&w[i]);
                for s in 0..TILE {
                    sums[s] = V::splat(frames[s].0[i]).mul_add(w, sums[s]);
                }
            }
        }
        for s in 0..TILE {
            total[s] = total[s].add(sums[s]);
        }
    }
    total
}

/// One output of one panel: several taps run side by side, because one chain of additions would leave the units waiting.
#[inline(always)]
fn conv_frame<V: Vector>(x: &[Lanes], w: &[[Lanes; LANES]], bias: V, t: usize, shape: ConvShape) -> V {
    let mut total = bias;
    let mut tap = 0;
    while tap < shape.taps {
        tap += match shape.taps - tap {
            5.. => conv_taps::<V, 5>(&mut total, x, w, t, tap, shape),
            3.. => conv_taps::<V, 3>(&mut total, x, w, t, tap, shape),
            _ => conv_taps::<V, 1>(&mut total, x, w, t, tap, shape),
        };
    }
    total
}

/// Adds `N` taps from `tap` on, in the order in which a tile adds them; returns `N`.
#[inline(always)]
fn conv_taps<V: Vector, const N: usize>(
    total: &mut V,
    x: &[Lanes],
    w: &[[Lanes; LANES]],
    t: usize,
    tap: usize,
    shape: ConvShape,
) -> usize {
    let mut sums = [V::ZERO; N];
    for panel in 0..shape.panels_in {
        let mut frames = [(&Lanes::ZERO, &[Lanes::ZERO; LANES]); N];
        for (n, (x_frame, w_frame)) in frames.iter_mut().enumerate() {
            *x_frame = &x[(t + (tap + n) * shape.dilation) * shape.panels_in + panel];
            *w_frame = &w[(tap + n) * shape.panels_in + panel];
        }
        for i in 0..LANES {
            for n in 0..N {
                sums[n] = V::splat(frames[n].0.0[i]).mul_add(V::load(&frames[n].1[i]), sums[n]);
            }
        }
    }
    for sum in sums {
        *total = total.add(sum);
    }
    N
}

/// See [`super::Arch::conv_mono`].
#[inline(always)]
pub fn conv_mono<V: Vector>(y: &mut [Lanes], x: &[f32], w: &[Lanes], bias: &[Lanes], shape: ConvShape) {
    for (panel, bias) in bias.iter().enumerate() {
        let w = &w[panel * shape.taps..][..shape.taps];
        let bias = V::load(bias);
        let (mut t, mut at) = (0, panel);
        while at < y.len() {
            let mut sum = bias;
            for (tap, w) in w.iter().enumerate() {
                sum = V::splat(x[t + tap * shape.dilation]).mul_add(V::load(w), sum);
            }
            sum.store(&mut y[at]);
            at += shape.panels_out;
            t += 1;
        }
    }
}

/// See [`super::Arch::depthwise`].
#[inline(always)]
pub fn depthwise<V: Vector>(y: &mut [Lanes], x: &[Lanes], w: &[Lanes], bias: &[Lanes], shape: ConvShape) {
    debug_assert_eq!(x.len(), y.len() + shape.history() * shape.panels_out);
    match shape.taps {
        5 if shape.panels_out == 1 => {
            depthwise_taps::<V, 5>(y, x, w, bias, ConvShape { panels_in: 1, panels_out: 1, ..shape });
        }
        3 => depthwise_taps::<V, 3>(y, x, w, bias, shape),
        5 => depthwise_taps::<V, 5>(y, x, w, bias, shape),
        7 => depthwise_taps::<V, 7>(y, x, w, bias, shape),
        _ => {
            for (at, y) in y.iter_mut().enumerate() {
                let panel = at % shape.panels_out;
                let mut sum = V::load(&bias[panel]);
                for tap in 0..shape.taps {
                    let x = V::load(&x[at + tap * shape.dilation * shape.panels_out]);
                    sum = x.mul_add(V::load(&w[tap * shape.panels_out + panel]), sum);
                }
                sum.store(y);
            }
        }
    }
}

/// The common numbers of taps, whose weights stay in registers.
#[inline(always)]
fn depthwise_taps<V: Vector, const TAPS: usize>(
    y: &mut [Lanes],
    x: &[Lanes],
    w: &[Lanes],
    bias: &[Lanes],
    shape: ConvShape,
) {
    let stride = shape.dilation * shape.panels_out;
    for (panel, bias) in bias.iter().enumerate() {
        let mut weights = [V::ZERO; TAPS];
        for (tap, weight) in weights.iter_mut().enumerate() {
            *weight = V::load(&w[tap * shape.panels_out + panel]);
        }
        let bias = V::load(bias);
        let mut at = panel;
        while at < y.len() {
            let mut sum = bias;
            for tap in 0..TAPS {
                sum = V::load(&x[at + tap * stride]).mul_add(weights[tap], sum);
            }
            sum.store(&mut y[at]);
            at += shape.panels_out;
        }
    }
}

/// See [`super::Arch::film`]. The ramp is computed from the sample's place in the frame, so cuts leave no trace.
#[inline(always)]
pub fn film<V: Vector>(y: &mut [Lanes], q: &[Lanes], bend: &Bend, ramp: &FilmRamp) {
    let follow = |gain: V, swing: V, level: f32| V::splat(level).mul_add(swing, gain);
    let limit = |v: V, curve: V| v.over_root(v.mul(curve).mul_add(v, V::splat(1.0)));
    // One loop for each kind of model: a question in every sample would cost as much as what it saves.
    match (ramp.levels.is_empty(), bend.curve.is_empty()) {
        (true, true) => film_with(y, q, bend, ramp, |gain: V, _, _| gain, |v: V, _| v),
        (true, false) => film_with(y, q, bend, ramp, |gain: V, _, _| gain, limit),
        (false, true) => film_with(y, q, bend, ramp, follow, |v: V, _| v),
        (false, false) => film_with(y, q, bend, ramp, follow, limit),
    }
}

#[inline(always)]
fn film_with<V: Vector>(
    y: &mut [Lanes],
    q: &[Lanes],
    bend: &Bend,
    ramp: &FilmRamp,
    follow: impl Fn(V, V, f32) -> V,
    limit: impl Fn(V, V) -> V,
) {
    let panels = bend.slope.len();
    for (panel, slope) in bend.slope.iter().enumerate() {
        let line = |from: &[Lanes], to: &[Lanes]| match (from.get(panel), to.get(panel)) {
            (Some(from), Some(to)) => (V::load(from), V::load(to).sub(V::load(from))),
            _ => (V::ZERO, V::ZERO),
        };
        let (gain, gain_rise) = line(ramp.from.gain, ramp.to.gain);
        let (shift, shift_rise) = line(ramp.from.shift, ramp.to.shift);
        let (swing, swing_rise) = line(ramp.from.swing, ramp.to.swing);
        let slope = V::load(slope);
        let curve = bend.curve.get(panel).map_or(V::ZERO, V::load);
        let (mut t, mut at) = (0, panel);
        while at < y.len() {
            let share = V::splat((ramp.first + t) as f32 * ramp.per_sample);
            let shift = share.mul_add(shift_rise, shift);
            let level = ramp.levels.get(t).copied().unwrap_or(0.0);
            let gain = follow(share.mul_add(gain_rise, gain), share.mul_add(swing_rise, swing), level);
            let v = limit(V::load(&q[at]).mul(gain).add(shift), curve);
            slope.mul_add(v.negative(), V::load(&y[at]).add(v.positive())).store(&mut y[at]);
            at += panels;
            t += 1;
        }
    }
}

/// See [`super::Arch::mix_down`].
#[inline(always)]
pub fn mix_down<V: Vector>(y: &mut [f32], x: &[Lanes], w: &[Lanes], bias: f32) {
    for (t, y) in y.iter_mut().enumerate() {
        let x = &x[t * w.len()..][..w.len()];
        let mut sum = V::ZERO;
        for (x, w) in x.iter().zip(w) {
            sum = V::load(x).mul_add(V::load(w), sum);
        }
        let mut sums = Lanes::ZERO;
        sum.store(&mut sums);
        // A tree of halves: the order in which vector units fold, the same on every path.
        let mut width = LANES / 2;
        while width > 0 {
            for l in 0..width {
                sums.0[l] += sums.0[l + width];
            }
            width /= 2;
        }
        *y = sums.0[0] + bias;
    }
}
