//! The order of a recording's frames along a hidden sweep: where the fit of `places` begins.
//!
//! A sweep bends through so many dimensions that no straight axis keeps its order: principal components fold it (rank
//! correlation with the truth 0.0 to 0.6, measured). The second eigenvector of a graph does not: its knots are frames, its
//! edges join the most similar ones and those that follow each other (Laplacian eigenmaps, Belkin and Niyogi 2003).
use anyhow::{Result, ensure};
use kernels::phaser::finder::band_ratio::{BANDS, BandRatio};
use std::f64::consts::PI;

/// Frames that are ordered, evenly over the recording.
const KNOTS: usize = 1000;
/// Fewest that show a sweep.
const LEAST_KNOTS: usize = 100;
/// Frames on either side that a knot is averaged over, Hann-weighted.
const REACH: usize = 8;
/// Bands that a knot must have been heard in, of all.
const HEARD: f64 = 0.5;
/// Overlap of the bands that two knots were heard in, below which nothing can be said about their distance.
const LEAST_OVERLAP: f64 = 3.0;
/// Nearest knots that a knot is joined to, and the one of them whose distance is the unit.
const NEIGHBOURS: [usize; 2] = [11, 7];
/// Steps of the power iteration: enough for a sweep that is crossed twenty times in a recording.
const STEPS: usize = 6_000;

/// One frame, averaged over its neighbours.
struct Knot {
    frame: usize,
    /// Log energy ratio of each band.
    value: [f64; BANDS],
    /// Share of the neighbourhood in which the band was heard.
    weight: [f64; BANDS],
}

/// Some of the first `fitted` frames with their rank along the sweep, 0..1; which end is 0 is left to chance.
pub fn order(ratio: &BandRatio, fitted: usize) -> Result<Vec<(usize, f64)>> {
    let heard: Vec<Knot> = (REACH..fitted.saturating_sub(REACH))
        .map(|frame| knot(ratio, frame))
        .filter(|knot| knot.weight.iter().sum::<f64>() > HEARD * BANDS as f64)
        .collect();
    ensure!(
        heard.len() >= LEAST_KNOTS,
        "no sweep found: {:.1} s of the recording hold sound in half of the bands, at least {:.1} s are needed; chirps, noise \
         or full chords show a sweep best",
        heard.len() as f64 * ratio.hop_s,
        LEAST_KNOTS as f64 * ratio.hop_s
    );
    let count = KNOTS.min(heard.len());
    let knots: Vec<&Knot> = (0..count).map(|k| &heard[k * (heard.len() - 1) / (count - 1)]).collect();
    let coordinate = second_eigenvector(&joined(&knots));
    let mut ranked: Vec<usize> = (0..count).collect();
    ranked.sort_by(|&a, &b| coordinate[a].total_cmp(&coordinate[b]));
    let rank = |(place, &k): (usize, &usize)| (knots[k].frame, (place as f64 + 0.5) / count as f64);
    Ok(ranked.iter().enumerate().map(rank).collect())
}

fn knot(ratio: &BandRatio, frame: usize) -> Knot {
    let (mut value, mut weight) = ([0.0; BANDS], [0.0; BANDS]);
    for t in frame - REACH..=frame + REACH {
        let hann = (1.0 + (PI * t.abs_diff(frame) as f64 / (REACH + 1) as f64).cos()) / (2 * (REACH + 1)) as f64;
        for band in (0..BANDS).filter(|&band| ratio.audible[band][t]) {
            value[band] += hann * ratio.ratio[band][t];
            weight[band] += hann;
        }
    }
    value.iter_mut().zip(&weight).for_each(|(v, w)| *v /= f64::max(*w, 1e-9));
    Knot { frame, value, weight }
}

/// Mean squared difference in the bands that both were heard in.
fn distance(a: &Knot, b: &Knot) -> f64 {
    let (mut sum, mut overlap) = (1e-6, 0.0);
    for band in 0..BANDS {
        let weight = a.weight[band] * b.weight[band];
        sum += weight * (a.value[band] - b.value[band]).powi(2);
        overlap += weight;
    }
    if overlap > LEAST_OVERLAP { sum / overlap } else { f64::INFINITY }
}

/// The graph: for each knot the others that it is joined to, and how closely.
fn joined(knots: &[&Knot]) -> Vec<Vec<(usize, f64)>> {
    let nearest: Vec<Vec<(usize, f64)>> = (0..knots.len())
        .map(|a| {
            let mut others: Vec<(usize, f64)> =
                (0..knots.len()).filter(|&b| b != a).map(|b| (b, distance(knots[a], knots[b]))).collect();
            others.select_nth_unstable_by(NEIGHBOURS[0] - 1, |x, y| x.1.total_cmp(&y.1));
            others.truncate(NEIGHBOURS[0]);
            others.sort_by(|x, y| x.1.total_cmp(&y.1));
            others
        })
        .collect();
    let unit = |k: usize| nearest[k][NEIGHBOURS[1] - 1].1;
    let mut edges = vec![std::collections::BTreeMap::new(); knots.len()];
    let mut join = |a: usize, b: usize, closeness: f64| {
        edges[a].insert(b, closeness);
        edges[b].insert(a, closeness);
    };
    for (a, others) in nearest.iter().enumerate() {
        for &(b, distance) in others.iter().filter(|other| other.1.is_finite()) {
            join(a, b, (-distance / (unit(a) * unit(b)).sqrt()).exp());
        }
    }
    // A sweep does not jump: what follows each other is near, whatever it sounds like. This also keeps the graph in one piece.
    (1..knots.len()).for_each(|k| join(k - 1, k, 1.0));
    edges.into_iter().map(|row| row.into_iter().collect()).collect()
}

/// The slowest change over the graph, by power iteration on half of one plus the normalised adjacency, without its first
/// eigenvector.
fn second_eigenvector(edges: &[Vec<(usize, f64)>]) -> Vec<f64> {
    let root: Vec<f64> = edges.iter().map(|row| row.iter().map(|edge| edge.1).sum::<f64>().sqrt()).collect();
    let power: f64 = root.iter().map(|r| r * r).sum();
    let normalised = |(a, row): (usize, &Vec<(usize, f64)>)| -> Vec<(usize, f64)> {
        row.iter().map(|&(b, closeness)| (b, closeness / (root[a] * root[b]))).collect()
    };
    let edges: Vec<Vec<(usize, f64)>> = edges.iter().enumerate().map(normalised).collect();
    let mut x: Vec<f64> = (0..edges.len()).map(|k| (k as f64 * 0.618_034).fract() - 0.5).collect();
    for _ in 0..STEPS {
        let along = x.iter().zip(&root).map(|(x, r)| x * r).sum::<f64>() / power;
        x.iter_mut().zip(&root).for_each(|(x, r)| *x -= along * r);
        let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let smoothed = |(row, x_a): (&Vec<(usize, f64)>, &f64)| {
            0.5 * (x_a + row.iter().map(|&(b, closeness)| closeness * x[b]).sum::<f64>()) / length
        };
        x = edges.iter().zip(&x).map(smoothed).collect();
    }
    x.iter().zip(&root).map(|(x, r)| x / r).collect()
}
