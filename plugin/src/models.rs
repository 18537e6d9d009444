//! Which model an instance plays: factory, installed and embedded ones; loaded on a thread of their own.
mod choice;
mod library;
mod loader;
mod model;

pub use choice::{ModelChoice, ModelSlot};
pub use library::{Library, Origin};
pub use loader::{Format, Loader, Status};
pub use model::Model;
