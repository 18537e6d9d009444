//! Levels of a period's harmonics as bars.
use super::theme;
use egui::{Align2, Rect, Sense, Ui, Vec2, pos2};
use std::f32::consts::TAU;

/// Lowest level shown, dB below the loudest.
const FLOOR_DB: f32 = -72.0;
/// Harmonics shown.
const COUNT: usize = 48;

/// Levels of a period's harmonics in dB below the loudest.
pub fn levels_db(period: &[f32]) -> Vec<f32> {
    let turn = TAU / period.len().max(1) as f32;
    let level = |harmonic: usize| {
        let sum = period.iter().enumerate().fold([0.0f32; 2], |[re, im], (n, x)| {
            let (sin, cos) = (turn * (harmonic * n % period.len()) as f32).sin_cos();
            [re + x * cos, im + x * sin]
        });
        sum[0].hypot(sum[1])
    };
    let levels: Vec<f32> = (1..=COUNT.min(period.len() / 2)).map(level).collect();
    let loudest = levels.iter().fold(1e-9f32, |loudest, level| loudest.max(*level));
    levels.into_iter().map(|level| 20.0 * (level / loudest).max(1e-9).log10()).collect()
}

/// Draws the harmonics of a period.
pub fn harmonics(ui: &mut Ui, period: &[f32], size: Vec2) {
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, theme::ROUNDING, theme::BOX);
    let inner = rect.shrink(8.0);
    let width = inner.width() / COUNT as f32;
    for (k, db) in levels_db(period).into_iter().enumerate() {
        let height = inner.height() * (1.0 - db / FLOOR_DB).clamp(0.0, 1.0);
        let left = inner.left() + k as f32 * width;
        let bar = Rect::from_min_max(pos2(left, inner.bottom() - height), pos2(left + 0.7 * width, inner.bottom()));
        painter.rect_filled(bar, 1.0, theme::SECOND);
    }
    painter.text(inner.right_top(), Align2::RIGHT_TOP, "harmonics, 72 dB", theme::small(), theme::DIM);
    response.on_hover_text("Levels of the harmonics of the period that sounds, below the loudest.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_two_sines_has_two_bars() {
        let period: Vec<f32> = (0..256)
            .map(|n| {
                let phase = TAU * n as f32 / 256.0;
                phase.sin() + 0.1 * (5.0 * phase).cos()
            })
            .collect();
        let levels = levels_db(&period);
        assert!(levels[0].abs() < 1e-4 && (levels[4] + 20.0).abs() < 0.01, "{levels:?}");
        assert!(levels.iter().enumerate().all(|(k, db)| [0, 4].contains(&k) || *db < -80.0), "{levels:?}");
    }

    #[test]
    fn silence_and_nothing_at_all_are_drawn_without_harm() {
        assert!(levels_db(&[0.0; 64]).iter().all(|db| db.is_finite()));
        assert!(levels_db(&[]).is_empty());
    }
}
