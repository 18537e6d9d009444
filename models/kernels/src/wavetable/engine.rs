//! A wavetable with its voices, filters, body and output guard: what plug-in and command run.
use super::body::Body;
use super::voice_filter::VoiceFilter;
use super::{Knobs, MAX_CONTROLS, Voice, Wavetable};
use crate::arch::FlushDenormals;
use crate::dsp::ramp::Ramp;
use crate::guard::Guard;
use crate::host_rate;
pub use crate::host_rate::RateError;
use crate::voices::{Dimension, Ended, MAX_CELL, Note, Segment, TimedEvent, VoiceControls, Voices};
use std::sync::Arc;

/// Most voices.
pub const MAX_VOICES: usize = 32;
/// Length of every gain ramp, in seconds.
const RAMP_S: f64 = 0.01;
/// Time in which the sound returns after the guard caught something, in seconds.
const RECOVER_S: f64 = 0.02;
/// Time in which the body falls by 120 dB, in seconds.
const BODY_TAIL_S: f64 = 0.18;

/// A model ready to be played at one host rate.
pub struct Engine {
    voices: Voices,
    sound: Sound,
    /// Seed of the last call; none before the first one.
    seed: Option<u64>,
}

/// One voice's oscillator and filter.
struct Part {
    voice: Voice,
    filter: VoiceFilter,
}

/// Everything behind the voice engine.
struct Sound {
    model: Arc<Wavetable>,
    host_hz: f64,
    /// As many as may ever sound.
    parts: Vec<Part>,
    /// One segment of one voice, `[channel]`.
    one: [[f32; MAX_CELL]; 2],
    /// Sum of all voices of the segment, `[channel]`.
    sum: [[f32; MAX_CELL]; 2],
    bodies: [Body; 2],
    guards: [Guard; 2],
    /// Share of the sound that goes through the body.
    body: Ramp,
    level: Ramp,
    /// Falls to 0 when the guard catches something and rises again.
    recover: Ramp,
    /// Have no knobs been seen since the start or the last reset?
    fresh: bool,
    /// The voice that began last.
    newest: usize,
    /// Sums that the guard caught.
    caught: u64,
}

impl Engine {
    /// Allocates everything for 1 to [`MAX_VOICES`] voices at the host's rate in Hz.
    pub fn new(model: Arc<Wavetable>, host_rate_hz: f64, max_voices: usize) -> Result<Self, RateError> {
        host_rate::check(host_rate_hz)?;
        let max_voices = max_voices.clamp(1, MAX_VOICES);
        let ramp = |value, seconds: f64| Ramp::new(value, (seconds * host_rate_hz) as usize);
        let part = |slot: usize| {
            let mut voice = Voice::new(&model, host_rate_hz);
            voice.stagger(slot as f64 / max_voices as f64);
            Part { voice, filter: VoiceFilter::new(host_rate_hz) }
        };
        let sound = Sound {
            host_hz: host_rate_hz,
            parts: (0..max_voices).map(part).collect(),
            one: [[0.0; MAX_CELL]; 2],
            sum: [[0.0; MAX_CELL]; 2],
            bodies: [Body::new(host_rate_hz), Body::new(host_rate_hz)],
            guards: Default::default(),
            body: ramp(0.0, RAMP_S),
            level: ramp(1.0, RAMP_S),
            recover: ramp(1.0, RECOVER_S),
            fresh: true,
            newest: 0,
            caught: 0,
            model,
        };
        Ok(Self { voices: Voices::new(host_rate_hz, max_voices), sound, seed: None })
    }

    /// Forgets all notes and all sound; does not allocate.
    pub fn reset(&mut self) {
        self.voices.reset();
        self.sound.forget();
        self.sound.guards.iter_mut().for_each(Guard::reset);
        self.sound.recover.jump(1.0);
        self.sound.fresh = true;
        self.seed = None;
    }

    /// Delay of the sound in host samples: none. A note begins on its sample; bends and knobs reach it over the next
    /// milliseconds.
    pub fn latency_samples(&self) -> u32 {
        0
    }

    /// Samples from the end of the last note until silence.
    pub fn tail_samples(&self, knobs: &Knobs) -> u32 {
        let release_s = f64::from(knobs.sane().voices.envelope.sane().release_s);
        ((release_s + BODY_TAIL_S) * self.sound.host_hz).ceil() as u32
    }

    /// Writes one or two channels, the second of which may be missing: then the first is the mean of both. Plays events in
    /// their order; any block length, real time. All channels have equal length.
    pub fn process(&mut self, knobs: &Knobs, events: &[TimedEvent], out: &mut [&mut [f32]]) {
        let _flush = FlushDenormals::new();
        let knobs = knobs.sane();
        if self.seed != Some(knobs.seed) {
            self.voices.seed(knobs.seed);
            self.seed = Some(knobs.seed);
        }
        self.sound.aim(&knobs);
        let frames = out.iter().map(|channel| channel.len()).min().unwrap_or(0);
        let Self { voices, sound, .. } = self;
        voices.process(&knobs.voices, events, frames, |segment| sound.render(&knobs, segment, out));
    }

    /// Sets how many voices may sound, as the measured load allows; those above it fade.
    pub fn set_voice_cap(&mut self, cap: usize) {
        self.voices.set_voice_cap(cap);
    }

    /// Voices that may sound at once.
    pub fn voice_cap(&self) -> usize {
        self.voices.voice_cap()
    }

    /// Voices that sound, those that fade included.
    pub fn sounding(&self) -> usize {
        self.voices.sounding()
    }

    /// Keys that sound, and whether each is held.
    pub fn notes(&self) -> impl Iterator<Item = (Note, bool)> {
        self.voices.notes()
    }

    /// Notes that ended in the last call, for hosts that modulate single voices.
    pub fn ended(&self) -> &[Ended] {
        self.voices.ended()
    }

    /// How many notes lost their voice to others or to the cap, since construction.
    pub fn stolen_notes(&self) -> u64 {
        self.voices.stolen_notes()
    }

    /// How many events were no numbers or named what does not exist, since construction.
    pub fn ignored_events(&self) -> u64 {
        self.voices.ignored_events()
    }

    /// How often a period or a sum of voices was no sound, since construction.
    pub fn guard_events(&self) -> u64 {
        self.sound.caught + self.sound.parts.iter().map(|part| part.voice.caught()).sum::<u64>()
    }

    /// Draws the period of the note begun last into as many points as `out` has; real time.
    pub fn draw(&self, out: &mut [f32]) {
        self.sound.parts[self.sound.newest].voice.draw(out);
    }

    /// The declared controls of the note begun last, with all that moves them, as the network sees them: -1..1.
    pub fn seen(&self) -> &[f32; MAX_CONTROLS] {
        self.sound.parts[self.sound.newest].voice.seen()
    }

    /// The model that sounds.
    pub fn model(&self) -> &Arc<Wavetable> {
        &self.sound.model
    }

    /// The host's rate in Hz.
    pub fn host_rate_hz(&self) -> f64 {
        self.sound.host_hz
    }
}

impl Sound {
    /// Forgets what sounds.
    fn forget(&mut self) {
        for part in &mut self.parts {
            part.voice.reset();
            part.filter.reset();
        }
        self.bodies.iter_mut().for_each(Body::reset);
    }

    /// Points the ramps at the knobs; the first knobs after a start are not ramped to.
    fn aim(&mut self, knobs: &Knobs) {
        for (ramp, target) in [(&mut self.body, knobs.body), (&mut self.level, knobs.level)] {
            if self.fresh {
                ramp.jump(target);
            }
            ramp.set(target);
        }
        self.fresh = false;
    }

    /// All voices, body, level and guard for one segment.
    fn render(&mut self, knobs: &Knobs, segment: &Segment, out: &mut [&mut [f32]]) {
        let count = segment.count;
        self.sum = [[0.0; MAX_CELL]; 2];
        for voice in segment.voices() {
            if voice.started() {
                self.newest = voice.slot;
            }
            let Self { model, parts, one: [left, right], sum, .. } = self;
            let (left, right) = (&mut left[..count], &mut right[..count]);
            parts[voice.slot].render(model, knobs, &voice, left, right);
            add(&voice, [left, right], sum);
        }
        self.finish(count);
        let place = segment.first..segment.first + count;
        let [left, right] = &self.sum;
        match out {
            [one] => {
                let mean = left.iter().zip(right).map(|(left, right)| 0.5 * (left + right));
                one[place].iter_mut().zip(mean).for_each(|(y, x)| *y = x);
            }
            channels => {
                for (channel, sum) in channels.iter_mut().zip(&self.sum) {
                    channel[place.clone()].copy_from_slice(&sum[..count]);
                }
            }
        }
    }

    /// What happens to the sum of all voices.
    fn finish(&mut self, count: usize) {
        let (body, level) = (self.body, self.level);
        let mut caught = false;
        for ((sum, body_filter), guard) in self.sum.iter_mut().zip(&mut self.bodies).zip(&mut self.guards) {
            (self.body, self.level) = (body, level);
            let sum = &mut sum[..count];
            // Also while nobody hears it, so that it need not start from silence when it is turned up.
            let mut bodied = [0.0; MAX_CELL];
            bodied[..count].copy_from_slice(sum);
            body_filter.process(&mut bodied[..count]);
            for (y, bodied) in sum.iter_mut().zip(bodied) {
                *y = self.level.advance() * (*y + self.body.advance() * (bodied - *y));
            }
            caught |= guard.check_output(sum);
        }
        if caught {
            self.forget();
            self.recover.jump(0.0);
            self.recover.set(1.0);
            self.caught += 1;
        } else if self.recover.is_moving() {
            for n in 0..count {
                let gain = self.recover.advance();
                self.sum.iter_mut().for_each(|sum| sum[n] *= gain);
            }
        }
    }
}

impl Part {
    /// Oscillator and filter of one voice for a segment.
    fn render(&mut self, model: &Wavetable, knobs: &Knobs, voice: &VoiceControls, left: &mut [f32], right: &mut [f32]) {
        if voice.started() {
            self.filter.reset();
            if knobs.retrigger {
                self.voice.start(Some(knobs.unison));
            } else {
                self.voice.start_anywhere(voice.seed());
            }
        }
        self.voice.render(model, |sample| knobs.note(voice, sample), left, right);
        self.filter.process(&knobs.filter, voice, left, right);
    }
}

/// Adds a voice at its level. Pan takes from the other side only, so that a note in the middle keeps its level in both.
fn add(voice: &VoiceControls, one: [&mut [f32]; 2], sum: &mut [[f32; MAX_CELL]; 2]) {
    let [left, right] = one;
    let [left_sum, right_sum] = sum;
    for (n, level) in voice.levels().iter().enumerate() {
        let pan = voice.value(Dimension::Pan, n);
        left_sum[n] += left[n] * level * (1.0 - pan.max(0.0));
        right_sum[n] += right[n] * level * (1.0 + pan.min(0.0));
    }
}

#[cfg(test)]
mod tests;
