//! The demo's songs: what the instruments play.
use super::{Args, RATE_HZ, report};
use crate::midi::SongEvent;
use crate::models::ModelFile;
use crate::settings::Change;
use crate::song_render::{self, Instrument};
use crate::{sound_model, wavetable};
use anyhow::Result;
use kernels::checkpoint::ControlInfo;
use kernels::sound_model::SoundModel;
use kernels::voices::{Note, NoteEvent};
use kernels::wavetable::Wavetable;
use std::sync::Arc;
use std::time::Instant;

/// A key and how long it sounds, in beats; a chord has several keys.
type Beat = (&'static [u8], f64);

/// Greensleeves, England, 16th century: the first strain and its return.
const GREENSLEEVES: [Beat; 26] = [
    (&[69], 1.0),
    (&[72], 2.0),
    (&[74], 1.0),
    (&[76], 1.5),
    (&[77], 0.5),
    (&[76], 1.0),
    (&[74], 2.0),
    (&[71], 1.0),
    (&[67], 1.5),
    (&[69], 0.5),
    (&[71], 1.0),
    (&[72], 2.0),
    (&[69], 1.0),
    (&[69], 1.5),
    (&[68], 0.5),
    (&[69], 1.0),
    (&[71], 2.0),
    (&[68], 1.0),
    (&[64], 2.0),
    (&[69], 1.0),
    (&[72], 2.0),
    (&[74], 1.0),
    (&[76], 1.5),
    (&[77], 0.5),
    (&[76], 1.0),
    (&[74], 3.0),
];
/// A cadence in A minor.
const CADENCE: [Beat; 5] = [
    (&[69, 72, 76], 3.0),
    (&[67, 71, 74], 3.0),
    (&[65, 69, 72], 3.0),
    (&[64, 68, 71, 74], 3.0),
    (&[64, 69, 72, 76], 6.0),
];

/// J. S. Bach, first cello suite (BWV 1007), prelude, first four bars: each figure of eight sounds twice.
const PRELUDE: [[u8; 8]; 4] = [
    [43, 50, 59, 57, 59, 50, 59, 50],
    [43, 52, 60, 59, 60, 52, 60, 52],
    [43, 54, 60, 59, 60, 54, 60, 54],
    [43, 55, 59, 57, 59, 55, 59, 55],
];

/// Plays all of them.
pub(super) fn play(args: &Args) -> Result<()> {
    let model = Arc::new(ModelFile::open(SoundModel::NOUN, None)?.sound_model()?);
    let timbre = first_timbre(&model.info().controls);
    for (name, beats, tempo, glide_ms) in
        [("sound_model-melody", &GREENSLEEVES[..], 132.0, 70.0), ("sound_model-chords", &CADENCE[..], 96.0, 0.0)]
    {
        let mut player = sound_model::render::Player::new(model.clone(), RATE_HZ, 1)?;
        for (id, value) in [
            ("glide", glide_ms),
            ("attack", 25.0),
            ("release", 220.0),
            // Four notes of full level together would be louder than full scale.
            ("output", -6.0),
            ("mode", f32::from(glide_ms > 0.0) * 2.0),
        ] {
            player.set(id, value)?;
        }
        let (events, seconds) = song(beats, tempo);
        let changes = timbre.map_or(Vec::new(), |timbre| sweep(timbre, seconds, 0.5));
        perform(args, name, &mut player, &events, &changes, seconds + 0.5)?;
    }

    let model = Arc::new(ModelFile::open(Wavetable::NOUN, None)?.wavetable()?);
    let beats: Vec<Beat> =
        PRELUDE.iter().flat_map(|bar| [bar, bar]).flatten().map(|key| (std::slice::from_ref(key), 0.25)).collect();
    let (events, seconds) = song(&beats, 72.0);
    for (name, settings) in [
        ("wavetable-prelude", &[("attack", 15.0), ("release", 250.0), ("body", 0.7)][..]),
        (
            "wavetable-wide",
            &[("attack", 5.0), ("release", 900.0), ("unison", 5.0), ("cutoff", 2500.0), ("filter_env", 2.0)],
        ),
    ] {
        let mut player = wavetable::render::Player::new(model.clone(), RATE_HZ, 1)?;
        for (id, value) in settings {
            Instrument::set(&mut player, id, *value)?;
        }
        let changes = first_timbre(&model.info().controls).map_or(Vec::new(), |timbre| sweep(timbre, seconds, 2.0));
        perform(args, name, &mut player, &events, &changes, seconds + 1.0)?;
    }
    Ok(())
}

fn perform(
    args: &Args,
    name: &str,
    instrument: &mut impl Instrument,
    events: &[SongEvent],
    changes: &[Change],
    seconds: f64,
) -> Result<()> {
    let start = Instant::now();
    let sound = song_render::play(instrument, events, changes, RATE_HZ, seconds, 512)?;
    report(args, name, &sound, Some(seconds / start.elapsed().as_secs_f64()))
}

/// The first control that is neither pitch nor level.
fn first_timbre(controls: &[ControlInfo]) -> Option<&ControlInfo> {
    controls.iter().find(|control| !["pitch", "amplitude", "a"].contains(&control.id.as_str()))
}

/// Beats one after the other at a tempo; each key is held a little into the next beat, so that one voice glides, unless that
/// strikes the same key again. Also their length.
fn song(beats: &[Beat], beats_per_minute: f64) -> (Vec<SongEvent>, f64) {
    let beat_s = 60.0 / beats_per_minute;
    let mut events = Vec::new();
    let mut now_s = 0.0;
    for (n, (keys, length)) in beats.iter().enumerate() {
        let end_s = now_s + length * beat_s;
        for key in *keys {
            let note = Note { channel: 0, key: *key, voice_id: None };
            let is_repeated = beats.get(n + 1).is_some_and(|(next, _)| next.contains(key));
            let off_s = if is_repeated { end_s - 0.02 } else { end_s + 0.01 };
            events.push(SongEvent { time_s: now_s, event: NoteEvent::On { note, velocity: 0.8 } });
            events.push(SongEvent { time_s: off_s, event: NoteEvent::Off { address: note.into() } });
        }
        now_s = end_s;
    }
    events.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    (events, now_s)
}

/// A control from one end of its trained span to the other and back, so many times over the song.
fn sweep(control: &ControlInfo, seconds: f64, times: f64) -> Vec<Change> {
    let steps = (50.0 * seconds) as usize;
    let change = |k: usize| {
        let along = k as f64 / steps as f64;
        let share = 0.5 - 0.5 * (std::f64::consts::TAU * times * along).cos();
        let value = control.trained_min + (control.trained_max - control.trained_min) * share as f32;
        Change { time_s: along * seconds, id: control.id.clone(), value }
    };
    (0..=steps).map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_overlap_and_no_end_takes_a_key_that_was_struck_again() {
        let (events, seconds) = song(&GREENSLEEVES, 120.0);
        assert_eq!(events.len(), 2 * GREENSLEEVES.len());
        assert!((seconds - 0.5 * GREENSLEEVES.iter().map(|(_, beats)| beats).sum::<f64>()).abs() < 1e-9);
        let mut held = Vec::new();
        let mut overlaps = 0;
        for event in &events {
            match event.event {
                NoteEvent::On { note, .. } => {
                    assert!(!held.contains(&note.key), "{} is struck while it is held", note.key);
                    overlaps += held.len();
                    held.push(note.key);
                }
                NoteEvent::Off { address } => held.retain(|key| Some(*key) != address.key),
                _ => panic!("{event:?}"),
            }
        }
        // All but the first beat and the one repeated key begin while the one before is held.
        assert!(held.is_empty() && overlaps == GREENSLEEVES.len() - 2, "{overlaps}");
    }
}
