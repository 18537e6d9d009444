//! Notes on an instrument, by the engine that its plug-in runs: `doppel render sound_model`, `doppel render wavetable`.
use crate::audio::{self, Audio};
use crate::metrics;
use crate::midi::{Song, SongEvent};
use crate::plot;
use crate::settings::{Change, automation, parse, within};
use anyhow::{Result, bail};
use kernels::voices::{self, Note, NoteEvent, TimedEvent};
use std::path::PathBuf;

/// Note that is held where no song is given.
const HELD_KEY: u8 = 69;
/// How long it is held, in seconds.
const HELD_S: f64 = 3.0;
/// Longest render, in seconds.
const LONGEST_S: f64 = 24.0 * 3600.0;

/// Options of the command.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Model file; without it the first factory model
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// Song to play, a standard MIDI file; without it A4 is held for three seconds
    #[arg(long)]
    pub midi: Option<PathBuf>,
    /// WAV file to write (32-bit float, stereo)
    #[arg(long)]
    pub out: PathBuf,
    /// Parameter, as in attack=20, or a control of the model in its own unit
    #[arg(long = "set", value_name = "ID=VALUE")]
    pub settings: Vec<String>,
    /// Changes on the way: lines of seconds,id,value
    #[arg(long, value_name = "CSV")]
    pub automate: Option<PathBuf>,
    /// What decides everything random: the same seed and song give the same samples
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Sample rate of the render in Hz
    #[arg(long, default_value_t = 48_000.0)]
    pub rate: f64,
    /// Samples given to the engine at a time; the result does not depend on it
    #[arg(long, default_value_t = 512)]
    pub block: usize,
    /// Length in seconds; without it the song's, and the end of its last note
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Spectrogram of the result
    #[arg(long, value_name = "PNG")]
    pub spectrogram: Option<PathBuf>,
}

/// An instrument's engine with its settings, as the command line moves them.
pub trait Instrument {
    /// Sets a parameter by id.
    fn set(&mut self, id: &str, value: f32) -> Result<()>;
    /// Plays events for as many samples as the channels have.
    fn process(&mut self, events: &[TimedEvent], out: &mut [&mut [f32]]);
    /// Delay in samples.
    fn latency_samples(&self) -> u32;
    /// Samples from the end of the last note until silence.
    fn tail_samples(&self) -> u32;
    /// How often something that was no sound was kept from the output.
    fn guard_events(&self) -> u64;
}

/// Runs the command with an instrument at the wanted rate.
pub fn run(args: &Args, instrument: &mut impl Instrument) -> Result<()> {
    if args.block == 0 {
        bail!("--block 0: expected at least 1");
    }
    for text in &args.settings {
        let (id, value) = parse(text)?;
        instrument.set(&id, value)?;
    }
    let changes = args.automate.as_deref().map_or_else(|| Ok(Vec::new()), automation)?;
    let song = args.midi.as_ref().map_or_else(|| Ok(held_note()), Song::read)?;
    let tail_s = f64::from(instrument.tail_samples()) / args.rate;
    let seconds = args.seconds.unwrap_or(song.seconds + tail_s);
    if !(seconds > 0.0 && seconds <= LONGEST_S) {
        bail!("--seconds {seconds}: expected more than 0 and at most {LONGEST_S}");
    }
    let sound = play(instrument, &song.events, &changes, args.rate, seconds, args.block)?;
    audio::write(&args.out, &sound)?;
    let peak = sound.channels.iter().map(|channel| metrics::peak(channel)).fold(0.0, f32::max);
    println!(
        "{}: {seconds:.2} s, {} events, {} Hz, peak {:.1} dBFS",
        args.out.display(),
        song.events.len(),
        args.rate,
        20.0 * peak.log10()
    );
    if instrument.guard_events() > 0 {
        println!("{} times something that was no sound was kept from the output", instrument.guard_events());
    }
    if let Some(path) = &args.spectrogram {
        plot::spectrogram(path, &sound.mono(), args.rate, &args.out.display().to_string())?;
    }
    Ok(())
}

fn held_note() -> Song {
    let note = Note { channel: 0, key: HELD_KEY, voice_id: None };
    let on = SongEvent { time_s: 0.0, event: NoteEvent::On { note, velocity: 0.8 } };
    let off = SongEvent { time_s: HELD_S, event: NoteEvent::Off { address: note.into() } };
    Song { events: vec![on, off], seconds: HELD_S }
}

/// So many seconds of a song in stereo; the latency is taken off, so that notes begin where they are written.
pub fn play(
    instrument: &mut impl Instrument,
    events: &[SongEvent],
    changes: &[Change],
    rate_hz: f64,
    seconds: f64,
    block: usize,
) -> Result<Audio> {
    let latency = instrument.latency_samples() as usize;
    let length = (seconds * rate_hz).round() as usize + latency;
    let sample = |time_s: f64| (time_s * rate_hz).round() as usize;
    let mut channels = [vec![0.0; length], vec![0.0; length]];
    let (mut events, mut changes) = (events.iter().peekable(), changes.iter().peekable());
    let mut timed = Vec::new();
    let mut start = 0;
    while start < length {
        while let Some(change) = changes.next_if(|change| sample(change.time_s) <= start) {
            instrument.set(&change.id, change.value)?;
        }
        let mut end = (start + block).min(length);
        if let Some(change) = changes.peek() {
            end = end.min(sample(change.time_s));
        }
        timed.clear();
        while let Some(event) = events.next_if(|event| sample(event.time_s) < end) {
            let offset_samples = (sample(event.time_s) - start) as u32;
            timed.push(TimedEvent { offset_samples, event: event.event });
        }
        let [left, right] = &mut channels;
        instrument.process(&timed, &mut [&mut left[start..end], &mut right[start..end]]);
        start = end;
    }
    let channels = channels.into_iter().map(|mut channel| channel.split_off(latency)).collect();
    Ok(Audio { sample_rate_hz: rate_hz, channels })
}

/// Ids of [`set_voices`], for messages.
pub const VOICE_IDS: &str =
    "mode priority glide glide_when bend mpe tune attack decay sustain release vel_level output seed";

/// Sets what all instruments share, by the plug-ins' ids and units; false if the id is none of these. Choices count from 0.
pub fn set_voices(controls: &mut voices::Controls, id: &str, value: f32) -> Result<bool> {
    let within = |low, high| within(id, value, low, high);
    let milliseconds = |most: f32| within(0.0, most).map(|ms| 1e-3 * ms);
    match id {
        "mode" => {
            let modes = [voices::Mode::Poly, voices::Mode::Mono, voices::Mode::Legato];
            controls.mode = modes[within(0.0, 2.0)?.round() as usize];
        }
        "priority" => {
            let priorities = [voices::Priority::Last, voices::Priority::High, voices::Priority::Low];
            controls.priority = priorities[within(0.0, 2.0)?.round() as usize];
        }
        "glide" => controls.portamento.seconds = milliseconds(5_000.0)?,
        "glide_when" => controls.portamento.legato_only = within(0.0, 1.0)? >= 0.5,
        "bend" => controls.bend_range_semitones = within(0.0, 96.0)?,
        "mpe" => controls.mpe = within(0.0, 1.0)? >= 0.5,
        "tune" => controls.tune_semitones = within(-120.0, 120.0)?,
        "attack" => controls.envelope.attack_s = milliseconds(10_000.0)?,
        "decay" => controls.envelope.decay_s = milliseconds(10_000.0)?,
        "sustain" => controls.envelope.sustain = within(0.0, 1.0)?,
        "release" => controls.envelope.release_s = milliseconds(20_000.0)?,
        "vel_level" => controls.velocity_to_level = within(0.0, 1.0)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// A gain in dB as a factor.
pub fn gain(id: &str, decibels: f32) -> Result<f32> {
    Ok(10f32.powf(within(id, decibels, -60.0, 24.0)? / 20.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes which sample each event falls on, and sounds as many samples late as it says.
    #[derive(Default)]
    struct Recorder {
        at: usize,
        heard: Vec<usize>,
        level: f32,
    }

    impl Instrument for Recorder {
        fn set(&mut self, _id: &str, value: f32) -> Result<()> {
            self.level = value;
            Ok(())
        }

        fn process(&mut self, events: &[TimedEvent], out: &mut [&mut [f32]]) {
            self.heard.extend(events.iter().map(|event| self.at + event.offset_samples as usize));
            for n in 0..out[0].len() {
                out.iter_mut().for_each(|channel| channel[n] = if self.at + n < 10 { 9.0 } else { self.level });
            }
            self.at += out[0].len();
        }

        fn latency_samples(&self) -> u32 {
            10
        }

        fn tail_samples(&self) -> u32 {
            0
        }

        fn guard_events(&self) -> u64 {
            0
        }
    }

    #[test]
    fn events_and_changes_fall_on_their_samples_at_any_block_and_the_latency_is_taken_off() {
        let song = held_note();
        let changes = [Change { time_s: 0.0205, id: "level".into(), value: 0.5 }];
        for block in [1, 7, 64, 4096] {
            let mut recorder = Recorder::default();
            let sound = play(&mut recorder, &song.events, &changes, 1000.0, 4.0, block).unwrap();
            assert_eq!(recorder.heard, [0, 3000], "{block}");
            assert_eq!(sound.channels[0].len(), 4000);
            let first = sound.channels[0].iter().position(|y| *y == 0.5).unwrap();
            assert!(first == 21 - 10 && sound.channels[0][..first].iter().all(|y| *y == 0.0), "{block}: {first}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused_with_its_range() {
        let mut controls = voices::Controls::default();
        assert!(set_voices(&mut controls, "attack", 20.0).unwrap());
        assert!((controls.envelope.attack_s - 0.02).abs() < 1e-6);
        let error = set_voices(&mut controls, "sustain", 2.0).unwrap_err().to_string();
        assert!(error.contains("sustain=2") && error.contains("0 to 1"), "{error}");
        assert!(!set_voices(&mut controls, "cutoff", 2.0).unwrap());
    }
}
