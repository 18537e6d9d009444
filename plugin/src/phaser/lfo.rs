//! Where the LFO stands: free, with the song, from a trigger, or held by hand.
use super::PhaserPlugin;
use super::params::{LfoMode, PhaserParams, period_beats};
use nice_plug::prelude::*;

/// Tempo of a host that names none, in beats a minute.
const DEFAULT_TEMPO: f64 = 120.0;
/// Tempos that are believed.
const TEMPOS: std::ops::RangeInclusive<f64> = 1.0..=1000.0;

/// What the engine is told about the LFO for a stretch of samples.
pub struct Phase {
    /// Phase at the first of them; none: it runs on.
    pub turns: Option<f64>,
    /// Does it advance?
    pub running: bool,
    /// Speed in Hz.
    pub rate_hz: f32,
}

/// What must be remembered between blocks.
#[derive(Default)]
pub struct LfoClock {
    /// Did the transport run in the last block?
    was_playing: bool,
    /// Is the next stretch to start at the Phase parameter?
    trigger: bool,
    /// A note read from the host that lies further on in the block.
    waiting: Option<usize>,
}

impl LfoClock {
    /// First sample after `done` at which a note restarts the LFO; none before the end of the block.
    pub fn next_trigger(
        &mut self,
        params: &PhaserParams,
        context: &mut impl ProcessContext<PhaserPlugin>,
        done: usize,
        samples: usize,
    ) -> Option<usize> {
        let mode = params.lfo.mode.value();
        if self.waiting.take().is_some() {
            self.trigger = true;
        }
        while let Some(event) = context.next_event() {
            if let (NoteEvent::NoteOn { timing, .. }, LfoMode::Trigger) = (&event, mode) {
                let at = (*timing as usize).min(samples);
                if at <= done {
                    self.trigger = true;
                } else if at < samples {
                    self.waiting = Some(at);
                    return Some(at);
                }
            }
        }
        None
    }

    /// Phase and speed for the samples from `start` to `end` of the block.
    pub fn advance(
        &mut self,
        params: &PhaserParams,
        transport: &Transport,
        start: usize,
        _end: usize,
        sample_rate_hz: f32,
    ) -> Phase {
        let lfo = &params.lfo;
        let started = transport.playing && !self.was_playing;
        self.was_playing = transport.playing;
        let phase_turns = f64::from(lfo.phase.value()) / 360.0;
        let triggered = std::mem::take(&mut self.trigger) || started;
        match lfo.mode.value() {
            LfoMode::Free => Phase { turns: None, running: true, rate_hz: lfo.rate.value() },
            LfoMode::Trigger => {
                Phase { turns: triggered.then_some(phase_turns), running: true, rate_hz: lfo.rate.value() }
            }
            LfoMode::Manual => Phase { turns: Some(phase_turns), running: false, rate_hz: lfo.rate.value() },
            LfoMode::Song => {
                let rate_hz = lfo.rate.value();
                let elapsed_s = start as f64 / f64::from(sample_rate_hz);
                let position = transport.pos_seconds().filter(|seconds| seconds.is_finite() && transport.playing);
                let turns = position.map(|seconds| (seconds + elapsed_s) * f64::from(rate_hz) + phase_turns);
                Phase { turns, running: true, rate_hz }
            }
            LfoMode::Sync => {
                let tempo = transport.tempo.filter(|tempo| TEMPOS.contains(tempo)).unwrap_or(DEFAULT_TEMPO);
                let period = period_beats(lfo.division.value(), lfo.sync.value());
                let rate_hz = tempo / 60.0 / period;
                let elapsed_beats = start as f64 / f64::from(sample_rate_hz) * tempo / 60.0;
                let position = transport.pos_beats().filter(|beats| beats.is_finite() && transport.playing);
                let turns = position.map(|beats| (beats + elapsed_beats) / period + phase_turns);
                Phase { turns, running: true, rate_hz: rate_hz as f32 }
            }
        }
    }
}
