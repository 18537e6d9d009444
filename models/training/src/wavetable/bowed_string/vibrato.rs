//! The sine that moves the finger: read from a table, on straight lines.

/// Steps of the table.
const STEPS: usize = 2048;
/// Pi with the 15 digits that STK writes; the true one would move the vibrato by 1e-14.
#[allow(clippy::approx_constant)] // It is another number.
const STK_PI: f64 = 3.14159265358979;

/// A sine of 0..2048 steps a turn.
#[derive(Clone, Debug)]
pub struct Vibrato {
    /// One turn, its first value again at the end.
    table: Vec<f64>,
    /// Phase in steps.
    time: f64,
    /// Steps a sample.
    rate: f64,
}

impl Vibrato {
    /// At phase 0.
    pub fn new(frequency_hz: f64, rate_hz: f64) -> Self {
        let step = 1.0 / STEPS as f64;
        let table = (0..=STEPS).map(|i| (2.0 * STK_PI * i as f64 * step).sin()).collect();
        let mut vibrato = Self { table, time: 0.0, rate: 0.0 };
        vibrato.set_rate(frequency_hz, rate_hz);
        vibrato
    }

    /// Changes the speed, not the phase.
    pub fn set_rate(&mut self, frequency_hz: f64, rate_hz: f64) {
        self.rate = STEPS as f64 * frequency_hz / rate_hz;
    }

    /// The next value.
    #[inline]
    pub fn step(&mut self) -> f64 {
        while self.time >= STEPS as f64 {
            self.time -= STEPS as f64;
        }
        let place = self.time as usize;
        let fraction = self.time - place as f64;
        let value = self.table[place] + fraction * (self.table[place + 1] - self.table[place]);
        self.time += self.rate;
        value
    }
}
