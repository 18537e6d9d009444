//! Doppel as CLAP, VST3 and standalone: the only crate that knows the plug-in framework and egui.
//!
//! | module | what it is |
//! |---|---|
//! | [`phaser`], [`sound_model`], [`wavetable`] | the plug-ins: parameters, processing, panel |
//! | [`player`], [`notes`], [`playing`] | what the instruments that are played share: voices, the host's notes, parameters |
//! | [`handoff`], [`swap`] | a boxed value to the audio thread and the old one back, without locks; the fade around it |
//! | [`models`] | which model an instance plays: factory, installed and embedded ones, loaded in the background |
//! | [`errand`] | work that blocks or takes long, for a window |
//! | [`project`], [`presets`] | what a project keeps; factory and user presets |
//! | [`scope`] | audio thread -> panel: levels, phases, notes, load |
//! | [`shell`], [`ui`] | what every window does; widgets that know parameters, not instruments |
//!
//! The export lists hold one plug-in for each instrument; the modulation's joins here.
pub mod errand;
pub mod handoff;
pub mod models;
pub mod notes;
pub mod phaser;
pub mod player;
pub mod playing;
pub mod presets;
pub mod project;
pub mod scope;
pub mod shell;
pub mod sound_model;
pub mod swap;
pub mod ui;
pub mod wavetable;

use nice_plug::prelude::*;

nice_export_clap!(phaser::PhaserPlugin, sound_model::SoundModelPlugin, wavetable::WavetablePlugin);
nice_export_vst3!(phaser::PhaserPlugin, sound_model::SoundModelPlugin, wavetable::WavetablePlugin);
