//! Tabs that every instrument which is played has: its envelope, and how notes become voices.
use super::boxes::{find, group, menus, row, set, toggle};
use super::param::{Edit, ParamView};
use super::theme;
use egui::{Sense, Stroke, Ui, pos2, vec2};

/// Width of a knob in these tabs, in points.
const KNOB: f32 = 66.0;
/// Size of a button, in points.
const BUTTON: egui::Vec2 = vec2(64.0, 24.0);

/// An envelope of four parameters drawn and as knobs.
pub fn envelope(ui: &mut Ui, title: &str, params: &[ParamView], ids: [&str; 4], edits: &mut Vec<Edit>) {
    group(ui, title, |ui| {
        curve(ui, ids.map(|id| find(params, id).map_or(0.0, |param| param.value)));
        row(ui, params, &ids, KNOB, edits);
    });
}

/// The shape of an envelope whose knobs stand at these places, 0..1.
fn curve(ui: &mut Ui, [attack, decay, sustain, release]: [f32; 4]) {
    let (rect, response) = ui.allocate_exact_size(vec2(110.0, 86.0), Sense::hover());
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, theme::ROUNDING, theme::BAR);
    let inner = rect.shrink(8.0);
    let quarter = inner.width() / 4.0;
    let point = |x: f32, level: f32| pos2(inner.left() + x * quarter, inner.bottom() - level * inner.height());
    // Each stage has a quarter of the width at the end of its knob's way; the note is held for the third.
    let (top, held, end) = (attack, attack + decay, attack + decay + 1.0);
    let mut line = vec![point(0.0, 0.0), point(top, 1.0)];
    let fall = |from: f32, to: f32, x: f32, width: f32| {
        (1..=12).map(move |k| {
            let share = k as f32 / 12.0;
            (x + width * share, to + (from - to) * (-4.0 * share).exp())
        })
    };
    line.extend(fall(1.0, sustain, top, decay).map(|(x, level)| point(x, level)));
    line.extend([point(held, sustain), point(end, sustain)]);
    line.extend(fall(sustain, 0.0, end, release).map(|(x, level)| point(x, level)));
    painter.line(line, Stroke::new(1.5, theme::ACCENT));
    response.on_hover_text("Level in time; the knobs' own scales, not seconds.");
}

/// How notes become voices.
pub fn voice(ui: &mut Ui, params: &[ParamView], edits: &mut Vec<Edit>) {
    group(ui, "VOICES", |ui| {
        menus(ui, params, &["mode", "priority"], 84.0, edits);
        row(ui, params, &["voices"], KNOB, edits);
    });
    group(ui, "PITCH", |ui| {
        row(ui, params, &["tune", "bend", "glide"], KNOB, edits);
        ui.vertical(|ui| {
            menus(ui, params, &["glide_when"], 84.0, edits);
            ui.add_space(6.0);
            if let Some(mpe) = find(params, "mpe") {
                toggle(ui, mpe, BUTTON, edits);
            }
        });
    });
    group(ui, "CHANCE", |ui| {
        row(ui, params, &["seed"], KNOB, edits);
        if let Some(seed) = find(params, "seed") {
            let dice = ui.add_sized(BUTTON, egui::Button::new("Dice"));
            if dice.on_hover_text("Another seed").clicked() {
                // The pointer's place and the time are chance enough for a seed.
                let (time, at) = ui.input(|i| (i.time, i.pointer.latest_pos().unwrap_or_default()));
                let drawn = (time * 7919.0 + f64::from(at.x) * 0.618 + f64::from(at.y) * 0.382).fract() as f32;
                set(seed, drawn.max(1e-3), edits);
            }
        }
    });
}
