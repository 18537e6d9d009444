//! Boxes of knobs, rows, switches and tabs: what panels are laid out with.
use super::knob::{SIZE as SIZE_OF_KNOB, knob, menu, tooltip};
use super::param::{Edit, Gesture, ParamView};
use super::theme;
use egui::{Frame, Margin, RichText, Ui, Vec2, vec2};

/// The parameter with an id.
pub fn find<'a>(params: &'a [ParamView], id: &str) -> Option<&'a ParamView> {
    params.iter().find(|param| param.id == id)
}

/// A box with a title.
pub fn group(ui: &mut Ui, title: &str, content: impl FnOnce(&mut Ui)) {
    let frame = Frame::new().fill(theme::BOX).corner_radius(theme::ROUNDING).inner_margin(Margin::symmetric(8, 6));
    frame.show(ui, |ui| {
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.label(RichText::new(title).font(theme::small()).color(theme::DIM));
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 2.0;
                content(ui);
            });
        });
    });
}

/// Knobs side by side, each at most as wide as a knob is.
pub fn row(ui: &mut Ui, params: &[ParamView], ids: &[&str], width: f32, edits: &mut Vec<Edit>) {
    for param in ids.iter().filter_map(|id| find(params, id)) {
        knob(ui, param, width.min(SIZE_OF_KNOB.x), edits);
    }
}

/// Menus under each other.
pub fn menus(ui: &mut Ui, params: &[ParamView], ids: &[&str], width: f32, edits: &mut Vec<Edit>) {
    ui.vertical(|ui| {
        for param in ids.iter().filter_map(|id| find(params, id)) {
            menu(ui, param, width, edits);
        }
    });
}

/// A parameter that is on or off, as a button that is lit while it is on.
pub fn toggle(ui: &mut Ui, param: &ParamView, size: Vec2, edits: &mut Vec<Edit>) {
    let on = param.value > 0.5;
    let text = RichText::new(&param.name).color(if on { theme::BACKGROUND } else { theme::TEXT });
    let button = ui.add_sized(size, egui::Button::new(text).fill(if on { theme::ACCENT } else { theme::BOX }));
    if button.on_hover_ui(|ui| tooltip(ui, param)).clicked() {
        set(param, if on { 0.0 } else { 1.0 }, edits);
    }
}

/// A whole gesture that sets a parameter, 0..1.
pub fn set(param: &ParamView, value: f32, edits: &mut Vec<Edit>) {
    edits.extend([(param.id, Gesture::Begin), (param.id, Gesture::Set(value)), (param.id, Gesture::End)]);
}

/// Tabs of which one is open; remembered while the window is.
pub fn tabs<'a>(ui: &mut Ui, names: &[&'a str]) -> &'a str {
    let id = ui.scope_id().with("tab");
    let mut open: usize = ui.data(|data| data.get_temp(id)).unwrap_or(0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for (place, name) in names.iter().enumerate() {
            let is_open = place == open;
            let text = RichText::new(*name).color(if is_open { theme::ACCENT } else { theme::DIM });
            let fill = if is_open { theme::BOX } else { theme::BACKGROUND };
            if ui.add_sized(vec2(92.0, 22.0), egui::Button::new(text).fill(fill)).clicked() {
                open = place;
            }
        }
    });
    ui.data_mut(|data| data.insert_temp(id, open));
    names[open.min(names.len() - 1)]
}
