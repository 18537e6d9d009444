//! One place where a period is read: its phase, and how pitch and gains move through a frame.

/// A number known one frame ahead.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Glide {
    /// At the start of this frame.
    pub from: f64,
    /// At its end.
    pub to: f64,
    /// At the end of the next one.
    pub next: f64,
}

impl Glide {
    pub fn jump(&mut self, x: f64) {
        *self = Self { from: x, to: x, next: x };
    }

    pub fn step(&mut self, next: f64) {
        *self = Self { from: self.to, to: self.next, next };
    }

    pub fn highest(&self) -> f64 {
        self.from.max(self.to).max(self.next)
    }
}

/// One place where the table is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reader {
    /// In 2^-64 turns.
    pub phase: u64,
    /// Frequency over the note's.
    pub ratio: Glide,
    /// Gains of the two channels at the start of the frame.
    pub from: [f32; 2],
    /// And at its end.
    pub to: [f32; 2],
}

impl Reader {
    pub fn is_heard(&self) -> bool {
        self.from != [0.0; 2] || self.to != [0.0; 2]
    }
}

/// A phase on its way through a frame.
pub(super) struct Path {
    pub phase: u64,
    /// Change of the phase a sample.
    pub step: i64,
    /// Change of the step a sample.
    pub rise: i64,
}

impl Path {
    #[inline(always)]
    pub fn advance(&mut self) {
        self.phase = self.phase.wrapping_add(self.step as u64);
        self.step += self.rise;
    }

    /// As many advances at once.
    pub fn skip(&mut self, count: usize) {
        let n = count as u64;
        let rises = (self.rise as u64).wrapping_mul(n * n.saturating_sub(1) / 2);
        self.phase = self.phase.wrapping_add((self.step as u64).wrapping_mul(n)).wrapping_add(rises);
        self.step += self.rise * count as i64;
    }
}

/// A reader's gains over a frame.
pub(super) struct GainRamp {
    pub reader: Reader,
    /// Sample of the frame that comes first.
    pub first: usize,
    /// One over the frame's length.
    pub per_sample: f32,
}

#[inline(always)]
pub(super) fn read(
    path: &mut Path,
    ramp: &GainRamp,
    left: &mut [f32],
    right: &mut [f32],
    value: impl Fn(u64, f32) -> f32,
) {
    let ([left_from, right_from], [left_to, right_to]) = (ramp.reader.from, ramp.reader.to);
    for (n, (left, right)) in left.iter_mut().zip(right).enumerate() {
        let share = (ramp.first + n) as f32 * ramp.per_sample;
        let y = value(path.phase, share);
        *left += y * (left_from + share * (left_to - left_from));
        *right += y * (right_from + share * (right_to - right_from));
        path.advance();
    }
}
