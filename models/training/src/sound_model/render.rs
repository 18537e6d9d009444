//! `doppel render sound_model`: notes on a sound model.
use crate::models::ModelFile;
use crate::settings::within;
use crate::song_render::{self, Args, Instrument, VOICE_IDS, gain, set_voices};
use anyhow::{Result, bail};
use kernels::checkpoint::ModelInfo;
use kernels::sound_model::engine::{Controls, Engine, Outside, best_temperature};
use kernels::sound_model::{MAX_TEMPERATURE, MAX_VOICES, SoundModel};
use kernels::voices::TimedEvent;
use std::sync::Arc;

/// Ids beside those that all instruments share.
const OWN_IDS: &str = "temp top_k outside vel_tim slide_tim press_tim vibrato";

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let model = Arc::new(ModelFile::open(SoundModel::NOUN, args.model.as_deref())?.sound_model()?);
    song_render::run(args, &mut Player::new(model, args.rate, args.seed)?)
}

/// An engine and its settings.
pub struct Player {
    engine: Engine,
    /// What is set.
    pub controls: Controls,
}

impl Player {
    /// What a fresh plug-in would play, at a rate in Hz.
    pub fn new(model: Arc<SoundModel>, rate_hz: f64, seed: u64) -> Result<Self> {
        let controls = Controls { temperature: best_temperature(model.info()), seed, ..Controls::new(model.info()) };
        Ok(Self { engine: Engine::new(model, rate_hz, MAX_VOICES)?, controls })
    }
}

impl Instrument for Player {
    fn set(&mut self, id: &str, value: f32) -> Result<()> {
        set(&mut self.controls, self.engine.model().info(), id, value)
    }

    fn process(&mut self, events: &[TimedEvent], out: &mut [&mut [f32]]) {
        self.engine.process(&self.controls, events, out);
    }

    fn latency_samples(&self) -> u32 {
        self.engine.latency_samples()
    }

    fn tail_samples(&self) -> u32 {
        self.engine.tail_samples(&self.controls)
    }

    fn guard_events(&self) -> u64 {
        self.engine.guard_events()
    }
}

/// Sets a parameter by the plug-in's id, or a control of the model by its own, in its unit.
pub fn set(controls: &mut Controls, info: &ModelInfo, id: &str, value: f32) -> Result<()> {
    let within = |low, high| within(id, value, low, high);
    if set_voices(&mut controls.playing, id, value)? {
        return Ok(());
    }
    match id {
        "temp" => controls.temperature = within(0.0, MAX_TEMPERATURE)?,
        "top_k" => controls.top_k = within(1.0, 256.0)?.round() as usize,
        "outside" => {
            let choices = [Outside::Transpose, Outside::Fold, Outside::Clamp];
            controls.outside = choices[within(0.0, 2.0)?.round() as usize];
        }
        "vel_tim" => controls.playing.velocity_to_timbre = within(-1.0, 1.0)?,
        "slide_tim" => controls.slide_to_timbre = within(-1.0, 1.0)?,
        "press_tim" => controls.pressure_to_timbre = within(-1.0, 1.0)?,
        "vibrato" => controls.vibrato_semitones = within(0.0, 12.0)?,
        "output" => controls.level = gain(id, value)?,
        "seed" => controls.seed = within(0.0, 1e6)? as u64,
        _ => {
            let Some((place, control)) = info.control(id) else {
                let own: Vec<&str> = info.controls.iter().map(|control| control.id.as_str()).collect();
                bail!("`{id}` is no parameter of this model; expected one of {OWN_IDS} {VOICE_IDS} {}", own.join(" "));
            };
            controls.values[place] = within(control.min, control.max)?;
        }
    }
    Ok(())
}
