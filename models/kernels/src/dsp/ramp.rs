//! A gain that moves without steps.

/// Moves to each new target along a straight line of fixed length.
#[derive(Clone, Copy, Debug)]
pub struct Ramp {
    target: f32,
    /// Change a sample.
    step: f32,
    /// Samples until the target is reached.
    left: usize,
    /// Samples of a whole ramp.
    length_samples: usize,
}

impl Ramp {
    /// Standing at a value.
    pub fn new(value: f32, length_samples: usize) -> Self {
        Self { target: value, step: 0.0, left: 0, length_samples: length_samples.max(1) }
    }

    /// Stands at a value at once.
    pub fn jump(&mut self, value: f32) {
        (self.target, self.left) = (value, 0);
    }

    /// Starts towards a target, if it is new.
    pub fn set(&mut self, target: f32) {
        if target != self.target {
            let value = self.value();
            self.target = target;
            self.left = self.length_samples;
            self.step = (target - value) / self.length_samples as f32;
        }
    }

    /// Where the ramp stands.
    pub fn value(&self) -> f32 {
        self.target - self.step * self.left as f32
    }

    /// Is the target still ahead?
    pub fn is_moving(&self) -> bool {
        self.left > 0
    }

    /// Passes over samples.
    pub fn skip(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
    }

    /// The value of the next sample; exactly the target from its end on.
    #[inline]
    pub fn advance(&mut self) -> f32 {
        if self.left == 0 {
            return self.target;
        }
        self.left -= 1;
        self.value()
    }
}

#[cfg(test)]
mod tests {
    use super::Ramp;

    #[test]
    fn a_ramp_is_straight_and_ends_on_its_target() {
        let mut ramp = Ramp::new(0.0, 4);
        ramp.set(1.0);
        let values: Vec<_> = (0..6).map(|_| ramp.advance()).collect();
        assert_eq!(values, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_new_target_on_the_way_starts_where_the_ramp_stands() {
        let mut ramp = Ramp::new(0.0, 4);
        ramp.set(1.0);
        ramp.advance();
        ramp.advance();
        ramp.set(0.0);
        assert_eq!((ramp.value(), ramp.advance()), (0.5, 0.375));
    }
}
