//! A CLAP host that plays a given sound with given events and a given song position.
use clack_extensions::latency::PluginLatency;
use clack_extensions::params::{ParamInfoBuffer, PluginParams};
use clack_extensions::render::{PluginRender, RenderMode};
use clack_extensions::state::PluginState;
use clack_host::events::event_types::{ParamValueEvent, TransportEvent};
use clack_host::prelude::*;
use clack_host::process::StartedPluginAudioProcessor;
use clack_host::utils::ClapId;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io::Read;

/// A host that grants nothing.
pub struct Quiet;

pub struct Shared;

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

pub fn entry() -> PluginEntry {
    let bundle = crate::bundled("Doppel.clap");
    // SAFETY: the bundle was built from this workspace.
    unsafe { PluginEntry::load(&bundle) }.unwrap()
}

/// The phaser.
pub fn instance() -> PluginInstance<Quiet> {
    instance_of(c"audio.doppel.phaser")
}

/// The plug-in with an id.
pub fn instance_of(id: &CStr) -> PluginInstance<Quiet> {
    let info = HostInfo::new("Doppel tests", "Doppel", "", "1").unwrap();
    PluginInstance::new(|_| Shared, |_| (), &entry(), id, &info).unwrap()
}

/// The plug-in with an id in a host that bounces. Played live, an instrument takes voices away where a computer cannot keep up,
/// and a test's computer may be busy.
pub fn bouncing(id: &CStr) -> PluginInstance<Quiet> {
    let mut instance = instance_of(id);
    let handle = instance.plugin_handle();
    handle.get_extension::<PluginRender>().unwrap().set(&handle, RenderMode::Offline).unwrap();
    instance
}

pub fn activate(instance: &mut PluginInstance<Quiet>, rate_hz: f64) -> StartedPluginAudioProcessor<Quiet> {
    let config = PluginAudioConfiguration { sample_rate: rate_hz, min_frames_count: 1, max_frames_count: MOST as u32 };
    instance.activate(|_, _| (), config).unwrap().start_processing().unwrap()
}

pub fn latency(instance: &mut PluginInstance<Quiet>) -> usize {
    let handle = instance.plugin_handle();
    handle.get_extension::<PluginLatency>().unwrap().get(&handle) as usize
}

/// Id of every parameter by its name.
pub fn params(instance: &mut PluginInstance<Quiet>) -> BTreeMap<String, ClapId> {
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

pub fn save(instance: &mut PluginInstance<Quiet>) -> Vec<u8> {
    let handle = instance.plugin_handle();
    let mut bytes = Vec::new();
    handle.get_extension::<PluginState>().unwrap().save(&handle, &mut bytes).unwrap();
    bytes
}

pub fn load(instance: &mut PluginInstance<Quiet>, mut bytes: impl Read) -> bool {
    let handle = instance.plugin_handle();
    handle.get_extension::<PluginState>().unwrap().load(&handle, &mut bytes).is_ok()
}

/// Sample, parameter and value of a change.
pub type Automation = (usize, ClapId, f64);

/// Plays stereo sound in blocks, with parameter events at given samples, in a host without a song.
pub fn play(
    processor: &mut StartedPluginAudioProcessor<Quiet>,
    sound: [&[f32]; 2],
    blocks: &[usize],
    events: &[Automation],
) -> [Vec<f32>; 2] {
    play_song(processor, sound, blocks, events, &|_| None)
}

/// The same in a song: `transport` says where it stands at the sample that a block begins with.
pub fn play_song(
    processor: &mut StartedPluginAudioProcessor<Quiet>,
    [left, right]: [&[f32]; 2],
    blocks: &[usize],
    events: &[Automation],
    transport: &dyn Fn(usize) -> Option<TransportEvent>,
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
            .process(
                &audio_in,
                &mut audio_out,
                &buffer.as_input(),
                &mut events_out.as_output(),
                None,
                transport(start).as_ref(),
            )
            .unwrap();
        for (out, block) in out.iter_mut().zip(&output) {
            out.extend_from_slice(block);
        }
        start = end;
    }
    out
}
