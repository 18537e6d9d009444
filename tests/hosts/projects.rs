//! Projects and presets: what was saved is found again, and what is damaged harms nothing.
use crate::clap_host::{Quiet, activate, instance, load, params, play, save};
use clack_host::prelude::PluginInstance;
use kernels::nn::naive::noise;
use plugin::phaser::params::PhaserParams;
use plugin::project::InstrumentParams;
use plugin::sound_model::params::SoundModelParams;
use plugin::wavetable::params::WavetableParams;
use std::io::Read;

#[test]
fn a_state_restores_byte_for_byte_even_in_small_chunks() {
    /// Gives at most seven bytes at a time.
    struct Chunks<'a>(&'a [u8]);
    impl Read for Chunks<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let most = buffer.len().min(7);
            self.0.read(&mut buffer[..most])
        }
    }
    let (left, right) = (noise(7, 8_000), noise(8, 8_000));
    let mut first = instance();
    let ids = params(&mut first);
    let mut processor = activate(&mut first, 44_100.0);
    let events = [(0, ids["Rate"], 0.7), (0, ids["Colour"], 1.0), (0, ids["Mix"], 0.8)];
    play(&mut processor, [&left, &right], &[512], &events);
    first.deactivate(processor.stop_processing());
    let saved = save(&mut first);

    let mut second = instance();
    assert!(load(&mut second, Chunks(&saved)));
    assert!(save(&mut second) == saved, "saved again, the state differs");
    let mut sounds = [&mut first, &mut second].map(|instance| {
        let mut processor = activate(instance, 44_100.0);
        processor.reset();
        let out = play(&mut processor, [&left, &right], &[512], &[]);
        instance.deactivate(processor.stop_processing());
        out
    });
    assert!(sounds[0] == sounds[1]);
    sounds[0][0].clear();
}

#[test]
fn states_that_are_none_are_refused_and_harm_nothing() {
    let mut instance = instance();
    let saved = save(&mut instance);
    let garbage: Vec<u8> = noise(9, 1 << 20).into_iter().map(|x| (x * 127.0) as i8 as u8).collect();
    for bad in [&[][..], &saved[..saved.len() / 2], &garbage] {
        assert!(!load(&mut instance, bad), "{} bytes", bad.len());
    }
    assert!(save(&mut instance) == saved);
}

/// Loads a state that is given as the JSON in it; the framework writes its length before it.
fn load_json(instance: &mut PluginInstance<Quiet>, state: &serde_json::Value) -> bool {
    let text = state.to_string();
    let bytes = [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    load(instance, &bytes[..])
}

/// The JSON in what an instance saves.
fn save_json(instance: &mut PluginInstance<Quiet>) -> serde_json::Value {
    serde_json::from_slice(&save(instance)[8..]).unwrap()
}

/// The model as a state remembers it.
fn model_of(state: &serde_json::Value) -> serde_json::Value {
    serde_json::from_str(state["fields"]["model"].as_str().unwrap()).unwrap()
}

/// The parameters of an older project as this version saves them: what has come since stands at its default.
fn params_today(older: &serde_json::Value) -> serde_json::Value {
    let mut params = older["params"].clone();
    params["drift"] = serde_json::json!({ "f32": 0.0 });
    params
}

/// A project of the first version: LFO in Sync, dotted eighths, colour on, a model of its own embedded.
fn first_version() -> serde_json::Value {
    serde_json::from_str(include_str!("../states/phaser-0.1.0.json")).unwrap()
}

#[test]
fn a_project_of_the_first_version_still_opens_with_its_model() {
    let expected = first_version();
    let mut instance = instance();
    assert!(load_json(&mut instance, &expected));
    let found = save_json(&mut instance);
    assert_eq!(found["params"], params_today(&expected));
    assert!(model_of(&found)["data"].as_str().is_some_and(|data| !data.is_empty()));
    assert_eq!(model_of(&found), model_of(&expected));
    assert!(is_wet(&mut instance));
}

/// Does the model sound, or only the input?
fn is_wet(instance: &mut PluginInstance<Quiet>) -> bool {
    let sound = noise(12, 6_000);
    let mut processor = activate(instance, 44_100.0);
    let out = play(&mut processor, [&sound, &sound], &[512], &[]);
    instance.deactivate(processor.stop_processing());
    out[0][4_000..] != sound[4_000..]
}

#[test]
fn without_its_model_a_project_passes_the_dry_sound_and_keeps_what_it_asked_for() {
    // The embedded model is cut short, altered, of another file, or not there at all.
    let damage: [&dyn Fn(&mut serde_json::Value); 4] = [
        &|model| model["data"] = model["data"].as_str().unwrap()[..4_000].into(),
        &|model| model["data"] = format!("AAAA{}", &model["data"].as_str().unwrap()[4..]).into(),
        &|model| model["sha256"] = "0".repeat(64).into(),
        &|model| model["data"] = serde_json::Value::Null,
    ];
    for (k, damage) in damage.iter().enumerate() {
        let mut state = first_version();
        let mut model = model_of(&state);
        damage(&mut model);
        state["fields"]["model"] = model.to_string().into();
        let mut instance = instance();
        assert!(load_json(&mut instance, &state), "case {k}");
        assert!(!is_wet(&mut instance), "case {k}: another model sounds");
        let kept = save_json(&mut instance);
        assert_eq!(kept["params"], params_today(&state), "case {k}");
        assert_eq!(model_of(&kept)["sha256"], model["sha256"], "case {k}");
    }
}

#[test]
fn a_project_from_the_future_loads_what_is_known() {
    let mut state = first_version();
    state["version"] = "99.0.0".into();
    state["params"]["warp"] = serde_json::json!({ "f32": 0.5 });
    state["fields"]["theme"] = "\"dark\"".into();
    let mut instance = instance();
    assert!(load_json(&mut instance, &state));
    let found = save_json(&mut instance);
    assert_eq!(found["params"]["rate"], state["params"]["rate"]);
}

#[test]
fn values_outside_their_range_are_brought_into_it() {
    let mut state = first_version();
    state["params"]["rate"] = serde_json::json!({ "f32": 1e9 });
    state["params"]["mix"] = serde_json::json!({ "f32": -5.0 });
    state["params"]["division"] = serde_json::json!({ "string": "1/5" });
    let mut instance = instance();
    assert!(load_json(&mut instance, &state));
    let found = save_json(&mut instance)["params"].clone();
    assert_eq!((found["rate"]["f32"].as_f64(), found["mix"]["f32"].as_f64()), (Some(10.0), Some(0.0)));
    assert_eq!(found["division"]["string"], "1/1");
    assert_eq!(found["colour"], state["params"]["colour"]);
}

#[test]
fn the_parameter_page_lists_what_the_plug_ins_have() {
    let page = include_str!("../../docs/parameters.md");
    let views = [
        ("Phaser", c"audio.doppel.phaser", PhaserParams::default().views(None)),
        ("Sound Model", c"audio.doppel.sound-model", SoundModelParams::default().views(None)),
        ("Wavetable", c"audio.doppel.wavetable", WavetableParams::default().views(None)),
    ];
    for (name, id, views) in views {
        let (_, part) = page.split_once(&format!("# Parameters of Doppel {name}\n")).unwrap();
        let part = part.split("\n# ").next().unwrap();
        let mut rows = part.lines().filter_map(|line| line.strip_prefix("| `"));
        for view in &views {
            let row = rows.next().unwrap_or_else(|| panic!("{name}: {} is not on the page", view.id));
            let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            assert_eq!((cells[0], cells[1]), (view.id, view.name.as_str()), "{name}");
            assert_eq!(cells[5], view.text, "{name}: {}", view.id);
        }
        assert_eq!(rows.next(), None, "{name}: the page lists a parameter that is gone");
        assert_eq!(crate::clap_host::params(&mut crate::clap_host::instance_of(id)).len(), views.len(), "{name}");
    }
}
