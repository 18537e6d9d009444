//! Audio thread -> panel: levels, LFO phases, load. Plain atomics: the panel may see one value newer than another.
use nice_plug::prelude::{Buffer, Transport};
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
    /// Notes of an instrument that is played; none for an effect.
    pub notes: Option<Notes>,
}

/// What the panel shows of the notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Voices that sound.
    pub voices: u32,
    /// Voices that may sound at once.
    pub cap: u32,
    /// Is the cap lower than the player set it, because the computer cannot keep up?
    pub is_capped: bool,
    /// Keys that sound, a bit each.
    pub keys: u128,
}

/// A line of numbers that the audio thread draws and the panel shows; a picture may be half of one block and half of the next.
pub struct Curve<const N: usize>([Shared; N]);

impl<const N: usize> Default for Curve<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Shared::default()))
    }
}

impl<const N: usize> Curve<N> {
    /// Audio: draws it.
    pub fn set(&self, values: &[f32; N]) {
        self.0.iter().zip(values).for_each(|(shared, value)| shared.set(*value));
    }

    /// Panel: as it stands.
    pub fn get(&self) -> [f32; N] {
        std::array::from_fn(|k| self.0[k].get())
    }
}

/// Loudest sample of a block; non-finite ones do not count.
pub fn peak(buffer: &Buffer) -> f32 {
    let samples = buffer.as_slice_immutable().iter().flat_map(|channel| channel.iter());
    samples.fold(0.0f32, |peak, x| peak.max(x.abs()))
}

/// When the audio thread draws for the panel: as often as a screen shows it, however short the host's blocks are.
#[derive(Default)]
pub struct Pace {
    /// Seconds until the next drawing.
    left_s: f32,
}

/// Time between two drawings, in seconds.
const DRAWING_S: f32 = 1.0 / 60.0;

impl Pace {
    /// Audio: a block of so many seconds has passed; is it time to draw?
    pub fn is_due(&mut self, seconds: f32) -> bool {
        self.left_s -= seconds;
        let due = self.left_s <= 0.0;
        if due {
            self.left_s = DRAWING_S;
        }
        due
    }
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
    /// Voices, then the cap, then 1 if the load made it.
    voices: [AtomicU32; 3],
    /// Keys that sound, the low ones first.
    keys: [AtomicU64; 2],
    /// Where the song rests in seconds, as bits.
    song_rest_s: AtomicU64,
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

    /// Audio: the notes of an instrument that is played.
    pub fn notes(&self, notes: Notes) {
        let Notes { voices, cap, is_capped, keys } = notes;
        for (shared, value) in self.voices.iter().zip([voices, cap, u32::from(is_capped)]) {
            shared.store(value, Ordering::Relaxed);
        }
        for (shared, value) in self.keys.iter().zip([keys as u64, (keys >> 64) as u64]) {
            shared.store(value, Ordering::Relaxed);
        }
    }

    /// Audio: where the song stands in seconds; a song that plays or has no place rests at its start.
    pub fn song(&self, transport: &Transport) {
        let rest_s = transport.pos_seconds().filter(|seconds| seconds.is_finite() && !transport.playing);
        self.song_rest_s.store(rest_s.unwrap_or(0.0).to_bits(), Ordering::Relaxed);
    }

    /// Panel: where the song rests, in seconds.
    pub fn song_rest_s(&self) -> f64 {
        f64::from_bits(self.song_rest_s.load(Ordering::Relaxed))
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
            notes: self.read_notes(),
        }
    }

    /// A cap of 0 is that of an effect, which has none.
    fn read_notes(&self) -> Option<Notes> {
        let [voices, cap, is_capped] = [0, 1, 2].map(|k| self.voices[k].load(Ordering::Relaxed));
        let [low, high] = [0, 1].map(|k| u128::from(self.keys[k].load(Ordering::Relaxed)));
        (cap > 0).then_some(Notes { voices, cap, is_capped: is_capped != 0, keys: high << 64 | low })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_panel_is_drawn_for_sixty_times_a_second_at_any_block_length() {
        for block_s in [1.0 / 48_000.0, 64.0 / 48_000.0, 0.01] {
            let mut pace = Pace::default();
            let drawings = (0..(2.0 / block_s) as usize).filter(|_| pace.is_due(block_s)).count();
            assert!((90..=121).contains(&drawings), "{block_s}: {drawings}");
        }
    }
}
