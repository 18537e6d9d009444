//! Two units of the first LSTM that turn at a given rate: set, not learnt, so that all others only have to listen.
//!
//! With its gates at rest, s = sigmoid(2), a unit without input is `c' = s c + s tanh(W h)`, `h = s tanh(c)`. Two of them with
//! ```text
//! W = (g R(angle) - s) / s^2        g = 1 + angle / 2,  R a rotation
//! ```
//! turn by `angle` a frame and grow by `g` until the two tanh hold them. Such cycles are rare: with g below 1 the turning dies
//! away, with g above 1 + 2 angle the saturation catches it in a corner. At 2.33 Hz and 689 frames a second that leaves 4 %, and
//! the weight that turns is 0.027: a random start takes long to find a cycle, and steps of 0.01 lose it at once.
use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use nets::phaser::{ModulationConfig, Net};
use std::f64::consts::TAU;

/// Sum of every gate of the two units.
const GATE: f64 = 2.0;
/// Turns that the pair is given to find its cycle, and turns that are then timed.
const SETTLE_TURNS: usize = 30;
const TIMED_TURNS: usize = 20;

/// The two units.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// Diagonal of `W`.
    along: f64,
    /// Its other half, upper right negative.
    across: f64,
    /// Mean length of `h` on the settled cycle.
    radius: f64,
}

impl Pair {
    /// A pair that settles into that rate. Saturation slows the turning, so it is simulated and hurried until it keeps time.
    pub fn turning(turns_per_frame: f64) -> Self {
        let angle = TAU * turns_per_frame;
        let s = open();
        let along = ((1.0 + 0.5 * angle) * angle.cos() - s) / (s * s);
        let mut pair = Self { along, across: angle.sin() / (s * s), radius: 0.0 };
        for _ in 0..6 {
            let (rate, radius) = pair.run();
            pair.across *= turns_per_frame / rate;
            pair.radius = radius;
        }
        pair
    }

    /// Turns a frame of the settled cycle, from one upward crossing of the second unit to a later one, and its radius.
    fn run(self) -> (f64, f64) {
        let s = open();
        let (mut c, mut h) = ([0.2f64, 0.0], [s * 0.2f64.tanh(), 0.0]);
        let (mut crossings, mut first, mut radius) = (0, 0.0, 0.0);
        for frame in 0.. {
            let before = h;
            let sums = [self.along * h[0] - self.across * h[1], self.across * h[0] + self.along * h[1]];
            for k in 0..2 {
                c[k] = s * c[k] + s * sums[k].tanh();
                h[k] = s * c[k].tanh();
            }
            if crossings >= SETTLE_TURNS {
                radius += h[0].hypot(h[1]);
            }
            if before[1] < 0.0 && h[1] >= 0.0 {
                let time = f64::from(frame) + before[1] / (before[1] - h[1]);
                crossings += 1;
                if crossings == SETTLE_TURNS {
                    first = time;
                } else if crossings == SETTLE_TURNS + TIMED_TURNS {
                    let frames = time - first;
                    return (TIMED_TURNS as f64 / frames, radius / frames);
                }
            }
        }
        unreachable!("the loop has no end but its return")
    }

    /// Sets the two units in a net, and lets its start angles lead through their cycle.
    pub fn lay_into(self, net: &Net) -> Result<()> {
        let ModulationConfig::Lstm { hidden, .. } = net.config.modulation else {
            bail!("an oscillator turns by itself");
        };
        if hidden < 2 {
            bail!("{hidden} units: expected at least 2 to turn");
        }
        let name = |n: &str| format!("modulation.0.lstm.{n}");
        let change = |name: &str, set: &dyn Fn(usize, &mut [f32])| -> Result<()> {
            let var = &net.vars[name];
            let mut rows: Vec<Vec<f32>> = var.as_tensor().reshape((var.dim(0)?, ()))?.to_vec2()?;
            rows.iter_mut().enumerate().for_each(|(row, values)| set(row, values));
            Ok(var.set(&Tensor::new(rows, &Device::Cpu)?.reshape(var.shape())?)?)
        };
        // Rows of PyTorch's gates i, f, g, o; the third is the cell's input, which has no gate of its own.
        let (unit, gate) = (|row: usize| row % hidden, |row: usize| row / hidden);
        let ours = |row: usize| unit(row) < 2;
        change(&name("weight_hh_l0"), &|row, values| match (gate(row), unit(row)) {
            (2, 0) => write(values, [self.along, -self.across]),
            (2, 1) => write(values, [self.across, self.along]),
            (_, 0 | 1) => values.fill(0.0),
            _ => {}
        })?;
        for silent in [name("weight_ih_l0"), name("bias_ih_l0")] {
            change(&silent, &|row, values| {
                if ours(row) {
                    values.fill(0.0);
                }
            })?;
        }
        change(&name("bias_hh_l0"), &|row, values| {
            if ours(row) {
                values.fill(if gate(row) == 2 { 0.0 } else { GATE as f32 });
            }
        })?;
        // h = radius [cos, sin] and the cells behind it, `hidden` rows further down.
        let size = |row: usize| if row < hidden { self.radius } else { (self.radius / open()).atanh() };
        let first = |row: usize| row < 2 * hidden && ours(row);
        change("initial_state.weight", &|row, values| {
            if first(row) {
                write(values, if unit(row) == 0 { [size(row), 0.0] } else { [0.0, size(row)] });
            }
        })?;
        change("initial_state.bias", &|row, values| {
            if first(row) {
                values.fill(0.0);
            }
        })
    }
}

/// What a gate of the pair lets through.
fn open() -> f64 {
    1.0 / (1.0 + (-GATE).exp())
}

/// Two numbers, and 0 in what is left of a row.
fn write(row: &mut [f32], [first, second]: [f64; 2]) {
    row.fill(0.0);
    (row[0], row[1]) = (first as f32, second as f32);
}

#[cfg(test)]
mod tests {
    use super::super::cycle;
    use super::super::distilled::student_config;
    use super::*;
    use nets::phaser::Config;

    const FS: f64 = 44_100.0;

    #[test]
    fn a_pair_keeps_the_rate_that_it_is_made_for() {
        for hz in [0.06, 0.5, 2.33, 8.0] {
            let turns_per_frame = hz * 64.0 / FS;
            let pair = Pair::turning(turns_per_frame);
            let error = pair.run().0 / turns_per_frame - 1.0;
            assert!(error.abs() < 1e-6, "{hz} Hz: {error}");
            assert!((0.03..0.8).contains(&pair.radius), "{hz} Hz: radius {}", pair.radius);
        }
    }

    #[test]
    fn a_net_of_the_published_size_turns_with_its_pair_whatever_its_other_weights() -> Result<()> {
        let net = Net::new(student_config(&Config::default()), 0, 4, &Device::Cpu)?;
        Pair::turning(4.0 * 64.0 / FS).lay_into(&net)?;
        let run = cycle::watch(&net.with_frame(1), &net.states_at(&[0.3])?, FS / 64.0)?;
        let rate_hz = run.rate_hz.expect("it turns");
        assert!((rate_hz / 4.0 - 1.0).abs() < 1e-4, "{rate_hz} Hz");
        Ok(())
    }
}
