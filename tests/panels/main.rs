//! The panels as a user sees them: pictures at three scales, and what a click does.
mod phaser;
mod sound_model;
mod wavetable;

use egui::{Ui, Vec2};
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use plugin::shell::SIZE;
use plugin::ui::theme;

/// Pixels that may differ: another software renderer rounds edges of glyphs and lines otherwise.
const FAILED_PIXELS: usize = 6_000;

/// A panel in a window at a scale; `draw` notes in the state what the user did.
fn harness<A: Default + 'static>(mut draw: impl FnMut(&mut Ui, &mut A) + 'static, scale: f32) -> Harness<'static, A> {
    let mut dressed = false;
    let mut harness = Harness::builder()
        .with_size(Vec2::new(SIZE.0, SIZE.1))
        .with_pixels_per_point(scale)
        .with_step_dt(1.0 / 60.0)
        .wgpu()
        .build_ui_state(
            move |ui, actions: &mut A| {
                if !dressed {
                    theme::apply(ui.ctx());
                    dressed = true;
                }
                draw(ui, actions);
            },
            A::default(),
        );
    harness.run_steps(3);
    harness
}

/// Holds a panel to its pictures at three scales.
fn looks_as_it_should<A: Default + 'static>(name: &str, panel: impl Fn(f32) -> Harness<'static, A>) {
    let mut results = SnapshotResults::new();
    for (scale, label) in [(1.0, "1x"), (1.5, "1.5x"), (2.0, "2x")] {
        let options = SnapshotOptions::new().threshold(2.0).max_failed_pixels(FAILED_PIXELS);
        results.add(panel(scale).try_snapshot_options(format!("{name}_{label}"), &options));
    }
}
