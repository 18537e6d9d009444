//! What the player sets for all voices.
use super::channels::MAX_BEND_SEMITONES;
use super::envelope::Adsr;
use super::glide::Portamento;
use super::keys::Priority;
use super::range::PitchRange;

/// How many notes sound, and what becomes of those that overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Each note has a voice.
    #[default]
    Poly,
    /// One voice, which every note begins again.
    Mono,
    /// One voice, which goes on sounding from note to note while keys overlap.
    Legato,
}

/// What the player sets, taken once per call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Controls {
    /// How many notes sound.
    pub mode: Mode,
    /// Which of the held keys sounds where one voice does.
    pub priority: Priority,
    /// Level in time.
    pub envelope: Adsr,
    /// The way from pitch to pitch.
    pub portamento: Portamento,
    /// Farthest bend of a channel in semitones, 0..96.
    pub bend_range_semitones: f32,
    /// Farthest bend of an MPE member channel in semitones, 0..96.
    pub member_bend_range_semitones: f32,
    /// Does each channel but the first carry one note? A controller may say so as well.
    pub mpe: bool,
    /// Added to every pitch, in semitones, -120..120.
    pub tune_semitones: f32,
    /// How much the velocity decides the level, 0..1.
    pub velocity_to_level: f32,
    /// How much the velocity moves the timbre, -1..1.
    pub velocity_to_timbre: f32,
    /// The pitches that the model knows.
    pub range: PitchRange,
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            priority: Priority::default(),
            envelope: Adsr::default(),
            portamento: Portamento::default(),
            bend_range_semitones: 2.0,
            member_bend_range_semitones: 48.0,
            mpe: false,
            tune_semitones: 0.0,
            velocity_to_level: 0.5,
            velocity_to_timbre: 0.0,
            range: PitchRange::default(),
        }
    }
}

impl Controls {
    /// The same with everything finite and in range, so that no automation can harm a voice.
    pub(crate) fn sane(&self) -> Self {
        let or = |x: f32, low: f32, high: f32, other: f32| if x.is_finite() { x.clamp(low, high) } else { other };
        let default = Self::default();
        let range = |x: f32, other: f32| or(x, 0.0, MAX_BEND_SEMITONES, other);
        Self {
            envelope: self.envelope.sane(),
            portamento: self.portamento.sane(),
            bend_range_semitones: range(self.bend_range_semitones, default.bend_range_semitones),
            member_bend_range_semitones: range(self.member_bend_range_semitones, default.member_bend_range_semitones),
            tune_semitones: or(self.tune_semitones, -120.0, 120.0, default.tune_semitones),
            velocity_to_level: or(self.velocity_to_level, 0.0, 1.0, default.velocity_to_level),
            velocity_to_timbre: or(self.velocity_to_timbre, -1.0, 1.0, default.velocity_to_timbre),
            range: self.range.sane(),
            ..*self
        }
    }

    /// Level of a note by its velocity, 0..1: at full amount 40 dB a decade, the curve of General MIDI 2.
    pub fn velocity_gain(&self, velocity: f32) -> f32 {
        1.0 - self.velocity_to_level * (1.0 - velocity * velocity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn velocity_decides_as_much_as_the_player_allows() {
        let amount = |velocity_to_level| Controls { velocity_to_level, ..Default::default() };
        assert_eq!([0.0, 0.5, 1.0].map(|velocity| amount(0.0).velocity_gain(velocity)), [1.0; 3]);
        assert_eq!([0.0, 0.5, 1.0].map(|velocity| amount(1.0).velocity_gain(velocity)), [0.0, 0.25, 1.0]);
        assert_eq!(amount(0.5).velocity_gain(0.0), 0.5);
    }

    #[test]
    fn controls_that_are_no_numbers_become_the_defaults() {
        let bad = f32::NAN;
        let controls = Controls {
            envelope: Adsr { attack_s: bad, decay_s: bad, sustain: bad, release_s: bad },
            portamento: Portamento { seconds: bad, ..Default::default() },
            bend_range_semitones: bad,
            member_bend_range_semitones: bad,
            tune_semitones: bad,
            velocity_to_level: bad,
            velocity_to_timbre: bad,
            range: PitchRange { low_note: bad, high_note: bad, ..Default::default() },
            ..Default::default()
        };
        assert_eq!(controls.sane(), Controls::default());
        let far = Controls { tune_semitones: 1e9, bend_range_semitones: -3.0, ..Default::default() }.sane();
        assert_eq!((far.tune_semitones, far.bend_range_semitones), (120.0, 0.0));
    }
}
