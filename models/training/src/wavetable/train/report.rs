//! `doppel train wavetable --report`: the paper's experiments repeated, and ours beside them, as tables.
//!
//! Parameters are estimated on the trajectory of the author's program `sweepPressureAndPosition` (714 records, three seconds, position
//! 16 to 48), aligned as the training set was, without the author's oracle. The published numbers were measured on a later,
//! longer trajectory that is not public.
use super::autoencoder::Method;
use super::data::{Columns, Data};
use super::evaluate::{Report, Target, codes, evaluate, rms};
use super::plan::{self, HARMONICS, Plan, Published, our_net, published_net};
use crate::trainer::{Budget, Trainer};
use crate::wavetable::dataset::alignment::align;
use crate::wavetable::dataset::capture::{self, RATE_HZ, Record};
use crate::wavetable::dataset::published::{Alignment, FRAME, prepare, prepare_like};
use crate::wavetable::dataset::{About, Condition, Dataset};
use anyhow::Result;
use kernels::wavetable::period::{Period, Synthesis};
use nets::wavetable::{Config, Net, Start};
use std::sync::Arc;

/// Captures of the random walk. The author made a million and trained on 100,000.
const CAPTURES: usize = 40_000;
/// Steps of the published training.
const PUBLISHED_STEPS: u64 = 4000;
/// Steps of ours.
const STEPS: u64 = 6000;
/// Samples of an exact period: 63 harmonics, of which the string has 50.
const PERIOD: usize = 128;
/// True period of the tuned string in samples: the median over all cells of the grid.
const TUNED_SAMPLES: f64 = 100.4;

/// Prints all tables; takes about a quarter of an hour.
pub fn run(seed: u64) -> Result<()> {
    let (grid, known) = (capture::grid(), capture::trajectory());
    let walk = capture::walk(CAPTURES, seed);
    println!(
        "bowed1: {} records; bowed2: {} of {CAPTURES} captures; trajectory: {}",
        grid.len(),
        walk.len(),
        known.len()
    );
    let below = |records: &[Record]| records.iter().filter(|r| r.position < 64.0).cloned().collect::<Vec<_>>();
    let cases = [(grid.clone(), 128.0), (below(&grid), 64.0), (walk.clone(), 128.0), (below(&walk), 64.0)];

    println!("\nRMS error of pressure and position on the trajectory, in STK's units");
    println!("| | bowed1 full | bowed1 half | bowed2 full | bowed2 half |\n|---|---|---|---|---|");
    println!("| paper | 23.23 | 33.45 | 19.54 | 8.61 |");
    println!("| always (64, 64) | {0:.2} | {0:.2} | {0:.2} | {0:.2} |", constant_guess(&known, [64.0, 64.0]));
    println!("| always (64, 32) | {0:.2} | {0:.2} | {0:.2} | {0:.2} |", constant_guess(&known, [64.0, 32.0]));
    for (name, alignment) in [("as published", Alignment::Correlation), ("extreme first", Alignment::Extreme)] {
        let errors = cases.iter().map(|(records, top)| published_error(records, *top, &known, alignment, seed));
        row(name, &errors.collect::<Result<Vec<_>>>()?);
    }
    let errors = cases.iter().map(|(records, top)| our_error(records, *top, &known, seed));
    row("ours", &errors.collect::<Result<Vec<_>>>()?);

    println!("\nbowed1 full: variance explained, latents");
    println!(
        "| | by codes | by knobs | latent mean, deviation | KS | tells of conditions |\n|---|---|---|---|---|---|"
    );
    let set = prepare("bowed1", &grid, grid.len(), Alignment::Correlation, seed);
    for Published { name, has_discriminator, latents, conditions } in plan::SIX {
        let data = Data::published(&set, conditions);
        let net = fit(
            published_net(FRAME, latents, conditions),
            Method::published(has_discriminator),
            &data,
            PUBLISHED_STEPS,
            Start::Uniform(0.1),
            seed,
        )?;
        show(name, &evaluate(&net, &data, &data.held_out, false, Target::Normal, &[])?);
    }
    let set = exact(&grid, 128.0, true);
    for (name, latents) in [("ours, a tenth held out", 1), ("ours without latent", 0)] {
        let data = Data::ours(&set, HARMONICS);
        let net = fit(our_net(&data, latents, 2), Method::ours(), &data, 2 * STEPS, Start::He, seed)?;
        show(name, &evaluate(&net, &data, &data.held_out, true, Target::Uniform, &[])?);
    }
    Ok(())
}

fn row(name: &str, errors: &[f64]) {
    println!("| {name} | {} |", errors.iter().map(|e| format!("{e:.2}")).collect::<Vec<_>>().join(" | "));
}

fn show(name: &str, report: &Report) {
    let Report { explained, explained_by_knobs, latent: [mean, deviation], ks, told, .. } = report;
    println!("| {name} | {explained:.3} | {explained_by_knobs:.3} | {mean:.2}, {deviation:.2} | {ks:.3} | {told:.3} |");
}

/// A net trained without a file.
fn fit(config: Config, method: Method, data: &Data, steps: u64, start: Start, seed: u64) -> Result<Net> {
    let plan = Plan { data: Arc::new(data.clone()), config, method, start };
    let mut trainer = Trainer::new(plan.learner(seed)?, Budget::Steps(steps), seed);
    trainer.run(&plan.source(seed), |_| Ok(true))?;
    Ok(trainer.learner.net)
}

/// RMS of the errors of a guess that never changes.
fn constant_guess(known: &[Record], [pressure, position]: [f64; 2]) -> f64 {
    let errors: Vec<f64> = known.iter().flat_map(|r| [r.pressure - pressure, r.position - position]).collect();
    rms(&errors)
}

/// RMS of the errors of codes that stand for pressure and position up to `top`, behind the latents.
fn error(codes: &[Vec<f32>], latents: usize, known: &[Record], top: f64) -> f64 {
    let value = |code: f32, top: f64| 0.5 * top * (f64::from(code) + 1.0);
    let errors = codes
        .iter()
        .zip(known)
        .flat_map(|(code, r)| [value(code[latents], 128.0) - r.pressure, value(code[latents + 1], top) - r.position]);
    rms(&errors.collect::<Vec<_>>())
}

/// The paper's net with discriminator, one latent and both conditions, asked on the trajectory.
fn published_error(records: &[Record], top: f64, known: &[Record], alignment: Alignment, seed: u64) -> Result<f64> {
    let mut set = prepare("bowed", records, records.len(), alignment, seed);
    set.about.conditions[1].max = top as f32;
    let data = Data::published(&set, 2);
    let net =
        fit(published_net(FRAME, 1, 2), Method::published(true), &data, PUBLISHED_STEPS, Start::Uniform(0.1), seed)?;
    let known_data = Data::published(&prepare_like(&set, known), 2);
    Ok(error(&codes(&net, &known_data, &known_data.held_out)?, 1, known, top))
}

/// Our net, which sees the level as well, asked on the trajectory.
fn our_error(records: &[Record], top: f64, known: &[Record], seed: u64) -> Result<f64> {
    let set = exact(records, top, true);
    let mut data = Data::ours(&set, HARMONICS);
    let gain = data.gain.unwrap_or([0.0, 1.0]);
    data.inputs = with_level(&data.inputs, &set, gain);
    let method = Method { conditions: 1.0, ..Method::ours() };
    let net = fit(our_net(&data, 1, 2), method, &data, STEPS, Start::He, seed)?;
    let known_set = exact(known, top, false);
    let mut known_data = Data::ours(&known_set, HARMONICS);
    known_data.inputs = with_level(&known_data.inputs, &known_set, gain);
    let rows: Vec<usize> = (0..known.len()).collect();
    Ok(error(&codes(&net, &known_data, &rows)?, 1, known, top))
}

/// Inputs with the log gain behind them.
fn with_level(inputs: &Columns, set: &Dataset, [mean, deviation]: [f64; 2]) -> Columns {
    let level = |row: usize| ((f64::from(set.log_gain[row]) - mean) / deviation) as f32;
    Columns::new((0..set.len()).map(|row| [inputs.row(row), &[level(row)]].concat()))
}

/// Exact periods of records, turned to each other or left with their corner first.
fn exact(records: &[Record], top: f64, turns: bool) -> Dataset {
    let synthesis = Synthesis::new(PERIOD);
    let period = |record: &Record| {
        let mean = record.sound.iter().sum::<f64>() / record.sound.len() as f64;
        let sound: Vec<f64> = record.sound.iter().map(|x| x - mean).collect();
        // Two periods fill a record: the window's zeros still lie on all other harmonics.
        let mut period = Period::over(&sound, TUNED_SAMPLES, PERIOD / 2 - 1, 2);
        period.start_at(synthesis.corner_turns(&period));
        period
    };
    let mut periods: Vec<Period> = records.iter().map(period).collect();
    if turns {
        let places: Vec<Vec<f64>> = records.iter().map(|r| vec![r.pressure / 128.0, r.position / 128.0]).collect();
        align(&mut periods, &places);
    }
    let column = |id: &str, max: f64| Condition { id: id.into(), min: 0.0, max: max as f32, log: false };
    let mut set = Dataset::empty(About {
        name: "bowed, exact".into(),
        period: PERIOD,
        differences: false,
        body: true,
        sample_rate_hz: RATE_HZ,
        conditions: vec![column("pressure", 128.0), column("position", top)],
        rejected: 0,
        seed: 0,
    });
    for (record, period) in records.iter().zip(&periods) {
        let rms = period.rms().max(1e-9);
        set.push(synthesis.samples(period).into_iter().map(|x| x / rms), &[record.pressure, record.position], rms, 1);
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_measured_in_the_controllers_units() {
        let record = |pressure, position| Record { pressure, position, sound: vec![] };
        let known = [record(64.0, 32.0), record(0.0, 16.0)];
        let codes = [vec![9.0, 0.0, 0.0], vec![9.0, -1.0, 0.0]];
        assert!((error(&codes, 1, &known, 64.0) - (256.0f64 / 4.0).sqrt()).abs() < 1e-9);
        assert!((constant_guess(&known, [64.0, 32.0]) - ((4096.0 + 256.0) / 4.0f64).sqrt()).abs() < 1e-9);
    }

    #[test]
    fn records_of_the_trajectory_become_exact_periods() {
        let known = capture::trajectory();
        let set = exact(&known[..40], 64.0, true);
        assert_eq!((set.len(), set.about.period), (40, PERIOD));
        for row in 0..40 {
            let power = set.frame(row).iter().map(|x| x * x).sum::<f32>() / PERIOD as f32;
            assert!((power - 1.0).abs() < 1e-2, "{power}");
        }
    }
}
