//! Where a sweep without a period stands, found in a recording of its input and output.
//!
//! Nothing is known but that one hidden number moves the device. Then the log energy ratios of all bands lie, frame by frame,
//! on a curve `T_b(place)` in as many dimensions as there are bands, and the place on it is that number, up to direction and
//! warp. The places are the hidden states of a Markov chain that moves little from frame to frame; curve and places are
//! fitted in turn by expectation and maximisation (after the generative topographic mapping through time, Bishop, Hinton and
//! Strachan 1997), from the order that `places::order` finds. The warp is settled by making all places equally frequent.
mod order;

use anyhow::{Result, ensure};
use kernels::phaser::finder::band_ratio::{BANDS, BandRatio};
use kernels::phaser::finder::lfo_fit::LEAST_EXPLAINED;
use kernels::phaser::finder::phase_track::PhaseTrack;

/// States of the chain.
const PLACES: usize = 64;
/// Rounds of expectation and maximisation; after three the places no longer move.
const ROUNDS: usize = 4;
/// Width over which the curve is smoothed, of its length: at first, its change each round, and the narrowest.
const WIDTH: [f64; 3] = [0.06, 0.75, 0.02];
/// Movement between two frames that is expected at first, RMS, and the least that is ever expected.
const STEP: [f64; 2] = [0.02, 0.004];
/// Share of a band's evidence that counts: neighbouring bands and overlapping frames say the same thing twice.
const EVIDENCE: f64 = 0.3;
/// Least variance of a band about the curve.
const LEAST_VARIANCE: f64 = 1e-3;
/// Frames that a band's mean counts as where the curve was hardly heard.
const PRIOR_FRAMES: f64 = 0.01;
/// Likelihood that a frame may lie anywhere: a burst that fits nothing does not tear the chain.
const ANYWHERE: f64 = 1e-9;

/// The shares of one frame's evidence, or of one place's, in each place.
type Shares = [f64; PLACES];

/// A sweep as a recording shows it.
#[derive(Clone, Debug)]
pub struct Places {
    /// Log energy ratio of each band at the middle of each place, `[place][band]`.
    curve: Vec<[f64; BANDS]>,
    /// Variance of each band about it.
    variance: [f64; BANDS],
    /// RMS movement from one frame to the next, of the sweep.
    step: f64,
    /// Share of the fitted frames below each edge between places.
    warp: [f64; PLACES + 1],
    /// Part of the variance of all bands that the curve explains, 0..1.
    pub explained_variance: f64,
}

impl Places {
    /// Finds the sweep in the first `fitted` frames. Errors name the reason and the remedy.
    pub fn fit(ratio: &BandRatio, fitted: usize) -> Result<Self> {
        let mut shares = vec![[0.0; PLACES]; fitted];
        for (frame, rank) in order::order(ratio, fitted)? {
            shares[frame][((rank * PLACES as f64) as usize).min(PLACES - 1)] = 1.0;
        }
        let mut found = Self {
            curve: Vec::new(),
            variance: [1.0; BANDS],
            step: STEP[0],
            warp: [0.0; PLACES + 1],
            explained_variance: 0.0,
        };
        for round in 0..ROUNDS {
            let width = (WIDTH[0] * WIDTH[1].powi(round as i32)).max(WIDTH[2]);
            found.draw(ratio, &shares, width);
            shares = found.locate(ratio, fitted);
            let places: Vec<f64> = shares.iter().map(middle).collect();
            let moved = places.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum::<f64>() / fitted as f64;
            found.step = moved.sqrt().max(STEP[1]);
            found.warp = spread(places);
            if round + 1 < ROUNDS {
                found.level(&mut shares);
            }
        }
        ensure!(
            found.explained_variance >= LEAST_EXPLAINED,
            "no sweep found: one hidden place explains {:.0} % of the changes between dry and wet, at least {:.0} % are \
             needed; check that both files belong together, are aligned, and that nothing else changed",
            100.0 * found.explained_variance,
            100.0 * LEAST_EXPLAINED
        );
        Ok(found)
    }

    /// The place at every frame of this recording or of another one through the same sweep, 0..1, with nothing else fitted.
    pub fn follow(&self, ratio: &BandRatio) -> Vec<f64> {
        let shares = self.locate(ratio, ratio.frames());
        shares.iter().map(|shares| self.warped(middle(shares))).collect()
    }

    /// The places as phases that a net can be told: a sweep from end to end is half a turn.
    pub fn track(ratio: &BandRatio, places: &[f64]) -> PhaseTrack {
        PhaseTrack::through(places.iter().enumerate().map(|(t, place)| (ratio.time_s(t), 0.5 * place)).collect())
    }

    /// A place in the scale in which all are equally frequent.
    fn warped(&self, place: f64) -> f64 {
        let along = place * PLACES as f64;
        let edge = (along as usize).min(PLACES - 1);
        self.warp[edge] + (self.warp[edge + 1] - self.warp[edge]) * (along - edge as f64)
    }

    /// Maximisation: the curve through the frames where they were found, and how far they lie from it.
    fn draw(&mut self, ratio: &BandRatio, shares: &[Shares], width: f64) {
        let smoothing = bells(width);
        self.curve = vec![[0.0; BANDS]; PLACES];
        let (mut left, mut total) = (0.0, 0.0);
        for band in 0..BANDS {
            let (mut weight, mut sum) = ([0.0; PLACES], [0.0; PLACES]);
            let (mut heard, mut all, mut located, mut located_square) = (0.0, 0.0, 0.0, 0.0);
            for (t, shares) in shares.iter().enumerate().filter(|(t, _)| ratio.audible[band][*t]) {
                let value = ratio.ratio[band][t];
                (heard, all) = (heard + 1.0, all + value);
                for ((w, s), share) in weight.iter_mut().zip(&mut sum).zip(shares) {
                    *w += share;
                    *s += share * value;
                }
                let share: f64 = shares.iter().sum();
                (located, located_square) = (located + share, located_square + share * value * value);
            }
            let mean = all / f64::max(heard, 1.0);
            let mut residual = located_square;
            for place in 0..PLACES {
                let smooth = |x: &Shares| x.iter().zip(&smoothing[place]).map(|(x, bell)| x * bell).sum::<f64>();
                let y = (smooth(&sum) + PRIOR_FRAMES * mean) / (smooth(&weight) + PRIOR_FRAMES);
                residual += weight[place] * y * y - 2.0 * sum[place] * y;
                self.curve[place][band] = y;
            }
            self.variance[band] = (residual / f64::max(located, 1.0)).max(LEAST_VARIANCE);
            (left, total) = (left + residual, total + located_square - located * mean * mean);
        }
        self.explained_variance = if total > 0.0 { 1.0 - left / total } else { 0.0 };
    }

    /// Expectation: the shares of each of the first `frames` frames in the places, by the forward and backward recursions.
    fn locate(&self, ratio: &BandRatio, frames: usize) -> Vec<Shares> {
        let moves = bells(self.step).map(|row| {
            let sum: f64 = row.iter().sum::<f64>() + ANYWHERE * PLACES as f64;
            row.map(|x| (x + ANYWHERE) / sum)
        });
        let moved = |from: &Shares| -> Shares {
            std::array::from_fn(|k| moves[k].iter().zip(from).map(|(step, share)| step * share).sum())
        };
        let likelihoods: Vec<Shares> = (0..frames).map(|t| self.likelihood(ratio, t)).collect();
        let mut shares: Vec<Shares> = Vec::with_capacity(frames);
        for likelihood in &likelihoods {
            let before = shares.last().map_or([1.0; PLACES], &moved);
            shares.push(normalised(product(&before, likelihood)));
        }
        // What all later frames say; at the last one, nothing.
        let mut later = [1.0; PLACES];
        for t in (0..frames.saturating_sub(1)).rev() {
            later = normalised(moved(&product(&later, &likelihoods[t + 1])));
            shares[t] = normalised(product(&shares[t], &later));
        }
        shares
    }

    /// How well a frame fits each place, 1 at the best.
    fn likelihood(&self, ratio: &BandRatio, frame: usize) -> Shares {
        let mut costs = [0.0; PLACES];
        for band in (0..BANDS).filter(|&band| ratio.audible[band][frame]) {
            let (value, scale) = (ratio.ratio[band][frame], 0.5 * EVIDENCE / self.variance[band]);
            for (cost, curve) in costs.iter_mut().zip(&self.curve) {
                *cost += scale * (value - curve[band]).powi(2);
            }
        }
        let best = costs.iter().copied().fold(f64::INFINITY, f64::min);
        costs.map(|cost| (best - cost).exp() + ANYWHERE)
    }

    /// Moves the shares to where all places are equally frequent.
    fn level(&self, shares: &mut [Shares]) {
        let goals: [f64; PLACES] = std::array::from_fn(|k| {
            let place = self.warped((k as f64 + 0.5) / PLACES as f64);
            (place * PLACES as f64 - 0.5).clamp(0.0, (PLACES - 1) as f64)
        });
        for shares in shares {
            let mut levelled = [0.0; PLACES];
            for (share, goal) in shares.iter().zip(&goals) {
                let low = (*goal as usize).min(PLACES - 2);
                let along = goal - low as f64;
                levelled[low] += share * (1.0 - along);
                levelled[low + 1] += share * along;
            }
            *shares = levelled;
        }
    }
}

/// Bell curves of a width about the middle of each place, 1 at their tops.
fn bells(width: f64) -> [Shares; PLACES] {
    std::array::from_fn(|a| {
        std::array::from_fn(|b| (-0.5 * ((a as f64 - b as f64) / (PLACES as f64 * width)).powi(2)).exp())
    })
}

fn product(a: &Shares, b: &Shares) -> Shares {
    std::array::from_fn(|k| a[k] * b[k])
}

fn normalised(shares: Shares) -> Shares {
    let sum: f64 = shares.iter().sum();
    shares.map(|share| share / sum)
}

/// Mean place.
fn middle(shares: &Shares) -> f64 {
    let sum: f64 = shares.iter().sum();
    shares.iter().enumerate().map(|(k, share)| share * (k as f64 + 0.5)).sum::<f64>() / (sum * PLACES as f64)
}

/// Share of the places below each edge.
fn spread(mut places: Vec<f64>) -> [f64; PLACES + 1] {
    places.sort_unstable_by(f64::total_cmp);
    let below = |edge: f64| places.partition_point(|place| *place < edge) as f64 / places.len() as f64;
    std::array::from_fn(|k| below(k as f64 / PLACES as f64))
}

#[cfg(test)]
mod tests;
