//! The 256 levels that the network speaks in: mu-law with mu = 255, so that quiet samples get finer steps.
//!
//! The coding of the authors' later code (lonce/RNNControl2, 2025), which rounds: unlike their first, which cut off, decoding
//! returns what was encoded to within half a level, and silence has no offset to speak of.

/// Levels of a sample, and outputs of the network.
pub const CLASSES: usize = 256;
/// The level of silence; it decodes to 8.6e-5, -81 dBFS.
pub const SILENCE: u8 = 128;

/// The level nearest to a sample of -1..1.
pub fn encode(x: f32) -> u8 {
    let x = x.clamp(-1.0, 1.0);
    let companded = (1.0 + 255.0 * x.abs()).ln() / 256f32.ln();
    from_companded(companded.copysign(x))
}

/// The sample in the middle of a level.
pub fn decode(class: u8) -> f32 {
    let companded = companded(class);
    ((256f32.powf(companded.abs()) - 1.0) / 255.0).copysign(companded)
}

/// A level as a network with scalar input sees it: evenly from -1 to 1.
pub fn companded(class: u8) -> f32 {
    2.0 * f32::from(class) / 255.0 - 1.0
}

/// The level at a place from -1 to 1, the inverse of [`companded`].
pub fn from_companded(companded: f32) -> u8 {
    // `as` cuts off and turns NaN into level 0.
    ((companded + 1.0) / 2.0 * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_pairs_are_met() {
        assert_eq!([0.0, 1.0, -1.0, 0.5, -0.5].map(encode), [128, 255, 0, 239, 16]);
        assert!((decode(239) - 0.4967).abs() < 5e-5, "{}", decode(239));
        assert!((decode(SILENCE) - 8.6e-5).abs() < 5e-7, "{}", decode(SILENCE));
        assert_eq!((decode(0), decode(255)), (-1.0, 1.0));
    }

    #[test]
    fn every_level_comes_back_and_levels_rise() {
        for class in 0..=255 {
            assert_eq!((encode(decode(class)), from_companded(companded(class))), (class, class));
            assert!(class == 0 || decode(class) > decode(class - 1));
        }
    }

    #[test]
    fn what_is_no_sample_still_has_a_level() {
        assert_eq!([f32::INFINITY, -7.0].map(encode), [255, 0]);
        assert_eq!(encode(f32::NAN), 0);
    }
}
