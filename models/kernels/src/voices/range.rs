//! The pitches that a model was trained on, and what becomes of notes outside of them.

/// What becomes of a note outside the range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outside {
    /// It sounds as it is asked for.
    #[default]
    Allow,
    /// The nearest pitch inside sounds.
    Clamp,
    /// The same note sounds in the nearest octave inside, if there is one; otherwise the nearest pitch.
    Fold,
}

/// A span of pitches in MIDI notes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PitchRange {
    /// Lowest pitch inside.
    pub low_note: f32,
    /// Highest pitch inside.
    pub high_note: f32,
    /// What becomes of others.
    pub outside: Outside,
}

impl Default for PitchRange {
    fn default() -> Self {
        Self { low_note: 0.0, high_note: 127.0, outside: Outside::Allow }
    }
}

impl PitchRange {
    /// The same with ends that are numbers and in order.
    pub(super) fn sane(&self) -> Self {
        if self.low_note <= self.high_note && self.low_note.is_finite() && self.high_note.is_finite() {
            *self
        } else {
            Self { outside: self.outside, ..Self::default() }
        }
    }

    /// Is a note inside?
    pub fn contains(&self, note: f64) -> bool {
        (f64::from(self.low_note)..=f64::from(self.high_note)).contains(&note)
    }

    /// The pitch at which a key sounds.
    pub fn place(&self, key: u8) -> f64 {
        let key = f64::from(key);
        match self.outside {
            Outside::Fold if !self.contains(key) => {
                let (low, high) = (f64::from(self.low_note), f64::from(self.high_note));
                let octaves = if key < low { ((low - key) / 12.0).ceil() } else { -((key - high) / 12.0).ceil() };
                self.limit(key + 12.0 * octaves)
            }
            _ => self.limit(key),
        }
    }

    /// The pitch that a bend may reach.
    pub fn limit(&self, note: f64) -> f64 {
        match self.outside {
            Outside::Allow => note,
            Outside::Clamp | Outside::Fold => note.clamp(self.low_note.into(), self.high_note.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trained(outside: Outside) -> PitchRange {
        PitchRange { low_note: 64.0, high_note: 76.0, outside }
    }

    #[test]
    fn keys_outside_are_left_clamped_or_folded_by_octaves() {
        for (outside, pitches) in [
            (Outside::Allow, [30.0, 63.0, 70.0, 77.0, 100.0]),
            (Outside::Clamp, [64.0, 64.0, 70.0, 76.0, 76.0]),
            (Outside::Fold, [66.0, 75.0, 70.0, 65.0, 76.0]),
        ] {
            assert_eq!([30, 63, 70, 77, 100].map(|key| trained(outside).place(key)), pitches);
        }
    }

    #[test]
    fn folding_into_less_than_an_octave_takes_the_nearest_pitch() {
        let narrow = PitchRange { low_note: 60.0, high_note: 64.0, outside: Outside::Fold };
        assert_eq!([41, 45, 71, 72].map(|key| narrow.place(key)), [64.0, 64.0, 60.0, 60.0]);
    }

    #[test]
    fn a_range_that_is_none_allows_all_keys() {
        for (low_note, high_note) in [(f32::NAN, 70.0), (70.0, 60.0), (60.0, f32::INFINITY)] {
            let range = PitchRange { low_note, high_note, outside: Outside::Clamp }.sane();
            assert_eq!([0, 127].map(|key| range.place(key)), [0.0, 127.0]);
        }
    }
}
