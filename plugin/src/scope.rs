//! Audio thread -> panel: levels, LFO phases, load. Plain atomics: the panel may see one value newer than another.
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// An f32 that threads share.
#[derive(Default)]
struct Shared(AtomicU32);

impl Shared {
    fn set(&self, value: f32) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// What the panel shows of a running instance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Peak of the input since some tenths of a second, linear, falling.
    pub input_peak: f32,
    /// The same of the output.
    pub output_peak: f32,
    /// LFO phase of each channel in turns.
    pub phases_turns: [f32; 2],
    /// Channels that play.
    pub channels: u32,
    /// Time for a block over the block's length, slowly following.
    pub load: f32,
    /// Highest such load since a moment ago, falling.
    pub worst_load: f32,
    /// Host sample rate in Hz, 0 before the first activation.
    pub host_rate_hz: f32,
    /// Delay that is reported to the host, in samples.
    pub latency_samples: u32,
    /// How often the output guard had to act.
    pub guard_events: u64,
}

/// The shared values: written by the audio thread, read by the panel.
#[derive(Default)]
pub struct Scope {
    input_peak: Shared,
    output_peak: Shared,
    phases_turns: [Shared; 2],
    channels: AtomicU32,
    load: Shared,
    worst_load: Shared,
    host_rate_hz: Shared,
    latency_samples: AtomicU32,
    guard_events: AtomicU64,
}

/// Share of a peak that is left after a second.
const FALL_PER_S: f32 = 0.1;
/// Share of the way to a new load that one block moves.
const LOAD_SPEED: f32 = 0.05;

impl Scope {
    /// Audio: a new activation.
    pub fn activated(&self, host_rate_hz: f32, channels: u32, latency_samples: u32) {
        self.host_rate_hz.set(host_rate_hz);
        self.channels.store(channels, Ordering::Relaxed);
        self.latency_samples.store(latency_samples, Ordering::Relaxed);
        self.worst_load.set(0.0);
    }

    /// Audio: a block of `seconds` is done, with these peaks, phases and share of the time used.
    pub fn block(&self, seconds: f32, peaks: [f32; 2], phases_turns: [f32; 2], load: f32, guard_events: u64) {
        let fall = FALL_PER_S.powf(seconds);
        self.input_peak.set(peaks[0].max(self.input_peak.get() * fall));
        self.output_peak.set(peaks[1].max(self.output_peak.get() * fall));
        for (shared, phase) in self.phases_turns.iter().zip(phases_turns) {
            shared.set(phase);
        }
        let before = self.load.get();
        self.load.set(before + (load - before) * LOAD_SPEED);
        self.worst_load.set(load.max(self.worst_load.get() * fall));
        self.guard_events.store(guard_events, Ordering::Relaxed);
    }

    /// Panel: everything as it stands.
    pub fn read(&self) -> Reading {
        Reading {
            input_peak: self.input_peak.get(),
            output_peak: self.output_peak.get(),
            phases_turns: [self.phases_turns[0].get(), self.phases_turns[1].get()],
            channels: self.channels.load(Ordering::Relaxed),
            load: self.load.get(),
            worst_load: self.worst_load.get(),
            host_rate_hz: self.host_rate_hz.get(),
            latency_samples: self.latency_samples.load(Ordering::Relaxed),
            guard_events: self.guard_events.load(Ordering::Relaxed),
        }
    }
}
