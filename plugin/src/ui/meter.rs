//! A level meter: yellow from -3 dB, red from 0 dB.
use super::theme;
use egui::{Color32, Rect, Sense, Ui, pos2, vec2};

/// Lowest level shown, dB.
const FLOOR_DB: f32 = -60.0;
/// Highest level shown, dB.
const TOP_DB: f32 = 6.0;
/// Yellow.
const LOUD: Color32 = Color32::from_rgb(0xe3, 0xc8, 0x54);

/// Draws a peak (linear) as an upright bar.
pub fn meter(ui: &mut Ui, peak: f32, height: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(8.0, height), Sense::hover());
    let db = 20.0 * peak.max(1e-6).log10();
    let at = |db: f32| rect.bottom() - rect.height() * ((db - FLOOR_DB) / (TOP_DB - FLOOR_DB)).clamp(0.0, 1.0);
    ui.painter().rect_filled(rect, 2.0, theme::TRACK);
    for (from, to, colour) in [(FLOOR_DB, -3.0, theme::TRAINED), (-3.0, 0.0, LOUD), (0.0, TOP_DB, theme::WARNING)] {
        if db > from {
            let part = Rect::from_min_max(pos2(rect.left(), at(db.min(to))), pos2(rect.right(), at(from)));
            ui.painter().rect_filled(part, 2.0, colour);
        }
    }
    response.on_hover_text(if peak > 0.0 { format!("{db:.1} dBFS") } else { "silent".into() });
}
