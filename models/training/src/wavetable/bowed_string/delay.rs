//! A delay line between two samples: its output is interpolated on a straight line.

/// A ring of samples. Each line of the string waits one sample more than it is set to, because the loop reads
/// [`Delay::last`] before it writes.
#[derive(Clone, Debug)]
pub struct Delay {
    ring: Vec<f64>,
    /// Where the next sample goes.
    write: usize,
    /// The younger neighbour of the next output is the one after this.
    read: usize,
    /// How far the output lies from `read` towards the next place, 0..1.
    fraction: f64,
    last: f64,
}

impl Delay {
    /// A silent ring of a length in samples.
    pub fn new(length: usize) -> Self {
        Self { ring: vec![0.0; length], write: 0, read: 0, fraction: 0.0, last: 0.0 }
    }

    /// Moves the read pointer at once; a delay that the ring has no room for changes nothing.
    pub fn set(&mut self, delay_samples: f64) {
        let length = self.ring.len();
        if !(0.0..=(length - 1) as f64).contains(&delay_samples) {
            return;
        }
        let mut at = self.write as f64 - delay_samples;
        while at < 0.0 {
            at += length as f64;
        }
        self.read = at as usize;
        self.fraction = at - self.read as f64;
        if self.read == length {
            self.read = 0;
        }
    }

    /// The output of the last step.
    #[inline]
    pub fn last(&self) -> f64 {
        self.last
    }

    /// Takes a sample in and gives one out.
    #[inline]
    pub fn step(&mut self, x: f64) {
        let after = |place: usize| if place + 1 == self.ring.len() { 0 } else { place + 1 };
        let (next_write, next_read) = (after(self.write), after(self.read));
        self.ring[self.write] = x;
        self.last = self.ring[self.read] * (1.0 - self.fraction) + self.ring[next_read] * self.fraction;
        (self.write, self.read) = (next_write, next_read);
    }
}
