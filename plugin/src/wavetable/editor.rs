//! The panel in a window: gathers the view, carries out what the user did.
use super::encode::{self, Encoded};
use super::panel::{self, View};
use super::params::{SLOTS, WavetableParams, places};
use super::{DRAWN_POINTS, Live, WavetablePlugin};
use crate::errand::Errand;
use crate::models::{Loader, Status};
use crate::player::PanelKeys;
use crate::project::InstrumentParams;
use crate::scope::Scope;
use crate::shell::{self, Shell};
use crate::ui::ridge::Ridges;
use crate::ui::top_bar::{SOUNDS, TopBarAction, TopBarView};
use kernels::wavetable::encoder::trajectory::HOP_S;
use kernels::wavetable::{MAX_CONTROLS, Wavetable};
use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::*;
use nice_plug_egui::{EguiEditor, Frame, NiceEguiApp, RepaintNotifier};
use parking_lot::Mutex;
use sound_files::wavetable_file::{FRAME, MAX_FRAMES, to_wav};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Ridges drawn.
const RIDGES: usize = 28;

/// Factory presets as built in, in the order of the list.
pub const FACTORY_PRESETS: [&str; 18] = [
    include_str!("../../../assets/presets/wavetable/01 Bow and breath.json"),
    include_str!("../../../assets/presets/wavetable/02 Sul ponticello.json"),
    include_str!("../../../assets/presets/wavetable/03 Sul tasto.json"),
    include_str!("../../../assets/presets/wavetable/04 String section.json"),
    include_str!("../../../assets/presets/wavetable/05 Cello in mono.json"),
    include_str!("../../../assets/presets/wavetable/06 Overpressed.json"),
    include_str!("../../../assets/presets/wavetable/07 Vowel choir.json"),
    include_str!("../../../assets/presets/wavetable/08 Vowel by wheel.json"),
    include_str!("../../../assets/presets/wavetable/09 Talking bass.json"),
    include_str!("../../../assets/presets/wavetable/10 Singing pad.json"),
    include_str!("../../../assets/presets/wavetable/11 Reed on the edge.json"),
    include_str!("../../../assets/presets/wavetable/12 Soft chalumeau.json"),
    include_str!("../../../assets/presets/wavetable/13 Reed organ.json"),
    include_str!("../../../assets/presets/wavetable/14 FM bell.json"),
    include_str!("../../../assets/presets/wavetable/15 Electric piano.json"),
    include_str!("../../../assets/presets/wavetable/16 Glass harp.json"),
    include_str!("../../../assets/presets/wavetable/17 Growl bass.json"),
    include_str!("../../../assets/presets/wavetable/18 Sixteen in a row.json"),
];

/// The window's side of one instance.
pub struct WavetableEditor {
    shell: Shell<WavetableParams, Wavetable>,
    live: Arc<Live>,
    panel_keys: Arc<PanelKeys>,
    /// Slot that the ridges lie along.
    along: usize,
    drawn: Option<Drawn>,
    /// The thread that estimates the knobs of a sound.
    encoding: Errand<Result<Encoded, String>>,
    /// A dialog that asks for a sound.
    choosing: Errand<Option<PathBuf>>,
    /// Why a table was not written.
    complaint: Arc<Mutex<Option<String>>>,
    /// What it found last.
    encoded: Option<Encoded>,
    /// What became of that, for the panel.
    said: String,
}

/// Ridges, and what they were drawn for.
struct Drawn {
    model: Arc<Wavetable>,
    /// Place of the control that they lie along.
    place: usize,
    /// All controls as the network sees them, that one at 0.
    others: [f32; MAX_CONTROLS],
    periods: Vec<Vec<f32>>,
}

/// Makes the window for an instance.
pub fn create(
    params: Arc<WavetableParams>,
    loader: Loader<Wavetable>,
    scope: Arc<Scope>,
    live: Arc<Live>,
    panel_keys: Arc<PanelKeys>,
    repaint: RepaintNotifier,
) -> Option<EguiEditor<WavetableEditor>> {
    let zoom = *params.project.zoom.lock();
    let shell = Shell::new::<WavetablePlugin>(params, loader, scope, &FACTORY_PRESETS);
    let editor = WavetableEditor {
        shell,
        live,
        panel_keys,
        along: 0,
        drawn: None,
        encoding: Errand::default(),
        choosing: Errand::default(),
        complaint: Arc::default(),
        encoded: None,
        said: String::new(),
    };
    shell::window(WavetablePlugin::NAME, zoom, repaint, editor)
}

impl NiceEguiApp for WavetableEditor {
    fn build(
        &mut self,
        context: egui::Context,
        gui: GuiContext,
        _frame: &mut Frame,
    ) -> Result<(), nice_plug_egui::baseview::HandlerError> {
        self.shell.open(&context, gui);
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut Frame) {
        let view = self.view();
        let actions = panel::panel(ui, &view);
        actions.keys.iter().for_each(|press| self.panel_keys.press(*press));
        if let Some(slot) = actions.along.and_then(|along| SLOTS.iter().position(|id| *id == along)) {
            self.along = slot;
        }
        self.shell.carry_out(&actions.edits, &actions.bar, ui, frame);
        for action in &actions.bar {
            if let TopBarAction::DropSounds(paths) = action {
                self.encode(&paths[0]);
            }
        }
        if actions.open_sound {
            self.open_sound();
        }
        if let Some(Some(path)) = self.choosing.take() {
            self.encode(&path);
        }
        if actions.export_table {
            self.export_table();
        }
        if actions.save_automation {
            self.save_automation();
        }
        self.hear();
        let complaint = self.complaint.lock().take();
        if let Some(complaint) = complaint {
            self.shell.complain(complaint);
        }
    }
}

/// A file dialog for a table, on a thread of its own; what went wrong ends up in `complaint`.
fn save_table(name: String, wav: Vec<u8>, complaint: Arc<Mutex<Option<String>>>) {
    std::thread::spawn(move || {
        let dialog =
            rfd::FileDialog::new().set_title("Export the table").set_file_name(name).add_filter("WAV", &["wav"]);
        if let Some(path) = dialog.save_file()
            && let Err(error) = std::fs::write(&path, wav)
        {
            *complaint.lock() = Some(format!("{}: {error}", path.display()));
        }
    });
}

impl WavetableEditor {
    /// Asks where to, and writes the ridges as they are drawn, with all frames that a table may have.
    fn export_table(&mut self) {
        let (Some(model), Some(drawn)) = (self.shell.loader.status().model, &self.drawn) else { return };
        let control = &model.info().controls[drawn.place];
        let name = format!("{}, {}", model.info().name, control.name);
        let frames = model.sweep(&drawn.others, drawn.place, MAX_FRAMES, FRAME).unwrap_or_default();
        match to_wav(&frames, &name) {
            Ok(wav) => save_table(format!("{name}.wav"), wav, self.complaint.clone()),
            Err(error) => self.shell.complain(error.to_string()),
        }
    }

    /// Asks for a sound.
    fn open_sound(&mut self) {
        let dialog = || rfd::FileDialog::new().set_title("Encode a sound").add_filter("Sound", &SOUNDS).pick_file();
        if let Err(error) = self.choosing.start("file dialog", dialog) {
            self.shell.complain(error);
        }
    }

    /// Begins to estimate the knobs of a sound.
    fn encode(&mut self, path: &Path) {
        if let Some(model) = self.shell.loader.status().model {
            self.said = format!("listening to {} ...", path.file_name().unwrap_or_default().to_string_lossy());
            let path = path.to_path_buf();
            if let Err(error) = self.encoding.start("encoder", move || encode::read_and_encode(&path, &model)) {
                self.shell.complain(error);
            }
        }
    }

    /// Sets the knobs when the thread is done.
    fn hear(&mut self) {
        match self.encoding.take() {
            Some(Ok(encoded)) => {
                self.shell.set(&encoded.knobs);
                let name = encoded.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let seconds = encoded.frames.len() as f64 * HOP_S;
                self.said = format!("{name}: {seconds:.1} s, {:.0} % sure", 100.0 * encoded.confidence);
                self.encoded = Some(encoded);
            }
            Some(Err(error)) => {
                self.said.clear();
                self.shell.complain(error);
            }
            None => {}
        }
    }

    /// Keeps the knobs' movements beside the sound.
    fn save_automation(&mut self) {
        let (Some(encoded), Some(model)) = (&self.encoded, self.shell.loader.status().model) else { return };
        match encoded.save_automation(&model) {
            Ok(path) => self.said = format!("kept in {}", path.display()),
            Err(error) => self.shell.complain(error),
        }
    }

    fn view(&mut self) -> View {
        let status = self.shell.loader.status();
        let reading = self.shell.scope.read();
        let sounds = reading.notes.is_some_and(|notes| notes.keys != 0);
        let info = status.model.as_ref().map(|model| model.info());
        View {
            params: self.shell.params.views(info),
            bar: TopBarView { sound_help: Some("Drop to set the knobs from this sound"), ..self.shell.bar(&status) },
            encoded: self.said.clone(),
            can_save: self.encoded.as_ref().is_some_and(|encoded| info.is_some_and(|info| info.name == encoded.model)),
            model_rate_hz: info.map_or(0.0, |info| info.sample_rate_hz),
            trained: info.and_then(shell::trained_notes),
            ridges: self.ridges(&status, sounds),
            along: SLOTS[self.along],
            error: self.shell.error(&status),
            reading,
        }
    }

    /// The periods along a knob; while a note sounds with all that moves it, otherwise as the knobs stand.
    fn ridges(&mut self, status: &Status<Wavetable>, sounds: bool) -> Ridges {
        let Some(model) = &status.model else { return Ridges::default() };
        let info = model.info();
        if self.along >= places(info).count() {
            self.along = 0;
        }
        let Some(place) = places(info).nth(self.along) else { return Ridges::default() };
        let seen = if sounds {
            self.live.seen.get()
        } else {
            let values = self.shell.params.knobs(info, 1).values;
            model.normalise(&kernels::wavetable::Controls { values, ..kernels::wavetable::Controls::new(info, 261.6) })
        };
        Ridges {
            live: if sounds { self.live.period.get().to_vec() } else { model.period(&seen, DRAWN_POINTS) },
            place: 0.5 + 0.5 * seen[place],
            periods: self.drawn(model, place, seen),
            sounds,
        }
    }

    /// The periods at even steps of one control; drawn anew when another one has moved.
    fn drawn(&mut self, model: &Arc<Wavetable>, place: usize, seen: [f32; MAX_CONTROLS]) -> Vec<Vec<f32>> {
        let mut others = seen;
        others[place] = 0.0;
        if let Some(drawn) = &self.drawn
            && Arc::ptr_eq(&drawn.model, model)
            && (drawn.place, drawn.others) == (place, others)
        {
            return drawn.periods.clone();
        }
        let ridge = |k: usize| {
            let mut seen = others;
            seen[place] = 2.0 * k as f32 / (RIDGES - 1) as f32 - 1.0;
            model.period(&seen, DRAWN_POINTS)
        };
        let periods: Vec<_> = (0..RIDGES).map(ridge).collect();
        self.drawn = Some(Drawn { model: model.clone(), place, others, periods: periods.clone() });
        periods
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::assert_loads_whole;
    use crate::wavetable::FACTORY_MODELS;

    #[test]
    fn every_factory_preset_loads_whole_and_its_model_is_built_in() {
        for text in FACTORY_PRESETS {
            let preset = assert_loads_whole(text, WavetablePlugin::CLAP_ID, &WavetableParams::defaults());
            let model = preset.model.as_deref().unwrap_or(FACTORY_MODELS[0].0);
            assert!(FACTORY_MODELS.iter().any(|(name, _)| *name == model), "{}: {model}", preset.name);
        }
    }
}
