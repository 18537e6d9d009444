//! All voices of one player: started and stopped by themselves, stepped together.
use super::config::MAX_CONDITIONS;
use super::full::FullState;
use super::mu_law::{self, SILENCE};
use super::quantised::QuantisedState;
use super::sampling::{self, Freedom, PANELS, Scratch, Stream};
use super::{Controls, Network, SoundModel};
use crate::arch::{LANES, Lanes, flat};

/// Most voices that can sound at once.
pub const MAX_VOICES: usize = 16;

/// Memory of the network.
#[derive(Clone, Debug)]
enum Memory {
    Full(FullState),
    Quantised(QuantisedState),
}

/// What one voice remembers beside the network's memory.
#[derive(Clone, Copy, Debug)]
struct Voice {
    /// Level of the last sample.
    class: u8,
    /// Phase of the clock at the next sample, in turns.
    phase_turns: f64,
    stream: Stream,
}

/// What the network hears of the player, for all voices; a voice that has no controls hears the middle of all.
struct Heard {
    /// Conditions, then room for sine and cosine of the clock.
    beside_audio: [[f32; MAX_CONDITIONS + 2]; MAX_VOICES],
    turns_per_sample: [f64; MAX_VOICES],
    freedom: [Freedom; MAX_VOICES],
}

impl Heard {
    fn new(model: &SoundModel, voices: &[u8], controls: &[Controls]) -> Self {
        let mut heard = Self {
            beside_audio: [[0.0; MAX_CONDITIONS + 2]; MAX_VOICES],
            turns_per_sample: [0.0; MAX_VOICES],
            freedom: [Freedom::TRAINED; MAX_VOICES],
        };
        for voice in voices.iter().map(|voice| usize::from(*voice)) {
            let Some(controls) = controls.get(voice) else { continue };
            heard.beside_audio[voice][..MAX_CONDITIONS].copy_from_slice(&controls.sane_conditions());
            heard.turns_per_sample[voice] = controls.turns_per_sample(model.info.sample_rate_hz);
            heard.freedom[voice] = controls.freedom();
        }
        heard
    }
}

/// The voices' memory. `new` allocates, `reset` forgets, `render` only computes.
#[derive(Clone, Debug)]
pub struct SoundModelState {
    memory: Memory,
    voices: Vec<Voice>,
    /// Voices that sound, the lowest first.
    sounding: Vec<u8>,
    /// What the input layer gives, `[voice][its panels]`.
    input: Vec<Lanes>,
    /// Of the next sample, `[voice][16]`.
    logits: Vec<Lanes>,
    /// One voice's memory at rest or primed, `[layer][hidden]`.
    rest: Vec<f32>,
    scratch: Scratch,
}

impl SoundModelState {
    /// Allocates so many silent voices, at most [`MAX_VOICES`].
    pub fn new(model: &SoundModel, voices: usize) -> Self {
        let voices = voices.min(MAX_VOICES);
        Self {
            memory: match &model.network {
                Network::Full(full) => Memory::Full(full.state(voices)),
                Network::Quantised(quantised) => Memory::Quantised(quantised.state(voices)),
            },
            voices: vec![Voice { class: SILENCE, phase_turns: 0.0, stream: Stream::default() }; voices],
            sounding: Vec::with_capacity(voices),
            input: vec![Lanes::ZERO; voices * model.input.panels()],
            logits: vec![Lanes::ZERO; voices * PANELS],
            rest: vec![0.0; model.config.layers * model.config.hidden],
            scratch: Scratch::default(),
        }
    }

    /// Silences every voice; does not allocate.
    pub fn reset(&mut self) {
        self.sounding.clear();
    }

    /// Starts a voice, or starts it again: from the primed state nearest to its conditions, or from rest if the model has none.
    /// What it will draw depends on seed and note alone. Real time.
    pub fn start(&mut self, model: &SoundModel, voice: usize, controls: &Controls, seed: u64, note: u64) {
        let Some(slot) = self.voices.get_mut(voice) else { return };
        let conditions = controls.sane_conditions();
        let primed = model.bank.nearest(&model.config, &conditions[..model.config.conditions]);
        *slot = Voice {
            class: primed.map_or(SILENCE, |p| mu_law::from_companded(p.companded)),
            phase_turns: primed.map_or(0.0, |p| f64::from(p.phase_turns)),
            stream: Stream::new(seed, note),
        };
        let h = primed.map_or(&self.rest[..], |p| p.h);
        match (&model.network, &mut self.memory) {
            (Network::Full(full), Memory::Full(state)) => full.set(state, voice, h),
            (Network::Quantised(quantised), Memory::Quantised(state)) => quantised.set(state, voice, h),
            _ => {}
        }
        if let Err(place) = self.sounding.binary_search(&(voice as u8)) {
            self.sounding.insert(place, voice as u8);
        }
    }

    /// Silences a voice. Real time.
    pub fn stop(&mut self, voice: usize) {
        self.sounding.retain(|sounding| usize::from(*sounding) != voice);
    }

    /// Voices that sound, the lowest first.
    pub fn sounding(&self) -> &[u8] {
        &self.sounding
    }

    /// Replaces the last sample that a voice remembers: to hold it to a recording, or to prime it.
    pub fn hear(&mut self, voice: usize, class: u8) {
        if let Some(voice) = self.voices.get_mut(voice) {
            voice.class = class;
        }
    }

    /// Level of the last sample of a voice.
    pub fn class(&self, voice: usize) -> u8 {
        self.voices[voice].class
    }

    /// What the network thought of each level at the last sample of a voice, `[256]`.
    pub fn logits(&self, voice: usize) -> &[f32] {
        flat(&self.logits[voice * PANELS..][..PANELS])
    }

    /// Did the network lose all bounds at the last sample of a voice? It must be started again.
    pub fn is_broken(&self, voice: usize) -> bool {
        // A sum is not finite if one of its terms is not.
        !self.logits(voice).iter().map(|logit| logit * 0.0).sum::<f32>().is_finite()
    }

    /// How a voice stands, as a row of `bank.states`: to make primed states of. Allocates: not for the audio thread.
    pub fn snapshot(&self, model: &SoundModel, voice: usize) -> Vec<f32> {
        let mut row = match (&model.network, &self.memory) {
            (Network::Full(full), Memory::Full(state)) => full.memory(state, voice),
            (Network::Quantised(quantised), Memory::Quantised(state)) => quantised.memory(state, voice),
            _ => Vec::new(),
        };
        // Rounding may leave an output a bit beyond 1, which a file must not hold.
        row.iter_mut().for_each(|h| *h = h.clamp(-1.0, 1.0));
        row.push(mu_law::companded(self.voices[voice].class));
        row.extend(model.config.clock.then_some(self.voices[voice].phase_turns as f32));
        row
    }

    /// Plays samples at the model's rate into `audio` `[voice][samples]`, whatever their number; voices that do not sound are
    /// silent. The controls `[voice]` hold for all of them: a sub-block of 16 samples gives the thousand values a second that
    /// the authors played with. Real time.
    pub fn render(&mut self, model: &SoundModel, controls: &[Controls], audio: &mut [f32]) {
        let samples = audio.len() / self.voices.len().max(1);
        audio.fill(0.0);
        let sounding = std::mem::take(&mut self.sounding);
        let mut heard = Heard::new(model, &sounding, controls);
        let mut drawn = [0.0; MAX_VOICES];
        for t in 0..samples {
            self.advance(model, &sounding, &mut heard, &mut drawn);
            for voice in sounding.iter().map(|voice| usize::from(*voice)) {
                audio[voice * samples + t] = drawn[voice];
            }
        }
        self.sounding = sounding;
    }

    /// The next sample of the voices named, from the lowest up, into their places of `drawn`: for players whose voices do not
    /// all run at the model's rate. Real time.
    pub fn step(&mut self, model: &SoundModel, voices: &[u8], controls: &[Controls], drawn: &mut [f32; MAX_VOICES]) {
        let mut heard = Heard::new(model, voices, controls);
        self.advance(model, voices, &mut heard, drawn);
    }

    fn advance(&mut self, model: &SoundModel, voices: &[u8], heard: &mut Heard, drawn: &mut [f32; MAX_VOICES]) {
        self.enter(model, voices, heard);
        self.predict(model, voices);
        for voice in voices.iter().map(|voice| usize::from(*voice)) {
            let logits = &self.logits[voice * PANELS..][..PANELS];
            let Voice { class, stream, .. } = &mut self.voices[voice];
            *class = sampling::choose(model.arch, logits, heard.freedom[voice], stream.draw(), &mut self.scratch);
            drawn[voice] = model.levels[usize::from(*class)];
        }
    }

    /// Last samples, conditions and clocks through the input layer. The clock stands at the sample that is about to be drawn.
    fn enter(&mut self, model: &SoundModel, voices: &[u8], heard: &mut Heard) {
        let panels = model.input.panels();
        let conditions = model.config.conditions;
        for voice in voices.iter().map(|voice| usize::from(*voice)) {
            let Voice { class, phase_turns, .. } = &mut self.voices[voice];
            let beside = &mut heard.beside_audio[voice];
            if model.config.clock {
                let (sine, cosine) = (*phase_turns as f32 * std::f32::consts::TAU).sin_cos();
                beside[conditions..conditions + 2].copy_from_slice(&[sine, cosine]);
                *phase_turns = (*phase_turns + heard.turns_per_sample[voice]).fract();
            }
            let beside = &beside[..model.config.beside_audio()];
            model.input.apply(model.arch, *class, beside, &mut self.input[voice * panels..][..panels]);
        }
    }

    /// The network, from its input to logits.
    fn predict(&mut self, model: &SoundModel, voices: &[u8]) {
        match (&model.network, &mut self.memory) {
            (Network::Full(full), Memory::Full(state)) => {
                let panels = model.input.panels();
                for voice in voices.iter().map(|voice| usize::from(*voice)) {
                    let input = &self.input[voice * panels..][..panels];
                    full.step(model.arch, state, voice, input, &mut self.logits[voice * PANELS..][..PANELS]);
                }
            }
            (Network::Quantised(quantised), Memory::Quantised(state)) => {
                let (input, logits) = (&self.input, &mut self.logits);
                quantised.step(model.arch, model.integer, state, voices, input, logits);
            }
            _ => {}
        }
    }
}

const _: () = assert!(PANELS * LANES == mu_law::CLASSES);
