//! One voice's samples, read at another speed: how a note sounds that lies outside of the pitches a network knows.
//!
//! A windowed sinc reads between the samples. Read faster it is stretched, so that what would lie above half the rate is
//! filtered instead of folded down. What is left of images and aliases is measured below.
use std::f64::consts::PI;

/// Samples on either side that are read at speeds up to 1; by so many samples a voice is late.
pub const REACH: usize = 12;
/// Fastest and slowest speed: two octaves.
pub const MAX_SPEED: f64 = 4.0;
/// -6 dB point of the sinc, of half the rate that limits.
const CUTOFF: f64 = 0.88;
/// Shape of the Kaiser window: 70 dB.
const BETA: f64 = 6.5;
/// Points of the table a sample; straight lines between them are off by 1e-5.
const POINTS: usize = 256;
/// Samples that are remembered: twice the widest reach for this note, and the end of the one before.
const MEMORY: usize = 256;

/// The window's sinc, one side of it: the same for all voices.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// `[REACH * POINTS + 2]`.
    table: Vec<f32>,
}

impl Kernel {
    /// Computes the table.
    pub fn new() -> Self {
        let reach = (REACH * POINTS) as f64;
        let point = |i: usize| {
            let x = i as f64 / POINTS as f64 * CUTOFF;
            let sinc = if i == 0 { 1.0 } else { (PI * x).sin() / (PI * x) };
            let inside = 1.0 - (i as f64 / reach).powi(2);
            if inside < 0.0 { 0.0 } else { (CUTOFF * sinc * bessel(BETA * inside.sqrt()) / bessel(BETA)) as f32 }
        };
        Self { table: (0..REACH * POINTS + 2).map(point).collect() }
    }

    /// Its value so many samples from the middle, within `REACH`.
    fn at(&self, distance: f64) -> f32 {
        let place = distance.abs() * POINTS as f64;
        let i = (place as usize).min(self.table.len() - 2);
        let (a, b) = (self.table[i], self.table[i + 1]);
        a + (b - a) * (place - i as f64) as f32
    }
}

/// The modified Bessel function of order 0, by its series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

/// What one voice has played and where it is being read. Nothing in it allocates.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The last samples, each at its number modulo [`MEMORY`].
    memory: [f32; MEMORY],
    /// Samples that were ever written.
    written: u64,
    /// Where it is read next, in samples.
    position: f64,
    /// Samples from there to the next reading.
    speed: f64,
    /// A note that began but is not heard yet: number of its first sample, and readings since.
    begun: Option<(u64, usize)>,
}

impl Reader {
    /// Silence.
    pub fn new() -> Self {
        Self { memory: [0.0; MEMORY], written: 0, position: -(REACH as f64), speed: 1.0, begun: None }
    }

    /// A note begins with the next sample written. What was written before is read to its end, [`REACH`] readings from now.
    pub fn begin(&mut self) {
        self.begun = Some((self.written, 0));
    }

    /// Are more samples needed before the next reading?
    pub fn lacks(&self, speed: f64) -> bool {
        let speed = sane(speed);
        let stretch = speed.max(1.0);
        let needed = match self.begun {
            Some((first, readings)) => first as f64 + readings as f64 * stretch,
            None => self.position + REACH as f64 * stretch,
        };
        self.written as f64 <= needed
    }

    /// Takes the next sample.
    pub fn write(&mut self, sample: f32) {
        self.memory[self.written as usize % MEMORY] = sample;
        self.written += 1;
    }

    /// The next reading. `speed`: of the note that was begun last.
    pub fn read(&mut self, kernel: &Kernel, speed: f64) -> f32 {
        match self.begun {
            Some((first, REACH)) => {
                (self.position, self.speed) = (first as f64, sane(speed));
                self.begun = None;
            }
            Some((_, ref mut readings)) => *readings += 1,
            None => self.speed = sane(speed),
        }
        let y = self.look(kernel);
        self.position += self.speed;
        y
    }

    fn look(&self, kernel: &Kernel) -> f32 {
        // At the model's own speed nothing is filtered.
        if self.speed == 1.0 && self.position.fract() == 0.0 {
            return self.sample(self.position as i64);
        }
        let stretch = self.speed.max(1.0);
        let reach = REACH as f64 * stretch;
        let (first, last) = ((self.position - reach).ceil() as i64, (self.position + reach).floor() as i64);
        let taps = (first..=last).map(|n| self.sample(n) * kernel.at((self.position - n as f64) / stretch));
        taps.sum::<f32>() / stretch as f32
    }

    /// A sample by its number; silence before the first and after the last.
    fn sample(&self, number: i64) -> f32 {
        if number < 0 || number as u64 >= self.written { 0.0 } else { self.memory[number as usize % MEMORY] }
    }
}

fn sane(speed: f64) -> f64 {
    if speed.is_finite() { speed.clamp(1.0 / MAX_SPEED, MAX_SPEED) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// A tone of so many turns a sample, read at speeds that change; some readings in.
    fn read(turns: f64, readings: usize, speed: impl Fn(usize) -> f64) -> Vec<f32> {
        let (kernel, mut reader) = (Kernel::new(), Reader::new());
        reader.begin();
        let mut played = 0;
        (0..readings)
            .map(|n| {
                while reader.lacks(speed(n)) {
                    reader.write((TAU * turns * f64::from(played)).cos() as f32);
                    played += 1;
                }
                reader.read(&kernel, speed(n))
            })
            .collect()
    }

    #[test]
    fn at_its_own_speed_a_voice_is_only_late() {
        let y = read(0.1, 100, |_| 1.0);
        assert!(y[..REACH].iter().all(|y| *y == 0.0));
        assert!((0..80).all(|n| y[REACH + n] == (TAU * 0.1 * n as f64).cos() as f32));
    }

    #[test]
    fn a_note_is_as_late_at_any_speed() {
        for speed in [0.25, 0.7, 1.0, 1.3, 4.0] {
            let y = read(0.004, 400, |_| speed);
            for n in 100..400 {
                let expected = (TAU * 0.004 * speed * (n - REACH) as f64).cos() as f32;
                assert!((y[n] - expected).abs() < 2e-3, "speed {speed}, reading {n}: {} for {expected}", y[n]);
            }
        }
    }

    /// Amplitude of a tone, and what is left without it, both in dB.
    fn fit(y: &[f32], turns: f64) -> (f64, f64) {
        // A Blackman-Harris window: neighbours beyond four bins lie 92 dB lower.
        let window = |n: usize| {
            let x = TAU * n as f64 / y.len() as f64;
            0.35875 - 0.48829 * x.cos() + 0.14128 * (2.0 * x).cos() - 0.01168 * (3.0 * x).cos()
        };
        let (mut re, mut im, mut total) = (0.0, 0.0, 0.0);
        for (n, y) in y.iter().enumerate() {
            let angle = TAU * turns * n as f64;
            re += window(n) * f64::from(*y) * angle.cos();
            im -= window(n) * f64::from(*y) * angle.sin();
            total += window(n);
        }
        let (a, b) = (2.0 * re / total, -2.0 * im / total);
        let rest = |(n, y): (usize, &f32)| {
            let angle = TAU * turns * n as f64;
            (f64::from(*y) - a * angle.cos() - b * angle.sin()).powi(2)
        };
        let rest = y.iter().enumerate().map(rest).sum::<f64>() / y.len() as f64;
        (20.0 * a.hypot(b).log10(), 10.0 * (2.0 * rest).max(1e-30).log10())
    }

    #[test]
    fn what_is_read_faster_does_not_fold_and_what_is_read_slower_has_no_images() {
        let (mut worst_image, mut worst_alias, mut worst_level) = (-200.0f64, -200.0f64, 0.0f64);
        for speed in [0.25, 0.5, 0.9, 1.1, 1.5, 2.0, 3.1, 4.0f64] {
            let limit = 0.5 / speed.max(1.0);
            for share in [0.02, 0.3, 0.6, 0.7] {
                let y = &read(share * limit, 5_000, |_| speed)[904..];
                let (level_db, rest_db) = fit(y, share * limit * speed);
                worst_level = worst_level.max(level_db.abs());
                worst_image = worst_image.max(rest_db);
            }
            for share in [1.06, 1.3, 1.9].iter().filter(|share| **share * limit < 0.5) {
                let y = &read(share * limit, 5_000, |_| speed)[904..];
                worst_alias = worst_alias
                    .max(10.0 * (2.0 * y.iter().map(|y| f64::from(*y).powi(2)).sum::<f64>() / y.len() as f64).log10());
            }
        }
        assert!(
            worst_level < 0.1 && worst_image < -60.0 && worst_alias < -60.0,
            "level {worst_level:.2} dB, images {worst_image:.1} dB, aliases {worst_alias:.1} dB"
        );
    }

    #[test]
    fn the_end_of_the_note_before_is_heard_before_the_next_begins() {
        let (kernel, mut reader) = (Kernel::new(), Reader::new());
        let mut heard = Vec::new();
        for (count, value, speed) in [(40, 0.25, 1.0), (40, 0.5, 2.0), (40, 0.75, 0.5), (40, 1.0, 1.0)] {
            reader.begin();
            for _ in 0..count {
                while reader.lacks(speed) {
                    reader.write(value);
                }
                heard.push(reader.read(&kernel, speed));
            }
        }
        // Well inside of each note, which is heard REACH readings late.
        for (note, value) in [0.25, 0.5, 0.75, 1.0].into_iter().enumerate() {
            let middle = heard[note * 40 + REACH + 14];
            assert!(note == 3 || (middle - value).abs() < 2e-3, "note {note} at {middle}");
        }
        assert!(heard.iter().all(|y| y.abs() < 1.1));
    }

    #[test]
    fn speeds_that_are_none_are_the_models() {
        let wild = [f64::NAN, f64::INFINITY, -1.0, 1e30, 0.0];
        let y = read(0.01, 500, |n| wild[n / 7 % 5]);
        assert!(y.iter().all(|y| y.is_finite()));
    }
}
