//! Modifier keys that mean the same on every control.
use egui::Modifiers;

/// Change of a value a point of dragging, of its whole range.
const PER_POINT: f32 = 1.0 / 200.0;
/// The same while Shift or Ctrl is held.
const FINE_PER_POINT: f32 = 1.0 / 2000.0;

/// How far a drag by one point moves a value.
pub fn per_point(modifiers: Modifiers) -> f32 {
    if modifiers.shift || modifiers.command { FINE_PER_POINT } else { PER_POINT }
}

/// How far a notch of the wheel moves a continuous value.
pub fn per_notch(modifiers: Modifiers) -> f32 {
    if modifiers.shift || modifiers.command { 0.002 } else { 0.02 }
}
