//! The bar at the top: model with previous, next, card and file; preset with previous, next and save; A|B; zoom.
use super::knob::named;
use super::theme;
use egui::{RichText, Ui};
use kernels::checkpoint::ModelInfo;
use std::path::{Path, PathBuf};

/// What the bar shows.
#[derive(Clone, Debug, Default)]
pub struct TopBarView {
    /// The instrument's name.
    pub title: &'static str,
    /// Names of the models at hand.
    pub models: Vec<String>,
    /// Place of the playing one among them.
    pub model: Option<usize>,
    /// Name of the playing model.
    pub model_name: String,
    /// What its file says, for the card.
    pub info: Option<ModelInfo>,
    /// Names of the presets at hand.
    pub presets: Vec<String>,
    /// Name of the preset that was loaded last.
    pub preset: String,
    /// Is B the state that plays?
    pub is_b: bool,
    /// Zoom of the panel.
    pub zoom: f32,
    /// What a dropped sound does; none: nothing, it is refused.
    pub sound_help: Option<&'static str>,
}

/// What the user did in the bar.
#[derive(Clone, Debug, PartialEq)]
pub enum TopBarAction {
    /// Another model: this many further in the list.
    StepModel(isize),
    /// The model at a place of the list.
    Model(usize),
    /// A file dialog for a model.
    OpenModel,
    /// A file that was dropped on the window.
    DropModel(PathBuf),
    /// Sounds that were dropped on the window together.
    DropSounds(Vec<PathBuf>),
    /// Another preset: this many further in the list.
    StepPreset(isize),
    /// The preset at a place of the list.
    Preset(usize),
    /// The settings as a preset of this name.
    SavePreset(String),
    /// The other of the two states.
    SwitchAb,
    /// The playing state over the other.
    CopyAb,
    /// Another zoom.
    Zoom(f32),
}

/// Zooms on offer.
const ZOOMS: [f32; 6] = [0.75, 1.0, 1.25, 1.5, 2.0, 3.0];

/// Room that the bar needs behind its two menus, in points.
const BEHIND_MODEL: f32 = 495.0;
const BEHIND_PRESET: f32 = 258.0;

/// Draws the bar.
pub fn top_bar(ui: &mut Ui, view: &TopBarView, actions: &mut Vec<TopBarAction>) {
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = 5.0;
        ui.label(RichText::new(view.title).font(theme::title()).color(theme::ACCENT));
        ui.add_space(8.0);
        stepper(
            ui,
            "model",
            &view.model_name,
            [108.0, BEHIND_MODEL],
            &view.models,
            view.model,
            actions,
            TopBarAction::StepModel,
            TopBarAction::Model,
        );
        if ui.button("i").on_hover_text("What the model's file says of itself, licence first").clicked() {
            let id = card_id(ui);
            ui.data_mut(|data| {
                let open: bool = data.get_temp(id).unwrap_or_default();
                data.insert_temp(id, !open);
            });
        }
        if ui.button("Load...").on_hover_text("A model file; or drop one on the window").clicked() {
            actions.push(TopBarAction::OpenModel);
        }
        ui.add_space(8.0);
        let preset = view.presets.iter().position(|name| *name == view.preset);
        let name = if view.preset.is_empty() { "no preset" } else { &view.preset };
        stepper(
            ui,
            "preset",
            name,
            [96.0, BEHIND_PRESET],
            &view.presets,
            preset,
            actions,
            TopBarAction::StepPreset,
            TopBarAction::Preset,
        );
        save(ui, view, actions);
        ui.add_space(8.0);
        let label = if view.is_b { "A|[B]" } else { "[A]|B" };
        if ui.button(label).on_hover_text("Switches between two sets of settings").clicked() {
            actions.push(TopBarAction::SwitchAb);
        }
        if ui.button("copy").on_hover_text("Copies these settings to the other set").clicked() {
            actions.push(TopBarAction::CopyAb);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let zoom = egui::ComboBox::from_id_salt("zoom")
                .selected_text(format!("{:.0} %", 100.0 * view.zoom))
                .width(58.0)
                .show_ui(ui, |ui| {
                    for zoom in ZOOMS {
                        if ui.selectable_label(zoom == view.zoom, format!("{:.0} %", 100.0 * zoom)).clicked() {
                            actions.push(TopBarAction::Zoom(zoom));
                        }
                    }
                });
            named(&zoom.response, "zoom");
        });
    });
    card(ui, view);
    drop_target(ui, view.sound_help, actions);
}

/// Previous, a menu of all, next; the menu is at least so wide, and leaves room for what comes behind it.
fn stepper(
    ui: &mut Ui,
    what: &str,
    name: &str,
    [least, behind]: [f32; 2],
    names: &[String],
    now: Option<usize>,
    actions: &mut Vec<TopBarAction>,
    step: fn(isize) -> TopBarAction,
    choose: fn(usize) -> TopBarAction,
) {
    if ui.button("<").on_hover_text(format!("Previous {what}")).clicked() {
        actions.push(step(-1));
    }
    let most = (ui.available_width() - behind).max(least);
    let menu = ui.scope(|ui| {
        ui.set_max_width(most);
        egui::ComboBox::from_id_salt(what).selected_text(name).width(least).truncate().show_ui(ui, |ui| {
            for (k, name) in names.iter().enumerate() {
                if ui.selectable_label(now == Some(k), name).clicked() {
                    actions.push(choose(k));
                }
            }
        })
    });
    named(&menu.inner.response.on_hover_text(name), what);
    if ui.button(">").on_hover_text(format!("Next {what}")).clicked() {
        actions.push(step(1));
    }
}

/// A button that asks for a name.
fn save(ui: &mut Ui, view: &TopBarView, actions: &mut Vec<TopBarAction>) {
    let id = ui.scope_id().with("preset name");
    let typed: Option<String> = ui.data(|data| data.get_temp(id));
    if ui.button("Save").on_hover_text("Keeps the settings as a preset of your own").clicked() && typed.is_none() {
        ui.data_mut(|data| data.insert_temp(id, view.preset.clone()));
    }
    let Some(mut typed) = typed else { return };
    let mut open = true;
    egui::Window::new("Save preset").collapsible(false).resizable(false).open(&mut open).show(ui.ctx(), |ui| {
        let field = ui.text_edit_singleline(&mut typed);
        let entered = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        if (ui.button("Save").clicked() || entered) && !typed.trim().is_empty() {
            actions.push(TopBarAction::SavePreset(typed.trim().into()));
            ui.data_mut(|data| data.remove::<String>(id));
            typed.clear();
        }
    });
    let saved = actions.iter().any(|action| matches!(action, TopBarAction::SavePreset(_)));
    ui.data_mut(|data| {
        if open && !saved {
            data.insert_temp(id, typed);
        } else {
            data.remove::<String>(id);
        }
    });
}

fn card_id(ui: &Ui) -> egui::Id {
    egui::Id::unique((ui.ctx().viewport_id(), "model card"))
}

/// The model's card, while it is open.
fn card(ui: &mut Ui, view: &TopBarView) {
    let id = card_id(ui);
    let mut open = ui.data(|data| data.get_temp(id)).unwrap_or(false);
    let Some(info) = view.info.as_ref().filter(|_| open) else { return };
    egui::Window::new(&info.name).open(&mut open).collapsible(false).default_width(420.0).show(ui.ctx(), |ui| {
        let mut row = |name: &str, value: &str| {
            if !value.is_empty() {
                ui.horizontal_wrapped(|ui| {
                    ui.label(RichText::new(name).color(theme::DIM));
                    ui.add(egui::Label::new(value).selectable(true));
                });
            }
        };
        row("licence", &info.license);
        row("author", &info.author);
        row("", &info.description);
        row("may be embedded in projects", if info.redistribute { "yes" } else { "no" });
        for control in &info.controls {
            let span = format!("trained {} to {} {}", control.trained_min, control.trained_max, control.unit);
            row(&control.name, span.trim_end());
        }
        let training = info.metadata.get("training").and_then(|text| serde_json::from_str(text).ok());
        if let Some(serde_json::Value::Object(training)) = training {
            for (key, value) in training {
                row(&key, value.as_str().map_or_else(|| value.to_string(), String::from).as_str());
            }
        }
    });
    ui.data_mut(|data| data.insert_temp(id, open));
}

/// Endings of the sound files that are read.
pub const SOUNDS: [&str; 5] = ["wav", "flac", "mp3", "ogg", "oga"];

/// Takes a file that is dropped on the window, and says over the window what would happen to one that hovers.
fn drop_target(ui: &Ui, sound_help: Option<&str>, actions: &mut Vec<TopBarAction>) {
    let (hovering, dropped) = ui.input(|i| (i.raw.hovered_files.clone(), i.raw.dropped_files.clone()));
    let ends_with = |path: &Path, endings: &[&str]| {
        path.extension().is_some_and(|found| endings.iter().any(|ending| found.eq_ignore_ascii_case(ending)))
    };
    let is_sound = |path: &Path| sound_help.is_some() && ends_with(path, &SOUNDS);
    if let Some(file) = dropped.first() {
        let all = dropped.iter().map(|file| file.path().to_path_buf());
        let sounds: Vec<PathBuf> = all.filter(|path| is_sound(path)).collect();
        actions.push(if sounds.is_empty() {
            TopBarAction::DropModel(file.path().to_path_buf())
        } else {
            TopBarAction::DropSounds(sounds)
        });
    }
    if let Some(file) = hovering.first() {
        let path = file.path.as_deref();
        let (text, colour) = match sound_help {
            Some(help) if path.is_some_and(is_sound) => (help, theme::ACCENT),
            _ if path.is_none_or(|path| ends_with(path, &["safetensors"])) => {
                ("Drop to play this model", theme::ACCENT)
            }
            Some(_) => ("Neither a model (.safetensors) nor a sound (WAV, FLAC, MP3, OGG)", theme::WARNING),
            None => ("Not a model: expected a .safetensors file", theme::WARNING),
        };
        let painter = ui.ctx().layer_painter(egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop")));
        let rect = ui.ctx().content_rect();
        painter.rect_filled(rect, 0.0, egui::Color32::from_black_alpha(180));
        painter.text(rect.center(), egui::Align2::CENTER_CENTER, text, theme::title(), colour);
    }
}
