//! What the player sets for the whole instrument.
use super::{Controls, MAX_CONTROLS, Unison};
use crate::checkpoint::ModelInfo;
use crate::voices::{self, Dimension, VoiceControls};

/// Numbers of the parameters that a host may move for each note by itself. The declared controls come first, in the file's order.
pub mod modulation {
    use super::MAX_CONTROLS;

    /// The filter's cutoff; its range is [`CUTOFF_OCTAVES`].
    pub const CUTOFF: usize = MAX_CONTROLS;
    /// The filter's resonance.
    pub const RESONANCE: usize = MAX_CONTROLS + 1;
    /// From 20 Hz to 20 kHz.
    pub const CUTOFF_OCTAVES: f32 = 9.965784;
}

/// Lowest and highest cutoff in Hz.
pub const CUTOFF_HZ: [f32; 2] = [20.0, 20_000.0];

/// How far a note's own expressions move something.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Route {
    /// By full pressure.
    pub pressure: f32,
    /// By slide (MPE's third dimension) at its end, and as far to the other side at its beginning.
    pub slide: f32,
    /// By the full modulation wheel.
    pub wheel: f32,
    /// By the highest velocity, and as far to the other side by the lowest.
    pub velocity: f32,
}

impl Route {
    /// How far a voice's expressions move it at a sample.
    pub(super) fn sum(&self, voice: &VoiceControls, sample: usize) -> f32 {
        self.pressure * voice.value(Dimension::Pressure, sample)
            + self.slide * (2.0 * voice.value(Dimension::Slide, sample) - 1.0)
            + self.wheel * voice.value(Dimension::Vibrato, sample)
            + self.velocity * voice.value(Dimension::Timbre, sample)
    }

    fn sane(&self, most: f32) -> Self {
        let within = |x: f32| or(x, -most, most, 0.0);
        Self {
            pressure: within(self.pressure),
            slide: within(self.slide),
            wheel: within(self.wheel),
            velocity: within(self.velocity),
        }
    }
}

/// The filter behind each note's oscillator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilterKnobs {
    /// Cutoff of middle C at rest, in Hz, within [`CUTOFF_HZ`].
    pub cutoff_hz: f32,
    /// 0..1: from a flat pass band to a peak of 21 dB.
    pub resonance: f32,
    /// How far the cutoff follows the pitch, 0..1.
    pub keytrack: f32,
    /// How far the envelope moves the cutoff at its top, in octaves, -8..8.
    pub envelope_octaves: f32,
    /// The filter's own envelope.
    pub envelope: voices::Adsr,
    /// How far expressions move the cutoff, in octaves, each -8..8.
    pub route: Route,
}

impl Default for FilterKnobs {
    /// Open.
    fn default() -> Self {
        Self {
            cutoff_hz: CUTOFF_HZ[1],
            resonance: 0.0,
            keytrack: 0.0,
            envelope_octaves: 0.0,
            envelope: voices::Adsr::default(),
            route: Route::default(),
        }
    }
}

/// What the player sets, taken once per call; what moves by it moves without a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Knobs {
    /// Notes, level in time, glide, bends. `velocity_to_timbre` is taken from the routes instead.
    pub voices: voices::Controls,
    /// Values of the declared controls, in their units and in the file's order; that of `pitch` is not looked at.
    pub values: [f32; MAX_CONTROLS],
    /// How far expressions move each of them, in shares of its range, each -1..1.
    pub routes: [Route; MAX_CONTROLS],
    /// Detuned copies of each note.
    pub unison: Unison,
    /// Gain of the octave below, linear, 0..1.
    pub sub: f32,
    /// Does every note begin at the same phase? Otherwise at one that the seed decides.
    pub retrigger: bool,
    /// The filter.
    pub filter: FilterKnobs,
    /// Share of the sound that goes through the violin's body, 0..1.
    pub body: f32,
    /// Gain of everything, linear, 0..4.
    pub level: f32,
    /// Decides everything random.
    pub seed: u64,
}

impl Knobs {
    /// A model's defaults.
    pub fn new(info: &ModelInfo) -> Self {
        Self {
            voices: voices::Controls::default(),
            values: Controls::new(info, 440.0).values,
            routes: [Route::default(); MAX_CONTROLS],
            unison: Unison::default(),
            sub: 0.0,
            retrigger: true,
            filter: FilterKnobs::default(),
            body: 0.0,
            // Sixteen notes of a full-scale model together.
            level: 0.25,
            seed: 0,
        }
    }

    /// The same with everything finite and in range, so that no automation can harm a voice.
    pub(super) fn sane(&self) -> Self {
        let filter = &self.filter;
        Self {
            voices: voices::Controls { velocity_to_timbre: 1.0, ..self.voices },
            values: self.values,
            routes: self.routes.map(|route| route.sane(1.0)),
            unison: self.unison.sane(),
            sub: or(self.sub, 0.0, 1.0, 0.0),
            retrigger: self.retrigger,
            filter: FilterKnobs {
                cutoff_hz: or(filter.cutoff_hz, CUTOFF_HZ[0], CUTOFF_HZ[1], CUTOFF_HZ[1]),
                resonance: or(filter.resonance, 0.0, 1.0, 0.0),
                keytrack: or(filter.keytrack, 0.0, 1.0, 0.0),
                envelope_octaves: or(filter.envelope_octaves, -8.0, 8.0, 0.0),
                envelope: filter.envelope.sane(),
                route: filter.route.sane(8.0),
            },
            body: or(self.body, 0.0, 1.0, 0.0),
            level: or(self.level, 0.0, 4.0, 0.0),
            seed: self.seed,
        }
    }

    /// What a voice is to sound like at a sample of its segment.
    pub(super) fn note(&self, voice: &VoiceControls, sample: usize) -> Controls {
        Controls {
            frequency_hz: voices::hz_of(voice.pitch_note(sample)),
            values: self.values,
            offsets: std::array::from_fn(|i| voice.modulation(i, sample) + self.routes[i].sum(voice, sample)),
            unison: self.unison,
            sub: self.sub,
        }
    }
}

fn or(x: f32, low: f32, high: f32, other: f32) -> f32 {
    if x.is_finite() { x.clamp(low, high) } else { other }
}
