//! How far an estimate is from its reference: error-to-signal ratio, multi-resolution STFT distance, levels.

use crate::stft::Stft;

/// What of the spectra counts in `mrstft`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// Magnitudes below the reference's largest by more than this are raised to it: without it, empty bands decide.
    pub relative_db: f64,
    /// Bins above this frequency do not count: MP3 at 128 kbit/s has nothing beyond 16 kHz.
    pub max_hz: Option<f64>,
}

impl Default for Floor {
    fn default() -> Self {
        Self { relative_db: -80.0, max_hz: None }
    }
}

impl Floor {
    /// For recordings that went through MP3.
    pub fn mp3() -> Self {
        Self { max_hz: Some(16_000.0), ..Self::default() }
    }
}

/// FFT, hop and window in samples of the three resolutions (Steinmetz and Reiss, auraloss, 2020; after Yamamoto et al.,
/// Parallel WaveGAN, 2020).
const RESOLUTIONS: [(usize, usize, usize); 3] = [(1024, 120, 600), (2048, 240, 1200), (512, 50, 240)];

/// Energy of the error over energy of the reference. Of a silent reference: 0 if the estimate is silent too, else infinite.
pub fn esr(reference: &[f32], estimate: &[f32]) -> f64 {
    assert_eq!(reference.len(), estimate.len(), "reference and estimate must be equally long");
    let error: f64 = reference.iter().zip(estimate).map(|(&y, &e)| (f64::from(y) - f64::from(e)).powi(2)).sum();
    let energy: f64 = reference.iter().map(|&y| f64::from(y).powi(2)).sum();
    if error == 0.0 { 0.0 } else { error / energy }
}

/// Multi-resolution STFT distance: the mean over three resolutions of
/// ```text
/// || |Y| - |E| ||_F / || |Y| ||_F  +  mean | ln |Y| - ln |E| |
/// ```
/// with both magnitudes raised to the floor first. Windows (periodic Hann) lie wholly inside the sound; a sound shorter than
/// a window is taken as followed by silence.
pub fn mrstft(reference: &[f32], estimate: &[f32], sample_rate_hz: f64, floor: Floor) -> f64 {
    assert_eq!(reference.len(), estimate.len(), "reference and estimate must be equally long");
    let distance: f64 = RESOLUTIONS
        .iter()
        .map(|&(fft, hop, window)| {
            let bins = floor
                .max_hz
                .map_or(fft / 2 + 1, |hz| ((hz / sample_rate_hz * fft as f64) as usize + 1).min(fft / 2 + 1));
            let y = magnitudes(reference, fft, hop, window, bins);
            let e = magnitudes(estimate, fft, hop, window, bins);
            let least = y.iter().copied().fold(0.0, f64::max) * 10f64.powf(floor.relative_db / 20.0);
            let least = least.max(1e-100);
            let (mut error, mut energy, mut log_error) = (0.0, 0.0, 0.0);
            for (&y, &e) in y.iter().zip(&e) {
                let (y, e) = (y.max(least), e.max(least));
                error += (y - e).powi(2);
                energy += y * y;
                log_error += (y.ln() - e.ln()).abs();
            }
            (error / energy).sqrt() + log_error / y.len() as f64
        })
        .sum();
    distance / RESOLUTIONS.len() as f64
}

/// Magnitudes of all frames, `[frame, bin]`, the first `bins` bins.
fn magnitudes(sound: &[f32], fft: usize, hop: usize, window: usize, bins: usize) -> Vec<f64> {
    let mut stft = Stft::new(fft, window);
    let frames = sound.len().saturating_sub(window) / hop + 1;
    let mut all = Vec::with_capacity(frames * bins);
    for frame in 0..frames {
        all.extend(stft.spectrum(&sound[frame * hop..])[..bins].iter().map(|bin| bin.norm()));
    }
    all
}

/// Largest magnitude of a sample.
pub fn peak(sound: &[f32]) -> f32 {
    sound.iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

/// Root mean square in dB of full scale (a constant ±1 is 0 dB); silence is minus infinity.
pub fn rms_db(sound: &[f32]) -> f64 {
    let power = sound.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / sound.len().max(1) as f64;
    10.0 * power.log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<f32> {
        let mut word = 1u32;
        (0..len)
            .map(|_| {
                word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (f64::from(word) / 2f64.powi(31) - 1.0) as f32
            })
            .collect()
    }

    #[test]
    fn esr_is_error_energy_over_reference_energy() {
        assert_eq!(esr(&[1.0, 2.0], &[1.0, 1.0]), 0.2);
        assert_eq!(esr(&[0.0, 0.0], &[0.0, 0.0]), 0.0);
        assert_eq!(esr(&[0.0, 0.0], &[0.0, 1.0]), f64::INFINITY);
    }

    #[test]
    fn a_change_of_level_costs_the_same_in_both_parts_of_mrstft() {
        // Twice as loud: the first part is |1 - 2| = 1, the second ln 2, in every resolution; the floor is out of reach.
        let sound = noise(10_000);
        let twice: Vec<f32> = sound.iter().map(|x| 2.0 * x).collect();
        let floor = Floor { relative_db: -300.0, max_hz: None };
        let distance = mrstft(&sound, &twice, 44_100.0, floor);
        assert!((distance - (1.0 + 2f64.ln())).abs() < 1e-6, "{distance}");
        assert_eq!(mrstft(&sound, &sound, 44_100.0, Floor::default()), 0.0);
    }

    #[test]
    fn nothing_below_the_floor_or_above_the_limit_counts() {
        let tone: Vec<f32> = (0..20_000).map(|n| (n as f32 * 0.1).sin()).collect();
        let hissing: Vec<f32> = tone.iter().zip(noise(20_000)).map(|(x, n)| x + 1e-7 * n).collect();
        assert!(mrstft(&tone, &hissing, 44_100.0, Floor::default()) < 1e-4);
        let whistling: Vec<f32> = tone.iter().enumerate().map(|(n, x)| x + 0.1 * (n as f32 * 2.9).sin()).collect();
        assert!(mrstft(&tone, &whistling, 44_100.0, Floor::default()) > 0.1);
        assert!(mrstft(&tone, &whistling, 44_100.0, Floor::mp3()) < 1e-2);
    }

    #[test]
    fn silence_instead_of_sound_costs_the_whole_floor() {
        let tone: Vec<f32> = (0..20_000).map(|n| (n as f32 * 0.1).sin()).collect();
        let distance = mrstft(&tone, &[0.0; 20_000], 44_100.0, Floor::default());
        assert!(distance > 1.0 && distance.is_finite(), "{distance}");
        assert!(mrstft(&[0.0; 100], &[0.0; 100], 44_100.0, Floor::default()) == 0.0);
    }

    #[test]
    fn a_full_square_wave_is_0_db() {
        assert_eq!(rms_db(&[1.0, -1.0, 1.0]), 0.0);
        assert_eq!(peak(&[0.5, -0.75, 0.1]), 0.75);
        assert!((rms_db(&[0.1; 10]) + 20.0).abs() < 1e-5);
    }
}
