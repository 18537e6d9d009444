//! A sound as single periods, one every few milliseconds: pitch, level, harmonics. Not real time.
use super::pitch::{Pitch, PitchTracker};
use crate::dsp::period_table::MOST_HARMONICS;
use crate::wavetable::period::Period;

/// Periods of which one is made.
const PERIODS: usize = 4;
/// Clarity below which a stretch has no tone.
const TONE: f64 = 0.6;

/// What sounds at a moment.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The moment, in seconds from the start.
    pub time_s: f64,
    /// RMS around it, of full scale.
    pub level: f64,
    /// Pitch and one period, where there is a tone.
    pub tone: Option<(Pitch, Period)>,
}

/// The periods of a mono sound, one every `hop_s` seconds.
pub fn cuts(sound: &[f32], rate_hz: f64, hop_s: f64) -> Vec<Cut> {
    let tracker = PitchTracker::new(rate_hz);
    let sound: Vec<f64> = sound.iter().map(|x| if x.is_finite() { f64::from(*x) } else { 0.0 }).collect();
    let count = (sound.len() as f64 / rate_hz / hop_s) as usize;
    let at = |n: usize| {
        let time_s = n as f64 * hop_s;
        let around = stretch(&sound, (time_s * rate_hz) as usize, tracker.stretch());
        let pitch = tracker.find(around).filter(|pitch| pitch.clarity > TONE);
        let tone = pitch.map(|pitch| (pitch, cut(around, &pitch)));
        let level = tone.as_ref().map_or_else(|| rms(around), |(_, period)| period.rms());
        Cut { time_s, level, tone }
    };
    (0..count).map(at).collect()
}

/// As many samples as a tracker wants, around a place; fewer of a short sound.
fn stretch(sound: &[f64], place: usize, length: usize) -> &[f64] {
    let start = place.saturating_sub(length / 2).min(sound.len().saturating_sub(length));
    &sound[start..(start + length).min(sound.len())]
}

fn rms(sound: &[f64]) -> f64 {
    (sound.iter().map(|x| x * x).sum::<f64>() / sound.len().max(1) as f64).sqrt()
}

/// One period out of the middle of a stretch.
fn cut(stretch: &[f64], pitch: &Pitch) -> Period {
    let mean = stretch.iter().sum::<f64>() / stretch.len() as f64;
    // Four periods of the lowest pitch do not fit a stretch; two still part the harmonics.
    let periods = PERIODS.min((stretch.len() as f64 / pitch.period_samples) as usize).max(2);
    let length = ((periods as f64 * pitch.period_samples) as usize + 1).min(stretch.len());
    let start = (stretch.len() - length) / 2;
    let centred: Vec<f64> = stretch[start..].iter().map(|x| x - mean).collect();
    Period::over(&centred, pitch.period_samples, MOST_HARMONICS, periods)
}
