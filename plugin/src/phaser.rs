//! Doppel Phaser: a hardware phaser's double as an effect.
pub mod align;
pub mod editor;
mod lfo;
pub mod panel;
pub mod params;

use crate::models::{Format, Library, Loader, Model};
use crate::project::InstrumentParams;
use crate::scope::{Scope, peak};
use crate::swap::Swap;
use kernels::checkpoint::{LoadError, ModelInfo, SelfTestResult};
use kernels::phaser::{Controls, Engine, Phaser};
use lfo::LfoClock;
use nice_plug::plugin::PluginState;
use nice_plug::prelude::*;
use params::PhaserParams;
use std::sync::Arc;
use std::time::Instant;

/// Models built in, the first of which a fresh instance plays.
pub const FACTORY_MODELS: &[(&str, &[u8])] = &[
    ("Small Stone double", include_bytes!("../../assets/models/phaser/small_stone.safetensors")),
    ("JFET ninety double", include_bytes!("../../assets/models/phaser/jfet.safetensors")),
    ("Lamp vibe double", include_bytes!("../../assets/models/phaser/vibe.safetensors")),
    ("Twelve-pole rack double", include_bytes!("../../assets/models/phaser/rack.safetensors")),
];

/// The plug-in as the host holds it.
pub struct PhaserPlugin {
    params: Arc<PhaserParams>,
    loader: Loader<Phaser>,
    scope: Arc<Scope>,
    repaint: nice_plug_egui::RepaintNotifier,
    /// None before the first activation.
    engine: Option<Box<Engine>>,
    lfo: LfoClock,
    swap: Swap,
    sample_rate_hz: f32,
}

impl Model for Phaser {
    type Engine = Engine;

    const NOUN: &'static str = Phaser::NOUN;
    const WHILE_MISSING: &'static str = "the dry sound passes";

    fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        Phaser::load(bytes)
    }

    fn info(&self) -> &ModelInfo {
        self.info()
    }

    fn self_test(&self, bytes: &[u8]) -> Result<Option<SelfTestResult>, LoadError> {
        self.self_test(bytes)
    }

    fn engine(self: Arc<Self>, format: Format) -> Result<Engine, String> {
        Engine::new(self, format.rate_hz, format.channels).map_err(|error| error.to_string())
    }
}

impl Default for PhaserPlugin {
    fn default() -> Self {
        let params = Arc::new(PhaserParams::default());
        Self {
            loader: Loader::new(Library::new(Phaser::NOUN, FACTORY_MODELS), params.project.model.clone()),
            params,
            scope: Arc::default(),
            repaint: nice_plug_egui::RepaintNotifier::new(),
            engine: None,
            lfo: LfoClock::default(),
            swap: Swap::new(0.0, false),
            sample_rate_hz: 0.0,
        }
    }
}

impl Plugin for PhaserPlugin {
    const NAME: &'static str = "Doppel Phaser";
    const VENDOR: &'static str = "Doppel";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = &[
        AudioIOLayout {
            main_input_channels: NonZeroU32::new(2),
            main_output_channels: NonZeroU32::new(2),
            ..AudioIOLayout::const_default()
        },
        AudioIOLayout {
            main_input_channels: NonZeroU32::new(1),
            main_output_channels: NonZeroU32::new(1),
            ..AudioIOLayout::const_default()
        },
    ];
    const MIDI_INPUT: MidiConfig = MidiConfig::Basic;
    const SAMPLE_ACCURATE_AUTOMATION: bool = true;

    type Editor = nice_plug_egui::EguiEditor<editor::PhaserEditor>;
    type SysExMessage = ();
    type BackgroundTask = ();

    fn params(&self) -> Arc<dyn Params> {
        self.params.clone()
    }

    fn editor(&mut self, _async_executor: AsyncExecutor<Self>) -> Option<Self::Editor> {
        editor::create(self.params.clone(), self.loader.clone(), self.scope.clone(), self.repaint.clone())
    }

    fn filter_state(state: &mut PluginState) {
        PhaserParams::make_sane(state);
    }

    fn activate(
        &mut self,
        layout: &AudioIOLayout,
        config: &BufferConfig,
        context: &mut impl ActivateContext<Self>,
    ) -> bool {
        let channels = layout.main_output_channels.map_or(2, NonZeroU32::get);
        let format = Format { rate_hz: f64::from(config.sample_rate), channels: channels as usize };
        let engine = match self.loader.activate(format) {
            Ok(engine) => engine,
            Err(error) => {
                nice_error!("Doppel Phaser: {error}");
                return false;
            }
        };
        context.set_latency_samples(engine.latency_samples());
        self.scope.activated(config.sample_rate, channels, engine.latency_samples());
        self.swap = Swap::new(config.sample_rate, false);
        self.sample_rate_hz = config.sample_rate;
        self.engine = Some(engine);
        true
    }

    fn reset(&mut self) {
        if let Some(engine) = &mut self.engine {
            engine.reset();
        }
        self.lfo = LfoClock::default();
        self.swap.reset(false);
    }

    fn process(
        &mut self,
        buffer: &mut Buffer,
        _aux: &mut AuxiliaryBuffers,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        let Some(engine) = &mut self.engine else { return ProcessStatus::Normal };
        let start = Instant::now();
        let samples = buffer.samples();
        self.swap.begin(self.loader.handoff(), engine, false);
        let mut controls = self.params.controls(engine.model().info());
        controls.bypass |= self.loader.is_missing();
        let input_peak = peak(buffer);
        self.scope.song(context.transport());

        let mut done = 0;
        while done < samples || samples == 0 {
            // A note cuts the block only where it means something: it restarts the LFO in Trigger mode.
            let trigger = self.lfo.next_trigger(&self.params, context, done, samples);
            let end = trigger.unwrap_or(samples);
            if end > done {
                let phase = self.lfo.advance(&self.params, context.transport(), done, end, self.sample_rate_hz);
                let controls =
                    Controls { phase_turns: phase.turns, running: phase.running, rate_hz: phase.rate_hz, ..controls };
                run(engine, &controls, buffer, done, end);
            }
            if trigger.is_none() {
                break;
            }
            done = end;
        }
        self.swap.end(buffer);

        let seconds = samples as f32 / self.sample_rate_hz;
        let load = if samples == 0 { 0.0 } else { start.elapsed().as_secs_f32() / seconds };
        let phases = [engine.phase_turns(0) as f32, engine.phase_turns(1) as f32];
        self.scope.block(seconds, [input_peak, peak(buffer)], phases, load, engine.guard_events());
        self.repaint.request_repaint();
        ProcessStatus::Tail(engine.tail_samples())
    }
}

/// Runs the engine on a part of the host's block, one or two channels.
fn run(engine: &mut Engine, controls: &Controls, buffer: &mut Buffer, start: usize, end: usize) {
    match buffer.as_slice() {
        [mono] => engine.process(controls, &mut [&mut mono[start..end]]),
        [left, right] => engine.process(controls, &mut [&mut left[start..end], &mut right[start..end]]),
        _ => {}
    }
}

impl ClapPlugin for PhaserPlugin {
    const CLAP_ID: &'static str = "audio.doppel.phaser";
    const CLAP_DESCRIPTION: Option<&'static str> = Some("A hardware phaser's double, cloned from recordings");
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] =
        &[ClapFeature::AudioEffect, ClapFeature::Phaser, ClapFeature::Stereo, ClapFeature::Mono];
}

impl Vst3Plugin for PhaserPlugin {
    const VST3_CLASS_ID: [u8; 16] = *b"DoppelPhaser0001";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Fx, Vst3SubCategory::Modulation];
}
