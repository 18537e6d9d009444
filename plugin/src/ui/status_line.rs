//! The line at the bottom: rates, latency, load, voices, guard, version; or what is wrong.
use super::theme;
use crate::scope::Reading;
use egui::{RichText, Ui};

/// Draws the line; an error takes the place of the figures.
pub fn status_line(ui: &mut Ui, reading: &Reading, model_rate_hz: f64, error: Option<&str>) {
    ui.horizontal_centered(|ui| {
        let text = |text: String| RichText::new(text).font(theme::small()).color(theme::DIM);
        if let Some(error) = error {
            ui.label(RichText::new(error).font(theme::small()).color(theme::WARNING)).on_hover_text(error);
            return;
        }
        if reading.host_rate_hz > 0.0 {
            let latency_ms = 1e3 * reading.latency_samples as f32 / reading.host_rate_hz;
            ui.label(text(format!("host {:.1} kHz, model {:.1} kHz", reading.host_rate_hz / 1e3, model_rate_hz / 1e3)));
            ui.separator();
            ui.label(text(format!("latency {} samples, {latency_ms:.1} ms", reading.latency_samples)));
            ui.separator();
            ui.label(text(format!("load {:.1} %, worst {:.1} %", 100.0 * reading.load, 100.0 * reading.worst_load)));
            ui.separator();
            if let Some(notes) = reading.notes {
                let voices = format!("voices {} of {}", notes.voices, notes.cap);
                let shown = if notes.is_capped {
                    text(format!("{voices}, limited by load")).color(theme::WARNING)
                } else {
                    text(voices)
                };
                ui.label(shown).on_hover_text(
                    "Voices that sound, and how many may. Limited by load: this computer cannot keep up with more.",
                );
                ui.separator();
            }
            let guard = text(format!("guard {}", reading.guard_events));
            ui.label(if reading.guard_events > 0 { guard.color(theme::WARNING) } else { guard })
                .on_hover_text("How often a sound that was not finite was kept from the output.");
        } else {
            ui.label(text("waiting for the host to start audio".into()));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(text(format!("Doppel {}", env!("CARGO_PKG_VERSION"))));
        });
    });
}
