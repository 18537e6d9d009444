//! Training in small: a known answer is learnt in seconds, resumed runs end alike, and the file plays what the net would.
use super::bank::Bank;
use super::export;
use super::learner::Learning;
use super::pruning::Pruning;
use super::windows::tests::{LOW, squares};
use super::windows::{Batch, Windows};
use crate::card::Card;
use crate::trainer::{Budget, Source, Trainer};
use kernels::sound_model::{SoundModel, SoundModelState};
use nets::sound_model::{Audio, CLASSES, Config, Net};
use std::sync::Arc;

fn trainer(steps: u64) -> Trainer<Learning> {
    pruned_trainer(steps, None)
}

fn pruned_trainer(steps: u64, pruning: Option<Pruning>) -> Trainer<Learning> {
    let (audio, conditions, clock, width, relu, layers, hidden) = (Audio::Embedding, 1, true, 16, false, 1, 24);
    let config = Config { audio, conditions, clock, width, relu, layers, hidden, classes: CLASSES };
    Trainer::new(Learning::new(Net::new(config, 3).unwrap(), pruning).unwrap(), Budget::Steps(steps), 3)
}

fn source() -> Arc<dyn Source<Batch>> {
    Arc::new(Windows::new(Arc::new(squares()), true, false, 3))
}

fn card() -> Card {
    Card {
        name: "Squares".into(),
        author: "Doppel".into(),
        license: "CC0-1.0".into(),
        description: String::new(),
        redistribute: true,
        sample_rate_hz: 16_000.0,
        controls: squares().controls,
        training: serde_json::json!({}),
    }
}

#[test]
fn two_square_waves_are_learnt_and_the_file_plays_them() {
    let mut trainer = trainer(320);
    trainer.run(&source(), |_| Ok(true)).unwrap();
    let net = &trainer.learner.net;
    let bank = Bank::prime(net, &squares(), false).unwrap();
    let model = SoundModel::load(&export::bytes(net, &bank, &card(), &[]).unwrap()).unwrap();
    for (value, half) in [(LOW, 4), (LOW + 12.0, 2)] {
        let controls = [export::controls(&model, &[value], 0.5)];
        let mut state = SoundModelState::new(&model, 1);
        state.start(&model, 0, &controls[0], 1, 1);
        let mut sound = vec![0.0; 800];
        state.render(&model, &controls, &mut sound);
        let turns = sound.windows(2).filter(|pair| pair[0] * pair[1] < 0.0).count();
        let expected = 800 / half;
        assert!(turns.abs_diff(expected) <= 4, "{value}: {turns} changes of sign, expected {expected}");
    }
}

#[test]
fn a_resumed_run_ends_bit_for_bit_like_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.checkpoint");
    for pruning in [None, Some(Pruning { density: 0.5 })] {
        let trainer = || pruned_trainer(6, pruning);
        let mut whole = trainer();
        whole.run(&source(), |_| Ok(true)).unwrap();
        let mut first = trainer();
        first.run(&source(), |trainer| Ok(trainer.progress.step < 3)).unwrap();
        first.save(&file).unwrap();
        let mut second = trainer();
        second.load(&file).unwrap();
        second.run(&source(), |_| Ok(true)).unwrap();
        let weights = |trainer: &Trainer<Learning>| -> Vec<Vec<f32>> {
            let vars = trainer.learner.net.vars.values();
            vars.map(|var| var.as_tensor().flatten_all().unwrap().to_vec1().unwrap()).collect()
        };
        assert!(weights(&second) == weights(&whole), "{pruning:?}");
        assert_eq!(second.progress.loss, whole.progress.loss);
    }
}

#[test]
fn a_pruned_net_learns_and_its_file_holds_the_blocks_that_remain() {
    let mut loss = [0.0; 2];
    for (n, pruning) in [None, Some(Pruning { density: 0.25 })].into_iter().enumerate() {
        let mut trainer = pruned_trainer(100, pruning);
        trainer.run(&source(), |_| Ok(true)).unwrap();
        loss[n] = trainer.progress.loss;
        let net = &trainer.learner.net;
        let bytes = export::bytes(net, &Bank::default(), &card(), &[]).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        match pruning {
            None => assert_eq!(file.tensor("gru.weight_hh_l0").unwrap().shape(), [72, 24]),
            // Of 3 by 6 blocks each gate keeps 5, a quarter rounded.
            Some(_) => assert_eq!(file.tensor("gru.weight_hh_l0_blocks").unwrap().shape(), [15, 8, 4]),
        }
        SoundModel::load(&bytes).unwrap();
    }
    // Guessing costs 5.5 nats.
    assert!(loss[1] < 4.5 && loss[0] < 4.5, "{loss:?}");
}

#[test]
fn a_file_that_does_not_compute_what_the_net_does_is_not_written() {
    let net = Net::new(trainer(1).learner.net.config.clone(), 5).unwrap();
    assert!(export::bytes(&net, &Bank::default(), &card(), &[]).is_ok());
    // A card of other controls than the net has.
    let mut wrong = card();
    wrong.controls.clear();
    assert!(export::bytes(&net, &Bank::default(), &wrong, &[]).is_err());
}
