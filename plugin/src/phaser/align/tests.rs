//! Recordings whose LFO is known come out in step, and what is no such recording is said in a line.
use super::*;
use crate::phaser::FACTORY_MODELS;
use kernels::nn::naive::noise;
use kernels::phaser::Engine;

const RATE_HZ: f64 = 44_100.0;

fn model() -> Arc<Phaser> {
    Arc::new(Phaser::load(FACTORY_MODELS[0].1).unwrap())
}

fn sound(name: &str, sample_rate_hz: f64, samples: Vec<f32>) -> Sound {
    Sound { name: name.into(), audio: Audio::from_mono(sample_rate_hz, samples) }
}

/// Six seconds of noise, and what a model makes of it from a phase.
fn pair(model: &Arc<Phaser>, rate_hz: f32, turns: f64) -> (Sound, Sound) {
    let dry = noise(7, (6.0 * RATE_HZ) as usize);
    let mut wet = dry.clone();
    let controls = Controls { rate_hz, phase_turns: Some(turns), ..Controls::new(model.info()) };
    Engine::new(model.clone(), RATE_HZ, 1).unwrap().process(&controls, &mut [&mut wet]);
    (sound("dry.wav", RATE_HZ, dry), sound("wet.wav", RATE_HZ, wet))
}

fn off_by(a: f64, b: f64) -> f64 {
    (a - b - (a - b).round()).abs()
}

#[test]
fn every_factory_model_is_laid_into_step_with_itself() {
    for (name, bytes) in FACTORY_MODELS {
        let model = Arc::new(Phaser::load(bytes).unwrap());
        let (dry, wet) = pair(&model, 1.9, 0.4);
        let found = align(&dry, &wet, &model, &Controls::new(model.info())).unwrap();
        assert!((found.rate_hz - 1.9).abs() < 2e-3, "{name}: {} Hz", found.rate_hz);
        assert!(off_by(found.start_turns, 0.4) < 0.01, "{name}: {} turns", found.start_turns);
    }
}

#[test]
fn a_wet_sound_at_another_rate_is_converted() {
    let model = model();
    let (dry, wet) = pair(&model, 1.9, 0.7);
    let wet = Sound { audio: wet.audio.resampled(48_000.0).unwrap(), ..wet };
    let found = align(&dry, &wet, &model, &Controls::new(model.info())).unwrap();
    assert!(off_by(found.start_turns, 0.7) < 0.01, "{}", found.start_turns);
}

#[test]
fn every_factory_model_tells_its_recording_from_the_exchanged_one() {
    for (name, bytes) in FACTORY_MODELS {
        let model = Arc::new(Phaser::load(bytes).unwrap());
        let (dry, wet) = pair(&model, 1.9, 0.0);
        let alike = |dry: &Sound, wet: &Sound| align(dry, wet, &model, &Controls::new(model.info())).unwrap().likeness;
        let (right, exchanged) = (alike(&dry, &wet), alike(&wet, &dry));
        assert!(right > 0.9 && exchanged < right - EXCHANGED, "{name}: {right} {exchanged}");
    }
}

#[test]
fn files_in_the_wrong_order_are_named() {
    let (dry, wet) = pair(&model(), 1.9, 0.0);
    let folder = std::env::temp_dir().join(format!("doppel-align-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |sound: &Sound| {
        let path = folder.join(&sound.name);
        sound_files::audio::write(&path, &sound.audio).unwrap();
        path
    };
    let (dry, wet) = (file(&dry), file(&wet));
    let named = Pair::Named { dry: wet.clone(), wet: dry.clone() };
    let model = model();
    let controls = Controls::new(model.info());
    let error = read_and_align(&named, &model, &controls).map(|found| found.wet).unwrap_err();
    assert!(error.contains("wet.wav sounds like what the hardware made of dry.wav"), "{error}");
    let dropped = read_and_align(&Pair::Dropped([wet, dry]), &model, &controls).unwrap();
    assert_eq!(dropped.wet, "wet.wav");
    let missing = Pair::Dropped([folder.join("nothing.wav"), folder.join("dry.wav")]);
    assert!(read_and_align(&missing, &model, &controls).map(|found| found.wet).unwrap_err().contains("nothing.wav"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_cannot_be_aligned_is_said_in_one_line() {
    let model = model();
    let (dry, wet) = pair(&model, 1.9, 0.0);
    let cut =
        |sound: &Sound, samples: usize| self::sound(&sound.name, RATE_HZ, sound.audio.channels[0][..samples].to_vec());
    let still = sound("wet.wav", RATE_HZ, dry.audio.channels[0].iter().map(|x| 0.5 * x).collect());
    let controls = Controls::new(model.info());
    for (dry, wet, word) in [
        (&dry, &still, "no LFO"),
        (&cut(&dry, 20_000), &cut(&wet, 20_000), "record"),
        (&dry, &cut(&wet, 100_000), "shorter than dry.wav"),
        (&cut(&dry, 100_000), &wet, "longer than dry.wav"),
    ] {
        let error = align(dry, wet, &model, &controls).map(|found| found.rate_hz).unwrap_err();
        assert!(error.starts_with("wet.wav") && error.contains(word) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_model_that_keeps_its_own_time_is_refused() {
    let lstm = include_bytes!("../../../../tests/golden/phaser_lstm.safetensors");
    let (dry, wet) = pair(&model(), 1.9, 0.0);
    let lstm = Arc::new(Phaser::load(lstm).unwrap());
    let error = align(&dry, &wet, &lstm, &Controls::new(lstm.info())).map(|found| found.rate_hz).unwrap_err();
    assert!(error.contains("keeps its own time") && error.contains("load"), "{error}");
}

#[test]
fn the_song_phase_carries_the_lfo_to_where_the_recording_lies() {
    let found = Aligned {
        model: model(),
        wet: "wet.wav".into(),
        rate_hz: 2.5,
        start_turns: 0.3,
        likeness: 0.9,
        drift: 0.0013,
        explained_variance: 0.71,
    };
    let turns = found.song_turns(2.5, 12.1);
    assert!((0.0..1.0).contains(&turns) && off_by(turns + 2.5 * 12.1, 0.3) < 1e-9);
    let line = found.line(2.5, 12.1);
    for part in ["wet.wav", "2.5000 Hz", "0.13 %", "0.71", "12.100 s", "trained for"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!Aligned { rate_hz: 1.0, ..found.clone() }.line(1.0, 0.0).contains("trained"));
    assert!(Aligned { rate_hz: 11.0, ..found.clone() }.line(10.0, 0.0).contains("10.00 Hz only"));
    assert!(Aligned { likeness: 0.4, ..found }.line(2.5, 0.0).contains("knobs"));
}
