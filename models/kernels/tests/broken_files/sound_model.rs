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
            Matrix::Full(_) => panic!("not quantised"),
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
