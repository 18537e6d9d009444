//! What the whole instrument costs: `cargo bench -p kernels --bench sound_model_engine`.
//!
//! The paper's network with random weights in 8 bits, held notes, 48 kHz. All rows are measured in turn, round after round, and
//! each shows its best: on a shared machine anything else shows the neighbours.
use kernels::sound_model::config::{Audio, Config};
use kernels::sound_model::engine::{Controls, Engine};
use kernels::sound_model::{SoundModel, example};
use kernels::voices::{Note, NoteEvent, TimedEvent};
use std::sync::Arc;
use std::time::Instant;

const HOST_HZ: f64 = 48_000.0;
/// Measurements of each row; the best one counts.
const ROUNDS: usize = 60;

struct Row {
    voices: usize,
    /// Host samples of a block.
    block: usize,
    /// Semitones above what the model knows; it has no pitch, so it stands at middle C.
    transposed: u8,
    engine: Engine,
    best_us: f64,
}

fn main() {
    let config = Config { audio: Audio::Embedding, ..Config::paper() };
    let bytes = example::file(1, &config).expect("a random file");
    let model = Arc::new(SoundModel::load(&bytes).expect("a random model loads"));
    let controls = Controls::new(model.info());
    let row = |(voices, block, transposed): (usize, usize, u8)| {
        let mut engine = Engine::new(model.clone(), HOST_HZ, 16).expect("a rate that hosts have");
        let on =
            |channel| NoteEvent::On { note: Note { channel, key: 60 + transposed, voice_id: None }, velocity: 1.0 };
        let events: Vec<_> =
            (0..voices).map(|voice| TimedEvent { offset_samples: 0, event: on(voice as u8) }).collect();
        engine.process(&controls, &events, &mut [&mut [0.0; 4800], &mut [0.0; 4800]]);
        Row { voices, block, transposed, engine, best_us: f64::INFINITY }
    };
    let cases = [
        (0, 64, 0),
        (1, 64, 0),
        (2, 64, 0),
        (4, 64, 0),
        (8, 64, 0),
        (16, 64, 0),
        (16, 1, 0),
        (16, 64, 12),
        (4, 64, 12),
    ];
    let mut rows: Vec<_> = cases.into_iter().map(row).collect();
    let (mut left, mut right) = (vec![0.0; 960], vec![0.0; 960]);
    for _ in 0..ROUNDS {
        for row in &mut rows {
            // The first pass brings the weights back into the cache.
            for _ in 0..2 {
                let started = Instant::now();
                for (left, right) in left.chunks_mut(row.block).zip(right.chunks_mut(row.block)) {
                    row.engine.process(&controls, &[], &mut [left, right]);
                }
                row.best_us = row.best_us.min(started.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    println!(
        "{:>6} {:>6} {:>10} {:>13} {:>15} {:>15}",
        "voices", "block", "transposed", "ns/sample", "of a core", "times real time"
    );
    for Row { voices, block, transposed, best_us, .. } in &rows {
        let ns = best_us * 1e3 / left.len() as f64;
        let load = ns * 1e-9 * HOST_HZ;
        println!("{voices:>6} {block:>6} {transposed:>10} {ns:>13.0} {:>14.1}% {:>15.2}", 100.0 * load, 1.0 / load);
    }
}
