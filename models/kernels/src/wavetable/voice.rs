//! One sounding note: the decoder asked every few milliseconds, the oscillator in between.
use super::decoder::DecoderState;
use super::{Controls, MAX_CONTROLS, Unison, Wavetable};
use crate::dsp::wavetable_oscillator::{Tone, WavetableOscillator};
use crate::guard::LIMIT;
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
    /// Periods that were no numbers or absurdly loud, since construction.
    caught: u64,
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
            caught: 0,
        }
    }

    /// Shifts the times at which periods are asked for by a share of a frame, 0..1, so that voices that begin together do not
    /// all ask at once.
    pub fn stagger(&mut self, share: f64) {
        self.oscillator.stagger(share);
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

    /// Begins a note with phases that a seed decides, as if its oscillators had never stopped.
    pub fn start_anywhere(&mut self, seed: u64) {
        self.oscillator.start_anywhere(seed);
        self.fresh = true;
    }

    /// Controls as the network last saw them, -1..1.
    pub fn seen(&self) -> &[f32; MAX_CONTROLS] {
        &self.seen
    }

    /// How many periods were no numbers or absurdly loud, since construction. They sound as silence.
    pub fn caught(&self) -> u64 {
        self.caught
    }

    /// Draws the period that sounds now, at the note's own band limit, into as many points as `out` has.
    pub fn draw(&self, out: &mut [f32]) {
        self.oscillator.table().draw(out);
    }

    /// Writes the note to both channels, for any length; real time. Level and body come after it. `controls` says what is
    /// wanted at a sample of them, and is asked where a frame begins: so the sound does not depend on cuts.
    pub fn render(
        &mut self,
        model: &Wavetable,
        controls: impl Fn(usize) -> Controls,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        let length = left.len().min(right.len());
        left[..length].fill(0.0);
        right[..length].fill(0.0);
        let mut start = 0;
        while start < length {
            if self.oscillator.at_frame() {
                self.begin_frame(model, &controls(start).sane());
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
            self.check();
        }
        let tone = Tone { frequency_hz: controls.frequency_hz, unison: controls.unison, sub: controls.sub };
        self.oscillator.begin_frame(&tone, moved.then_some(&self.harmonics));
    }

    /// Weights of a broken file may well multiply to infinity. Then the note fades to silence within the frame, like any
    /// other change of period.
    fn check(&mut self) {
        // False for NaN as well.
        let sound = self.harmonics.iter().all(|h| h.re.abs() <= LIMIT && h.im.abs() <= LIMIT);
        if !sound {
            self.harmonics.fill(Complex32::ZERO);
            self.caught += 1;
        }
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
