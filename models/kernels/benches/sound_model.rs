//! What a voice of the paper's sound model costs on every path of this CPU: `cargo bench -p kernels --bench sound_model`.
//!
//! All rows are measured in turn, round after round, and each shows its best: on a shared machine anything else shows the
//! neighbours. Weights are random: zeros would sit in one page and flatter the memory.
use kernels::arch::integer::{self, Integer};
use kernels::arch::{self, Arch};
use kernels::sound_model::config::{Audio, Config};
use kernels::sound_model::weights::Weights;
use kernels::sound_model::{Controls, Precision, SoundModel, SoundModelState, example};
use std::time::Instant;

/// Voices in lock-step.
const VOICES: [usize; 6] = [1, 2, 4, 8, 12, 16];
/// Voices with which sparse weights are measured.
const SPARSE_VOICES: [usize; 3] = [1, 8, 16];
/// Shares of the GRUs' blocks that are kept.
const DENSITIES: [f64; 3] = [0.5, 0.25, 0.1];
/// Samples of one measurement.
const SAMPLES: usize = 16;
/// Measurements of each row; the best one counts.
const ROUNDS: usize = 500;

/// One row of the table.
struct Row {
    name: String,
    /// Name of the row with all weights, of which this one shows its share.
    of: Option<String>,
    voices: usize,
    /// Place among the models.
    model: usize,
    state: SoundModelState,
    best_us: f64,
}

fn rows(
    models: &mut Vec<SoundModel>,
    bytes: &[u8],
    name: String,
    precision: Precision,
    paths: (&'static Arch, &'static Integer),
    voices: &[usize],
) -> Vec<Row> {
    let model = SoundModel::load_on(bytes, precision, paths.0, paths.1).expect("a random model loads");
    let controls = Controls::new(model.info());
    let row = |voices: &usize| {
        let mut state = SoundModelState::new(&model, *voices);
        (0..*voices).for_each(|voice| state.start(&model, voice, &controls, 1, voice as u64));
        Row { name: name.clone(), of: None, voices: *voices, model: models.len(), state, best_us: f64::INFINITY }
    };
    let rows = voices.iter().map(row).collect();
    models.push(model);
    rows
}

fn main() {
    let config = Config { audio: Audio::Embedding, ..Config::paper() };
    let bytes = example::file(1, &config).expect("a random file");
    let sparse = DENSITIES.map(|density| {
        let weights = Weights::random(1, &config).pruned(&config, density).sparse(&config);
        weights.write(&config, example::metadata(&config)).expect("a random file")
    });
    let small = Config { clock: true, layers: 1, hidden: 128, width: 128, ..config.clone() };
    let small_bytes = example::file(1, &small).expect("a random file");

    let mut models = Vec::new();
    let best = (arch::best(), integer::best());
    let full = format!("3x256 f32 {:?}", best.0);
    let mut table = rows(&mut models, &bytes, full, Precision::Full, best, &VOICES[..1]);
    for integer in integer::available() {
        // The float loops that go with the integer path on a CPU that has no better.
        let float = if integer.name.starts_with("avx512") {
            "avx512"
        } else if integer.name == "portable" {
            "portable"
        } else {
            "avx2"
        };
        let arch = arch::available().find(|arch| arch.name == float).unwrap_or_else(arch::best);
        let voices = if integer.name == "portable" { &VOICES[..1] } else { &VOICES[..] };
        let name = format!("3x256 int8 {integer:?} + {arch:?}");
        table.extend(rows(&mut models, &bytes, name.clone(), Precision::Quantised, (arch, integer), voices));
        let voices = if integer.name == "portable" { &SPARSE_VOICES[..1] } else { &SPARSE_VOICES[..] };
        for (density, bytes) in DENSITIES.iter().zip(&sparse) {
            let sparse = format!("  {density} of its blocks, {integer:?}");
            let rows = rows(&mut models, bytes, sparse, Precision::Quantised, (arch, integer), voices);
            table.extend(rows.into_iter().map(|row| Row { of: Some(name.clone()), ..row }));
        }
    }
    let name = format!("1x128 clock int8 {:?}", best.1);
    table.extend(rows(&mut models, &small_bytes, name, Precision::Quantised, best, &VOICES));

    let _flush = arch::FlushDenormals::new();
    let mut audio = vec![0.0; SAMPLES * 16];
    for _ in 0..ROUNDS {
        for row in &mut table {
            let model = &models[row.model];
            let controls = vec![Controls::new(model.info()); row.voices];
            // The first pass brings the weights back into the cache.
            for _ in 0..2 {
                let started = Instant::now();
                row.state.render(model, &controls, &mut audio[..SAMPLES * row.voices]);
                row.best_us = row.best_us.min(started.elapsed().as_secs_f64() * 1e6 / SAMPLES as f64);
            }
        }
    }
    println!(
        "{:<36} {:>6} {:>9} {:>13} {:>15} {:>12}",
        "network and path", "voices", "us/step", "us/step/voice", "voices in 62.5", "of all blocks"
    );
    for Row { name, of, voices, best_us, .. } in &table {
        let per_voice = best_us / *voices as f64;
        let whole = table.iter().find(|row| Some(&row.name) == of.as_ref() && row.voices == *voices);
        let share = whole.map_or(String::new(), |whole| format!("{:.2}", best_us / whole.best_us));
        println!("{name:<36} {voices:>6} {best_us:>9.2} {per_voice:>13.2} {:>15.1} {share:>12}", 62.5 / per_voice);
    }
}
