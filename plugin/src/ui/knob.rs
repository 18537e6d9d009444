//! A knob: drag, Shift or Ctrl for fine, double-click for the default, wheel, click on the value to type it.
use super::param::{Edit, Gesture, ParamView};
use super::{keys, theme};
use egui::{Align2, Id, Key, Pos2, Rect, Response, Sense, Stroke, TextEdit, Ui, Vec2, pos2, vec2};
use std::f32::consts::PI;

/// Largest width of a knob with its name and value, and its height, in points.
pub const SIZE: Vec2 = vec2(74.0, 92.0);
/// Radius of the arc.
const RADIUS: f32 = 22.0;
/// The arc leaves a gap of a quarter turn at the bottom.
const START: f32 = 0.75 * PI;
/// Length of the arc.
const SWEEP: f32 = 1.5 * PI;

/// Draws a parameter as a knob of so many points in width and notes what the user does to it.
pub fn knob(ui: &mut Ui, view: &ParamView, width: f32, edits: &mut Vec<Edit>) -> Response {
    let (rect, _) = ui.allocate_exact_size(vec2(width, SIZE.y), Sense::hover());
    let dial = Rect::from_min_size(rect.min, vec2(width, SIZE.y - 20.0));
    let response = ui.interact(dial, ui.scope_id().with(view.id), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Slider, true, &view.name));
    gestures(ui, view, &response, edits);

    let painter = ui.painter();
    painter.text(rect.center_top(), Align2::CENTER_TOP, &view.name, theme::small(), theme::DIM);
    let centre = pos2(rect.center().x, rect.top() + 18.0 + RADIUS + 4.0);
    arc(painter, centre, RADIUS, (0.0, 1.0), Stroke::new(4.0, theme::TRACK));
    if let Some(span) = view.trained {
        arc(painter, centre, RADIUS + 5.0, span, Stroke::new(2.0, theme::TRAINED));
    }
    let span = (view.value.min(view.origin), view.value.max(view.origin));
    arc(painter, centre, RADIUS, span, Stroke::new(4.0, theme::ACCENT));
    let hot = response.hovered() || response.dragged();
    painter.circle_filled(centre, RADIUS - 6.0, if hot { theme::TRACK } else { theme::BAR });
    let angle = START + SWEEP * view.value;
    let tip = |radius: f32| centre + radius * vec2(angle.cos(), angle.sin());
    painter.line_segment([tip(6.0), tip(RADIUS - 7.0)], Stroke::new(2.0, theme::TEXT));

    value(ui, view, Rect::from_min_max(pos2(rect.left(), rect.bottom() - 20.0), rect.max), edits);
    response.on_hover_ui(|ui| tooltip(ui, view))
}

/// Name, value and one sentence.
pub fn tooltip(ui: &mut Ui, view: &ParamView) {
    ui.set_max_width(260.0);
    ui.label(format!("{}  {}", view.name, view.text));
    ui.colored_label(theme::DIM, view.help);
    ui.colored_label(theme::DIM, format!("id: {}", view.id));
}

fn arc(painter: &egui::Painter, centre: Pos2, radius: f32, (from, to): (f32, f32), stroke: Stroke) {
    let steps = (48.0 * (to - from).abs()).ceil().max(1.0) as usize;
    let points = (0..=steps)
        .map(|k| {
            let angle = START + SWEEP * (from + (to - from) * k as f32 / steps as f32);
            centre + radius * vec2(angle.cos(), angle.sin())
        })
        .collect();
    painter.line(points, stroke);
}

/// Dragging keeps its own value, so that a stepped parameter moves as smoothly as any.
fn gestures(ui: &Ui, view: &ParamView, response: &Response, edits: &mut Vec<Edit>) {
    let dragged: Id = response.id.with("dragged");
    if response.double_clicked() || response.clicked() && ui.input(|i| i.modifiers.command) {
        edits.push((view.id, Gesture::Reset));
        return;
    }
    if response.drag_started() {
        edits.push((view.id, Gesture::Begin));
        ui.data_mut(|data| data.insert_temp(dragged, view.value));
    }
    if response.dragged() {
        let movement = response.drag_delta();
        let step = keys::per_point(ui.input(|i| i.modifiers));
        let value = ui.data(|data| data.get_temp(dragged)).unwrap_or(view.value);
        let value: f32 = (value + step * (movement.x - movement.y)).clamp(0.0, 1.0);
        ui.data_mut(|data| data.insert_temp(dragged, value));
        edits.push((view.id, Gesture::Set(value)));
    }
    if response.drag_stopped() {
        edits.push((view.id, Gesture::End));
    }
    let (notches, modifiers) = ui.input(|i| (i.smooth_scroll_delta.y / 40.0, i.modifiers));
    if response.hovered() && notches != 0.0 {
        let step = match view.choices.len() {
            0 => notches * keys::per_notch(modifiers),
            count => notches.signum() / (count - 1).max(1) as f32,
        };
        let value = (view.value + step).clamp(0.0, 1.0);
        edits.extend([(view.id, Gesture::Begin), (view.id, Gesture::Set(value)), (view.id, Gesture::End)]);
    }
}

/// The value as text; a click turns it into a field.
fn value(ui: &mut Ui, view: &ParamView, rect: Rect, edits: &mut Vec<Edit>) {
    let id = ui.scope_id().with((view.id, "typed"));
    let typed: Option<String> = ui.data(|data| data.get_temp(id));
    let Some(mut typed) = typed else {
        let label = ui.interact(rect, id, Sense::click());
        let colour = if label.hovered() { theme::ACCENT } else { theme::TEXT };
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, &view.text, theme::normal(), colour);
        if label.clicked() {
            ui.data_mut(|data| data.insert_temp(id, view.text.clone()));
        }
        return;
    };
    let field = ui.put(rect, TextEdit::singleline(&mut typed).font(theme::normal()).align(Align2::CENTER_CENTER));
    field.request_focus();
    let (done, cancelled) = ui.input(|i| (i.key_pressed(Key::Enter), i.key_pressed(Key::Escape)));
    let clicked_elsewhere = ui.input(|i| i.pointer.any_click()) && !field.hovered();
    if done || cancelled || clicked_elsewhere {
        ui.data_mut(|data| data.remove::<String>(id));
        if !cancelled {
            edits.push((view.id, Gesture::Type(typed)));
        }
    } else {
        ui.data_mut(|data| data.insert_temp(id, typed));
    }
}

/// Tells screen readers what a menu is for: its own text is only the choice.
pub fn named(menu: &Response, name: &str) {
    menu.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, name));
}

/// A switch with named positions, as a menu that shows the current one.
pub fn menu(ui: &mut Ui, view: &ParamView, width: f32, edits: &mut Vec<Edit>) {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        ui.label(egui::RichText::new(&view.name).font(theme::small()).color(theme::DIM));
        let steps = view.choices.len().saturating_sub(1).max(1) as f32;
        let now = (view.value * steps).round() as usize;
        let text = view.choices.get(now).map_or(view.text.as_str(), String::as_str);
        let shown = egui::ComboBox::from_id_salt(view.id).selected_text(text).width(width).show_ui(ui, |ui| {
            for (k, choice) in view.choices.iter().enumerate() {
                if ui.selectable_label(k == now, choice).clicked() {
                    let set = Gesture::Set(k as f32 / steps);
                    edits.extend([(view.id, Gesture::Begin), (view.id, set), (view.id, Gesture::End)]);
                }
            }
        });
        named(&shown.response, &view.name);
        shown.response.on_hover_ui(|ui| tooltip(ui, view));
    });
}
