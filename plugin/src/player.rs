//! An instrument that is played: the host's notes into its engine, changes of model, voices by measured load.
use crate::models::{Format, Loader, Model};
use crate::notes;
use crate::scope::{Notes, Scope, peak};
use crate::swap::Swap;
use crate::ui::keyboard::KeyPress;
use crossbeam::queue::ArrayQueue;
use kernels::voices::{Ended, LoadCap, Note, NoteEvent, TimedEvent};
use nice_plug::prelude::*;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Events that are played at a time; a flood is played in several goes.
const MAX_EVENTS: usize = 1024;

/// Keys that the panel's keyboard presses, on their way to the audio thread.
pub struct PanelKeys(ArrayQueue<KeyPress>);

impl Default for PanelKeys {
    fn default() -> Self {
        Self(ArrayQueue::new(64))
    }
}

impl PanelKeys {
    /// Panel: presses a key, or lets it go. More than the queue holds are forgotten, the oldest first.
    pub fn press(&self, press: KeyPress) {
        self.0.force_push(press);
    }

    /// Audio: what was done since the last call, as events on the first channel.
    fn take(&self) -> impl Iterator<Item = TimedEvent> {
        std::iter::from_fn(|| self.0.pop()).take(self.0.capacity()).map(|KeyPress { key, velocity }| {
            let note = Note { channel: 0, key, voice_id: None };
            let event = match velocity {
                Some(velocity) => NoteEvent::On { note, velocity },
                None => NoteEvent::Off { address: note.into() },
            };
            TimedEvent { offset_samples: 0, event }
        })
    }
}

/// Events of one block that the framework holds without taking memory: more than any player or clip sends.
pub const EVENT_CAPACITY: usize = 16_384;

/// An engine that notes play.
pub trait Played {
    /// What the player sets.
    type Settings;

    /// Plays events for as many samples as the channels have.
    fn process(&mut self, settings: &Self::Settings, events: &[TimedEvent], out: &mut [&mut [f32]]);
    /// Forgets all notes and all sound.
    fn reset(&mut self);
    /// Delay in host samples.
    fn latency_samples(&self) -> u32;
    /// Samples from the end of the last note until silence.
    fn tail_samples(&self, settings: &Self::Settings) -> u32;
    /// Sets how many voices may sound.
    fn set_voice_cap(&mut self, cap: usize);
    /// Voices that sound.
    fn sounding(&self) -> usize;
    /// Notes that ended in the last call.
    fn ended(&self) -> &[Ended];
    /// Notes that sound.
    fn notes(&self) -> impl Iterator<Item = Note>;
    /// How often the guard had to act.
    fn guard_events(&self) -> u64;
}

/// The audio side of one instance.
pub struct Player<M: Model> {
    loader: Loader<M>,
    scope: Arc<Scope>,
    panel_keys: Arc<PanelKeys>,
    /// None before the first activation.
    engine: Option<Box<M::Engine>>,
    /// Silent, too, while the project's model is missing.
    swap: Swap,
    /// How many voices this computer can play, of those that the player allows.
    cap: LoadCap,
    /// Those that the player allows.
    most_voices: usize,
    /// Does the host wait for the sound? A bounce has all the time it needs, and must sound the same everywhere.
    is_live: bool,
    /// Events of the present go.
    events: Vec<TimedEvent>,
    /// Seed of an instance whose seed is free.
    free_seed: u64,
    sample_rate_hz: f32,
}

impl<M: Model<Engine: Played>> Player<M> {
    /// Before the first activation.
    pub fn new(loader: Loader<M>, scope: Arc<Scope>, panel_keys: Arc<PanelKeys>) -> Self {
        Self {
            loader,
            scope,
            panel_keys,
            engine: None,
            swap: Swap::new(0.0, false),
            cap: LoadCap::new(1),
            most_voices: 0,
            is_live: true,
            events: Vec::with_capacity(MAX_EVENTS),
            free_seed: 1,
            sample_rate_hz: 0.0,
        }
    }

    /// Builds the engine for a host's format; false, and a word in the log, if there is none.
    pub fn activate<P: Plugin>(
        &mut self,
        layout: &AudioIOLayout,
        config: &BufferConfig,
        context: &mut impl ActivateContext<P>,
    ) -> bool {
        let channels = layout.main_output_channels.map_or(2, NonZeroU32::get);
        let format = Format { rate_hz: f64::from(config.sample_rate), channels: channels as usize };
        let engine = match self.loader.activate(format) {
            Ok(engine) => engine,
            Err(error) => {
                nice_error!("{}: {error}", P::NAME);
                return false;
            }
        };
        context.set_latency_samples(engine.latency_samples());
        self.scope.activated(config.sample_rate, channels, engine.latency_samples());
        self.swap = Swap::new(config.sample_rate, self.loader.is_missing());
        self.is_live = config.process_mode == ProcessMode::Realtime;
        self.sample_rate_hz = config.sample_rate;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.free_seed = now.as_nanos() as u64 | 1;
        self.engine = Some(engine);
        true
    }

    /// Seed of an instance whose seed is free: another one after each activation.
    pub fn free_seed(&self) -> u64 {
        self.free_seed
    }

    /// Forgets all notes and all sound.
    pub fn reset(&mut self) {
        if let Some(engine) = &mut self.engine {
            engine.reset();
        }
        self.swap.reset(self.loader.is_missing());
    }

    /// The engine that plays.
    pub fn engine(&self) -> Option<&M::Engine> {
        self.engine.as_deref()
    }

    /// Plays one block of the host's with at most so many voices. `settings` are those for an engine; `parameter` says which of
    /// the kernel's parameters a poly modulation id moves.
    pub fn process<P: Plugin>(
        &mut self,
        buffer: &mut Buffer,
        context: &mut impl ProcessContext<P>,
        most_voices: usize,
        settings: impl Fn(&M::Engine) -> <M::Engine as Played>::Settings,
        parameter: impl Fn(&M::Engine, u32) -> Option<u32>,
    ) -> ProcessStatus {
        let Some(engine) = &mut self.engine else { return ProcessStatus::Normal };
        let start = Instant::now();
        let samples = buffer.samples();
        if self.swap.is_due(self.loader.handoff()) {
            // The notes of an engine that goes are over, for hosts that modulate single ones.
            for note in engine.notes() {
                context.try_send_event(notes::ended(&note, 0)).ok();
            }
        }
        if self.swap.begin(self.loader.handoff(), engine, self.loader.is_missing()) {
            self.most_voices = 0;
        }
        if self.most_voices != most_voices {
            self.most_voices = most_voices;
            self.cap = LoadCap::new(most_voices);
            engine.set_voice_cap(most_voices);
        }

        let settings = settings(engine);
        let api = context.plugin_api();
        let mut done = 0;
        self.events.clear();
        self.events.extend(self.panel_keys.take());
        loop {
            while self.events.len() < MAX_EVENTS
                && let Some(event) = context.next_event()
            {
                self.events.extend(notes::read(&event, api, |id| parameter(engine, id)));
            }
            // A full list may have more behind it: what it holds is played up to its last event.
            let is_full = self.events.len() == MAX_EVENTS;
            let last = self.events.last().map_or(samples, |event| event.offset_samples as usize);
            let end = if is_full { last.clamp(done, samples) } else { samples };
            for event in &mut self.events {
                event.offset_samples = event.offset_samples.saturating_sub(done as u32);
            }
            match buffer.as_slice() {
                [mono] => engine.process(&settings, &self.events, &mut [&mut mono[done..end]]),
                [left, right, ..] => {
                    engine.process(&settings, &self.events, &mut [&mut left[done..end], &mut right[done..end]]);
                }
                [] => {}
            }
            for ended in engine.ended() {
                // A host whose queue is full does without.
                context.try_send_event(notes::ended(&ended.note, done as u32 + ended.offset_samples)).ok();
            }
            done = end;
            if !is_full {
                break;
            }
            self.events.clear();
        }
        self.swap.end(buffer);

        let (block_s, taken_s) = (samples as f64 / f64::from(self.sample_rate_hz), start.elapsed().as_secs_f64());
        let sounding = engine.sounding();
        let mut cap = most_voices;
        if self.is_live {
            cap = self.cap.measure(taken_s, block_s, sounding);
            engine.set_voice_cap(cap);
        }
        let load = if samples == 0 { 0.0 } else { taken_s / block_s };
        self.scope.block(block_s as f32, [0.0, peak(buffer)], [0.0; 2], load as f32, engine.guard_events());
        self.scope.notes(Notes {
            voices: sounding as u32,
            cap: cap as u32,
            is_capped: cap < most_voices,
            keys: engine.notes().fold(0, |keys, note| keys | 1 << (note.key & 127)),
        });
        ProcessStatus::Tail(engine.tail_samples(&settings))
    }
}

/// Channels of every instrument: stereo, or mono where a host wants it.
pub const LAYOUTS: &[AudioIOLayout] = &[
    AudioIOLayout { main_output_channels: NonZeroU32::new(2), ..AudioIOLayout::const_default() },
    AudioIOLayout { main_output_channels: NonZeroU32::new(1), ..AudioIOLayout::const_default() },
];
