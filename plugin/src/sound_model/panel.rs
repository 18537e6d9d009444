//! The panel of Doppel Sound Model: draws from a view, returns what the user did.
use super::params::{SLOTS, places};
use crate::scope::Reading;
use crate::ui::boxes::{find, group, menus, row, tabs};
use crate::ui::keyboard::{KeyPress, keyboard};
use crate::ui::meter::meter;
use crate::ui::pad::{Dot, Map, pad};
use crate::ui::param::{Edit, ParamView};
use crate::ui::status_line::status_line;
use crate::ui::theme;
use crate::ui::top_bar::{TopBarAction, TopBarView, top_bar};
use crate::ui::voice_tabs;
use crate::ui::wave::wave;
use egui::{Frame, Margin, Panel, Ui, vec2};

/// Width of a knob in a row of boxes, in points.
const KNOB: f32 = 66.0;
/// Height of everything below the pad, in points: tabs, a row of knobs, keyboard, gaps.
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
    /// What the file says of its space.
    pub map: Map,
    /// The voices.
    pub dots: Vec<Dot>,
    /// Where they were, with their age, 0 new to 1 gone.
    pub trail: Vec<(Dot, f32)>,
    /// The last samples.
    pub wave: Vec<f32>,
    /// Pitches that the model was trained on, MIDI notes.
    pub trained: Option<(f32, f32)>,
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
        timbre(ui, view, &mut actions.edits);
        lower(ui, view, &mut actions.edits);
        let sounding = view.reading.notes.map_or(0, |notes| notes.keys);
        actions.keys = keyboard(ui, sounding, view.trained, ui.available_height().max(24.0));
    });
    actions
}

/// The pad, and beside it how samples are drawn, over the sound.
fn timbre(ui: &mut Ui, view: &View, edits: &mut Vec<Edit>) {
    let height = (ui.available_height() - LOWER).max(180.0);
    let params = &view.params[..];
    let count = view.bar.info.as_ref().map_or(SLOTS.len(), |info| places(info).count());
    let slots = &SLOTS[..count];
    let axes = [0, 1].map(|axis| slots.get(axis).and_then(|id| find(params, id)));
    let x = axes[0].map_or(String::new(), |x| format!("{}  {}", x.name, x.text));
    let y = axes[1].map_or("Pitch".into(), |y| format!("{}  {}", y.name, y.text));
    ui.horizontal(|ui| {
        pad(ui, &view.map, axes, [&x, &y], &view.dots, &view.trail, vec2(440.0, height), edits);
        ui.vertical(|ui| {
            let width = ui.available_width();
            ui.horizontal(|ui| {
                group(ui, "CHANCE", |ui| {
                    row(ui, params, &["temp", "top_k"], KNOB, edits);
                    menus(ui, params, &["outside"], 84.0, edits);
                });
                if slots.len() > 2 {
                    group(ui, "FURTHER TIMBRES", |ui| row(ui, params, &slots[2..], 42.0, edits));
                }
            });
            let left = height - (ui.cursor().top() - ui.min_rect().top());
            wave(ui, &view.wave, vec2(width, left.max(40.0)));
        });
    });
}

/// The tabs with everything behind the network.
fn lower(ui: &mut Ui, view: &View, edits: &mut Vec<Edit>) {
    let params = &view.params[..];
    let open = tabs(ui, &["Play", "Envelope", "Voices"]);
    ui.horizontal(|ui| {
        ui.set_height(122.0);
        match open {
            "Envelope" => {
                voice_tabs::envelope(ui, "LEVEL", params, ["attack", "decay", "sustain", "release"], edits);
            }
            "Voices" => voice_tabs::voice(ui, params, edits),
            _ => {
                group(ui, "TIMBRE BY", |ui| row(ui, params, &["vel_tim", "slide_tim", "press_tim"], 96.0, edits));
                group(ui, "PITCH", |ui| row(ui, params, &["vibrato", "glide", "tune"], KNOB, edits));
                group(ui, "OUT", |ui| {
                    row(ui, params, &["vel_level", "output"], KNOB, edits);
                    meter(ui, view.reading.output_peak, 84.0);
                });
            }
        }
    });
}
