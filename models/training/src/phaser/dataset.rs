//! `doppel dataset phaser`: a recording session with the stand-in pedal, written as sound files.
//!
//! The takes look like those of a real pedal: one dry file, one wet file for each setting, and nobody knows where the LFO
//! stood when the recording began. The truth lies beside them, for diagnosis only. With `--wander` the sweep of each take has
//! no period at all.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::circuit::{Circuit, CircuitState};
use super::excitation;
use super::lfo::Lfo;
use super::wander;
use crate::audio::{self, Audio};
use kernels::phaser::finder::phase_track::PhaseTrack;

/// Seconds between two lines of the hidden truth, of an LFO and of a sweep without a period.
const TRUTH_STEP_S: [f64; 2] = [0.1, 0.005];

/// Where the rate knob stands when it does not set the sweep, in Hz: 12 o'clock.
const KNOB_HZ: f64 = 0.6126;

/// Times that strings, noise and chirps follow each other in the dry sound of a wandering take, so that its end, which trainings
/// keep out, holds them all.
const ROUNDS: usize = 8;

/// Share of strings, noise and chirps in the dry file.
const SHARES: [f64; 3] = [0.5, 0.25, 0.25];

/// What to record.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder for the files; made if it does not exist
    #[arg(long)]
    pub out: PathBuf,
    /// Length of each take in minutes (a take of 4 minutes is 42 MB)
    #[arg(long, default_value_t = 4.0)]
    pub minutes: f64,
    /// Decides the dry audio, the LFO phases, their drift and the hiss
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// LFO rates in Hz, one take each; with --wander, corners of the walk
    #[arg(long, value_delimiter = ',', default_values_t = [0.0881, 0.2, 0.6126, 1.2, 2.3301])]
    pub rates: Vec<f64>,
    /// In place of the LFO a random walk between the ends of the sweep, with no period
    #[arg(long)]
    pub wander: bool,
    /// Position of the colour switch
    #[arg(long, value_enum, default_value_t = Colour::Both)]
    pub colour: Colour,
    /// Sample rate in Hz
    #[arg(long, default_value_t = 44_100)]
    pub sample_rate: u32,
}

/// Which positions of the colour switch to record.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Without feedback.
    Off,
    /// With feedback.
    On,
    /// A take of each.
    Both,
}

/// One take of the session.
struct Take {
    file: String,
    rate_hz: f64,
    colour: bool,
    seed: u64,
    sweep: Sweep,
}

/// What moves the break frequencies.
enum Sweep {
    Lfo(Lfo),
    Wander(PhaseTrack),
}

impl Sweep {
    /// Phase in turns, 0 where the notches are highest.
    fn turns_at(&self, time_s: f64) -> f64 {
        match self {
            Self::Lfo(lfo) => lfo.turns_at(time_s),
            Self::Wander(track) => track.turns_at(time_s),
        }
    }
}

/// Records the session.
pub fn run(args: Args) -> Result<()> {
    ensure!(
        args.minutes > 0.0 && args.minutes <= 120.0,
        "--minutes {}: expected more than 0 and at most 120",
        args.minutes
    );
    ensure!(
        !args.rates.is_empty() && args.rates.iter().all(|rate| (0.01..=20.0).contains(rate)),
        "--rates: expected one or more LFO rates from 0.01 to 20 Hz, separated by commas"
    );
    ensure!(
        (8000..=192_000).contains(&args.sample_rate),
        "--sample-rate {}: expected 8000 to 192000 Hz",
        args.sample_rate
    );
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("{}: cannot make this folder; choose another --out", args.out.display()))?;

    let sample_rate_hz = f64::from(args.sample_rate);
    let seconds = 60.0 * args.minutes;
    let bank = excitation::bank(args.seed, sample_rate_hz, SHARES.map(|share| share * seconds));
    let dry = bank.rounds(if args.wander { ROUNDS } else { 1 });
    audio::write(args.out.join("dry.wav"), &Audio::from_mono(sample_rate_hz, dry.clone()))?;

    let takes = session(&args, seconds);
    takes.par_iter().try_for_each(|take| {
        let circuit = Circuit::small_stone(take.colour);
        let mut state = CircuitState::new(&circuit, sample_rate_hz);
        state.reseed(take.seed);
        let mut wet = vec![0.0; dry.len()];
        let turns = |i: usize| take.sweep.turns_at(i as f64 / sample_rate_hz);
        let knob_hz = if args.wander { KNOB_HZ } else { take.rate_hz };
        circuit.process(&mut state, knob_hz, turns, &dry, &mut wet);
        audio::write(args.out.join(&take.file), &Audio::from_mono(sample_rate_hz, wet))
    })?;
    write_tables(&args.out, &takes, seconds)?;
    write_text(&args.out.join("README.txt"), &description(&args, takes.len()))?;
    println!("{}: {} takes of {} min, dry.wav, takes.csv, truth.csv", args.out.display(), takes.len(), args.minutes);
    Ok(())
}

/// Draws phase, drift and hiss of every take.
fn session(args: &Args, seconds: f64) -> Vec<Take> {
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    // The bank has streams 0 to 2 of this seed.
    rng.set_stream(3);
    let colours: &[bool] = match args.colour {
        Colour::Off => &[false],
        Colour::On => &[true],
        Colour::Both => &[false, true],
    };
    let mut takes = Vec::new();
    for &colour in colours {
        for &rate_hz in &args.rates {
            let seed = u64::from(rng.random::<u32>());
            takes.push(Take {
                file: format!(
                    "wet_colour-{}_{}-{rate_hz}.wav",
                    if colour { "on" } else { "off" },
                    if args.wander { "wander" } else { "rate" }
                ),
                rate_hz,
                colour,
                seed,
                sweep: if args.wander {
                    Sweep::Wander(wander::sweep(rate_hz, seconds, seed))
                } else {
                    Sweep::Lfo(Lfo::drifting(rate_hz, rng.random(), seconds, seed))
                },
            });
        }
    }
    takes
}

/// Writes what an owner of the pedal would know, and what they would not.
fn write_tables(folder: &Path, takes: &[Take], seconds: f64) -> Result<()> {
    let mut known = String::from("file,rate_hz,colour,seed\n");
    let mut truth = String::from("file,time_s,phase_turns,rate_hz\n");
    for take in takes {
        writeln!(known, "{},{},{},{}", take.file, take.rate_hz, u8::from(take.colour), take.seed)?;
        let step_s = TRUTH_STEP_S[usize::from(matches!(take.sweep, Sweep::Wander(_)))];
        for step in 0..=(seconds / step_s) as usize {
            let time_s = step as f64 * step_s;
            let turns = take.sweep.turns_at(time_s);
            let rate_hz = match &take.sweep {
                Sweep::Lfo(lfo) => lfo.rate_at(time_s),
                Sweep::Wander(_) => take.rate_hz,
            };
            writeln!(truth, "{},{time_s:.3},{turns:.6},{rate_hz:.6}", take.file)?;
        }
    }
    write_text(&folder.join("takes.csv"), &known)?;
    write_text(&folder.join("truth.csv"), &truth)
}

fn description(args: &Args, takes: usize) -> String {
    format!(
        "A recording session with a stand-in for the Electro-Harmonix Small Stone phaser\n\
         ==============================================================================\n\
         Made by `doppel dataset phaser`, seed {seed}. Everything is computed; nothing here was recorded or belongs to others.\n\n\
         dry.wav     {minutes} min of plucked strings, noise bursts and chirps, mono, {rate} Hz, 32-bit float\n\
         wet_*.wav   {takes} takes of it through the pedal, aligned to the sample; colour switch and LFO rate in the name\n\
         takes.csv   file, rate_hz (where the knob stood), colour (0 off, 1 on), seed (of LFO and hiss)\n\
         truth.csv   file, time_s, phase_turns, rate_hz: the LFO as it was, 0 turns where the notches are highest.\n\
         \x20           For diagnosis: whoever clones a real pedal does not have it.\n\n\
         {sweep}\n",
        seed = args.seed,
        minutes = args.minutes,
        rate = args.sample_rate,
        sweep = if args.wander {
            "The sweep of each take is a random walk from end to end, rate_hz its corner."
        } else {
            "The LFO of each take starts at an unknown phase and its rate wanders by about 0.2 %."
        },
    )
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text)
        .with_context(|| format!("{}: cannot write; check that the disk has room", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phaser::circuit_phase;

    #[test]
    fn a_session_can_be_read_back_and_its_hidden_lfo_found() {
        let out = std::env::temp_dir().join(format!("doppel-dataset-{}", std::process::id()));
        let args = Args {
            out: out.clone(),
            minutes: 0.2,
            seed: 5,
            rates: vec![2.0],
            wander: false,
            colour: Colour::Both,
            sample_rate: 44_100,
        };
        run(args.clone()).unwrap();
        let dry = Audio::read(out.join("dry.wav")).unwrap();
        assert!((dry.seconds() - 12.0).abs() < 0.01);
        let takes = session(&args, 12.0);
        let listed = std::fs::read_to_string(out.join("takes.csv")).unwrap();
        assert_eq!((takes.len(), listed.lines().count()), (2, 3));
        for take in &takes {
            assert!(listed.contains(&take.file));
            let wet = Audio::read(out.join(&take.file)).unwrap();
            assert_eq!(wet.len(), dry.len());
            let (_, track) = circuit_phase::follow(&dry.mono(), &wet.mono(), 44_100.0).unwrap();
            let error = track.turns_at(6.0) - take.sweep.turns_at(6.0);
            assert!((error - error.round()).abs() < 0.01, "{}: {error} turns", take.file);
        }
        assert!(std::fs::read_to_string(out.join("truth.csv")).unwrap().lines().count() > 200);
        assert!(out.join("README.txt").exists());
        std::fs::remove_dir_all(&out).unwrap();
    }

    #[test]
    fn impossible_wishes_are_refused_by_name() {
        let args = Args {
            out: "/nowhere".into(),
            minutes: 1.0,
            seed: 1,
            rates: vec![1.0],
            wander: false,
            colour: Colour::Off,
            sample_rate: 44_100,
        };
        for (args, word) in [
            (Args { minutes: 0.0, ..args.clone() }, "--minutes"),
            (Args { rates: vec![0.0], ..args.clone() }, "--rates"),
            (Args { sample_rate: 10, ..args }, "--sample-rate"),
        ] {
            assert!(run(args).unwrap_err().to_string().contains(word));
        }
    }
}
