//! A steady noise between wind and crackle: hiss or clicks in a resonance, for a model without pitch.
use super::SAMPLE_RATE_HZ;
use super::waveguide::level;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;

/// Frequency of the resonance for tone 0 and 1, in Hz.
const TONES_HZ: [f64; 2] = [250.0, 3_200.0];
/// A second resonance lies so far above the first.
const SECOND: f64 = 1.9;
/// Frequency of a resonance over its width.
const QUALITY: f64 = 5.0;
/// Clicks a second where there are the fewest: close enough that none stands alone.
const CLICKS_HZ: f64 = 400.0;
/// Seconds until the resonances stand, cut away.
const ATTACK_S: f64 = 0.1;

/// A point of the set.
#[derive(Clone, Copy, Debug)]
pub struct Texture {
    /// Low to high, 0..1.
    pub tone: f64,
    /// Hiss to clicks, 0..1.
    pub grain: f64,
    /// Decides the noise.
    pub seed: u64,
}

impl Texture {
    /// So many seconds at [`SAMPLE_RATE_HZ`].
    pub fn play(&self, seconds: f64) -> Vec<f32> {
        let hz = TONES_HZ[0] * (TONES_HZ[1] / TONES_HZ[0]).powf(self.tone);
        let mut low = Resonance::new(hz);
        let mut high = Resonance::new((SECOND * hz).min(0.45 * SAMPLE_RATE_HZ));
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let (attack, share) = ((ATTACK_S * SAMPLE_RATE_HZ) as usize, CLICKS_HZ / SAMPLE_RATE_HZ);
        // Both excitations have the same power: a click is as strong as clicks are rare.
        let (hiss, click) = ((3.0 * (1.0 - self.grain)).sqrt(), (self.grain / share).sqrt());
        let mut sound: Vec<f32> = (0..attack + (seconds * SAMPLE_RATE_HZ) as usize)
            .map(|_| {
                let sign = if rng.random::<bool>() { 1.0 } else { -1.0 };
                let clicks = if rng.random::<f64>() < share { sign * click } else { 0.0 };
                let x = hiss * (2.0 * rng.random::<f64>() - 1.0) + clicks;
                (low.process(x) + 0.5 * high.process(x)) as f32
            })
            .collect();
        sound.drain(..attack);
        level(&mut sound);
        sound
    }
}

/// A band-pass of two poles.
struct Resonance {
    /// Factors of the last two outputs.
    back: [f64; 2],
    last: [f64; 2],
}

impl Resonance {
    fn new(hz: f64) -> Self {
        let radius = (-0.5 * TAU * hz / QUALITY / SAMPLE_RATE_HZ).exp();
        Self { back: [2.0 * radius * (TAU * hz / SAMPLE_RATE_HZ).cos(), -radius * radius], last: [0.0; 2] }
    }

    fn process(&mut self, x: f64) -> f64 {
        let y = (1.0 + self.back[1]) * x + self.back[0] * self.last[0] + self.back[1] * self.last[1];
        self.last = [y, self.last[0]];
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::rms_db;
    use crate::sound_model::timbre::{bands, centroid_hz};

    #[test]
    fn tone_moves_the_centroid_grain_the_peaks_and_the_level_stands() {
        let sound = |tone, grain| Texture { tone, grain, seed: 1 }.play(1.0);
        let centre = |tone| centroid_hz(&bands(&sound(tone, 0.5)));
        assert!(centre(0.0) < 0.5 * centre(0.5) && centre(0.5) < 0.6 * centre(1.0));
        let fourth = |x: &[f32]| {
            let mean = |power| x.iter().map(|x| f64::from(*x).powi(power)).sum::<f64>() / x.len() as f64;
            mean(4) / mean(2).powi(2)
        };
        assert!(fourth(&sound(0.7, 1.0)) > 1.5 * fourth(&sound(0.7, 0.0)));
        let steady = sound(0.0, 1.0);
        assert!((rms_db(&steady[..8000]) - rms_db(&steady[8000..])).abs() < 1.5);
    }
}
