//! A training with the LFO known that begins where a model file ended: to make a linear model saturate, or to train on.
use super::export;
use crate::card::Card;
use crate::models::ModelFile;
use anyhow::{Context, Result, bail};
use kernels::checkpoint::ControlInfo;
use nets::phaser::{Follower, Net};
use std::path::Path;

/// Highest learning rate of such a training. From nothing it is 0.01, which would undo most of what the file knows before
/// anything is gained.
pub const LEARNING_RATE: f64 = 0.003;

/// The model that a training begins with.
pub struct Beginning {
    /// Its path.
    name: String,
    net: Net,
    controls: Vec<ControlInfo>,
    /// What its file says of its training.
    training: serde_json::Value,
}

impl Beginning {
    /// Reads a model file, for sounds that are trained on `gain` times as loud as they are.
    pub fn open(path: &Path, gain: f32) -> Result<Self> {
        let file = ModelFile::open(kernels::phaser::Phaser::NOUN, Some(path))?;
        // The plug-in's loader first: its errors say more.
        let info = file.phaser()?.info().clone();
        let net = export::read(&file.bytes).and_then(|net| Ok(net.louder(gain)?)).with_context(|| file.name.clone())?;
        let said = info.metadata.get("training").and_then(|training| serde_json::from_str(training).ok());
        Ok(Self { name: file.name, net, controls: info.controls, training: said.unwrap_or_default() })
    }

    /// What hears the level in it: its weights mean that one's numbers.
    pub fn follower(&self) -> Option<Follower> {
        self.net.config.effect.follower
    }

    /// Puts the weights into an untrained net with these controls. Saturation that the file has none of stays at its start; a
    /// follower that it has none of changes no gain as yet.
    pub fn lay_into(&self, net: &Net, controls: &[ControlInfo]) -> Result<()> {
        let name = &self.name;
        let (own, wanted) = (&self.net.config.effect, &net.config.effect);
        if own.limit && !wanted.limit || own.follower.is_some() && wanted.follower.is_none() {
            bail!("{name} knows the level: leave out --linear to begin with it");
        }
        let mut sizes = self.net.config.clone();
        (sizes.effect.limit, sizes.effect.follower) = (wanted.limit, wanted.follower);
        if sizes != net.config {
            bail!("{name} has other sizes than this training: expected {:?}, found {sizes:?}", net.config);
        }
        if self.controls != controls {
            bail!(
                "{name} has other controls than this training: expected {}, found {}; give the device, and --at, that it \
                 was trained with",
                spans(controls),
                spans(&self.controls)
            );
        }
        let (blocks, parts, known_parts) = (own.blocks, wanted.modulation_parts(), own.modulation_parts());
        for (name, var) in &net.vars {
            let Some(known) = self.net.vars.get(name) else { continue };
            if known.dims() == var.dims() {
                var.set(known.as_tensor())?;
                continue;
            }
            // Outputs of the modulation, block by block: the gains' changes with the level stand behind each block's others.
            let rows = known.reshape((blocks, known_parts * own.channels, ()))?;
            let rows = rows.pad_with_zeros(1, 0, (parts - known_parts) * own.channels)?;
            var.set(&rows.reshape(var.dims())?)?;
        }
        Ok(())
    }

    /// Adds to a new model's card what went before.
    pub fn credit(&self, card: &mut Card) {
        let before = self.training["total_minutes"].as_f64().or_else(|| self.training["minutes"].as_f64());
        let own = card.training["minutes"].as_f64();
        card.training["total_minutes"] = before.zip(own).map(|(before, own)| before + own).into();
        card.training["began_with"] = self.training.clone();
    }
}

/// Controls in short.
fn spans(controls: &[ControlInfo]) -> String {
    let span = |c: &ControlInfo| format!("{} {} to {}", c.id, c.trained_min, c.trained_max);
    controls.iter().map(span).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phaser::device::{Device, SmallStone};
    use candle_core::Device as Cpu;
    use nets::phaser::{Config, EffectConfig};

    fn card(minutes: f64) -> Card {
        Card {
            name: "a".into(),
            author: "b".into(),
            license: "CC0-1.0".into(),
            description: String::new(),
            redistribute: true,
            sample_rate_hz: 44_100.0,
            controls: SmallStone.controls(),
            training: serde_json::json!({ "minutes": minutes }),
        }
    }

    fn begin(config: Config, file_name: &str, gain: f32) -> Beginning {
        let net = Net::new(config, 2, 1, &Cpu::Cpu).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file_name);
        std::fs::write(&path, export::bytes(&net, &card(3.0)).unwrap()).unwrap();
        Beginning::open(&path, gain).unwrap()
    }

    /// Small, and linear or all that knows the level.
    fn config(saturates: bool) -> Config {
        let config = Config::default();
        let follower = saturates.then_some(Follower { samples: 16.0, knee: 1.0, loudest: 32.0 });
        let effect = EffectConfig { limit: saturates, follower, channels: 4, dilations: vec![1, 4], ..config.effect };
        Config { effect, ..config }
    }

    fn values(net: &Net, name: &str) -> Vec<f32> {
        net.vars[name].as_tensor().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn a_saturating_net_takes_a_linear_models_weights_keeps_its_own_limits_and_begins_deaf_to_the_level() {
        let beginning = begin(config(false), "linear.safetensors", 1.0);
        let net = Net::new(config(true), 2, 9, &Cpu::Cpu).unwrap();
        let limits = values(&net, "effect.1.limit.weight");
        beginning.lay_into(&net, &SmallStone.controls()).unwrap();
        for name in beginning.net.vars.keys().filter(|name| !name.contains("mlp.2")) {
            assert_eq!(values(&net, name), values(&beginning.net, name), "{name}");
        }
        assert_eq!(values(&net, "effect.1.limit.weight"), limits);
        // Four channels' gains of a block, then their changes with the level.
        let bias = "modulation.mlp.2.bias";
        for (told, known) in values(&net, bias).chunks(8).zip(values(&beginning.net, bias).chunks(4)) {
            assert_eq!((&told[..4], &told[4..]), (known, &[0.0; 4][..]));
        }
    }

    #[test]
    fn sounds_that_are_trained_on_louder_saturate_as_much_later() {
        let [own, moved] = [1.0, 10.0].map(|gain| begin(config(true), "curved.safetensors", gain));
        let expected = Follower { samples: 16.0, knee: 100.0, loudest: 3200.0 };
        assert_eq!(moved.follower(), Some(expected));
        let limits = |beginning: &Beginning| values(&beginning.net, "effect.0.limit.weight");
        for (own, moved) in limits(&own).iter().zip(limits(&moved)) {
            assert!((moved - own / 10.0).abs() < 1e-7, "{moved} against {own}");
        }
    }

    #[test]
    fn a_model_that_does_not_fit_is_refused_with_the_reason() {
        let saturating = begin(config(true), "curved.safetensors", 1.0);
        let refusal = |beginning: &Beginning, config: Config, controls: &[ControlInfo]| {
            let net = Net::new(config, controls.len(), 9, &Cpu::Cpu).unwrap();
            format!("{:#}", beginning.lay_into(&net, controls).unwrap_err())
        };
        let controls = SmallStone.controls();
        let linear = refusal(&saturating, config(false), &controls);
        assert!(linear.contains("curved.safetensors") && linear.contains("--linear"), "{linear}");
        let wider = Config { frame: 32, ..config(true) };
        assert!(refusal(&saturating, wider, &controls).contains("frame: 32"));
        let rate_alone = refusal(&saturating, config(true), &controls[..1]);
        assert!(rate_alone.contains("colour 0 to 1") && rate_alone.contains("--at"), "{rate_alone}");
    }

    #[test]
    fn the_minutes_before_are_counted() {
        let beginning = begin(config(false), "linear.safetensors", 1.0);
        let mut card = card(4.5);
        beginning.credit(&mut card);
        assert_eq!(card.training["total_minutes"], 7.5);
        assert_eq!(card.training["began_with"]["minutes"], 3.0);
    }
}
