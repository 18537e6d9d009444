//! The self-test that a model file carries: an input, what the trainer's own network made of it, and how near a player must come.
use super::{Checkpoint, LoadError};
use serde::Deserialize;

/// A file's self-test; what the numbers mean is the instrument's to say.
pub struct SelfTest {
    /// `aux.input`.
    pub input: Vec<f32>,
    /// `aux.output`.
    pub expected: Vec<f32>,
    /// Largest difference allowed.
    tolerance: f32,
}

/// How a self-test went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SelfTestResult {
    /// Largest difference found; infinite if something found is not finite.
    pub error: f32,
    /// Largest difference allowed.
    pub tolerance: f32,
}

/// Metadata key `selftest`.
#[derive(Deserialize)]
struct Entry {
    tolerance: f32,
}

impl Checkpoint<'_> {
    /// The file's self-test; none if it carries no pair of `aux.input` and `aux.output`.
    pub fn self_test(&self) -> Result<Option<SelfTest>, LoadError> {
        let (Some(input), Some(expected)) = (self.aux("aux.input")?, self.aux("aux.output")?) else {
            return Ok(None);
        };
        let text = self.info().metadata.get("selftest").map_or("{}", String::as_str);
        let Entry { tolerance } = serde_json::from_str(text).map_err(|e| LoadError::Metadata {
            key: "selftest".into(),
            expected: "{\"tolerance\": number}".into(),
            found: e.to_string(),
        })?;
        Ok(Some(SelfTest { input, expected, tolerance }))
    }
}

impl SelfTest {
    /// Compares what a player found with what was expected, number by number.
    pub fn judge(&self, found: &[f32]) -> SelfTestResult {
        // A NaN would vanish in the maximum.
        let difference = |(found, expected): (&f32, &f32)| {
            let difference = (found - expected).abs();
            if difference.is_finite() { difference } else { f32::INFINITY }
        };
        let error = found.iter().zip(&self.expected).map(difference).fold(0.0, f32::max);
        SelfTestResult { error, tolerance: self.tolerance }
    }
}

impl SelfTestResult {
    /// Does this build play the model as it was trained?
    pub fn passed(&self) -> bool {
        self.error <= self.tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_never_passes() {
        let test = SelfTest { input: vec![], expected: vec![1.0, 2.0], tolerance: 0.5 };
        assert_eq!(test.judge(&[1.25, 2.0]), SelfTestResult { error: 0.25, tolerance: 0.5 });
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!test.judge(&[1.0, bad]).passed() && !test.judge(&[bad, 2.0]).passed());
        }
    }
}
