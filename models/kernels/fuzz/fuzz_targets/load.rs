//! Any bytes as a model file: refused, or a model whose engine stays finite.
#![no_main]

use kernels::checkpoint::Checkpoint;
use kernels::phaser::{Controls, Engine, Phaser};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

/// Samples that a loaded model plays.
const SAMPLES: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let parsed = Checkpoint::parse(bytes).is_ok();
    let Ok(model) = Phaser::load(bytes) else { return };
    assert!(parsed);
    let _ = model.self_test(bytes);
    let controls = Controls::new(model.info());
    let Ok(mut engine) = Engine::new(Arc::new(model), 44_100.0, 1) else { return };
    // Full-scale noise of a linear congruential generator (Numerical Recipes' constants).
    let mut seed = 1u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut audio: Vec<f32> = (0..SAMPLES).map(|_| noise()).collect();
    engine.process(&controls, &mut [&mut audio]);
    assert!(audio.iter().all(|y| y.is_finite()));
});
