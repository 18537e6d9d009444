//! `doppel render wavetable`: notes on a wavetable.
use crate::models::ModelFile;
use crate::settings::within;
use crate::song_render::{self, Args, Instrument, VOICE_IDS, gain, set_voices};
use anyhow::{Result, bail};
use kernels::checkpoint::ModelInfo;
use kernels::voices::TimedEvent;
use kernels::wavetable::engine::{Engine, MAX_VOICES};
use kernels::wavetable::knobs::{CUTOFF_HZ, Knobs, Route};
use kernels::wavetable::{Unison, Wavetable};
use std::sync::Arc;

/// Ids beside those that all instruments share.
const OWN_IDS: &str = "unison detune spread sub retrigger cutoff resonance keytrack filter_env f_attack f_decay f_sustain f_release body \
                       vel_to vel_amt press_to press_amt slide_to slide_amt wheel_to wheel_amt";
/// Ids of what velocity, pressure, slide and wheel move (0 nothing, 1 to 4 a control, 5 the cutoff), and how far.
const EXPRESSIONS: [(&str, &str); 4] =
    [("vel_to", "vel_amt"), ("press_to", "press_amt"), ("slide_to", "slide_amt"), ("wheel_to", "wheel_amt")];
/// The same of a fresh plug-in.
const EXPRESSED: [(usize, f32); 4] = [(0, 0.0), (2, 0.5), (3, 0.5), (1, 0.5)];
/// Number of the cutoff among the targets, and octaves that it moves by at 1.
const CUTOFF: (usize, f32) = (5, 5.0);
/// Copies of a fresh plug-in, once there is more than one: their detune in cents, and how far they stand apart.
const UNISON: Unison = Unison { copies: 1, detune_cents: 12.0, spread: 0.5, phase_spread: 1.0 };

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let model = Arc::new(ModelFile::open(Wavetable::NOUN, args.model.as_deref())?.wavetable()?);
    song_render::run(args, &mut Player::new(model, args.rate, args.seed)?)
}

/// An engine and its settings.
pub struct Player {
    engine: Engine,
    /// Gain of everything that stands for 0 dB, linear.
    level: f32,
    /// What each expression moves, and how far.
    expressed: [(usize, f32); 4],
    /// What is set.
    pub knobs: Knobs,
}

impl Player {
    /// What a fresh plug-in would play, at a rate in Hz.
    pub fn new(model: Arc<Wavetable>, rate_hz: f64, seed: u64) -> Result<Self> {
        let defaults = Knobs::new(model.info());
        let mut knobs = Knobs { unison: UNISON, seed, ..defaults };
        knobs.filter.envelope.sustain = 0.0;
        let engine = Engine::new(model, rate_hz, MAX_VOICES)?;
        let mut player = Self { engine, level: defaults.level, expressed: EXPRESSED, knobs };
        player.express();
        Ok(player)
    }

    /// Lays what the expressions move into the knobs.
    fn express(&mut self) {
        let route = |target: usize, full: f32| {
            let by = self.expressed.map(|(to, amount)| if to == target { full * amount } else { 0.0 });
            let [velocity, pressure, slide, wheel] = by;
            Route { velocity, pressure, slide, wheel }
        };
        let controls = self.engine.model().info().controls.iter().enumerate();
        for (slot, (place, _)) in controls.filter(|(_, control)| control.id != "pitch").take(4).enumerate() {
            self.knobs.routes[place] = route(slot + 1, 1.0);
        }
        self.knobs.filter.route = route(CUTOFF.0, CUTOFF.1);
    }

    fn set(&mut self, info: &ModelInfo, id: &str, value: f32) -> Result<()> {
        let within = |low, high| within(id, value, low, high);
        let seconds = |most_s: f32| within(0.0, 1e3 * most_s).map(|ms| 1e-3 * ms);
        let knobs = &mut self.knobs;
        if set_voices(&mut knobs.voices, id, value)? {
            return Ok(());
        }
        if let Some(n) = EXPRESSIONS.iter().position(|(to, amount)| id == *to || id == *amount) {
            if id == EXPRESSIONS[n].0 {
                self.expressed[n].0 = within(0.0, CUTOFF.0 as f32)?.round() as usize;
            } else {
                self.expressed[n].1 = within(-1.0, 1.0)?;
            }
            self.express();
            return Ok(());
        }
        match id {
            "unison" => knobs.unison.copies = within(1.0, 8.0)?.round() as usize,
            "detune" => knobs.unison.detune_cents = within(0.0, 100.0)?,
            "spread" => knobs.unison.spread = within(0.0, 1.0)?,
            "sub" => knobs.sub = within(0.0, 1.0)?,
            "retrigger" => knobs.retrigger = within(0.0, 1.0)? >= 0.5,
            "cutoff" => knobs.filter.cutoff_hz = within(CUTOFF_HZ[0], CUTOFF_HZ[1])?,
            "resonance" => knobs.filter.resonance = within(0.0, 1.0)?,
            "keytrack" => knobs.filter.keytrack = within(0.0, 1.0)?,
            "filter_env" => knobs.filter.envelope_octaves = within(-8.0, 8.0)?,
            "f_attack" => knobs.filter.envelope.attack_s = seconds(10.0)?,
            "f_decay" => knobs.filter.envelope.decay_s = seconds(10.0)?,
            "f_sustain" => knobs.filter.envelope.sustain = within(0.0, 1.0)?,
            "f_release" => knobs.filter.envelope.release_s = seconds(20.0)?,
            "body" => knobs.body = within(0.0, 1.0)?,
            "output" => knobs.level = self.level * gain(id, value)?,
            "seed" => knobs.seed = within(0.0, 1e6)? as u64,
            _ => {
                let Some((place, control)) = info.control(id) else {
                    let own: Vec<&str> = info.controls.iter().map(|control| control.id.as_str()).collect();
                    let own = own.join(" ");
                    bail!("`{id}` is no parameter of this model; expected one of {OWN_IDS} {VOICE_IDS} {own}");
                };
                knobs.values[place] = within(control.min, control.max)?;
            }
        }
        Ok(())
    }
}

impl Instrument for Player {
    fn set(&mut self, id: &str, value: f32) -> Result<()> {
        let model = self.engine.model().clone();
        self.set(model.info(), id, value)
    }

    fn process(&mut self, events: &[TimedEvent], out: &mut [&mut [f32]]) {
        self.engine.process(&self.knobs, events, out);
    }

    fn latency_samples(&self) -> u32 {
        self.engine.latency_samples()
    }

    fn tail_samples(&self) -> u32 {
        self.engine.tail_samples(&self.knobs)
    }

    fn guard_events(&self) -> u64 {
        self.engine.guard_events()
    }
}
