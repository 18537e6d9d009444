//! Widgets that know parameters and models, not instruments.
//!
//! A panel draws from a plain view of things and returns what the user did; nothing here needs a host, so the same panels
//! are drawn by the tests.
pub mod boxes;
pub mod harmonics;
pub mod keyboard;
pub mod keys;
pub mod knob;
pub mod lfo_dial;
pub mod meter;
pub mod pad;
pub mod param;
pub mod response;
pub mod ridge;
pub mod status_line;
pub mod theme;
pub mod top_bar;
pub mod voice_tabs;
pub mod wave;
