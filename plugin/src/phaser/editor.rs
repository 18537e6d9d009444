//! The panel in a window: gathers the view, carries out what the user did.
use super::PhaserPlugin;
use super::panel::{self, Actions, View};
use super::params::PhaserParams;
use crate::models::{Loader, Origin, Status};
use crate::presets::Presets;
use crate::scope::Scope;
use crate::ui::response::frequencies_hz;
use crate::ui::theme;
use crate::ui::top_bar::{TopBarAction, TopBarView};
use kernels::phaser::{Controls, Phaser, Probe};
use nice_plug::context::gui::GuiContext;
use nice_plug::plugin::{ParamValue, PluginState};
use nice_plug::prelude::*;
use nice_plug_egui::{EguiEditor, EguiEditorState, EguiNiceSettings, Frame, KeyCapture, NiceEguiApp, RepaintNotifier};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Factory presets as built in, in the order of the list.
pub const FACTORY_PRESETS: [&str; 14] = [
    include_str!("../../../assets/presets/phaser/01 Pedal at noon.json"),
    include_str!("../../../assets/presets/phaser/02 Slow tide.json"),
    include_str!("../../../assets/presets/phaser/03 Electric piano 1975.json"),
    include_str!("../../../assets/presets/phaser/04 Colour on, slow.json"),
    include_str!("../../../assets/presets/phaser/05 Colour on, quick.json"),
    include_str!("../../../assets/presets/phaser/06 Wide drift.json"),
    include_str!("../../../assets/presets/phaser/07 Opposite ears.json"),
    include_str!("../../../assets/presets/phaser/08 Rotary speed.json"),
    include_str!("../../../assets/presets/phaser/09 One bar, in step.json"),
    include_str!("../../../assets/presets/phaser/10 Dotted eighths.json"),
    include_str!("../../../assets/presets/phaser/11 Shallow chorus.json"),
    include_str!("../../../assets/presets/phaser/12 Half mixed vibe.json"),
    include_str!("../../../assets/presets/phaser/13 Note by note.json"),
    include_str!("../../../assets/presets/phaser/14 Parked notch.json"),
];

/// Time between two drawings while nothing else asks for one.
const FRAME: Duration = Duration::from_millis(33);

/// The window's side of one instance.
pub struct PhaserEditor {
    params: Arc<PhaserParams>,
    loader: Loader,
    scope: Arc<Scope>,
    /// None until the window is open.
    gui: Option<GuiContext>,
    presets: Presets,
    /// Defaults of all parameters by id, that a preset starts from.
    defaults: BTreeMap<String, ParamValue>,
    /// Measures the response of the model that it was made for.
    probe: Option<(Arc<Phaser>, Probe)>,
    /// The sweep over a turn of the LFO, and the controls that it was measured for.
    shape: Option<(Controls, Vec<f32>)>,
    /// The other of the two states of A|B.
    other: Option<PluginState>,
    is_b: bool,
    /// Why a preset could not be kept.
    error: Option<String>,
}

/// Makes the window for an instance.
pub fn create(
    params: Arc<PhaserParams>,
    loader: Loader,
    scope: Arc<Scope>,
    repaint: RepaintNotifier,
) -> Option<EguiEditor<PhaserEditor>> {
    let zoom = params.zoom.lock().clamp(0.75, 3.0);
    let size = nice_plug::editor::dpi::LogicalSize::new(panel::SIZE.0, panel::SIZE.1);
    let settings = EguiNiceSettings::new().with_tile(PhaserPlugin::NAME).with_resize_hint(ResizeHint::resizable());
    let editor = PhaserEditor {
        params,
        loader,
        scope,
        gui: None,
        presets: Presets::new("phaser", PhaserPlugin::CLAP_ID, &FACTORY_PRESETS),
        defaults: PhaserParams::defaults(),
        probe: None,
        shape: None,
        other: None,
        is_b: false,
        error: None,
    };
    nice_plug_egui::create_egui_editor(EguiEditorState::from_size(size, zoom), repaint, settings, editor)
}

impl NiceEguiApp for PhaserEditor {
    fn build(
        &mut self,
        context: egui::Context,
        gui: GuiContext,
        _frame: &mut Frame,
    ) -> Result<(), nice_plug_egui::baseview::HandlerError> {
        theme::apply(&context);
        self.gui = Some(gui);
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut Frame) {
        let view = self.view();
        let actions = panel::panel(ui, &view);
        self.carry_out(&actions, ui.ctx());
        // The host keeps its keys, the space bar above all, unless a value or a name is being typed.
        let typing = ui.ctx().egui_wants_keyboard_input();
        frame.set_key_capture(if typing { KeyCapture::CaptureAll } else { KeyCapture::IgnoreAll });
        ui.ctx().request_repaint_after(FRAME);
    }
}

impl PhaserEditor {
    fn view(&mut self) -> View {
        let status = self.loader.status();
        let reading = self.scope.read();
        let info = status.model.as_ref().map(|model| model.info().clone());
        let curves_db = self.curves(&status, &reading.phases_turns[..(reading.channels as usize).min(2)]);
        View {
            params: self.params.views(info.as_ref()),
            bar: TopBarView {
                title: "Doppel Phaser",
                models: status.library.iter().map(Origin::name).collect(),
                model: status.current,
                model_name: info.as_ref().map_or("no model".into(), |info| info.name.clone()),
                presets: self.presets.all().iter().map(|preset| preset.name.clone()).collect(),
                preset: self.params.preset.lock().clone(),
                is_b: self.is_b,
                zoom: *self.params.zoom.lock(),
                info: info.clone(),
            },
            model_rate_hz: info.map_or(0.0, |info| info.sample_rate_hz),
            reading,
            curves_db,
            shape: self.shape.as_ref().map_or_else(Vec::new, |(_, shape)| shape.clone()),
            error: self.error.clone().or(status.error),
        }
    }

    /// The response of each channel where its sweep stands, measured from the model that plays; the shape of the whole sweep is
    /// measured anew when a knob has moved.
    fn curves(&mut self, status: &Status, phases_turns: &[f32]) -> Vec<Vec<f32>> {
        let Some(model) = &status.model else { return Vec::new() };
        if !self.probe.as_ref().is_some_and(|(of, _)| Arc::ptr_eq(of, model)) {
            self.probe = Some((model.clone(), Probe::new(model)));
            self.shape = None;
        }
        let Some((_, probe)) = &mut self.probe else { return Vec::new() };
        let (controls, frequencies) = (self.params.controls(model.info()), frequencies_hz());
        if self.shape.as_ref().is_none_or(|(of, _)| *of != controls) {
            let shape = probe.sweep(model, &controls, &frequencies);
            self.shape = Some((controls, shape.to_vec()));
        }
        let mut curve = |phase: &f32| {
            let mut db = vec![0.0; frequencies.len()];
            probe.response_db(model, &controls, f64::from(*phase), &frequencies, &mut db);
            db
        };
        phases_turns.iter().map(&mut curve).collect()
    }

    fn carry_out(&mut self, actions: &Actions, context: &egui::Context) {
        let Some(gui) = self.gui.clone() else { return };
        let setter = gui.param_setter();
        for (id, gesture) in &actions.edits {
            if let Some((_, param, _)) = self.params.list().into_iter().find(|(listed, ..)| listed == id) {
                param.apply(&setter, gesture);
            }
        }
        for action in &actions.bar {
            self.error = None;
            self.bar_action(action, &gui, context);
        }
    }

    fn bar_action(&mut self, action: &TopBarAction, gui: &GuiContext, context: &egui::Context) {
        match action {
            TopBarAction::StepModel(by) => self.loader.step(*by),
            TopBarAction::Model(place) => {
                if let Some(origin) = self.loader.status().library.into_iter().nth(*place) {
                    self.loader.load(origin);
                }
            }
            TopBarAction::OpenModel => open_dialog(self.loader.clone()),
            TopBarAction::DropModel(path) => self.loader.load(Origin::File(path.clone())),
            TopBarAction::StepPreset(by) => {
                let names = self.presets.all();
                let now = names.iter().position(|preset| preset.name == *self.params.preset.lock());
                let count = names.len() as isize;
                let start = now.map_or(if *by > 0 { -1 } else { 0 }, |now| now as isize);
                self.load_preset((start + by).rem_euclid(count.max(1)) as usize, gui);
            }
            TopBarAction::Preset(place) => self.load_preset(*place, gui),
            TopBarAction::SavePreset(name) => {
                *self.params.preset.lock() = name.clone();
                self.error = self.presets.save(name, &gui.get_state()).err();
            }
            TopBarAction::SwitchAb => {
                let now = gui.get_state();
                if let Some(other) = self.other.replace(now) {
                    gui.set_state(other);
                }
                self.is_b = !self.is_b;
            }
            TopBarAction::CopyAb => self.other = Some(gui.get_state()),
            TopBarAction::Zoom(zoom) => {
                *self.params.zoom.lock() = *zoom;
                context.set_zoom_factor(*zoom);
            }
        }
    }

    fn load_preset(&mut self, place: usize, gui: &GuiContext) {
        if let Some(preset) = self.presets.all().get(place) {
            let mut state = gui.get_state();
            // The model stays: a preset is settings, and restoring the model again would fade the sound.
            state.fields.remove("model");
            preset.apply(&self.defaults, &mut state);
            gui.set_state(state);
        }
    }
}

/// A file dialog on a thread of its own, because it blocks and the window must not.
fn open_dialog(loader: Loader) {
    std::thread::spawn(move || {
        let dialog =
            rfd::FileDialog::new().set_title("Load a phaser model").add_filter("Doppel model", &["safetensors"]);
        if let Some(path) = dialog.pick_file() {
            loader.load(Origin::File(path));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::Preset;

    #[test]
    fn every_factory_preset_loads_whole() {
        let defaults = PhaserParams::defaults();
        for text in FACTORY_PRESETS {
            let preset = Preset::parse(text, PhaserPlugin::CLAP_ID).unwrap();
            assert!(!preset.name.is_empty() && !preset.category.is_empty(), "{}", preset.name);
            let mut state = PluginState { version: String::new(), params: BTreeMap::new(), fields: BTreeMap::new() };
            preset.apply(&defaults, &mut state);
            assert_eq!(state.params.len(), defaults.len(), "{}", preset.name);
            // What was laid over the defaults, written as a preset again, holds what the file said.
            let written = Preset::of(&preset.name, PhaserPlugin::CLAP_ID, &state);
            for (id, value) in &preset.params {
                let found = written.params.get(id).unwrap_or_else(|| panic!("{}: `{id}` is no parameter", preset.name));
                let same = match (found.as_f64(), value.as_f64()) {
                    (Some(found), Some(value)) => (found - value).abs() <= 1e-6 * value.abs().max(1.0),
                    _ => found == value,
                };
                assert!(same, "{}: `{id}` = {value} became {found}", preset.name);
            }
        }
    }
}
