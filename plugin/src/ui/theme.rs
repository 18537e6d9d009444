//! Every colour, size and spacing of the panels.
use egui::{Color32, CornerRadius, FontId, Stroke, Visuals};

/// Behind everything.
pub const BACKGROUND: Color32 = Color32::from_rgb(0x14, 0x16, 0x1b);
/// Bars at the top and bottom.
pub const BAR: Color32 = Color32::from_rgb(0x1b, 0x1e, 0x25);
/// Boxes around groups.
pub const BOX: Color32 = Color32::from_rgb(0x1f, 0x23, 0x2b);
/// Lines of grids and borders.
pub const LINE: Color32 = Color32::from_rgb(0x33, 0x39, 0x45);
/// Tracks of knobs and meters.
pub const TRACK: Color32 = Color32::from_rgb(0x3a, 0x41, 0x4e);
/// Words.
pub const TEXT: Color32 = Color32::from_rgb(0xd9, 0xdd, 0xe4);
/// Words that matter less.
pub const DIM: Color32 = Color32::from_rgb(0x8c, 0x95, 0xa4);
/// What is set and what moves; the left channel.
pub const ACCENT: Color32 = Color32::from_rgb(0xf2, 0xa6, 0x5a);
/// The right channel.
pub const SECOND: Color32 = Color32::from_rgb(0x6c, 0xb8, 0xd6);
/// The span that a model was trained on.
pub const TRAINED: Color32 = Color32::from_rgb(0x6f, 0x7c, 0x5e);
/// Something is wrong.
pub const WARNING: Color32 = Color32::from_rgb(0xe5, 0x6b, 0x6b);

/// Space between things, in points.
pub const GAP: f32 = 8.0;
/// Rounding of boxes.
pub const ROUNDING: CornerRadius = CornerRadius::same(6);
/// Height of the bar at the top.
pub const TOP_BAR: f32 = 46.0;
/// Height of the status line.
pub const STATUS_LINE: f32 = 26.0;

/// Names of knobs, status line.
pub fn small() -> FontId {
    FontId::proportional(11.5)
}

/// Values, buttons.
pub fn normal() -> FontId {
    FontId::proportional(13.0)
}

/// The plug-in's name.
pub fn title() -> FontId {
    FontId::proportional(17.0)
}

/// A thin line.
pub fn line() -> Stroke {
    Stroke::new(1.0, LINE)
}

/// Dresses egui's own widgets.
pub fn apply(context: &egui::Context) {
    let mut visuals = Visuals::dark();
    visuals.panel_fill = BACKGROUND;
    visuals.window_fill = BOX;
    visuals.override_text_color = Some(TEXT);
    visuals.extreme_bg_color = BACKGROUND;
    visuals.selection.bg_fill = ACCENT.gamma_multiply(0.45);
    visuals.widgets.inactive.weak_bg_fill = BOX;
    visuals.widgets.inactive.bg_fill = BOX;
    visuals.widgets.inactive.bg_stroke = line();
    visuals.widgets.hovered.weak_bg_fill = TRACK;
    visuals.widgets.hovered.bg_stroke = Stroke::new(1.0, DIM);
    visuals.widgets.active.weak_bg_fill = TRACK;
    for widget in [&mut visuals.widgets.inactive, &mut visuals.widgets.hovered, &mut visuals.widgets.active] {
        widget.corner_radius = CornerRadius::same(4);
    }
    context.set_visuals(visuals);
    context.all_styles_mut(|style| {
        style.override_font_id = Some(normal());
        style.spacing.item_spacing = egui::vec2(GAP, GAP);
        style.interaction.tooltip_delay = 0.6;
        style.interaction.selectable_labels = false;
    });
}
