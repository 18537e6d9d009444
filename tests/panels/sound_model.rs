//! The sound model's panel.
use crate::looks_as_it_should;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use kernels::sound_model::SoundModel;
use plugin::project::InstrumentParams;
use plugin::scope::{Notes, Reading};
use plugin::shell::trained_notes;
use plugin::sound_model::FACTORY_MODELS;
use plugin::sound_model::panel::{Actions, View, panel};
use plugin::sound_model::params::SoundModelParams;
use plugin::ui::pad::{Dot, Map};
use plugin::ui::param::Gesture;
use plugin::ui::top_bar::TopBarView;
use std::f32::consts::TAU;

/// Two notes on the factory model, with their trails.
fn view() -> View {
    let model = SoundModel::load(FACTORY_MODELS[0].1).unwrap();
    let info = model.info();
    let dot = |x: f32, y: f32| Dot { at: [x, y], level: 0.7 };
    View {
        bar: TopBarView {
            title: "Doppel Sound Model",
            models: FACTORY_MODELS.iter().map(|(name, _)| (*name).into()).collect(),
            model: Some(0),
            model_name: info.name.clone(),
            info: Some(info.clone()),
            presets: vec!["Between reed and sax".into()],
            preset: "Between reed and sax".into(),
            is_b: false,
            zoom: 1.0,
            sound_help: None,
        },
        params: SoundModelParams::default().views(Some(info)),
        reading: Reading {
            output_peak: 0.3,
            channels: 2,
            load: 0.19,
            worst_load: 0.31,
            host_rate_hz: 48_000.0,
            latency_samples: 172,
            notes: Some(Notes { voices: 2, cap: 8, is_capped: true, keys: 1 << 66 | 1 << 73 }),
            ..Reading::default()
        },
        model_rate_hz: info.sample_rate_hz,
        map: Map::parse(info.metadata.get("map")),
        dots: vec![dot(0.35, 0.2), dot(0.6, 0.8)],
        trail: (0..40).map(|k| (dot(0.35 - 0.005 * k as f32, 0.2), k as f32 / 40.0)).collect(),
        wave: (0..512).map(|n| (TAU * n as f32 / 90.0).sin() * 0.3).collect(),
        trained: trained_notes(info),
        error: None,
    }
}

fn harness(view: View, scale: f32) -> Harness<'static, Actions> {
    let draw = move |ui: &mut egui::Ui, actions: &mut Actions| {
        let done = panel(ui, &view);
        actions.edits.extend(done.edits);
        actions.bar.extend(done.bar);
        actions.keys.extend(done.keys);
    };
    crate::harness(draw, scale)
}

#[test]
fn the_sound_model_looks_as_it_should_at_three_scales() {
    looks_as_it_should("sound_model", |scale| harness(view(), scale));
}

#[test]
fn every_tab_shows_its_parameters() {
    for (tab, name) in [("Play", "Slide timbre"), ("Envelope", "Release"), ("Voices", "Bend range")] {
        let mut harness = harness(view(), 1.0);
        harness.get_by_label(tab).click();
        harness.run_steps(3);
        assert!(harness.query_by_label(name).is_some(), "{tab}: {name}");
    }
}

#[test]
fn a_capped_instrument_says_so() {
    assert!(harness(view(), 1.0).query_by_label("voices 2 of 8, limited by load").is_some());
}

#[test]
fn a_touch_on_the_pad_moves_the_timbre_to_that_place() {
    let mut harness = harness(view(), 1.0);
    let at = egui::pos2(340.0, 180.0);
    harness.hover_at(at);
    harness.run_steps(1);
    for pressed in [true, false] {
        let (button, modifiers) = (egui::PointerButton::Primary, egui::Modifiers::default());
        harness.event(egui::Event::PointerButton { pos: at, button, pressed, modifiers });
        harness.run_steps(2);
    }
    let edits = &harness.state().edits;
    let set = edits.iter().find_map(|(id, gesture)| match gesture {
        Gesture::Set(value) if *id == "ctl1" => Some(*value),
        _ => None,
    });
    assert!(set.is_some_and(|value| (value - 0.74).abs() < 0.03), "{edits:?}");
}
