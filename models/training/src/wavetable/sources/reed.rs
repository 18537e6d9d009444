//! A reed that blows into a pipe at some place between its ends: a waveguide after Scavone's "blowed string" (2002).
//!
//! Two delay lines on both sides of the mouthpiece, one end with losses, the other one open. The place of the mouthpiece takes
//! harmonics away as a bow's place does, so the pipe goes from a clarinet's hollow sound to a saxophone's.
use super::{Machine, PERIOD, RATE_HZ, control, pitch};
use kernels::checkpoint::{ControlInfo, Curve};
use kernels::nn::naive::noise;
use kernels::wavetable::period::{Period, Synthesis, period, samples_needed};

/// Time that the pipe has to settle, in seconds.
const SETTLE_S: f64 = 1.0;
/// Time in which the breath rises, in seconds.
const ATTACK_S: f64 = 0.02;
/// Turbulence of the breath while it rises, of the pressure; without it the pipe would stay at rest.
const TURBULENCE: f64 = 0.05;
/// Quietest tone that is kept, RMS.
const SOUNDS: f64 = 0.02;
/// What the lossy end gives back at 0 Hz.
const END_GAIN: f64 = 0.95;
/// Pole of its low-pass, from a bright pipe to a dark one; the network is not told.
const POLES: [f64; 2] = [0.35, 0.7];
/// What the reed reflects of a pressure at rest, and how much more as the breath closes it; at 1 it is shut.
const REED: [f64; 2] = [0.7, 0.3];

/// What is blown.
pub struct Reed;

impl Machine for Reed {
    fn name(&self) -> &'static str {
        "reed"
    }

    fn description(&self) -> &'static str {
        "A reed blown into a pipe at some place between its ends. The latent is what the network made of pipes of different \
         damping that it was not told about."
    }

    fn controls(&self) -> Vec<ControlInfo> {
        vec![
            control("pressure", "Blow pressure", "", [0.62, 1.0], 0.8, Curve::Linear),
            control("position", "Blow position", "", [0.25, 0.5], 0.3, Curve::Linear),
            pitch([65.0, 880.0]),
        ]
    }

    fn period(&self, values: &[f64], hidden: f64) -> Option<Period> {
        let &[pressure, position, pitch_hz] = values else { return None };
        let pole = POLES[0] + (POLES[1] - POLES[0]) * hidden;
        let tuned_samples = RATE_HZ / pitch_hz;
        // The low-pass delays a low partial by p / (1 - p) samples.
        let loop_samples = tuned_samples - pole / (1.0 - pole);
        let mut pipe = Pipe::new(loop_samples, position, pole);
        let breath = noise(1, (ATTACK_S * RATE_HZ) as usize);
        let settle = (SETTLE_S * RATE_HZ) as usize;
        for n in 0..settle {
            let rise = (n as f64 / breath.len() as f64).min(1.0);
            let turbulence = breath.get(n).map_or(0.0, |x| TURBULENCE * f64::from(*x));
            pipe.step(pressure * rise * (1.0 + turbulence));
        }
        let mut sound: Vec<f64> = (0..samples_needed(tuned_samples)).map(|_| pipe.step(pressure)).collect();
        let mean = sound.iter().sum::<f64>() / sound.len() as f64;
        sound.iter_mut().for_each(|x| *x -= mean);
        let mut tone = Period::of(&sound, period(&sound, tuned_samples)?, PERIOD / 2 - 1);
        if tone.rms() <= SOUNDS || tone.mode() != 1 {
            return None;
        }
        tone.start_at(Synthesis::new(PERIOD).corner_turns(&tone));
        Some(tone)
    }

    fn turns(&self) -> bool {
        true
    }
}

/// Waves in the pipe.
struct Pipe {
    /// From the mouthpiece to the lossy end and back.
    lossy: Line,
    /// From the mouthpiece to the open end and back.
    open: Line,
    pole: f64,
    /// Last output of the low-pass.
    low: f64,
}

impl Pipe {
    fn new(loop_samples: f64, position: f64, pole: f64) -> Self {
        let near = loop_samples * position;
        Self { lossy: Line::new(loop_samples - near), open: Line::new(near), pole, low: 0.0 }
    }

    /// One sample under a pressure of breath; returns the pressure at the mouthpiece.
    fn step(&mut self, breath: f64) -> f64 {
        self.low = (1.0 - self.pole) * self.lossy.last() + self.pole * self.low;
        let reflected = -END_GAIN * self.low;
        let inside = reflected - self.open.last();
        let difference = breath - inside;
        let reflection = (REED[0] + REED[1] * difference).clamp(-1.0, 1.0);
        self.open.step(reflected);
        self.lossy.step(breath - difference * reflection - reflected);
        inside
    }
}

/// A delay between two samples.
struct Line {
    memory: Vec<f64>,
    at: usize,
    /// How much of the older of the last two samples is heard.
    older: f64,
}

impl Line {
    fn new(samples: f64) -> Self {
        let samples = samples.max(1.0);
        Self { memory: vec![0.0; samples as usize + 1], at: 0, older: samples.fract() }
    }

    fn step(&mut self, x: f64) {
        self.memory[self.at] = x;
        self.at = (self.at + 1) % self.memory.len();
    }

    /// What went in a delay ago.
    fn last(&self) -> f64 {
        let newer = (self.at + 1) % self.memory.len();
        self.memory[newer] + self.older * (self.memory[self.at] - self.memory[newer])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wavetable::sources::record;

    #[test]
    fn a_line_delays_by_what_it_was_made_for() {
        let mut line = Line::new(3.25);
        let mut heard = Vec::new();
        for n in 0..6 {
            line.step(if n == 0 { 1.0 } else { 0.0 });
            heard.push(line.last());
        }
        // The first step writes; three more until it comes out.
        assert_eq!(heard, [0.0, 0.0, 0.75, 0.25, 0.0, 0.0]);
    }

    #[test]
    fn the_pipe_sounds_over_most_of_its_knobs() {
        let set = record(&Reed, 40, 1);
        assert!(set.len() >= 20, "{} of 40", set.len());
    }
}
