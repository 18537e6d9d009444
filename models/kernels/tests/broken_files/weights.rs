//! Files whose container is sound and whose numbers are not, and files damaged anywhere.
use super::*;

/// The valid file with all tensors in another number format.
fn converted(dtype: &str, bytes_of: impl Fn(f32) -> Vec<u8>) -> Vec<u8> {
    let mut header = json!({"__metadata__": metadata()});
    let mut data = Vec::new();
    for (name, shape, values) in tensors() {
        let start = data.len();
        values.iter().for_each(|v| data.extend(bytes_of(*v)));
        header[name] = json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]});
    }
    container(header.to_string().as_bytes(), &data)
}

#[test]
fn weights_in_half_precision_load_and_sound_alike() {
    let exact = played(load(&file(), "f32").unwrap(), 4096);
    let f16 = converted("F16", |v| half::f16::from_f32(v).to_le_bytes().to_vec());
    let bf16 = converted("BF16", |v| half::bf16::from_f32(v).to_le_bytes().to_vec());
    // A few roundings of 2^-11 and 2^-8 of outputs near 1.
    for (what, bytes, bound) in [("F16", f16, 1e-2), ("BF16", bf16, 1e-1)] {
        let audio = played(load(&bytes, what).unwrap(), 4096);
        let error = exact.iter().zip(&audio).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(error > 0.0 && error <= bound, "{what}: {error}");
    }
}

#[test]
fn number_formats_that_are_not_weights_are_refused_by_name() {
    for (dtype, width) in [("F8_E4M3", 1), ("I64", 8), ("F64", 8)] {
        let bytes = converted(dtype, |_| vec![0; width]);
        refused(&bytes, &format!("tensor `effect.0.prelu.weight`: expected F32, F16 or BF16, found {dtype}"), dtype);
    }
}

#[test]
fn a_value_that_no_training_gives_is_named() {
    for (value, text) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (1e30, "10000000"), (-1.1e6, "-1100000")] {
        let one = with_values("effect.1.residual.weight", |i, v| {
            if i == 3 {
                *v = value
            }
        });
        refused(&one, &format!("tensor `effect.1.residual.weight`: value {text}"), text);
        refused(&with_values("", |_, v| *v = value), &format!("value {text}"), text);
    }
}

#[test]
fn a_model_of_zeros_is_silent() {
    let audio = played(load(&with_values("", |_, v| *v = 0.0), "zeros").unwrap(), 44_100);
    assert!(audio.iter().all(|y| *y == 0.0));
}

#[test]
fn a_model_of_denormals_or_of_the_largest_weights_stays_finite() {
    for value in [f32::from_bits(1), f32::MIN_POSITIVE / 2.0, 1e6, -1e6] {
        let audio = played(load(&with_values("", |_, v| *v = value), "extreme").unwrap(), 44_100);
        assert!(audio.iter().all(|y| y.is_finite()), "{value}");
    }
}

#[test]
fn a_tensor_that_the_model_has_no_place_for_is_refused() {
    let with = |name: &str| {
        let mut tensors = tensors();
        tensors.push((name.into(), vec![2], vec![0.0; 2]));
        write(metadata(), &tensors).unwrap()
    };
    refused(&with("effect.2.prelu.weight"), "tensor `effect.2.prelu.weight` belongs to no part", "extra");
    load(&with("aux.notes"), "aux").unwrap();
}

#[test]
fn a_missing_tensor_and_a_turned_one_are_refused() {
    for i in 0..tensors().len() {
        let mut less = tensors();
        let (name, ..) = less.remove(i);
        refused(&write(metadata(), &less).unwrap(), &format!("tensor `{name}`: missing"), &name);
        let mut turned = tensors();
        turned[i].1.push(1);
        refused(&write(metadata(), &turned).unwrap(), &format!("tensor `{name}`: expected shape"), &name);
    }
}

/// A file with other tensors that carries the self-test of the valid ones.
fn self_tested(tolerance: Option<f32>, mut tensors: Tensors) -> Vec<u8> {
    let mut noise = Noise(3);
    let input: Vec<f32> = (0..512).map(|_| noise.next()).collect();
    let mut output = input.clone();
    let model = load(&file(), "tiny").unwrap();
    PhaserState::new(&model).process(&model, &Controls::new(model.info()), 0.0, &mut output);
    tensors.push(("aux.input".into(), vec![input.len()], input));
    tensors.push(("aux.output".into(), vec![output.len()], output));
    let mut metadata = metadata();
    metadata.extend(tolerance.map(|t| ("selftest".to_string(), json!({ "tolerance": t }).to_string())));
    write(metadata, &tensors).unwrap()
}

#[test]
fn the_self_test_catches_weights_that_changed_places() {
    let tested = |bytes: Vec<u8>| load(&bytes, "self-test").unwrap().self_test(&bytes).map(|r| r.unwrap().passed());
    assert!(tested(self_tested(None, tensors())).is_err(), "a self-test without tolerance");
    assert_eq!(tested(self_tested(Some(1e-4), tensors())), Ok(true));
    for (a, b) in
        [("effect.0.conv.1.weight", "effect.1.conv.1.weight"), ("modulation.mlp.0.bias", "modulation.mlp.1.bias")]
    {
        let mut swapped = tensors();
        let place = |name: &str| swapped.iter().position(|(n, ..)| n == name).unwrap();
        let (a, b) = (place(a), place(b));
        let values = swapped[a].2.clone();
        swapped[a].2 = std::mem::replace(&mut swapped[b].2, values);
        assert_eq!(tested(self_tested(Some(1e-4), swapped)), Ok(false));
    }
}

/// A valid file with the paper's LSTMs.
fn recurrent() -> Vec<u8> {
    let mut config: Value = serde_json::from_str(&metadata()["config"]).unwrap();
    config["modulation"] =
        json!({"kind": "lstm", "channels": 4, "kernel": 3, "dilation": 1, "hidden": 8, "control_hidden": [4]});
    let mut shapes = vec![("initial_state.weight".to_string(), vec![32, 2]), ("initial_state.bias".into(), vec![32])];
    for (j, inputs) in [1, 4].into_iter().enumerate() {
        for (name, shape) in [
            ("conv.weight", vec![4, inputs, 3]),
            ("conv.bias", vec![4]),
            ("prelu.weight", vec![4]),
            ("control.0.weight", vec![4, 1]),
            ("control.0.bias", vec![4]),
            ("control_prelu.0.weight", vec![4]),
            ("control.1.weight", vec![8, 4]),
            ("control.1.bias", vec![8]),
            ("lstm.weight_ih_l0", vec![32, 4]),
            ("lstm.weight_hh_l0", vec![32, 8]),
            ("lstm.bias_ih_l0", vec![32]),
            ("lstm.bias_hh_l0", vec![32]),
            ("to_effect.weight", vec![4, 8]),
            ("to_effect.bias", vec![4]),
        ] {
            shapes.push((format!("modulation.{j}.{name}"), shape));
        }
    }
    shapes.push(("modulation.0.to_next.weight".into(), vec![8, 8]));
    shapes.push(("modulation.0.to_next.bias".into(), vec![8]));
    let mut noise = Noise(5);
    let mut filled: Tensors = tensors().into_iter().filter(|(name, ..)| !name.starts_with("modulation")).collect();
    for (name, shape) in shapes {
        let values = (0..shape.iter().product()).map(|_| 0.5 * noise.next()).collect();
        filled.push((name, shape, values));
    }
    let mut metadata = metadata();
    metadata.insert("config".into(), config.to_string());
    write(metadata, &filled).unwrap()
}

#[test]
fn a_file_that_ends_anywhere_too_early_is_refused() {
    let whole = file();
    for part in 0..64 {
        refused(&whole[..whole.len() * part / 64], "not a safetensors file", &format!("{part} of 64 parts"));
    }
}

#[test]
fn flipped_bits_never_panic_and_never_make_an_engine_emit_what_is_not_finite() {
    let loaded = damaged(&file(), 9) + damaged(&recurrent(), 11);
    assert!(loaded > 400, "only {loaded} of the damaged files loaded");
}

/// Loads and plays 2000 files with flipped bits; returns how many of them loaded.
fn damaged(whole: &[u8], seed: u64) -> usize {
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut noise = Noise(seed);
    let mut loaded = 0;
    for round in 0..2000 {
        let mut bytes = whole.to_vec();
        // Half of the rounds damage the header, which is where a parser can go wrong; some damage several places.
        for _ in 0..1 + round % 3 {
            let end = if round % 2 == 0 { header } else { whole.len() };
            let bit = noise.bits() as usize % (8 * end);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        if let Ok(model) = load(&bytes, &format!("round {round}")) {
            loaded += 1;
            // A second of noise for one in fifty, and a few frames for all.
            let samples = if loaded % 50 == 1 { 44_100 } else { 1024 };
            assert!(played(model, samples).iter().all(|y| y.is_finite()), "round {round}");
        }
    }
    loaded
}

#[test]
#[ignore = "writes the seeds of models/kernels/fuzz"]
fn makes_the_seeds_of_the_fuzzer() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/load");
    let f16 = converted("F16", |v| half::f16::from_f32(v).to_le_bytes().to_vec());
    let bf16 = converted("BF16", |v| half::bf16::from_f32(v).to_le_bytes().to_vec());
    let minor = with_metadata("format_version", Some("1.7.3"));
    let missing = with_json("config", "/effect/bias", json!(true));
    let seeds = [("valid", file()), ("half", f16), ("brain", bf16), ("other_minor", minor), ("no_bias", missing)];
    for (name, bytes) in
        seeds.iter().chain(&[("recurrent", recurrent()), ("self_tested", self_tested(Some(1e-4), tensors()))])
    {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
