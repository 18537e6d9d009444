//! What a phaser did to each band of its input, over time: the picture in which its LFO can be seen.

use crate::dsp::stft::Stft;

/// Bands of equal width in log frequency.
pub const BANDS: usize = 28;

/// Edges of the lowest and the highest band in Hz: below there is little sound, above codecs leave little.
const SPAN_HZ: [f64; 2] = [120.0, 8000.0];

/// Length of the analysed frames in samples at 44.1 kHz; their hop is a quarter of it.
const FRAME: f64 = 1024.0;

/// A frame counts in a band where the dry sound has more than this part of the band's 95th percentile of energy.
const AUDIBLE: f64 = 3.162_277_660_168_379_5e-5;

/// Log energy ratio of wet to dry: `[band][frame]`.
#[derive(Clone, Debug)]
pub struct BandRatio {
    /// `ln E_wet - ln E_dry`, held between -5 and 3.
    pub ratio: Vec<Vec<f64>>,
    /// Does the frame count in the band: is there enough dry sound to measure by?
    pub audible: Vec<Vec<bool>>,
    /// Seconds from one frame's centre to the next.
    pub hop_s: f64,
    /// Time of the first frame's centre.
    pub first_s: f64,
}

impl BandRatio {
    /// Compares two equally long recordings; a tail of one that the other lacks is left out.
    pub fn measure(dry: &[f32], wet: &[f32], sample_rate_hz: f64) -> Self {
        let frame = ((FRAME * sample_rate_hz / 44_100.0).log2().round().exp2() as usize).max(64);
        let hop = frame / 4;
        let len = dry.len().min(wet.len());
        let dry_energy = energies(&dry[..len], frame, hop, sample_rate_hz);
        let wet_energy = energies(&wet[..len], frame, hop, sample_rate_hz);
        let mut ratio = Vec::with_capacity(BANDS);
        let mut audible = Vec::with_capacity(BANDS);
        for (dry, wet) in dry_energy.iter().zip(&wet_energy) {
            let mut sorted = dry.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let loud = sorted.get(sorted.len() * 95 / 100).copied().unwrap_or(0.0);
            let eps = (1e-3 * AUDIBLE * loud).max(1e-30);
            audible.push(dry.iter().map(|&energy| energy > AUDIBLE * loud).collect());
            ratio.push(dry.iter().zip(wet).map(|(d, w)| ((w + eps) / (d + eps)).ln().clamp(-5.0, 3.0)).collect());
        }
        Self { ratio, audible, hop_s: hop as f64 / sample_rate_hz, first_s: 0.5 * frame as f64 / sample_rate_hz }
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.ratio[0].len()
    }

    /// Time of a frame's centre.
    pub fn time_s(&self, frame: usize) -> f64 {
        self.first_s + frame as f64 * self.hop_s
    }

    /// Time from the first frame's centre to the last one's.
    pub fn span_s(&self) -> f64 {
        self.frames().saturating_sub(1) as f64 * self.hop_s
    }
}

/// Centre of a band in Hz, in the middle of its log-frequency interval.
pub fn band_centre_hz(band: usize) -> f64 {
    SPAN_HZ[0] * (SPAN_HZ[1] / SPAN_HZ[0]).powf((band as f64 + 0.5) / BANDS as f64)
}

/// Energy of each band in each Hann-windowed frame, `[band][frame]`. A band narrower than a bin takes the nearest bin.
fn energies(sound: &[f32], frame: usize, hop: usize, sample_rate_hz: f64) -> Vec<Vec<f64>> {
    let edge_bin = |band: usize| {
        let hz = SPAN_HZ[0] * (SPAN_HZ[1] / SPAN_HZ[0]).powf(band as f64 / BANDS as f64);
        ((hz / sample_rate_hz * frame as f64).round() as usize).min(frame / 2)
    };
    let bins: Vec<_> = (0..BANDS).map(|band| edge_bin(band)..edge_bin(band + 1).max(edge_bin(band) + 1)).collect();
    let mut stft = Stft::new(frame, frame);
    let mut all = vec![Vec::new(); BANDS];
    for window in sound.windows(frame).step_by(hop) {
        let spectrum = stft.spectrum(window);
        for (energy, bins) in all.iter_mut().zip(&bins) {
            energy.push(spectrum[bins.clone()].iter().map(|bin| bin.norm_sqr()).sum());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::naive::noise;

    #[test]
    fn a_gain_shows_as_its_logarithm_in_every_audible_band() {
        let dry = noise(1, 44_100);
        let wet: Vec<f32> = dry.iter().map(|x| 0.5 * x).collect();
        let ratio = BandRatio::measure(&dry, &wet, 44_100.0);
        assert_eq!(ratio.frames(), (44_100 - 1024) / 256 + 1);
        let mut counted = 0;
        for (row, audible) in ratio.ratio.iter().zip(&ratio.audible) {
            for (value, _) in row.iter().zip(audible).filter(|(_, audible)| **audible) {
                assert!((value - 0.25f64.ln()).abs() < 1e-2, "{value}");
                counted += 1;
            }
        }
        assert!(counted > 1000, "{counted}");
    }

    #[test]
    fn a_sound_shorter_than_a_frame_has_no_frames() {
        assert_eq!(BandRatio::measure(&[0.0; 100], &[0.0; 100], 44_100.0).frames(), 0);
    }
}
