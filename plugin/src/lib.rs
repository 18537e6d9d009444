//! Doppel as CLAP, VST3 and standalone: the only crate that knows the plug-in framework and egui.
//!
//! | module | what it is |
//! |---|---|
//! | [`phaser`] | Doppel Phaser: parameters, processing, panel |
//! | [`handoff`] | a boxed value to the audio thread and the old one back, without locks |
//! | [`models`] | which model an instance plays: factory, installed and embedded ones, loaded in the background |
//! | [`presets`] | factory and user presets |
//! | [`scope`] | audio thread -> panel: levels, phases, load |
//! | [`ui`] | widgets that know parameters, not instruments |
//!
//! The export lists hold one plug-in for each instrument; the sound model's, the wavetable's and the modulation's join here.
pub mod handoff;
pub mod models;
pub mod phaser;
pub mod presets;
pub mod project;
pub mod scope;
pub mod shell;
pub mod ui;

use nice_plug::prelude::*;

nice_export_clap!(phaser::PhaserPlugin);
nice_export_vst3!(phaser::PhaserPlugin);
