//! An envelope follower: how loud the input is, as the gains of the audio path are told.
//!
//! ```text
//! E     <- E + (min(x^2, loudest) - E) / samples
//! level  = ln(1 + E / knee)
//! ```
//! A stage that is driven hard turns later: its amplifier has no more current to charge the capacitor with, so the break
//! frequency falls with the level. No sound is taken away, the filter moves; so the level moves the gains, as the LFO does.
//! Near silence it is 0 and the model answers alike at every level; beyond the loudest of its training nothing grows.
use crate::checkpoint::LoadError;
use serde::Deserialize;

/// What the file says of it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub struct Follower {
    /// Time constant in samples.
    pub samples: f32,
    /// Mean square, full scale = 1, below which the level is as good as 0.
    pub knee: f32,
    /// Largest square that is told apart.
    pub loudest: f32,
}

/// What it remembers.
#[derive(Clone, Copy, Debug, Default)]
pub struct FollowerState {
    /// Smoothed square of the input, `E` above.
    energy: f32,
}

impl Follower {
    /// All numbers within what keeps the level finite.
    pub fn check(&self) -> Result<(), LoadError> {
        let [samples, energy] = [(1.0, 65_536.0), (1e-12, 1e12)];
        for (key, value, (low, high)) in
            [("samples", self.samples, samples), ("knee", self.knee, energy), ("loudest", self.loudest, energy)]
        {
            if !(low..=high).contains(&value) {
                return Err(LoadError::Config {
                    key: format!("config.effect.follower.{key}"),
                    expected: format!("{low} to {high}"),
                    found: value.to_string(),
                });
            }
        }
        Ok(())
    }
}

impl FollowerState {
    /// Forgets what was heard.
    pub fn reset(&mut self) {
        self.energy = 0.0;
    }

    /// The level at every sample of the input; any cut into pieces gives the same bits. Real time.
    pub fn hear(&mut self, follower: &Follower, input: &[f32], levels: &mut [f32]) {
        let (share, per_knee) = (follower.samples.recip(), follower.knee.recip());
        for (level, x) in levels.iter_mut().zip(input) {
            // Not a number counts as loudest: what follows stays finite.
            self.energy += ((x * x).min(follower.loudest) - self.energy) * share;
            *level = (1.0 + self.energy * per_knee).ln();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLLOWER: Follower = Follower { samples: 4.0, knee: 0.5, loudest: 8.0 };

    #[test]
    fn the_level_nears_that_of_the_mean_square_and_falls_back() {
        let mut state = FollowerState::default();
        let mut levels = [0.0; 100];
        state.hear(&FOLLOWER, &[-2.0; 100], &mut levels);
        // A quarter of the way to 4 after the first sample.
        assert!((levels[0] - 3f32.ln()).abs() < 1e-6, "{}", levels[0]);
        assert!((levels[99] - 9f32.ln()).abs() < 1e-5, "{}", levels[99]);
        state.hear(&FOLLOWER, &[0.0; 100], &mut levels);
        assert!(levels[99] < 1e-6);
    }

    #[test]
    fn beyond_the_loudest_nothing_grows_and_nothing_breaks() {
        for loud in [3.0, 1e6, f32::MAX, f32::INFINITY, f32::NAN] {
            let (mut state, mut levels) = (FollowerState::default(), [0.0; 200]);
            state.hear(&FOLLOWER, &[loud; 200], &mut levels);
            assert!((levels[199] - 17f32.ln()).abs() < 1e-5, "{loud}: {}", levels[199]);
        }
    }

    #[test]
    fn numbers_that_no_follower_has_are_refused_by_name() {
        let refused = |follower: Follower| follower.check().unwrap_err().to_string();
        assert!(FOLLOWER.check().is_ok());
        assert!(refused(Follower { samples: 0.0, ..FOLLOWER }).contains("follower.samples"));
        assert!(refused(Follower { knee: f32::NAN, ..FOLLOWER }).contains("follower.knee"));
        assert!(refused(Follower { loudest: -1.0, ..FOLLOWER }).contains("follower.loudest"));
    }
}
