//! `doppel inspect`: what a model file says, holds and can.
use crate::models::ModelFile;
use anyhow::Result;
use kernels::checkpoint::Checkpoint;
use kernels::phaser::Phaser;
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
    let file = ModelFile::open(args.model.as_deref())?;
    let checkpoint = Checkpoint::parse(&file.bytes).map_err(|e| anyhow::anyhow!("{}: {e}", file.name))?;
    let (info, tensors) = (checkpoint.info().clone(), checkpoint.tensors());
    let weights: usize = tensors
        .iter()
        .filter(|(name, ..)| !name.starts_with("aux."))
        .map(|(_, _, shape)| shape.iter().product::<usize>())
        .sum();
    let self_test = match info.noun.as_str() {
        Phaser::NOUN => file.phaser()?.self_test(&file.bytes)?,
        _ => None,
    };
    if args.json {
        let tensors: Vec<_> = tensors
            .iter()
            .map(|(name, dtype, shape)| json!({ "name": name, "dtype": dtype, "shape": shape }))
            .collect();
        let self_test = self_test.map(|t| json!({ "error": t.error, "tolerance": t.tolerance, "passed": t.passed() }));
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
        Some(result) => println!(
            "self-test    {}: {:.2e} of full scale away from the trained net, {:.0e} allowed",
            if result.passed() { "passed" } else { "FAILED" },
            result.error,
            result.tolerance
        ),
        None => println!("self-test    the file carries none"),
    }
    Ok(())
}
