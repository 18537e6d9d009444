//! Model rate -> host rate for instruments, which have no input: half the filter, and less to wait for.
use super::{MAX_HZ, MIN_HZ, RateError, choose_prefill, chunk_samples, convert, sinc};
use rubato::{Async, FixedAsync, Resampler, WindowFunction};
use std::ops::Range;

/// Taps of the sinc, in periods of the lower of the two rates. With the shorter window the pass band and the images of
/// [`super::HostRate`] in half its delay; what rests is far below the noise of 8-bit samples.
const SINC_PERIODS: usize = 64;

/// Rate conversion behind a model that plays by itself.
///
/// Whoever plays it asks for host samples; the model is called for as many as it should have played by then, whatever the cut.
/// Host sample n is model sample n times the rates' ratio, rounded.
pub struct FromModel {
    /// None at the model's own rate.
    convert: Option<Box<Up>>,
    latency_samples: u32,
}

struct Up {
    /// Gives a chunk of host samples a time.
    up: Async<f32>,
    /// Model samples a host sample.
    ratio: f64,
    /// Host samples of a chunk.
    chunk: usize,
    /// Host samples of the current chunk that have passed.
    position: usize,
    /// Host samples that have passed since the start.
    host_clock: u64,
    /// Model samples that were played since the start.
    model_clock: u64,
    /// What the last chunk became, `[channel][chunk]`.
    outgoing: Vec<Vec<f32>>,
    /// Model samples that `up` has not taken yet, `[channel][..]`.
    waiting: Vec<Vec<f32>>,
    /// How many of them are valid.
    waiting_len: usize,
    /// Silent model samples that wait at the start, so that `up` never lacks any.
    prefill: usize,
}

impl FromModel {
    /// Allocates for so many channels, at rates in Hz. `model_delay_samples`: by how much the model's own output is late, at its
    /// rate; the latency includes it.
    pub fn new(model_hz: f64, host_hz: f64, channels: usize, model_delay_samples: usize) -> Result<Self, RateError> {
        if !(MIN_HZ..=MAX_HZ).contains(&host_hz) {
            return Err(RateError(host_hz));
        }
        if host_hz == model_hz {
            return Ok(Self { convert: None, latency_samples: model_delay_samples as u32 });
        }
        let up = Up::new(model_hz / host_hz, host_hz, channels, model_delay_samples);
        let (convert, latency_samples) = up.ok_or(RateError(host_hz))?;
        Ok(Self { convert: Some(Box::new(convert)), latency_samples })
    }

    /// Delay between what is asked of the model and what is heard, in host samples.
    pub fn latency_samples(&self) -> u32 {
        self.latency_samples
    }

    /// Forgets all sound; does not allocate.
    pub fn reset(&mut self) {
        if let Some(convert) = &mut self.convert {
            convert.reset();
        }
    }

    /// Fills the first `len` samples of each channel; real time. `model` plays into the named samples of the channels that it
    /// is given, at its rate.
    pub fn process(
        &mut self,
        audio: &mut [Vec<f32>],
        len: usize,
        mut model: impl FnMut(&mut [Vec<f32>], Range<usize>),
    ) {
        let Some(convert) = &mut self.convert else {
            return model(audio, 0..len);
        };
        let mut done = 0;
        while done < len {
            let count = (len - done).min(convert.chunk - convert.position);
            for (audio, outgoing) in audio.iter_mut().zip(&convert.outgoing) {
                audio[done..done + count].copy_from_slice(&outgoing[convert.position..][..count]);
            }
            done += count;
            convert.pass(count, &mut model);
        }
    }
}

impl Up {
    fn new(ratio: f64, host_hz: f64, channels: usize, model_delay_samples: usize) -> Option<(Self, u32)> {
        let chunk = chunk_samples(host_hz);
        let sinc = sinc(1.0 / ratio, SINC_PERIODS, WindowFunction::Blackman);
        let up = Async::new_sinc(1.0 / ratio, 1.0, &sinc, chunk, channels, FixedAsync::Output).ok()?;
        let buffers = |len| vec![vec![0.0; len]; channels];
        let most = up.input_frames_max() + (chunk as f64 * ratio).ceil() as usize;
        let mut convert = Self {
            waiting: buffers(2 * most + 64),
            outgoing: buffers(chunk),
            up,
            ratio,
            chunk,
            position: 0,
            host_clock: 0,
            model_clock: 0,
            waiting_len: 0,
            prefill: 0,
        };
        let least = convert.least_prefill();
        // The first output lies one step of the output behind the sinc's middle.
        let waits = model_delay_samples as f64 + sinc.sinc_len as f64 / 2.0 - ratio;
        let (prefill, latency) = choose_prefill(least, |prefill| chunk as f64 + (prefill as f64 + waits) / ratio)?;
        convert.prefill = prefill;
        convert.reset();
        Some((convert, latency))
    }

    /// Model samples that must wait at the start so that `up` finds enough in each of many chunks.
    fn least_prefill(&mut self) -> usize {
        let (mut taken, mut least) = (0i64, 0i64);
        for chunks in 1..=1000 {
            taken += self.up.input_frames_next() as i64;
            least = least.max(taken - self.played_by(chunks * self.chunk as u64) as i64);
            convert(&mut self.up, &self.waiting, &mut self.outgoing);
        }
        // One more for ratios whose rounding only shows later.
        least as usize + 1
    }

    /// Model samples that should have been played when so many host samples have passed.
    fn played_by(&self, host_samples: u64) -> u64 {
        (host_samples as f64 * self.ratio).round() as u64
    }

    fn reset(&mut self) {
        self.up.reset();
        (self.position, self.host_clock, self.model_clock) = (0, 0, 0);
        for buffer in self.outgoing.iter_mut().chain(&mut self.waiting) {
            buffer.fill(0.0);
        }
        self.waiting_len = self.prefill;
    }

    /// Host samples pass, at most to the chunk's end.
    fn pass(&mut self, count: usize, model: &mut impl FnMut(&mut [Vec<f32>], Range<usize>)) {
        self.position += count;
        self.host_clock += count as u64;
        let due = self.played_by(self.host_clock);
        let end = self.waiting_len + (due - self.model_clock) as usize;
        if end > self.waiting_len {
            model(&mut self.waiting, self.waiting_len..end);
        }
        (self.waiting_len, self.model_clock) = (end, due);
        if self.position == self.chunk {
            self.position = 0;
            self.run();
        }
    }

    /// A chunk of host samples from what waits.
    fn run(&mut self) {
        let taken = self.up.input_frames_next();
        convert(&mut self.up, &self.waiting, &mut self.outgoing);
        self.waiting_len = self.waiting_len.saturating_sub(taken);
        for waiting in &mut self.waiting {
            waiting.copy_within(taken..taken + self.waiting_len, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{RATES_HZ, fit};
    use super::*;
    use std::f64::consts::TAU;

    const MODEL_HZ: f64 = 16_000.0;
    /// As if the model were late by so much.
    const LATE: usize = 12;

    /// A tone of `hz` that the model plays, from its first sample on, in pieces of these lengths.
    fn tone(host_hz: f64, hz: f64, len: usize, pieces: &[usize]) -> (Vec<f32>, u32) {
        let mut rate = FromModel::new(MODEL_HZ, host_hz, 1, LATE).unwrap();
        let (mut out, mut played) = (Vec::new(), 0);
        for piece in pieces.iter().cycle() {
            let count = (*piece).min(len - out.len());
            let mut audio = vec![vec![0.0; count]];
            rate.process(&mut audio, count, |audio, samples| {
                for y in &mut audio[0][samples] {
                    *y = (TAU * hz * (played as f64 - LATE as f64) / MODEL_HZ).sin() as f32;
                    played += 1;
                }
            });
            out.append(&mut audio[0]);
            if out.len() == len {
                break;
            }
        }
        (out, rate.latency_samples())
    }

    #[test]
    fn pass_band_images_and_latency_hold_at_every_host_rate() {
        for host_hz in RATES_HZ {
            let lower = host_hz.min(MODEL_HZ);
            for share in [0.01, 0.1, 0.3, 0.4, 0.45] {
                let hz = share * lower;
                let settle = (0.05 * host_hz) as usize;
                let (y, latency) = tone(host_hz, hz, settle + 16_384, &[64]);
                let offset = settle as f64 - f64::from(latency);
                let (amplitude, phase, rest) = fit(&y[settle..], hz / host_hz, offset);
                let (db, rest_db) = (20.0 * amplitude.log10(), 20.0 * rest.log10());
                assert!(db.abs() <= 0.1, "{host_hz} Hz: {hz} Hz passes at {db:.3} dB");
                assert!(rest_db <= -70.0, "{host_hz} Hz: images and noise of {hz} Hz at {rest_db:.1} dB");
                let samples = phase / (TAU * hz / host_hz);
                assert!(share > 0.1 || samples.abs() <= 0.2, "{host_hz} Hz: latency off by {samples:.3} samples");
            }
        }
    }

    #[test]
    fn any_cut_gives_the_same_samples() {
        for host_hz in RATES_HZ.into_iter().chain([MODEL_HZ]) {
            let whole = tone(host_hz, 440.0, 5_000, &[5_000]);
            assert_eq!(tone(host_hz, 440.0, 5_000, &[1, 17, 64, 3]), whole, "{host_hz} Hz");
        }
    }

    #[test]
    fn at_the_models_own_rate_only_the_models_delay_is_left() {
        let (y, latency) = tone(MODEL_HZ, 1_000.0, 100, &[7]);
        assert_eq!(latency, LATE as u32);
        assert_eq!((y[LATE], y[LATE + 4]), (0.0, 1.0));
    }
}
