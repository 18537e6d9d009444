//! The model file of a trained net: rounded to 8 bits, primed, and compared with the net before anything is written.
use super::bank::Bank;
use crate::card::Card;
use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use kernels::checkpoint::{Matrix, Values, write_mixed};
use kernels::nn::naive::noise;
use kernels::sound_model::config::Config;
use kernels::sound_model::selftest::self_test;
use kernels::sound_model::weights::{LayerWeights, Weights};
use kernels::sound_model::{Controls, SoundModel, mu_law};
use nets::lookup_fused::Heard;
use nets::sound_model::{Net, Window};
use std::sync::Arc;

/// Largest difference of a logit between file and net; logits reach some tens, their sums round differently.
const TOLERANCE: f32 = 2e-3;
/// Samples of the self-test.
const SELF_TEST_SAMPLES: usize = 64;

/// The bytes of the file in 8 bits, a pruned net's without its zeros, after the kernel has computed the same logits as the net. `keys` are added to the metadata.
pub fn bytes(net: &Net, bank: &Bank, card: &Card, keys: &[(&str, String)]) -> Result<Vec<u8>> {
    let config = config_of(net)?;
    let weights = weights_of(net)?.sparse(&config);
    let rounded = with_weights(net, &weights)?;
    write(&rounded, &weights, bank, card, keys)
}

/// The same with all weights in full: what 8 bits are compared with.
pub fn full_bytes(net: &Net, bank: &Bank, card: &Card) -> Result<Vec<u8>> {
    write(net, &weights_of(net)?, bank, card, &[])
}

fn write(net: &Net, weights: &Weights, bank: &Bank, card: &Card, keys: &[(&str, String)]) -> Result<Vec<u8>> {
    let config = config_of(net)?;
    let classes: Vec<u8> = noise(1, SELF_TEST_SAMPLES).into_iter().map(|x| mu_law::encode(0.3 * x)).collect();
    let input: Vec<f32> = classes.iter().map(|class| mu_law::companded(*class)).collect();
    let output = logits(net, card, &classes)?;
    let mut tensors = weights.tensors(&config);
    tensors.push(("aux.input".into(), vec![input.len()], Values::F32(&input)));
    tensors.push(("aux.output".into(), vec![output.len()], Values::F32(&output)));
    if bank.count > 0 {
        let each = |values: &[f32]| vec![bank.count, values.len() / bank.count];
        tensors.push(("bank.states".into(), each(&bank.states), Values::F32(&bank.states)));
        tensors.push(("bank.conditions".into(), each(&bank.conditions), Values::F32(&bank.conditions)));
    }
    let mut metadata = card.metadata(SoundModel::NOUN, &config, TOLERANCE)?;
    metadata.extend(keys.iter().map(|(key, value)| (key.to_string(), value.clone())));
    let bytes = write_mixed(metadata, &tensors)?;
    let tested = self_test(&bytes).context("the export does not load")?.context("the export has no self-test")?;
    if !tested.result.passed() {
        bail!("the exported model's logits are {} away from the trained net's", tested.result.error);
    }
    Ok(bytes)
}

/// Logits after each level from rest, every control at its default, the clock at 0.
fn logits(net: &Net, card: &Card, classes: &[u8]) -> Result<Vec<f32>> {
    let mut each: Vec<f32> = card.controls.iter().map(|control| control.normalised(control.default)).collect();
    if net.config.clock {
        each.extend([0.0, 1.0]);
    }
    let numbers = each.repeat(classes.len());
    let heard = Arc::new(Heard { classes: classes.to_vec(), numbers });
    let window = Window { shape: [1, classes.len(), 1], heard, next: Arc::default() };
    let (logits, _) = net.logits(&window, &net.rest(1, 1)?)?;
    Ok(logits.flatten_all()?.to_vec1()?)
}

/// The sizes as the kernel states them: the same JSON.
fn config_of(net: &Net) -> Result<Config> {
    let config: Config = serde_json::from_value(serde_json::to_value(&net.config)?)?;
    config.check()?;
    Ok(config)
}

fn weights_of(net: &Net) -> Result<Weights> {
    let plain = |name: &str| -> Result<Vec<f32>> {
        let var = net.vars.get(name).with_context(|| format!("the net has no tensor `{name}`"))?;
        Ok(var.as_tensor().flatten_all()?.to_vec1()?)
    };
    let layer = |n: usize| -> Result<LayerWeights> {
        Ok(LayerWeights {
            weight_ih: Matrix::Full(plain(&format!("gru.weight_ih_l{n}"))?),
            weight_hh: Matrix::Full(plain(&format!("gru.weight_hh_l{n}"))?),
            bias_ih: plain(&format!("gru.bias_ih_l{n}"))?,
            bias_hh: plain(&format!("gru.bias_hh_l{n}"))?,
        })
    };
    let has_table = net.vars.contains_key("embedding.weight");
    Ok(Weights {
        embedding: if has_table { plain("embedding.weight")? } else { Vec::new() },
        i2d_weight: plain("i2d.weight")?,
        i2d_bias: plain("i2d.bias")?,
        layers: (0..net.config.layers).map(layer).collect::<Result<_>>()?,
        h2o_weight: Matrix::Full(plain("h2o.weight")?),
        h2o_bias: plain("h2o.bias")?,
    })
}

/// The net with weights as the kernel holds them.
fn with_weights(net: &Net, weights: &Weights) -> Result<Net> {
    let copy = Net::new(net.config.clone(), 0)?;
    let gates = 3 * net.config.hidden;
    for (name, var) in &copy.vars {
        var.set(net.vars[name].as_tensor())?;
    }
    let set = |name: String, values: Vec<f32>| -> Result<()> {
        let var = &copy.vars[&name];
        Ok(var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu)?)?)
    };
    for (n, layer) in weights.layers.iter().enumerate() {
        set(format!("gru.weight_ih_l{n}"), layer.weight_ih.full(gates))?;
        set(format!("gru.weight_hh_l{n}"), layer.weight_hh.full(gates))?;
    }
    set("h2o.weight".into(), weights.h2o_weight.full(mu_law::CLASSES))?;
    Ok(copy)
}

/// The player's controls at which a model of `card` sounds like `values`.
pub fn controls(model: &SoundModel, values: &[f32], temperature: f32) -> Controls {
    let mut controls = Controls { temperature, ..Controls::new(model.info()) };
    for (place, (control, value)) in model.info().controls.iter().zip(values).enumerate() {
        controls.conditions[place] = control.normalised(*value);
        if control.id == "pitch" {
            let note = f64::from(*value);
            controls.clock_hz = super::hz_of(note) as f32;
            controls.conditions[place] = control.normalised(model.calibration().asked(note, temperature) as f32);
        }
    }
    controls
}
