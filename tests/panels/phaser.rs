//! The phaser's panel.
use crate::looks_as_it_should;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use kernels::phaser::{Controls, Phaser, Probe};
use plugin::phaser::panel::{Actions, View, panel};
use plugin::phaser::params::PhaserParams;
use plugin::project::InstrumentParams;
use plugin::scope::Reading;
use plugin::ui::param::Gesture;
use plugin::ui::response::frequencies_hz;
use plugin::ui::top_bar::{TopBarAction, TopBarView};

/// A panel in the middle of a sweep, with the response that the factory model really has there.
fn view() -> View {
    let model = Phaser::load(plugin::phaser::FACTORY_MODELS[0].1).unwrap();
    let params = PhaserParams::default();
    let phases_turns = [0.30, 0.55];
    let mut probe = Probe::new(&model);
    let frequencies = frequencies_hz();
    let curves_db = phases_turns
        .iter()
        .map(|phase| {
            let mut db = vec![0.0; frequencies.len()];
            probe.response_db(&model, &Controls::new(model.info()), f64::from(*phase), &frequencies, &mut db);
            db
        })
        .collect();
    View {
        bar: TopBarView {
            title: "Doppel Phaser",
            models: vec!["Small Stone double".into(), "My own pedal".into()],
            model: Some(0),
            model_name: "Small Stone double".into(),
            info: Some(model.info().clone()),
            presets: vec!["Pedal at noon".into(), "Slow tide".into()],
            preset: "Pedal at noon".into(),
            is_b: false,
            zoom: 1.0,
            sound_help: Some("Drop"),
        },
        params: params.views(Some(model.info())),
        reading: Reading {
            input_peak: 0.35,
            output_peak: 0.6,
            phases_turns,
            channels: 2,
            load: 0.012,
            worst_load: 0.03,
            host_rate_hz: 48_000.0,
            latency_samples: 170,
            guard_events: 0,
            notes: None,
        },
        model_rate_hz: 44_100.0,
        curves_db,
        shape: probe.sweep(&model, &Controls::new(model.info()), &frequencies).to_vec(),
        can_align: true,
        aligned:
            "pedal.wav: LFO 2.3291 Hz, drift 0.13 %, explains 0.71: in step with the recording at 0.000 s of the song"
                .into(),
        error: None,
    }
}

#[test]
fn the_dial_shows_the_models_own_sweep_and_a_circle_where_none_is() {
    let model = Phaser::load(plugin::phaser::FACTORY_MODELS[0].1).unwrap();
    let mut probe = Probe::new(&model);
    let full = Controls::new(model.info());
    let shape = probe.sweep(&model, &full, &frequencies_hz());
    // Highest at phase 0, lowest half a turn on, as the pedal's own curve.
    assert!(shape[0] > 0.95 && shape[shape.len() / 2] < 0.05, "{shape:?}");
    let still = probe.sweep(&model, &Controls { depth: 0.0, ..full }, &frequencies_hz());
    assert!(still.iter().all(|place| *place == 0.5), "{still:?}");
}

fn harness(view: View, scale: f32) -> Harness<'static, Actions> {
    let draw = move |ui: &mut egui::Ui, actions: &mut Actions| {
        let done = panel(ui, &view);
        actions.edits.extend(done.edits);
        actions.bar.extend(done.bar);
        actions.align |= done.align;
    };
    crate::harness(draw, scale)
}

#[test]
fn the_phaser_looks_as_it_should_at_three_scales() {
    looks_as_it_should("phaser", |scale| harness(view(), scale));
}

#[test]
fn an_error_takes_the_place_of_the_figures() {
    let mut view = view();
    view.error = Some("tensor `output.weight`: missing".into());
    let harness = harness(view, 1.0);
    assert!(harness.query_by_label_contains("output.weight").is_some());
    assert!(harness.query_by_label_contains("latency").is_none());
}

#[test]
fn bypass_is_one_click() {
    let mut harness = harness(view(), 1.0);
    harness.get_by_label("Bypass").click();
    harness.run_steps(3);
    let edits = &harness.state().edits;
    assert!(edits.contains(&("bypass", Gesture::Set(1.0))), "{edits:?}");
}

#[test]
fn a_double_click_asks_for_the_default() {
    let mut harness = harness(view(), 1.0);
    for _ in 0..2 {
        harness.get_by_label("Depth").click();
        harness.run_steps(2);
    }
    assert!(harness.state().edits.contains(&("depth", Gesture::Reset)), "{:?}", harness.state().edits);
}

#[test]
fn a_recording_is_asked_for_by_one_click_and_only_when_none_is_being_heard() {
    for can_align in [true, false] {
        let mut harness = harness(View { can_align, ..view() }, 1.0);
        harness.get_by_label("Align...").click();
        harness.run_steps(3);
        assert_eq!(harness.state().align, can_align);
    }
}

#[test]
fn the_bar_steps_through_models() {
    let mut harness = harness(view(), 1.0);
    let next = harness.get_all_by_label(">").next().unwrap();
    next.click();
    harness.run_steps(3);
    assert_eq!(harness.state().bar, [TopBarAction::StepModel(1)]);
}
