//! The layers as their definitions read, one number at a time: the oracle that every faster path is compared with.
//!
//! Sums run in f64, so the oracle's own error stays below the f32 paths'. Shapes and gate orders are PyTorch's.

/// Fully connected: `y[n] = b[n] + sum_i w[n][i] x[i]`.
pub fn linear(w: &[f32], b: &[f32], x: &[f32]) -> Vec<f32> {
    w.chunks_exact(x.len())
        .enumerate()
        .map(|(n, row)| {
            let sum: f64 = row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
            (sum + f64::from(b.get(n).copied().unwrap_or(0.0))) as f32
        })
        .collect()
}

/// Causal dilated convolution with zeros before the start: `x` `[channels_in][time]`, `w` `[channels_out][channels_in / groups][taps]`.
pub fn conv1d(w: &[f32], b: &[f32], x: &[Vec<f32>], taps: usize, dilation: usize, groups: usize) -> Vec<Vec<f32>> {
    let time = x[0].len();
    let inputs = x.len() / groups;
    let outputs = w.len() / (inputs * taps);
    let per_group = outputs / groups;
    (0..outputs)
        .map(|o| {
            (0..time)
                .map(|t| {
                    let mut sum = f64::from(b.get(o).copied().unwrap_or(0.0));
                    for i in 0..inputs {
                        for tap in 0..taps {
                            let back = (taps - 1 - tap) * dilation;
                            if t >= back {
                                let w = w[(o * inputs + i) * taps + tap];
                                sum += f64::from(w) * f64::from(x[o / per_group * inputs + i][t - back]);
                            }
                        }
                    }
                    sum as f32
                })
                .collect()
        })
        .collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// One step of an LSTM, gates in PyTorch's order `i, f, g, o`; returns the new `(h, c)`.
pub fn lstm(weights: &Recurrent, x: &[f32], h: &[f32], c: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let n = h.len();
    let from_x = linear(&weights.weight_ih, &weights.bias_ih, x);
    let from_h = linear(&weights.weight_hh, &weights.bias_hh, h);
    let gate = |g: usize, k: usize| f64::from(from_x[g * n + k]) + f64::from(from_h[g * n + k]);
    (0..n)
        .map(|k| {
            let next = sigmoid(gate(1, k)) * f64::from(c[k]) + sigmoid(gate(0, k)) * gate(2, k).tanh();
            ((sigmoid(gate(3, k)) * next.tanh()) as f32, next as f32)
        })
        .unzip()
}

/// One step of a GRU, gates in PyTorch's order `r, z, n`; returns the new `h`.
pub fn gru(weights: &Recurrent, x: &[f32], h: &[f32]) -> Vec<f32> {
    let n = h.len();
    let from_x = linear(&weights.weight_ih, &weights.bias_ih, x);
    let from_h = linear(&weights.weight_hh, &weights.bias_hh, h);
    let (x, y) = (|g: usize, k: usize| f64::from(from_x[g * n + k]), |g: usize, k: usize| f64::from(from_h[g * n + k]));
    (0..n)
        .map(|k| {
            let r = sigmoid(x(0, k) + y(0, k));
            let z = sigmoid(x(1, k) + y(1, k));
            let new = (x(2, k) + r * y(2, k)).tanh();
            ((1.0 - z) * new + z * f64::from(h[k])) as f32
        })
        .collect()
}

/// Weights of one recurrent layer as PyTorch lays them out.
#[derive(Clone, Debug)]
pub struct Recurrent {
    /// `weight_ih_l0`, `[gates hidden, inputs]`.
    pub weight_ih: Vec<f32>,
    /// `weight_hh_l0`, `[gates hidden, hidden]`.
    pub weight_hh: Vec<f32>,
    /// `bias_ih_l0`, `[gates hidden]`.
    pub bias_ih: Vec<f32>,
    /// `bias_hh_l0`, `[gates hidden]`.
    pub bias_hh: Vec<f32>,
}

impl Recurrent {
    /// Random weights of the size that PyTorch starts from, `1 / sqrt(hidden)`.
    pub fn random(seed: u64, gates: usize, inputs: usize, hidden: usize) -> Self {
        let scale = 1.0 / (hidden as f32).sqrt();
        let noise = |seed, len| noise(seed, len).into_iter().map(|x| x * scale).collect();
        Self {
            weight_ih: noise(seed, gates * hidden * inputs),
            weight_hh: noise(seed + 1, gates * hidden * hidden),
            bias_ih: noise(seed + 2, gates * hidden),
            bias_hh: noise(seed + 3, gates * hidden),
        }
    }
}

/// Uniform noise in -1..1 that depends on the seed alone (SplitMix64, Steele, Lea, Flood 2014).
pub fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (0..len)
        .map(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            (z >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// Fails when two signals differ by more than `tolerance` anywhere, naming where.
#[track_caller]
pub fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: lengths differ");
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= tolerance, "{what}: at {i} found {f}, expected {e}, tolerance {tolerance}");
    }
}
