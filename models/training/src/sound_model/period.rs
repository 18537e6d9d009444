//! The period of a sound by its own repetition: normalised autocorrelation, refined over several periods.

/// Samples that are compared with later ones.
const WINDOW: usize = 1024;
/// Longest lag.
const MOST_LAG: usize = 1024;
/// Samples of a frame.
pub const FRAME: usize = WINDOW + MOST_LAG;
/// A shorter lag is taken for the period if it is nearly as good as the best one, of it.
const NEARLY: f64 = 0.95;

/// What a frame repeats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Period {
    /// Frequency in Hz.
    pub hz: f64,
    /// How alike neighbouring periods are: 1 the same, 0 noise.
    pub correlation: f64,
}

/// The period of a frame of [`FRAME`] samples, looked for between two frequencies. Silence has correlation 0.
pub fn find(frame: &[f32], sample_rate_hz: f64, range_hz: [f64; 2]) -> Period {
    let curve = Curve { sound: frame, energies: energies(&frame[..FRAME]), window: WINDOW };
    let Some((mut lag, correlation)) = curve.first_peak(sample_rate_hz, range_hz) else {
        return Period { hz: range_hz[0], correlation: 0.0 };
    };
    for periods in [2.0, 4.0, 8.0] {
        let middle = (periods * lag).round() as usize;
        if middle + 2 >= MOST_LAG {
            break;
        }
        let near = (middle - 1..=middle + 1).max_by(|a, b| curve.at(*a).total_cmp(&curve.at(*b))).unwrap_or(middle);
        lag = (near as f64 + top([near - 1, near, near + 1].map(|lag| curve.at(lag))).0) / periods;
    }
    Period { hz: sample_rate_hz / lag, correlation }
}

/// The period of the first `window` samples beside those one period later: quick to follow, and less exact.
pub fn near(sound: &[f32], sample_rate_hz: f64, range_hz: [f64; 2], window: usize) -> Period {
    let longest = (sample_rate_hz / range_hz[0]).ceil() as usize + 2;
    let sound = &sound[..sound.len().min(window + longest)];
    let curve = Curve { sound, energies: energies(sound), window };
    match curve.first_peak(sample_rate_hz, range_hz) {
        Some((lag, correlation)) => Period { hz: sample_rate_hz / lag, correlation },
        None => Period { hz: range_hz[0], correlation: 0.0 },
    }
}

/// How alike a sound is to itself later.
struct Curve<'a> {
    sound: &'a [f32],
    energies: Vec<f64>,
    /// Samples that are compared.
    window: usize,
}

impl Curve<'_> {
    /// The shortest lag that is nearly the best, and how alike the sound is there.
    fn first_peak(&self, sample_rate_hz: f64, [low_hz, high_hz]: [f64; 2]) -> Option<(f64, f64)> {
        let most = self.sound.len() - self.window;
        let shortest = ((sample_rate_hz / high_hz) as usize).max(2);
        let longest = ((sample_rate_hz / low_hz).ceil() as usize).min(most - 1);
        let curve: Vec<f64> = (shortest - 1..=longest + 1).map(|lag| self.at(lag)).collect();
        let is_peak = |i: &usize| curve[*i] >= curve[i - 1] && curve[*i] > curve[i + 1];
        let peaks: Vec<usize> = (1..curve.len() - 1).filter(is_peak).collect();
        let best = peaks.iter().map(|i| curve[*i]).fold(0.0, f64::max);
        let first = peaks.into_iter().find(|i| curve[*i] >= NEARLY * best && best > 0.0)?;
        let (offset, correlation) = top([curve[first - 1], curve[first], curve[first + 1]]);
        Some(((first + shortest - 1) as f64 + offset, correlation))
    }

    /// `2 sum x[n] x[n + lag] / sum (x[n]^2 + x[n + lag]^2)`, 1 where a sound repeats itself.
    fn at(&self, lag: usize) -> f64 {
        let mut sums = [0.0f32; 16];
        let later = self.sound[lag..].chunks(16);
        for (a, b) in self.sound[..self.window].chunks(16).zip(later) {
            for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sum += a * b;
            }
        }
        let energy = self.energies[self.window] + self.energies[lag + self.window] - self.energies[lag];
        if energy > 1e-9 { 2.0 * sums.iter().map(|s| f64::from(*s)).sum::<f64>() / energy } else { 0.0 }
    }
}

/// Sum of the squares before each sample.
fn energies(frame: &[f32]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut energies = vec![0.0];
    for x in frame {
        sum += f64::from(*x).powi(2);
        energies.push(sum);
    }
    energies
}

/// Place, from the middle one, and height of the parabola's top through three values.
fn top([a, b, c]: [f64; 3]) -> (f64, f64) {
    let bend = a - 2.0 * b + c;
    if bend >= 0.0 {
        return (0.0, b);
    }
    let place = (0.5 * (a - c) / bend).clamp(-0.5, 0.5);
    (place, b - 0.25 * (a - c) * place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::nn::naive::noise;
    use std::f64::consts::TAU;

    fn tone(hz: f64, harmonics: &[f64], hiss: f32) -> Vec<f32> {
        let at = |t: usize, k: usize| (TAU * hz * (k + 1) as f64 * t as f64 / 16_000.0 + k as f64).sin();
        let sample = |t| harmonics.iter().enumerate().map(|(k, a)| a * at(t, k)).sum::<f64>() as f32;
        (0..FRAME).map(sample).zip(noise(1, FRAME)).map(|(x, n)| x + hiss * n).collect()
    }

    #[test]
    fn tones_are_found_within_a_tenth_of_a_cent_and_in_their_octave() {
        for hz in [164.81, 329.63, 622.25, 880.0] {
            for harmonics in [&[0.2, 0.0, 0.1][..], &[0.1, 0.2, 0.2, 0.1], &[0.2, 0.1]] {
                let found = find(&tone(hz, harmonics, 0.0), 16_000.0, [hz / 3.3, hz * 3.3]);
                assert!(crate::sound_model::cents(found.hz, hz).abs() < 0.1, "{hz}: {found:?}");
                assert!(found.correlation > 0.99, "{found:?}");
            }
        }
    }

    #[test]
    fn noise_and_silence_do_not_repeat() {
        assert!(find(&tone(300.0, &[0.02], 0.3), 16_000.0, [100.0, 900.0]).correlation < 0.5);
        assert_eq!(find(&[0.0; FRAME], 16_000.0, [100.0, 900.0]).correlation, 0.0);
    }
}
