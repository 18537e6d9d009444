//! `doppel inspect`: what a model file says, holds and can.
use crate::models::ModelFile;
use anyhow::{Context, Result};
use kernels::checkpoint::{Checkpoint, SelfTestResult};
use kernels::phaser::Phaser;
use kernels::sound_model::{self, SoundModel};
use kernels::wavetable::Wavetable;
use serde_json::json;
use std::path::PathBuf;

/// Options of the command.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Model file; without it the first factory model
    pub model: Option<PathBuf>,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let file = ModelFile::open(Phaser::NOUN, args.model.as_deref())?;
    let checkpoint = Checkpoint::parse(&file.bytes).map_err(|e| anyhow::anyhow!("{}: {e}", file.name))?;
    let (info, tensors) = (checkpoint.info().clone(), checkpoint.tensors());
    let weights: usize = tensors
        .iter()
        .filter(|(name, ..)| !name.starts_with("aux."))
        .map(|(_, _, shape)| shape.iter().product::<usize>())
        .sum();
    let self_test = self_test(&file, &info.noun)?;
    if args.json {
        let tensors: Vec<_> = tensors
            .iter()
            .map(|(name, dtype, shape)| json!({ "name": name, "dtype": dtype, "shape": shape }))
            .collect();
        let self_test =
            self_test.map(|(t, _)| json!({ "error": t.error, "tolerance": t.tolerance, "passed": t.passed() }));
        let report = json!({
            "model": file.name, "bytes": file.bytes.len(), "weights": weights, "metadata": info.metadata,
            "tensors": tensors, "selftest": self_test,
        });
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    println!("{} ({} bytes)", file.name, file.bytes.len());
    println!("licence      {}", info.license);
    println!("name         {} by {}, a {}", info.name, info.author, info.noun);
    println!(
        "redistribute {}",
        if info.redistribute { "projects may embed the file" } else { "projects keep only its hash" }
    );
    println!("sample rate  {} Hz", info.sample_rate_hz);
    if !info.description.is_empty() {
        println!("description  {}", info.description);
    }
    for control in &info.controls {
        println!(
            "control      {:<10} {} to {} {}, trained {} to {}",
            control.id, control.min, control.max, control.unit, control.trained_min, control.trained_max
        );
    }
    if let Some(training) = info.metadata.get("training") {
        println!("training     {training}");
    }
    println!("weights      {weights} in {} tensors", tensors.iter().filter(|(n, ..)| !n.starts_with("aux.")).count());
    for (name, dtype, shape) in &tensors {
        println!("  {name:<36} {dtype:<5} {shape:?}");
    }
    match self_test {
        Some((test, unit)) => println!(
            "self-test    {}: {:.2e} {unit} away from the trained net, {:.0e} allowed",
            if test.passed() { "passed" } else { "FAILED" },
            test.error,
            test.tolerance
        ),
        None => println!("self-test    the file carries none"),
    }
    Ok(())
}

/// Loads the model for its instrument and plays its self-test: how it went, and what its difference is measured in; none if
/// the file carries none.
fn self_test(file: &ModelFile, noun: &str) -> Result<Option<(SelfTestResult, &'static str)>> {
    let of = |unit| move |result| (result, unit);
    Ok(match noun {
        Phaser::NOUN => file.phaser()?.self_test(&file.bytes)?.map(of("of full scale")),
        SoundModel::NOUN => {
            SoundModel::load(&file.bytes).with_context(|| file.name.clone())?;
            sound_model::selftest::self_test(&file.bytes)?.map(|tested| (tested.result, "of a logit"))
        }
        Wavetable::NOUN => {
            let model = Wavetable::load(&file.bytes).with_context(|| file.name.clone())?;
            model.self_test(&file.bytes)?.map(of("of full scale"))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn inspected(bytes: &[u8]) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("m.safetensors");
        std::fs::write(&path, bytes)?;
        run(&Args { model: Some(path.clone()), json: true })?;
        run(&Args { model: Some(path), json: false })
    }

    #[test]
    fn models_of_every_instrument_can_be_looked_into_and_broken_ones_cannot() {
        let small = r#"{"audio":"embedding","conditions":1,"clock":true,"width":8,"relu":false,"layers":1,"hidden":8,"classes":256}"#;
        let config = serde_json::from_str(small).unwrap();
        inspected(&sound_model::example::file(1, &config).unwrap()).unwrap();
        let wavetable = kernels::wavetable::example::file().unwrap();
        inspected(&wavetable).unwrap();
        inspected(include_bytes!("../../../assets/models/phaser/vibe.safetensors")).unwrap();
        // A file of an instrument with tensors that are not its own.
        let metadata: BTreeMap<String, String> = sound_model::example::metadata(&config);
        let strange = kernels::checkpoint::write(metadata, &[("x".into(), vec![1], vec![0.0])]).unwrap();
        assert!(format!("{:#}", inspected(&strange).unwrap_err()).contains("m.safetensors"));
    }
}
