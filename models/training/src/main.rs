//! The `doppel` command.
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use training::{bench, demo, inspect, phaser, wavetable};

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
}

#[derive(Subcommand)]
enum Dataset {
    /// Dry and wet takes of the circuit
    Phaser(phaser::dataset::Args),
    /// Periods of a bowed string
    Wavetable(wavetable::command::Args),
}

#[derive(Subcommand)]
enum Train {
    /// A phaser, from the circuit or from recordings
    Phaser(phaser::train::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Render { noun: Render::Phaser(args) } => phaser::render::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Dataset { noun: Dataset::Phaser(args) } => phaser::dataset::run(args),
        Command::Dataset { noun: Dataset::Wavetable(args) } => wavetable::command::run(&args),
        Command::Train { noun: Train::Phaser(args) } => phaser::train::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
