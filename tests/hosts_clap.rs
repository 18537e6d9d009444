//! The built bundle in a CLAP host: listed, played, saved and restored. `cargo xtask test` builds it first; memory that is
//! taken or freed while audio runs ends the test, because the bundle is built with the framework's own check for that.
#![allow(unsafe_code)] // Loading a plug-in means running foreign code; only the user can vouch for it.
use clack_extensions::latency::PluginLatency;
use clack_extensions::params::{ParamInfoBuffer, PluginParams};
use clack_extensions::state::PluginState;
use clack_host::events::event_types::ParamValueEvent;
use clack_host::prelude::*;
use clack_host::process::StartedPluginAudioProcessor;
use clack_host::utils::ClapId;
use kernels::nn::naive::noise;
use kernels::phaser::{Controls, Engine, Phaser};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

/// A host that grants nothing.
struct Quiet;

struct Shared;

impl SharedHandler<'_> for Shared {
    fn request_restart(&self) {}
    fn request_process(&self) {}
    fn request_callback(&self) {}
}

impl HostHandlers for Quiet {
    type Shared<'a> = Shared;
    type MainThread<'a> = ();
    type AudioProcessor<'a> = ();
}

/// Largest block that is announced.
const MOST: usize = 16_384;

fn entry() -> PluginEntry {
    // <target>/<profile>/deps/<this test>
    let test = std::env::current_exe().unwrap();
    let bundle: PathBuf = test.ancestors().nth(3).unwrap().join("bundled/Doppel.clap");
    assert!(bundle.exists(), "{}: run `cargo xtask bundle --dev` first", bundle.display());
    // SAFETY: the bundle was built from this workspace.
    unsafe { PluginEntry::load(&bundle) }.unwrap()
}

fn instance() -> PluginInstance<Quiet> {
    let info = HostInfo::new("Doppel tests", "Doppel", "", "1").unwrap();
    PluginInstance::new(|_| Shared, |_| (), &entry(), c"audio.doppel.phaser", &info).unwrap()
}

fn activate(instance: &mut PluginInstance<Quiet>, rate_hz: f64) -> StartedPluginAudioProcessor<Quiet> {
    let config = PluginAudioConfiguration { sample_rate: rate_hz, min_frames_count: 1, max_frames_count: MOST as u32 };
    instance.activate(|_, _| (), config).unwrap().start_processing().unwrap()
}

fn latency(instance: &mut PluginInstance<Quiet>) -> usize {
    let handle = instance.plugin_handle();
    handle.get_extension::<PluginLatency>().unwrap().get(&handle) as usize
}

/// Id of every parameter by its name.
fn params(instance: &mut PluginInstance<Quiet>) -> BTreeMap<String, ClapId> {
    let handle = instance.plugin_handle();
    let params: PluginParams = handle.get_extension().unwrap();
    (0..params.count(&handle))
        .map(|k| {
            let mut buffer = ParamInfoBuffer::new();
            let info = params.get_info(&handle, k, &mut buffer).unwrap();
            (String::from_utf8_lossy(info.name).into_owned(), info.id)
        })
        .collect()
}

fn save(instance: &mut PluginInstance<Quiet>) -> Vec<u8> {
    let handle = instance.plugin_handle();
    let mut bytes = Vec::new();
    handle.get_extension::<PluginState>().unwrap().save(&handle, &mut bytes).unwrap();
    bytes
}

fn load(instance: &mut PluginInstance<Quiet>, mut bytes: impl Read) -> bool {
    let handle = instance.plugin_handle();
    handle.get_extension::<PluginState>().unwrap().load(&handle, &mut bytes).is_ok()
}

/// Sample, parameter and value of a change.
type Automation = (usize, ClapId, f64);

/// Plays stereo sound in blocks, with parameter events at given samples.
fn play(
    processor: &mut StartedPluginAudioProcessor<Quiet>,
    [left, right]: [&[f32]; 2],
    blocks: &[usize],
    events: &[Automation],
) -> [Vec<f32>; 2] {
    let mut ports_in = clack_host::process::audio_buffers::AudioPorts::with_capacity(2, 1);
    let mut ports_out = clack_host::process::audio_buffers::AudioPorts::with_capacity(2, 1);
    let mut out = [Vec::new(), Vec::new()];
    let (mut start, mut blocks) = (0, blocks.iter().cycle());
    while start < left.len() {
        let end = (start + blocks.next().unwrap()).min(left.len());
        let mut input = [left[start..end].to_vec(), right[start..end].to_vec()];
        let mut output = [vec![0.0f32; end - start], vec![0.0f32; end - start]];
        let mut buffer = EventBuffer::new();
        for (time, id, value) in events.iter().filter(|(time, ..)| (start..end).contains(time)) {
            let event = ParamValueEvent::new((time - start) as u32, *id, clack_host::events::Pckn::match_all(), *value);
            buffer.push(&event);
        }
        use clack_host::process::audio_buffers::*;
        let audio_in = ports_in.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(input.iter_mut().map(InputChannel::variable)),
        }]);
        let mut audio_out = ports_out.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(output.iter_mut().map(|c| c.as_mut_slice())),
        }]);
        let mut events_out = EventBuffer::new();
        processor
            .process(&audio_in, &mut audio_out, &buffer.as_input(), &mut events_out.as_output(), None, None)
            .unwrap();
        for (out, block) in out.iter_mut().zip(&output) {
            out.extend_from_slice(block);
        }
        start = end;
    }
    out
}

#[test]
fn the_bundle_lists_the_phaser_with_its_parameters() {
    let entry = entry();
    let factory = entry.get_plugin_factory().unwrap();
    let ids: Vec<_> = factory.plugin_descriptors().map(|d| d.id().unwrap().to_owned()).collect();
    assert_eq!(ids, [c"audio.doppel.phaser".to_owned()]);
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

#[test]
fn every_host_rate_is_played_and_nothing_but_finite_sound_comes_out() {
    let mut poisoned = noise(10, 6_000);
    (poisoned[100], poisoned[200], poisoned[300]) = (f32::NAN, f32::INFINITY, 1e30);
    for rate_hz in [8_000.0, 11_025.0, 44_123.45, 96_000.0, 192_000.0, 768_000.0] {
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
