//! How many voices a machine can play: a cap that follows the measured load.
//!
//! The kernels know no clock; whoever calls them measures. Only for playing live: a bounce has all the time it needs and must
//! sound the same everywhere.

/// Load above which voices are taken away; what is left is for the host and the other plug-ins.
const HIGH: f64 = 0.8;
/// Load that one voice more may lead to: far enough below [`HIGH`] that it is not taken away again at once.
const LOW: f64 = 0.65;
/// Time constant of the measurement in seconds: a single late block is not the instrument's load.
const MEASURE_S: f64 = 0.1;
/// Time in which the measurement forgets the voices that were taken away, in seconds.
const SETTLE_S: f64 = 0.3;
/// Time that the load stays low before a voice is given back, in seconds.
const CALM_S: f64 = 2.0;

/// The cap and what it is derived from.
#[derive(Clone, Debug)]
pub struct LoadCap {
    /// Voices that may sound now.
    cap: usize,
    /// Most that the player allows.
    most: usize,
    /// Smoothed load; 1 is all the time there is.
    load: f64,
    /// Seconds since voices were taken away.
    settled_s: f64,
    /// Seconds for which there was time for one voice more.
    calm_s: f64,
}

impl LoadCap {
    /// No load yet.
    pub fn new(most: usize) -> Self {
        Self { cap: most.max(1), most: most.max(1), load: 0.0, settled_s: SETTLE_S, calm_s: 0.0 }
    }

    /// Takes the time that a block took, the time it plays, and the voices that sounded; returns the voices that may sound.
    pub fn measure(&mut self, taken_s: f64, block_s: f64, sounding: usize) -> usize {
        if !(taken_s.is_finite() && taken_s >= 0.0 && block_s.is_finite() && block_s > 0.0) {
            return self.cap;
        }
        self.load += (taken_s / block_s - self.load) * (1.0 - (-block_s / MEASURE_S).exp());
        self.settled_s += block_s;
        let one_more = self.load * (sounding + 1) as f64 / sounding.max(1) as f64;
        self.calm_s = if one_more < LOW { self.calm_s + block_s } else { 0.0 };
        if self.load > HIGH && self.settled_s >= SETTLE_S {
            // As many as fit, if all cost the same; at least one less than there are.
            let fit = (sounding as f64 * HIGH / self.load) as usize;
            self.cap = fit.min(sounding.saturating_sub(1)).clamp(1, self.cap);
            self.settled_s = 0.0;
        } else if self.cap < self.most && self.calm_s >= CALM_S {
            self.cap += 1;
            self.calm_s = 0.0;
        }
        self.cap
    }

    /// Smoothed load; 1 is all the time there is.
    pub fn load(&self) -> f64 {
        self.load
    }

    /// Are there fewer voices than the player allows? The panel says so.
    pub fn is_capped(&self) -> bool {
        self.cap < self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which every voice takes 9 % of the time.
    fn play(cap: &mut LoadCap, wanted: usize, seconds: f64) -> usize {
        let mut sounding = wanted;
        for _ in 0..(seconds / 0.01) as usize {
            sounding = wanted.min(cap.measure(0.0009 * sounding as f64, 0.01, sounding));
        }
        sounding
    }

    #[test]
    fn too_many_voices_become_as_many_as_fit() {
        let mut cap = LoadCap::new(16);
        assert_eq!(play(&mut cap, 7, 5.0), 7);
        assert!(!cap.is_capped());
        assert_eq!(play(&mut cap, 14, 5.0), 8);
        assert!(cap.is_capped());
        assert!(cap.load() < HIGH);
    }

    #[test]
    fn voices_come_back_when_there_is_time_again() {
        let mut cap = LoadCap::new(16);
        play(&mut cap, 16, 5.0);
        play(&mut cap, 1, 60.0);
        assert!(!cap.is_capped());
    }

    #[test]
    fn a_single_late_block_costs_no_voice() {
        let mut cap = LoadCap::new(8);
        play(&mut cap, 2, 1.0);
        assert_eq!(cap.measure(0.02, 0.005, 2), 8);
    }

    #[test]
    fn one_voice_always_sounds_and_clocks_that_lie_change_nothing() {
        let mut cap = LoadCap::new(4);
        for _ in 0..10_000 {
            cap.measure(1.0, 0.01, 1);
        }
        assert_eq!(cap.measure(1.0, 0.01, 1), 1);
        let mut cap = LoadCap::new(4);
        for (taken_s, block_s) in [(f64::NAN, 0.01), (1.0, 0.0), (-1.0, 0.01), (1.0, f64::NAN)] {
            assert_eq!(cap.measure(taken_s, block_s, 4), 4);
        }
        assert_eq!(cap.load(), 0.0);
    }
}
