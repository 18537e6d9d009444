//! The self-test that a model file carries: a short recording and what the trainer's own network thought of each next sample.
use super::mu_law::{CLASSES, from_companded};
use super::{Controls, Precision, SoundModel, SoundModelState};
use crate::arch::{self, integer};
use crate::checkpoint::{Checkpoint, LoadError, MAX_AUX, SelfTest, SelfTestResult};

/// How a self-test went, in logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tested {
    /// In f32, against the trainer's network.
    pub result: SelfTestResult,
    /// What 8 bits cost: mean Kullback-Leibler divergence of the next sample from f32, in nats.
    pub quantised_divergence: f64,
}

/// Holds the network to the levels `aux.input` [n], from rest, at the default controls with the clock standing at 0, and
/// compares its logits with `aux.output` [256 n]; none if the file carries no such pair. Allocates: not for the audio thread.
pub fn self_test(bytes: &[u8]) -> Result<Option<Tested>, LoadError> {
    let Some(test) = Checkpoint::parse(bytes)?.self_test()? else { return Ok(None) };
    let SelfTest { input, expected, .. } = &test;
    if input.len() > MAX_AUX / CLASSES || input.len() * CLASSES != expected.len() {
        let (expected, found) = (vec![input.len() * CLASSES], vec![expected.len()]);
        return Err(LoadError::Shape { name: "aux.output".into(), expected, found });
    }
    let full = logits(bytes, Precision::Full, input)?;
    let quantised = logits(bytes, Precision::Quantised, input)?;
    let pairs = full.chunks(CLASSES).zip(quantised.chunks(CLASSES));
    let quantised_divergence = pairs.map(|(p, q)| divergence(p, q)).sum::<f64>() / input.len().max(1) as f64;
    Ok(Some(Tested { result: test.judge(&full), quantised_divergence }))
}

/// Logits after each level, `[n][256]`.
fn logits(bytes: &[u8], precision: Precision, input: &[f32]) -> Result<Vec<f32>, LoadError> {
    let mut model = SoundModel::load_on(bytes, precision, arch::best(), integer::best())?;
    model.bank = Default::default();
    let controls = [Controls::new(&model.info)];
    let mut state = SoundModelState::new(&model, 1);
    state.start(&model, 0, &controls[0], 0, 0);
    let mut logits = Vec::with_capacity(input.len() * CLASSES);
    for companded in input {
        state.hear(0, from_companded(*companded));
        state.render(&model, &controls, &mut [0.0]);
        logits.extend(state.logits(0));
    }
    Ok(logits)
}

/// Kullback-Leibler divergence of `softmax(q)` from `softmax(p)`, in nats.
pub fn divergence(p: &[f32], q: &[f32]) -> f64 {
    let log_softmax = |x: &[f32]| -> Vec<f64> {
        let top = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f64 = x.iter().map(|x| f64::from(x - top).exp()).sum();
        x.iter().map(|x| f64::from(x - top) - total.ln()).collect()
    };
    log_softmax(p).into_iter().zip(log_softmax(q)).map(|(p, q)| p.exp() * (p - q)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::write;
    use crate::nn::naive::noise;
    use crate::sound_model::config::{Audio, Config};
    use crate::sound_model::naive::Naive;
    use crate::sound_model::{example, mu_law, weights::Weights};

    /// A file whose self-test the paper's drawing wrote, with one value changed.
    fn file(config: &Config, change: f32) -> Vec<u8> {
        let weights = Weights::random(3, config);
        let bytes = weights.write(config, example::metadata(config)).unwrap();
        let file = Checkpoint::parse(&bytes).unwrap();
        let classes: Vec<u8> = noise(4, 50).into_iter().map(mu_law::encode).collect();
        let mut naive = Naive::new(config, &weights);
        let mut output: Vec<f32> = classes.iter().flat_map(|c| naive.step(*c, &[0.0, 0.0, 0.0, 1.0])).collect();
        output[1000] += change;
        let mut tensors: Vec<_> = file
            .tensors()
            .into_iter()
            .map(|(name, _, shape)| (name.clone(), shape.clone(), file.tensor(&name, &shape).unwrap()))
            .collect();
        tensors.push(("aux.input".into(), vec![50], classes.iter().map(|c| mu_law::companded(*c)).collect()));
        tensors.push(("aux.output".into(), vec![output.len()], output));
        let mut metadata = example::metadata(config);
        metadata.insert("selftest".into(), "{\"tolerance\": 0.0002}".into());
        write(metadata, &tensors).unwrap()
    }

    #[test]
    fn the_drawing_of_the_paper_passes_and_a_changed_number_does_not() {
        let config = Config { audio: Audio::Embedding, clock: true, width: 16, hidden: 24, ..Config::paper() };
        let good = self_test(&file(&config, 0.0)).unwrap().unwrap();
        assert!(good.result.passed() && good.quantised_divergence < 0.02, "{good:?}");
        let bad = self_test(&file(&config, 0.1)).unwrap().unwrap();
        assert!(!bad.result.passed() && (bad.result.error - 0.1).abs() < 1e-3, "{bad:?}");
        assert_eq!(self_test(&example::file(1, &config).unwrap()).unwrap(), None);
    }
}
