//! Causal, dilated convolutions over time: full, from one channel, and depthwise.
use crate::arch::{Arch, ConvShape, LANES, Lanes, panels};
use crate::checkpoint::{Checkpoint, LoadError};

/// How the inputs meet the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Every output sees every input, `[outputs, inputs, taps]`.
    Full,
    /// Every output sees the only input, `[outputs, 1, taps]`.
    Mono,
    /// Every output sees its own input, `[channels, 1, taps]`.
    Depthwise,
}

/// One convolution's weights.
#[derive(Clone, Debug)]
pub struct Conv1d {
    kind: Kind,
    shape: ConvShape,
    /// `[panel][tap][input]` if full, `[panel][tap]` if mono, `[tap][panel]` if depthwise.
    weight: Vec<Lanes>,
    /// `[panels]`, zero where the layer has none.
    bias: Vec<Lanes>,
}

impl Conv1d {
    /// From PyTorch's `[outputs, inputs, taps]` weight and its bias (empty for none).
    pub fn from_torch(kind: Kind, weight: &[f32], bias: &[f32], inputs: usize, taps: usize, dilation: usize) -> Self {
        let inputs = if kind == Kind::Full { inputs } else { 1 };
        let outputs = weight.len() / (inputs * taps);
        let (panels_out, panels_in) = (panels(outputs), panels(inputs));
        let rows = match kind {
            Kind::Full => panels_out * taps * panels_in * LANES,
            Kind::Mono | Kind::Depthwise => panels_out * taps,
        };
        let mut packed = vec![Lanes::ZERO; rows];
        let mut packed_bias = vec![Lanes::ZERO; panels_out];
        for o in 0..outputs {
            let (panel, lane) = (o / LANES, o % LANES);
            for i in 0..inputs {
                for tap in 0..taps {
                    let row = match kind {
                        Kind::Full => (panel * taps + tap) * panels_in * LANES + i,
                        Kind::Mono => panel * taps + tap,
                        Kind::Depthwise => tap * panels_out + panel,
                    };
                    packed[row].0[lane] = weight[(o * inputs + i) * taps + tap];
                }
            }
            packed_bias[panel].0[lane] = bias.get(o).copied().unwrap_or(0.0);
        }
        Self { kind, shape: ConvShape { panels_in, panels_out, taps, dilation }, weight: packed, bias: packed_bias }
    }

    /// Reads `{prefix}.weight` and, if `bias`, `{prefix}.bias`.
    pub fn load(
        file: &Checkpoint,
        prefix: &str,
        kind: Kind,
        [inputs, outputs, taps]: [usize; 3],
        dilation: usize,
        bias: bool,
    ) -> Result<Self, LoadError> {
        let per_output = if kind == Kind::Full { inputs } else { 1 };
        let weight = file.tensor(&format!("{prefix}.weight"), &[outputs, per_output, taps])?;
        let bias = if bias { file.tensor(&format!("{prefix}.bias"), &[outputs])? } else { Vec::new() };
        Ok(Self::from_torch(kind, &weight, &bias, inputs, taps, dilation))
    }

    /// Frames of the past that an output reaches back to.
    pub fn history(&self) -> usize {
        self.shape.history()
    }

    /// Groups of sixteen channels of an output frame.
    pub fn panels(&self) -> usize {
        self.shape.panels_out
    }

    /// `y` `[time][panels]` from `x` `[history + time][panels]`; real time. Not for [`Kind::Mono`].
    pub fn process(&self, arch: &Arch, x: &[Lanes], y: &mut [Lanes]) {
        match self.kind {
            Kind::Full => (arch.conv)(y, x, &self.weight, &self.bias, self.shape),
            Kind::Depthwise => (arch.depthwise)(y, x, &self.weight, &self.bias, self.shape),
            Kind::Mono => debug_assert!(false, "a convolution of one channel reads plain numbers"),
        }
    }

    /// The same from one channel, `x` `[history + time]`. Only for [`Kind::Mono`].
    pub fn process_mono(&self, arch: &Arch, x: &[f32], y: &mut [Lanes]) {
        debug_assert_eq!(self.kind, Kind::Mono);
        (arch.conv_mono)(y, x, &self.weight, &self.bias, self.shape);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{self, flat};
    use crate::nn::line::Line;
    use crate::nn::naive;

    /// Streams `x` in blocks and returns the outputs as `[channel][time]`.
    fn stream(conv: &Conv1d, arch: &Arch, x: &[Vec<f32>], outputs: usize, blocks: &[usize]) -> Vec<Vec<f32>> {
        let p_in = panels(x.len());
        let mut line = Line::new(p_in, conv.history(), Lanes::ZERO);
        let mut mono = Line::new(1, conv.history(), 0.0);
        let mut y = vec![vec![]; outputs];
        let mut blocks = blocks.iter().cycle();
        let mut t = 0;
        while t < x[0].len() {
            let count = (*blocks.next().unwrap()).min(x[0].len() - t);
            let mut out = vec![Lanes::ZERO; count * conv.panels()];
            if conv.kind == Kind::Mono {
                mono.extend(count).copy_from_slice(&x[0][t..t + count]);
                conv.process_mono(arch, mono.window(count), &mut out);
            } else {
                for (s, frame) in line.extend(count).chunks_exact_mut(p_in).enumerate() {
                    for (c, x) in x.iter().enumerate() {
                        frame[c / LANES].0[c % LANES] = x[t + s];
                    }
                }
                conv.process(arch, line.window(count), &mut out);
            }
            for frame in flat(&out).chunks_exact(conv.panels() * LANES) {
                for (y, v) in y.iter_mut().zip(frame) {
                    y.push(*v);
                }
            }
            t += count;
        }
        y
    }

    #[test]
    fn every_path_and_any_cut_agrees_with_the_definition() {
        for (kind, inputs, outputs, taps, dilation) in [
            (Kind::Full, 16, 16, 5, 1),
            (Kind::Full, 15, 20, 3, 4),
            (Kind::Full, 33, 8, 1, 1),
            (Kind::Mono, 1, 16, 5, 1),
            (Kind::Mono, 1, 40, 3, 2),
            (Kind::Depthwise, 16, 16, 5, 64),
            (Kind::Depthwise, 24, 24, 3, 4),
        ] {
            let per_output = if kind == Kind::Full { inputs } else { 1 };
            let w = naive::noise(5, outputs * per_output * taps);
            let b = naive::noise(6, outputs);
            let x: Vec<_> = (0..inputs).map(|c| naive::noise(7 + c as u64, 300)).collect();
            let groups = if kind == Kind::Depthwise { inputs } else { 1 };
            let expected = naive::conv1d(&w, &b, &x, taps, dilation, groups);
            let conv = Conv1d::from_torch(kind, &w, &b, inputs, taps, dilation);
            for arch in arch::available() {
                let whole = stream(&conv, arch, &x, outputs, &[300]);
                for (found, expected) in whole.iter().zip(&expected) {
                    naive::assert_close(found, expected, 1e-5, &format!("{kind:?} {}", arch.name));
                }
                assert_eq!(stream(&conv, arch, &x, outputs, &[1, 17, 64, 3]), whole, "{kind:?} {}", arch.name);
            }
        }
    }
}
