//! The last line between a network and somebody's ears: nothing non-finite or absurdly loud passes.

/// Loudest sample that enters or leaves a model, linear: +60 dBFS.
pub const LIMIT: f32 = 1e3;
/// Quietest input that is not taken as silence, linear: -400 dBFS. Keeps denormals out of the first layer.
const SILENCE: f32 = 1e-20;
/// Factor a sample with which a caught output dies away.
const FADE: f32 = 0.9;

/// Watches one channel.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// Last sample that passed.
    last: f32,
}

impl Guard {
    /// Forgets; does not allocate.
    pub fn reset(&mut self) {
        self.last = 0.0;
    }

    /// Replaces what no network should see: non-finite samples by silence, others by what is within the limit. Returns
    /// whether anything was not finite.
    pub fn clean_input(input: &mut [f32]) -> bool {
        let mut caught = false;
        for x in input {
            if !x.is_finite() {
                *x = 0.0;
                caught = true;
            } else if x.abs() < SILENCE {
                *x = 0.0;
            } else {
                *x = x.clamp(-LIMIT, LIMIT);
            }
        }
        caught
    }

    /// Passes a model's output, or replaces all of it by a fade from the last good sample. Returns whether it was caught;
    /// the model's state must then be reset.
    pub fn check_output(&mut self, output: &mut [f32]) -> bool {
        // False for NaN as well. The bound leaves a model 60 dB of gain on the loudest input.
        let sound = output.iter().all(|y| y.abs() <= LIMIT * LIMIT);
        if !sound {
            for y in output.iter_mut() {
                self.last *= FADE;
                *y = self.last;
            }
        }
        if let Some(y) = output.last() {
            self.last = *y;
        }
        !sound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::naive::assert_close;

    #[test]
    fn a_broken_output_fades_from_the_last_good_sample() {
        let mut guard = Guard::default();
        assert!(!guard.check_output(&mut [0.1, 0.5]));
        for broken in [f32::NAN, f32::INFINITY, 1e30] {
            let mut guard = guard.clone();
            let mut output = [0.2, broken, 0.1];
            assert!(guard.check_output(&mut output));
            assert_close(&output, &[0.45, 0.405, 0.3645], 1e-6, "fade");
        }
    }

    #[test]
    fn input_is_finite_and_within_the_limit_afterwards() {
        let mut input = [f32::NAN, -f32::INFINITY, 1e30, -2.0, 1e-40];
        assert!(Guard::clean_input(&mut input));
        assert_eq!(input, [0.0, 0.0, LIMIT, -2.0, 0.0]);
        assert!(!Guard::clean_input(&mut input));
    }
}
