//! Periods of one machine turned to each other, each to its neighbours in the space of settings.
//!
//! A rule that looks at one period alone (its largest magnitude first) jumps where two places of it are nearly as large, and a
//! network that must draw the jump learns little else. Nothing but the start of the period changes, which nobody hears.
use kernels::wavetable::period::Period;
use rayon::prelude::*;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Neighbours of a period that it is turned to.
const NEIGHBOURS: usize = 10;
/// Places of a turn that are tried.
const PLACES: usize = 2048;
/// Times that all periods are turned anew after the first.
const SWEEPS: usize = 3;

/// A neighbour of a period already in place.
struct Edge {
    /// Highest correlation of the two at any turn, -1..1.
    likeness: f32,
    row: usize,
}

impl PartialEq for Edge {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Edge {}

impl PartialOrd for Edge {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Edge {
    /// By likeness, and by row so that equal ones come in one order.
    fn cmp(&self, other: &Self) -> Ordering {
        self.likeness.total_cmp(&other.likeness).then(other.row.cmp(&self.row))
    }
}

/// Turns every period to the sum of its neighbours. `places` are the settings, each dimension about as wide as matters. The
/// first period stays; the others follow in the order of their likeness to one that is in place, which keeps jumps where the
/// sound itself jumps; then all are turned anew a few times.
pub fn align(periods: &mut [Period], places: &[Vec<f64>]) {
    if periods.len() < 2 {
        return;
    }
    let neighbours: Vec<Vec<usize>> = (0..places.len()).into_par_iter().map(|row| nearest(places, row)).collect();
    let mut friends = neighbours.clone();
    for (row, near) in neighbours.iter().enumerate() {
        near.iter().for_each(|other| friends[*other].push(row));
    }
    let correlation = Correlation::new();
    let mut shapes: Vec<Vec<Complex32>> = periods.iter().map(unit).collect();
    let mut placed = vec![false; periods.len()];
    let mut heap = BinaryHeap::new();
    for first in 0..periods.len() {
        if placed[first] {
            continue;
        }
        heap.push(Edge { likeness: 1.0, row: first });
        while let Some(Edge { row, .. }) = heap.pop() {
            if placed[row] {
                continue;
            }
            let reference = sum(&shapes, friends[row].iter().filter(|other| placed[**other]));
            let (place, _) = correlation.best(&shapes[row], &reference);
            turn(periods, &mut shapes, row, place);
            placed[row] = true;
            for other in &friends[row] {
                if !placed[*other] {
                    let (_, likeness) = correlation.best(&shapes[*other], &shapes[row]);
                    heap.push(Edge { likeness, row: *other });
                }
            }
        }
    }
    for _ in 0..SWEEPS {
        for row in 0..periods.len() {
            let reference = sum(&shapes, friends[row].iter());
            let (place, _) = correlation.best(&shapes[row], &reference);
            turn(periods, &mut shapes, row, place);
        }
    }
}

/// The nearest other places.
fn nearest(places: &[Vec<f64>], row: usize) -> Vec<usize> {
    let distance = |other: usize| -> f64 { places[row].iter().zip(&places[other]).map(|(a, b)| (a - b).powi(2)).sum() };
    let mut others: Vec<(f64, usize)> = (0..places.len()).filter(|n| *n != row).map(|n| (distance(n), n)).collect();
    let count = NEIGHBOURS.min(others.len());
    others.select_nth_unstable_by(count - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    others[..count].iter().map(|(_, n)| *n).collect()
}

/// Harmonics of a period with norm 1.
fn unit(period: &Period) -> Vec<Complex32> {
    let norm = period.harmonics.iter().map(|h| h.norm_sqr()).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    period.harmonics.iter().map(|h| Complex32::new((h.re / norm) as f32, (h.im / norm) as f32)).collect()
}

fn sum<'a>(shapes: &[Vec<Complex32>], rows: impl Iterator<Item = &'a usize>) -> Vec<Complex32> {
    let mut sum = Vec::new();
    for row in rows {
        if sum.len() < shapes[*row].len() {
            sum.resize(shapes[*row].len(), Complex32::ZERO);
        }
        sum.iter_mut().zip(&shapes[*row]).for_each(|(sum, h)| *sum += h);
    }
    sum
}

fn turn(periods: &mut [Period], shapes: &mut [Vec<Complex32>], row: usize, place: usize) {
    periods[row].start_at(place as f64 / PLACES as f64);
    shapes[row] = unit(&periods[row]);
}

/// Correlation of two periods at every place of a turn.
struct Correlation(Arc<dyn ComplexToReal<f32>>);

impl Correlation {
    fn new() -> Self {
        Self(RealFftPlanner::new().plan_fft_inverse(PLACES))
    }

    /// Where a period must begin to be most like a reference, and how like it is then; place 0 without a reference.
    fn best(&self, shape: &[Complex32], reference: &[Complex32]) -> (usize, f32) {
        let mut spectrum = self.0.make_input_vec();
        for (bin, (h, r)) in spectrum[1..].iter_mut().zip(shape.iter().zip(reference)) {
            *bin = 0.5 * h * r.conj();
        }
        let mut found = self.0.make_output_vec();
        // Buffers are the plan's own, and bins that must be real are zero.
        let _ = self.0.process(&mut spectrum, &mut found);
        let best = (0..PLACES).fold(0, |best, n| if found[n] > found[best] { n } else { best });
        (best, found[best])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use realfft::num_complex::Complex64;

    #[test]
    fn periods_that_were_turned_about_come_to_lie_on_each_other() {
        let mut periods = Vec::new();
        let mut places = Vec::new();
        for n in 0..60 {
            let bend = f64::from(n) / 60.0;
            let harmonic = |k: i32| Complex64::from_polar(1.0 / f64::from(k), f64::from(k * k) * 0.02 * bend);
            let mut period = Period { harmonics: (1..=30).map(harmonic).collect() };
            period.start_at(f64::from(n * 37 % 64) / 64.0);
            periods.push(period);
            places.push(vec![bend]);
        }
        align(&mut periods, &places);
        for pair in periods.windows(2) {
            let product: f64 = pair[0].harmonics.iter().zip(&pair[1].harmonics).map(|(a, b)| (a * b.conj()).re).sum();
            let likeness = 0.5 * product / (pair[0].rms() * pair[1].rms());
            assert!(likeness > 0.99, "{likeness}");
        }
    }
}
