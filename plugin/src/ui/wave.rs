//! The sound's last samples as a line that stands still while a note does.
use super::theme;
use egui::{Sense, Stroke, Ui, Vec2, pos2};

/// Draws samples from their first rising zero on, so that a steady tone does not run.
pub fn wave(ui: &mut Ui, samples: &[f32], size: Vec2) {
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, theme::ROUNDING, theme::BOX);
    let inner = rect.shrink(8.0);
    painter.line_segment([inner.left_center(), inner.right_center()], theme::line());
    let shown = from_rising_zero(samples);
    let peak = shown.iter().fold(0.05f32, |peak, x| peak.max(x.abs()));
    let place = |(k, x): (usize, &f32)| {
        let along = k as f32 / (shown.len() - 1).max(1) as f32;
        pos2(inner.left() + along * inner.width(), inner.center().y - 0.5 * inner.height() * x / peak)
    };
    painter.line(shown.iter().enumerate().map(place).collect(), Stroke::new(1.5, theme::SECOND));
    response.on_hover_text("The last samples of the left channel.");
}

/// Half of the samples, from the first rising zero in the other half on.
fn from_rising_zero(samples: &[f32]) -> &[f32] {
    let half = samples.len() / 2;
    let start = samples[..half].windows(2).position(|pair| pair[0] <= 0.0 && pair[1] > 0.0).unwrap_or(0);
    &samples[start..start + half]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_drawn_from_its_zero_wherever_it_was_caught() {
        for shift in 0..7 {
            let tone: Vec<f32> = (0..64).map(|n| ((n + shift) as f32 * 0.9).sin()).collect();
            let shown = from_rising_zero(&tone);
            assert!(shown.len() == 32 && shown[0] <= 0.0 && shown[1] > 0.0, "{shift}");
        }
        assert!(from_rising_zero(&[]).is_empty());
    }
}
