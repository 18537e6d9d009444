//! Audio to play through a pedal: plucked strings, noise bursts and chirps, made from a seed.
//!
//! Together they hold every level, spectrum and attack that a guitar, a drum or a test signal brings, without anybody's
//! recording. Each source has RMS 0.1.

use std::f64::consts::TAU;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// RMS of each source, full scale = 1.
const LEVEL: f64 = 0.1;

/// Three sources of training audio, mono.
#[derive(Clone, Debug)]
pub struct Bank {
    /// Karplus-Strong plucks and strums of one to five strings.
    pub strings: Vec<f32>,
    /// Bursts of coloured noise that die away.
    pub noise: Vec<f32>,
    /// Logarithmic chirps downwards through the whole band.
    pub chirps: Vec<f32>,
}

/// Makes the three sources, `seconds` long each (strings, noise, chirps). The same seed gives the same audio.
pub fn bank(seed: u64, sample_rate_hz: f64, seconds: [f64; 3]) -> Bank {
    let source = |stream: u64, make: fn(&mut ChaCha8Rng, f64, &mut [f64])| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        let mut audio = vec![0.0; (seconds[stream as usize] * sample_rate_hz).round() as usize];
        make(&mut rng, sample_rate_hz, &mut audio);
        levelled(&audio)
    };
    Bank { strings: source(0, strum), noise: source(1, burst), chirps: source(2, sweep) }
}

impl Bank {
    /// All of it in a row: a stretch of strings, one of noise, one of chirps, and so on, so many times.
    pub fn rounds(&self, count: usize) -> Vec<f32> {
        let part = |source: &[f32], k: usize| source[source.len() * k / count..source.len() * (k + 1) / count].to_vec();
        (0..count).flat_map(|k| [&self.strings, &self.noise, &self.chirps].map(|s| part(s, k)).concat()).collect()
    }

    /// A random stretch: of the strings twice as often as of the noise or of the chirps. A source that is too short is left
    /// out; at least one must hold `len` samples.
    pub fn excerpt(&self, rng: &mut impl Rng, len: usize) -> &[f32] {
        let sources = [&self.strings, &self.strings, &self.noise, &self.chirps];
        assert!(sources.iter().any(|source| source.len() >= len), "no source of the bank holds {len} samples");
        loop {
            let source = sources[rng.random_range(0..sources.len())];
            if let Some(room) = source.len().checked_sub(len) {
                let start = rng.random_range(0..=room);
                return &source[start..start + len];
            }
        }
    }
}

/// The test signal of the modulation metrics: a logarithmic chirp from the Nyquist frequency to 20 Hz thirty-three times a
/// second (every 1336 samples at 44.1 kHz, 1320 of them sounding), rising by 20 dB from start to end, linearly in dB, so
/// that it tests level dependence too. After Kiiski, Esqueda and Välimäki (DAFx16); period, slope and rise measured on the
/// signal published with Bourdin et al. (arXiv 2512.15313). The last chirp has amplitude 0.5.
pub fn chirp_train(sample_rate_hz: f64, seconds: f64) -> Vec<f32> {
    let period = chirp_period(sample_rate_hz);
    let len = (seconds * sample_rate_hz).round() as usize;
    let sounding = (period * 1320).div_ceil(1336);
    let one: Vec<f64> = (0..sounding).map(|n| chirp(n, sounding, sample_rate_hz / 2.0, 20.0, sample_rate_hz)).collect();
    (0..len)
        .map(|n| {
            let rise_db = 20.0 * (n as f64 / len as f64 - 1.0);
            let x = one.get(n % period).copied().unwrap_or(0.0);
            (0.5 * 10f64.powf(rise_db / 20.0) * x) as f32
        })
        .collect()
}

/// Samples from one chirp of the train to the next.
pub fn chirp_period(sample_rate_hz: f64) -> usize {
    (sample_rate_hz / 33.0) as usize
}

/// Sample `n` of a sine that falls from one frequency to another along a straight line in log frequency.
fn chirp(n: usize, len: usize, from_hz: f64, to_hz: f64, sample_rate_hz: f64) -> f64 {
    let fall = (to_hz / from_hz).ln();
    let turns = from_hz * len as f64 / sample_rate_hz / fall * ((fall * n as f64 / len as f64).exp() - 1.0);
    (TAU * turns.fract()).sin()
}

/// Chords of one to five plucked strings, every 0.15 to 1.2 s.
fn strum(rng: &mut ChaCha8Rng, sample_rate_hz: f64, audio: &mut [f64]) {
    let mut time_s = 0.0;
    while time_s * sample_rate_hz < audio.len() as f64 {
        let root_hz = log_uniform(rng, 70.0, 500.0);
        let strings = rng.random_range(1..=5);
        let level = 10f64.powf(rng.random_range(-0.6..0.0)) / f64::from(strings).sqrt();
        let mut string_s = time_s;
        for string in 0..strings {
            let semitones = if string == 0 { 0 } else { rng.random_range(3 * string..=6 * string) };
            let start = ((string_s * sample_rate_hz) as usize).min(audio.len());
            pluck(rng, sample_rate_hz, root_hz * (f64::from(semitones) / 12.0).exp2(), level, &mut audio[start..]);
            string_s += rng.random_range(0.0..0.04);
        }
        time_s += rng.random_range(0.15..1.2);
    }
}

/// Adds one plucked string (Karplus and Strong 1983; fractional delay by an all-pass as in Jaffe and Smith 1983).
fn pluck(rng: &mut ChaCha8Rng, sample_rate_hz: f64, pitch_hz: f64, level: f64, audio: &mut [f64]) {
    let period = sample_rate_hz / pitch_hz;
    let damping = rng.random_range(0.05..0.5);
    let decay_s = log_uniform(rng, 0.3, 5.0);
    let keep = 10f64.powf(-3.0 / (decay_s * pitch_hz));
    // The damping filter delays by `damping` samples; the all-pass takes the rest between 0.2 and 1.2.
    let delay = (period - damping - 0.2).max(2.0);
    let fraction = delay.fract() + 0.2;
    let tune = (1.0 - fraction) / (1.0 + fraction);
    // A soft finger: the burst that fills the string is low-passed.
    let softness = rng.random_range(0.0..0.9);
    let mut burst = 0.0;
    let mut string: Vec<f64> = (0..delay as usize)
        .map(|_| {
            burst = softness * burst + rng.random_range(-1.0..1.0);
            burst
        })
        .collect();
    // A string has no offset, and hard and soft fingers are equally loud.
    let mean = string.iter().sum::<f64>() / string.len() as f64;
    let power = string.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / string.len() as f64;
    string.iter_mut().for_each(|x| *x = level * (*x - mean) / power.sqrt());
    let (mut last, mut tuned_in, mut tuned) = (0.0, 0.0, 0.0);
    let sounding = ((decay_s * sample_rate_hz) as usize).min(audio.len());
    for n in 0..sounding {
        let cell = n % string.len();
        let y = string[cell];
        audio[n] += y;
        let damped = keep * ((1.0 - damping) * y + damping * last);
        last = y;
        tuned = tune * (damped - tuned) + tuned_in;
        tuned_in = damped;
        string[cell] = tuned;
    }
}

/// Bursts of noise with a random colour (band edges) and decay, every 0.05 to 0.6 s.
fn burst(rng: &mut ChaCha8Rng, sample_rate_hz: f64, audio: &mut [f64]) {
    let mut time_s = 0.0;
    while time_s * sample_rate_hz < audio.len() as f64 {
        let start = (time_s * sample_rate_hz) as usize;
        let level = 10f64.powf(rng.random_range(-1.0..0.0));
        let fade = (-1.0 / (log_uniform(rng, 0.02, 0.8) * sample_rate_hz)).exp();
        let part = |hz: f64| 1.0 - (-TAU * hz / sample_rate_hz).exp();
        let (low, high) = (part(log_uniform(rng, 20.0, 1000.0)), part(log_uniform(rng, 300.0, 18_000.0)));
        let (mut gain, mut below, mut through) = (level, 0.0, 0.0);
        for y in &mut audio[start..] {
            through += high * (rng.random_range(-1.0..1.0) - through);
            below += low * (through - below);
            *y += gain * (through - below);
            gain *= fade;
            if gain < 1e-4 {
                break;
            }
        }
        time_s += rng.random_range(0.05..0.6);
    }
}

/// Chirps from 18 kHz to 40 Hz in 30 to 300 ms, one after the other with short rests.
fn sweep(rng: &mut ChaCha8Rng, sample_rate_hz: f64, audio: &mut [f64]) {
    let from_hz = 18_000.0f64.min(0.45 * sample_rate_hz);
    let mut start = 0;
    while start < audio.len() {
        let len = (log_uniform(rng, 0.03, 0.3) * sample_rate_hz) as usize;
        let level = 10f64.powf(rng.random_range(-0.5..0.0));
        for (n, y) in audio[start..].iter_mut().take(len).enumerate() {
            *y = level * chirp(n, len, from_hz, 40.0, sample_rate_hz);
        }
        start += len + (rng.random_range(0.0..0.05) * sample_rate_hz) as usize;
    }
}

/// Even over the logarithm.
fn log_uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    low * (high / low).powf(rng.random::<f64>())
}

/// Single precision at RMS 0.1.
fn levelled(audio: &[f64]) -> Vec<f32> {
    let rms = (audio.iter().map(|x| x * x).sum::<f64>() / audio.len().max(1) as f64).sqrt();
    let gain = if rms > 0.0 { LEVEL / rms } else { 0.0 };
    audio.iter().map(|x| (gain * x) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FS: f64 = 44_100.0;

    fn rms(audio: &[f32]) -> f64 {
        (audio.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / audio.len() as f64).sqrt()
    }

    #[test]
    fn every_source_has_the_level_and_length_asked_for() {
        let bank = bank(1, FS, [3.0, 2.0, 1.0]);
        for (source, seconds) in [(&bank.strings, 3.0), (&bank.noise, 2.0), (&bank.chirps, 1.0)] {
            assert_eq!(source.len(), (seconds * FS) as usize);
            assert!((rms(source) - 0.1).abs() < 1e-6);
            assert!(source.iter().all(|x| x.is_finite() && x.abs() < 3.0));
        }
    }

    #[test]
    fn a_seed_is_a_performance() {
        let first = bank(7, FS, [0.5; 3]);
        assert_eq!(first.strings, bank(7, FS, [0.5; 3]).strings);
        assert_ne!(first.strings, bank(8, FS, [0.5; 3]).strings);
    }

    #[test]
    fn rounds_lose_nothing_and_end_with_every_source() {
        let bank = bank(5, FS, [0.4, 0.2, 0.1]);
        assert_eq!(bank.rounds(1), [&bank.strings[..], &bank.noise, &bank.chirps].concat());
        let rounds = bank.rounds(2);
        assert_eq!(rounds.len(), bank.rounds(1).len());
        assert_eq!(rounds[rounds.len() - bank.chirps.len() / 2..], bank.chirps[bank.chirps.len() / 2..]);
        assert_eq!(rounds[..bank.strings.len() / 2], bank.strings[..bank.strings.len() / 2]);
    }

    #[test]
    fn a_plucked_string_sounds_at_its_pitch() {
        let mut audio = vec![0.0; 44_100];
        pluck(&mut ChaCha8Rng::seed_from_u64(2), FS, 441.0, 1.0, &mut audio);
        let part = |hz: f64| {
            let (re, im) = audio.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, y)| {
                let angle = TAU * hz * n as f64 / FS;
                (re + y * angle.cos(), im + y * angle.sin())
            });
            f64::hypot(re, im)
        };
        let best_hz = (4300..4520).map(|n| f64::from(n) / 10.0).max_by(|a, b| part(*a).total_cmp(&part(*b))).unwrap();
        assert!((best_hz - 441.0).abs() < 1.0, "{best_hz}");
    }

    #[test]
    fn strings_are_drawn_twice_as_often() {
        let bank = bank(3, FS, [1.0; 3]);
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let within = |source: &[f32], part: &[f32]| source.as_ptr_range().contains(&part.as_ptr());
        let strings = (0..4000).filter(|_| within(&bank.strings, bank.excerpt(&mut rng, 100))).count();
        assert!((1850..2150).contains(&strings), "{strings}");
    }

    #[test]
    fn a_source_too_short_for_the_excerpt_is_left_out() {
        let bank = bank(3, FS, [0.5, 0.1, 0.1]);
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        assert!((0..50).all(|_| bank.excerpt(&mut rng, 10_000).len() == 10_000));
    }

    #[test]
    fn the_chirp_train_repeats_every_1336_samples_and_rises_by_20_db() {
        let train = chirp_train(FS, 4.0);
        assert_eq!((train.len(), chirp_period(FS)), (176_400, 1336));
        let (first, last) = (rms(&train[..1336]), rms(&train[131 * 1336..132 * 1336]));
        assert!((20.0 * (last / first).log10() - 20.0 * 131.0 * 1336.0 / 176_400.0).abs() < 1e-3);
        let step = 10f64.powf(1336.0 / 176_400.0);
        assert!((0..1336).all(|n| (f64::from(train[n]) * step - f64::from(train[n + 1336])).abs() < 1e-6));
    }
}
