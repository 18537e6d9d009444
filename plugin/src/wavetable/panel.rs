//! The panel of Doppel Wavetable: draws from a view, returns what the user did.
use super::params::SLOTS;
use crate::scope::Reading;
use crate::ui::boxes::{find, group, menus, row, tabs, toggle};
use crate::ui::harmonics::harmonics;
use crate::ui::keyboard::{KeyPress, keyboard};
use crate::ui::meter::meter;
use crate::ui::param::{Edit, ParamView};
use crate::ui::ridge::{Ridges, ridge};
use crate::ui::status_line::status_line;
use crate::ui::theme;
use crate::ui::top_bar::{TopBarAction, TopBarView, top_bar};
use crate::ui::voice_tabs;
use egui::{Frame, Margin, Panel, Ui, vec2};

/// Width of a knob in a row of boxes, in points.
const KNOB: f32 = 64.0;
/// Height of everything below the ridges, in points: tabs, a row of knobs, keyboard, gaps.
const LOWER: f32 = 210.0;

/// Everything that the panel shows.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The bar at the top.
    pub bar: TopBarView,
    /// All parameters.
    pub params: Vec<ParamView>,
    /// Levels, load, notes.
    pub reading: Reading,
    /// Rate of the model, Hz.
    pub model_rate_hz: f64,
    /// The periods that the network draws, and the one that sounds.
    pub ridges: Ridges,
    /// Id of the parameter that the ridges lie along.
    pub along: &'static str,
    /// Pitches that the model was trained on, MIDI notes.
    pub trained: Option<(f32, f32)>,
    /// What became of the sound that was dropped last; empty: none was.
    pub encoded: String,
    /// Is there something to keep as automation?
    pub can_save: bool,
    /// What went wrong last.
    pub error: Option<String>,
}

/// What the user did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Actions {
    /// To parameters.
    pub edits: Vec<Edit>,
    /// In the bar at the top.
    pub bar: Vec<TopBarAction>,
    /// To the keyboard.
    pub keys: Vec<KeyPress>,
    /// The parameter that the ridges are to lie along.
    pub along: Option<&'static str>,
    /// A file dialog for a sound that sets the knobs.
    pub open_sound: bool,
    /// The movements of that sound are to be kept.
    pub save_automation: bool,
    /// The ridges are to be written as a table for other synthesizers.
    pub export_table: bool,
}

/// Draws the whole panel.
pub fn panel(ui: &mut Ui, view: &View) -> Actions {
    let mut actions = Actions::default();
    let bar = |fill| Frame::new().fill(fill).inner_margin(Margin::symmetric(12, 0));
    Panel::top("top bar").exact_size(theme::TOP_BAR).frame(bar(theme::BAR)).show(ui, |ui| {
        top_bar(ui, &view.bar, &mut actions.bar);
    });
    Panel::bottom("status line").exact_size(theme::STATUS_LINE).frame(bar(theme::BAR)).show(ui, |ui| {
        status_line(ui, &view.reading, view.model_rate_hz, view.error.as_deref());
    });
    let margin = Frame::new().fill(theme::BACKGROUND).inner_margin(Margin::same(12));
    egui::CentralPanel::default().frame(margin).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        timbre(ui, view, &mut actions);
        lower(ui, view, &mut actions.edits);
        let sounding = view.reading.notes.map_or(0, |notes| notes.keys);
        actions.keys = keyboard(ui, sounding, view.trained, ui.available_height().max(24.0));
    });
    actions
}

/// Ids of the slots that the model fills.
fn slots(view: &View) -> &'static [&'static str] {
    let count = view.bar.info.as_ref().map_or(SLOTS.len(), |info| super::params::places(info).count());
    &SLOTS[..count.min(SLOTS.len())]
}

/// The ridges, and beside them the model's own knobs over the harmonics.
fn timbre(ui: &mut Ui, view: &View, actions: &mut Actions) {
    let height = (ui.available_height() - LOWER).max(180.0);
    ui.horizontal(|ui| {
        ridge(ui, &view.ridges, find(&view.params, view.along), vec2(500.0, height), &mut actions.edits);
        ui.vertical(|ui| {
            let width = ui.available_width();
            let slots = slots(view);
            group(ui, "TIMBRE", |ui| {
                ui.set_min_width(width - 20.0);
                ui.vertical(|ui| {
                    for ids in slots.chunks(5) {
                        ui.horizontal(|ui| row(ui, &view.params, ids, KNOB, &mut actions.edits));
                    }
                });
            });
            ui.horizontal(|ui| {
                ui.label(egui::RichText::new("Along").font(theme::small()).color(theme::DIM));
                let name = |id: &str| find(&view.params, id).map_or(String::new(), |param| param.name.clone());
                let menu = egui::ComboBox::from_id_salt("along").selected_text(name(view.along)).width(90.0);
                let menu = menu.show_ui(ui, |ui| {
                    for id in slots {
                        if ui.selectable_label(*id == view.along, name(id)).clicked() {
                            actions.along = Some(id);
                        }
                    }
                });
                crate::ui::knob::named(&menu.response, "Ridges along");
                let help = "Sets the knobs from a sound: a single note of one voice. Or drop it on the window.";
                actions.open_sound = ui.button("Encode...").on_hover_text(help).clicked();
                let help = "Writes the ridges, at the knobs as they stand, as a wavetable WAV for other synthesizers.";
                actions.export_table = ui.button("Export...").on_hover_text(help).clicked();
                if view.can_save {
                    let help = "Keeps the knobs' movements beside the sound, for `doppel render wavetable --automate`.";
                    actions.save_automation = ui.button("Keep").on_hover_text(help).clicked();
                }
            });
            if !view.encoded.is_empty() {
                ui.label(egui::RichText::new(&view.encoded).font(theme::small()).color(theme::DIM));
            }
            let left = height - (ui.cursor().top() - ui.min_rect().top());
            harmonics(ui, &view.ridges.live, vec2(width, left.max(40.0)));
        });
    });
}

/// The tabs with everything behind the network.
fn lower(ui: &mut Ui, view: &View, edits: &mut Vec<Edit>) {
    let params = &view.params[..];
    let open = tabs(ui, &["Sound", "Envelopes", "Voices", "Expression"]);
    ui.horizontal(|ui| {
        ui.set_height(122.0);
        match open {
            "Envelopes" => {
                voice_tabs::envelope(ui, "LEVEL", params, ["attack", "decay", "sustain", "release"], edits);
                voice_tabs::envelope(ui, "FILTER", params, ["f_attack", "f_decay", "f_sustain", "f_release"], edits);
            }
            "Voices" => voice_tabs::voice(ui, params, edits),
            "Expression" => {
                for (title, to, by) in [
                    ("VELOCITY", "vel_to", "vel_amt"),
                    ("PRESSURE", "press_to", "press_amt"),
                    ("SLIDE", "slide_to", "slide_amt"),
                    ("WHEEL", "wheel_to", "wheel_amt"),
                ] {
                    group(ui, title, |ui| {
                        menus(ui, params, &[to], 96.0, edits);
                        row(ui, params, &[by], KNOB, edits);
                    });
                }
            }
            _ => {
                group(ui, "UNISON", |ui| {
                    row(ui, params, &["unison", "detune", "spread", "sub"], KNOB, edits);
                    if let Some(retrigger) = find(params, "retrigger") {
                        toggle(ui, retrigger, vec2(66.0, 26.0), edits);
                    }
                });
                group(ui, "FILTER", |ui| {
                    row(ui, params, &["cutoff", "resonance", "keytrack", "filter_env"], KNOB, edits);
                });
                group(ui, "OUT", |ui| {
                    row(ui, params, &["body", "vel_level", "output"], 60.0, edits);
                    meter(ui, view.reading.output_peak, 84.0);
                });
            }
        }
    });
}
