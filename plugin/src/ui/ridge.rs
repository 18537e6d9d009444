//! Periods of a wave behind each other, the one that sounds bright.
use super::param::{Edit, Gesture, ParamView};
use super::{keys, theme};
use egui::epaint::{Mesh, Vertex, WHITE_UV};
use egui::{Align2, Color32, Painter, Pos2, Rect, Sense, Shape, Stroke, Ui, Vec2, pos2, vec2};

/// Height of a wave of full scale, of the view's.
const WAVE: f32 = 0.2;
/// How far the last ridge stands to the right of the first and above it, of the view's width and height.
const DEPTH: Vec2 = vec2(0.22, 0.5);
/// Space around, in points.
const MARGIN: f32 = 14.0;

/// What the view shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ridges {
    /// Periods at even steps of a knob, from its low end to its high one.
    pub periods: Vec<Vec<f32>>,
    /// The period that sounds, or would.
    pub live: Vec<f32>,
    /// Where among them it stands, 0..1.
    pub place: f32,
    /// Does a note sound?
    pub sounds: bool,
}

/// Draws the ridges; dragging up and down moves the knob that they lie along.
pub fn ridge(ui: &mut Ui, ridges: &Ridges, along: Option<&ParamView>, size: Vec2, edits: &mut Vec<Edit>) {
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, theme::ROUNDING, theme::BOX);
    let inner = rect.shrink(MARGIN);
    let peak = ridges.periods.iter().chain([&ridges.live]).flatten().fold(1e-6f32, |peak, x| peak.max(x.abs()));
    let count = ridges.periods.len().max(2);
    let live = |painter: &Painter| {
        let colour = if ridges.sounds { theme::ACCENT } else { theme::SECOND };
        draw(painter, inner, &ridges.live, ridges.place, peak, colour, 2.0);
    };
    let mut is_drawn = false;
    for (k, period) in ridges.periods.iter().enumerate().rev() {
        let place = k as f32 / (count - 1) as f32;
        if !is_drawn && place < ridges.place {
            live(&painter);
            is_drawn = true;
        }
        draw(&painter, inner, period, place, peak, theme::DIM.gamma_multiply(0.75 - 0.45 * place), 1.0);
    }
    if !is_drawn {
        live(&painter);
    }
    let Some(along) = along else { return };
    painter.text(
        inner.right_bottom(),
        Align2::RIGHT_BOTTOM,
        format!("along {}  {}", along.name, along.text),
        theme::small(),
        theme::DIM,
    );
    drag(ui, &response, along, edits);
    response.on_hover_text(
        "The periods that the network draws along this knob; bright the one that sounds. Drag to move it.",
    );
}

/// One period at its place, with what lies behind it covered.
fn draw(painter: &Painter, inner: Rect, period: &[f32], place: f32, peak: f32, colour: Color32, width: f32) {
    if period.len() < 2 {
        return;
    }
    let span = inner.width() * (1.0 - DEPTH.x);
    let left = inner.left() + inner.width() * DEPTH.x * place;
    let middle = inner.bottom() - inner.height() * (WAVE + DEPTH.y * place);
    let floor = middle + inner.height() * WAVE;
    let line: Vec<Pos2> = period
        .iter()
        .enumerate()
        .map(|(k, x)| {
            let along = k as f32 / (period.len() - 1) as f32;
            pos2(left + span * along, middle - inner.height() * WAVE * x / peak)
        })
        .collect();
    let mut cover = Mesh::default();
    for point in &line {
        for pos in [*point, pos2(point.x, floor)] {
            cover.vertices.push(Vertex { pos, uv: WHITE_UV, color: theme::BOX.gamma_multiply(0.8) });
        }
    }
    for k in 0..(line.len() - 1) as u32 {
        cover.add_triangle(2 * k, 2 * k + 1, 2 * k + 2);
        cover.add_triangle(2 * k + 1, 2 * k + 2, 2 * k + 3);
    }
    painter.add(Shape::mesh(cover));
    painter.line(line, Stroke::new(width, colour));
}

fn drag(ui: &Ui, response: &egui::Response, along: &ParamView, edits: &mut Vec<Edit>) {
    let held = response.id.with("dragged");
    if response.drag_started() {
        edits.push((along.id, Gesture::Begin));
        ui.data_mut(|data| data.insert_temp(held, along.value));
    }
    if response.dragged() {
        let value: f32 = ui.data(|data| data.get_temp(held)).unwrap_or(along.value);
        let value = (value - keys::per_point(ui.input(|i| i.modifiers)) * response.drag_delta().y).clamp(0.0, 1.0);
        ui.data_mut(|data| data.insert_temp(held, value));
        edits.push((along.id, Gesture::Set(value)));
    }
    if response.drag_stopped() {
        edits.push((along.id, Gesture::End));
    }
}
