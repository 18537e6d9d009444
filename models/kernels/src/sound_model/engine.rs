//! A sound model with its voices, rate conversion and output guard: what plug-in and command run.
//!
//! | file | what it is |
//! |---|---|
//! | `controls` | what the player sets |
//! | `roles` | which of the file's controls the notes play |
//! | `band`, `slot` | all voices at the model's rate; one voice's way to the ear |
//! | `reader` | one voice read faster or slower |
mod band;
mod controls;
mod reader;
mod roles;
mod slot;
#[cfg(test)]
mod tests;

use super::{MAX_VOICES, SoundModel};
use crate::arch::FlushDenormals;
use crate::host_rate::FromModel;
pub use crate::host_rate::RateError;
use crate::voices::{Ended, MAX_ENDED, PitchRange, TimedEvent, Voices};
use band::Band;
pub use controls::{Controls, MAX_LEVEL, MAX_TRANSPOSITION_SEMITONES, Outside, best_temperature};
use reader::REACH;
pub use slot::Reading;
use std::sync::Arc;

/// Host samples that are computed at once; a host's block may have any length.
const PIECE: usize = 256;

/// A model ready to play at one host rate. `new` allocates, `reset` forgets, `process` only computes.
///
/// An event takes effect at the model sample nearest to its host sample, whatever the cut into blocks. Conditions and pitch move
/// from sample to sample of the model.
pub struct Engine {
    model: Arc<SoundModel>,
    voices: Voices,
    band: Band,
    host_rate: FromModel,
    host_hz: f64,
    /// The piece on its way to the host, left and right, `[2][PIECE]`.
    wet: Vec<Vec<f32>>,
    /// Seed that the voices have.
    seed: Option<u64>,
    /// Notes that ended in the present block, in host samples.
    ended: Vec<Ended>,
}

impl Engine {
    /// Allocates everything for `max_voices` (1 to [`MAX_VOICES`]) at the host's rate in Hz.
    pub fn new(model: Arc<SoundModel>, host_rate_hz: f64, max_voices: usize) -> Result<Self, RateError> {
        let model_hz = model.info().sample_rate_hz;
        let max_voices = max_voices.clamp(1, MAX_VOICES);
        Ok(Self {
            voices: Voices::new(model_hz, max_voices),
            band: Band::new(&model, max_voices),
            host_rate: FromModel::new(model_hz, host_rate_hz, 2, REACH)?,
            host_hz: host_rate_hz,
            wet: vec![vec![0.0; PIECE]; 2],
            seed: None,
            ended: Vec::with_capacity(MAX_ENDED),
            model,
        })
    }

    /// Forgets all notes and sound, and counts notes from 0; does not allocate.
    pub fn reset(&mut self) {
        self.voices.reset();
        self.band.reset();
        self.host_rate.reset();
        self.ended.clear();
        self.seed = None;
    }

    /// Delay between an event and its sound, in host samples; constant for the life of the engine.
    pub fn latency_samples(&self) -> u32 {
        self.host_rate.latency_samples()
    }

    /// Host samples from the last key up until silence, latency included; pedals hold longer.
    pub fn tail_samples(&self, controls: &Controls) -> u32 {
        let release_s = f64::from(controls.playing.sane().envelope.release_s);
        // The converter's filter rings on as long as it is late.
        2 * self.latency_samples() + (release_s * self.host_hz).ceil() as u32
    }

    /// Sets how many voices may sound, 1 to `max_voices`; those above it fade. [`crate::voices::LoadCap`] tells how many.
    pub fn set_voice_cap(&mut self, cap: usize) {
        self.voices.set_voice_cap(cap);
    }

    /// Voices that may sound at once.
    pub fn voice_cap(&self) -> usize {
        self.voices.voice_cap()
    }

    /// Voices that sound, those that fade included.
    pub fn sounding(&self) -> usize {
        self.voices.sounding()
    }

    /// How many notes lost their voice to others or to the cap, since construction.
    pub fn stolen_notes(&self) -> u64 {
        self.voices.stolen_notes()
    }

    /// How many events were no numbers or named what does not exist, since construction.
    pub fn ignored_events(&self) -> u64 {
        self.voices.ignored_events()
    }

    /// How often a voice went out of all bounds and was started again, since construction.
    pub fn guard_events(&self) -> u64 {
        self.band.guard_events()
    }

    /// What each voice plays, for the panel.
    pub fn readings(&self) -> impl Iterator<Item = Reading> {
        self.band.readings()
    }

    /// Notes that ended in the last call, at most [`MAX_ENDED`]: what hosts that modulate single voices want to know.
    pub fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// The pitches that the model knows.
    pub fn pitch_range(&self) -> PitchRange {
        self.band.roles().range(Outside::Transpose)
    }

    /// The model that sounds.
    pub fn model(&self) -> &Arc<SoundModel> {
        &self.model
    }

    /// The host's rate in Hz.
    pub fn host_rate_hz(&self) -> f64 {
        self.host_hz
    }

    /// Plays events, in their order, and fills one channel or two; any block length, real time. All channels have equal length;
    /// further ones are silent.
    pub fn process(&mut self, controls: &Controls, events: &[TimedEvent], out: &mut [&mut [f32]]) {
        let _flush = FlushDenormals::new();
        let mut controls = controls.sane(self.model.info());
        controls.playing.range = self.band.roles().range(controls.outside);
        self.aim(&controls);
        let len = out.iter().map(|out| out.len()).min().unwrap_or(0);
        let place = |event: &TimedEvent| len.min(event.offset_samples as usize);
        let (mut at, mut rest) = (0, events);
        while let Some(event) = rest.first() {
            at = self.play(&controls, out, at, place(event));
            let now = rest.iter().take_while(|event| place(event) <= at).count();
            self.voices.process(&controls.playing, &rest[..now], 0, |_| {});
            remember(&mut self.ended, &self.voices, |_| at);
            rest = &rest[now..];
        }
        self.play(&controls, out, at, len);
        self.ended
            .iter_mut()
            .for_each(|ended| ended.offset_samples = ended.offset_samples.min(len.saturating_sub(1) as u32));
    }

    /// Takes the player's controls.
    fn aim(&mut self, controls: &Controls) {
        self.ended.clear();
        self.band.aim(&self.model, controls);
        if self.seed != Some(controls.seed) {
            self.seed = Some(controls.seed);
            self.voices.seed(controls.seed);
        }
    }

    /// Sounds from one place of the block to another; returns where it then is.
    fn play(&mut self, controls: &Controls, out: &mut [&mut [f32]], from: usize, to: usize) -> usize {
        let host_per_model = self.host_hz / self.model.info().sample_rate_hz;
        let mut at = from;
        while at < to {
            let count = PIECE.min(to - at);
            let Self { model, voices, band, ended, .. } = self;
            let mut played = 0;
            self.host_rate.process(&mut self.wet, count, |audio, samples| {
                voices.process(&controls.playing, &[], samples.len(), |segment| {
                    band.play(model, controls, segment, audio, samples.start + segment.first);
                });
                remember(ended, voices, |sample| at + ((played + sample) as f64 * host_per_model) as usize);
                played += samples.len() as u32;
            });
            self.give(out, at, count);
            at += count;
        }
        at.max(from)
    }

    /// A piece into the host's channels.
    fn give(&self, out: &mut [&mut [f32]], at: usize, count: usize) {
        let (left, right) = (&self.wet[0][..count], &self.wet[1][..count]);
        match out {
            [mono] => {
                let sides = left.iter().zip(right);
                mono[at..at + count].iter_mut().zip(sides).for_each(|(y, (l, r))| *y = 0.5 * (l + r));
            }
            [first, second, others @ ..] => {
                first[at..at + count].copy_from_slice(left);
                second[at..at + count].copy_from_slice(right);
                others.iter_mut().for_each(|other| other[at..at + count].fill(0.0));
            }
            [] => {}
        }
    }
}

/// Keeps the notes that ended in the voices' last call, at the host samples that their samples of the model are.
fn remember(ended: &mut Vec<Ended>, voices: &Voices, host_sample: impl Fn(u32) -> usize) {
    for note in voices.ended().iter().take(MAX_ENDED - ended.len()) {
        ended.push(Ended { note: note.note, offset_samples: host_sample(note.offset_samples) as u32 });
    }
}
