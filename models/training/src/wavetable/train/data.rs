//! A set of periods as a net sees it: inputs, targets and conditions row by row, a tenth of them held out.
use super::basis::Basis;
use crate::trainer::Source;
use crate::wavetable::dataset::{Condition, Dataset};
use candle_core::{Device, Tensor};
use kernels::wavetable::encoder::features::{features, width};
use kernels::wavetable::period::{Period, Synthesis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// One row in so many is held out.
const HOLD_OUT: usize = 10;

/// Numbers row by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// Numbers of a row.
    pub width: usize,
    /// `[rows][width]`.
    pub values: Vec<f32>,
}

impl Columns {
    /// Of rows of equal width.
    pub fn new(rows: impl IntoIterator<Item = Vec<f32>>) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.width = row.len();
            columns.values.extend(row);
        }
        columns
    }

    /// One row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.width]
    }

    /// Some rows as [rows, width].
    pub fn tensor(&self, rows: &[usize]) -> candle_core::Result<Tensor> {
        let values: Vec<f32> = rows.iter().flat_map(|row| self.row(*row)).copied().collect();
        Tensor::from_vec(values, (rows.len(), self.width), &Device::Cpu)
    }
}

/// A set as a net sees it.
#[derive(Clone, Debug)]
pub struct Data {
    /// What the encoder sees, `[rows]`.
    pub inputs: Columns,
    /// What the decoder is to give, the log gain last if it gives one, `[rows]`.
    pub targets: Columns,
    /// Conditions from -1 to 1, `[rows][conditions]`.
    pub conditions: Columns,
    /// What the targets are.
    pub basis: Basis,
    /// Mean and deviation of the log gain; none if the net gives none.
    pub gain: Option<[f64; 2]>,
    /// Rows to learn from.
    pub learnt: Vec<usize>,
    /// Rows to judge by; all of them where none is held out.
    pub held_out: Vec<usize>,
}

impl Data {
    /// As published: frames to frames, no gain, nothing held out.
    pub fn published(set: &Dataset, conditions: usize) -> Self {
        let rows: Vec<usize> = (0..set.len()).collect();
        let frames = Columns { width: set.about.period, values: set.frames.clone() };
        Self {
            inputs: frames.clone(),
            targets: frames,
            conditions: seen(set, conditions),
            basis: Basis::Frame,
            gain: None,
            learnt: rows.clone(),
            held_out: rows,
        }
    }

    /// Ours: features of `harmonics` to weighed harmonics and gain, a tenth of the rows held out.
    pub fn ours(set: &Dataset, harmonics: usize) -> Self {
        let rows = 0..set.len();
        let periods: Vec<Period> = rows.clone().map(|row| Period::of_samples(set.frame(row))).collect();
        let basis = Basis::harmonics(&periods);
        let conditions = seen(set, set.about.conditions.len());
        let gain = moments(&set.log_gain);
        let synthesis = Synthesis::new(set.about.period);
        let pitch = set.about.conditions.iter().position(|c| c.id == "pitch");
        let inputs = rows.clone().map(|row| {
            let mut inputs = features(&synthesis, &periods[row], harmonics);
            inputs.extend(pitch.map(|pitch| conditions.row(row)[pitch]));
            inputs
        });
        let targets = rows.clone().map(|row| {
            let mut numbers = basis.numbers(set.frame(row));
            numbers.push(((f64::from(set.log_gain[row]) - gain[0]) / gain[1]) as f32);
            numbers
        });
        let (inputs, targets) = (Columns::new(inputs), Columns::new(targets));
        let (held_out, learnt) = rows.partition(|row| row % HOLD_OUT == HOLD_OUT - 1);
        Self { inputs, targets, conditions, basis, gain: Some(gain), learnt, held_out }
    }

    /// Numbers that the encoder sees for so many harmonics.
    pub fn inputs(set: &Dataset, harmonics: usize) -> usize {
        width(harmonics) + usize::from(set.about.conditions.iter().any(|c| c.id == "pitch"))
    }
}

/// The first conditions of every row as the network sees them.
pub fn seen(set: &Dataset, count: usize) -> Columns {
    let row = |row: usize| {
        let values = set.row_conditions(row).iter().zip(&set.about.conditions);
        values.take(count).map(|(value, condition)| normalised(condition, *value)).collect()
    };
    Columns { width: count, ..Columns::new((0..set.len()).map(row)) }
}

/// A condition's value from -1 to 1, as the file format has it.
pub fn normalised(condition: &Condition, value: f32) -> f32 {
    let bend = |x: f32| if condition.log { x.ln() } else { x };
    let (low, high) = (bend(condition.min), bend(condition.max));
    2.0 * (bend(value.clamp(condition.min, condition.max)) - low) / (high - low) - 1.0
}

/// Mean and deviation; a deviation of nothing counts as 1.
fn moments(values: &[f32]) -> [f64; 2] {
    let over = |f: &dyn Fn(f64) -> f64| values.iter().map(|x| f(f64::from(*x))).sum::<f64>() / values.len() as f64;
    let mean = over(&|x| x);
    let deviation = over(&|x| (x - mean).powi(2)).sqrt();
    [mean, if deviation > 1e-6 { deviation } else { 1.0 }]
}

/// Rows of one step.
pub struct Rows {
    /// [rows, inputs].
    pub inputs: Tensor,
    /// [rows, outputs].
    pub targets: Tensor,
    /// [rows, conditions].
    pub conditions: Tensor,
    /// What latents would be if they were drawn from the prior, uniform in 0..1, [rows, latents].
    pub chance: Tensor,
    /// 0 where the latents are to be left out, else 1, [rows, 1].
    pub keep: Tensor,
}

/// Draws batches.
pub struct Draw {
    /// From here.
    pub data: Arc<Data>,
    /// Rows of a draw.
    pub rows: usize,
    /// Independent draws of one step.
    pub draws: usize,
    /// Latents of the net.
    pub latents: usize,
    /// Share of rows without latents.
    pub dropout: f64,
    /// Decides everything.
    pub seed: u64,
}

impl Draw {
    fn rows(&self, rng: &mut ChaCha8Rng) -> candle_core::Result<Rows> {
        let Data { learnt, inputs, targets, conditions, .. } = &*self.data;
        let rows: Vec<usize> = (0..self.rows).map(|_| learnt[rng.random_range(0..learnt.len())]).collect();
        let column = |width: usize, values: Vec<f32>| Tensor::from_vec(values, (self.rows, width), &Device::Cpu);
        let chance = (0..self.rows * self.latents).map(|_| rng.random()).collect();
        let keep = (0..self.rows).map(|_| if rng.random_bool(self.dropout) { 0.0 } else { 1.0 }).collect();
        Ok(Rows {
            inputs: inputs.tensor(&rows)?,
            targets: targets.tensor(&rows)?,
            conditions: conditions.tensor(&rows)?,
            chance: column(self.latents, chance)?,
            keep: column(1, keep)?,
        })
    }
}

impl Source<Vec<Rows>> for Draw {
    fn batch(&self, step: u64) -> Vec<Rows> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let draws = (0..self.draws).map(|_| self.rows(&mut rng));
        draws.collect::<Result<_, _>>().expect("rows of one width make a tensor")
    }
}
