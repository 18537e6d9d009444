//! The LFO as a dial: a dot for each channel where its sweep stands.
use super::theme;
use egui::{Align2, Color32, Sense, Stroke, Ui, vec2};
use std::f32::consts::TAU;

/// Draws the phases (turns, 0 at the top, clockwise) of one or two channels.
pub fn lfo_dial(ui: &mut Ui, phases_turns: &[f32], rate: &str, size: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(size, size), Sense::hover());
    let (centre, radius, painter) = (rect.center(), 0.42 * size, ui.painter());
    let place = |turns: f32, radius: f32| {
        let angle = TAU * (turns - 0.25);
        centre + radius * vec2(angle.cos(), angle.sin())
    };
    painter.circle(centre, radius, theme::BAR, Stroke::new(3.0, theme::TRACK));
    for k in 0..16 {
        let length = if k % 4 == 0 { 7.0 } else { 3.0 };
        let turns = k as f32 / 16.0;
        painter.line_segment([place(turns, radius - 4.0), place(turns, radius - 4.0 - length)], theme::line());
    }
    // The right channel first, so that the left is seen where both coincide.
    for (turns, colour) in phases_turns.iter().zip([theme::ACCENT, theme::SECOND]).rev() {
        for k in 0..12 {
            let fade = 1.0 - k as f32 / 12.0;
            painter.circle_filled(place(turns - 0.008 * k as f32, radius), 5.5 * fade, faded(colour, 0.5 * fade));
        }
        painter.circle_filled(place(*turns, radius), 6.0, colour);
    }
    painter.text(centre, Align2::CENTER_CENTER, rate, theme::title(), theme::TEXT);
    response.on_hover_text("Where the sweep stands: left channel orange, right blue; the highest notches at the top.");
}

fn faded(colour: Color32, by: f32) -> Color32 {
    colour.gamma_multiply(by)
}
