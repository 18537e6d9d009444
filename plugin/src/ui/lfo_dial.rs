//! The LFO as a dial: the shape of a turn, and a dot on it for each channel where its sweep stands.
use super::theme;
use egui::{Align2, Color32, Sense, Stroke, Ui, vec2};
use std::f32::consts::TAU;

/// Radii of the lowest and the highest place of the sweep, of the dial's.
const RADII: (f32, f32) = (0.45, 0.93);

/// Draws the phases (turns, 0 at the top, clockwise) of one or two channels on the sweep's measured shape: its place 0..1 at
/// even steps of a turn, inside low and outside high. Without a shape the dots run on the rim.
pub fn lfo_dial(ui: &mut Ui, phases_turns: &[f32], shape: &[f32], rate: &str, size: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(size, size), Sense::hover());
    let (centre, radius, painter) = (rect.center(), 0.42 * size, ui.painter());
    let place = |turns: f32, radius: f32| {
        let angle = TAU * (turns - 0.25);
        centre + radius * vec2(angle.cos(), angle.sin())
    };
    let at = |turns: f32| {
        let sweep = sweep_at(shape, turns).map_or(1.0, |place| RADII.0 + (RADII.1 - RADII.0) * place);
        place(turns, radius * sweep)
    };
    painter.circle(centre, radius, theme::BAR, Stroke::new(3.0, theme::TRACK));
    for k in 0..16 {
        let length = if k % 4 == 0 { 7.0 } else { 3.0 };
        let turns = k as f32 / 16.0;
        painter.line_segment([place(turns, radius - 2.0), place(turns, radius - 2.0 - length)], theme::line());
    }
    if !shape.is_empty() {
        let outline = (0..=96).map(|k| at(k as f32 / 96.0)).collect();
        painter.line(outline, Stroke::new(1.5, theme::DIM));
    }
    // The right channel first, so that the left is seen where both coincide.
    for (turns, colour) in phases_turns.iter().zip([theme::ACCENT, theme::SECOND]).rev() {
        for k in 0..12 {
            let fade = 1.0 - k as f32 / 12.0;
            painter.circle_filled(at(turns - 0.008 * k as f32), 5.5 * fade, faded(colour, 0.5 * fade));
        }
        painter.circle_filled(at(*turns), 6.0, colour);
    }
    painter.text(centre, Align2::CENTER_CENTER, rate, theme::title(), theme::TEXT);
    response.on_hover_text(
        "The sweep over a turn of the LFO, measured from the model: outside high, inside low. Left channel orange, right blue.",
    );
}

/// The shape at a phase, along straight lines.
fn sweep_at(shape: &[f32], turns: f32) -> Option<f32> {
    let place = turns.rem_euclid(1.0) * shape.len() as f32;
    let (low, share) = (place as usize, place.fract());
    let value = |k: usize| shape.get(k % shape.len().max(1)).copied();
    Some(value(low)? * (1.0 - share) + value(low + 1)? * share)
}

fn faded(colour: Color32, by: f32) -> Color32 {
    colour.gamma_multiply(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_read_round_the_turn() {
        let shape = [0.0, 1.0, 0.5, 0.25];
        assert_eq!(sweep_at(&shape, 0.25), Some(1.0));
        assert_eq!(sweep_at(&shape, 1.125), Some(0.5));
        assert_eq!(sweep_at(&shape, -0.125), Some(0.125));
        assert_eq!(sweep_at(&[], 0.3), None);
    }
}
