//! The fade around a change of model: the sound falls silent, the engines are exchanged, it returns.
use crate::handoff::Handoff;
use kernels::dsp::ramp::Ramp;
use nice_plug::prelude::Buffer;

/// Time in which the sound goes, and in which it comes back, in seconds.
const SWAP_S: f32 = 0.005;

/// The gain behind an engine.
pub struct Swap(Ramp);

impl Swap {
    /// For a host's rate in Hz; a silent one begins in silence.
    pub fn new(rate_hz: f32, is_silent: bool) -> Self {
        Self(Ramp::new(open(is_silent), (SWAP_S * rate_hz) as usize))
    }

    /// Stands where a fresh one would.
    pub fn reset(&mut self, is_silent: bool) {
        self.0.jump(open(is_silent));
    }

    /// Audio: is an engine to be exchanged, and does nothing sound?
    pub fn is_due<T: Send>(&self, handoff: &Handoff<T>) -> bool {
        handoff.is_waiting() && self.0.value() == 0.0
    }

    /// Audio, before a block: exchanges the engine if it is due, and aims the gain. True if it was exchanged.
    pub fn begin<T: Send>(&mut self, handoff: &Handoff<T>, engine: &mut Box<T>, is_silent: bool) -> bool {
        let exchanged = self.is_due(handoff) && handoff.exchange(engine);
        self.0.set(open(is_silent || handoff.is_waiting()));
        exchanged
    }

    /// Audio, after a block: lays the gain over it.
    pub fn end(&mut self, buffer: &mut Buffer) {
        if self.0.is_moving() || self.0.value() != 1.0 {
            for mut frame in buffer.iter_samples() {
                let gain = self.0.advance();
                frame.iter_mut().for_each(|sample| *sample *= gain);
            }
        }
    }
}

fn open(is_silent: bool) -> f32 {
    if is_silent { 0.0 } else { 1.0 }
}
