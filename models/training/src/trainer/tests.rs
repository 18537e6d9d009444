//! Training in small: a device whose answer is known is learnt in seconds, and a run that was stopped ends like one that was not.
use super::*;
use crate::phaser::train::batch::{Batch, Window};
use crate::phaser::train::supervised::{Loss, Supervised};
use kernels::nn::naive::noise;
use nets::phaser::{Config, EffectConfig, ModulationConfig, Net};
use std::f64::consts::TAU;

/// Samples of a turn of the device's LFO.
const PERIOD_SAMPLES: f64 = 6_000.0;

fn config() -> Config {
    Config {
        frame: 64,
        effect: EffectConfig {
            blocks: 1,
            channels: 4,
            kernel: 3,
            dilations: vec![1, 2],
            bias: false,
            shift: false,
            limit: false,
            follower: None,
        },
        modulation: ModulationConfig::Oscillator { harmonics: 1, hidden: vec![8] },
        wander: false,
    }
}

/// A comb whose delayed part swings: `y[t] = x[t] + g(t) x[t - 2]`, g = 0.6 cos of the LFO's phase.
struct Comb;

impl Source<Batch> for Comb {
    fn batch(&self, step: u64) -> Batch {
        let (field, frame) = (config().effect.receptive_field(), config().frame);
        let shape = Window { receptive_field: field, frame, samples: 8192, count: 4 };
        let mut batch = Batch::default();
        for window in 0..shape.count as u64 {
            let start_turns = (step * shape.count as u64 + window) as f64 * 0.381;
            let turns = |sample: usize| start_turns + sample as f64 / PERIOD_SAMPLES;
            let dry: Vec<f32> = noise(1 + step * shape.count as u64 + window, shape.dry_samples());
            let wet: Vec<f32> =
                (field..dry.len()).map(|t| dry[t] + 0.6 * (TAU * turns(t)).cos() as f32 * dry[t - 2]).collect();
            let phases = (0..shape.frames()).map(|m| turns(m * frame)).collect();
            batch.push(&dry, &wet, phases, vec![0.0]);
        }
        batch
    }
}

fn trainer(steps: u64) -> Trainer<Supervised> {
    let net = Net::new(config(), 1, 3, &Device::Cpu).unwrap();
    let loss = Loss { energy_floor: 1e-6, spectral_share: 0.01 };
    Trainer::new(Supervised::new(net, loss), Budget::Steps(steps), 3)
}

fn weights(trainer: &Trainer<Supervised>) -> Vec<f32> {
    trainer
        .learner
        .net
        .vars
        .values()
        .flat_map(|v| v.as_tensor().flatten_all().unwrap().to_vec1::<f32>().unwrap())
        .collect()
}

#[test]
fn a_moving_comb_is_learnt() {
    let mut trainer = trainer(250);
    let source: Arc<dyn Source<Batch>> = Arc::new(Comb);
    let untrained = trainer.learner.learn(&source.batch(9_999), 0, 0.0).unwrap();
    trainer.run(&source, |_| Ok(true)).unwrap();
    let trained = trainer.learner.learn(&source.batch(9_999), 0, 0.0).unwrap();
    assert!(untrained > 0.1 && trained < 2e-3, "ESR {untrained} before, {trained} after");
}

#[test]
fn a_resumed_run_ends_bit_for_bit_like_an_uninterrupted_one() {
    let source: Arc<dyn Source<Batch>> = Arc::new(Comb);
    let mut whole = trainer(12);
    whole.run(&source, |_| Ok(true)).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.checkpoint");
    let mut first = trainer(12);
    first.run(&source, |trainer| Ok(trainer.progress.step < 5)).unwrap();
    assert_eq!(first.progress.step, 5);
    first.save(&file).unwrap();
    let mut second = trainer(12);
    second.load(&file).unwrap();
    second.run(&source, |_| Ok(true)).unwrap();
    assert_eq!(second.progress.step, 12);
    assert!(weights(&second) == weights(&whole));
    assert_eq!(second.progress.loss, whole.progress.loss);
}

#[test]
fn a_file_that_is_no_checkpoint_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.checkpoint");
    for bytes in [&b""[..], b"no checkpoint", &[255; 64]] {
        std::fs::write(&file, bytes).unwrap();
        let error = format!("{:#}", trainer(1).load(&file).unwrap_err());
        assert!(error.contains("b.checkpoint") && error.contains("--resume"), "{error}");
    }
}
