//! The decoder against its definition, files that are refused, and a voice that plays any model.
use super::*;
use crate::checkpoint::write;
use crate::nn::naive;
use realfft::num_complex::Complex32;
use std::collections::BTreeMap;
use std::f64::consts::TAU;

type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

fn metadata(config: &str) -> BTreeMap<String, String> {
    let control = |id: &str| {
        format!(
            r#"{{"id":"{id}","name":"{id}","min":0.0,"max":128.0,"default":64.0,"trained_min":0.0,"trained_max":128.0}}"#
        )
    };
    let controls = format!(
        r#"[{},{},{},{{"id":"pitch","name":"Pitch","unit":"Hz","min":20.0,"max":5000.0,"default":220.0,"trained_min":110.0,
            "trained_max":880.0,"curve":"log"}}]"#,
        control("z1"),
        control("pressure"),
        control("position")
    );
    [
        ("format", "doppel"),
        ("format_version", "1.0.0"),
        ("noun", "wavetable"),
        ("config", config),
        ("sample_rate", "48000"),
        ("controls", &controls),
        ("name", "test"),
        ("author", "test"),
        ("license", "CC0-1.0"),
    ]
    .map(|(k, v)| (k.to_string(), v.to_string()))
    .into()
}

/// A model of noise; the published form has differences, means and deviations.
fn tensors(period: usize, published: bool) -> Tensors {
    let random = |seed, name: &str, shape: &[usize], size: f32| {
        let values: Vec<_> = naive::noise(seed, shape.iter().product()).into_iter().map(|x| size * x).collect();
        (name.to_string(), shape.to_vec(), values)
    };
    let outputs = period + usize::from(!published);
    let mut tensors = vec![
        random(1, "decoder.0.weight", &[20, 16], 0.4),
        random(2, "decoder.0.bias", &[20], 0.2),
        random(3, "decoder.1.weight", &[outputs, 20], 0.1),
        random(4, "decoder.1.bias", &[outputs], 0.1),
    ];
    if published {
        let mut std = random(5, "output.std", &[period], 0.2);
        std.2.iter_mut().for_each(|x| *x += 0.5);
        tensors.extend([std, random(6, "output.mean", &[period], 0.05)]);
    }
    tensors
}

fn config(period: usize, published: bool) -> String {
    let output = if published { "differences" } else { "period" };
    format!(r#"{{"period":{period},"output":"{output}","latents":1,"octaves":2,"hidden":[20],"gain":{}}}"#, !published)
}

fn model(period: usize, published: bool, arch: &'static Arch) -> Wavetable {
    let bytes = write(metadata(&config(period, published)), &tensors(period, published)).unwrap();
    Wavetable::load_on(&bytes, arch).unwrap()
}

/// The period as the file's definition reads, sample by sample.
fn naive_period(tensors: &Tensors, period: usize, seen: &[f32]) -> Vec<f64> {
    let tensor = |name: &str| tensors.iter().find(|t| t.0 == name).map(|t| t.2.as_slice());
    let mut features = seen.to_vec();
    for x in &seen[1..] {
        for octave in [1.0, 2.0] {
            let (sin, cos) = (std::f64::consts::PI * octave * f64::from(*x)).sin_cos();
            features.extend([sin as f32, cos as f32]);
        }
    }
    let mut h = naive::linear(tensor("decoder.0.weight").unwrap(), tensor("decoder.0.bias").unwrap(), &features);
    h.iter_mut().for_each(|x| *x = x.max(0.0));
    let out = naive::linear(tensor("decoder.1.weight").unwrap(), tensor("decoder.1.bias").unwrap(), &h);
    let mut samples: Vec<f64> = out[..period].iter().map(|x| f64::from(*x)).collect();
    if let (Some(std), Some(mean)) = (tensor("output.std"), tensor("output.mean")) {
        for n in 0..period {
            samples[n] = samples[n] * f64::from(std[n]) + f64::from(mean[n]);
        }
        let rise = samples.iter().sum::<f64>() / period as f64;
        let mut sum = 0.0;
        for x in &mut samples {
            sum += *x - rise;
            *x = sum;
        }
    }
    let offset = samples.iter().sum::<f64>() / period as f64;
    let gain = out.get(period).map_or(1.0, |g| f64::from(*g).exp());
    samples.into_iter().map(|x| gain * (x - offset)).collect()
}

#[test]
fn harmonics_are_those_of_the_defined_period_on_every_path() {
    for (period, published) in [(64, false), (200, true), (201, true), (512, false)] {
        let tensors = tensors(period, published);
        for arch in arch::available() {
            let model = model(period, published, arch);
            for seen in [[0.0, 0.3, -0.8, 1.0], [1.0, -1.0, 0.2, -0.5]] {
                let samples = naive_period(&tensors, period, &seen);
                let mut all = [0.0; MAX_CONTROLS];
                all[..4].copy_from_slice(&seen);
                let mut found = vec![Complex32::ZERO; model.decoder().harmonics()];
                model.decoder().decode(arch, &mut model.decoder().state(), &all, &mut found);
                assert_eq!(found.len(), (period - 1) / 2);
                for (k, found) in found.iter().enumerate() {
                    let sum = |f: fn(f64) -> f64| -> f32 {
                        let term = |(n, x): (usize, &f64)| x * f(TAU * ((k + 1) * n) as f64 / period as f64);
                        (2.0 / period as f64 * samples.iter().enumerate().map(term).sum::<f64>()) as f32
                    };
                    let expected = Complex32::new(sum(f64::cos), -sum(f64::sin));
                    let error = (found - expected).norm();
                    assert!(error < 3e-6, "{} {period}, harmonic {}: {found} for {expected}", arch.name, k + 1);
                }
            }
        }
    }
}

#[test]
fn a_period_for_a_picture_is_the_one_that_is_played() {
    let model = model(64, false, arch::best());
    let seen = [0.1; MAX_CONTROLS];
    let (drawn, fine) = (model.period(&seen, 64), model.period(&seen, 2048));
    for n in 0..64 {
        assert!((drawn[n] - fine[32 * n]).abs() < 1e-5);
    }
}

#[test]
fn files_that_do_not_fit_are_refused_by_name() {
    let load = |config: String, tensors: Tensors| {
        Wavetable::load(&write(metadata(&config), &tensors).unwrap()).map(|_| ()).unwrap_err().to_string()
    };
    for (from, to, word) in [
        (r#""period":64"#, r#""period":8"#, "config.period"),
        (r#""period":64"#, r#""period":514"#, "config.period"),
        (r#""latents":1"#, r#""latents":5"#, "config.latents"),
        (r#""octaves":2"#, r#""octaves":9"#, "config.octaves"),
        (r#""hidden":[20]"#, r#""hidden":[0]"#, "config.hidden"),
        (r#""hidden":[20]"#, r#""hidden":[1024,1024,1024]"#, "products a period"),
        (r#""hidden":[20]"#, r#""hidden":[21]"#, "decoder.0.weight"),
        (r#""output":"period""#, r#""output":"both""#, "config"),
        (r#""gain":true"#, r#""gain":false"#, "decoder.1.weight"),
        (r#""gain":true"#, r#""gain":true,"encoder":{"harmonics":0,"hidden":[]}"#, "config.encoder.harmonics"),
        (r#""gain":true"#, r#""gain":true,"encoder":{"harmonics":8,"hidden":[2000]}"#, "config.encoder.hidden"),
        (r#""gain":true"#, r#""gain":true,"encoder":{"harmonics":8,"hidden":[9]}"#, "encoder.0.weight"),
    ] {
        let text = load(config(64, false).replace(from, to), tensors(64, false));
        assert!(text.contains(word), "{to}: expected a text with {word}, found {text}");
    }
    let mut extra = tensors(64, false);
    extra.push(("output.variance".into(), vec![64], vec![1.0; 64]));
    assert!(load(config(64, false), extra).contains("output.variance"));
}

#[test]
fn a_voice_does_not_depend_on_cuts_and_starts_alike() {
    let model = model(128, false, arch::best());
    let mut controls = Controls::new(model.info(), 220.0);
    controls.unison = Unison { copies: 3, detune_cents: 12.0, spread: 0.8, phase_spread: 1.0 };
    let play = |voice: &mut Voice, cut: usize| {
        let (mut left, mut right) = (vec![0.0; 4000], vec![0.0; 4000]);
        for (left, right) in left.chunks_mut(cut).zip(right.chunks_mut(cut)) {
            voice.render(&model, |_| controls, left, right);
        }
        assert!(left.iter().chain(&right).all(|x| x.is_finite()) && left.iter().any(|x| x.abs() > 1e-3));
        (left, right)
    };
    let mut voice = Voice::new(&model, 48_000.0);
    voice.start(Some(controls.unison));
    let whole = play(&mut voice, 4000);
    for cut in [1, 7, 64, 1000] {
        voice.start(Some(controls.unison));
        assert_eq!(play(&mut voice, cut), whole);
    }
}

#[test]
fn a_model_hears_the_pitch_that_is_played() {
    let model = model(64, false, arch::best());
    let seen = |hz: f64| model.normalise(&Controls::new(model.info(), hz));
    assert_eq!(seen(110.0)[..4], [0.0, 0.0, 0.0, -1.0]);
    assert!((seen(311.1)[3]).abs() < 1e-3);
    assert_eq!(seen(20_000.0)[3], 1.0);
}

#[test]
fn no_automation_harms_a_voice() {
    let model = model(64, true, arch::best());
    let mut voice = Voice::new(&model, 44_100.0);
    let (mut left, mut right) = ([0.0; 1000], [0.0; 1000]);
    let mut controls = Controls::new(model.info(), 440.0);
    for x in [f32::NAN, f32::INFINITY, -1e30, 1e30, 0.0] {
        controls.frequency_hz = f64::from(x);
        controls.values = [x; MAX_CONTROLS];
        controls.sub = x;
        controls.unison = Unison { copies: usize::MAX, detune_cents: x, spread: x, phase_spread: x };
        voice.render(&model, |_| controls, &mut left, &mut right);
        assert!(left.iter().chain(&right).all(|x| x.abs() < 100.0));
        voice.start(Some(controls.unison));
    }
}
