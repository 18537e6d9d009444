//! One channel of a phaser: the modulation's clock and memory, and the past of the audio path.
use super::drift::Drift;
use super::effect::{EffectState, MAX_CHUNK, Modulated};
use super::oscillator::OscillatorState;
use super::recurrent::RecurrentState;
use super::wander::Wander;
use super::{Controls, MAX_CONTROLS, Modulation, Phaser};
use crate::arch::{LANES, Lanes};

/// Time constant with which controls follow the player, in seconds; changes at the frame rate are ramped on top of it.
const SMOOTHING_S: f64 = 0.01;
/// Distance at which a following control has arrived, of a span of 2.
const ARRIVED: f32 = 1e-4;
/// A phase given from outside moves the clock only when it differs by more, in turns: below it the two agree but for
/// rounding, and the clock's own phase gives the same bits for any cut into blocks.
const SAME_PHASE_TURNS: f64 = 1e-6;
/// Phases of the LFO that the middle of the modulation is measured from when the depth is reduced.
const CENTRE_PHASES: usize = 16;
/// Time constant of that middle for a model whose modulation cannot be asked for any phase, in seconds.
const CENTRE_S: f64 = 5.0;

/// Memory of the modulation path.
#[derive(Clone, Debug)]
enum ModulationState {
    Oscillator(OscillatorState),
    Recurrent(Box<RecurrentState>),
}

/// One channel's memory. `new` allocates, `reset` forgets, `process` only computes.
#[derive(Clone, Debug)]
pub struct PhaserState {
    effect: EffectState,
    modulation: ModulationState,
    /// Modulation at the start of the current frame, `[block][gain, shift][panels]`.
    from: Vec<Lanes>,
    /// Modulation at its end.
    to: Vec<Lanes>,
    /// Middle of the modulation over a turn of the LFO, that a reduced depth shrinks towards.
    centre: Vec<Lanes>,
    /// Controls that `centre` was measured for; none before the first time.
    centre_controls: Option<[f32; MAX_CONTROLS]>,
    /// Controls as the network sees them, -1..1, following the player's.
    controls: [f32; MAX_CONTROLS],
    /// Depth, following the player's.
    depth: f32,
    /// Phase of this channel ahead of the first one in turns, following the player's.
    offset_turns: f32,
    /// LFO phase at the start of the current frame in turns, without `offset_turns`.
    frame_phase_turns: f64,
    /// Wandering of the LFO's rate.
    drift: Drift,
    /// What moves the phase of a model whose sweep has no period.
    wander: Wander,
    /// Turns a sample during the current frame.
    turns_per_sample: f64,
    /// Samples of the current frame already heard; a frame begins at 0.
    position: usize,
    /// Has nothing been heard since the start or the last reset?
    fresh: bool,
}

impl PhaserState {
    /// Allocates a silent channel.
    pub fn new(model: &Phaser) -> Self {
        let zeros = || vec![Lanes::ZERO; model.modulation_panels()];
        Self {
            effect: model.effect.state(),
            modulation: match &model.modulation {
                Modulation::Oscillator(o) => ModulationState::Oscillator(o.state(model.info.controls.len())),
                Modulation::Recurrent(r) => ModulationState::Recurrent(Box::new(r.state())),
            },
            from: zeros(),
            to: zeros(),
            centre: zeros(),
            centre_controls: None,
            controls: [0.0; MAX_CONTROLS],
            depth: 1.0,
            offset_turns: 0.0,
            frame_phase_turns: 0.0,
            drift: Drift::default(),
            wander: Wander::new(0),
            turns_per_sample: 0.0,
            position: 0,
            fresh: true,
        }
    }

    /// Forgets all sound and sets the LFO to phase 0; does not allocate.
    pub fn reset(&mut self) {
        self.effect.reset();
        self.centre_controls = None;
        self.frame_phase_turns = 0.0;
        self.drift = Drift::default();
        self.wander = Wander::new(0);
        self.position = 0;
        self.fresh = true;
    }

    /// LFO phase of this channel at the next sample, in turns 0..1.
    pub fn phase_turns(&self) -> f64 {
        (self.clock_turns() + f64::from(self.offset_turns)).rem_euclid(1.0)
    }

    fn clock_turns(&self) -> f64 {
        self.frame_phase_turns + self.position as f64 * self.turns_per_sample
    }

    /// Sets the LFO phase of the next sample, in turns and without the channel's own offset.
    pub fn set_phase(&mut self, phase_turns: f64) {
        let ahead = phase_turns - self.clock_turns();
        if (ahead - ahead.round()).abs() > SAME_PHASE_TURNS {
            self.frame_phase_turns = phase_turns.rem_euclid(1.0) - self.position as f64 * self.turns_per_sample;
        }
    }

    /// Replaces samples at the model's rate, for any length; real time. `offset_turns`: this channel ahead of the first.
    pub fn process(&mut self, model: &Phaser, controls: &Controls, offset_turns: f32, audio: &mut [f32]) {
        let frame = model.frame();
        let mut rest = audio;
        while !rest.is_empty() {
            if self.position == 0 {
                self.begin_frame(model, controls, offset_turns);
            }
            let count = rest.len().min(frame - self.position).min(MAX_CHUNK);
            let (chunk, after) = rest.split_at_mut(count);
            let modulation =
                Modulated { from: &self.from, to: &self.to, first: self.position, per_sample: 1.0 / frame as f32 };
            model.effect.process(model.arch, &mut self.effect, &modulation, chunk);
            self.position += count;
            if self.position == frame {
                self.frame_phase_turns =
                    (self.frame_phase_turns + frame as f64 * self.turns_per_sample).rem_euclid(1.0);
                self.position = 0;
            }
            rest = after;
        }
    }

    /// Follows the controls and computes the modulation at the end of the frame that begins now.
    fn begin_frame(&mut self, model: &Phaser, controls: &Controls, offset_turns: f32) {
        let frame_s = model.frame() as f64 / model.info.sample_rate_hz;
        let speed = if self.fresh { 1.0 } else { (1.0 - (-frame_s / SMOOTHING_S).exp()) as f32 };
        let mut seen = [0.0; MAX_CONTROLS];
        model.normalise(controls, &mut seen);
        for (now, target) in self.controls.iter_mut().zip(seen) {
            follow(now, target, speed);
        }
        follow(&mut self.depth, controls.depth, speed);
        follow(&mut self.offset_turns, offset_turns, speed);
        // It wanders unheard too, so that its amount can be turned up at any time and both channels stay together.
        let strayed = 1.0 + f64::from(controls.drift) * self.drift.advance(frame_s);
        let rate_hz = if controls.running { f64::from(controls.rate_hz) } else { 0.0 };
        self.turns_per_sample = rate_hz * strayed / model.info.sample_rate_hz;
        // While phases come from outside (a host's tempo, a recording that is followed), they lead and no walk does.
        if model.wanders() && controls.running && controls.phase_turns.is_none() {
            if self.fresh {
                self.frame_phase_turns = self.wander.advance(rate_hz, 0.0);
            }
            let ahead = self.wander.advance(rate_hz, frame_s) - self.frame_phase_turns;
            self.turns_per_sample = ahead / model.frame() as f64;
        }

        let start = self.frame_phase_turns + f64::from(self.offset_turns);
        if self.fresh {
            self.fresh = false;
            self.modulate_from(model, start);
        } else {
            std::mem::swap(&mut self.from, &mut self.to);
        }
        self.modulate_to(model, start + model.frame() as f64 * self.turns_per_sample);
    }

    /// Modulation at the very start, into `from`.
    fn modulate_from(&mut self, model: &Phaser, phase_turns: f64) {
        let arch = model.arch;
        match (&model.modulation, &mut self.modulation) {
            (Modulation::Oscillator(_), _) => {
                self.modulate_to(model, phase_turns);
                std::mem::swap(&mut self.from, &mut self.to);
            }
            (Modulation::Recurrent(r), ModulationState::Recurrent(state)) => {
                r.start(arch, state, phase_turns, &mut self.from);
                self.centre.copy_from_slice(&self.from);
            }
            _ => {}
        }
    }

    /// Modulation at the end of a frame, into `to`.
    fn modulate_to(&mut self, model: &Phaser, phase_turns: f64) {
        let arch = model.arch;
        let seen = &self.controls[..model.info.controls.len()];
        match (&model.modulation, &mut self.modulation) {
            (Modulation::Oscillator(o), ModulationState::Oscillator(state)) => {
                if self.depth < 1.0 && self.centre_controls != Some(self.controls) {
                    self.centre.fill(Lanes::ZERO);
                    for k in 0..CENTRE_PHASES {
                        o.frame(arch, state, k as f64 / CENTRE_PHASES as f64, seen, &mut self.to);
                        blend(&mut self.centre, &self.to, 1.0 / (k + 1) as f32);
                    }
                    self.centre_controls = Some(self.controls);
                }
                o.frame(arch, state, phase_turns, seen, &mut self.to);
            }
            (Modulation::Recurrent(r), ModulationState::Recurrent(state)) => {
                r.frame(arch, state, seen, &mut self.to);
                let frame_s = model.frame() as f64 / model.info.sample_rate_hz;
                blend(&mut self.centre, &self.to, (frame_s / CENTRE_S) as f32);
            }
            _ => {}
        }
        if self.depth < 1.0 {
            blend(&mut self.to, &self.centre, 1.0 - self.depth);
        }
    }
}

/// Moves a share of the way to a target, and the whole way once it is near.
fn follow(now: &mut f32, target: f32, speed: f32) {
    *now += (target - *now) * speed;
    if (target - *now).abs() < ARRIVED {
        *now = target;
    }
}

/// `y` moves a share of the way to `x`.
fn blend(y: &mut [Lanes], x: &[Lanes], share: f32) {
    for (y, x) in y.iter_mut().zip(x) {
        for l in 0..LANES {
            y.0[l] += (x.0[l] - y.0[l]) * share;
        }
    }
}
