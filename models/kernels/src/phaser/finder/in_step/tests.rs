//! A model is laid into step with recordings of itself and of another device.
use super::super::stand_in;
use super::*;
use crate::nn::naive::noise;

const RATE_HZ: f64 = 44_100.0;

fn model() -> Arc<Phaser> {
    let bytes = include_bytes!("../../../../../../assets/models/phaser/small_stone.safetensors");
    Arc::new(Phaser::load(bytes).unwrap())
}

/// The model's own recording of a sound, from a phase.
fn record(model: &Arc<Phaser>, dry: &[f32], sample_rate_hz: f64, rate_hz: f64, turns: f64) -> Vec<f32> {
    let mut engine = Engine::new(model.clone(), sample_rate_hz, 1).unwrap();
    let latency = engine.latency_samples() as usize;
    let controls = Controls { rate_hz: rate_hz as f32, phase_turns: Some(turns), ..Controls::new(model.info()) };
    let mut sound = [dry, &vec![0.0; latency]].concat();
    engine.process(&controls, &mut [&mut sound]);
    sound.split_off(latency)
}

fn off_by(a: f64, b: f64) -> f64 {
    (a - b - (a - b).round()).abs()
}

#[test]
fn rate_and_phase_of_the_models_own_recording_are_found_at_any_rate_and_behind_any_delay() {
    let model = model();
    let controls = Controls::new(model.info());
    for (sample_rate_hz, rate_hz, turns, delay) in
        [(44_100.0, 2.0, 0.3, 0), (48_000.0, 1.7, 0.85, 0), (48_000.0, 2.1, 0.5, 30)]
    {
        let dry = noise(3, (6.0 * sample_rate_hz) as usize);
        let wet = record(&model, &dry, sample_rate_hz, rate_hz, turns);
        let late = [&vec![0.0; delay][..], &wet[..wet.len() - delay]].concat();
        let found = in_step(&model, &controls, &dry, &late, sample_rate_hz).unwrap();
        let (start, end) = (found.track.turns_at(0.0), found.track.turns_at(6.0));
        assert_eq!(found.lag_samples, delay as i64);
        assert!((found.fit.rate_hz / rate_hz - 1.0).abs() < 1e-3, "{rate_hz} Hz found as {}", found.fit.rate_hz);
        assert!(off_by(start, turns) < 0.01 && off_by(end, turns + 6.0 * rate_hz) < 0.01, "{turns}: {start}, {end}");
        assert!(found.track.drift() < 2e-3 && found.fit.explained_variance > 0.5);
    }
}

#[test]
fn a_model_that_counts_from_elsewhere_is_told_its_own_phase() {
    // The stand-in counts like the model; counted from elsewhere it is the same sound at another number.
    let (model, dry) = (model(), noise(4, 6 * 44_100));
    let controls = Controls::new(model.info());
    let found = |turns: f64| {
        let wet = stand_in::play(&dry, RATE_HZ, |time_s| 2.0 * time_s + turns);
        in_step(&model, &controls, &dry, &wet, RATE_HZ).unwrap().track.turns_at(0.0)
    };
    let origin = found(0.0);
    assert!(off_by(origin, 0.0) < 0.05, "{origin}");
    for turns in [0.2, 0.7] {
        assert!(off_by(found(turns), origin + turns) < 0.01, "{turns}");
    }
}

#[test]
fn a_model_that_stands_still_is_refused_with_a_remedy() {
    let (model, dry) = (model(), noise(4, 6 * 44_100));
    let wet = record(&model, &dry, RATE_HZ, 2.0, 0.0);
    let controls = Controls { depth: 0.0, ..Controls::new(model.info()) };
    let error = in_step(&model, &controls, &dry, &wet, RATE_HZ).unwrap_err();
    assert!(matches!(error, FindError::StillModel { .. }) && error.to_string().contains("depth"), "{error}");
}

#[test]
fn a_recording_without_an_lfo_or_too_short_for_one_is_refused_with_a_remedy() {
    let (model, dry) = (model(), noise(4, 6 * 44_100));
    let controls = Controls::new(model.info());
    let half: Vec<f32> = dry.iter().map(|x| 0.5 * x).collect();
    let error = in_step(&model, &controls, &dry, &half, RATE_HZ).unwrap_err().to_string();
    assert!(error.contains("explains") && error.contains("check"), "{error}");
    let error = in_step(&model, &controls, &dry[..4000], &half[..4000], RATE_HZ).unwrap_err().to_string();
    assert!(error.contains("record"), "{error}");
    let slow = stand_in::play(&dry, RATE_HZ, |time_s| 0.25 * time_s);
    assert!(in_step(&model, &controls, &dry, &slow, RATE_HZ).is_err());
}
