//! The whole model: against the paper's drawing, across CPU paths, cuts and voices.
use super::config::Audio;
use super::example::metadata;
use super::naive::Naive;
use super::selftest::divergence;
use super::*;
use crate::checkpoint::{Matrix, Values, write_mixed};
use crate::nn::naive::{assert_close, noise};

fn small(audio: Audio, clock: bool, relu: bool) -> Config {
    Config { audio, conditions: 2, clock, width: 20, relu, layers: 3, hidden: 40, classes: 256 }
}

fn kinds() -> [Config; 4] {
    [
        small(Audio::Scalar, false, true),
        small(Audio::Scalar, true, false),
        small(Audio::Embedding, false, true),
        small(Audio::Embedding, true, false),
    ]
}

fn model(config: &Config, precision: Precision) -> SoundModel {
    let bytes = example::file(7, config).expect("a file");
    SoundModel::load_on(&bytes, precision, arch::best(), integer::best()).expect("a model")
}

fn controls(seed: u64) -> Controls {
    let mut conditions = [0.0; MAX_CONDITIONS];
    conditions.copy_from_slice(&noise(seed, MAX_CONDITIONS));
    Controls { conditions, clock_hz: 220.0 + 50.0 * seed as f32, temperature: 0.9, top_k: 256 }
}

/// Logits of one voice that is held to a recording, beside the paper's drawing of the same weights.
fn held(model: &SoundModel, weights: &Weights, steps: usize, mut compare: impl FnMut(&[f32], &[f32])) {
    let config = model.config();
    let mut naive = Naive::new(config, weights);
    let mut state = SoundModelState::new(model, 3);
    let controls = [controls(3); 3];
    state.start(model, 1, &controls[1], 1, 1);
    let mut phase = 0.0;
    for (t, sound) in noise(5, steps).into_iter().enumerate() {
        let class = if t == 0 { mu_law::SILENCE } else { mu_law::encode(sound) };
        state.hear(1, class);
        state.render(model, &controls, &mut [0.0; 3]);
        let mut beside = controls[1].conditions[..config.conditions].to_vec();
        if config.clock {
            beside.extend([f64::sin(phase) as f32, f64::cos(phase) as f32]);
            phase += std::f64::consts::TAU * f64::from(controls[1].clock_hz) / 16_000.0;
        }
        compare(state.logits(1), &naive.step(class, &beside));
    }
}

#[test]
fn every_full_path_follows_the_papers_drawing() {
    for config in kinds() {
        let weights = Weights::random(7, &config);
        let bytes = example::file(7, &config).unwrap();
        for arch in arch::available() {
            let model = SoundModel::load_on(&bytes, Precision::Full, arch, integer::best()).unwrap();
            held(&model, &weights, 100, |found, expected| assert_close(found, expected, 2e-4, arch.name));
        }
    }
}

#[test]
fn eight_bits_stay_close_to_the_papers_drawing_of_the_same_weights() {
    for config in kinds() {
        let weights = Weights::random(7, &config).quantised(&config);
        let bytes = weights.write(&config, metadata(&config)).unwrap();
        for arch in arch::available() {
            let model = SoundModel::load_on(&bytes, Precision::Quantised, arch, integer::best()).unwrap();
            let mut divergences = Vec::new();
            held(&model, &weights, 300, |found, expected| divergences.push(divergence(expected, found)));
            let mean = divergences.iter().sum::<f64>() / divergences.len() as f64;
            // What 8-bit activations cost, in nats; a wrong row, gate or scale costs more than one.
            assert!(mean <= 0.01, "{}: {config:?}: {mean}", arch.name);
        }
    }
}

/// Plays voices together, starting some later and stopping one, in blocks of one length; `[voice]` of samples.
fn concert(model: &SoundModel, block: usize, order: &[usize]) -> Vec<Vec<f32>> {
    let mut state = SoundModelState::new(model, 8);
    let all: Vec<_> = (0..8).map(|voice| controls(voice as u64)).collect();
    let mut heard = vec![Vec::new(); 8];
    for part in 0..3 {
        for (slot, note) in order.iter().enumerate().filter(|(slot, _)| slot % 3 == part) {
            state.start(model, slot, &all[*note], 11, *note as u64);
        }
        let placed: Vec<_> = (0..8).map(|slot| order.get(slot).map_or(all[0], |note| all[*note])).collect();
        let mut left = 48;
        while left > 0 {
            let samples = block.min(left);
            let mut audio = vec![0.0; 8 * samples];
            state.render(model, &placed, &mut audio);
            for (slot, note) in order.iter().enumerate().filter(|(slot, _)| state.sounding().contains(&(*slot as u8))) {
                heard[*note].extend(&audio[slot * samples..][..samples]);
            }
            left -= samples;
        }
        if let (1, Some(first)) = (part, order.iter().position(|note| *note == 0)) {
            state.stop(first);
        }
    }
    heard
}

#[test]
fn a_cut_into_blocks_changes_nothing() {
    for precision in [Precision::Full, Precision::Quantised] {
        let model = model(&small(Audio::Embedding, true, false), precision);
        let whole = concert(&model, 48, &[0, 1, 2, 3, 4]);
        assert!(whole.iter().take(5).all(|voice| voice.len() >= 48 && voice.iter().any(|x| x.abs() > 0.01)));
        for block in [1, 7, 16] {
            assert_eq!(concert(&model, block, &[0, 1, 2, 3, 4]), whole, "blocks of {block}");
        }
    }
}

#[test]
fn a_note_sounds_alike_alone_in_company_and_in_any_slot() {
    for precision in [Precision::Full, Precision::Quantised] {
        let model = model(&small(Audio::Scalar, true, false), precision);
        let alone = concert(&model, 16, &[4]);
        let first = concert(&model, 16, &[4, 5, 1, 2, 7, 0, 6]);
        let moved = concert(&model, 16, &[4, 1, 2, 5, 0, 6, 7]);
        assert_eq!(alone[4], first[4]);
        let common = first[7].len().min(moved[7].len());
        assert_eq!(first[7][..common], moved[7][..common]);
    }
}

#[test]
fn every_integer_path_plays_the_same_bits() {
    let config = small(Audio::Embedding, false, true);
    let bytes = example::file(9, &config).unwrap();
    for arch in arch::available() {
        let play = |integer| {
            let model = SoundModel::load_on(&bytes, Precision::Quantised, arch, integer).unwrap();
            concert(&model, 48, &[0, 1, 2, 3, 4, 5, 6])
        };
        let expected = play(integer::available().next().unwrap());
        for integer in integer::available() {
            assert_eq!(play(integer), expected, "{arch:?} {integer:?}");
        }
    }
}

#[test]
fn a_file_of_8_bit_weights_plays_as_one_that_is_quantised_at_load() {
    for config in kinds() {
        let weights = Weights::random(7, &config);
        let exported = weights.clone().quantised(&config).write(&config, metadata(&config)).unwrap();
        let full = example::file(7, &config).unwrap();
        assert!(exported.len() < full.len() * 3 / 4, "{} bytes of {}", exported.len(), full.len());
        let play = |bytes: &[u8]| concert(&SoundModel::load(bytes).unwrap(), 48, &[0, 1, 2]);
        assert_eq!(play(&exported), play(&full));
    }
}

#[test]
fn sparse_weights_play_the_same_bits_as_all_of_them_on_every_path() {
    for density in [0.5, 0.1, 0.0] {
        // With a ReLU all matrices of the GRUs are multiplied by; the last panel of each gate is half full.
        let config = small(Audio::Embedding, true, true);
        let whole = Weights::random(7, &config).pruned(&config, density).quantised(&config);
        let sparse = whole.clone().sparse(&config);
        let bytes = sparse.write(&config, metadata(&config)).unwrap();
        assert!(matches!(sparse.layers[0].weight_ih, Matrix::Sparse { .. }));
        assert_eq!(Weights::load(&Checkpoint::parse(&bytes).unwrap(), &config).unwrap(), sparse);
        let whole_bytes = whole.write(&config, metadata(&config)).unwrap();
        assert!(bytes.len() < whole_bytes.len());
        for integer in integer::available() {
            let play = |bytes: &[u8]| {
                let model = SoundModel::load_on(bytes, Precision::Quantised, arch::best(), integer).unwrap();
                concert(&model, 48, &[0, 1, 2, 3, 4, 5, 6])
            };
            assert_eq!(play(&bytes), play(&whole_bytes), "{density} {integer:?}");
        }
        let model = SoundModel::load(&bytes).unwrap();
        let mut divergences = Vec::new();
        held(&model, &sparse, 100, |found, expected| divergences.push(divergence(expected, found)));
        let mean = divergences.iter().sum::<f64>() / divergences.len() as f64;
        assert!(mean <= 0.01, "density {density}: {mean}");
    }
}

#[test]
fn cold_notes_of_different_seeds_are_one() {
    let model = model(&small(Audio::Embedding, false, false), Precision::Quantised);
    let play = |seed, temperature| {
        let mut state = SoundModelState::new(&model, 1);
        let controls = [Controls { temperature, ..controls(1) }];
        state.start(&model, 0, &controls[0], seed, 0);
        let mut audio = [0.0; 100];
        state.render(&model, &controls, &mut audio);
        audio
    };
    assert_eq!(play(1, 0.0), play(2, 0.0));
    assert_ne!(play(1, 1.0), play(2, 1.0));
}

#[test]
fn no_control_can_harm_a_voice() {
    let model = model(&small(Audio::Scalar, true, false), Precision::Quantised);
    for wild in [f32::NAN, f32::INFINITY, -f32::INFINITY, 1e30, -1e30] {
        let controls = Controls { conditions: [wild; MAX_CONDITIONS], clock_hz: wild, temperature: wild, top_k: 0 };
        let mut state = SoundModelState::new(&model, 2);
        state.start(&model, 0, &controls, 1, 1);
        state.start(&model, 99, &controls, 1, 1);
        state.stop(99);
        let mut audio = [0.0; 64];
        state.render(&model, &[controls; 2], &mut audio);
        assert!(audio.iter().all(|x| x.abs() <= 1.0));
        assert_eq!(audio[32..], [0.0; 32]);
    }
}

#[test]
fn a_note_started_from_a_snapshot_goes_on_where_it_was_taken() {
    let config = small(Audio::Embedding, false, false);
    let weights = Weights::random(7, &config);
    for precision in [Precision::Full, Precision::Quantised] {
        let load = |bytes: &[u8]| SoundModel::load_on(bytes, precision, arch::best(), integer::best()).unwrap();
        let play = |model: &SoundModel, state: &mut SoundModelState, controls| {
            let mut audio = [0.0; 60];
            state.render(model, &[controls], &mut audio);
            audio
        };
        let cold = Controls { temperature: 0.0, ..controls(2) };
        let model = load(&weights.write(&config, metadata(&config)).unwrap());
        let mut state = SoundModelState::new(&model, 1);
        state.start(&model, 0, &cold, 1, 1);
        play(&model, &mut state, Controls { temperature: 1.0, ..cold });
        let row = state.snapshot(&model, 0);

        let mut tensors = weights.tensors(&config);
        let conditions = [0.0; 2];
        tensors.push(("bank.states".into(), vec![1, row.len()], Values::F32(&row)));
        tensors.push(("bank.conditions".into(), vec![1, 2], Values::F32(&conditions)));
        let primed = load(&write_mixed(metadata(&config), &tensors).unwrap());
        let mut second = SoundModelState::new(&primed, 1);
        second.start(&primed, 0, &cold, 5, 5);
        assert_eq!(play(&primed, &mut second, cold), play(&model, &mut state, cold));
    }
}
