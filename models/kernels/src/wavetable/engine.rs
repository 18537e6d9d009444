//! A wavetable with its voices, filters, body and output guard: what plug-in and command run.
mod sound;

use super::{Knobs, MAX_CONTROLS, Wavetable};
use crate::arch::FlushDenormals;
use crate::host_rate;
pub use crate::host_rate::RateError;
use crate::voices::{Ended, Note, TimedEvent, Voices};
use sound::Sound;
use std::sync::Arc;

/// Most voices.
pub const MAX_VOICES: usize = 32;
/// Time in which the body falls by 120 dB, in seconds.
const BODY_TAIL_S: f64 = 0.18;

/// A model ready to be played at one host rate.
pub struct Engine {
    voices: Voices,
    sound: Sound,
    /// Seed of the last call; none before the first one.
    seed: Option<u64>,
}

impl Engine {
    /// Allocates everything for 1 to [`MAX_VOICES`] voices at the host's rate in Hz.
    pub fn new(model: Arc<Wavetable>, host_rate_hz: f64, max_voices: usize) -> Result<Self, RateError> {
        host_rate::check(host_rate_hz)?;
        let max_voices = max_voices.clamp(1, MAX_VOICES);
        let sound = Sound::new(model, host_rate_hz, max_voices);
        Ok(Self { voices: Voices::new(host_rate_hz, max_voices), sound, seed: None })
    }

    /// Forgets all notes and all sound; does not allocate.
    pub fn reset(&mut self) {
        self.voices.reset();
        self.sound.reset();
        self.seed = None;
    }

    /// Delay of the sound in host samples: none. A note begins on its sample; bends and knobs reach it over the next
    /// milliseconds.
    pub fn latency_samples(&self) -> u32 {
        0
    }

    /// Samples from the end of the last note until silence.
    pub fn tail_samples(&self, knobs: &Knobs) -> u32 {
        let release_s = f64::from(knobs.sane().voices.envelope.sane().release_s);
        ((release_s + BODY_TAIL_S) * self.sound.host_hz).ceil() as u32
    }

    /// Writes one or two channels, the second of which may be missing: then the first is the mean of both. Plays events in
    /// their order; any block length, real time. All channels have equal length.
    pub fn process(&mut self, knobs: &Knobs, events: &[TimedEvent], out: &mut [&mut [f32]]) {
        let _flush = FlushDenormals::new();
        let knobs = knobs.sane();
        if self.seed != Some(knobs.seed) {
            self.voices.seed(knobs.seed);
            self.seed = Some(knobs.seed);
        }
        self.sound.aim(&knobs);
        let frames = out.iter().map(|channel| channel.len()).min().unwrap_or(0);
        let Self { voices, sound, .. } = self;
        voices.process(&knobs.voices, events, frames, |segment| sound.render(&knobs, segment, out));
    }

    /// Sets how many voices may sound, as the measured load allows; those above it fade.
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

    /// Keys that sound, and whether each is held.
    pub fn notes(&self) -> impl Iterator<Item = (Note, bool)> {
        self.voices.notes()
    }

    /// Notes that ended in the last call, for hosts that modulate single voices.
    pub fn ended(&self) -> &[Ended] {
        self.voices.ended()
    }

    /// How many notes lost their voice to others or to the cap, since construction.
    pub fn stolen_notes(&self) -> u64 {
        self.voices.stolen_notes()
    }

    /// How many events were no numbers or named what does not exist, since construction.
    pub fn ignored_events(&self) -> u64 {
        self.voices.ignored_events()
    }

    /// How often a period or a sum of voices was no sound, since construction.
    pub fn guard_events(&self) -> u64 {
        self.sound.guard_events()
    }

    /// Draws the period of the note begun last into as many points as `out` has; real time.
    pub fn draw(&self, out: &mut [f32]) {
        self.sound.newest().draw(out);
    }

    /// The declared controls of the note begun last, with all that moves them, as the network sees them: -1..1.
    pub fn seen(&self) -> &[f32; MAX_CONTROLS] {
        self.sound.newest().seen()
    }

    /// The model that sounds.
    pub fn model(&self) -> &Arc<Wavetable> {
        &self.sound.model
    }

    /// The host's rate in Hz.
    pub fn host_rate_hz(&self) -> f64 {
        self.sound.host_hz
    }
}

#[cfg(test)]
mod tests;
