//! One sounding note: the decoder asked every few milliseconds, the oscillator in between.
use super::decoder::DecoderState;
use super::{Controls, MAX_CONTROLS, Unison, Wavetable};
use crate::dsp::wavetable_oscillator::{Tone, WavetableOscillator};
use realfft::num_complex::Complex32;

/// Seconds from one period to the next. Between them harmonics move on straight lines.
pub const FRAME_S: f64 = 0.004;
/// Time constant with which controls follow the player, in seconds.
const SMOOTHING_S: f64 = 0.004;
/// Distance at which a following control has arrived, of a span of 2.
const ARRIVED: f32 = 1e-4;

/// One note's memory. `new` allocates, `reset` forgets, `render` only computes.
#[derive(Clone)]
pub struct Voice {
    oscillator: WavetableOscillator,
    decoder: DecoderState,
    /// The note's harmonics, `[harmonics]`.
    harmonics: Vec<Complex32>,
    /// Controls as the network sees them, following the player's.
    seen: [f32; MAX_CONTROLS],
    /// How far they go towards the player's in a frame.
    speed: f32,
    /// Has nothing been heard since the start?
    fresh: bool,
}

impl Voice {
    /// Allocates a silent voice at the host's rate.
    pub fn new(model: &Wavetable, host_rate_hz: f64) -> Self {
        let frame = (FRAME_S * host_rate_hz).round() as usize;
        Self {
            oscillator: WavetableOscillator::new(host_rate_hz, frame),
            decoder: model.decoder().state(),
            harmonics: vec![Complex32::ZERO; model.decoder().harmonics()],
            seen: [0.0; MAX_CONTROLS],
            speed: 1.0 - (-(frame as f64) / host_rate_hz / SMOOTHING_S).exp() as f32,
            fresh: true,
        }
    }

    /// Forgets the note and its phases; does not allocate.
    pub fn reset(&mut self) {
        self.oscillator.reset();
        self.fresh = true;
    }

    /// Begins a note with the next sample, at once on its controls. With a unison its copies start at their phases, without
    /// they run on from where they were.
    pub fn start(&mut self, retrigger: Option<Unison>) {
        self.oscillator.start(retrigger);
        self.fresh = true;
    }

    /// Draws the period that sounds now, at the note's own band limit, into as many points as `out` has.
    pub fn draw(&self, out: &mut [f32]) {
        self.oscillator.table().draw(out);
    }

    /// Writes the note to both channels, for any length; real time. Level and body come after it.
    pub fn render(&mut self, model: &Wavetable, controls: &Controls, left: &mut [f32], right: &mut [f32]) {
        let controls = controls.sane();
        let length = left.len().min(right.len());
        left[..length].fill(0.0);
        right[..length].fill(0.0);
        let mut start = 0;
        while start < length {
            if self.oscillator.at_frame() {
                self.begin_frame(model, &controls);
            }
            let end = length.min(start + self.oscillator.left_in_frame());
            self.oscillator.add_to(&mut left[start..end], &mut right[start..end]);
            start = end;
        }
    }

    /// Follows the controls, and asks for a new period if any of them moved.
    fn begin_frame(&mut self, model: &Wavetable, controls: &Controls) {
        let moved = self.follow(&model.normalise(controls)) || self.fresh;
        self.fresh = false;
        if moved {
            model.decoder().decode(model.arch(), &mut self.decoder, &self.seen, &mut self.harmonics);
        }
        let tone = Tone { frequency_hz: controls.frequency_hz, unison: controls.unison, sub: controls.sub };
        self.oscillator.begin_frame(&tone, moved.then_some(&self.harmonics));
    }

    /// Moves the controls towards what is wanted; returns whether any did.
    fn follow(&mut self, wanted: &[f32; MAX_CONTROLS]) -> bool {
        let before = self.seen;
        let speed = if self.fresh { 1.0 } else { self.speed };
        for (now, wanted) in self.seen.iter_mut().zip(wanted) {
            *now += (wanted - *now) * speed;
            if (wanted - *now).abs() < ARRIVED {
                *now = *wanted;
            }
        }
        self.seen != before
    }
}
