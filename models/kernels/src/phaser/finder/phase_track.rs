//! The LFO's phase over a whole recording, drift included.
//!
//! A real pedal strays by half a radian within a minute; with feedback, an error of 0.04 rad already costs an ESR of 0.05. So
//! the phase is measured anew every one and a half seconds: in each segment the template found by `lfo_fit` is slid along
//! until it fits best.

use std::f64::consts::PI;

use super::band_ratio::{BANDS, BandRatio};
use super::harmonics::{BINS, Harmonics, PhaseBins};
use super::lfo_fit::LfoFit;

/// Shortest segment in seconds.
const SEGMENT_S: f64 = 3.0;

/// Periods of the LFO that a segment holds at least: shorter ones make the track scatter in step with the LFO.
const SEGMENT_PERIODS: f64 = 1.5;

/// Points of the smoothing window on either side, with the middle seven.
const SMOOTHING: usize = 3;

/// Segments with less than this part of the median number of audible frames are skipped.
const QUIET: f64 = 0.2;

/// Phase over time: a steady LFO and a slow deviation from it.
#[derive(Clone, Debug)]
pub struct PhaseTrack {
    /// Steady frequency.
    rate_hz: f64,
    /// Phase of the steady LFO at time 0, in turns.
    start_turns: f64,
    /// Time in seconds and deviation in turns, by time.
    knots: Vec<(f64, f64)>,
}

impl PhaseTrack {
    /// Follows an LFO that has been found; `start_turns` is the phase of the steady one at time 0, by whatever origin the
    /// caller counts.
    pub fn measure(ratio: &BandRatio, fit: &LfoFit, start_turns: f64) -> Self {
        let segment_s = SEGMENT_S.max(SEGMENT_PERIODS / fit.rate_hz);
        let frames = ((segment_s / ratio.hop_s).ceil() as usize).clamp(1, ratio.frames());
        let table = tabulate(&fit.template);
        let mut segments = Vec::new();
        for start in (0..=ratio.frames() - frames).step_by((frames / 2).max(1)) {
            let bins = PhaseBins::gather_frames(ratio, start..start + frames, |time_s| fit.rate_hz * time_s);
            let middle_s = 0.5 * (ratio.time_s(start) + ratio.time_s(start + frames - 1));
            segments.push((middle_s, bins.count(), ahead(&bins, &table)));
        }
        let mut counts: Vec<f64> = segments.iter().map(|segment| segment.1).collect();
        counts.sort_unstable_by(f64::total_cmp);
        let least = QUIET * counts[counts.len() / 2];
        let mut raw: Vec<(f64, f64)> =
            segments.iter().filter(|segment| segment.1 >= least).map(|segment| (segment.0, segment.2)).collect();
        unwrap(&mut raw);
        let knots = smooth(&raw, 0.5 * segment_s);
        Self { rate_hz: fit.rate_hz, start_turns, knots }
    }

    /// A phase that runs straight from knot to knot (time in seconds, turns), with no steady part.
    pub fn through(knots: Vec<(f64, f64)>) -> Self {
        Self { rate_hz: 0.0, start_turns: 0.0, knots }
    }

    /// The same track for a sound that begins later by so many seconds (earlier if negative).
    pub fn delayed_by(&self, seconds: f64) -> Self {
        Self {
            rate_hz: self.rate_hz,
            start_turns: self.start_turns - self.rate_hz * seconds,
            knots: self.knots.iter().map(|(time_s, turns)| (time_s + seconds, *turns)).collect(),
        }
    }

    /// LFO phase in turns, not wrapped. Beyond the recording the deviation stays as it was at its end.
    pub fn turns_at(&self, time_s: f64) -> f64 {
        self.start_turns + self.rate_hz * time_s + self.deviation_turns(time_s)
    }

    /// How far the LFO is ahead of a perfectly steady one, in turns.
    pub fn deviation_turns(&self, time_s: f64) -> f64 {
        let after = self.knots.partition_point(|knot| knot.0 <= time_s);
        match (after.checked_sub(1).map(|before| self.knots[before]), self.knots.get(after)) {
            (Some(before), Some(after)) => before.1 + (after.1 - before.1) * (time_s - before.0) / (after.0 - before.0),
            (Some(last), None) => last.1,
            (None, Some(first)) => first.1,
            (None, None) => 0.0,
        }
    }

    /// Drift: RMS deviation of the rate, of the rate, between one knot and the next.
    pub fn drift(&self) -> f64 {
        let rates: Vec<f64> =
            self.knots.windows(2).map(|pair| (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0)).collect();
        let square = rates.iter().map(|rate| rate * rate).sum::<f64>() / rates.len().max(1) as f64;
        square.sqrt() / self.rate_hz
    }

    /// The knots of the deviation: time in seconds, turns ahead of the steady LFO.
    pub fn knots(&self) -> &[(f64, f64)] {
        &self.knots
    }
}

/// The template at the middle of each phase bin, `[band][bin]`.
fn tabulate(template: &[Harmonics; BANDS]) -> Vec<[f64; BINS]> {
    template.iter().map(|band| std::array::from_fn(|bin| band.at((bin as f64 + 0.5) / BINS as f64))).collect()
}

/// By how many turns (-0.5..0.5) a segment is ahead of the template: the least weighted residual of one turn's worth of
/// shifts, every second bin, the minimum refined by a parabola.
fn ahead(bins: &PhaseBins, table: &[[f64; BINS]]) -> f64 {
    const STEP: usize = 2;
    let residual: Vec<f64> = (0..BINS / STEP)
        .map(|shift| {
            let mut total = 0.0;
            for band in 0..BANDS {
                let turned = table[band][shift * STEP..].iter().chain(&table[band][..shift * STEP]);
                for ((w, sum), t) in bins.weight[band].iter().zip(&bins.sum[band]).zip(turned) {
                    total += (w * t - 2.0 * sum) * t;
                }
            }
            total
        })
        .collect();
    let len = residual.len();
    let best = (0..len).min_by(|&a, &b| residual[a].total_cmp(&residual[b])).expect("there are shifts");
    let (left, middle, right) = (residual[(best + len - 1) % len], residual[best], residual[(best + 1) % len]);
    let curvature = left - 2.0 * middle + right;
    let between = if curvature > 0.0 { 0.5 * (left - right) / curvature } else { 0.0 };
    let turns = (best as f64 + between) / len as f64;
    turns - turns.round()
}

/// Removes jumps of whole turns.
fn unwrap(knots: &mut [(f64, f64)]) {
    for i in 1..knots.len() {
        knots[i].1 -= (knots[i].1 - knots[i - 1].1).round();
    }
}

/// Seven-point Hann smoothing. Each point becomes the value at its place of the line fitted to its neighbours, which inside
/// is their weighted mean. At the ends the line does not lag behind a trend, and leads on to knots `reach_s` further out: the
/// first and last segments are as long as that beyond their middle.
fn smooth(raw: &[(f64, f64)], reach_s: f64) -> Vec<(f64, f64)> {
    let mut knots: Vec<(f64, f64)> = (0..raw.len()).map(|i| (raw[i].0, line_at(raw, i, raw[i].0))).collect();
    if let Some(last) = raw.len().checked_sub(1) {
        let (before_s, after_s) = (raw[0].0 - reach_s, raw[last].0 + reach_s);
        knots.insert(0, (before_s, line_at(raw, 0, before_s)));
        knots.push((after_s, line_at(raw, last, after_s)));
    }
    knots
}

/// Value at a time of the line fitted, Hann-weighted, to the neighbours of point `i`.
fn line_at(raw: &[(f64, f64)], i: usize, time_s: f64) -> f64 {
    let (mut w0, mut w1, mut w2, mut y0, mut y1) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for j in i.saturating_sub(SMOOTHING)..(i + SMOOTHING + 1).min(raw.len()) {
        let distance = j.abs_diff(i) as f64 / (SMOOTHING + 1) as f64;
        let w = 0.5 + 0.5 * (PI * distance).cos();
        let x = raw[j].0 - time_s;
        w0 += w;
        w1 += w * x;
        w2 += w * x * x;
        y0 += w * raw[j].1;
        y1 += w * raw[j].1 * x;
    }
    let spread = w0 * w2 - w1 * w1;
    if spread > 1e-12 * w0 * w2 { (w2 * y0 - w1 * y1) / spread } else { y0 / w0 }
}

#[cfg(test)]
mod tests;
