//! A pad of two knobs: where the model was trained, what lies where, and a trail behind every voice.
use super::boxes::set;
use super::knob::tooltip;
use super::param::{Edit, Gesture, ParamView};
use super::theme;
use egui::{Align2, Color32, Rect, Sense, Stroke, Ui, Vec2, pos2, vec2};
use serde::Deserialize;

/// Radius of a voice, in points.
const DOT: f32 = 6.0;

/// What a model's file says of its space, metadata key `map`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Map {
    /// Named places.
    pub anchors: Vec<Anchor>,
    /// How much training data there is in each cell of a grid.
    pub density: Density,
}

/// A named place.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Anchor {
    /// What is heard there.
    pub name: String,
    /// Place on the first timbre, 0..1 of its trained span.
    pub x: f32,
    /// Place on the second timbre or the pitch; the middle where there is none.
    pub y: Option<f32>,
}

/// A grid over both axes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Density {
    /// Cells along the first axis.
    pub columns: usize,
    /// Row by row from the low end of the second axis, each 0..1 of the densest.
    pub values: Vec<f32>,
}

impl Map {
    /// Of a file's metadata; an empty one if it says nothing, or nothing that can be read.
    pub fn parse(text: Option<&String>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

/// A voice on the pad.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dot {
    /// Place on both axes, 0..1.
    pub at: [f32; 2],
    /// 0..1; what is silent is not drawn.
    pub level: f32,
}

/// Draws the pad and moves its knobs where it is touched; an axis without a knob only shows. `trail` are earlier dots with
/// their age, 0 new to 1 gone.
pub fn pad(
    ui: &mut Ui,
    map: &Map,
    axes: [Option<&ParamView>; 2],
    labels: [&str; 2],
    dots: &[Dot],
    trail: &[(Dot, f32)],
    size: Vec2,
    edits: &mut Vec<Edit>,
) {
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, theme::ROUNDING, theme::BOX);
    let inner = rect.shrink2(vec2(14.0, 18.0));
    let place = |[x, y]: [f32; 2]| pos2(inner.left() + x * inner.width(), inner.bottom() - y * inner.height());

    let Density { columns, values } = &map.density;
    let rows = values.len().checked_div(*columns).unwrap_or(0);
    for (k, value) in values.iter().take(columns * rows).enumerate() {
        let cell = vec2(inner.width() / *columns as f32, inner.height() / rows as f32);
        let corner =
            pos2(inner.left() + (k % columns) as f32 * cell.x, inner.bottom() - (k / columns + 1) as f32 * cell.y);
        let colour = theme::TRAINED.gamma_multiply(0.7 * value.clamp(0.0, 1.0));
        painter.rect_filled(Rect::from_min_size(corner, cell).shrink(1.0), 2.0, colour);
    }
    painter.rect_stroke(inner, 2.0, theme::line(), egui::StrokeKind::Outside);
    for Anchor { name, x, y } in &map.anchors {
        let at = place([x.clamp(0.0, 1.0), y.unwrap_or(0.5).clamp(0.0, 1.0)]);
        painter.circle_stroke(at, 3.0, Stroke::new(1.0, theme::TEXT));
        let (align, shift) = if *x > 0.5 { (Align2::RIGHT_BOTTOM, -5.0) } else { (Align2::LEFT_BOTTOM, 5.0) };
        painter.text(at + vec2(shift, -3.0), align, name, theme::small(), theme::TEXT);
    }
    painter.text(rect.center_bottom() - vec2(0.0, 2.0), Align2::CENTER_BOTTOM, labels[0], theme::small(), theme::DIM);
    painter.text(rect.left_top() + vec2(14.0, 2.0), Align2::LEFT_TOP, labels[1], theme::small(), theme::DIM);

    let [x, y] = axes;
    let knobs = [x.map_or(0.5, |x| x.value), y.map_or(0.5, |y| y.value)];
    let cross = Stroke::new(1.0, theme::DIM);
    if x.is_some() {
        painter.line_segment([place([knobs[0], 0.0]), place([knobs[0], 1.0])], cross);
    }
    if y.is_some() {
        painter.line_segment([place([0.0, knobs[1]]), place([1.0, knobs[1]])], cross);
    }
    for (dot, age) in trail {
        painter.circle_filled(place(dot.at), DOT * 0.5 * (1.0 - age), theme::ACCENT.gamma_multiply(0.35 * (1.0 - age)));
    }
    for dot in dots.iter().filter(|dot| dot.level > 0.0) {
        let strength = 0.35 + 0.65 * dot.level.clamp(0.0, 1.0);
        painter.circle(place(dot.at), DOT, theme::ACCENT.gamma_multiply(strength), Stroke::new(1.0, Color32::BLACK));
    }

    let touched = response.interact_pointer_pos().map(|at| {
        [(at.x - inner.left()) / inner.width(), (inner.bottom() - at.y) / inner.height()].map(|v| v.clamp(0.0, 1.0))
    });
    for (axis, param) in [x, y].into_iter().enumerate().filter_map(|(axis, param)| Some((axis, param?))) {
        let Some(value) = touched.map(|at| at[axis]) else { continue };
        if response.double_clicked() {
            edits.push((param.id, Gesture::Reset));
        } else if response.drag_started() {
            edits.extend([(param.id, Gesture::Begin), (param.id, Gesture::Set(value))]);
        } else if response.dragged() {
            edits.push((param.id, Gesture::Set(value)));
        } else if response.drag_stopped() {
            edits.push((param.id, Gesture::End));
        } else if response.clicked() {
            set(param, value, edits);
        }
    }
    response.on_hover_ui(|ui| {
        for param in [x, y].into_iter().flatten() {
            tooltip(ui, param);
        }
        ui.colored_label(
            theme::DIM,
            "Green: where the model has training data. Dots: voices, with all that moves them.",
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_says_nothing_sensible_is_empty() {
        for text in ["", "no json", "[]", "{\"anchors\": 3}"] {
            assert_eq!(Map::parse(Some(&text.to_string())), Map::default(), "{text}");
        }
        assert_eq!(Map::parse(None), Map::default());
        let map = Map::parse(Some(&r#"{"anchors":[{"name":"Reed","x":0.0}]}"#.to_string()));
        assert_eq!((map.anchors[0].name.as_str(), map.anchors[0].y), ("Reed", None));
    }
}
