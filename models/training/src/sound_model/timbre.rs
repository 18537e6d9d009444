//! How a sound's timbre is described, and whether a model's timbre moves with its control.
use super::SAMPLE_RATE_HZ;
use super::evaluate::{grid, play};
use crate::stft::Stft;
use kernels::sound_model::SoundModel;

/// Bands, evenly spaced in pitch.
const BANDS: usize = 32;
/// Lowest and highest edge, in Hz.
const EDGES_HZ: [f64; 2] = [80.0, 7_600.0];
/// Samples of a transform.
const FFT: usize = 2048;
/// Quietest level that counts, beside the loudest band, in dB.
const FLOOR_DB: f64 = -50.0;
/// Steps along the control, and seconds of each.
const STEPS: usize = 17;
const STEP_S: f64 = 1.0;
/// Of what is drawn.
const SEED: u64 = 4;

/// Energy in [`BANDS`] bands, mean over a sound.
pub fn bands(sound: &[f32]) -> [f64; BANDS] {
    let mut stft = Stft::new(FFT, FFT);
    let mut bands = [0.0; BANDS];
    for frame in sound.chunks_exact(FFT) {
        for (bin, x) in stft.spectrum(frame).iter().enumerate().skip(1) {
            let hz = bin as f64 * SAMPLE_RATE_HZ / FFT as f64;
            let place = (hz / EDGES_HZ[0]).ln() / (EDGES_HZ[1] / EDGES_HZ[0]).ln() * BANDS as f64;
            if (0.0..BANDS as f64).contains(&place) {
                bands[place as usize] += x.norm_sqr();
            }
        }
    }
    bands
}

/// The bands' mean frequency, weighted by their energy.
pub fn centroid_hz(bands: &[f64; BANDS]) -> f64 {
    let hz = |b: usize| EDGES_HZ[0] * (EDGES_HZ[1] / EDGES_HZ[0]).powf((b as f64 + 0.5) / BANDS as f64);
    let total: f64 = bands.iter().sum::<f64>().max(1e-12);
    bands.iter().enumerate().map(|(b, energy)| hz(b) * energy).sum::<f64>() / total
}

/// Levels of the bands in dB, none below the floor.
fn levels_db(bands: &[f64; BANDS]) -> [f64; BANDS] {
    let top = bands.iter().copied().fold(1e-12, f64::max);
    bands.map(|energy| (10.0 * (energy / top).log10()).max(FLOOR_DB))
}

/// How strictly the timbre follows the first control that is no pitch, at each of three notes: Spearman's correlation of the
/// control with how far the spectrum has come on the way from one end's to the other's. Empty without such a control.
pub fn follows(model: &SoundModel, temperature: f32) -> Vec<f64> {
    let points = grid(model.info(), 3, STEPS);
    if !points.len().is_multiple_of(STEPS) {
        return Vec::new();
    }
    let sounds = play(model, &points, temperature, SEED, STEP_S);
    let per_note = |sounds: &[Vec<f32>]| {
        let levels: Vec<_> = sounds.iter().map(|sound| levels_db(&bands(sound))).collect();
        let (first, last) = (levels[0], levels[STEPS - 1]);
        let come: Vec<f64> = levels.iter().map(|l| (0..BANDS).map(|b| (last[b] - first[b]) * l[b]).sum()).collect();
        spearman(&come)
    };
    sounds.chunks(STEPS).map(per_note).collect()
}

/// Spearman's correlation of values with their places.
fn spearman(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let count = |test: &dyn Fn(f64) -> bool| values.iter().filter(|y| test(**y)).count() as f64;
    let rank = |x: f64| count(&|y| y < x) + 0.5 * (count(&|y| y == x) - 1.0);
    let squares: f64 = values.iter().enumerate().map(|(i, x)| (rank(*x) - i as f64).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rising_row_follows_and_a_falling_one_does_not() {
        assert_eq!(spearman(&[1.0, 2.0, 4.0, 9.0]), 1.0);
        assert_eq!(spearman(&[9.0, 4.0, 2.0, 1.0]), -1.0);
        assert!((spearman(&[1.0, 3.0, 2.0, 4.0]) - 0.8).abs() < 1e-12);
    }

    #[test]
    fn a_tones_centroid_is_its_band() {
        let sound: Vec<f32> = (0..8192).map(|t| (t as f32 * std::f32::consts::TAU / 16.0).sin()).collect();
        let found = centroid_hz(&bands(&sound));
        assert!((found / 1000.0 - 1.0).abs() < 0.1, "{found}");
    }
}
