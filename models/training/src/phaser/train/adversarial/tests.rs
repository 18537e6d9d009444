//! The three phases in small: each teaches what it should and nothing else, and a run can be stopped and resumed.
use super::super::batch::{Batch, Window};
use super::*;
use crate::trainer::Source;
use crate::trainer::{Budget, Trainer};
use kernels::nn::naive::noise;
use nets::phaser::{Config, EffectConfig};
use std::sync::Arc;

fn config(modulation: ModulationConfig) -> Config {
    let effect = EffectConfig {
        blocks: 1,
        channels: 4,
        kernel: 3,
        dilations: vec![1, 2],
        bias: true,
        shift: true,
        limit: false,
        follower: None,
    };
    Config { frame: 64, effect, modulation, wander: false }
}

fn lstm() -> ModulationConfig {
    ModulationConfig::Lstm { channels: 3, kernel: 3, dilation: 1, hidden: 4, control_hidden: vec![] }
}

fn oscillator() -> ModulationConfig {
    ModulationConfig::Oscillator { harmonics: 1, hidden: vec![8] }
}

/// Noise through a comb whose delayed part swings 4 times a second.
struct Comb;

impl Source<Batch> for Comb {
    fn batch(&self, step: u64) -> Batch {
        let receptive_field = config(lstm()).effect.receptive_field();
        let window = Window { receptive_field, frame: 64, samples: WINDOW_SAMPLES, count: 1 };
        let dry: Vec<f32> = noise(1 + step, window.dry_samples());
        let start = step as f64 * 0.381;
        let swing = |t: usize| (0.6 * (TAU * (start + 4.0 * t as f64 / 44_100.0)).cos()) as f32;
        let wet: Vec<f32> = (receptive_field..dry.len()).map(|t| dry[t] + swing(t) * dry[t - 2]).collect();
        let mut batch = Batch::default();
        batch.push(&dry, &wet, vec![0.0; window.frames()], vec![]);
        batch
    }
}

fn learner(modulation: ModulationConfig, shares: [f64; 3], mode_seeking: f64, start: Start) -> Adversarial {
    let turns = matches!(modulation, ModulationConfig::Oscillator { .. }).then_some(4.0 * 64.0 / 44_100.0);
    let net = Net::new(config(modulation), 0, 3, &Device::Cpu).unwrap();
    let options = Options { start, shares, mode_seeking, esr_share: 1.0 };
    Adversarial::new(net, options, turns, Loss { energy_floor: 1e-6, spectral_share: 0.0 }, 3).unwrap()
}

fn values(vars: &BTreeMap<String, Var>) -> Vec<f32> {
    vars.values().flat_map(|v| v.as_tensor().flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect()
}

#[test]
fn the_adversarial_phase_moves_both_players_and_leaves_the_predictor_alone() {
    for (modulation, start, mode_seeking) in [
        (lstm(), Start::Angle, 0.0),
        (lstm(), Start::Noise, 0.1),
        (lstm(), Start::Zero, 0.0),
        (oscillator(), Start::Angle, 0.1),
    ] {
        let mut learner = learner(modulation, [1.0, 0.0, 0.0], mode_seeking, start);
        let before = [&learner.net.vars, &learner.critic.vars, &learner.predictor.vars].map(values);
        let loss = learner.learn(&Comb.batch(0), 0, 0.0).unwrap();
        assert!(loss.is_finite() && loss > 0.0);
        let after = [&learner.net.vars, &learner.critic.vars, &learner.predictor.vars].map(values);
        assert!(before[0] != after[0] && before[1] != after[1] && before[2] == after[2]);
    }
}

#[test]
fn the_discriminator_learns_to_tell_the_device_from_the_net() {
    let mut learner = learner(oscillator(), [1.0, 0.0, 0.0], 0.0, Start::Angle);
    let batch = Comb.batch(7);
    let (x, wet) = batch.sounds().unwrap();
    let dry = x.narrow(1, x.dim(1).unwrap() - WINDOW_SAMPLES, WINDOW_SAMPLES).unwrap().contiguous().unwrap();
    // A net that stands still: what it makes does not change while the discriminator learns.
    let fake = (&dry * 0.3).unwrap();
    let apart = |learner: &Adversarial| {
        let judge = |sound: &Tensor| learner.critic.judge(&dry, sound).unwrap().to_vec1::<f32>().unwrap()[0];
        judge(&wet) - judge(&fake)
    };
    let before = apart(&learner);
    for _ in 0..40 {
        let (real, made) = (learner.critic.judge(&dry, &wet).unwrap(), learner.critic.judge(&dry, &fake).unwrap());
        let hinge = losses::critic_hinge(&real, &made).unwrap();
        learner.adam_critic.step(&learner.critic.vars, &hinge.backward().unwrap(), 2e-3).unwrap();
    }
    let after = apart(&learner);
    assert!(after > before + 0.3, "{before} before, {after} after");
}

#[test]
fn the_predictor_learns_alone_and_then_with_the_net_on_frozen_features() {
    for modulation in [lstm(), oscillator()] {
        let mut learner = learner(modulation, [0.0, 0.5, 0.5], 0.0, Start::Angle);
        let all = |l: &Adversarial| [&l.net.vars, &l.critic.vars, &l.predictor.vars].map(values);
        let untrained = all(&learner);
        learner.learn(&Comb.batch(0), 0, 0.1).unwrap();
        let alone = all(&learner);
        assert!(alone[0] == untrained[0] && alone[1] == untrained[1] && alone[2] != untrained[2]);
        learner.learn(&Comb.batch(1), 1, 0.9).unwrap();
        let together = all(&learner);
        assert!(together[0] != alone[0] && together[1] == alone[1] && together[2] != alone[2]);
    }
}

#[test]
fn fine_tuning_brings_the_net_nearer_to_the_device() {
    let mut learner = learner(oscillator(), [0.0, 0.0, 1.0], 0.0, Start::Angle);
    let source: Arc<dyn Source<Batch>> = Arc::new(Comb);
    let first: f64 = (0..3).map(|n| learner.learn(&source.batch(n), n, 0.5).unwrap()).sum();
    for n in 3..60 {
        learner.learn(&source.batch(n), n, 0.5).unwrap();
    }
    let last: f64 = (60..63).map(|n| learner.learn(&source.batch(n), n, 0.5).unwrap()).sum();
    assert!(last < 0.9 * first, "MR-STFT {first} before, {last} after");
}

#[test]
fn a_resumed_run_ends_like_an_uninterrupted_one() {
    let source: Arc<dyn Source<Batch>> = Arc::new(Comb);
    let run = |steps: u64| Trainer::new(learner(lstm(), [0.5, 0.0, 0.5], 0.0, Start::Noise), Budget::Steps(steps), 3);
    let mut whole = run(4);
    whole.run(&source, |_| Ok(true)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.checkpoint");
    let mut first = run(4);
    first.run(&source, |trainer| Ok(trainer.progress.step < 3)).unwrap();
    first.save(&file).unwrap();
    let mut second = run(4);
    second.load(&file).unwrap();
    second.run(&source, |_| Ok(true)).unwrap();
    assert!(values(&second.learner.net.vars) == values(&whole.learner.net.vars));
    assert!(values(&second.learner.critic.vars) == values(&whole.learner.critic.vars));
}
