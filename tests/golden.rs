//! The kernels play what the candle nets play: on every CPU path, for any cut into blocks, and as they did when the
//! goldens were made.
use candle_core::{Device, Tensor};
use kernels::arch;
use kernels::checkpoint::{ControlInfo, Curve};
use kernels::nn::naive::{assert_close, noise};
use kernels::phaser::{Controls, Engine, Phaser, PhaserState, Probe};
use kernels::sound_model::{SoundModel, engine};
use kernels::wavetable::{Wavetable, knobs::Knobs};
use nets::phaser::{Config, Follower, ModulationConfig, Net};
use plugin::sound_model::params::SoundModelParams;
use plugin::wavetable::params::WavetableParams;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use training::card::Card;
use training::phaser::train::export;
use training::{sound_model, wavetable};

/// Largest difference of kernel and net over ten seconds, of full scale.
const TOLERANCE: f32 = 1e-5;
const SAMPLE_RATE_HZ: f64 = 44_100.0;

fn control(id: &str, span: (f32, f32), default: f32, curve: Curve) -> ControlInfo {
    ControlInfo {
        id: id.into(),
        name: id.into(),
        unit: String::new(),
        min: span.0,
        max: span.1,
        default,
        trained_min: span.0,
        trained_max: span.1,
        curve,
        steps: None,
    }
}

/// A net whose weights are all away from their quiet start: biases, shifts, slopes and modulation count.
fn net(modulation: ModulationConfig, bias: bool, follower: Option<Follower>) -> (Net, Card) {
    let mut config = Config { modulation, ..Config::default() };
    config.effect.bias = bias;
    config.effect.shift = bias;
    config.effect.limit = bias;
    config.effect.follower = follower;
    let net = Net::new(config, 2, 5, &Device::Cpu).unwrap();
    for (seed, (name, var)) in net.vars.iter().enumerate() {
        let count = var.elem_count();
        let strength = if name.contains("prelu") || name.contains("limit") { 0.3 } else { 0.05 };
        let shake: Vec<f32> = noise(seed as u64 + 1, count).into_iter().map(|x| strength * x).collect();
        let shake = Tensor::from_vec(shake, var.dims(), &Device::Cpu).unwrap();
        var.set(&(var.as_tensor() + shake).unwrap()).unwrap();
    }
    // A moving modulation: the start would barely move it.
    for (name, var) in &net.vars {
        if name.contains("mlp.2.weight") || name.contains("to_effect.weight") || name.contains("initial_state") {
            var.set(&(var.as_tensor() * 4.0).unwrap()).unwrap();
        }
    }
    let card = Card {
        name: "golden".into(),
        author: "Doppel".into(),
        license: "CC0-1.0".into(),
        description: String::new(),
        redistribute: true,
        sample_rate_hz: SAMPLE_RATE_HZ,
        controls: vec![control("rate", (0.1, 8.0), 1.7, Curve::Log), control("colour", (0.0, 1.0), 0.3, Curve::Linear)],
        training: serde_json::json!({ "data": "none: random weights" }),
    };
    (net, card)
}

fn nets() -> Vec<(&'static str, Net, Card)> {
    let oscillator = || ModulationConfig::Oscillator { harmonics: 4, hidden: vec![64, 64] };
    let lstm = ModulationConfig::Lstm { channels: 15, kernel: 3, dilation: 1, hidden: 31, control_hidden: vec![8] };
    // The noise below reaches 0.5: some of its samples are louder than the loudest.
    let follower = Some(Follower { samples: 16.0, knee: 0.05, loudest: 0.2 });
    [
        ("oscillator", oscillator(), false, None),
        ("lstm", lstm.clone(), false, None),
        ("oscillator_biased_limited", oscillator(), true, None),
        ("oscillator_following", oscillator(), false, follower),
        ("oscillator_biased_limited_following", oscillator(), true, follower),
        ("lstm_following", lstm, false, follower),
    ]
    .into_iter()
    .map(|(name, modulation, bias, follower)| {
        let (net, card) = net(modulation, bias, follower);
        (name, net, card)
    })
    .collect()
}

#[test]
fn kernel_and_net_agree_over_ten_seconds_on_every_path() {
    for (name, net, card) in nets() {
        let input: Vec<f32> = noise(1, 10 * SAMPLE_RATE_HZ as usize).into_iter().map(|x| 0.5 * x).collect();
        let expected = export::play(&net, &card, &input).unwrap();
        let bytes = export::unchecked_bytes(&net, &card, &input[..64], &expected[..64]).unwrap();
        // A stream begins with no past at all, a window with what silence leaves behind a bias.
        let skip = if net.config.effect.bias { net.config.effect.receptive_field() } else { 0 };
        for arch in arch::available() {
            let model = Phaser::load_on(&bytes, arch).unwrap();
            let mut found = input.clone();
            PhaserState::new(&model).process(&model, &Controls::new(model.info()), 0.0, &mut found);
            let loudest = expected.iter().fold(0.0f32, |m, y| m.max(y.abs()));
            assert!(loudest > 0.05, "{name}: a silent net proves nothing");
            assert_close(
                &found[skip..],
                &expected[skip..],
                TOLERANCE * loudest.max(1.0),
                &format!("{name} on {}", arch.name),
            );
        }
    }
}

#[test]
fn any_cut_into_blocks_gives_the_same_bits() {
    for (name, net, card) in nets() {
        let bytes = export::unchecked_bytes(&net, &card, &[0.0; 64], &[0.0; 64]).unwrap();
        for (arch, host_hz) in arch::available().flat_map(|arch| [(arch, 44_100.0), (arch, 48_000.0)]) {
            let model = Arc::new(Phaser::load_on(&bytes, arch).unwrap());
            let mut controls = Controls::new(model.info());
            controls.stereo_phase_turns = 0.25;
            let play = |blocks: &[usize]| {
                let mut engine = Engine::new(model.clone(), host_hz, 2).unwrap();
                let (mut left, mut right) = (noise(1, 20_000), noise(2, 20_000));
                let (mut start, mut blocks) = (0, blocks.iter().cycle());
                while start < left.len() {
                    let end = (start + blocks.next().unwrap()).min(left.len());
                    engine.process(&controls, &mut [&mut left[start..end], &mut right[start..end]]);
                    start = end;
                }
                (left, right)
            };
            let whole = play(&[20_000]);
            assert_eq!(play(&[0, 1, 17, 64, 65, 3, 480, 4096]), whole, "{name} on {} at {host_hz} Hz", arch.name);
        }
    }
}

#[test]
fn the_response_on_the_panel_is_that_of_a_quiet_sound_however_early_a_model_saturates() {
    let follower = Some(Follower { samples: 16.0, knee: 1.0, loudest: 32.0 });
    let (net, card) = net(ModulationConfig::Oscillator { harmonics: 4, hidden: vec![64, 64] }, false, follower);
    let hz: Vec<f32> = (0..40).map(|k| 50.0 * (k as f32 / 5.0).exp2()).collect();
    let [usual, early] = [1.0, 0.003].map(|gain| {
        let bytes = export::unchecked_bytes(&net.louder(gain).unwrap(), &card, &[0.0; 64], &[0.0; 64]).unwrap();
        let model = Phaser::load(&bytes).unwrap();
        let mut db = vec![0.0; hz.len()];
        Probe::new(&model).response_db(&model, &Controls::new(model.info()), 0.3, &hz, &mut db);
        db
    });
    assert!(usual.iter().any(|db| (db - usual[0]).abs() > 1.0), "a flat response proves nothing");
    assert_close(&early, &usual, 0.02, "dB");
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/phaser_{name}.safetensors"))
}

#[test]
fn kernels_play_as_they_did_when_the_goldens_were_made() {
    for name in ["oscillator", "lstm"] {
        let bytes = std::fs::read(golden(name)).expect("run `cargo xtask golden` once and commit what it writes");
        for arch in arch::available() {
            let model = Phaser::load_on(&bytes, arch).unwrap();
            let result = model.self_test(&bytes).unwrap().expect("a golden carries a self-test");
            assert!(result.passed(), "{name} on {}: {result:?}", arch.name);
        }
    }
}

#[test]
#[ignore = "writes tests/golden: `cargo xtask golden`"]
fn makes_the_goldens() {
    for (name, net, card) in nets().into_iter().filter(|(name, ..)| *name != "oscillator_biased") {
        std::fs::create_dir_all(golden(name).parent().unwrap()).unwrap();
        std::fs::write(golden(name), export::bytes(&net, &card).unwrap()).unwrap();
    }
}

#[test]
fn a_fresh_plug_in_plays_what_the_command_renders() {
    let model = Arc::new(Wavetable::load(plugin::wavetable::FACTORY_MODELS[0].1).unwrap());
    let command = wavetable::render::Player::new(model.clone(), 48_000.0, 7).unwrap().knobs;
    let fresh = WavetableParams::default().knobs(model.info(), 7);
    for (found, expected) in fresh.values.iter().zip(&command.values) {
        assert!((found - expected).abs() <= 1e-5 * expected.abs(), "{found} {expected}");
    }
    assert_eq!(Knobs { values: command.values, seed: 7, ..fresh }, command);

    let model = Arc::new(SoundModel::load(plugin::sound_model::FACTORY_MODELS[0].1).unwrap());
    let command = sound_model::render::Player::new(model.clone(), 48_000.0, 7).unwrap().controls;
    let fresh = SoundModelParams::default().controls(model.info(), 7);
    assert_eq!(engine::Controls { seed: 7, ..fresh }, command);
}
