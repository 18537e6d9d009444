//! Build commands of Doppel: `cargo xtask demo | test | bundle | install | validate | golden | screenshots`.
mod arrows;
mod bundle;
mod packages;
mod run;
mod test;

use anyhow::{Result, bail};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND
  demo         builds the doppel command and plays every instrument into target/demo
  test         format, lints, dependency arrows, bundle, all tests
  bundle       target/bundled/Doppel.clap, Doppel.vst3 and the standalone program   [--dev: unoptimised]
  install      puts the bundle where hosts look
  validate     runs clap-validator, pluginval and the VST3 validator on the bundle, as far as they are installed
  golden       makes tests/golden anew from the candle nets
  screenshots  makes tests/snapshots anew: every panel at three scales";

fn main() -> ExitCode {
    match command() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Result<()> {
    nice_plug_xtask::chdir_workspace_root()?;
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["demo"] => demo(),
        ["test"] => test::run(),
        ["bundle"] => bundle::make(bundle::Profile::Release),
        ["bundle", "--dev"] => bundle::make(bundle::Profile::Dev),
        ["install"] => bundle::install(),
        ["validate"] => bundle::validate(),
        ["golden"] => run::cargo(&["test", "-p", "doppel", "--test", "golden", "--", "--ignored", "makes_the_goldens"]),
        ["screenshots"] => screenshots(),
        [] => bail!("no command\n{USAGE}"),
        other => bail!("`{}` is no command\n{USAGE}", other.join(" ")),
    }
}

/// The main job of the product, heard without a plug-in host.
fn demo() -> Result<()> {
    packages::need(packages::COMPILER)?;
    run::cargo(&["build", "--release", "-p", "training", "--bin", "doppel"])?;
    let doppel = run::target_dir()?.join("release").join("doppel").with_extension(std::env::consts::EXE_EXTENSION);
    let out = run::target_dir()?.join("demo");
    run::program(&doppel, &["demo", "--out", &out.to_string_lossy()])
}

fn screenshots() -> Result<()> {
    packages::need(packages::PLUGIN)?;
    run::cargo_with(&[("UPDATE_SNAPSHOTS", "1")], &["test", "-p", "doppel", "--test", "panels"])?;
    println!("panels are in tests/snapshots");
    Ok(())
}
