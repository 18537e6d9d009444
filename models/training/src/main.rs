//! The `doppel` command.
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use training::{bench, demo, inspect, phaser, song_render, sound_model, wavetable};

/// Plays, inspects and trains the doubles of machines.
#[derive(Parser)]
#[command(name = "doppel", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays a sound or notes through a model
    Render {
        #[command(subcommand)]
        noun: Render,
    },
    /// Shows a model file: licence, metadata, tensors, self-test
    Inspect(inspect::Args),
    /// Measures a model's speed on every path of this CPU
    Bench(bench::Args),
    /// Plays every instrument into sound files
    Demo(demo::Args),
    /// Makes the training sets that stand in for recordings
    Dataset {
        #[command(subcommand)]
        noun: Dataset,
    },
    /// Writes what a model makes for other programs
    Export {
        #[command(subcommand)]
        noun: Export,
    },
    /// Trains a model and writes its file
    Train {
        #[command(subcommand)]
        noun: Train,
    },
}

#[derive(Subcommand)]
enum Render {
    /// A sound through a phaser
    Phaser(phaser::render::Args),
    /// Notes on a sound model
    #[command(name = "sound_model")]
    SoundModel(song_render::Args),
    /// Notes on a wavetable
    Wavetable(song_render::Args),
}

#[derive(Subcommand)]
enum Dataset {
    /// Dry and wet takes of the circuit
    Phaser(phaser::dataset::Args),
    /// Sounds and the values that they were played at
    #[command(name = "sound_model")]
    SoundModel(sound_model::dataset::Args),
    /// Periods of a bowed string
    Wavetable(wavetable::command::Args),
}

#[derive(Subcommand)]
enum Export {
    /// A sweep of a wavetable's control as a WAV for other synthesizers
    Wavetable(wavetable::export::command::Args),
}

#[derive(Subcommand)]
enum Train {
    /// A phaser, from the circuit or from recordings
    Phaser(phaser::train::Args),
    /// A wavetable, from a computed machine, periods or a recording
    Wavetable(wavetable::train::Args),
    /// A sound model, from a folder of sounds
    #[command(name = "sound_model")]
    SoundModel(sound_model::train::Args),
}

fn main() -> ExitCode {
    // Whoever reads only the first lines (`doppel inspect … | head`) ends the command, without a word about a broken pipe.
    sigpipe::reset();
    let result = match Cli::parse().command {
        Command::Render { noun: Render::Phaser(args) } => phaser::render::run(&args),
        Command::Render { noun: Render::SoundModel(args) } => sound_model::render::run(&args),
        Command::Render { noun: Render::Wavetable(args) } => wavetable::render::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Dataset { noun: Dataset::Phaser(args) } => phaser::dataset::run(args),
        Command::Dataset { noun: Dataset::SoundModel(args) } => sound_model::dataset::run(&args),
        Command::Dataset { noun: Dataset::Wavetable(args) } => wavetable::command::run(&args),
        Command::Train { noun: Train::Phaser(args) } => phaser::train::run(&args),
        Command::Export { noun: Export::Wavetable(args) } => wavetable::export::command::run(&args),
        Command::Train { noun: Train::Wavetable(args) } => wavetable::train::run(&args),
        Command::Train { noun: Train::SoundModel(args) } => sound_model::train::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
