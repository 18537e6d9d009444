//! What every window does beside its panel: models, presets, A|B, zoom, gestures to parameters.
use crate::models::{Loader, Model, Origin, Status};
use crate::presets::Presets;
use crate::project::InstrumentParams;
use crate::scope::Scope;
use crate::ui::param::{Edit, Gesture};
use crate::ui::theme;
use crate::ui::top_bar::{TopBarAction, TopBarView};
use kernels::checkpoint::ModelInfo;
use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::LogicalSize;
use nice_plug::plugin::{ParamValue, PluginState};
use nice_plug::prelude::*;
use nice_plug_egui::{EguiEditor, EguiEditorState, EguiNiceSettings, Frame, KeyCapture, NiceEguiApp, RepaintNotifier};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Size of every panel at zoom 1, in points.
pub const SIZE: (f32, f32) = (900.0, 560.0);
/// Time between two drawings while nothing else asks for one.
const FRAME: Duration = Duration::from_millis(33);

/// The window's side of one instance, without its panel.
pub struct Shell<P, M: Model> {
    /// The instance's parameters.
    pub params: Arc<P>,
    /// Its models.
    pub loader: Loader<M>,
    /// What it shows.
    pub scope: Arc<Scope>,
    /// Name of the plug-in.
    title: &'static str,
    /// None until the window is open.
    gui: Option<GuiContext>,
    presets: Presets,
    /// Defaults of all parameters by id, that a preset starts from.
    defaults: BTreeMap<String, ParamValue>,
    /// The other of the two states of A|B.
    other: Option<PluginState>,
    is_b: bool,
    /// Another model was asked for by hand, whose knobs are to stand where it wants them.
    leaving: Option<Leaving<M>>,
    /// Why a preset could not be kept or found.
    error: Option<String>,
}

/// What was there when another model was asked for.
struct Leaving<M> {
    model: Option<Arc<M>>,
    /// How often a project had been restored: a restored one has its own values.
    generation: u64,
}

impl<P: InstrumentParams, M: Model> Shell<P, M> {
    /// For an instance; `presets` are the texts of the factory's.
    pub fn new<T: ClapPlugin>(params: Arc<P>, loader: Loader<M>, scope: Arc<Scope>, presets: &[&str]) -> Self {
        Self {
            params,
            loader,
            scope,
            title: T::NAME,
            gui: None,
            presets: Presets::new(M::NOUN, T::CLAP_ID, presets),
            defaults: P::defaults(),
            other: None,
            is_b: false,
            leaving: None,
            error: None,
        }
    }

    /// The window has opened.
    pub fn open(&mut self, context: &egui::Context, gui: GuiContext) {
        theme::apply(context);
        self.gui = Some(gui);
    }

    /// The bar at the top as it stands.
    pub fn bar(&self, status: &Status<M>) -> TopBarView {
        let (info, project) = (status.model.as_ref().map(|model| model.info().clone()), self.params.project());
        TopBarView {
            title: self.title,
            models: status.library.iter().map(Origin::name).collect(),
            model: status.current,
            model_name: info.as_ref().map_or("no model".into(), |info| info.name.clone()),
            presets: self.presets.all().iter().map(|preset| preset.name.clone()).collect(),
            preset: project.preset.lock().clone(),
            is_b: self.is_b,
            zoom: *project.zoom.lock(),
            info,
            sound_help: None,
        }
    }

    /// What went wrong last.
    pub fn error(&self, status: &Status<M>) -> Option<String> {
        self.error.clone().or(status.error.clone())
    }

    /// Sets parameters as one gesture each, 0..1.
    pub fn set(&self, values: &[(&'static str, f32)]) {
        let Some(gui) = &self.gui else { return };
        let setter = gui.param_setter();
        for (id, value) in values {
            if let Some((_, param, _)) = self.params.list().into_iter().find(|(listed, ..)| listed == id) {
                for gesture in [Gesture::Begin, Gesture::Set(*value), Gesture::End] {
                    param.apply(&setter, &gesture);
                }
            }
        }
    }

    /// Shows what went wrong.
    pub fn complain(&mut self, error: String) {
        self.error = Some(error);
    }

    /// Carries out what the user did, and asks for the next drawing.
    pub fn carry_out(&mut self, edits: &[Edit], bar: &[TopBarAction], ui: &egui::Ui, frame: &mut Frame) {
        let context = ui.ctx();
        if let Some(gui) = self.gui.clone() {
            let setter = gui.param_setter();
            for (id, gesture) in edits {
                if let Some((_, param, _)) = self.params.list().into_iter().find(|(listed, ..)| listed == id) {
                    param.apply(&setter, gesture);
                }
            }
            for action in bar {
                self.error = None;
                self.bar_action(action, &gui, context);
            }
            self.welcome();
        }
        // The host keeps its keys, the space bar above all, unless a value or a name is being typed.
        let typing = context.egui_wants_keyboard_input();
        frame.set_key_capture(if typing { KeyCapture::CaptureAll } else { KeyCapture::IgnoreAll });
        context.request_repaint_after(FRAME);
    }

    /// Once another model is there, sets its knobs to where it wants them.
    fn welcome(&mut self) {
        let Some(Leaving { model, generation }) = &self.leaving else { return };
        if *generation != self.params.project().model.generation() {
            self.leaving = None;
            return;
        }
        let Some(now) = self.loader.status().model else { return };
        if !model.as_ref().is_some_and(|model| Arc::ptr_eq(model, &now)) {
            self.leaving = None;
            self.set(&self.params.at_rest(now.info()));
        }
    }

    fn bar_action(&mut self, action: &TopBarAction, gui: &GuiContext, context: &egui::Context) {
        use TopBarAction::{DropModel, Model, OpenModel, StepModel};
        if let StepModel(_) | Model(_) | OpenModel | DropModel(_) = action {
            let generation = self.params.project().model.generation();
            self.leaving = Some(Leaving { model: self.loader.status().model, generation });
        }
        match action {
            TopBarAction::StepModel(by) => self.loader.step(*by),
            TopBarAction::Model(place) => {
                if let Some(origin) = self.loader.status().library.into_iter().nth(*place) {
                    self.loader.load(origin);
                }
            }
            TopBarAction::OpenModel => open_dialog(self.loader.clone()),
            TopBarAction::DropModel(path) => self.loader.load(Origin::File(path.clone())),
            // What a sound is good for only the instrument knows.
            TopBarAction::DropSounds(_) => {}
            TopBarAction::StepPreset(by) => {
                let names = self.presets.all();
                let now = names.iter().position(|preset| preset.name == *self.params.project().preset.lock());
                let count = names.len() as isize;
                let start = now.map_or(if *by > 0 { -1 } else { 0 }, |now| now as isize);
                self.load_preset((start + by).rem_euclid(count.max(1)) as usize, gui);
            }
            TopBarAction::Preset(place) => self.load_preset(*place, gui),
            TopBarAction::SavePreset(name) => {
                *self.params.project().preset.lock() = name.clone();
                let status = self.loader.status();
                let model = status.current.and_then(|place| status.library.get(place)).map(Origin::name);
                self.error = self.presets.save(name, model, &gui.get_state()).err();
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
                *self.params.project().zoom.lock() = *zoom;
                context.set_zoom_factor(*zoom);
            }
        }
    }

    fn load_preset(&mut self, place: usize, gui: &GuiContext) {
        let Some(preset) = self.presets.all().get(place) else { return };
        self.leaving = None;
        let mut state = gui.get_state();
        // Restoring the model that sounds would fade the sound; another one is asked for by name.
        state.fields.remove("model");
        preset.apply(&self.defaults, &mut state);
        gui.set_state(state);
        let Some(wanted) = &preset.model else { return };
        let status = self.loader.status();
        match status.library.iter().position(|origin| origin.name() == *wanted) {
            Some(found) if status.current == Some(found) => {}
            Some(found) => self.loader.load(status.library[found].clone()),
            None => self.error = Some(format!("the preset's model `{wanted}` is not at hand: another one plays it")),
        }
    }
}

/// Makes the window for a panel.
pub fn window<A: NiceEguiApp>(title: &str, zoom: f32, repaint: RepaintNotifier, app: A) -> Option<EguiEditor<A>> {
    let settings = EguiNiceSettings::new().with_tile(title).with_resize_hint(ResizeHint::resizable());
    let state = EguiEditorState::from_size(LogicalSize::new(SIZE.0, SIZE.1), zoom.clamp(0.75, 3.0));
    nice_plug_egui::create_egui_editor(state, repaint, settings, app)
}

/// The notes that a model's control `pitch`, in Hz or in MIDI notes, was trained on.
pub fn trained_notes(info: &ModelInfo) -> Option<(f32, f32)> {
    let (_, pitch) = info.control("pitch")?;
    Some((pitch.midi_note(pitch.trained_min), pitch.midi_note(pitch.trained_max)))
}

/// A file dialog on a thread of its own, because it blocks and the window must not.
fn open_dialog<M: Model>(loader: Loader<M>) {
    std::thread::spawn(move || {
        let dialog = rfd::FileDialog::new().set_title("Load a model").add_filter("Doppel model", &["safetensors"]);
        if let Some(path) = dialog.pick_file() {
            loader.load(Origin::File(path));
        }
    });
}
