//! The wavetable's panel.
use crate::looks_as_it_should;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use kernels::wavetable::{Controls, MAX_CONTROLS, Wavetable};
use plugin::project::InstrumentParams;
use plugin::scope::{Notes, Reading};
use plugin::ui::keyboard::KeyPress;
use plugin::ui::param::Gesture;
use plugin::ui::ridge::Ridges;
use plugin::ui::top_bar::TopBarView;
use plugin::wavetable::panel::{Actions, View, panel};
use plugin::wavetable::params::{WavetableParams, places};
use plugin::wavetable::{DRAWN_POINTS, FACTORY_MODELS};

/// A chord on the factory model, with the periods that it really draws along its first knob.
fn view() -> View {
    let model = Wavetable::load(FACTORY_MODELS[0].1).unwrap();
    let info = model.info();
    let place = places(info).next().unwrap();
    let seen = |at: f32| -> [f32; MAX_CONTROLS] {
        let mut seen = model.normalise(&Controls::new(info, 261.6));
        seen[place] = at;
        seen
    };
    let periods = (0..28).map(|k| model.period(&seen(2.0 * k as f32 / 27.0 - 1.0), DRAWN_POINTS)).collect();
    View {
        bar: TopBarView {
            title: "Doppel Wavetable",
            models: FACTORY_MODELS.iter().map(|(name, _)| (*name).into()).collect(),
            model: Some(0),
            model_name: info.name.clone(),
            info: Some(info.clone()),
            presets: vec!["Bow and breath".into()],
            preset: "Bow and breath".into(),
            is_b: false,
            zoom: 1.0,
            sound_help: Some("Drop to set the knobs from this sound"),
        },
        params: WavetableParams::default().views(Some(info)),
        reading: Reading {
            output_peak: 0.4,
            channels: 2,
            load: 0.021,
            worst_load: 0.05,
            host_rate_hz: 48_000.0,
            notes: Some(Notes { voices: 3, cap: 16, is_capped: false, keys: 1 << 60 | 1 << 64 | 1 << 67 }),
            ..Reading::default()
        },
        model_rate_hz: info.sample_rate_hz,
        ridges: Ridges { periods, live: model.period(&seen(0.1), DRAWN_POINTS), place: 0.55, sounds: true },
        along: "ctl1",
        trained: Some((45.0, 81.0)),
        encoded: "cello.wav: 2.3 s, 87 % sure".into(),
        can_save: true,
        error: None,
    }
}

fn harness(view: View, scale: f32) -> Harness<'static, Actions> {
    let draw = move |ui: &mut egui::Ui, actions: &mut Actions| {
        let done = panel(ui, &view);
        actions.edits.extend(done.edits);
        actions.bar.extend(done.bar);
        actions.keys.extend(done.keys);
        actions.along = done.along.or(actions.along);
    };
    crate::harness(draw, scale)
}

#[test]
fn the_wavetable_looks_as_it_should_at_three_scales() {
    looks_as_it_should("wavetable", |scale| harness(view(), scale));
}

#[test]
fn every_tab_shows_its_parameters() {
    for (tab, name) in
        [("Sound", "Cutoff"), ("Envelopes", "F decay"), ("Voices", "Glide"), ("Expression", "Wheel amount")]
    {
        let mut harness = harness(view(), 1.0);
        harness.get_by_label(tab).click();
        harness.run_steps(3);
        assert!(harness.query_by_label(name).is_some(), "{tab}: {name}");
    }
}

#[test]
fn the_dice_draw_another_seed() {
    let mut harness = harness(view(), 1.0);
    harness.get_by_label("Voices").click();
    harness.run_steps(3);
    harness.get_by_label("Dice").click();
    harness.run_steps(3);
    let edits = &harness.state().edits;
    assert!(
        edits.iter().any(|(id, gesture)| *id == "seed" && matches!(gesture, Gesture::Set(v) if *v > 0.0)),
        "{edits:?}"
    );
}

#[test]
fn a_key_that_is_clicked_sounds_until_it_is_let_go() {
    let mut harness = harness(view(), 1.0);
    // Above the status line, in the middle of the window.
    let at = egui::pos2(450.0, 500.0);
    harness.hover_at(at);
    harness.run_steps(1);
    for pressed in [true, false] {
        let (button, modifiers) = (egui::PointerButton::Primary, egui::Modifiers::default());
        harness.event(egui::Event::PointerButton { pos: at, button, pressed, modifiers });
        harness.run_steps(2);
    }
    let keys = &harness.state().keys;
    let [KeyPress { key, velocity: Some(velocity) }, KeyPress { key: let_go, velocity: None }] = keys[..] else {
        panic!("{keys:?}");
    };
    assert!(key == let_go && (60..70).contains(&key) && velocity > 0.3, "{keys:?}");
}
