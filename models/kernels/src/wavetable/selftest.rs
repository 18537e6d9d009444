//! The self-test that a model file carries: some controls, a phase for each, and where the trainer's own network puts the period.
use super::{MAX_CONTROLS, Wavetable};
use crate::checkpoint::{Checkpoint, LoadError, SelfTest, SelfTestResult};
use crate::dsp::period_table::{PeriodTable, TableMaker};
use realfft::num_complex::Complex32;

/// Most rows of a self-test.
const MAX_ROWS: usize = 4096;
/// A turn of the phase is 2^64.
const TURN: f64 = 18_446_744_073_709_551_616.0;

impl Wavetable {
    /// Draws a period for each row of `aux.input`, [n (controls + 1)], that is the controls as the network sees them and then
    /// a phase in turns, and compares what a note reads there with `aux.output`, [n]; none if the file carries no such pair.
    /// Allocates: not for the audio thread.
    pub fn self_test(&self, bytes: &[u8]) -> Result<Option<SelfTestResult>, LoadError> {
        let Some(test) = Checkpoint::parse(bytes)?.self_test()? else { return Ok(None) };
        let SelfTest { input, expected, .. } = &test;
        let controls = self.info.controls.len();
        if expected.len() > MAX_ROWS || input.len() != expected.len() * (controls + 1) {
            let rows = expected.len().min(MAX_ROWS);
            let (expected, found) = (vec![rows * (controls + 1)], vec![input.len()]);
            return Err(LoadError::Shape { name: "aux.input".into(), expected, found });
        }
        let (mut state, mut maker, mut table) = (self.decoder.state(), TableMaker::default(), PeriodTable::default());
        let mut harmonics = vec![Complex32::ZERO; self.decoder.harmonics()];
        let mut found = Vec::with_capacity(expected.len());
        for row in input.chunks_exact(controls + 1) {
            let mut seen = [0.0; MAX_CONTROLS];
            for (seen, value) in seen.iter_mut().zip(&row[..controls]) {
                *seen = value.clamp(-1.0, 1.0);
            }
            self.decoder.decode(self.arch, &mut state, &seen, &mut harmonics);
            maker.fill(&harmonics, &mut table);
            let phase = (f64::from(row[controls]).rem_euclid(1.0) * TURN) as u64;
            found.push(table.read(phase));
        }
        Ok(Some(test.judge(&found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::write;
    use crate::nn::naive::noise;
    use crate::wavetable::example::{self, HARMONICS};
    use std::f64::consts::TAU;

    /// A file with the example's period written down by its definition, one number of it changed.
    fn file(rows: usize, change: f32) -> Vec<u8> {
        let mut input = noise(1, 4 * rows);
        input.iter_mut().skip(3).step_by(4).for_each(|phase| *phase = 0.5 + 0.5 * *phase);
        let sample = |row: &[f32]| {
            let harmonic = |k: usize| {
                let even = if k.is_multiple_of(2) { 1.0 - f64::from(row[0]) } else { 1.0 };
                even * (TAU * k as f64 * f64::from(row[3])).sin() / k as f64
            };
            (f64::from(row[1] - 1.0).exp() * (1..=HARMONICS).map(harmonic).sum::<f64>()) as f32
        };
        let mut output: Vec<f32> = input.chunks_exact(4).map(sample).collect();
        output[rows / 2] += change;
        let mut tensors = example::tensors();
        tensors.push(("aux.input".into(), vec![input.len()], input));
        tensors.push(("aux.output".into(), vec![output.len()], output));
        let mut metadata = example::metadata();
        metadata.insert("selftest".into(), r#"{"tolerance": 0.0001}"#.into());
        write(metadata, &tensors).unwrap()
    }

    fn tested(bytes: &[u8]) -> Result<Option<SelfTestResult>, LoadError> {
        Wavetable::load(bytes).unwrap().self_test(bytes)
    }

    #[test]
    fn the_definition_passes_and_a_changed_number_does_not() {
        let good = tested(&file(100, 0.0)).unwrap().unwrap();
        assert!(good.passed(), "{good:?}");
        let bad = tested(&file(100, 0.01)).unwrap().unwrap();
        assert!(!bad.passed() && (bad.error - 0.01).abs() < 1e-3, "{bad:?}");
        assert_eq!(tested(&example::file().unwrap()).unwrap(), None);
    }

    #[test]
    fn rows_that_do_not_fit_the_controls_are_refused() {
        let mut tensors = example::tensors();
        tensors.push(("aux.input".into(), vec![9], vec![0.0; 9]));
        tensors.push(("aux.output".into(), vec![3], vec![0.0; 3]));
        let mut metadata = example::metadata();
        metadata.insert("selftest".into(), r#"{"tolerance": 0.0001}"#.into());
        let text = tested(&write(metadata, &tensors).unwrap()).unwrap_err().to_string();
        assert!(text.starts_with("tensor `aux.input`: expected shape [12], found [9]"), "{text}");
    }
}
