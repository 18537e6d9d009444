//! Four OTA all-pass stages swept by one LFO: the stand-in for a Small Stone phaser.
//!
//! ```text
//! OTA        d <- Vt' tanh(d / Vt')
//! out        y = B(z) { g1 x + w },   w = the chain's output, of which g2 is fed back
//! ```
//! Stages and chain are those of `parts`. Without feedback, notches lie where the four stages turn the phase by pi and 3 pi: at
//! `tan(pi/8) f_b` and `f_b / tan(pi/8)`. Constants of the pedal are in `small_stone`.

use std::f64::consts::PI;

use super::parts::{MAX_BREAK, Noise, chain, chain_input, couple, one_pole, soft, stage_gain};
use super::small_stone::{FITTED_RATE_HZ, Setting};

/// All-pass stages in the chain.
pub const STAGES: usize = 4;

/// What one unit of the pedal is built of; the knobs' part comes from `setting`.
#[derive(Clone, Debug)]
pub struct Circuit {
    /// Colour switch: adds feedback around the chain and widens the sweep.
    pub colour: bool,
    /// Break frequency of each stage over the nominal one: capacitors and OTAs are not equal.
    pub stage_factors: [f64; STAGES],
    /// `Vt'`, full scale = 1: the stage's input difference at which its OTA's output current levels off. `None`: linear.
    pub limit: Option<f64>,
    /// High-pass of the input's coupling capacitor. `None`: no capacitor.
    pub input_coupling_hz: Option<f64>,
    /// High-pass of the output's coupling capacitor. `None`: no capacitor.
    pub output_coupling_hz: Option<f64>,
    /// RMS of the white noise added before the output capacitor, full scale = 1. `None`: silent.
    pub hiss: Option<f64>,
}

/// What the circuit remembers between two samples.
#[derive(Clone, Debug)]
pub struct CircuitState {
    /// `pi / fs` times the factor of each stage: what turns a break frequency in Hz into the angle of its tangent.
    angles: [f64; STAGES],
    /// Input and output coupling: the part of the way to its voltage that the capacitor goes each sample.
    leak: [Option<f64>; 2],
    /// Charge of each stage's capacitor.
    stages: [f64; STAGES],
    /// The two delays of `B(z)`, transposed direct form II.
    filter: [f64; 2],
    /// Input and output coupling capacitors.
    coupling: [f64; 2],
    /// Hiss generator.
    noise: Noise,
}

impl Circuit {
    /// One believable unit, the source of training data for models that ship: components off by up to 3.5 % (mean 0 in
    /// the log), coupling at 33 and 20 Hz, hiss at -85 dB of full scale. Its OTAs level off at `2 Vt * 28` = 1.46 V (behind
    /// a 27 k / 1 k divider); full scale is taken as 0.5 V, a hard pluck of a guitar. At an RMS of 0.1 the limit then
    /// changes the sound by an ESR of about 1e-4 with the colour off, 3e-3 with it on.
    pub fn small_stone(colour: bool) -> Self {
        Self {
            colour,
            stage_factors: [0.965, 1.0 / 1.035, 1.035, 1.0 / 0.965],
            limit: Some(2.0 * 0.026 * 28.0 / 0.5),
            input_coupling_hz: Some(33.0),
            output_coupling_hz: Some(20.0),
            hiss: Some(10f64.powf(-85.0 / 20.0)),
        }
    }

    /// The equations and nothing else: equal linear stages, no coupling, no hiss.
    pub fn ideal(colour: bool) -> Self {
        Self {
            colour,
            stage_factors: [1.0; STAGES],
            limit: None,
            input_coupling_hz: None,
            output_coupling_hz: None,
            hiss: None,
        }
    }

    /// The pedal's measured numbers at an LFO frequency.
    pub fn setting(&self, rate_hz: f64) -> Setting {
        Setting::at(self.colour, rate_hz)
    }

    /// Plays a stretch of audio. `rate_hz` says how the rate knob stands; the sweep itself follows `turns(i)`, the LFO phase
    /// at sample `i` of this call in turns (any real number; 0 where the break frequency is highest). Any cut into calls
    /// gives the same samples.
    pub fn process(
        &self,
        state: &mut CircuitState,
        rate_hz: f64,
        mut turns: impl FnMut(usize) -> f64,
        dry: &[f32],
        wet: &mut [f32],
    ) {
        assert_eq!(dry.len(), wet.len(), "dry and wet must be equally long");
        let setting = self.setting(rate_hz);
        let (angles, leak) = (state.angles, state.leak);
        let per_limit = self.limit.map_or(0.0, f64::recip);
        let Setting { direct, feedback, numerator: [b0, b1, b2], denominator: [a1, a2], .. } = setting;

        for i in 0..dry.len() {
            let x = couple(&mut state.coupling[0], leak[0], f64::from(dry[i]));
            let break_hz = setting.log2_break_frequency(turns(i)).exp2();
            let gains = angles.map(|angle| stage_gain((angle * break_hz).min(PI * MAX_BREAK)));
            let u = chain_input(&state.stages, &gains, feedback, x);
            let w = match self.limit {
                None => chain(&mut state.stages, &gains, u, |d| d),
                Some(limit) => chain(&mut state.stages, &gains, u, |d| limit * soft(d * per_limit)),
            };
            let mixed = direct * x + w;
            let y = b0 * mixed + state.filter[0];
            state.filter[0] = b1 * mixed - a1 * y + state.filter[1];
            state.filter[1] = b2 * mixed - a2 * y;
            let y = self.hiss.map_or(y, |rms| y + rms * state.noise.step());
            wet[i] = couple(&mut state.coupling[1], leak[1], y) as f32;
        }
    }
}

impl CircuitState {
    /// All capacitors empty. The output filter `B(z)` was fitted at 44.1 kHz; at another rate its slight treble tilt
    /// (0.6 dB at 10 kHz) moves with the rate.
    pub fn new(circuit: &Circuit, sample_rate_hz: f64) -> Self {
        assert!(sample_rate_hz > 0.0, "sample rate {sample_rate_hz} Hz; {FITTED_RATE_HZ} Hz is usual");
        Self {
            angles: circuit.stage_factors.map(|factor| PI * factor / sample_rate_hz),
            leak: [circuit.input_coupling_hz, circuit.output_coupling_hz]
                .map(|hz| hz.map(|hz| one_pole(hz, sample_rate_hz))),
            stages: [0.0; STAGES],
            filter: [0.0; 2],
            coupling: [0.0; 2],
            noise: Noise::new(0),
        }
    }

    /// Back to silence; the hiss starts anew with its first seed.
    pub fn reset(&mut self) {
        self.stages = [0.0; STAGES];
        self.filter = [0.0; 2];
        self.coupling = [0.0; 2];
        self.noise = Noise::new(0);
    }

    /// Gives this take its own hiss.
    pub fn reseed(&mut self, seed: u64) {
        self.noise = Noise::new(seed);
    }
}

#[cfg(test)]
mod tests;
