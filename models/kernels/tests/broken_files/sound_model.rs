//! Sound models whose weights are 8-bit, and whose sizes, factors or primed states are not what they should be.
use super::*;
use kernels::arch::FlushDenormals;
use kernels::checkpoint::{Matrix, Values, write_mixed};
use kernels::sound_model::config::{Audio, Config};
use kernels::sound_model::weights::Weights;
use kernels::sound_model::{self, SoundModel, SoundModelState, example};

fn config() -> Config {
    Config { audio: Audio::Embedding, width: 12, layers: 2, hidden: 20, clock: true, ..Config::paper() }
}

fn weights() -> Weights {
    Weights::random(1, &config()).quantised(&config())
}

/// A valid file, its tensors changed.
fn changed(change: impl FnOnce(&mut Weights)) -> Vec<u8> {
    let mut weights = weights();
    change(&mut weights);
    weights.write(&config(), example::metadata(&config())).unwrap()
}

/// A valid file with other sizes in its config.
fn resized(pointer: &str, value: Value) -> Vec<u8> {
    let mut json = json!(config());
    *json.pointer_mut(pointer).unwrap() = value;
    let mut metadata = example::metadata(&config());
    metadata.insert("config".into(), json.to_string());
    weights().write(&config(), metadata).unwrap()
}

fn refused(bytes: &[u8], expected: &str) {
    let before = HELD.get().0;
    HELD.set((before, before));
    let text = SoundModel::load(bytes).expect_err(expected).to_string();
    let peak = (HELD.get().1 - before) as usize;
    assert!(text.contains(expected), "expected a text with `{expected}`, found `{text}`");
    assert!(peak <= 2 * bytes.len() + ALLOWANCE, "{expected}: {peak} bytes held at once");
}

#[test]
fn sizes_out_of_range_are_refused_with_the_range() {
    for (pointer, value, expected) in [
        ("/conditions", json!(0), "config.conditions: expected 1 to 8, found 0"),
        ("/conditions", json!(3), "config.conditions: expected 2, one for each entry of `controls`, found 3"),
        ("/width", json!(u64::MAX), "config.width: expected 1 to 512"),
        ("/layers", json!(9), "config.layers: expected 1 to 8, found 9"),
        ("/layers", json!(3), "tensor `gru.weight_ih_l2`: missing, expected shape [60, 20]"),
        ("/hidden", json!(513), "config.hidden: expected 1 to 512, found 513"),
        ("/hidden", json!(24), "tensor `gru.weight_ih_l0`: expected shape [72, 12], found [60, 12]"),
        ("/classes", json!(512), "config.classes: expected 256 to 256, found 512"),
        ("/audio", json!("stereo"), "metadata `config`"),
        ("/audio", json!("scalar"), "tensor `i2d.weight`: expected shape [12, 5], found [12, 4]"),
        ("/clock", json!(false), "tensor `i2d.weight`: expected shape [12, 2], found [12, 4]"),
    ] {
        refused(&resized(pointer, value), expected);
    }
    let giant = Config { layers: 8, hidden: 512, width: 512, ..config() };
    let mut metadata = example::metadata(&config());
    metadata.insert("config".into(), json!(giant).to_string());
    refused(&write(metadata, &[]).unwrap(), "config: products a sample: expected 0 to 4194304, found 12713984");
}

#[test]
fn a_broken_8_bit_weight_is_refused_by_name() {
    fn layer(weights: &mut Weights) -> (&mut Vec<i8>, &mut Vec<f32>) {
        match &mut weights.layers[1].weight_hh {
            Matrix::Quantised { values, scale } => (values, scale),
            _ => panic!("not quantised"),
        }
    }
    refused(&changed(|w| layer(w).0[17] = -128), "tensor `gru.weight_hh_l1` at 17: expected -127 to 127, found -128");
    refused(&changed(|w| layer(w).1[3] = f32::NAN), "tensor `gru.weight_hh_l1_scale`: value NaN at 3");
    let values = vec![1i8; 256 * 20];
    let tensor = |shape: Vec<usize>| [("h2o.weight".to_string(), shape, Values::I8(&values))];
    let bare = |shape| {
        let metadata = example::metadata(&config());
        let bytes = write_mixed(metadata, &tensor(shape)).unwrap();
        Checkpoint::parse(&bytes).unwrap().matrix("h2o.weight", [256, 20]).unwrap_err().to_string()
    };
    assert!(bare(vec![256, 20]).contains("tensor `h2o.weight_scale`: missing, expected shape [256]"));
    assert!(bare(vec![20, 256]).contains("tensor `h2o.weight`: expected shape [256, 20], found [20, 256]"));
}

/// Sizes whose rows come in eights and columns in fours.
fn even() -> Config {
    Config { hidden: 24, ..config() }
}

/// A valid file of sparse weights, one of them changed.
fn sparse(change: impl FnOnce(&mut Vec<[[i8; 4]; 8]>, &mut Vec<bool>, &mut Vec<f32>)) -> Vec<u8> {
    let mut weights = Weights::random(1, &even()).pruned(&even(), 0.25).sparse(&even());
    let Matrix::Sparse { blocks, mask, scale } = &mut weights.layers[1].weight_hh else { panic!("not sparse") };
    change(blocks, mask, scale);
    weights.write(&even(), example::metadata(&even())).unwrap()
}

#[test]
fn a_broken_sparse_weight_is_refused_by_name() {
    SoundModel::load(&sparse(|_, _, _| {})).unwrap();
    // Of 9 by 6 blocks each gate keeps 5 of 18 (a quarter of them, rounded).
    refused(
        &sparse(|blocks, _, _| blocks.truncate(2)),
        "tensor `gru.weight_hh_l1_blocks`: expected shape [15, 8, 4], found [2, 8, 4]",
    );
    refused(
        &sparse(|_, mask, _| mask.fill(false)),
        "`gru.weight_hh_l1_blocks`: expected shape [0, 8, 4], found [15, 8, 4]",
    );
    refused(
        &sparse(|_, mask, _| mask.fill(true)),
        "`gru.weight_hh_l1_blocks`: expected shape [54, 8, 4], found [15, 8, 4]",
    );
    refused(
        &sparse(|blocks, _, _| blocks[1][2][3] = -128),
        "tensor `gru.weight_hh_l1_blocks` at 43: expected -127 to 127, found -128",
    );
    refused(&sparse(|_, _, scale| scale[3] = f32::INFINITY), "tensor `gru.weight_hh_l1_scale`: value inf at 3");
}

#[test]
fn sparse_tensors_that_do_not_fit_each_other_are_refused() {
    let (weights, flags) = (vec![1i8; 64], [true, false, false, true]);
    let blocks = |shape: &[usize]| ("w_blocks".to_string(), shape.to_vec(), Values::I8(&weights));
    let mask = |shape: &[usize]| ("w_mask".to_string(), shape.to_vec(), Values::Bool(&flags));
    let scale = ("w_scale".to_string(), vec![16], Values::F32(&[1.0; 16]));
    let read = |tensors: &[_], shape| {
        let bytes = write_mixed(example::metadata(&config()), tensors).unwrap();
        Checkpoint::parse(&bytes).unwrap().matrix("w", shape).map_err(|e| e.to_string())
    };
    let error = |tensors: &[_], shape| read(tensors, shape).unwrap_err();
    let whole = [blocks(&[2, 8, 4]), mask(&[2, 2]), scale.clone()];
    assert_eq!(read(&whole, [16, 8]).unwrap().full(16).iter().filter(|w| **w == 1.0).count(), 64);
    for (tensors, shape, expected) in [
        (
            &whole[..],
            [16, 6],
            "tensor `w_blocks`: expected rows in eights and columns in fours, or `w` in their place, found [16, 6]",
        ),
        (&whole, [12, 8], "in eights and columns in fours, or `w` in their place, found [12, 8]"),
        (&whole, [16, 16], "tensor `w_mask`: expected shape [2, 4], found [2, 2]"),
        (&whole[..1], [16, 8], "tensor `w_mask`: missing, expected shape [2, 2]"),
        (&whole[1..], [16, 8], "tensor `w`: missing, expected shape [16, 8]"),
        (&whole[..2], [16, 8], "tensor `w_scale`: missing, expected shape [16]"),
        (
            &[blocks(&[2, 4, 8]), mask(&[2, 2]), scale.clone()],
            [16, 8],
            "tensor `w_blocks`: expected shape [2, 8, 4], found [2, 4, 8]",
        ),
        (
            &[blocks(&[2, 8, 4]), mask(&[4]), scale.clone()],
            [16, 8],
            "tensor `w_mask`: expected shape [2, 2], found [4]",
        ),
        (
            &[("w_blocks".to_string(), vec![2, 8, 4], Values::F32(&[0.0; 64])), mask(&[2, 2]), scale.clone()],
            [16, 8],
            "tensor `w_blocks`: expected I8, found F32",
        ),
        (
            &[blocks(&[2, 8, 4]), ("w_mask".to_string(), vec![2, 2], Values::I8(&[1, 0, 0, 1])), scale.clone()],
            [16, 8],
            "tensor `w_mask`: expected BOOL, found I8",
        ),
    ] {
        let found = error(tensors, shape);
        assert!(found.contains(expected), "expected a text with `{expected}`, found `{found}`");
    }
    // A mask is bytes, which may be anything.
    let mut bytes = write_mixed(example::metadata(&config()), &whole).unwrap();
    let place = bytes.windows(4).rposition(|bytes| bytes == [1, 0, 0, 1]).unwrap();
    bytes[place + 2] = 2;
    let found = Checkpoint::parse(&bytes).unwrap().matrix("w", [16, 8]).unwrap_err().to_string();
    assert!(found.contains("tensor `w_mask` at 2: expected 0 or 1, found 2"), "{found}");
}

#[test]
fn a_weight_that_is_there_twice_is_refused() {
    let weights = Weights::random(1, &even()).pruned(&even(), 0.25).sparse(&even());
    let mut tensors = weights.tensors(&even());
    let whole = vec![0.0; 72 * 24];
    tensors.push(("gru.weight_hh_l1".into(), vec![72, 24], Values::F32(&whole)));
    let bytes = write_mixed(example::metadata(&even()), &tensors).unwrap();
    refused(&bytes, "tensor `gru.weight_hh_l1_blocks` belongs to no part of this model");
}

#[test]
fn primed_states_that_fit_are_played_from_and_others_refused() {
    let state_values = config().state_values();
    let with_bank = |states: &[f32], width: usize, conditions: &[f32]| {
        let bytes = Weights::random(1, &config()).write(&config(), example::metadata(&config())).unwrap();
        let file = Checkpoint::parse(&bytes).unwrap();
        let values = |(name, _, shape): (String, String, Vec<usize>)| {
            let values = file.tensor(&name, &shape).unwrap();
            (name, shape, values)
        };
        let mut tensors: Tensors = file.tensors().into_iter().map(values).collect();
        tensors.push(("bank.states".into(), vec![states.len() / width, width], states.to_vec()));
        tensors.push(("bank.conditions".into(), vec![conditions.len() / 2, 2], conditions.to_vec()));
        write(example::metadata(&config()), &tensors).unwrap()
    };
    let states: Vec<f32> = (0..2 * state_values).map(|i| (i as f32 * 0.37).sin()).collect();
    let started = |x: f32| {
        let model = SoundModel::load(&with_bank(&states, state_values, &[-1.0, 0.0, 1.0, 0.0])).unwrap();
        let mut state = SoundModelState::new(&model, 1);
        let controls = sound_model::Controls { conditions: [x; 8], ..sound_model::Controls::new(model.info()) };
        state.start(&model, 0, &controls, 1, 1);
        state.class(0)
    };
    assert_ne!(started(-0.5), started(0.5));
    refused(&with_bank(&states, state_values * 2, &[0.0, 0.0]), "tensor `bank.states`: expected shape");
    refused(
        &with_bank(&states, state_values, &[0.0, 0.0]),
        "tensor `bank.conditions`: expected shape [2, 2], found [1, 2]",
    );
    let loud: Vec<f32> = states.iter().map(|x| 1.2 * x).collect();
    refused(&with_bank(&loud, state_values, &[0.0; 4]), "tensor `bank.states` at");
}

#[test]
fn a_model_of_the_largest_weights_stays_within_full_scale() {
    let huge = changed(|w| {
        w.i2d_weight.fill(1e6);
        w.embedding.fill(-1e6);
        w.h2o_bias.fill(1e6);
        w.layers.iter_mut().for_each(|layer| layer.bias_ih.fill(-1e6));
    });
    let model = SoundModel::load(&huge).unwrap();
    let controls = [sound_model::Controls::new(model.info()); 2];
    let mut state = SoundModelState::new(&model, 2);
    state.start(&model, 1, &controls[1], 1, 1);
    let mut audio = [0.0; 400];
    state.render(&model, &controls, &mut audio);
    assert!(audio.iter().all(|x| x.abs() <= 1.0));
}

#[test]
fn playing_allocates_nothing() {
    let model = SoundModel::load(&changed(|_| {})).unwrap();
    let controls =
        [sound_model::Controls { top_k: 5, clock_hz: 300.0, ..sound_model::Controls::new(model.info()) }; 16];
    let mut state = SoundModelState::new(&model, 16);
    let mut audio = vec![0.0; 16 * 33];
    let _flush = FlushDenormals::new();
    let before = HELD.get();
    HELD.set((before.0, before.0));
    for round in 0..40 {
        state.start(&model, round * 7 % 16, &controls[0], 1, round as u64);
        state.stop(round * 5 % 16);
        state.render(&model, &controls, &mut audio[..16 * (round % 34)]);
    }
    state.reset();
    assert_eq!(HELD.get(), (before.0, before.0));
}
