//! The phaser's self-test: a short sound and what the trainer's own network made of it.
use super::{Controls, Phaser, PhaserState};
use crate::checkpoint::{Checkpoint, LoadError, SelfTestResult};

impl Phaser {
    /// Plays `aux.input` from phase 0 at the model's default controls, a wandering sweep as by an LFO, and compares with `aux.output`; none if the file
    /// carries no such pair. Allocates: not for the audio thread.
    pub fn self_test(&self, bytes: &[u8]) -> Result<Option<SelfTestResult>, LoadError> {
        let Some(test) = Checkpoint::parse(bytes)?.self_test()? else { return Ok(None) };
        let mut audio = test.input.clone();
        if audio.len() != test.expected.len() {
            let (expected, found) = (vec![audio.len()], vec![test.expected.len()]);
            return Err(LoadError::Shape { name: "aux.output".into(), expected, found });
        }
        let controls = Controls { phase_turns: Some(0.0), ..Controls::new(&self.info) };
        PhaserState::new(self).process(self, &controls, 0.0, &mut audio);
        Ok(Some(test.judge(&audio)))
    }
}
