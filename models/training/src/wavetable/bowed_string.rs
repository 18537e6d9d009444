//! A bowed string with its violin body, equal to `Bowed` of STK 4.6.2 to the last bit.
//!
//! Two delay lines carry velocity waves from the bow to the bridge and to the nut; where they meet, the bow's friction
//! decides between stick and slip. After Smith, "Efficient simulation of the reed-bore and bow-string mechanisms" (ICMC
//! 1986) and the Synthesis ToolKit (Cook and Scavone, ICMC 1999), whose constants have been these from 4.4.3 to 5.0.1. This is
//! the source that Sinclair 2017 (arXiv 1806.09617) learned, written anew. The order of every sum is STK's, because a
//! string that sticks and slips would make a different sound of a different rounding.
mod delay;
mod envelope;
mod friction;
mod resonator;
mod vibrato;

#[cfg(test)]
mod tests;

use delay::Delay;
use envelope::Envelope;
use friction::friction;
pub use resonator::Resonator;
use vibrato::Vibrato;

/// Lowest note that the delay lines have room for, in Hz.
const LOWEST_HZ: f64 = 8.0;
/// What the loop has besides its delay lines, in samples: two one-sample waits and about two in the string's filter.
const LOOP_EXTRA_SAMPLES: f64 = 4.0;
/// Delay of a string too short for any, in samples.
const SHORTEST_SAMPLES: f64 = 0.3;
/// What the string keeps of a wave at 0 Hz each time it passes.
const STRING_GAIN: f64 = 0.95;
/// Share of the difference of speeds above which the bow carries the string along.
const STUCK: f64 = 0.9;

/// One string under one bow. `new` allocates, everything else computes.
#[derive(Clone, Debug)]
pub struct BowedString {
    rate_hz: f64,
    /// Waves between bow and nut.
    neck: Delay,
    /// Waves between bow and bridge.
    bridge: Delay,
    /// Round trip in the two lines, in samples.
    base_samples: f64,
    /// Where the bow is, of the way from the bridge to the nut, 0..1.
    position: f64,
    /// Steepness of the friction curve: 5 for a light bow, 1 for a heavy one.
    slope: f64,
    /// Does the bow touch the string?
    bow_down: bool,
    /// Speed of the bow when the envelope is 1, in STK's units.
    max_velocity: f64,
    envelope: Envelope,
    /// Pole of the low-pass that stands for all losses of the string.
    string_pole: f64,
    /// Last output of that low-pass.
    string_last: f64,
    /// Did the string slip in the last step?
    slips: bool,
    vibrato: Vibrato,
    /// Excursion of the vibrato, of the string's length.
    vibrato_depth: f64,
    body: Resonator,
}

impl BowedString {
    /// A string at rest, tuned to 220 Hz.
    pub fn new(rate_hz: f64) -> Self {
        let length = 4095.max((rate_hz / LOWEST_HZ) as usize + 1) + 1;
        let mut string = Self {
            rate_hz,
            neck: Delay::new(length),
            bridge: Delay::new(length),
            base_samples: 0.0,
            position: 0.127236,
            slope: 3.0,
            bow_down: false,
            max_velocity: 0.25,
            envelope: Envelope::new(rate_hz),
            string_pole: 0.75 - (0.2 * 22050.0 / rate_hz),
            string_last: 0.0,
            slips: false,
            vibrato: Vibrato::new(6.12723, rate_hz),
            vibrato_depth: 0.0,
            body: Resonator::default(),
        };
        string.set_frequency(220.0);
        string
    }

    /// Tunes the string, in Hz. What really sounds is up to 7 cents lower or 4 cents higher: the loop's delay ignores the bow.
    pub fn set_frequency(&mut self, frequency_hz: f64) {
        self.base_samples = self.rate_hz / frequency_hz - LOOP_EXTRA_SAMPLES;
        if self.base_samples <= 0.0 {
            self.base_samples = SHORTEST_SAMPLES;
        }
        self.divide();
    }

    /// Presses the bow on the string, 0..1; 0 lifts it. Controller 2, its value over 128.
    pub fn set_pressure(&mut self, pressure: f64) {
        self.bow_down = pressure > 0.0;
        self.slope = 5.0 - 4.0 * pressure;
    }

    /// Moves the bow, 0 at the bridge to 1 at the nut; at once, as if it were put there anew. Controller 4 over 128.
    pub fn set_position(&mut self, position: f64) {
        self.position = position;
        self.divide();
    }

    /// Share of the note's bow speed, 0..1. Controllers 100 and 128 over 128: both do the same.
    pub fn set_speed(&mut self, speed: f64) {
        self.envelope.set_target(speed);
    }

    /// Pole of the string's losses, 0..1: the higher, the darker. STK has no such controller.
    pub fn set_string_pole(&mut self, pole: f64) {
        self.string_pole = pole;
    }

    /// Rate of the vibrato, 0..1 for 0 to 12 Hz. Controller 11 over 128.
    pub fn set_vibrato_rate(&mut self, rate: f64) {
        self.vibrato.set_rate(rate * 12.0, self.rate_hz);
    }

    /// Depth of the vibrato, 0..1. Controller 1 over 128.
    pub fn set_vibrato_depth(&mut self, depth: f64) {
        self.vibrato_depth = depth * 0.4;
    }

    /// Did the string slip under the bow in the last step, or rest on it?
    pub fn slips(&self) -> bool {
        self.slips
    }

    /// Starts to bow; the bow goes down whatever the pressure.
    pub fn note_on(&mut self, frequency_hz: f64, amplitude: f64) {
        self.envelope.start(amplitude * 0.001);
        self.max_velocity = 0.03 + 0.2 * amplitude;
        self.bow_down = true;
        self.set_frequency(frequency_hz);
    }

    /// Slows the bow to a halt, the faster the smaller the amplitude; at amplitude 1 it goes on.
    pub fn note_off(&mut self, amplitude: f64) {
        self.envelope.release((1.0 - amplitude) * 0.005);
    }

    /// Shares the string's length between the two lines.
    fn divide(&mut self) {
        self.bridge.set(self.base_samples * self.position);
        self.neck.set(self.base_samples * (1.0 - self.position));
    }

    /// The next sample of the wave at the bridge, without the body.
    #[inline]
    pub fn step_string(&mut self) -> f64 {
        let bow_velocity = self.max_velocity * self.envelope.step();
        self.string_last =
            (1.0 - self.string_pole) * (STRING_GAIN * self.bridge.last()) + self.string_pole * self.string_last;
        let from_bridge = -self.string_last;
        let from_nut = -self.neck.last();
        let difference = bow_velocity - (from_bridge + from_nut);
        let grip = if self.bow_down { friction(difference, self.slope) } else { 0.0 };
        self.slips = grip < STUCK;
        let added = difference * grip;
        self.neck.step(from_bridge + added);
        self.bridge.step(from_nut + added);
        if self.vibrato_depth > 0.0 {
            let swing = self.base_samples * self.vibrato_depth * self.vibrato.step();
            self.neck.set(self.base_samples * (1.0 - self.position) + swing);
        }
        self.bridge.last()
    }

    /// The next sample, through the body.
    #[inline]
    pub fn step(&mut self) -> f64 {
        let at_bridge = self.step_string();
        self.body.step(at_bridge)
    }
}
