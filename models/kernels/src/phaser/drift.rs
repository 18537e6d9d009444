//! The slow wandering of a hardware LFO's rate.
//!
//! Measured on 80 s each of a real four-stage pedal at 2.33 Hz and 1.39 Hz: the rate strays by 0.12 to 0.14 % (RMS over two
//! seconds) and by 0.09 to 0.12 % averaged over ten. An Ornstein-Uhlenbeck process with these two numbers stands for it.
//! It is driven by a hash of the frame's number, so that the same song drifts alike every time and in both channels.

/// Standard deviation of the rate, of the rate.
const DEVIATION: f64 = 0.0013;
/// Time after which a deviation is forgotten, in seconds.
const MEMORY_S: f64 = 12.0;

/// Where the wandering stands.
#[derive(Clone, Debug)]
pub struct Drift {
    /// Frames since the start.
    frame: u64,
    /// Deviation in units of [`DEVIATION`].
    place: f64,
}

impl Default for Drift {
    fn default() -> Self {
        Self { frame: 0, place: normal(0) }
    }
}

impl Drift {
    /// Goes on by a frame of so many seconds; the rate's deviation at an amount of 1, of the rate.
    pub fn advance(&mut self, frame_s: f64) -> f64 {
        let keep = (-frame_s / MEMORY_S).exp();
        self.frame += 1;
        self.place = keep * self.place + (1.0 - keep * keep).sqrt() * normal(self.frame);
        DEVIATION * self.place
    }
}

/// A number with mean 0 and deviation 1 for each frame: the sum of the four quarters of a SplitMix64 hash.
pub(super) fn normal(frame: u64) -> f64 {
    let mut x = frame.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 31;
    let sum: u64 = (0..4).map(|k| (x >> (16 * k)) & 0xFFFF).sum();
    // Four uniform numbers have a variance of 4 / 12.
    (sum as f64 / 65_535.0 - 2.0) * 3f64.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_S: f64 = 64.0 / 44_100.0;

    #[test]
    fn the_rate_strays_as_far_and_as_slowly_as_the_pedals() {
        let mut drift = Drift::default();
        // Two hours, so that the figures settle.
        let rate: Vec<f64> = (0..(7200.0 / FRAME_S) as usize).map(|_| drift.advance(FRAME_S)).collect();
        let strays = |span_s: f64| {
            let span = (span_s / FRAME_S) as usize;
            let means = rate.chunks_exact(span).map(|chunk| chunk.iter().sum::<f64>() / span as f64);
            let count = (rate.len() / span) as f64;
            (means.map(|mean| mean * mean).sum::<f64>() / count).sqrt()
        };
        assert!((0.0010..0.0015).contains(&strays(2.0)), "{}", strays(2.0));
        assert!((0.0007..0.0013).contains(&strays(10.0)), "{}", strays(10.0));
        assert!(strays(100.0) < 0.0008, "{}", strays(100.0));
        assert!(rate.iter().all(|r| r.abs() < 6.0 * DEVIATION));
    }

    #[test]
    fn every_start_drifts_alike() {
        let (mut a, mut b) = (Drift::default(), Drift::default());
        assert!((0..1000).all(|_| a.advance(FRAME_S) == b.advance(FRAME_S)));
    }
}
