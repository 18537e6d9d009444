//! A magnitude response over log frequency, with the trail of where it was.
use super::theme;
use egui::{Align2, Color32, Pos2, Rect, Sense, Stroke, Ui, pos2, vec2};

/// Lowest frequency shown, Hz.
const LOW_HZ: f32 = 40.0;
/// Highest frequency shown, Hz.
const HIGH_HZ: f32 = 16_000.0;
/// Levels shown, dB.
const LEVELS_DB: (f32, f32) = (-36.0, 12.0);
/// Points of a curve.
pub const POINTS: usize = 180;

/// Frequencies at which a curve is measured, in Hz.
pub fn frequencies_hz() -> [f32; POINTS] {
    std::array::from_fn(|k| LOW_HZ * (HIGH_HZ / LOW_HZ).powf(k as f32 / (POINTS - 1) as f32))
}

/// Draws one curve a channel, in dB at [`frequencies_hz`].
pub fn response(ui: &mut Ui, curves_db: &[Vec<f32>], note: &str, size: egui::Vec2) {
    let (rect, hover) = ui.allocate_exact_size(size, Sense::hover());
    let painter = ui.painter_at(rect);
    painter.rect(rect, theme::ROUNDING, theme::BAR, theme::line(), egui::StrokeKind::Inside);
    let plot = rect.shrink2(vec2(10.0, 14.0));
    let x = |hz: f32| plot.left() + plot.width() * (hz / LOW_HZ).ln() / (HIGH_HZ / LOW_HZ).ln();
    let y = |db: f32| plot.top() + plot.height() * (LEVELS_DB.1 - db) / (LEVELS_DB.1 - LEVELS_DB.0);
    for hz in [50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0] {
        painter.line_segment([pos2(x(hz), plot.top()), pos2(x(hz), plot.bottom())], theme::line());
        let text = if hz < 1_000.0 { format!("{hz:.0}") } else { format!("{:.0}k", hz / 1_000.0) };
        painter.text(pos2(x(hz) + 3.0, plot.bottom()), Align2::LEFT_BOTTOM, text, theme::small(), theme::DIM);
    }
    for db in [-24.0, -12.0, 0.0] {
        painter.line_segment([pos2(plot.left(), y(db)), pos2(plot.right(), y(db))], theme::line());
        painter.text(pos2(plot.left(), y(db)), Align2::LEFT_BOTTOM, format!("{db:.0} dB"), theme::small(), theme::DIM);
    }
    let frequencies = frequencies_hz();
    for (curve, colour) in curves_db.iter().zip([theme::ACCENT, theme::SECOND]).rev() {
        let points: Vec<Pos2> =
            frequencies.iter().zip(curve).map(|(hz, db)| pos2(x(*hz), y(db.clamp(LEVELS_DB.0, LEVELS_DB.1)))).collect();
        shade(&painter, &points, plot, colour.gamma_multiply(0.10));
        painter.line(points, Stroke::new(2.0, colour));
    }
    painter.text(plot.right_top(), Align2::RIGHT_TOP, note, theme::small(), theme::DIM);
    hover.on_hover_text("Measured from the playing model at the sweep's present place, 30 times a second.");
}

/// Fills the space under a curve with thin upright quads: egui only fills convex shapes.
fn shade(painter: &egui::Painter, points: &[Pos2], plot: Rect, colour: Color32) {
    let mut mesh = egui::Mesh::default();
    for point in points {
        mesh.colored_vertex(*point, colour);
        mesh.colored_vertex(pos2(point.x, plot.bottom()), Color32::TRANSPARENT);
    }
    for k in 0..points.len().saturating_sub(1) as u32 {
        mesh.add_triangle(2 * k, 2 * k + 1, 2 * k + 2);
        mesh.add_triangle(2 * k + 1, 2 * k + 2, 2 * k + 3);
    }
    painter.add(mesh);
}
