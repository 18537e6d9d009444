//! Broken and hostile model files: one clear error each, without panic, hang or large allocations.
// Counting the bytes of a load takes an allocator of our own.
#![allow(unsafe_code)]

use kernels::checkpoint::{Checkpoint, LoadError, MAX_HEADER, MAX_TENSORS, write};
use kernels::phaser::{Controls, Engine, Phaser, PhaserState};
use serde_json::{Value, json};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What refusing a file may allocate beyond twice the file.
const ALLOWANCE: usize = 64 << 10;

/// The system's allocator, counting what each thread holds.
struct Counting;

thread_local! {
    /// Bytes that this thread holds, and the most it has held.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn count(bytes: isize) {
    HELD.with(|held| {
        let (now, peak) = held.get();
        held.set((now + bytes, peak.max(now + bytes)));
    });
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Loads a file, within the allowance.
fn load(bytes: &[u8], what: &str) -> Result<Phaser, LoadError> {
    let before = HELD.get().0;
    HELD.set((before, before));
    let result = Phaser::load(bytes);
    let peak = (HELD.get().1 - before) as usize;
    let limit = 2 * bytes.len() + ALLOWANCE;
    assert!(peak <= limit, "{what}: {peak} bytes held at once for a file of {}, at most {limit} allowed", bytes.len());
    result
}

/// Both readers refuse the file, with a text that contains `expected` and fits a status line.
fn refused(bytes: &[u8], expected: &str, what: &str) {
    let text = load(bytes, what).map(|_| ()).expect_err(what).to_string();
    assert!(text.contains(expected), "{what}: expected a text with `{expected}`, found `{text}`");
    assert!(text.len() <= 500 && !text.contains('\n'), "{what}: the text has {} bytes: {text}", text.len());
}

type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

fn metadata() -> BTreeMap<String, String> {
    let config = json!({"frame": 64,
        "effect": {"blocks": 2, "channels": 4, "kernel": 3, "dilations": [1, 2], "bias": false, "shift": false},
        "modulation": {"kind": "oscillator", "harmonics": 2, "hidden": [8]}});
    let controls = json!([{"id": "rate", "name": "Rate", "unit": "Hz", "min": 0.02, "max": 10.0, "default": 0.5,
        "trained_min": 0.1, "trained_max": 4.0, "curve": "log", "steps": null}]);
    let text = |key: &str, value: &str| (key.to_string(), value.to_string());
    BTreeMap::from([
        text("format", "doppel"),
        text("format_version", "1.0.0"),
        text("noun", "phaser"),
        text("name", "Tiny"),
        text("author", "The Doppel developers"),
        text("license", "CC0-1.0"),
        text("sample_rate", "44100"),
        text("config", &config.to_string()),
        text("controls", &controls.to_string()),
    ])
}

/// The tensors that `metadata` calls for, with values that differ everywhere.
fn tensors() -> Tensors {
    let mut shapes = vec![("output.weight".to_string(), vec![1, 4, 1])];
    for (j, inputs) in [1, 4].into_iter().enumerate() {
        shapes.push((format!("effect.{j}.conv.0.weight"), vec![4, inputs, 3]));
        shapes.push((format!("effect.{j}.conv.1.weight"), vec![4, 1, 3]));
        shapes.push((format!("effect.{j}.prelu.weight"), vec![4]));
        shapes.push((format!("effect.{j}.residual.weight"), vec![4, inputs, 1]));
    }
    for (i, inputs) in [5, 8].into_iter().enumerate() {
        shapes.push((format!("modulation.mlp.{i}.weight"), vec![8, inputs]));
        shapes.push((format!("modulation.mlp.{i}.bias"), vec![8]));
    }
    let mut noise = Noise(1);
    let values = |shape: &[usize]| (0..shape.iter().product()).map(|_| 0.5 * noise.next()).collect();
    shapes
        .into_iter()
        .map({
            let mut values = values;
            move |(n, s)| {
                let v = values(&s);
                (n, s, v)
            }
        })
        .collect()
}

fn file() -> Vec<u8> {
    write(metadata(), &tensors()).unwrap()
}

/// A file whose metadata entry is another, or gone.
fn with_metadata(key: &str, value: Option<&str>) -> Vec<u8> {
    let mut metadata = metadata();
    metadata.remove(key);
    metadata.extend(value.map(|v| (key.to_string(), v.to_string())));
    write(metadata, &tensors()).unwrap()
}

/// A file with one entry of its JSON metadata changed.
fn with_json(key: &str, pointer: &str, value: Value) -> Vec<u8> {
    let mut json: Value = serde_json::from_str(&metadata()[key]).unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    with_metadata(key, Some(&json.to_string()))
}

/// A file with the values of every tensor changed whose name starts so.
fn with_values(prefix: &str, change: impl Fn(usize, &mut f32)) -> Vec<u8> {
    let mut tensors = tensors();
    for (_, _, values) in tensors.iter_mut().filter(|(name, ..)| name.starts_with(prefix)) {
        values.iter_mut().enumerate().for_each(|(i, v)| change(i, v));
    }
    write(metadata(), &tensors).unwrap()
}

/// A container of any header, true or not.
fn container(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header, data].concat()
}

/// The valid file's header and data.
fn parts() -> (Value, Vec<u8>) {
    let file = file();
    let end = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    (serde_json::from_slice(&file[8..end]).unwrap(), file[end..].to_vec())
}

/// The valid file with one entry of its header changed.
fn with_header(pointer: &str, value: Value) -> Vec<u8> {
    let (mut header, data) = parts();
    *header.pointer_mut(pointer).unwrap() = value;
    container(header.to_string().as_bytes(), &data)
}

/// Deterministic noise in -1..1 (Marsaglia's xorshift).
struct Noise(u64);

impl Noise {
    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn next(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// What an engine makes of noise at the model's own rate.
fn played(model: Phaser, samples: usize) -> Vec<f32> {
    let rate_hz = model.info().sample_rate_hz;
    let controls = Controls::new(model.info());
    let mut engine = Engine::new(Arc::new(model), rate_hz, 1).unwrap();
    let mut noise = Noise(7);
    let mut audio: Vec<f32> = (0..samples).map(|_| noise.next()).collect();
    engine.process(&controls, &mut [&mut audio]);
    audio
}

#[test]
fn the_tiny_file_loads_and_sounds() {
    let audio = played(load(&file(), "tiny").unwrap(), 4096);
    assert!(audio.iter().all(|y| y.is_finite()) && audio.iter().any(|y| y.abs() > 1e-3));
}

#[test]
fn a_container_that_lies_about_its_sizes_is_refused() {
    let whole = file();
    let long = |length: u64| [&length.to_le_bytes()[..], &whole[8..]].concat();
    let prelu = "/effect.0.prelu.weight";
    let offsets = |from: u64, to: u64| with_header(&format!("{prelu}/data_offsets"), json!([from, to]));
    let shape = |shape: Value| with_header(&format!("{prelu}/shape"), shape);
    let (header, data) = parts();
    let end = data.len() as u64;
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("empty", vec![], "found 0 bytes"),
        ("seven bytes", whole[..7].to_vec(), "found 7 bytes"),
        ("length beyond the file", long(whole.len() as u64), "expected a header of"),
        ("length of u64::MAX", long(u64::MAX), "expected at most 1048576 bytes"),
        ("header of 1 MiB + 1", container(&vec![b' '; MAX_HEADER + 1], &[]), "header: expected at most 1048576"),
        ("header of spaces", container(&vec![b' '; MAX_HEADER], &[]), "not a safetensors file"),
        ("a list", container(b"[]", &[]), "not a safetensors file"),
        ("a byte before the brace", container(format!("x{header}").as_bytes(), &data), "not a safetensors file"),
        ("text after the brace", container(format!("{header}x").as_bytes(), &data), "not a safetensors file"),
        ("not text", container(b"{\"a\xff\":1}", &[]), "header is not text"),
        ("nothing in it", container(b"{}", &[]), "metadata `format`"),
        (
            "64 lists deep",
            container(format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64)).as_bytes(), &[]),
            "header",
        ),
        ("a million lists", container(format!("{{\"a\":{}", "[".repeat(MAX_HEADER - 8)).as_bytes(), &[]), "header"),
        ("a shape of half a million", shape(json!(vec![1; 500_000])), "not a safetensors file"),
        ("offsets reversed", offsets(16, 0), "not a safetensors file"),
        ("offsets overlapping", offsets(0, 8), "not a safetensors file"),
        ("offsets that leave a hole", offsets(end + 16, end + 32), "not a safetensors file"),
        ("offsets out of the file", offsets(0, u64::MAX), "not a safetensors file"),
        (
            "offsets below zero",
            with_header(&format!("{prelu}/data_offsets"), json!([-4, 12])),
            "not a safetensors file",
        ),
        ("data beyond the tensors", [&whole[..], &[0]].concat(), "not a safetensors file"),
        ("shape and bytes differ", shape(json!([5])), "not a safetensors file"),
        ("shape's product overflows", shape(json!([1u64 << 33, 1u64 << 33])), "not a safetensors file"),
        ("a dimension of 0", shape(json!([0])), "not a safetensors file"),
        ("a scalar", shape(json!([])), "not a safetensors file"),
        ("wider numbers", with_header(&format!("{prelu}/dtype"), json!("F64")), "not a safetensors file"),
        ("a dtype nobody knows", with_header(&format!("{prelu}/dtype"), json!("Q4")), "not a safetensors file"),
        ("metadata that is no text", with_header("/__metadata__/noun", json!(5)), "not a safetensors file"),
        ("a tensor that is a number", with_header(prelu, json!(5)), "not a safetensors file"),
    ];
    for (what, bytes, expected) in cases {
        refused(bytes, expected, what);
        assert!(Checkpoint::parse(bytes).is_err(), "{what}");
    }
}

#[test]
fn a_name_that_appears_twice_is_refused() {
    let (header, data) = parts();
    for key in ["effect.0.prelu.weight", "__metadata__"] {
        let twice = format!("{{\"{key}\":{},{}", header[key], &header.to_string()[1..]);
        refused(&container(twice.as_bytes(), &data), "twice", key);
    }
}

#[test]
fn a_header_of_very_many_tensors_costs_no_more_than_its_size() {
    for count in [MAX_TENSORS - 1, MAX_TENSORS + 1, 17_000, 100_000] {
        let entry =
            |i| format!("\"{i}\":{{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[{},{}]}}", 4 * i, 4 * i + 4);
        let header = format!("{{{}}}", (0..count).map(entry).collect::<Vec<_>>().join(","));
        refused(&container(header.as_bytes(), &vec![0; 4 * count]), "", &format!("{count} tensors"));
    }
}

#[test]
fn metadata_that_says_what_it_must_not_is_refused() {
    for key in ["format", "format_version", "noun", "name", "author", "license", "sample_rate", "config"] {
        refused(&with_metadata(key, None), &format!("metadata `{key}`"), key);
        refused(&with_metadata(key, Some("")), &format!("metadata `{key}`"), key);
    }
    for rate in ["0", "-1", "1e9", "abc", "NaN", "inf", "44100 Hz"] {
        refused(&with_metadata("sample_rate", Some(rate)), "1000 to 768000 Hz", rate);
    }
    refused(&with_metadata("format_version", Some("2.0.0")), "needs version 2.0.0", "other major");
    refused(&with_metadata("format_version", Some("new")), "a version like 1.0.0", "no version");
    load(&with_metadata("format_version", Some("1.7.3")), "other minor").unwrap();
    refused(&with_metadata("noun", Some("wavetable")), "open it in Doppel's wavetable plug-in", "another instrument");
    refused(&with_metadata("noun", Some("toaster")), "one of phaser", "no instrument");
    refused(&with_metadata("redistribute", Some("maybe")), "true or false", "redistribute");
    refused(&with_metadata("config", Some("{}")), "the sizes of a phaser", "config without sizes");
    refused(&with_metadata("config", Some(&"[".repeat(20_000))), "metadata `config`", "config of lists");
    refused(&with_metadata("controls", Some("{}")), "a JSON list of controls", "controls that are no list");
    refused(&with_metadata("controls", None), "tensor `modulation.mlp.0.weight`", "no controls");
}

#[test]
fn controls_that_cannot_be_played_are_refused() {
    for (entry, value, expected) in [
        ("id", json!(""), "an id"),
        ("min", json!(20.0), "min below max"),
        ("min", json!(-1.0), "positive min"),
        ("max", json!(1e39), "finite"),
        ("default", json!(11.0), "between min and max"),
        ("trained_min", json!(4.0), "trained_min below trained_max"),
        ("trained_max", json!(99.0), "between min and max"),
        ("trained_min", json!(3.9999998), "apart"),
        ("steps", json!(1), "2 to 1000 steps"),
        ("curve", json!("wavy"), "list of controls"),
    ] {
        refused(&with_json("controls", &format!("/0/{entry}"), value), expected, entry);
    }
    let one: Value = serde_json::from_str(&metadata()["controls"]).unwrap();
    let many = |count: usize, same: bool| {
        let copy = |i: usize| {
            let mut c = one[0].clone();
            c["id"] = json!(if same { 0 } else { i }.to_string());
            c
        };
        with_metadata("controls", Some(&Value::from_iter((0..count).map(copy)).to_string()))
    };
    refused(&many(2, true), "every id once", "an id twice");
    refused(&many(9, false), "at most 8", "nine controls");
    refused(&many(2, false), "expected shape [8, 6], found [8, 5]", "one control more than the network has inputs");
}

#[test]
fn sizes_that_no_plug_in_can_run_are_refused_before_anything_is_allocated() {
    for (pointer, value, expected) in [
        ("/frame", json!(0), "config.frame: expected 1 to 1024, found 0"),
        ("/frame", json!(-1), "metadata `config`"),
        ("/effect/channels", json!(0), "config.effect.channels"),
        ("/effect/channels", json!(100_000), "config.effect.channels: expected 1 to 128, found 100000"),
        ("/effect/channels", json!(5), "tensor `effect.0.prelu.weight`: expected shape [5], found [4]"),
        ("/effect/kernel", json!(0), "config.effect.kernel"),
        ("/effect/dilations", json!([]), "config.effect.dilations"),
        ("/effect/dilations", json!([1, u64::MAX]), "config.effect.dilations"),
        ("/effect/dilations", json!([1, 2, 4]), "tensor `effect.0.conv.2.weight`: missing, expected shape [4, 1, 3]"),
        ("/effect/bias", json!(true), "tensor `effect.0.conv.0.bias`: missing"),
        ("/effect/shift", json!(true), "expected shape [16, 8], found [8, 8]"),
        ("/modulation/harmonics", json!(0), "config.modulation.harmonics"),
        ("/modulation/hidden", json!([0]), "config.modulation.hidden: expected 1 to 1024, found 0"),
        ("/modulation/hidden", json!([100_000]), "config.modulation.hidden: expected 1 to 1024, found 100000"),
        ("/modulation/hidden", json!([8, 8]), "tensor `modulation.mlp.2.weight`: missing"),
        ("/modulation/kind", json!("lstm"), "metadata `config`"),
        ("/modulation/kind", json!("steam"), "metadata `config`"),
    ] {
        refused(&with_json("config", pointer, value), expected, pointer);
    }
    let mut lstm =
        json!({"kind": "lstm", "channels": 4, "kernel": 3, "dilation": 1, "hidden": 0, "control_hidden": [4]});
    for (hidden, expected) in
        [(0, "found 0"), (100_000, "found 100000"), (8, "tensor `modulation.0.control.0.weight`: missing")]
    {
        lstm["hidden"] = json!(hidden);
        refused(&with_json("config", "/modulation", lstm.clone()), expected, "lstm");
    }
}

#[path = "broken_files/sound_model.rs"]
mod sound_model_files;
#[path = "broken_files/wavetable.rs"]
mod wavetable_files;
#[path = "broken_files/weights.rs"]
mod weights;
