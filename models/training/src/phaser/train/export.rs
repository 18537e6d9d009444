//! A trained net as a model file: written, read back by the loader that the plug-in uses, and compared before it counts.
use crate::card::Card;
use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use kernels::checkpoint;
use kernels::nn::naive::noise;
use kernels::phaser::{Controls, Phaser, PhaserState};
use nets::phaser::{ModulationConfig, Net};

/// Samples of the self-test that the file carries.
const SELF_TEST_SAMPLES: usize = 4096;
/// Level of its noise.
const SELF_TEST_LEVEL: f32 = 0.3;
/// Largest difference between kernel and net that an export may show, of full scale.
const TOLERANCE: f32 = 1e-4;

/// The net's answer to a signal that follows silence, from phase 0 at the controls' defaults.
pub fn play(net: &Net, card: &Card, signal: &[f32]) -> Result<Vec<f32>> {
    let (frame, field) = (net.config.frame, net.config.effect.receptive_field());
    // Silence as long as the net looks back, in whole frames, so that the signal begins on one.
    let past = field.next_multiple_of(frame);
    let mut x = vec![0.0; past];
    x.extend_from_slice(signal);
    let frames = x.len().div_ceil(frame) + 1;
    let seen: Vec<f32> = card.controls.iter().map(|c| c.normalised(c.default)).collect();
    let modulation = match net.config.modulation {
        ModulationConfig::Oscillator { .. } => {
            let rate_hz = card.controls.iter().find(|c| c.id == "rate").map_or(0.5, |c| f64::from(c.default));
            let time_s = |m: usize| ((m * frame) as f64 - past as f64) / card.sample_rate_hz;
            net.oscillator(&[(0..frames).map(|m| time_s(m) * rate_hz).collect()], &[seen])?
        }
        ModulationConfig::Lstm { .. } => {
            // Before the signal the modulation stands at its start.
            let (moving, _) = net.recurrent(&net.states_at(&[0.0])?, &[seen], frames - past / frame, 1)?;
            let still = moving.narrow(1, 0, 1)?.repeat((1, past / frame, 1))?;
            Tensor::cat(&[&still, &moving], 1)?
        }
    };
    let x = Tensor::from_vec(x, (1, past + signal.len()), &Device::Cpu)?;
    let y = net.effect_fused(&x, &modulation)?;
    Ok(y.squeeze(0)?.narrow(0, past - field, signal.len())?.to_vec1()?)
}

/// The net of a model file, for training that begins with one.
pub fn read(bytes: &[u8]) -> Result<Net> {
    let (_, header) = safetensors::SafeTensors::read_metadata(bytes)?;
    let metadata = header.metadata().as_ref().context("the file has no metadata")?;
    let value = |key: &str| metadata.get(key).with_context(|| format!("the file has no `{key}`"));
    let config = serde_json::from_str(value("config")?)?;
    let controls: Vec<serde_json::Value> =
        metadata.get("controls").map_or(Ok(Vec::new()), |c| serde_json::from_str(c))?;
    let net = Net::new(config, controls.len(), 0, &Device::Cpu)?;
    let mut tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?;
    for (name, var) in &net.vars {
        var.set(&tensors.remove(name).with_context(|| format!("the file has no tensor `{name}`"))?)?;
    }
    Ok(net)
}

/// The bytes of the file, after the kernel has played the same as the net for a second.
pub fn bytes(net: &Net, card: &Card) -> Result<Vec<u8>> {
    let second: Vec<f32> = noise(1, card.sample_rate_hz as usize).into_iter().map(|x| x * SELF_TEST_LEVEL).collect();
    let expected = play(net, card, &second)?;
    let bytes = unchecked_bytes(net, card, &second[..SELF_TEST_SAMPLES], &expected[..SELF_TEST_SAMPLES])?;
    let model = Phaser::load(&bytes).context("the export does not load")?;
    let mut found = second;
    // A wandering sweep is tested by an LFO, as `self_test` does.
    let controls = Controls { phase_turns: Some(0.0), ..Controls::new(model.info()) };
    PhaserState::new(&model).process(&model, &controls, 0.0, &mut found);
    let error = found.iter().zip(&expected).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
    if error > TOLERANCE || found.iter().any(|x| !x.is_finite()) {
        bail!("the exported model plays {error} of full scale away from the trained net: expected at most {TOLERANCE}");
    }
    Ok(bytes)
}

/// The bytes of the file with a given self-test, not compared with anything.
pub fn unchecked_bytes(net: &Net, card: &Card, input: &[f32], output: &[f32]) -> Result<Vec<u8>> {
    let mut tensors = Vec::new();
    for (name, var) in &net.vars {
        tensors.push((name.clone(), var.dims().to_vec(), var.as_tensor().flatten_all()?.to_vec1()?));
    }
    for (name, values) in [("aux.input", input), ("aux.output", output)] {
        tensors.push((name.into(), vec![values.len()], values.to_vec()));
    }
    let peak = |signal: &[f32]| signal.iter().fold(0.0f32, |m, y| m.max(y.abs()));
    let levels = serde_json::json!({ "noise_peak_in": peak(input), "noise_peak_out": peak(output) });
    let mut metadata = card.metadata(Phaser::NOUN, &net.config, TOLERANCE)?;
    metadata.insert("levels".into(), levels.to_string());
    Ok(checkpoint::write(metadata, &tensors)?)
}
