//! Doppel Wavetable: periods that a network draws, as an instrument.
pub mod editor;
pub mod encode;
pub mod panel;
pub mod params;

use crate::models::{Format, Library, Loader, Model};
use crate::player::{PanelKeys, Played, Player};
use crate::project::InstrumentParams;
use crate::scope::{Curve, Pace, Scope};
use kernels::checkpoint::{LoadError, ModelInfo, SelfTestResult};
use kernels::voices::{Ended, Note, TimedEvent};
use kernels::wavetable::engine::{Engine, MAX_VOICES};
use kernels::wavetable::{Knobs, MAX_CONTROLS, Wavetable};
use nice_plug::plugin::PluginState;
use nice_plug::prelude::*;
use params::WavetableParams;
use std::sync::Arc;

/// Models built in, the first of which a fresh instance plays.
pub const FACTORY_MODELS: &[(&str, &[u8])] = &[
    ("Bowed string", include_bytes!("../../assets/models/wavetable/bowed_string.safetensors")),
    ("Formant voice", include_bytes!("../../assets/models/wavetable/formant_voice.safetensors")),
    ("Reed", include_bytes!("../../assets/models/wavetable/reed.safetensors")),
    ("FM bell", include_bytes!("../../assets/models/wavetable/fm_bell.safetensors")),
];

/// Points of the period that the panel shows live.
pub const DRAWN_POINTS: usize = 256;

/// What the audio thread draws for the panel.
#[derive(Default)]
pub struct Live {
    /// The period of the note begun last.
    pub period: Curve<DRAWN_POINTS>,
    /// The declared controls as that note has them, -1..1.
    pub seen: Curve<MAX_CONTROLS>,
}

/// The plug-in as the host holds it.
pub struct WavetablePlugin {
    params: Arc<WavetableParams>,
    loader: Loader<Wavetable>,
    scope: Arc<Scope>,
    live: Arc<Live>,
    panel_keys: Arc<PanelKeys>,
    repaint: nice_plug_egui::RepaintNotifier,
    player: Player<Wavetable>,
    /// When the panel's pictures are drawn.
    pace: Pace,
}

impl Model for Wavetable {
    type Engine = Engine;

    const NOUN: &'static str = Wavetable::NOUN;
    const WHILE_MISSING: &'static str = "there is silence";

    fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        Wavetable::load(bytes)
    }

    fn info(&self) -> &ModelInfo {
        self.info()
    }

    fn self_test(&self, bytes: &[u8]) -> Result<Option<SelfTestResult>, LoadError> {
        self.self_test(bytes)
    }

    fn engine(self: Arc<Self>, format: Format) -> Result<Engine, String> {
        Engine::new(self, format.rate_hz, MAX_VOICES).map_err(|error| error.to_string())
    }
}

impl Played for Engine {
    type Settings = Knobs;

    fn process(&mut self, knobs: &Knobs, events: &[TimedEvent], out: &mut [&mut [f32]]) {
        self.process(knobs, events, out);
    }

    fn reset(&mut self) {
        self.reset();
    }

    fn latency_samples(&self) -> u32 {
        self.latency_samples()
    }

    fn tail_samples(&self, knobs: &Knobs) -> u32 {
        self.tail_samples(knobs)
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
        self.notes().map(|(note, _)| note)
    }

    fn guard_events(&self) -> u64 {
        self.guard_events()
    }
}

impl Default for WavetablePlugin {
    fn default() -> Self {
        let (params, scope) = (Arc::new(WavetableParams::default()), Arc::<Scope>::default());
        let panel_keys = Arc::<PanelKeys>::default();
        let loader = Loader::new(Library::new(Wavetable::NOUN, FACTORY_MODELS), params.project.model.clone());
        Self {
            player: Player::new(loader.clone(), scope.clone(), panel_keys.clone()),
            params,
            loader,
            scope,
            live: Arc::default(),
            panel_keys,
            repaint: nice_plug_egui::RepaintNotifier::new(),
            pace: Pace::default(),
        }
    }
}

impl Plugin for WavetablePlugin {
    const NAME: &'static str = "Doppel Wavetable";
    const VENDOR: &'static str = "Doppel";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = crate::player::LAYOUTS;
    const MIDI_INPUT: MidiConfig = MidiConfig::MidiCCs;
    const SAMPLE_ACCURATE_AUTOMATION: bool = true;
    const INPUT_EVENT_CAPACITY: usize = crate::player::EVENT_CAPACITY;

    type Editor = nice_plug_egui::EguiEditor<editor::WavetableEditor>;
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
        WavetableParams::make_sane(state);
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
        let knobs = |engine: &Engine| params.knobs(engine.model().info(), free_seed);
        let modulated = |engine: &Engine, id| params::modulated(engine.model().info(), id);
        let status = player.process(buffer, context, voices, knobs, modulated);
        let seconds = buffer.samples() as f32 / context.transport().sample_rate;
        if let Some(engine) = player.engine().filter(|_| self.pace.is_due(seconds)) {
            let mut period = [0.0; DRAWN_POINTS];
            engine.draw(&mut period);
            self.live.period.set(&period);
            self.live.seen.set(engine.seen());
        }
        self.repaint.request_repaint();
        status
    }
}

impl ClapPlugin for WavetablePlugin {
    const CLAP_ID: &'static str = "audio.doppel.wavetable";
    const CLAP_DESCRIPTION: Option<&'static str> =
        Some("A bowed string's double, or any periodic sound's, by its own knobs");
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] =
        &[ClapFeature::Instrument, ClapFeature::Synthesizer, ClapFeature::Stereo];
    const CLAP_POLY_MODULATION_CONFIG: Option<PolyModulationConfig> =
        Some(PolyModulationConfig { max_voice_capacity: MAX_VOICES as u32, supports_overlapping_voices: true });
}

impl Vst3Plugin for WavetablePlugin {
    const VST3_CLASS_ID: [u8; 16] = *b"DoppelWavetable1";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Instrument, Vst3SubCategory::Synth];
}
