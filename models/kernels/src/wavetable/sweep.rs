//! Periods along one control: what an export as a table holds.
use super::{MAX_CONTROLS, Wavetable};

/// Loudest sample of a sweep, of full scale.
const PEAK: f32 = 0.99;

impl Wavetable {
    /// So many periods of so many samples along the control at a place, from its lowest trained value to its highest; the others
    /// stand at `seen`, -1..1. One gain for all of them, so that their levels stay in proportion. None if there is no such
    /// control. Allocates: not for the audio thread.
    pub fn sweep(
        &self,
        seen: &[f32; MAX_CONTROLS],
        along: usize,
        count: usize,
        samples: usize,
    ) -> Option<Vec<Vec<f32>>> {
        self.info.controls.get(along)?;
        let mut frames: Vec<_> = (0..count)
            .map(|n| {
                let mut seen = *seen;
                seen[along] = 2.0 * n as f32 / (count - 1).max(1) as f32 - 1.0;
                self.period(&seen, samples)
            })
            .collect();
        let peak = frames.iter().flatten().fold(0.0f32, |m, x| m.max(x.abs()));
        let gain = if peak > 0.0 { PEAK / peak } else { 1.0 };
        frames.iter_mut().flatten().for_each(|x| *x *= gain);
        Some(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wavetable::example;

    #[test]
    fn a_sweeps_frames_are_the_models_periods_at_full_scale() {
        let model = Wavetable::load(&example::file().unwrap()).unwrap();
        let frames = model.sweep(&[0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0, 3, 2048).unwrap();
        let peak = frames.iter().flatten().fold(0.0f32, |m, x| m.max(x.abs()));
        assert!(frames.len() == 3 && (peak - PEAK).abs() < 1e-6);
        // At 1 there are no even harmonics: the second half is the first upside down. At -1 there are.
        let half = |frame: &[f32]| (0..1024).fold(0.0f32, |m, n| m.max((frame[n] + frame[n + 1024]).abs()));
        assert!(half(&frames[2]) < 1e-5 && half(&frames[0]) > 0.5);
        assert!(model.sweep(&[0.0; MAX_CONTROLS], 3, 9, 2048).is_none());
    }
}
