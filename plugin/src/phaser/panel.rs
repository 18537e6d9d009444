//! The panel of Doppel Phaser: draws from a view, returns what the user did.
use crate::scope::Reading;
use crate::ui::boxes::{find, group, row, toggle};
use crate::ui::knob::{SIZE as SIZE_OF_KNOB, menu};
use crate::ui::lfo_dial::lfo_dial;
use crate::ui::meter::meter;
use crate::ui::param::{Edit, ParamView};
use crate::ui::response::response;
use crate::ui::status_line::status_line;
use crate::ui::theme;
use crate::ui::top_bar::{TopBarAction, TopBarView, top_bar};
use egui::{Align, Frame, Layout, Margin, Panel, RichText, Ui, vec2};

/// Ids of the parameters that a model's further controls take.
const SLOTS: [&str; 4] = ["ctl1", "ctl2", "ctl3", "ctl4"];
/// Width of all that stands beside the knobs in their row: boxes, gaps, meters, the bypass button.
const BESIDE_KNOBS: f32 = 170.0;

/// Everything that the panel shows.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The bar at the top.
    pub bar: TopBarView,
    /// All parameters.
    pub params: Vec<ParamView>,
    /// Levels, phases, load.
    pub reading: Reading,
    /// Rate of the model, Hz.
    pub model_rate_hz: f64,
    /// Measured magnitude response of each channel, dB.
    pub curves_db: Vec<Vec<f32>>,
    /// The sweep over a turn of the LFO, 0..1, measured; empty if there is none.
    pub shape: Vec<f32>,
    /// May a recording be chosen?
    pub can_align: bool,
    /// What became of the recording chosen last; empty: none was.
    pub aligned: String,
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
    /// File dialogs for a recording that the LFO is to be in step with.
    pub align: bool,
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
        sweep(ui, view, &mut actions);
        ui.add_space(4.0);
        knobs(ui, view, &mut actions.edits);
        ui.add_space(4.0);
        let aligned = RichText::new(&view.aligned).font(theme::small()).color(theme::DIM);
        ui.add(egui::Label::new(aligned).truncate());
    });
    actions
}

/// The dial with what moves it, and the moving response.
fn sweep(ui: &mut Ui, view: &View, actions: &mut Actions) {
    let height = (ui.available_height() - 150.0).max(180.0);
    ui.horizontal(|ui| {
        Frame::new().fill(theme::BOX).corner_radius(theme::ROUNDING).inner_margin(Margin::same(10)).show(ui, |ui| {
            ui.set_min_height(height - 20.0);
            ui.set_width(210.0);
            ui.vertical(|ui| {
                let channels = (view.reading.channels as usize).clamp(1, 2);
                let synced = find(&view.params, "lfo_mode").is_some_and(|mode| mode.text.eq_ignore_ascii_case("sync"));
                let shown = if synced { find(&view.params, "division") } else { find(&view.params, "rate") };
                let rate = shown.map_or("", |param| param.text.as_str());
                ui.vertical_centered(|ui| {
                    let size = (height - 136.0).min(170.0);
                    lfo_dial(ui, &view.reading.phases_turns[..channels], &view.shape, rate, size)
                });
                ui.horizontal(|ui| {
                    for (id, width) in [("lfo_mode", 80.0), ("sync", 80.0)] {
                        if let Some(param) = find(&view.params, id) {
                            menu(ui, param, width, &mut actions.edits);
                        }
                    }
                });
                ui.horizontal(|ui| {
                    if let Some(param) = find(&view.params, "division") {
                        menu(ui, param, 80.0, &mut actions.edits);
                    }
                    ui.with_layout(Layout::bottom_up(Align::Min), |ui| {
                        let help = "Sets rate, phase and mode so that the sweep is in step with a recording of the hardware: asks for \
                                    the dry sound, then for what came back. Rest the song where the recording begins. Or drop \
                                    both files on the window.";
                        let button = egui::Button::new("Align...").min_size(vec2(80.0, 0.0));
                        actions.align = ui.add_enabled(view.can_align, button).on_hover_text(help).clicked();
                    });
                });
            });
        });
        let note = if view.curves_db.is_empty() { "" } else { "measured from the model" };
        response(ui, &view.curves_db, note, vec2(ui.available_width(), height));
    });
}

/// The knobs in three boxes.
fn knobs(ui: &mut Ui, view: &View, edits: &mut Vec<Edit>) {
    // A knob that the model has no control for is not drawn; many knobs are drawn narrower.
    let info = view.bar.info.as_ref();
    let has_colour = info.is_none_or(|info| info.control("colour").is_some());
    let further = info.map_or(0, further_controls).min(SLOTS.len());
    let lfo = ["rate", "phase", "stereo_phase", "drift"];
    let tone = [&["colour", "depth"][usize::from(!has_colour)..], &SLOTS[..further]].concat();
    let level = ["input", "mix", "output"];
    let count = lfo.len() + tone.len() + level.len();
    let width = ((ui.available_width() - BESIDE_KNOBS) / count as f32).min(SIZE_OF_KNOB.x);
    let params = &view.params[..];
    ui.horizontal(|ui| {
        group(ui, "LFO", |ui| row(ui, params, &lfo, width, edits));
        group(ui, "TONE", |ui| row(ui, params, &tone, width, edits));
        group(ui, "LEVEL", |ui| {
            meter(ui, view.reading.input_peak, 84.0);
            row(ui, params, &level, width, edits);
            meter(ui, view.reading.output_peak, 84.0);
        });
        if let Some(bypass) = find(params, "bypass") {
            toggle(ui, bypass, vec2(ui.available_width().max(60.0), 116.0), edits);
        }
    });
}

/// Controls of a model that take the numbered slots.
fn further_controls(info: &kernels::checkpoint::ModelInfo) -> usize {
    info.controls.iter().filter(|control| !["rate", "colour", "depth"].contains(&control.id.as_str())).count()
}
