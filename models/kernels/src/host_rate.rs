//! Model rate <-> host rate: lets a network that knows one sample rate run at any, with one constant latency.
//!
//! Host samples are collected in chunks of fixed length, converted by a windowed sinc (rubato), given to the model and
//! converted back. Nothing depends on how the host cuts its blocks, because only whole chunks are ever computed. At the
//! model's own rate nothing is converted or delayed. The measured pass band and image rejection stand in `docs/phaser.md`.
mod from_model;

use audioadapter_buffers::direct::SequentialSliceOfVecs;
pub use from_model::FromModel;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction};

/// Lowest host rate, in Hz.
pub const MIN_HZ: f64 = 1_000.0;
/// Highest host rate, in Hz.
pub const MAX_HZ: f64 = 1_536_000.0;

/// The host's sample rate cannot be served.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("sample rate {0} Hz: expected {MIN_HZ} to {MAX_HZ} Hz; choose another rate in the host's audio settings")]
pub struct RateError(pub f64);

/// Taps of the sinc, in periods of the lower of the two rates.
const SINC_PERIODS: usize = 112;
/// -6 dB point of the sinc, of half the lower rate: the pass band reaches 0.45, images start at 0.55 of the rate.
const CUTOFF: f32 = 0.98;
/// Host samples of a chunk at rates up to 48 kHz.
const CHUNK: usize = 32;

/// Rate conversion around a model, for all channels of one engine.
pub struct HostRate {
    /// None at the model's own rate.
    convert: Option<Box<Convert>>,
}

struct Convert {
    /// Host to model, a fixed number of host samples a time.
    down: Async<f32>,
    /// Model to host, giving as many host samples a time.
    up: Async<f32>,
    /// Host samples of a chunk.
    chunk: usize,
    /// Host samples of the current chunk that have arrived.
    position: usize,
    /// The current chunk, `[channel][chunk]`.
    incoming: Vec<Vec<f32>>,
    /// What the last chunk became, the same shape.
    outgoing: Vec<Vec<f32>>,
    /// The chunk at the model's rate, `[channel][..]`.
    model: Vec<Vec<f32>>,
    /// Model samples that `up` has not taken yet, `[channel][..]`.
    waiting: Vec<Vec<f32>>,
    /// How many of them are valid.
    waiting_len: usize,
    /// Silent model samples that wait at the start, so that `up` never lacks any.
    prefill: usize,
    /// Delay between the first host sample of a chunk and the first model sample made from it, in host samples.
    down_delay: f64,
    latency_samples: u32,
}

/// Is this a rate that engines run at?
pub fn check(host_hz: f64) -> Result<(), RateError> {
    if (MIN_HZ..=MAX_HZ).contains(&host_hz) { Ok(()) } else { Err(RateError(host_hz)) }
}

impl HostRate {
    /// Allocates for so many channels, at rates in Hz.
    pub fn new(model_hz: f64, host_hz: f64, channels: usize) -> Result<Self, RateError> {
        check(host_hz)?;
        if host_hz == model_hz {
            return Ok(Self { convert: None });
        }
        Ok(Self { convert: Some(Box::new(Convert::new(model_hz, host_hz, channels).ok_or(RateError(host_hz))?)) })
    }

    /// Delay of the whole way, in host samples.
    pub fn latency_samples(&self) -> u32 {
        self.convert.as_ref().map_or(0, |c| c.latency_samples)
    }

    /// Host samples by which the sample that the model computes next lags behind the sample that arrives next.
    pub fn model_lag_samples(&self) -> f64 {
        self.convert.as_ref().map_or(0.0, |c| c.position as f64 + c.down_delay)
    }

    /// Forgets all sound; does not allocate.
    pub fn reset(&mut self) {
        if let Some(convert) = &mut self.convert {
            convert.reset();
        }
    }

    /// Passes audio through a model; real time. `model` replaces the first `len` samples of each channel at the model's
    /// rate and is called once for each chunk that became full.
    pub fn process(&mut self, audio: &mut [Vec<f32>], len: usize, mut model: impl FnMut(&mut [Vec<f32>], usize)) {
        let Some(convert) = &mut self.convert else {
            return model(audio, len);
        };
        let mut done = 0;
        while done < len {
            let count = (len - done).min(convert.chunk - convert.position);
            let (host, chunk) = (done..done + count, convert.position..convert.position + count);
            for (c, audio) in audio.iter_mut().enumerate() {
                convert.incoming[c][chunk.clone()].copy_from_slice(&audio[host.clone()]);
                audio[host.clone()].copy_from_slice(&convert.outgoing[c][chunk.clone()]);
            }
            convert.position += count;
            done += count;
            if convert.position == convert.chunk {
                convert.position = 0;
                convert.run(&mut model);
            }
        }
    }
}

impl Convert {
    fn new(model_hz: f64, host_hz: f64, channels: usize) -> Option<Self> {
        let ratio = model_hz / host_hz;
        let chunk = chunk_samples(host_hz);
        let sinc = |ratio: f64| sinc(ratio, SINC_PERIODS, WindowFunction::BlackmanHarris2);
        let (down_sinc, up_sinc) = (sinc(ratio), sinc(1.0 / ratio));
        let down = Async::new_sinc(ratio, 1.0, &down_sinc, chunk, channels, FixedAsync::Input).ok()?;
        let up = Async::new_sinc(1.0 / ratio, 1.0, &up_sinc, chunk, channels, FixedAsync::Output).ok()?;
        let most = down.output_frames_max() + up.input_frames_max();
        let buffers = |len| vec![vec![0.0; len]; channels];
        let down_delay = delay_of(&down_sinc);
        let mut convert = Self {
            model: buffers(down.output_frames_max()),
            waiting: buffers(2 * most + 64),
            down,
            up,
            chunk,
            position: 0,
            incoming: buffers(chunk),
            outgoing: buffers(chunk),
            waiting_len: 0,
            prefill: 0,
            down_delay,
            latency_samples: 0,
        };
        let least = convert.least_prefill();
        let delay = |prefill: usize| chunk as f64 + down_delay + (prefill as f64 + delay_of(&up_sinc)) / ratio;
        (convert.prefill, convert.latency_samples) = choose_prefill(least, delay)?;
        convert.reset();
        Some(convert)
    }

    /// Model samples that must wait at the start so that `up` finds enough in each of many chunks.
    fn least_prefill(&mut self) -> usize {
        let (mut given, mut taken, mut least) = (0i64, 0i64, 0i64);
        for _ in 0..1000 {
            given += self.down.output_frames_next() as i64;
            taken += self.up.input_frames_next() as i64;
            least = least.max(taken - given);
            self.waiting_len = self.up.input_frames_next();
            self.run(&mut |_, _| ());
        }
        // One more for ratios whose rounding only shows later.
        least as usize + 1
    }

    fn reset(&mut self) {
        self.down.reset();
        self.up.reset();
        self.position = 0;
        for buffer in self.incoming.iter_mut().chain(&mut self.outgoing).chain(&mut self.waiting) {
            buffer.fill(0.0);
        }
        self.waiting_len = self.prefill;
    }

    /// A full chunk: down, through the model, up.
    fn run(&mut self, model: &mut impl FnMut(&mut [Vec<f32>], usize)) {
        let count = convert(&mut self.down, &self.incoming, &mut self.model);
        model(&mut self.model, count);
        for (waiting, fresh) in self.waiting.iter_mut().zip(&self.model) {
            waiting[self.waiting_len..self.waiting_len + count].copy_from_slice(&fresh[..count]);
        }
        self.waiting_len += count;
        let taken = self.up.input_frames_next();
        convert(&mut self.up, &self.waiting, &mut self.outgoing);
        self.waiting_len = self.waiting_len.saturating_sub(taken);
        for waiting in &mut self.waiting {
            waiting.copy_within(taken..taken + self.waiting_len, 0);
        }
    }
}

/// Host samples of a chunk.
fn chunk_samples(host_hz: f64) -> usize {
    CHUNK * (host_hz / 48_000.0).ceil() as usize
}

/// A sinc for a resampler of this ratio, output rate to input rate.
fn sinc(ratio: f64, periods: usize, window: WindowFunction) -> SincInterpolationParameters {
    let taps = (periods as f64 / ratio.min(1.0)).ceil() as usize;
    SincInterpolationParameters::new(taps.next_multiple_of(8), window)
        .f_cutoff(CUTOFF)
        .oversampling_factor(256)
        .interpolation(SincInterpolationType::Cubic)
}

/// Input samples that a sinc waits for: its peak is the second middle tap, so one less than half its length (measured below).
fn delay_of(sinc: &SincInterpolationParameters) -> f64 {
    sinc.sinc_len as f64 / 2.0 - 1.0
}

/// Model samples that wait before the last converter delay by whole model samples. Of the next few counts the one is taken
/// that brings the whole delay, in host samples, nearest to whole ones, so that wet and dry stay in phase at high frequencies.
/// Returns the count and the delay.
fn choose_prefill(least: usize, delay: impl Fn(usize) -> f64) -> Option<(usize, u32)> {
    let off = |prefill: &usize| (delay(*prefill) - delay(*prefill).round()).abs();
    let prefill = (least..least + 12).min_by(|a, b| off(a).total_cmp(&off(b)))?;
    Some((prefill, delay(prefill).round() as u32))
}

/// One call of a resampler on whole buffers; returns the frames it gave.
fn convert(resampler: &mut Async<f32>, input: &[Vec<f32>], output: &mut [Vec<f32>]) -> usize {
    let (frames_in, frames_out) = (input[0].len(), output[0].len());
    let channels = input.len();
    let buffers = SequentialSliceOfVecs::new(input, channels, frames_in)
        .and_then(|i| Ok((i, SequentialSliceOfVecs::new_mut(output, channels, frames_out)?)));
    // Lengths are at least the resampler's own maxima, the only thing either call can fail on.
    match buffers {
        Ok((input, mut output)) => {
            resampler.process_into_buffer(&input, &mut output, None).map_or(0, |(_, given)| given)
        }
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// A tone of `hz` through the conversion and an untouched model, once everything has settled.
    fn tone(host_hz: f64, hz: f64) -> (Vec<f32>, HostRate) {
        let mut rate = HostRate::new(44_100.0, host_hz, 1).unwrap();
        let len = 16_384;
        let settle = 4 * rate.latency_samples() as usize;
        let mut audio =
            vec![(0..settle + len).map(|t| (TAU * hz * t as f64 / host_hz).sin() as f32).collect::<Vec<_>>()];
        rate.process(&mut audio, settle + len, |_, _| ());
        (audio[0].split_off(settle), rate)
    }

    /// Amplitude and phase (radians against a sine that starts `offset` samples before) of a tone, and what is left without it.
    pub(super) fn fit(y: &[f32], turns_per_sample: f64, offset: f64) -> (f64, f64, f64) {
        let (mut ss, mut sc, mut cc, mut ys, mut yc) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let angle = |t: usize| TAU * turns_per_sample * (t as f64 + offset);
        for (t, y) in y.iter().enumerate() {
            let (s, c) = angle(t).sin_cos();
            ss += s * s;
            sc += s * c;
            cc += c * c;
            ys += f64::from(*y) * s;
            yc += f64::from(*y) * c;
        }
        let det = ss * cc - sc * sc;
        let (a, b) = ((ys * cc - yc * sc) / det, (yc * ss - ys * sc) / det);
        let rest: f64 = y
            .iter()
            .enumerate()
            .map(|(t, y)| {
                let (s, c) = angle(t).sin_cos();
                (f64::from(*y) - a * s - b * c).powi(2)
            })
            .sum();
        (a.hypot(b), b.atan2(a), (2.0 * rest / y.len() as f64).sqrt())
    }

    pub(super) const RATES_HZ: [f64; 8] =
        [8_000.0, 22_050.0, 44_123.45, 48_000.0, 88_200.0, 96_000.0, 192_000.0, 768_000.0];

    #[test]
    fn pass_band_images_and_latency_hold_at_every_host_rate() {
        for host_hz in RATES_HZ {
            let lower = host_hz.min(44_100.0);
            for share in [0.01, 0.1, 0.3, 0.4, 0.45] {
                let hz = share * lower;
                let (y, rate) = tone(host_hz, hz);
                let latency = f64::from(rate.latency_samples());
                let (amplitude, phase, rest) = fit(&y, hz / host_hz, 4.0 * latency - latency);
                let (db, rest_db) = (20.0 * amplitude.log10(), 20.0 * rest.log10());
                assert!(db.abs() <= 0.05, "{host_hz} Hz: {hz} Hz passes at {db:.3} dB");
                assert!(rest_db <= -120.0, "{host_hz} Hz: images and noise of {hz} Hz at {rest_db:.1} dB");
                // The reported latency is whole samples; the prefill was chosen so that little is left.
                let samples = phase / (TAU * hz / host_hz);
                assert!(share > 0.1 || samples.abs() <= 0.15, "{host_hz} Hz: latency off by {samples:.3} samples");
            }
        }
    }

    #[test]
    fn any_cut_gives_the_same_samples() {
        for host_hz in RATES_HZ {
            let input: Vec<f32> = crate::nn::naive::noise(1, 5_000);
            let stream = |blocks: &[usize]| {
                let mut rate = HostRate::new(44_100.0, host_hz, 1).unwrap();
                let (mut out, mut start) = (Vec::new(), 0);
                for block in blocks.iter().cycle() {
                    let count = (*block).min(input.len() - start);
                    let mut audio = vec![input[start..start + count].to_vec()];
                    rate.process(&mut audio, count, |_, _| ());
                    out.append(&mut audio[0]);
                    start += count;
                    if start == input.len() {
                        return out;
                    }
                }
                out
            };
            assert_eq!(stream(&[1, 17, 64, 3]), stream(&[5_000]), "{host_hz} Hz");
        }
    }

    #[test]
    fn the_models_own_rate_costs_nothing() {
        let mut rate = HostRate::new(44_100.0, 44_100.0, 2).unwrap();
        assert_eq!(rate.latency_samples(), 0);
        let mut audio = vec![vec![1.0, 2.0], vec![3.0, 4.0]];
        rate.process(&mut audio, 2, |audio, len| {
            assert_eq!(len, 2);
            audio[0][0] = 9.0;
        });
        assert_eq!(audio, [[9.0, 2.0], [3.0, 4.0]]);
    }

    #[test]
    fn rates_that_no_host_has_are_refused() {
        for hz in [0.0, -1.0, f64::NAN, 1e9] {
            assert!(HostRate::new(44_100.0, hz, 1).is_err());
        }
    }
}
