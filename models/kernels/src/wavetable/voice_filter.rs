//! One voice's filter: a low-pass whose cutoff follows knob, key, envelope and the note's own expressions.
use super::knobs::{FilterKnobs, modulation};
use crate::dsp::low_pass::{HIGHEST, LowPass, Shape};
use crate::voices::envelope::Envelope;
use crate::voices::{MAX_CELL, VoiceControls};

/// Time between two looks at what the cutoff is to be, in seconds; between them it moves on a straight line.
const CELL_S: f64 = 0.0005;
/// Shortest such time in samples.
const SHORTEST_CELL: usize = 8;
/// Time constant with which knobs are followed, in seconds.
const SMOOTHING_S: f64 = 0.005;
/// Resonance at the knob's beginning: the flattest pass band.
const LEAST_Q: f64 = std::f64::consts::FRAC_1_SQRT_2;
/// How many times as high it is at the knob's end.
const MOST_Q: f64 = 16.0;
/// MIDI note at which the cutoff is the knob's, however far it follows the key.
const KEY: f64 = 60.0;

/// One voice's memory. Nothing in it allocates.
#[derive(Clone, Debug)]
pub struct VoiceFilter {
    filter: LowPass,
    envelope: Envelope,
    rate_hz: f64,
    /// Samples of a cell.
    cell: usize,
    /// Samples until the next one.
    left: usize,
    /// How far the followed knobs go towards the player's in a cell.
    share: f64,
    /// The cutoff knob as it is followed, in octaves over 1 Hz, and the resonance.
    knobs: [f64; 2],
    /// Has nothing been heard since the start?
    fresh: bool,
}

impl VoiceFilter {
    /// Silent, at the host's rate in Hz.
    pub fn new(rate_hz: f64) -> Self {
        let cell = ((CELL_S * rate_hz) as usize).max(SHORTEST_CELL);
        Self {
            filter: LowPass::new(Shape::new(HIGHEST, LEAST_Q)),
            envelope: Envelope::new(rate_hz),
            rate_hz,
            cell,
            left: 0,
            share: 1.0 - (-(cell as f64) / rate_hz / SMOOTHING_S).exp(),
            knobs: [0.0; 2],
            fresh: true,
        }
    }

    /// Forgets all sound; does not allocate.
    pub fn reset(&mut self) {
        self.envelope.reset();
        (self.left, self.fresh) = (0, true);
    }

    /// Filters one segment of the voice in place; the same for any cut. Real time.
    pub fn process(&mut self, knobs: &FilterKnobs, voice: &VoiceControls, left: &mut [f32], right: &mut [f32]) {
        if voice.struck() {
            self.envelope.attack(&knobs.envelope);
        }
        if !voice.is_held() {
            self.envelope.release(&knobs.envelope);
        }
        let count = left.len().min(right.len()).min(MAX_CELL);
        let mut levels = [0.0; MAX_CELL];
        self.envelope.fill(&knobs.envelope, &mut levels[..count]);
        let mut start = 0;
        while start < count {
            if self.left == 0 {
                self.aim(knobs, voice, start, levels[start]);
            }
            let end = count.min(start + self.left);
            self.filter.process(&mut left[start..end], &mut right[start..end]);
            self.left -= end - start;
            start = end;
        }
    }

    /// Begins a cell.
    fn aim(&mut self, knobs: &FilterKnobs, voice: &VoiceControls, sample: usize, level: f32) {
        let wanted = [f64::from(knobs.cutoff_hz).log2(), f64::from(knobs.resonance)];
        let share = if self.fresh { 1.0 } else { self.share };
        for (now, wanted) in self.knobs.iter_mut().zip(wanted) {
            *now += (wanted - *now) * share;
        }
        let [octaves, resonance] = self.knobs;
        let moved = knobs.envelope_octaves * level
            + knobs.route.sum(voice, sample)
            + modulation::CUTOFF_OCTAVES * voice.modulation(modulation::CUTOFF, sample);
        let followed = f64::from(knobs.keytrack) * (voice.pitch_note(sample) - KEY) / 12.0;
        let cutoff_hz = (octaves + followed + f64::from(moved)).exp2();
        let resonance = (resonance + f64::from(voice.modulation(modulation::RESONANCE, sample))).clamp(0.0, 1.0);
        let shape = Shape::new(cutoff_hz / self.rate_hz, LEAST_Q * MOST_Q.powf(resonance));
        if self.fresh {
            self.filter.reset(shape);
            self.fresh = false;
        }
        self.filter.aim(shape, self.cell);
        self.left = self.cell;
    }
}
