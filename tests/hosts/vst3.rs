//! The bundle in a VST3 host: listed, automated, saved, and the same sound as in a CLAP host.
use crate::bundled;
use kernels::nn::naive::noise;
use kernels::phaser::{Controls, Engine, Phaser};
use std::sync::Arc;
use vst3_host::audio::AudioBuffers;
use vst3_host::{Plugin, Vst3Host};

const BLOCK: usize = 480;

fn instance(rate_hz: f64) -> Plugin {
    let class: String = b"DoppelPhaser0001".iter().map(|byte| format!("{byte:02X}")).collect();
    let mut host = Vst3Host::builder().sample_rate(rate_hz).block_size(BLOCK).build().unwrap();
    host.load_plugin_class(bundled("Doppel.vst3"), &class).unwrap()
}

/// Plays mono sound on both channels, with changes of parameters at given samples: id, normalised value.
fn play(plugin: &mut Plugin, sound: &[f32], changes: &[(usize, u32, f64)]) -> [Vec<f32>; 2] {
    plugin.start_processing().unwrap();
    let mut out = [Vec::new(), Vec::new()];
    for (k, block) in sound.chunks(BLOCK).enumerate() {
        let start = k * BLOCK;
        for (at, id, value) in changes.iter().filter(|(at, ..)| (start..start + block.len()).contains(at)) {
            plugin.set_parameter_at(*id, *value, (at - start) as i32).unwrap();
        }
        let mut buffers = AudioBuffers::new(2, 2, block.len(), plugin.sample_rate());
        for input in &mut buffers.inputs {
            input.copy_from_slice(block);
        }
        plugin.process_audio(&mut buffers).unwrap();
        for (out, block) in out.iter_mut().zip(&buffers.outputs) {
            out.extend_from_slice(block);
        }
    }
    plugin.stop_processing().unwrap();
    out
}

/// The latency that the host knows after it has done what the plug-in asked for; it asks from another thread.
fn latency(plugin: &mut Plugin, expected: u32) -> u32 {
    for _ in 0..100 {
        plugin.service_run_loop();
        plugin.service_host_requests().unwrap();
        if plugin.latency_samples() == expected {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    plugin.latency_samples()
}

fn engine(rate_hz: f64) -> (Engine, Controls) {
    let model = Arc::new(Phaser::load(plugin::phaser::FACTORY_MODELS[0].1).unwrap());
    let mut controls = Controls::new(model.info());
    (controls.rate_hz, controls.stereo_phase_turns) = (0.5, 0.25);
    (Engine::new(model, rate_hz, 2).unwrap(), controls)
}

#[test]
fn the_host_lists_the_phaser_and_its_parameters_with_texts_both_ways() {
    let plugin = instance(48_000.0);
    let info = plugin.info();
    assert_eq!((info.name.as_str(), info.vendor.as_str()), ("Doppel Phaser", "Doppel"));
    let found = plugin.get_parameters().unwrap();
    for (name, text) in [("Rate", "0.50"), ("LFO mode", "Free"), ("Division", "1/1"), ("Mix", "100"), ("Bypass", "Off")]
    {
        let parameter = found.iter().find(|p| p.name == name).unwrap_or_else(|| panic!("{name} is not listed"));
        let shown = plugin.format_parameter(parameter.id, plugin.get_parameter(parameter.id).unwrap()).unwrap();
        assert!(shown.contains(text), "{name}: `{shown}`");
    }
}

#[test]
fn it_plays_exactly_what_the_engine_plays_and_reports_its_latency() {
    for rate_hz in [44_100.0, 48_000.0] {
        let sound = noise(21, 40 * BLOCK + 7);
        let mut plugin = instance(rate_hz);
        let found = play(&mut plugin, &sound, &[]);
        let (mut engine, controls) = engine(rate_hz);
        let (mut left, mut right) = (sound.clone(), sound);
        engine.process(&controls, &mut [&mut left, &mut right]);
        assert_eq!(latency(&mut plugin, engine.latency_samples()), engine.latency_samples());
        assert!(found[0] == left && found[1] == right, "at {rate_hz} Hz");
    }
}

#[test]
fn automation_is_heard_at_its_sample() {
    let sound = noise(22, 40 * BLOCK);
    let mut plugin = instance(44_100.0);
    let plain = play(&mut plugin, &sound, &[]);
    let mut plugin = instance(44_100.0);
    let bypass = plugin.find_parameter("Bypass").unwrap().id;
    let automated = play(&mut plugin, &sound, &[(7_333, bypass, 1.0)]);
    assert_eq!(plain[0][..7_333], automated[0][..7_333]);
    assert_ne!(plain[0][7_334..7_400], automated[0][7_334..7_400]);
    assert_eq!(automated[0][7_800..], sound[7_800..]);
}

#[test]
fn a_state_restores_byte_for_byte_and_sounds_the_same_again() {
    let sound = noise(23, 20 * BLOCK);
    let mut first = instance(48_000.0);
    let changes: Vec<_> = [("Rate", 0.7), ("Colour", 1.0), ("Mix", 0.8), ("Stereo phase", 0.1)]
        .iter()
        .map(|(name, value)| (0, first.find_parameter(name).unwrap().id, *value))
        .collect();
    play(&mut first, &sound, &changes);
    let saved = first.save_state().unwrap();
    let mut second = instance(48_000.0);
    second.load_state(&saved).unwrap();
    assert!(second.save_state().unwrap() == saved, "saved again, the state differs");
    let mut third = instance(48_000.0);
    third.load_state(&saved).unwrap();
    assert!(play(&mut second, &sound, &[]) == play(&mut third, &sound, &[]));
}

#[test]
fn another_rate_and_block_size_is_taken_while_loaded() {
    let mut plugin = instance(44_100.0);
    for (rate_hz, block) in [(48_000.0, 64), (96_000.0, 1024), (22_050.0, 1), (44_100.0, BLOCK)] {
        plugin.reconfigure(rate_hz, block).unwrap();
        plugin.start_processing().unwrap();
        for _ in 0..20 {
            let mut buffers = AudioBuffers::new(2, 2, block, rate_hz);
            buffers.inputs[0].copy_from_slice(&noise(24, block));
            plugin.process_audio(&mut buffers).unwrap();
            assert!(buffers.outputs.iter().flatten().all(|y| y.is_finite()), "{rate_hz} Hz, {block}");
        }
        plugin.stop_processing().unwrap();
        let expected = engine(rate_hz).0.latency_samples();
        assert_eq!(latency(&mut plugin, expected), expected, "{rate_hz} Hz");
    }
}
