//! A keyboard: the trained range tinted, keys that sound lit; a click plays.
use super::theme;
use egui::{Color32, CornerRadius, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

/// Lowest key shown: C1.
const LOW: u8 = 24;
/// Highest key shown: C8.
const HIGH: u8 = 108;
/// Ivory.
const WHITE: Color32 = Color32::from_rgb(0xc9, 0xcd, 0xd3);
/// Ivory of the keys that the model was trained on.
const WHITE_TRAINED: Color32 = Color32::from_rgb(0xb9, 0xcb, 0x9e);
/// Ebony.
const BLACK: Color32 = Color32::from_rgb(0x22, 0x25, 0x2b);
/// Ebony of the keys that the model was trained on.
const BLACK_TRAINED: Color32 = Color32::from_rgb(0x4a, 0x58, 0x37);

/// What the user does to a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyPress {
    /// MIDI note.
    pub key: u8,
    /// 0..1, by how far down the key is touched; none lets it go.
    pub velocity: Option<f32>,
}

fn is_black(key: u8) -> bool {
    [1, 3, 6, 8, 10].contains(&(key % 12))
}

/// Draws the keys; `sounding` has a bit for each, `trained` are MIDI notes.
pub fn keyboard(ui: &mut Ui, sounding: u128, trained: Option<(f32, f32)>, height: f32) -> Vec<KeyPress> {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click_and_drag());
    let whites = (LOW..=HIGH).filter(|key| !is_black(*key)).count() as f32;
    let width = rect.width() / whites;
    let place = |key: u8| {
        let before = (LOW..key).filter(|key| !is_black(*key)).count() as f32;
        if is_black(key) {
            let size = vec2(0.62 * width, 0.62 * height);
            Rect::from_min_size(pos2(rect.left() + before * width - 0.31 * width, rect.top()), size)
        } else {
            Rect::from_min_size(pos2(rect.left() + before * width, rect.top()), vec2(width, height))
        }
    };
    let of = |black: bool| (LOW..=HIGH).filter(move |key| is_black(*key) == black);
    let is_trained =
        |key: u8| trained.is_some_and(|(low, high)| (low.round()..=high.round()).contains(&f32::from(key)));
    let painter = ui.painter_at(rect);
    for key in of(false).chain(of(true)) {
        let colour = match (sounding >> key & 1 == 1, is_black(key), is_trained(key)) {
            (true, ..) => theme::ACCENT,
            (_, false, false) => WHITE,
            (_, false, true) => WHITE_TRAINED,
            (_, true, false) => BLACK,
            (_, true, true) => BLACK_TRAINED,
        };
        let edge = Stroke::new(1.0, theme::BACKGROUND);
        painter.rect(place(key), CornerRadius::same(2), colour, edge, StrokeKind::Inside);
    }

    let held_id = response.id.with("held");
    let held: Option<u8> = ui.data(|data| data.get_temp(held_id));
    let touched = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on()).and_then(|at| {
        let key = of(true).chain(of(false)).find(|key| place(*key).contains(at))?;
        Some((key, ((at.y - rect.top()) / place(key).height()).clamp(0.1, 1.0)))
    });
    let mut presses = Vec::new();
    if held != touched.map(|(key, _)| key) {
        presses.extend(held.map(|key| KeyPress { key, velocity: None }));
        presses.extend(touched.map(|(key, velocity)| KeyPress { key, velocity: Some(velocity) }));
        ui.data_mut(|data| match touched {
            Some((key, _)) => {
                data.insert_temp(held_id, key);
            }
            None => data.remove::<u8>(held_id),
        });
    }
    response.on_hover_text(
        "Click to play: louder the lower you touch a key. Green keys are those the model was trained on.",
    );
    presses
}
