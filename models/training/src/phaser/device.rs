//! Devices that are computed instead of recorded: where the training data of the factory models comes from.
use super::circuit::{Circuit, CircuitState};
use super::jfet::Jfet;
use super::lfo::Lfo;
use super::rack::Rack;
use super::vibe::Vibe;
use anyhow::{Context, Result};
use kernels::checkpoint::{ControlInfo, Curve};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A phaser with an LFO and knobs.
pub trait Device: Send + Sync {
    /// Name of its model file, and of the device on the command line.
    fn id(&self) -> &'static str;

    /// What it is, in a sentence for the model's card.
    fn description(&self) -> &'static str;

    /// Its controls, `rate` (Hz) first.
    fn controls(&self) -> Vec<ControlInfo>;

    /// Control values of a training window, drawn over all that is trained.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f64>;

    /// Control values that are judged, none of which training is likely to draw, under the label of their group.
    fn held_out(&self) -> Vec<(&'static str, Vec<f64>)>;

    /// What the device makes of a sound, its capacitors empty at the start. `values`: one for each control, in its unit.
    fn play(&self, values: &[f64], lfo: &Lfo, seed: u64, sample_rate_hz: f64, dry: &[f32]) -> Vec<f32>;
}

/// All devices; the first is the one that is meant when none is named.
pub fn all() -> Vec<Box<dyn Device>> {
    vec![Box::new(SmallStone), Box::new(Jfet), Box::new(Vibe), Box::new(Rack)]
}

/// The device of a name.
pub fn find(id: &str) -> Result<Box<dyn Device>> {
    let names: Vec<&str> = all().iter().map(|device| device.id()).collect();
    let found = all().into_iter().find(|device| device.id() == id);
    found.with_context(|| format!("`{id}` is no device; expected one of {}", names.join(", ")))
}

/// A control that a knob moves evenly.
pub fn knob(id: &str, name: &str, unit: &str, [min, max]: [f32; 2], default: f32) -> ControlInfo {
    ControlInfo {
        id: id.into(),
        name: name.into(),
        unit: unit.into(),
        min,
        max,
        default,
        trained_min: min,
        trained_max: max,
        curve: Curve::Linear,
        steps: None,
    }
}

/// A switch.
pub fn switch(id: &str, name: &str) -> ControlInfo {
    ControlInfo { steps: Some(2), ..knob(id, name, "", [0.0, 1.0], 0.0) }
}

/// The LFO's speed, trained over a span in Hz, to be played from 0.02 to 10 Hz.
pub fn rate(trained_hz: [f32; 2], default_hz: f32) -> ControlInfo {
    ControlInfo {
        min: 0.02,
        max: 10.0,
        trained_min: trained_hz[0],
        trained_max: trained_hz[1],
        curve: Curve::Log,
        ..knob("rate", "Rate", "Hz", trained_hz, default_hz)
    }
}

/// A rate drawn evenly over the octaves of a span in Hz.
pub fn draw_rate(rng: &mut ChaCha8Rng, [low, high]: [f32; 2]) -> f64 {
    f64::from(low) * f64::from(high / low).powf(rng.random())
}

/// The four-stage OTA phaser of `circuit`, with its colour switch.
pub struct SmallStone;

/// Slowest and fastest rate that is trained, in Hz: the ends of the measured tables, see `small_stone`.
const SMALL_STONE_HZ: [f32; 2] = [0.0559, 2.3301];
/// Share of the windows with the colour switch on: its feedback makes it the harder half.
const COLOUR_SHARE: f64 = 0.6;

impl Device for SmallStone {
    fn id(&self) -> &'static str {
        "small_stone"
    }

    fn description(&self) -> &'static str {
        "Four-stage OTA phaser with colour switch"
    }

    fn controls(&self) -> Vec<ControlInfo> {
        vec![rate(SMALL_STONE_HZ, 0.5), switch("colour", "Colour")]
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let colour = rng.random_bool(COLOUR_SHARE);
        vec![draw_rate(rng, SMALL_STONE_HZ), f64::from(u8::from(colour))]
    }

    fn held_out(&self) -> Vec<(&'static str, Vec<f64>)> {
        let off = [0.12, 0.35, 1.1, 2.1].map(|rate| ("off", vec![rate, 0.0]));
        let on = [0.075, 0.2, 0.6, 1.2].map(|rate| ("on", vec![rate, 1.0]));
        off.into_iter().chain(on).collect()
    }

    fn play(&self, values: &[f64], lfo: &Lfo, seed: u64, sample_rate_hz: f64, dry: &[f32]) -> Vec<f32> {
        let circuit = Circuit::small_stone(values[1] >= 0.5);
        let mut state = CircuitState::new(&circuit, sample_rate_hz);
        state.reseed(seed);
        let mut wet = vec![0.0; dry.len()];
        circuit.process(&mut state, values[0], |i| lfo.turns_at(i as f64 / sample_rate_hz), dry, &mut wet);
        wet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{esr, rms_db};
    use kernels::nn::naive::noise;
    use rand::SeedableRng;

    const FS: f64 = 44_100.0;

    #[test]
    fn every_device_is_bounded_repeatable_and_silent_when_fed_silence_wherever_its_knobs_stand() {
        let dry: Vec<f32> = noise(1, 30_000).into_iter().map(|x| 0.3 * x).collect();
        for device in all() {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let settings = (0..6).map(|_| device.draw(&mut rng)).chain(device.held_out().into_iter().map(|(_, v)| v));
            for values in settings {
                assert_eq!(values.len(), device.controls().len());
                let lfo = Lfo::steady(values[0], 0.3);
                let wet = device.play(&values, &lfo, 5, FS, &dry);
                assert!(wet.iter().all(|y| y.abs() < 5.0), "{} {values:?}", device.id());
                let level = rms_db(&wet) - rms_db(&dry);
                assert!((-15.0..10.0).contains(&level), "{} {values:?}: {level} dB", device.id());
                assert!(device.play(&values, &lfo, 5, FS, &dry) == wet, "{} {values:?}", device.id());
                let silence = device.play(&values, &lfo, 5, FS, &vec![0.0; 10_000]);
                assert!(rms_db(&silence) < -75.0, "{} {values:?}", device.id());
            }
        }
    }

    #[test]
    fn every_device_sweeps_and_comes_back_after_a_turn() {
        // The same noise at the same phase a turn later sounds the same, half a turn later it does not.
        for device in all() {
            let values = device.held_out().pop().unwrap().1;
            let dry = noise(2, 40_000);
            let at = |turns: f64| device.play(&values, &Lfo::steady(values[0], turns), 5, FS, &dry);
            let (start, turn, half) = (at(0.1), at(1.1), at(0.6));
            assert!(esr(&start, &turn) < 1e-9, "{}", device.id());
            assert!(esr(&start, &half) > 0.02, "{}: {}", device.id(), esr(&start, &half));
        }
    }

    #[test]
    fn training_draws_lie_within_the_declared_spans() {
        for device in all() {
            let mut rng = ChaCha8Rng::seed_from_u64(2);
            for _ in 0..200 {
                for (value, control) in device.draw(&mut rng).iter().zip(device.controls()) {
                    let (low, high) = (f64::from(control.trained_min), f64::from(control.trained_max));
                    assert!((low * 0.999..=high * 1.001).contains(value), "{} {}: {value}", device.id(), control.id);
                }
            }
        }
    }
}
