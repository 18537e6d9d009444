use super::autoencoder::Autoencoder;
use super::*;
use crate::trainer::Trainer;
use crate::wavetable::dataset::{About, Condition};
use crate::wavetable::export::{FRAME, to_wav};
use kernels::wavetable::{Controls, Wavetable};
use std::f64::consts::TAU;

/// Periods whose second harmonic a knob turns up, whose third one nobody tells of, and whose level falls with the knob.
fn small_set(differences: bool) -> Dataset {
    let mut set = Dataset::empty(About {
        name: "small".into(),
        period: 32,
        differences,
        body: false,
        sample_rate_hz: 48_000.0,
        conditions: vec![
            Condition { id: "knob".into(), min: 0.0, max: 1.0, log: false },
            Condition { id: "pitch".into(), min: 110.0, max: 440.0, log: true },
        ],
        rejected: 0,
        seed: 0,
    });
    for n in 0..1000 {
        let [knob, hidden, pitch] = [0.8192, 0.6710, 0.5497].map(|step| (f64::from(n) * step).fract());
        let pitch_hz = 110.0 * 4f64.powf(pitch);
        let sample = |i: u32| {
            let phase = TAU * f64::from(i) / 32.0;
            phase.sin() + knob * (2.0 * phase).cos() + hidden * (3.0 * phase).sin()
        };
        let samples: Vec<f64> = (0..32).map(sample).collect();
        let rms = evaluate::rms(&samples);
        set.push(samples.iter().map(|x| x / rms), &[knob, pitch_hz], 0.2 * rms * (-knob).exp(), 1);
        set.hidden.push(hidden as f32);
    }
    if differences {
        set.std = vec![0.5; 32];
        set.mean = (0..32).map(|n| 0.01 * (n as f32).sin()).collect();
    }
    set
}

fn trained(plan: &Plan, steps: u64) -> Trainer<Autoencoder> {
    let mut trainer = Trainer::new(plan.learner(3).unwrap(), Budget::Steps(steps), 3);
    trainer.run(&plan.source(3), |_| Ok(true)).unwrap();
    trainer
}

fn card(model: &Model, controls: &[ControlInfo]) -> Card {
    Card {
        name: "small".into(),
        author: "test".into(),
        license: "CC0-1.0".into(),
        description: String::new(),
        redistribute: true,
        sample_rate_hz: 48_000.0,
        controls: model.controls(controls),
        training: serde_json::json!({}),
    }
}

#[test]
fn a_few_seconds_teach_a_small_set_and_its_hidden_setting() {
    let set = small_set(false);
    let plan = Plan::ours(Data::ours(&set, 8), 1);
    let trainer = trained(&plan, 1500);
    let data = &plan.data;
    let report = evaluate(&trainer.learner.net, data, &data.held_out, true, Target::Uniform, &set.hidden).unwrap();
    assert!(report.explained > 0.3 && report.explained > report.explained_by_knobs, "{report:?}");
    assert!(report.hidden.abs() > 0.8 && report.told < 0.1, "{report:?}");
    assert!(report.gain_error_db < 1.0 && report.condition_errors[0] < 0.2, "{report:?}");
}

#[test]
fn a_resumed_run_ends_like_an_uninterrupted_one() {
    let set = small_set(true);
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("half.checkpoint");
    let published = Plan::published(Data::published(&set, 2), Published::named("D1z2y").unwrap());
    let ours = Plan::ours(Data::ours(&small_set(false), 8), 1);
    for plan in [published, ours] {
        let weights = |trainer: &Trainer<Autoencoder>| -> Vec<Vec<f32>> {
            let flat = |var: &candle_core::Var| var.as_tensor().flatten_all().unwrap().to_vec1().unwrap();
            trainer.learner.net.vars.values().map(flat).collect()
        };
        let whole = trained(&plan, 30);
        let mut first = Trainer::new(plan.learner(3).unwrap(), Budget::Steps(30), 3);
        first.run(&plan.source(3), |trainer| Ok(trainer.progress.step < 11)).unwrap();
        first.save(&checkpoint).unwrap();
        // Another seed: what counts must come from the checkpoint.
        let mut second = Trainer::new(plan.learner(4).unwrap(), Budget::Steps(30), 3);
        second.load(&checkpoint).unwrap();
        second.run(&plan.source(3), |_| Ok(true)).unwrap();
        assert_eq!(weights(&second), weights(&whole));
    }
}

#[test]
fn all_six_published_nets_learn() {
    let set = small_set(true);
    for one in plan::SIX {
        let plan = Plan::published(Data::published(&set, one.conditions), one);
        let data = plan.data.clone();
        let report = |trainer: &Trainer<Autoencoder>| {
            evaluate(&trainer.learner.net, &data, &data.held_out, false, Target::Normal, &[]).unwrap().explained
        };
        let (before, after) = (report(&trained(&plan, 1)), report(&trained(&plan, 200)));
        assert!(after > before && after > 0.3, "{}: {before} to {after}", one.name);
    }
    assert!(Published::named("D3z2y").unwrap_err().to_string().contains("N2z0y"));
}

#[test]
fn both_kinds_of_file_draw_what_the_net_draws() {
    for differences in [false, true] {
        let set = small_set(differences);
        let plan = if differences {
            Plan::published(Data::published(&set, 2), Published::named("D1z2y").unwrap())
        } else {
            Plan::ours(Data::ours(&set, 8), 1)
        };
        let trainer = trained(&plan, 60);
        let conditions: Vec<ControlInfo> = set.about.conditions.iter().map(material::control).collect();
        let harmonics = (!differences).then_some(8);
        let model = Model::new(&trainer.learner.net, &plan.data, &set, harmonics, &conditions).unwrap();
        // Itself compares 512 places with the kernel; here a whole period, and that the defaults are as loud as they should be.
        let bytes = model.bytes(&card(&model, &conditions)).unwrap();
        let kernel = Wavetable::load(&bytes).unwrap();
        assert_eq!(kernel.encoder().is_some(), !differences);
        let seen = kernel.normalise(&Controls::new(kernel.info(), 275.0));
        let drawn = kernel.period(&seen, 64);
        let expected = model.period(&seen[..3]).unwrap();
        for (k, h) in kernels::wavetable::period::Period::of_samples(&drawn).harmonics.iter().enumerate().take(15) {
            assert!((h - expected.harmonics[k]).norm() < 1e-4, "harmonic {}: {h} for {}", k + 1, expected.harmonics[k]);
        }
        assert!((expected.rms() - 0.5).abs() < 1e-3, "{}", expected.rms());
    }
}

#[test]
fn the_command_learns_a_table_goes_on_and_refuses_what_it_cannot_learn() {
    let folder = tempfile::tempdir().unwrap();
    let (table, out) = (folder.path().join("t.wav"), folder.path().join("m.safetensors"));
    let frame = |n: i32| {
        (0..FRAME).map(move |i| {
            let phase = TAU * i as f64 / FRAME as f64;
            (phase.sin() + 0.05 * f64::from(n) * (2.0 * phase).sin()) as f32
        })
    };
    let frames: Vec<Vec<f32>> = (0..20).map(|n| frame(n).collect()).collect();
    std::fs::write(&table, to_wav(&frames, "test").unwrap()).unwrap();
    let args = |data: &Path, steps| Args {
        preset: Preset::Ours,
        net: "D1z2y".into(),
        source: "bowed_string".into(),
        rows: 10,
        data: Some(data.into()),
        conditions: None,
        minutes: 1.0,
        steps: Some(steps),
        out: Some(out.clone()),
        report: false,
        resume: false,
        seed: 1,
        name: None,
        author: "test".into(),
        license: "CC0-1.0".into(),
    };
    run(&args(&table, 20)).unwrap();
    run(&Args { resume: true, ..args(&table, 30) }).unwrap();
    let model = Wavetable::load(&std::fs::read(&out).unwrap()).unwrap();
    let ids: Vec<&str> = model.info().controls.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["z1", "position"]);
    let noise = folder.path().join("noise.wav");
    let sound = kernels::nn::naive::noise(1, 20_000);
    crate::audio::write(&noise, &crate::audio::Audio::from_mono(44_100.0, sound)).unwrap();
    for (bad, word) in [
        (args(&noise, 5), "periods of a clear tone"),
        (args(&folder.path().join("none.wav"), 5), "none.wav"),
        (Args { preset: Preset::Paper, net: "D9".into(), ..args(&table, 5) }, "--net D9"),
        (Args { data: None, source: "kazoo".into(), ..args(&table, 5) }, "--source kazoo"),
        (Args { steps: None, minutes: 0.0, ..args(&table, 5) }, "--minutes 0"),
    ] {
        let error = format!("{:#}", run(&bad).unwrap_err());
        assert!(error.contains(word) && !error.contains('\n'), "{error}");
    }
}
