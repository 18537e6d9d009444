//! Files come back as they were written; what is no sound file says so.

use std::path::PathBuf;

use super::*;

/// A folder of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("doppel-audio-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn stereo() -> Audio {
    let tone = |hz: f64| (0..1000).map(|n| (0.5 * (hz * n as f64 * 1e-3).sin()) as f32).collect();
    Audio { sample_rate_hz: 48_000.0, channels: vec![tone(20.0), tone(31.0)] }
}

#[test]
fn a_float_wav_comes_back_bit_for_bit_and_leaves_nothing_beside_it() {
    let folder = Folder::new("float");
    let path = folder.path("a.wav");
    write(&path, &stereo()).unwrap();
    write(&path, &stereo()).unwrap();
    assert_eq!(Audio::read(&path).unwrap(), stereo());
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[test]
fn integer_wavs_of_every_width_come_back_within_one_step() {
    let folder = Folder::new("integer");
    for bits in [8, 16, 24, 32] {
        let path = folder.path(&format!("{bits}.wav"));
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 48_000,
            bits_per_sample: bits,
            sample_format: hound::SampleFormat::Int,
        };
        let step = 2f64.powi(1 - i32::from(bits));
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        let audio = stereo();
        for n in 0..audio.len() {
            for channel in &audio.channels {
                writer.write_sample((f64::from(channel[n]) / step).round() as i32).unwrap();
            }
        }
        writer.finalize().unwrap();
        let back = Audio::read(&path).unwrap();
        assert_eq!((back.sample_rate_hz, back.len()), (48_000.0, 1000));
        for (a, b) in audio.channels.iter().flatten().zip(back.channels.iter().flatten()) {
            assert!((a - b).abs() <= step.max(1e-7) as f32, "{bits} bit: {a} became {b}");
        }
    }
}

#[test]
fn mono_is_the_mean_of_the_channels() {
    let audio = Audio { sample_rate_hz: 1.0, channels: vec![vec![1.0, 0.0], vec![0.0, -1.0]] };
    assert_eq!(audio.mono(), [0.5, -0.5]);
}

#[test]
fn a_bad_file_is_one_line_that_names_it_and_helps() {
    let folder = Folder::new("bad");
    let mut cases = vec![folder.path("missing.wav"), folder.0.clone()];
    let valid = folder.path("valid.wav");
    write(&valid, &stereo()).unwrap();
    let bytes = std::fs::read(&valid).unwrap();
    let not_numbers = Audio::from_mono(48_000.0, vec![0.0, f32::NAN]);
    write(folder.path("nan.wav"), &not_numbers).unwrap();
    write(folder.path("silent.wav"), &Audio::from_mono(48_000.0, Vec::new())).unwrap();
    cases.extend([folder.path("nan.wav"), folder.path("silent.wav")]);
    for (name, content) in
        [("empty.wav", &bytes[..0]), ("cut.wav", &bytes[..20]), ("text.flac", b"no sound"), ("text.mp3", b"no sound")]
    {
        std::fs::write(folder.path(name), content).unwrap();
        cases.push(folder.path(name));
    }
    for path in cases {
        let error = format!("{:#}", Audio::read(&path).expect_err(&path.display().to_string()));
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(!error.contains('\n') && error.contains(';'), "{error}");
    }
}

#[test]
fn a_wav_cut_short_plays_up_to_the_cut() {
    let folder = Folder::new("cut");
    let path = folder.path("a.wav");
    write(&path, &stereo()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let audio = Audio::read(&path).unwrap();
    assert!(audio.len() > 300 && audio.len() < 600, "{}", audio.len());
    assert_eq!(audio.channels[1][..300], stereo().channels[1][..300]);
}

#[test]
fn a_file_that_cannot_be_written_says_where() {
    let error = format!("{:#}", write("/nowhere/at/all.wav", &stereo()).unwrap_err());
    assert!(error.starts_with("/nowhere/at/all.wav: cannot write"), "{error}");
}

/// 0.1 s of 440 Hz at half of full scale, mono 44.1 kHz, written by libsndfile 1.2 (FLAC 16 bit, Vorbis, MP3 by LAME).
#[test]
fn compressed_files_are_as_long_as_their_sound_and_in_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audio");
    for (name, tolerance) in [("tone.flac", 1e-4), ("tone.ogg", 0.03), ("tone.mp3", 0.03)] {
        let audio = Audio::read(folder.join(name)).unwrap();
        assert_eq!((audio.sample_rate_hz, audio.channels.len(), audio.len()), (44_100.0, 1, 4410));
        for n in 1000..3400 {
            let exact = 0.5 * (std::f64::consts::TAU * 440.0 * n as f64 / 44_100.0).sin();
            let error = f64::from(audio.channels[0][n]) - exact;
            assert!(error.abs() < tolerance, "{name}, sample {n}: off by {error}");
        }
    }
}
