//! The input layer: last sample, conditions and clock, up to the gates of the first GRU.
//!
//! Without a ReLU, input layer and first product are one linear map (`docs/model-format.md` §5): it is multiplied out at load
//! into a table of 256 rows and a column for each condition, exactly but for rounding. That saves 16 % of the paper's work.
use super::config::{Audio, Config};
use super::mu_law::{CLASSES, companded};
use super::weights::Weights;
use crate::arch::{Arch, LANES, Lanes, flat, flat_mut, panels};
use crate::nn::linear::Linear;

/// What the layer gives the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    /// Gates of the first GRU with their input bias.
    Gates,
    /// Its input, behind the ReLU.
    Inputs,
}

/// The input layer of one model.
#[derive(Clone, Debug)]
pub(super) struct Input {
    /// Share of the last sample, and all biases, `[256][panels]`.
    table: Vec<Lanes>,
    /// Share of conditions and clock.
    beside_audio: Linear,
    gives: Gives,
}

impl Input {
    /// `gates`: the first GRU's product, through which everything goes unless a ReLU is in the way.
    pub fn new(arch: &Arch, config: &Config, weights: &Weights, gates: &Linear) -> Self {
        let (width, inputs) = (config.width, config.inputs());
        let column = |i: usize| -> Vec<f32> { (0..width).map(|row| weights.i2d_weight[row * inputs + i]).collect() };
        let with_bias =
            |share: &[f32]| -> Vec<f32> { share.iter().zip(&weights.i2d_bias).map(|(x, b)| x + b).collect() };
        let level = |class: usize| match config.audio {
            Audio::Scalar => column(0).iter().map(|w| w * companded(class as u8)).collect(),
            Audio::Embedding => weights.embedding[class * width..][..width].to_vec(),
        };
        let panels = if config.relu { panels(width) } else { gates.panels() };
        let through = |x: &[f32], product: fn(&Linear, &Arch, &[f32], &mut [Lanes])| {
            let mut y = vec![Lanes::ZERO; panels];
            if config.relu {
                flat_mut(&mut y)[..width].copy_from_slice(x);
            } else {
                product(gates, arch, x, &mut y);
            }
            y
        };
        let beside: Vec<_> =
            (inputs - config.beside_audio()..inputs).map(|i| through(&column(i), Linear::accumulate)).collect();
        let by_row: Vec<f32> =
            (0..panels * LANES).flat_map(|row| beside.iter().map(move |column| flat(column)[row])).collect();
        Self {
            table: (0..CLASSES).flat_map(|class| through(&with_bias(&level(class)), Linear::apply)).collect(),
            beside_audio: Linear::from_rows(&by_row, &[], beside.len()),
            gives: if config.relu { Gives::Inputs } else { Gives::Gates },
        }
    }

    /// What [`Self::apply`] writes.
    pub fn gives(&self) -> Gives {
        self.gives
    }

    /// Groups of sixteen that [`Self::apply`] writes.
    pub fn panels(&self) -> usize {
        self.beside_audio.panels()
    }

    /// The largest number that can come out, for inputs within -1..1.
    pub fn largest(&self, arch: &Arch) -> f32 {
        let n = self.beside_audio.inputs();
        let mut y = vec![Lanes::ZERO; self.panels()];
        let mut beside = vec![0.0f32; y.len() * LANES];
        // A linear map is largest at a corner, so the columns' magnitudes add up.
        for i in 0..n {
            let one: Vec<f32> = (0..n).map(|k| if k == i { 1.0 } else { 0.0 }).collect();
            y.fill(Lanes::ZERO);
            self.beside_audio.accumulate(arch, &one, &mut y);
            beside.iter_mut().zip(flat(&y)).for_each(|(sum, y)| *sum += y.abs());
        }
        let rows = flat(&self.table).chunks(beside.len());
        rows.flat_map(|row| row.iter().zip(&beside)).fold(0.0, |most, (x, beside)| most.max(x.abs() + beside))
    }

    /// One step: level of the last sample, conditions and clock in, [`Self::panels`] out. Real time.
    pub fn apply(&self, arch: &Arch, class: u8, beside_audio: &[f32], y: &mut [Lanes]) {
        y.copy_from_slice(&self.table[usize::from(class) * y.len()..][..y.len()]);
        self.beside_audio.accumulate(arch, beside_audio, y);
        if self.gives == Gives::Inputs {
            flat_mut(y).iter_mut().for_each(|y| *y = y.max(0.0));
        }
    }
}
