//! Everything behind the voice engine: oscillators and filters of all voices, their sum, body, level, guard.
use crate::dsp::ramp::Ramp;
use crate::guard::Guard;
use crate::voices::{Dimension, MAX_CELL, Segment, VoiceControls};
use crate::wavetable::body::Body;
use crate::wavetable::voice_filter::VoiceFilter;
use crate::wavetable::{Knobs, Voice, Wavetable};
use std::sync::Arc;

/// Length of every gain ramp, in seconds.
const RAMP_S: f64 = 0.01;
/// Time in which the sound returns after the guard caught something, in seconds.
const RECOVER_S: f64 = 0.02;

/// One voice's oscillator and filter.
struct Part {
    /// Its oscillator and how the network is asked for it.
    voice: Voice,
    /// What stands behind it.
    filter: VoiceFilter,
}

/// Everything behind the voice engine.
pub(super) struct Sound {
    /// What sounds.
    pub model: Arc<Wavetable>,
    /// The host's rate in Hz.
    pub host_hz: f64,
    /// As many as may ever sound.
    parts: Vec<Part>,
    /// One segment of one voice, `[channel]`.
    one: [[f32; MAX_CELL]; 2],
    /// Sum of all voices of the segment, `[channel]`.
    sum: [[f32; MAX_CELL]; 2],
    /// The violin's body, `[channel]`.
    bodies: [Body; 2],
    /// Watch the sum, `[channel]`.
    guards: [Guard; 2],
    /// Share of the sound that goes through the body.
    body: Ramp,
    /// Gain of everything, linear.
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

impl Sound {
    /// Allocates everything for so many voices at the host's rate in Hz.
    pub(super) fn new(model: Arc<Wavetable>, host_rate_hz: f64, max_voices: usize) -> Self {
        let ramp = |value, seconds: f64| Ramp::new(value, (seconds * host_rate_hz) as usize);
        let part = |slot: usize| {
            let mut voice = Voice::new(&model, host_rate_hz);
            voice.stagger(slot as f64 / max_voices as f64);
            Part { voice, filter: VoiceFilter::new(host_rate_hz) }
        };
        Self {
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
        }
    }

    /// Back to the start; does not allocate.
    pub(super) fn reset(&mut self) {
        self.forget();
        self.guards.iter_mut().for_each(Guard::reset);
        self.recover.jump(1.0);
        self.fresh = true;
    }

    /// The voice that began last.
    pub(super) fn newest(&self) -> &Voice {
        &self.parts[self.newest].voice
    }

    /// How often a period or a sum of voices was no sound, since construction.
    pub(super) fn guard_events(&self) -> u64 {
        self.caught + self.parts.iter().map(|part| part.voice.caught()).sum::<u64>()
    }

    /// Forgets what sounds.
    fn forget(&mut self) {
        for part in &mut self.parts {
            part.voice.reset();
            part.filter.reset();
        }
        self.bodies.iter_mut().for_each(Body::reset);
    }

    /// Points the ramps at the knobs; the first knobs after a start are not ramped to.
    pub(super) fn aim(&mut self, knobs: &Knobs) {
        for (ramp, target) in [(&mut self.body, knobs.body), (&mut self.level, knobs.level)] {
            if self.fresh {
                ramp.jump(target);
            }
            ramp.set(target);
        }
        self.fresh = false;
    }

    /// All voices, body, level and guard for one segment.
    pub(super) fn render(&mut self, knobs: &Knobs, segment: &Segment, out: &mut [&mut [f32]]) {
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
