//! Doppel Sound Model: a recorded space of sounds, played by pitch and timbre.
pub mod editor;
pub mod panel;
pub mod params;

use crate::models::{Format, Library, Loader, Model};
use crate::player::{PanelKeys, Played, Player};
use crate::project::InstrumentParams;
use crate::scope::{Curve, Pace, Scope};
use kernels::checkpoint::{LoadError, ModelInfo, SelfTestResult};
use kernels::sound_model::engine::{Controls, Engine};
use kernels::sound_model::{MAX_VOICES, SoundModel, selftest};
use kernels::voices::{Ended, Note, TimedEvent};
use nice_plug::plugin::PluginState;
use nice_plug::prelude::*;
use params::SoundModelParams;
use std::sync::Arc;

/// Models built in, the first of which a fresh instance plays.
pub const FACTORY_MODELS: &[(&str, &[u8])] = &[
    ("Reed to sax, eco", include_bytes!("../../assets/models/sound_model/reed_sax_eco.safetensors")),
    ("Reed to sax", include_bytes!("../../assets/models/sound_model/reed_sax.safetensors")),
    ("Brass to reed", include_bytes!("../../assets/models/sound_model/brass_reed.safetensors")),
    ("Wind to crackle", include_bytes!("../../assets/models/sound_model/texture.safetensors")),
];

/// Numbers of a voice on the panel: place on both axes of the pad, 0..1, and level.
pub const DOT: usize = 3;
/// Samples of the sound that the panel shows.
pub const WAVE_SAMPLES: usize = 512;

/// What the audio thread draws for the panel.
#[derive(Default)]
pub struct Live {
    /// All voices, `[slot][x, y, level]`; level 0 is silent.
    pub dots: Curve<{ MAX_VOICES * DOT }>,
    /// The last samples of the left channel.
    pub wave: Curve<WAVE_SAMPLES>,
}

/// The plug-in as the host holds it.
pub struct SoundModelPlugin {
    params: Arc<SoundModelParams>,
    loader: Loader<SoundModel>,
    scope: Arc<Scope>,
    live: Arc<Live>,
    panel_keys: Arc<PanelKeys>,
    repaint: nice_plug_egui::RepaintNotifier,
    player: Player<SoundModel>,
    /// When the panel's pictures are drawn.
    pace: Pace,
    /// The last samples of the left channel, round and round.
    wave: [f32; WAVE_SAMPLES],
    /// Place of the oldest among them.
    next: usize,
}

impl Model for SoundModel {
    type Engine = Engine;

    const NOUN: &'static str = SoundModel::NOUN;
    const WHILE_MISSING: &'static str = "there is silence";

    fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        SoundModel::load(bytes)
    }

    fn info(&self) -> &ModelInfo {
        self.info()
    }

    fn self_test(&self, bytes: &[u8]) -> Result<Option<SelfTestResult>, LoadError> {
        Ok(selftest::self_test(bytes)?.map(|tested| tested.result))
    }

    fn engine(self: Arc<Self>, format: Format) -> Result<Engine, String> {
        Engine::new(self, format.rate_hz, MAX_VOICES).map_err(|error| error.to_string())
    }
}

impl Played for Engine {
    type Settings = Controls;

    fn process(&mut self, controls: &Controls, events: &[TimedEvent], out: &mut [&mut [f32]]) {
        self.process(controls, events, out);
    }

    fn reset(&mut self) {
        self.reset();
    }

    fn latency_samples(&self) -> u32 {
        self.latency_samples()
    }

    fn tail_samples(&self, controls: &Controls) -> u32 {
        self.tail_samples(controls)
    }

    fn set_voice_cap(&mut self, cap: usize) {
        self.set_voice_cap(cap);
    }

    fn sounding(&self) -> usize {
        self.sounding()
    }

    fn ended(&self) -> &[Ended] {
        self.ended()
    }

    fn notes(&self) -> impl Iterator<Item = Note> {
        self.readings().map(|reading| reading.note)
    }

    fn guard_events(&self) -> u64 {
        self.guard_events()
    }
}

impl Default for SoundModelPlugin {
    fn default() -> Self {
        let (params, scope) = (Arc::new(SoundModelParams::default()), Arc::<Scope>::default());
        let panel_keys = Arc::<PanelKeys>::default();
        let loader = Loader::new(Library::new(SoundModel::NOUN, FACTORY_MODELS), params.project.model.clone());
        Self {
            player: Player::new(loader.clone(), scope.clone(), panel_keys.clone()),
            params,
            loader,
            scope,
            live: Arc::default(),
            panel_keys,
            repaint: nice_plug_egui::RepaintNotifier::new(),
            pace: Pace::default(),
            wave: [0.0; WAVE_SAMPLES],
            next: 0,
        }
    }
}

impl Plugin for SoundModelPlugin {
    const NAME: &'static str = "Doppel Sound Model";
    const VENDOR: &'static str = "Doppel";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = crate::player::LAYOUTS;
    const MIDI_INPUT: MidiConfig = MidiConfig::MidiCCs;
    const SAMPLE_ACCURATE_AUTOMATION: bool = true;
    const INPUT_EVENT_CAPACITY: usize = crate::player::EVENT_CAPACITY;

    type Editor = nice_plug_egui::EguiEditor<editor::SoundModelEditor>;
    type SysExMessage = ();
    type BackgroundTask = ();

    fn params(&self) -> Arc<dyn Params> {
        self.params.clone()
    }

    fn editor(&mut self, _async_executor: AsyncExecutor<Self>) -> Option<Self::Editor> {
        let (params, loader, scope) = (self.params.clone(), self.loader.clone(), self.scope.clone());
        editor::create(params, loader, scope, self.live.clone(), self.panel_keys.clone(), self.repaint.clone())
    }

    fn filter_state(state: &mut PluginState) {
        SoundModelParams::make_sane(state);
    }

    fn activate(
        &mut self,
        layout: &AudioIOLayout,
        config: &BufferConfig,
        context: &mut impl ActivateContext<Self>,
    ) -> bool {
        context.set_current_voice_capacity(MAX_VOICES as u32);
        self.player.activate(layout, config, context)
    }

    fn reset(&mut self) {
        self.player.reset();
    }

    fn process(
        &mut self,
        buffer: &mut Buffer,
        _aux: &mut AuxiliaryBuffers,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        let Self { params, player, .. } = self;
        let (voices, free_seed) = (params.playing.voice.voices.value() as usize, player.free_seed());
        let controls = |engine: &Engine| params.controls(engine.model().info(), free_seed);
        let modulated = |engine: &Engine, id| params::modulated(engine.model().info(), id);
        let status = player.process(buffer, context, voices, controls, modulated);
        let seconds = buffer.samples() as f32 / context.transport().sample_rate;
        let engine = player.engine().filter(|_| self.pace.is_due(seconds));
        if let Some(engine) = engine {
            self.live.dots.set(&dots(engine));
        }
        let is_due = engine.is_some();
        self.remember(buffer);
        if is_due {
            self.show_wave();
        }
        self.repaint.request_repaint();
        status
    }
}

impl SoundModelPlugin {
    /// Keeps the end of a block.
    fn remember(&mut self, buffer: &mut Buffer) {
        let Some(left) = buffer.as_slice_immutable().first() else { return };
        for sample in &left[left.len().saturating_sub(WAVE_SAMPLES)..] {
            self.wave[self.next] = *sample;
            self.next = (self.next + 1) % WAVE_SAMPLES;
        }
    }

    /// Shows the panel what is kept, oldest first.
    fn show_wave(&self) {
        let mut wave = self.wave;
        wave.rotate_left(self.next);
        self.live.wave.set(&wave);
    }
}

/// Where each voice stands on the pad: by its first two timbres, or by one timbre and its pitch where there is no second.
fn dots(engine: &Engine) -> [f32; MAX_VOICES * DOT] {
    let info = engine.model().info();
    let mut dots = [0.0; MAX_VOICES * DOT];
    let [x, y] = params::axes(info);
    for reading in engine.readings() {
        let at = |place: Option<usize>| place.map_or(0.5, |place| 0.5 + 0.5 * reading.conditions[place]);
        dots[reading.slot * DOT..][..DOT].copy_from_slice(&[at(x), at(y), reading.level]);
    }
    dots
}

impl ClapPlugin for SoundModelPlugin {
    const CLAP_ID: &'static str = "audio.doppel.sound-model";
    const CLAP_DESCRIPTION: Option<&'static str> = Some("A recorded space of sounds, played by pitch and timbre");
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] =
        &[ClapFeature::Instrument, ClapFeature::Synthesizer, ClapFeature::Stereo];
    const CLAP_POLY_MODULATION_CONFIG: Option<PolyModulationConfig> =
        Some(PolyModulationConfig { max_voice_capacity: MAX_VOICES as u32, supports_overlapping_voices: true });
}

impl Vst3Plugin for SoundModelPlugin {
    const VST3_CLASS_ID: [u8; 16] = *b"DoppelSoundModel";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Instrument, Vst3SubCategory::Synth];
}
