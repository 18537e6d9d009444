//! The sounds that a model learns: files of a folder, each with the values of the controls that it was played at.
use super::{SAMPLE_RATE_HZ, clock, hz_of};
use crate::audio::Audio;
use crate::sound_model::waveguide::level;
use anyhow::{Context, Result, bail, ensure};
use kernels::checkpoint::{ControlInfo, Curve};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// File names that end so are taken for sound.
const SOUNDS: [&str; 6] = ["wav", "flac", "mp3", "ogg", "oga", "aiff"];
/// Fewest samples of a take.
pub const FEWEST_SAMPLES: usize = 4096;
/// Most controls.
const MOST_CONTROLS: usize = 7;

/// One sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// Of the file.
    pub name: String,
    /// At the model's rate.
    pub sound: Vec<f32>,
    /// Of each control, in its unit.
    pub values: Vec<f32>,
    /// Phase of the fundamental in turns, where a clock was asked for.
    pub phases_turns: Vec<f32>,
}

/// All sounds of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct Takes {
    /// What the values stand for.
    pub controls: Vec<ControlInfo>,
    /// The sounds.
    pub takes: Vec<Take>,
}

/// A file and the values that it was played at.
type Entry = (PathBuf, Vec<f32>);

impl Takes {
    /// Reads a folder: the CSV in it if there is one (column `file`, then one for each control), otherwise all sounds named
    /// after their values, as in `low_pitch=64_timbre=0.5.wav`; or such a CSV itself.
    pub fn read(path: &Path, clock: bool) -> Result<Self> {
        let (names, entries) = if path.is_file() { from_csv(path)? } else { from_folder(path)? };
        ensure!(!entries.is_empty(), "{}: names no sound file", path.display());
        let spans: Vec<[f32; 2]> = (0..names.len())
            .map(|c| entries.iter().fold([f32::MAX, f32::MIN], |[a, b], (_, v)| [a.min(v[c]), b.max(v[c])]))
            .collect();
        let controls = names.iter().zip(spans).map(|(name, span)| control(path, name, span)).collect::<Result<_>>()?;
        let pitch = names.iter().position(|name| name == "pitch");
        ensure!(!clock || pitch.is_some(), "{}: a clock needs the values of `pitch` in MIDI notes", path.display());
        // What differs in level on purpose stays as it is.
        let is_level_free = !names.iter().any(|name| name == "amplitude" || name == "a");
        let takes = entries
            .into_par_iter()
            .map(|(file, values)| {
                let mut sound = Audio::read(&file)?.resampled(SAMPLE_RATE_HZ)?.mono();
                let (name, count) = (file.display().to_string(), sound.len());
                ensure!(
                    count >= FEWEST_SAMPLES,
                    "{name}: {count} samples at 16 kHz, expected {FEWEST_SAMPLES} at least"
                );
                if is_level_free {
                    level(&mut sound);
                }
                let phases_turns = match pitch.filter(|_| clock) {
                    Some(place) => clock::phases_turns(&sound, hz_of(values[place].into()), SAMPLE_RATE_HZ)?,
                    None => Vec::new(),
                };
                Ok(Take { name, sound, values, phases_turns })
            })
            .collect::<Result<_>>()?;
        Ok(Self { controls, takes })
    }

    /// Values of a take as the network sees them.
    pub fn conditions(&self, take: &Take) -> Vec<f32> {
        self.controls.iter().zip(&take.values).map(|(control, value)| control.normalised(*value)).collect()
    }

    /// Seconds of sound in all.
    pub fn seconds(&self) -> f64 {
        self.takes.iter().map(|take| take.sound.len() as f64).sum::<f64>() / SAMPLE_RATE_HZ
    }
}

/// A control over all values that were played, standing in their middle.
fn control(path: &Path, id: &str, [min, max]: [f32; 2]) -> Result<ControlInfo> {
    if min >= max {
        bail!("{}: `{id}` is {min} in all sounds: leave it out, or add sounds with other values", path.display());
    }
    let mut letters = id.chars();
    let name = letters.next().map(|c| c.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default();
    let middle = 0.5 * (min + max);
    let default = if id == "pitch" { middle.round() } else { middle };
    let (id, unit) = (id.to_string(), String::new());
    let (trained_min, trained_max, curve) = (min, max, Curve::Linear);
    Ok(ControlInfo {
        id,
        name: name.replace('_', " "),
        unit,
        min,
        max,
        default,
        trained_min,
        trained_max,
        curve,
        steps: None,
    })
}

fn from_folder(folder: &Path) -> Result<(Vec<String>, Vec<Entry>)> {
    let what = || format!("{}: cannot be read; expected a folder of sounds, or a CSV", folder.display());
    let mut files = std::fs::read_dir(folder)
        .with_context(what)?
        .map(|entry| Ok(entry.with_context(what)?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    let ends = |file: &PathBuf, ends: &[&str]| {
        file.extension().is_some_and(|e| ends.iter().any(|end| e.eq_ignore_ascii_case(end)))
    };
    let tables: Vec<_> = files.iter().filter(|file| ends(file, &["csv"])).collect();
    match tables[..] {
        [] => {}
        [table] => return from_csv(table),
        _ => bail!("{}: {} CSV files; name one of them instead of the folder", folder.display(), tables.len()),
    }
    let sounds: Vec<_> = files.into_iter().filter(|file| ends(file, &SOUNDS)).collect();
    let mut names: Vec<String> = Vec::new();
    let mut entries = Vec::new();
    for file in sounds {
        let found = named_values(&file)?;
        if names.is_empty() {
            names = found.iter().map(|(name, _)| name.clone()).collect();
        }
        if found.iter().map(|(name, _)| name).ne(&names) {
            bail!("{}: expected values of {} in its name, as in the other files", file.display(), names.join(", "));
        }
        entries.push((file, found.into_iter().map(|(_, value)| value).collect()));
    }
    Ok((names, entries))
}

/// `name=value` pairs of a file's name, in alphabetical order.
fn named_values(file: &Path) -> Result<Vec<(String, f32)>> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let mut pairs = Vec::new();
    for part in stem.split(['_', ',', ' ']) {
        let Some((name, value)) = part.split_once('=') else { continue };
        pairs.push((name.to_lowercase(), number(&file.display().to_string(), name, value)?));
    }
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    if pairs.is_empty() || pairs.len() > MOST_CONTROLS {
        bail!(
            "{}: expected 1 to 7 values in its name, as in `pitch=64_timbre=0.5`, or a CSV beside it",
            file.display()
        );
    }
    Ok(pairs)
}

fn number(place: &str, name: &str, text: &str) -> Result<f32> {
    let value = text.trim().parse::<f32>().ok().filter(|value| value.is_finite());
    value.with_context(|| format!("{place}: expected a number for `{name}`, found `{}`", text.trim()))
}

fn from_csv(path: &Path) -> Result<(Vec<String>, Vec<Entry>)> {
    let what = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{what}: cannot be read as text"))?;
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let cells = |line: &str| line.split(',').map(|cell| cell.trim().to_string()).collect::<Vec<_>>();
    let head = cells(lines.next().map_or("", |(_, line)| line.trim_start_matches('\u{feff}')));
    let names: Vec<String> = head.iter().skip(1).map(|name| name.to_lowercase()).collect();
    if head[0] != "file" || names.is_empty() || names.len() > MOST_CONTROLS || names.iter().any(String::is_empty) {
        bail!(
            "{what}: expected a first line like `file,pitch,timbre` with 1 to 7 controls, found `{}`",
            head.join(",")
        );
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut entries = Vec::new();
    for (n, line) in lines {
        let cells = cells(line);
        let place = format!("{what} line {}", n + 1);
        ensure!(cells.len() == head.len(), "{place}: expected {} values, found {}", head.len(), cells.len());
        let values = names.iter().zip(&cells[1..]).map(|(name, cell)| number(&place, name, cell));
        let values = values.collect::<Result<_>>()?;
        let file = folder.join(&cells[0]);
        ensure!(file.is_file(), "{place}: {} does not exist", file.display());
        entries.push((file, values));
    }
    Ok((names, entries))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio;

    fn folder(files: &[&str], table: Option<&str>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let sound = (0..8000).map(|t| 0.1 * (t as f32 * 0.1).sin()).collect();
            audio::write(folder.path().join(file), &Audio::from_mono(16_000.0, sound)).unwrap();
        }
        if let Some(table) = table {
            std::fs::write(folder.path().join("list.csv"), table).unwrap();
        }
        folder
    }

    #[test]
    fn names_and_a_table_give_the_same_takes() {
        let files = ["a_pitch=60_timbre=0.wav", "b timbre=1,pitch=72.wav"];
        let named = Takes::read(folder(&files, None).path(), true).unwrap();
        let table = "file,pitch,timbre\nx.wav,60,0\n\ny.wav, 72, 1\n";
        let listed = Takes::read(folder(&["x.wav", "y.wav"], Some(table)).path(), true).unwrap();
        assert_eq!(named.controls, listed.controls);
        assert_eq!(named.controls[0].id, "pitch");
        let values = |takes: &Takes| takes.takes.iter().map(|take| take.values.clone()).collect::<Vec<_>>();
        assert_eq!(values(&named), [[60.0, 0.0], [72.0, 1.0]]);
        assert_eq!(values(&named), values(&listed));
        assert_eq!(listed.conditions(&listed.takes[1]), [1.0, 1.0]);
        assert_eq!(listed.takes[0].phases_turns.len(), 8000);
    }

    #[test]
    fn every_mistake_has_one_line_that_says_where() {
        let table =
            |text: &str| format!("{:#}", Takes::read(folder(&["x.wav"], Some(text)).path(), false).unwrap_err());
        for (text, expected) in [
            ("", "first line like `file,pitch,timbre`"),
            ("name,pitch\nx.wav,1", "found `name,pitch`"),
            ("file,pitch\nx.wav", "line 2: expected 2 values, found 1"),
            ("file,pitch\nx.wav,high", "line 2: expected a number for `pitch`, found `high`"),
            ("file,pitch\nx.wav,nan", "found `nan`"),
            ("file,pitch\nz.wav,1", "z.wav does not exist"),
            ("file,pitch\nx.wav,1\nx.wav,1", "`pitch` is 1 in all sounds"),
            ("file,pitch", "names no sound file"),
        ] {
            let found = table(text);
            assert!(found.contains(expected) && !found.contains('\n'), "`{text}`: {found}");
        }
        let named = |files: &[&str]| format!("{:#}", Takes::read(folder(files, None).path(), false).unwrap_err());
        assert!(named(&["x.wav"]).contains("expected 1 to 7 values in its name"));
        assert!(named(&["a=1.wav", "b=1.wav"]).contains("expected values of a in its name"));
        assert!(named(&["a=x.wav"]).contains("found `x`"));
        assert!(named(&[]).contains("names no sound file"));
        let clockless = Takes::read(folder(&["a=1.wav", "a=2.wav"], None).path(), true).unwrap_err();
        assert!(clockless.to_string().contains("a clock needs"));
        assert!(Takes::read(Path::new("/no/such"), false).unwrap_err().to_string().contains("/no/such"));
    }
}
