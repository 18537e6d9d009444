//! The bundle in a CLAP host: listed, played in any blocks and at any rate.
use crate::clap_host::{Automation, activate, entry, instance, latency, params, play};
use clack_host::utils::ClapId;
use kernels::nn::naive::noise;
use kernels::phaser::{Controls, Engine, Phaser};
use std::collections::BTreeMap;
use std::sync::Arc;

#[test]
fn the_bundle_lists_every_plug_in_and_the_phasers_parameters() {
    let entry = entry();
    let factory = entry.get_plugin_factory().unwrap();
    let ids: Vec<_> = factory.plugin_descriptors().map(|d| d.id().unwrap().to_owned()).collect();
    let expected = [c"audio.doppel.phaser", c"audio.doppel.sound-model", c"audio.doppel.wavetable"];
    assert_eq!(ids, expected.map(ToOwned::to_owned));
    let names: Vec<String> = params(&mut instance()).into_keys().collect();
    for name in [
        "Rate",
        "LFO mode",
        "Sync",
        "Division",
        "Phase",
        "Stereo phase",
        "Colour",
        "Depth",
        "Input",
        "Mix",
        "Output",
        "Bypass",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} is not among {names:?}");
    }
}

#[test]
fn a_host_hears_exactly_what_the_engine_plays() {
    for rate_hz in [44_100.0, 48_000.0] {
        let (mut left, mut right) = (noise(1, 30_000), noise(2, 30_000));
        let mut instance = instance();
        let mut processor = activate(&mut instance, rate_hz);
        let found = play(&mut processor, [&left, &right], &[480], &[]);
        instance.deactivate(processor.stop_processing());
        let model = Arc::new(Phaser::load(plugin::phaser::FACTORY_MODELS[0].1).unwrap());
        let mut engine = Engine::new(model.clone(), rate_hz, 2).unwrap();
        let mut controls = Controls::new(model.info());
        (controls.rate_hz, controls.stereo_phase_turns) = (0.5, 0.25);
        engine.process(&controls, &mut [&mut left, &mut right]);
        assert_eq!(latency_of(rate_hz), engine.latency_samples() as usize);
        assert!(found[0] == left && found[1] == right, "at {rate_hz} Hz");
    }
}

/// Latency that an instance reports at a rate.
fn latency_of(rate_hz: f64) -> usize {
    let mut instance = instance();
    let processor = activate(&mut instance, rate_hz);
    let found = latency(&mut instance);
    instance.deactivate(processor.stop_processing());
    found
}

#[test]
fn any_cut_into_blocks_sounds_the_same() {
    let (left, right) = (noise(3, 40_000), noise(4, 40_000));
    let run = |blocks: &[usize]| {
        let mut instance = instance();
        let mut processor = activate(&mut instance, 48_000.0);
        let out = play(&mut processor, [&left, &right], blocks, &[]);
        instance.deactivate(processor.stop_processing());
        out
    };
    assert!(run(&[1, 2, 3, 17, 63, 64, 65, 480, 512, 1024, 8192, 16_384]) == run(&[1000]));
}

#[test]
fn automation_and_bypass_are_heard_where_they_are_written() {
    let (left, right) = (noise(5, 20_000), noise(6, 20_000));
    let run = |events: &dyn Fn(&BTreeMap<String, ClapId>) -> Vec<Automation>| {
        let mut instance = instance();
        let events = events(&params(&mut instance));
        let mut processor = activate(&mut instance, 44_100.0);
        let out = play(&mut processor, [&left, &right], &[1000], &events);
        instance.deactivate(processor.stop_processing());
        out
    };
    let plain = run(&|_| Vec::new());
    let automated = run(&|params| vec![(7_333, params["Bypass"], 1.0)]);
    assert_eq!(plain[0][..7_333], automated[0][..7_333]);
    assert_ne!(plain[0][7_334..7_400], automated[0][7_334..7_400]);
    // Ten milliseconds of cross-fade later only the input is left; at the model's own rate it is not delayed.
    assert_eq!(automated[0][7_800..], left[7_800..]);
}

#[test]
fn every_host_rate_is_played_and_nothing_but_finite_sound_comes_out() {
    let mut poisoned = noise(10, 6_000);
    (poisoned[100], poisoned[200], poisoned[300]) = (f32::NAN, f32::INFINITY, 1e30);
    for rate_hz in [8_000.0, 11_025.0, 44_123.45, 96_000.0, 192_000.0, 768_000.0, 1_234_567.75] {
        let mut instance = instance();
        let mut processor = activate(&mut instance, rate_hz);
        let out = play(&mut processor, [&poisoned, &poisoned], &[333], &[]);
        assert!(out.iter().flatten().all(|y| y.is_finite()), "{rate_hz} Hz");
        instance.deactivate(processor.stop_processing());
    }
}

#[test]
fn two_instances_do_not_hear_each_other() {
    let (sound, silence) = (noise(11, 5_000), vec![0.0; 5_000]);
    let (mut a, mut b) = (instance(), instance());
    let (mut pa, mut pb) = (activate(&mut a, 48_000.0), activate(&mut b, 48_000.0));
    let loud = play(&mut pa, [&sound, &sound], &[256], &[]);
    let quiet = play(&mut pb, [&silence, &silence], &[256], &[]);
    assert!(loud[0].iter().any(|y| y.abs() > 0.1) && quiet[0].iter().all(|y| *y == 0.0));
    a.deactivate(pa.stop_processing());
    b.deactivate(pb.stop_processing());
}
