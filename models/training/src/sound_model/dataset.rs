//! `doppel dataset sound_model`: sets of sounds with the values that they were played at, as WAV files and a CSV.
use super::SAMPLE_RATE_HZ;
use super::morph::Parts;
use super::texture::Texture;
use super::waveguide::Player;
use crate::audio::{self, Audio};
use crate::models;
use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The stretch of a recorded note that is steady, in seconds.
const STEADY_S: [f64; 2] = [0.6, 2.2];

/// What to make.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder for the files; made if it does not exist
    #[arg(long)]
    pub out: PathBuf,
    /// Which set to make
    #[arg(long, value_enum, default_value_t = Set::ReedSax)]
    pub set: Set,
    /// Lowest and highest MIDI note of the reed and the sax
    #[arg(long, value_delimiter = ',', default_values_t = [55, 79])]
    pub notes: Vec<u8>,
    /// Folder of NSynth notes of two instruments, for the set `morph`; the first one by name is timbre 0
    #[arg(long)]
    pub from: Option<PathBuf>,
    /// Timbres from one end to the other
    #[arg(long, default_value_t = 9)]
    pub timbres: usize,
    /// Takes of each point, their noises different
    #[arg(long, default_value_t = 2)]
    pub takes: u64,
    /// Seconds of each take
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
    /// Decides every noise
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// One set.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
#[value(rename_all = "snake_case")]
pub enum Set {
    /// A reed on a bore, from clarinet to saxophone: pitch and timbre.
    ReedSax,
    /// Recorded notes of two instruments and what lies between them: pitch and timbre.
    Morph,
    /// Wind to crackle: tone and grain.
    Texture,
}

/// A sound and its line in the table.
struct Row {
    /// Name of its file.
    file: String,
    /// Of each column, in its unit.
    values: [f64; 2],
    /// At [`SAMPLE_RATE_HZ`].
    sound: Vec<f32>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    if args.timbres < 2 || args.takes == 0 || !(0.3..=60.0).contains(&args.seconds) {
        bail!("expected at least 2 --timbres, 1 of --takes and 0.3 to 60 --seconds");
    }
    let (columns, rows) = match args.set {
        Set::ReedSax => ("pitch,timbre", reed_sax(args)?),
        Set::Morph => ("pitch,timbre", morphs(args)?),
        Set::Texture => ("tone,grain", textures(args)),
    };
    std::fs::create_dir_all(&args.out).with_context(|| format!("{}: cannot be made", args.out.display()))?;
    let mut table = format!("file,{columns}\n");
    let mut samples = 0;
    for Row { file, values: [first, second], sound } in rows {
        writeln!(table, "{file},{first},{second}")?;
        samples += sound.len();
        audio::write(args.out.join(file), &Audio::from_mono(SAMPLE_RATE_HZ, sound))?;
    }
    models::write(&args.out.join("takes.csv"), table.as_bytes())?;
    println!(
        "{}: {:.0} s of sound in {} takes",
        args.out.display(),
        samples as f64 / SAMPLE_RATE_HZ,
        table.lines().count() - 1
    );
    Ok(())
}

/// Values from 0 to 1.
fn steps(count: usize) -> impl Iterator<Item = f64> + Clone {
    (0..count).map(move |n| n as f64 / (count - 1) as f64)
}

/// Tells takes apart.
fn seed(args: &Args, a: usize, b: usize, take: u64) -> u64 {
    args.seed << 40 | (a as u64) << 24 | (b as u64) << 8 | take
}

fn reed_sax(args: &Args) -> Result<Vec<Row>> {
    let &[low, high] = &args.notes[..] else { bail!("--notes: expected two, as in 55,79") };
    if low >= high || high > 96 || low < 40 {
        bail!("--notes {low},{high}: expected the lower one first, from 40 to 96");
    }
    let mut points = Vec::new();
    for note in low..=high {
        for (step, timbre) in steps(args.timbres).enumerate() {
            points.extend((0..args.takes).map(|take| (note, step, timbre, take)));
        }
    }
    points
        .into_par_iter()
        .map(|(note, step, timbre, take)| {
            let seed = seed(args, note.into(), step, take);
            let sound = Player { note: note.into(), timbre, seed }.play(args.seconds)?;
            Ok(Row { file: format!("reed_sax_{note}_{step}_{take}.wav"), values: [note.into(), timbre], sound })
        })
        .collect()
}

fn textures(args: &Args) -> Vec<Row> {
    let mut points = Vec::new();
    for (a, tone) in steps(args.timbres).enumerate() {
        for (b, grain) in steps(args.timbres).enumerate() {
            points.extend((0..args.takes).map(|take| (a, b, take, tone, grain)));
        }
    }
    points
        .into_par_iter()
        .map(|(a, b, take, tone, grain)| {
            let sound = Texture { tone, grain, seed: seed(args, a, b, take) }.play(args.seconds);
            Row { file: format!("texture_{a}_{b}_{take}.wav"), values: [tone, grain], sound }
        })
        .collect()
}

/// Notes of two instruments, named as NSynth names them, all timbres between them, and the semitones between their pitches.
fn morphs(args: &Args) -> Result<Vec<Row>> {
    let folder = args.from.as_ref().context("--set morph needs --from, a folder of NSynth notes")?;
    let instruments = nsynth(folder)?;
    let [first, second] = &instruments.values().collect::<Vec<_>>()[..] else {
        bail!("{}: expected notes of two instruments, found {}", folder.display(), instruments.len());
    };
    let notes: Vec<u8> = first.keys().filter(|note| second.contains_key(note)).copied().collect();
    ensure!(notes.len() >= 2, "{}: expected two notes at least that both instruments play", folder.display());
    let mut points = Vec::new();
    for pair in notes.windows(2) {
        points.extend((pair[0]..pair[1]).map(|note| (note, pair[0], pair[1])));
    }
    points.extend(notes.last().map(|last| (*last, notes[0], *last)));
    let morph = |(note, below, above): (u8, u8, u8)| -> Result<Vec<Row>> {
        let share = f64::from(note - below) / f64::from(above - below);
        let ends = [first, second].map(|instrument| {
            // A note that nobody played is met between its neighbours first.
            let [low, high] = [below, above].map(|n| Parts::of(&instrument[&n], n.into()));
            match (note == below, note == above) {
                (true, _) => low,
                (_, true) => high,
                _ => Parts::of(&low?.toward(&high?, share), note.into()),
            }
        });
        let [from, to] = ends;
        let (from, to) = (from?, to?);
        let row = |(step, timbre)| {
            let file = format!("morph_{note}_{step}.wav");
            Row { file, values: [note.into(), timbre], sound: from.toward(&to, timbre) }
        };
        Ok(steps(args.timbres).enumerate().map(row).collect())
    };
    Ok(points.into_par_iter().map(morph).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The steady part of every note, by instrument and MIDI note.
fn nsynth(folder: &Path) -> Result<BTreeMap<String, BTreeMap<u8, Vec<f32>>>> {
    let what = || format!("{}: cannot be read", folder.display());
    let mut instruments: BTreeMap<String, BTreeMap<u8, Vec<f32>>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(what)? {
        let path = entry.with_context(what)?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_string();
        let parts: Vec<&str> = stem.rsplitn(3, '-').collect();
        let &[_, note, instrument] = &parts[..] else { continue };
        let Ok(note) = note.parse() else { continue };
        let sound = Audio::read(&path)?.resampled(SAMPLE_RATE_HZ)?.mono();
        let [from, to] = STEADY_S.map(|s| (s * SAMPLE_RATE_HZ) as usize);
        ensure!(sound.len() >= to, "{}: shorter than {} s", path.display(), STEADY_S[1]);
        instruments.entry(instrument.to_string()).or_default().insert(note, sound[from..to].to_vec());
    }
    Ok(instruments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound_model::takes::Takes;

    fn args(out: PathBuf, set: Set) -> Args {
        Args { out, set, notes: vec![64, 65], from: None, timbres: 2, takes: 1, seconds: 0.3, seed: 3 }
    }

    #[test]
    fn small_sets_are_written_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        for (set, last, clock) in [(Set::ReedSax, [65.0, 1.0], true), (Set::Texture, [1.0, 1.0], false)] {
            let args = args(folder.path().join(format!("{set:?}")), set);
            run(&args).unwrap();
            let takes = Takes::read(&args.out, clock).unwrap();
            assert_eq!((takes.takes.len(), takes.controls.len()), (4, 2));
            assert_eq!(takes.takes[3].values, last);
        }
    }

    #[test]
    fn two_instruments_give_all_semitones_between_their_notes() {
        let folder = tempfile::tempdir().unwrap();
        let recorded = folder.path().join("recorded");
        std::fs::create_dir(&recorded).unwrap();
        for (instrument, timbre) in [("reed_000", 1.0), ("brass_018", 0.0)] {
            for note in [70, 72] {
                let sound = Player { note: note.into(), timbre, seed: 1 }.play(2.3).unwrap();
                let file = recorded.join(format!("{instrument}-0{note}-127.wav"));
                audio::write(file, &Audio::from_mono(SAMPLE_RATE_HZ, sound)).unwrap();
            }
        }
        let args = Args { from: Some(recorded), ..args(folder.path().join("new"), Set::Morph) };
        run(&args).unwrap();
        let takes = Takes::read(&args.out, true).unwrap();
        let values: Vec<_> = takes.takes.iter().map(|take| take.values.clone()).collect();
        assert_eq!(values, [[70.0, 0.0], [70.0, 1.0], [71.0, 0.0], [71.0, 1.0], [72.0, 0.0], [72.0, 1.0]]);
        for take in &takes.takes {
            let (cents, regular) = crate::sound_model::waveguide::tuning(&take.sound, take.values[0].into());
            assert!(cents.abs() < 3.0 && regular > 0.95, "{}: {cents}, {regular}", take.name);
        }
    }

    #[test]
    fn wrong_requests_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let with = |args: Args| format!("{:#}", run(&args).unwrap_err());
        let plain = args(folder.path().join("none"), Set::ReedSax);
        assert!(with(Args { notes: vec![70, 60], ..plain.clone() }).contains("--notes 70,60"));
        assert!(with(Args { timbres: 1, ..plain.clone() }).contains("--timbres"));
        assert!(with(Args { set: Set::Morph, ..plain.clone() }).contains("--from"));
        let empty = Args { set: Set::Morph, from: Some(folder.path().into()), ..plain };
        assert!(with(empty).contains("two instruments, found 0"));
    }
}
