//! Doppel as programs of their own: the first argument names the instrument.
use nice_plug::prelude::nice_export_standalone_with_args;
use plugin::phaser::PhaserPlugin;
use plugin::sound_model::SoundModelPlugin;
use plugin::wavetable::WavetablePlugin;
use std::process::ExitCode;

const INSTRUMENTS: &str = "phaser, sound-model, wavetable";

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().collect();
    let instrument = if args.len() > 1 && !args[1].starts_with('-') { args.remove(1) } else { "phaser".into() };
    let ended_well = match instrument.as_str() {
        "phaser" => nice_export_standalone_with_args::<PhaserPlugin, _>(args),
        "sound-model" => nice_export_standalone_with_args::<SoundModelPlugin, _>(args),
        "wavetable" => nice_export_standalone_with_args::<WavetablePlugin, _>(args),
        other => {
            eprintln!("error: `{other}` is no instrument of Doppel; expected one of: {INSTRUMENTS}");
            false
        }
    };
    if ended_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
