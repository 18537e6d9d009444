//! The way of a voice's pitch from one key to the next, straight in semitones.

/// How notes are tied by pitch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Portamento {
    /// Duration of a glide, or of an octave of it, in seconds, 0..5; 0 jumps.
    pub seconds: f32,
    /// Does `seconds` mean an octave (constant rate)? Otherwise every interval takes as long.
    pub per_octave: bool,
    /// Does only a note that is begun while another is held glide?
    pub legato_only: bool,
}

impl Portamento {
    /// The same with everything finite and in range.
    pub(super) fn sane(&self) -> Self {
        let seconds = if self.seconds.is_finite() { self.seconds.clamp(0.0, 5.0) } else { 0.0 };
        Self { seconds, ..*self }
    }
}

/// Pitch of one voice without bends, in MIDI notes.
#[derive(Clone, Debug)]
pub struct Glide {
    /// Where it began.
    from: f64,
    /// Where it ends.
    to: f64,
    /// Samples that have passed.
    passed: u64,
    /// Samples of the whole way.
    length: u64,
}

impl Glide {
    /// Standing at a note.
    pub fn new(note: f64) -> Self {
        Self { from: note, to: note, passed: 0, length: 0 }
    }

    /// Starts from one note to another.
    pub fn start(&mut self, from: f64, to: f64, portamento: &Portamento, rate_hz: f64) {
        let octaves = if portamento.per_octave { (to - from).abs() / 12.0 } else { 1.0 };
        let length = (f64::from(portamento.seconds) * octaves * rate_hz).round() as u64;
        *self = Self { from, to, passed: 0, length };
    }

    /// The note it ends on.
    pub fn target(&self) -> f64 {
        self.to
    }

    /// The pitch some samples from now.
    pub fn after(&self, samples: usize) -> f64 {
        let passed = self.passed + samples as u64;
        if passed >= self.length {
            return self.to;
        }
        self.from + (self.to - self.from) * (passed as f64 / self.length as f64)
    }

    /// Passes over samples.
    pub fn advance(&mut self, samples: usize) {
        self.passed = self.length.min(self.passed + samples as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glide_by_time_takes_as_long_for_any_interval() {
        let portamento = Portamento { seconds: 0.1, ..Default::default() };
        for to in [61.0, 72.0, 36.0] {
            let mut glide = Glide::new(60.0);
            glide.start(60.0, to, &portamento, 1000.0);
            assert_eq!(glide.after(50), (60.0 + to) / 2.0);
            assert_ne!(glide.after(99), to);
            assert_eq!(glide.after(100), to);
        }
    }

    #[test]
    fn a_glide_by_rate_takes_longer_for_a_wider_interval() {
        let portamento = Portamento { seconds: 0.1, per_octave: true, ..Default::default() };
        let mut glide = Glide::new(60.0);
        glide.start(60.0, 84.0, &portamento, 1000.0);
        glide.advance(30);
        glide.advance(70);
        assert_eq!((glide.after(0), glide.after(100)), (72.0, 84.0));
    }

    #[test]
    fn no_time_is_a_jump() {
        let mut glide = Glide::new(60.0);
        glide.start(60.0, 48.0, &Portamento::default(), 48_000.0);
        assert_eq!(glide.after(0), 48.0);
    }
}
