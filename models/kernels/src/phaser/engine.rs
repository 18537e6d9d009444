//! A phaser model with the states of all channels, rate conversion, dry path and output guard: what plug-in and command run.
use super::{Controls, Phaser, PhaserState};
use crate::arch::FlushDenormals;
use crate::dsp::ramp::Ramp;
use crate::guard::Guard;
use crate::host_rate::HostRate;
pub use crate::host_rate::RateError;
use crate::nn::line::Line;
use std::sync::Arc;

/// Host samples that are computed at once; a host's block may have any length.
const PIECE: usize = 256;
/// Length of every gain ramp, in seconds.
const RAMP_S: f64 = 0.01;
/// Time in which the sound returns after the guard caught something, in seconds.
const RECOVER_S: f64 = 0.02;

/// One channel: model state, dry path, guard.
struct Channel {
    state: PhaserState,
    guard: Guard,
    /// Falls to 0 when the guard catches something and rises again, at the model's rate.
    recover: Ramp,
    /// The dry input, as long ago as the model's way takes.
    dry: Line<f32>,
}

/// A model ready to play at one host rate.
pub struct Engine {
    model: Arc<Phaser>,
    channels: Vec<Channel>,
    host_rate: HostRate,
    host_hz: f64,
    /// The piece on its way through the model, `[channel][PIECE]`.
    wet: Vec<Vec<f32>>,
    input_gain: Ramp,
    output_gain: Ramp,
    /// Share of the model's output.
    mix: Ramp,
    /// LFO phase that the next sample of the model is to have, without channel offsets.
    phase_turns: Option<f64>,
    /// Have no controls been seen since the start or the last reset?
    fresh: bool,
    guard_events: u64,
}

impl Engine {
    /// Allocates everything for `channels` (1 or 2) at the host's rate in Hz.
    pub fn new(model: Arc<Phaser>, host_rate_hz: f64, channels: usize) -> Result<Self, RateError> {
        let host_rate = HostRate::new(model.info().sample_rate_hz, host_rate_hz, channels)?;
        let latency = host_rate.latency_samples() as usize;
        let ramp = |value, seconds: f64| Ramp::new(value, (seconds * host_rate_hz) as usize);
        Ok(Self {
            channels: (0..channels)
                .map(|_| Channel {
                    state: PhaserState::new(&model),
                    guard: Guard::default(),
                    recover: Ramp::new(1.0, (RECOVER_S * model.info().sample_rate_hz) as usize),
                    dry: Line::new(1, latency, 0.0),
                })
                .collect(),
            host_rate,
            host_hz: host_rate_hz,
            wet: vec![vec![0.0; PIECE]; channels],
            input_gain: ramp(1.0, RAMP_S),
            output_gain: ramp(1.0, RAMP_S),
            mix: ramp(1.0, RAMP_S),
            phase_turns: None,
            fresh: true,
            guard_events: 0,
            model,
        })
    }

    /// Forgets all sound and starts the LFO at phase 0; does not allocate.
    pub fn reset(&mut self) {
        for channel in &mut self.channels {
            channel.state.reset();
            channel.guard.reset();
            channel.recover.jump(1.0);
            channel.dry.clear(0.0);
        }
        self.host_rate.reset();
        self.phase_turns = None;
        self.fresh = true;
    }

    /// Delay between input and output, in host samples; constant for the life of the engine.
    pub fn latency_samples(&self) -> u32 {
        self.host_rate.latency_samples()
    }

    /// Samples at the host's rate until silence follows silence, latency included.
    pub fn tail_samples(&self) -> u32 {
        let model = self.model.receptive_field_samples() as f64 * self.host_hz / self.model.info().sample_rate_hz;
        2 * self.latency_samples() + model.ceil() as u32
    }

    /// How often non-finite input or state was caught since construction.
    pub fn guard_events(&self) -> u64 {
        self.guard_events
    }

    /// Phase of a channel's LFO in turns, 0..1, at the sample the model processes next.
    pub fn phase_turns(&self, channel: usize) -> f64 {
        self.channels.get(channel).map_or(0.0, |c| c.state.phase_turns())
    }

    /// The model that sounds.
    pub fn model(&self) -> &Arc<Phaser> {
        &self.model
    }

    /// The host's rate in Hz.
    pub fn host_rate_hz(&self) -> f64 {
        self.host_hz
    }

    /// Replaces the samples of every channel in place; any block length, real time. All channels have equal length.
    pub fn process(&mut self, controls: &Controls, audio: &mut [&mut [f32]]) {
        let _flush = FlushDenormals::new();
        let controls = controls.sane();
        self.aim(&controls);
        let len = audio.iter().map(|a| a.len()).min().unwrap_or(0);
        let mut start = 0;
        while start < len {
            let count = PIECE.min(len - start);
            self.piece(&controls, audio, start, count);
            start += count;
        }
    }

    /// Points the ramps at the controls; the first controls after a start are not ramped to.
    fn aim(&mut self, controls: &Controls) {
        let mix = if controls.bypass { 0.0 } else { controls.mix };
        let targets = [controls.input_gain, controls.output_gain, mix];
        for (ramp, target) in [&mut self.input_gain, &mut self.output_gain, &mut self.mix].into_iter().zip(targets) {
            if self.fresh {
                ramp.jump(target);
            }
            ramp.set(target);
        }
        self.fresh = false;
        if let Some(phase) = controls.phase_turns {
            let turns_per_sample = if controls.running { f64::from(controls.rate_hz) / self.host_hz } else { 0.0 };
            self.phase_turns = Some(phase - self.host_rate.model_lag_samples() * turns_per_sample);
        }
    }

    /// In, model, out, mix, for a piece of the host's block.
    fn piece(&mut self, controls: &Controls, audio: &mut [&mut [f32]], start: usize, count: usize) {
        let mut caught = false;
        for ((channel, wet), audio) in self.channels.iter_mut().zip(&mut self.wet).zip(audio.iter()) {
            let dry = channel.dry.extend(count);
            dry.copy_from_slice(&audio[start..start + count]);
            caught |= Guard::clean_input(dry);
            let mut gain = self.input_gain;
            for (wet, dry) in wet.iter_mut().zip(dry) {
                *wet = *dry * gain.advance();
            }
        }

        let (channels, model, phase) = (&mut self.channels, &self.model, &mut self.phase_turns);
        self.host_rate.process(&mut self.wet, count, |wet, count| {
            let phase = phase.take();
            for (c, (channel, wet)) in channels.iter_mut().zip(wet).enumerate() {
                if let Some(phase) = phase {
                    channel.state.set_phase(phase);
                }
                let offset = if c == 1 { controls.stereo_phase_turns } else { 0.0 };
                channel.state.process(model, controls, offset, &mut wet[..count]);
                if channel.guard.check_output(&mut wet[..count]) {
                    channel.state.reset();
                    channel.recover.jump(0.0);
                    channel.recover.set(1.0);
                    caught = true;
                } else if channel.recover.is_moving() {
                    wet[..count].iter_mut().for_each(|y| *y *= channel.recover.advance());
                }
            }
        });
        self.guard_events += u64::from(caught);

        let (output_gain, mix) = (self.output_gain, self.mix);
        for ((channel, wet), audio) in self.channels.iter_mut().zip(&self.wet).zip(audio.iter_mut()) {
            (self.output_gain, self.mix) = (output_gain, mix);
            let dry = &channel.dry.window(count)[..count];
            for ((out, wet), dry) in audio[start..start + count].iter_mut().zip(wet).zip(dry) {
                let wet = wet * self.output_gain.advance();
                let mix = self.mix.advance();
                *out = wet * mix + dry * (1.0 - mix);
            }
        }
        self.input_gain.skip(count);
    }
}
