//! The self-test that a model file carries: a short input and what the trainer's own network made of it.
use super::{Controls, Phaser, PhaserState};
use crate::checkpoint::{Checkpoint, LoadError};
use serde::Deserialize;

/// Metadata key `selftest`.
#[derive(Deserialize)]
struct SelfTest {
    /// Largest difference allowed, of full scale.
    tolerance: f32,
}

/// How a self-test went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SelfTestResult {
    /// Largest difference found, of full scale.
    pub error: f32,
    /// Largest difference allowed.
    pub tolerance: f32,
}

impl SelfTestResult {
    /// Does this build play the model as it was trained?
    pub fn passed(&self) -> bool {
        self.error <= self.tolerance
    }
}

impl Phaser {
    /// Plays `aux.input` from phase 0 at the model's default controls and compares with `aux.output`; none if the file
    /// carries no such pair. Allocates: not for the audio thread.
    pub fn self_test(&self, bytes: &[u8]) -> Result<Option<SelfTestResult>, LoadError> {
        let file = Checkpoint::parse(bytes)?;
        let (Some(mut audio), Some(expected)) = (file.aux("aux.input")?, file.aux("aux.output")?) else {
            return Ok(None);
        };
        let text = self.info.metadata.get("selftest").map_or("{}", String::as_str);
        let tolerance = serde_json::from_str::<SelfTest>(text).map_err(|e| LoadError::Metadata {
            key: "selftest".into(),
            expected: "{\"tolerance\": number}".into(),
            found: e.to_string(),
        })?;
        if audio.len() != expected.len() {
            let (expected, found) = (vec![audio.len()], vec![expected.len()]);
            return Err(LoadError::Shape { name: "aux.output".into(), expected, found });
        }
        PhaserState::new(self).process(self, &Controls::new(&self.info), 0.0, &mut audio);
        let error = audio.iter().zip(&expected).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
        // A NaN would vanish in the maximum.
        let error = if audio.iter().all(|x| x.is_finite()) { error } else { f32::INFINITY };
        Ok(Some(SelfTestResult { error, tolerance: tolerance.tolerance }))
    }
}
