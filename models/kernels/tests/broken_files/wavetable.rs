//! Wavetables whose sizes or tensors are not what they should be; and what playing allocates.
use super::*;
use kernels::voices::{Address, Note, NoteEvent, TimedEvent};
use kernels::wavetable::{Engine, Knobs, Wavetable, example};

/// A valid file, its tensors changed.
fn changed(change: impl FnOnce(&mut Tensors)) -> Vec<u8> {
    let mut tensors = example::tensors();
    change(&mut tensors);
    write(example::metadata(), &tensors).unwrap()
}

/// A valid file with something else in one of its JSON texts.
fn rewritten(key: &str, pointer: &str, value: Value) -> Vec<u8> {
    let mut metadata = example::metadata();
    let mut json: Value = serde_json::from_str(&metadata[key]).unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    metadata.insert(key.into(), json.to_string());
    write(metadata, &example::tensors()).unwrap()
}

fn refused(bytes: &[u8], expected: &str) {
    let before = HELD.get().0;
    HELD.set((before, before));
    let text = Wavetable::load(bytes).map(|_| ()).expect_err(expected).to_string();
    let peak = (HELD.get().1 - before) as usize;
    assert!(text.contains(expected), "expected a text with `{expected}`, found `{text}`");
    assert!(peak <= 2 * bytes.len() + ALLOWANCE, "{expected}: {peak} bytes held at once");
}

#[test]
fn sizes_out_of_range_are_refused_with_the_range() {
    for (pointer, value, expected) in [
        ("/period", json!(15), "config.period: expected 16 to 512, found 15"),
        ("/period", json!(u64::MAX), "config.period: expected 16 to 512"),
        ("/period", json!(256), "tensor `decoder.0.weight`: expected shape [257, 3], found [513, 3]"),
        ("/latents", json!(4), "config.latents: expected 0 to 3, found 4"),
        ("/octaves", json!(1), "tensor `decoder.0.weight`: expected shape [513, 7], found [513, 3]"),
        ("/octaves", json!(1000), "config.octaves: expected 0 to 8, found 1000"),
        ("/hidden", json!([0]), "config.hidden: expected 1 to 1024, found 0"),
        ("/hidden", json!([1024, 1024, 1024]), "config: products a period: expected 1 to 1048576"),
        ("/hidden", json!(vec![9; 9]), "config.hidden: count: expected 0 to 8, found 9"),
        ("/hidden", json!([5]), "tensor `decoder.0.weight`: expected shape [5, 3], found [513, 3]"),
        ("/gain", json!(false), "tensor `decoder.0.weight`: expected shape [512, 3], found [513, 3]"),
        ("/output", json!("spectrum"), "metadata `config`"),
    ] {
        refused(&rewritten("config", pointer, value), expected);
    }
    refused(&rewritten("controls", "/0/trained_max", json!(3.0)), "for control `z1`");
    refused(&rewritten("controls", "/2/min", json!(0.0)), "a positive min for a log curve for control `pitch`");
}

#[test]
fn broken_tensors_are_refused_by_name() {
    refused(&changed(|t| t[0].2[7] = f32::NAN), "tensor `decoder.0.weight`: value NaN at 7");
    refused(&changed(|t| t[1].2[512] = 1e7), "tensor `decoder.0.bias`");
    refused(&changed(|t| drop(t.pop())), "tensor `decoder.0.bias`: missing, expected shape [513]");
    let with = |name: &str, count: usize| {
        let name = name.to_string();
        changed(|t| t.push((name, vec![count], vec![1.0; count])))
    };
    refused(&with("output.std", 511), "tensor `output.std`: expected shape [512], found [511]");
    refused(&with("encoder.0.bias", 3), "`encoder.0.bias`");
    assert!(Wavetable::load(&with("output.std", 512)).is_ok());
}

#[test]
fn every_truncation_is_refused() {
    let bytes = changed(|_| {});
    for part in 0..64 {
        let short = &bytes[..bytes.len() * part / 64];
        assert!(Wavetable::load(short).is_err(), "{} of {} bytes", short.len(), bytes.len());
    }
}

#[test]
fn playing_allocates_nothing() {
    let model = Arc::new(Wavetable::load(&changed(|_| {})).unwrap());
    let mut engine = Engine::new(model, 48_000.0, 16).unwrap();
    let mut knobs = Knobs::new(engine.model().info());
    let (mut left, mut right) = (vec![0.0; 300], vec![0.0; 300]);
    let event = |place: usize, down: bool| {
        let note = Note { channel: 0, key: (40 + place * 7 % 50) as u8, voice_id: None };
        let event =
            if down { NoteEvent::On { note, velocity: 0.7 } } else { NoteEvent::Off { address: Address::from(note) } };
        TimedEvent { offset_samples: (place % 90) as u32, event }
    };
    let events: Vec<Vec<_>> = (0..200).map(|n| vec![event(n, true), event(n + 3, true), event(n / 2, false)]).collect();
    let before = HELD.get();
    HELD.set((before.0, before.0));
    for (round, events) in events.iter().enumerate() {
        knobs.values[0] = (round % 5) as f32 - 2.0;
        knobs.unison.copies = 1 + round % 8;
        knobs.seed = round as u64 / 50;
        knobs.retrigger = round % 3 == 0;
        let frames = round * 13 % 300;
        engine.process(&knobs, events, &mut [&mut left[..frames], &mut right[..frames]]);
        if round % 60 == 59 {
            engine.reset();
            engine.set_voice_cap(1 + round % 16);
        }
    }
    assert_eq!(HELD.get(), (before.0, before.0));
}
