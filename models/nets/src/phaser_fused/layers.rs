//! The layers of the audio path over one window, forward and backward, compiled for several CPUs and chosen at run time.
//!
//! `mul_add` is one instruction on every path but the last resort, where it is right but slow.
use multiversion::multiversion;

/// Channels of one vector.
pub const LANES: usize = 16;
/// Sixteen channels of one frame.
pub type Lanes = [f32; LANES];
/// Frames that share one load of a weight.
const TILE: usize = 8;

/// A valid, dilated convolution.
#[derive(Clone, Copy)]
pub struct ConvShape {
    /// Numbers of one input frame.
    pub inputs: usize,
    /// Groups of sixteen of one output frame.
    pub panels: usize,
    /// Taps, newest last.
    pub taps: usize,
    /// Samples between them.
    pub dilation: usize,
}

impl ConvShape {
    fn history(&self) -> usize {
        (self.taps - 1) * self.dilation
    }
}

/// Where a FiLM finds its ramps in the modulation of a window.
pub struct Film<'a> {
    /// Samples between two frames.
    pub frame: usize,
    /// Sample of the window that the first output belongs to.
    pub start: usize,
    /// Groups of sixteen of one frame of modulation.
    pub stride: usize,
    /// Place of the gains in it.
    pub gain: usize,
    /// Place of the shifts, if there are any.
    pub shift: Option<usize>,
    /// Place of the gains' change with the level, if there is a follower.
    pub swing: Option<usize>,
    /// What the follower hears at every sample of the window.
    pub levels: &'a [f32],
}

impl Film<'_> {
    /// What the follower hears at the `t`-th output; without one, nothing.
    #[inline(always)]
    fn level(&self, t: usize) -> f32 {
        if self.swing.is_some() { self.levels[self.start + t] } else { 0.0 }
    }
}

#[inline(always)]
fn fma(sum: &mut Lanes, x: f32, w: &Lanes) {
    for l in 0..LANES {
        sum[l] = x.mul_add(w[l], sum[l]);
    }
}

#[inline(always)]
fn fma_each(sum: &mut Lanes, x: &Lanes, w: &Lanes) {
    for l in 0..LANES {
        sum[l] = x[l].mul_add(w[l], sum[l]);
    }
}

/// `y[t] = bias + sum_tap sum_i x[t + tap d][i] w[tap][i]`.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma"))]
pub fn conv(x: &[f32], w: &[Lanes], bias: &[Lanes], shape: ConvShape) -> Vec<Lanes> {
    let ConvShape { inputs, panels, taps, dilation } = shape;
    let time = x.len() / inputs - shape.history();
    let mut y = vec![[0.0; LANES]; time * panels];
    for panel in 0..panels {
        for first in (0..time).step_by(TILE) {
            // The last tile starts early rather than being cut: its first rows are computed twice, to the same values.
            let t = first.min(time.saturating_sub(TILE));
            let rows = TILE.min(time);
            let mut sums = [bias[panel]; TILE];
            for tap in 0..taps {
                let frames: [&[f32]; TILE] = std::array::from_fn(|s| {
                    let t = t + s.min(rows - 1) + tap * dilation;
                    &x[t * inputs..][..inputs]
                });
                tile_products(&mut sums, frames, &w[tap * inputs * panels + panel..], panels);
            }
            for s in 0..rows {
                y[(t + s) * panels + panel] = sums[s];
            }
        }
    }
    y
}

/// `sum_t x[t][i] g[t]` for eight inputs `i`: the sums stay in registers over the whole window.
///
/// Written out line by line: as a loop over `i` the compiler turns the vectors to run along `i`, which needs gathers and
/// is ten times slower.
#[inline(always)]
fn eight_products(g: &[Lanes], panels: usize, x: &[f32], inputs: usize, time: usize) -> [Lanes; 8] {
    let [mut a, mut b, mut c, mut d] = [[0.0; LANES]; 4];
    let [mut e, mut f, mut h, mut k] = [[0.0; LANES]; 4];
    for t in 0..time {
        let x: &[f32; 8] = x[t * inputs..].first_chunk().expect("whole frames");
        let g = &g[t * panels];
        fma(&mut a, x[0], g);
        fma(&mut b, x[1], g);
        fma(&mut c, x[2], g);
        fma(&mut d, x[3], g);
        fma(&mut e, x[4], g);
        fma(&mut f, x[5], g);
        fma(&mut h, x[6], g);
        fma(&mut k, x[7], g);
    }
    [a, b, c, d, e, f, h, k]
}

/// The same for a single input.
#[inline(always)]
fn single_product(g: &[Lanes], panels: usize, x: &[f32], time: usize) -> [Lanes; 8] {
    let mut sums = [[0.0; LANES]; 8];
    for t in 0..time {
        fma(&mut sums[0], x[t], &g[t * panels]);
    }
    sums
}

/// `sum_i x_s[i] w[i]` for a tile of frames: the heart of the convolution and of its way back.
#[inline(always)]
fn tile_products(sums: &mut [Lanes; TILE], frames: [&[f32]; TILE], w: &[Lanes], stride: usize) {
    // The count is a slice's length and not a constant on purpose: see `eight_products`.
    for (i, w) in w.iter().step_by(stride).enumerate().take(frames[0].len()) {
        for s in 0..TILE {
            fma(&mut sums[s], frames[s][i], w);
        }
    }
}

/// Adds the gradients of [`conv`]: `grad_w` takes weight and bias, `grad_x` (empty for none) the input's.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma"))]
pub fn conv_back(
    g: &[Lanes],
    x: &[f32],
    w: &[Lanes],
    grad_w: (&mut Vec<Lanes>, &mut Vec<Lanes>),
    grad_x: &mut [f32],
    shape: ConvShape,
) {
    let ConvShape { inputs, panels, taps, dilation } = shape;
    let time = g.len() / panels;
    let (grad_w, grad_bias) = grad_w;
    for g in g.chunks_exact(panels) {
        for (sum, g) in grad_bias.iter_mut().zip(g) {
            for l in 0..LANES {
                sum[l] += g[l];
            }
        }
    }
    for tap in 0..taps {
        for panel in 0..panels {
            for first in (0..inputs).step_by(8) {
                let x = &x[tap * dilation * inputs + first..];
                let sums = if inputs > 1 {
                    eight_products(&g[panel..], panels, x, inputs, time)
                } else {
                    single_product(&g[panel..], panels, x, time)
                };
                for i in 0..inputs.min(8) {
                    let sum = &mut grad_w[(tap * inputs + first + i) * panels + panel];
                    for l in 0..LANES {
                        sum[l] += sums[i][l];
                    }
                }
            }
        }
    }
    if grad_x.is_empty() {
        return;
    }
    // Inputs are whole groups here: only the first block, which has no input to train, reads single numbers.
    let groups = inputs / LANES;
    let grad_x = grad_x.as_chunks_mut::<LANES>().0;
    for tap in 0..taps {
        for group in 0..groups {
            // The weights transposed: for each output a vector over sixteen inputs.
            let mut turned = vec![[0.0; LANES]; panels * LANES];
            for i in 0..LANES {
                for o in 0..panels * LANES {
                    turned[o][i] = w[(tap * inputs + group * LANES + i) * panels + o / LANES][o % LANES];
                }
            }
            let mut t = 0;
            while t < time {
                let rows = TILE.min(time - t);
                let outputs = panels * LANES;
                let frames: [&[f32]; TILE] =
                    std::array::from_fn(|s| &g.as_flattened()[(t + s.min(rows - 1)) * outputs..][..outputs]);
                let mut sums = [[0.0; LANES]; TILE];
                tile_products(&mut sums, frames, &turned, 1);
                for s in 0..rows {
                    let sum = &mut grad_x[(t + s + tap * dilation) * groups + group];
                    for l in 0..LANES {
                        sum[l] += sums[s][l];
                    }
                }
                t += rows;
            }
        }
    }
}

/// `y[t] = bias + sum_tap x[t + tap d] w[tap]`, channel by channel.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma"))]
pub fn depthwise(x: &[Lanes], w: &[Lanes], bias: &[Lanes], shape: ConvShape) -> Vec<Lanes> {
    let panels = shape.panels;
    let time = x.len() / panels - shape.history();
    let mut y = vec![[0.0; LANES]; time * panels];
    for (t, y) in y.chunks_exact_mut(panels).enumerate() {
        for (panel, y) in y.iter_mut().enumerate() {
            let mut sum = bias[panel];
            for tap in 0..shape.taps {
                fma_each(&mut sum, &x[(t + tap * shape.dilation) * panels + panel], &w[tap * panels + panel]);
            }
            *y = sum;
        }
    }
    y
}

/// Adds the gradients of [`depthwise`]'s weight and bias and returns the input's.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma"))]
pub fn depthwise_back(
    g: &[Lanes],
    x: &[Lanes],
    w: &[Lanes],
    grad_w: (&mut Vec<Lanes>, &mut Vec<Lanes>),
    shape: ConvShape,
) -> Vec<Lanes> {
    let panels = shape.panels;
    let time = g.len() / panels;
    let (grad_w, grad_bias) = grad_w;
    let mut grad_x = vec![[0.0; LANES]; x.len()];
    for panel in 0..panels {
        let mut bias = [0.0; LANES];
        for t in 0..time {
            for l in 0..LANES {
                bias[l] += g[t * panels + panel][l];
            }
        }
        for l in 0..LANES {
            grad_bias[panel][l] += bias[l];
        }
        for tap in 0..shape.taps {
            let (w, mut sum) = (w[tap * panels + panel], [0.0; LANES]);
            for t in 0..time {
                let (g, at) = (&g[t * panels + panel], (t + tap * shape.dilation) * panels + panel);
                fma_each(&mut sum, g, &x[at]);
                fma_each(&mut grad_x[at], g, &w);
            }
            for l in 0..LANES {
                grad_w[tap * panels + panel][l] += sum[l];
            }
        }
    }
    grad_x
}

/// What bends a FiLM's output, `[panels]` each.
pub struct Bend<'a> {
    /// PReLU slopes.
    pub slope: &'a [Lanes],
    /// One over each channel's level of saturation.
    pub limit: &'a [Lanes],
}

/// `y += PReLU(v / sqrt(1 + (limit v)^2))`, `v = (gain + swing level) q + shift` with gain, swing and shift ramped between frames
/// of `mu`.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma"))]
pub fn film(y: &mut [Lanes], q: &[Lanes], bend: &Bend<'_>, at: &Film<'_>, mu: &[Lanes]) {
    let panels = bend.slope.len();
    for (t, (y, q)) in y.chunks_exact_mut(panels).zip(q.chunks_exact(panels)).enumerate() {
        let (frame, share) = ((at.start + t) / at.frame, ((at.start + t) % at.frame) as f32 / at.frame as f32);
        for panel in 0..panels {
            let (v, _) = film_value(&q[panel], at, mu, (frame, share, at.level(t)), panel);
            for l in 0..LANES {
                let v = v[l] * over_root(bend.limit[panel][l] * v[l]);
                y[panel][l] += bend.slope[panel][l].mul_add(v.min(0.0), v.max(0.0));
            }
        }
    }
}

/// `1 / sqrt(1 + x^2)`.
#[inline(always)]
fn over_root(x: f32) -> f32 {
    1.0 / x.mul_add(x, 1.0).sqrt()
}

/// `(gain + swing level) q + shift` and the factor of `q`, at a share of the way from one frame to the next.
#[inline(always)]
fn film_value(
    q: &Lanes,
    at: &Film<'_>,
    mu: &[Lanes],
    (frame, share, level): (usize, f32, f32),
    panel: usize,
) -> (Lanes, Lanes) {
    let (from, to) = (&mu[frame * at.stride..], &mu[(frame + 1) * at.stride..]);
    let mut gain = [0.0; LANES];
    let mut v = [0.0; LANES];
    for l in 0..LANES {
        let (a, b) = (from[at.gain + panel][l], to[at.gain + panel][l]);
        gain[l] = share.mul_add(b - a, a);
    }
    if let Some(swing) = at.swing {
        for l in 0..LANES {
            let (a, b) = (from[swing + panel][l], to[swing + panel][l]);
            gain[l] = share.mul_add(b - a, a).mul_add(level, gain[l]);
        }
    }
    for l in 0..LANES {
        v[l] = gain[l] * q[l];
    }
    if let Some(shift) = at.shift {
        for l in 0..LANES {
            let (a, b) = (from[shift + panel][l], to[shift + panel][l]);
            v[l] += share.mul_add(b - a, a);
        }
    }
    (v, gain)
}

/// Turns the gradient of [`film`]'s output in `g` into that of `q`; adds those of slopes, limits and modulation.
///
/// With `r = 1 / sqrt(1 + (limit v)^2)` and `u = v r`: `du/dv = r^3`, `du/dlimit = -limit u^3`.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma"))]
pub fn film_back(
    g: &mut [Lanes],
    q: &[Lanes],
    bend: &Bend<'_>,
    grads: (&mut [Lanes], &mut [Lanes]),
    at: &Film<'_>,
    mu: &[Lanes],
    grad_mu: &mut [Lanes],
) {
    let (grad_slope, grad_limit) = grads;
    let panels = bend.slope.len();
    for (t, (g, q)) in g.chunks_exact_mut(panels).zip(q.chunks_exact(panels)).enumerate() {
        let (frame, share) = ((at.start + t) / at.frame, ((at.start + t) % at.frame) as f32 / at.frame as f32);
        for panel in 0..panels {
            let level = at.level(t);
            let (v, gain) = film_value(&q[panel], at, mu, (frame, share, level), panel);
            let mut grad_v = [0.0; LANES];
            for l in 0..LANES {
                let limit = bend.limit[panel][l];
                let r = over_root(limit * v[l]);
                let u = v[l] * r;
                grad_slope[panel][l] += g[panel][l] * u.min(0.0);
                let grad_u = g[panel][l] * if u > 0.0 { 1.0 } else { bend.slope[panel][l] };
                grad_limit[panel][l] -= grad_u * limit * u * u * u;
                grad_v[l] = grad_u * r * r * r;
                g[panel][l] = grad_v[l] * gain[l];
            }
            let mut add = |place: usize, grad: &Lanes| {
                for (frame, share) in [(frame, 1.0 - share), (frame + 1, share)] {
                    fma(&mut grad_mu[frame * at.stride + place + panel], share, grad);
                }
            };
            if let Some(shift) = at.shift {
                add(shift, &grad_v);
            }
            for l in 0..LANES {
                grad_v[l] *= q[panel][l];
            }
            add(at.gain, &grad_v);
            if let Some(swing) = at.swing {
                add(swing, &grad_v.map(|g| g * level));
            }
        }
    }
}

/// All channels to one.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma"))]
pub fn mix_down(x: &[Lanes], w: &[Lanes], bias: f32) -> Vec<f32> {
    x.chunks_exact(w.len())
        .map(|x| {
            let mut sum = [0.0; LANES];
            for (x, w) in x.iter().zip(w) {
                fma_each(&mut sum, x, w);
            }
            sum.iter().sum::<f32>() + bias
        })
        .collect()
}

/// Adds the gradient of [`mix_down`]'s weight and returns the input's.
#[multiversion(targets("x86_64+avx2+fma+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2+fma"))]
pub fn mix_down_back(g: &[f32], x: &[Lanes], w: &[Lanes], grad_w: &mut [Lanes]) -> Vec<Lanes> {
    let mut grad_x = vec![[0.0; LANES]; x.len()];
    for ((g, x), grad_x) in g.iter().zip(x.chunks_exact(w.len())).zip(grad_x.chunks_exact_mut(w.len())) {
        for panel in 0..w.len() {
            fma(&mut grad_w[panel], *g, &x[panel]);
            fma(&mut grad_x[panel], *g, &w[panel]);
        }
    }
    grad_x
}
