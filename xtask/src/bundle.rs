//! The bundle: made, put where hosts look, given to validators.
use crate::{packages, run};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How it is compiled.
pub enum Profile {
    /// As users get it.
    Release,
    /// As the tests load it: sharing what they have compiled already.
    Dev,
}

/// Builds `target/bundled/Doppel.clap`, `Doppel.vst3` and the standalone program.
pub fn make(profile: Profile) -> Result<()> {
    packages::need(packages::PLUGIN)?;
    let build: &[&str] = match profile {
        Profile::Release => &["build", "--release", "-p", "plugin"],
        // The same selection as `test::run`: cargo unifies features over what is selected, and another selection would
        // compile a fifth of the dependencies a second time.
        Profile::Dev => &["build", "--workspace", "--exclude", "xtask", "--lib", "--bins", "--tests"],
    };
    run::cargo(build)?;
    let flags: Vec<String> = build.iter().filter(|flag| **flag == "--release").map(ToString::to_string).collect();
    nice_plug_xtask::bundle(&run::target_dir()?, "plugin", &flags, false).map_err(|e| anyhow::anyhow!("{e:#}"))
}

/// Folders of the user where hosts look for CLAP and VST3.
fn host_folders() -> Result<[PathBuf; 2]> {
    let home = |variable: &str| {
        std::env::var_os(variable).map(PathBuf::from).with_context(|| format!("the variable {variable} is not set"))
    };
    Ok(if cfg!(target_os = "macos") {
        let plugins = home("HOME")?.join("Library/Audio/Plug-Ins");
        [plugins.join("CLAP"), plugins.join("VST3")]
    } else if cfg!(target_os = "windows") {
        let common = home("LOCALAPPDATA")?.join("Programs/Common");
        [common.join("CLAP"), common.join("VST3")]
    } else {
        [home("HOME")?.join(".clap"), home("HOME")?.join(".vst3")]
    })
}

/// Builds the bundle and copies it to the user's plug-in folders.
pub fn install() -> Result<()> {
    make(Profile::Release)?;
    let bundled = run::target_dir()?.join("bundled");
    for (folder, name) in host_folders()?.iter().zip(["Doppel.clap", "Doppel.vst3"]) {
        let (from, to) = (bundled.join(name), folder.join(name));
        copy(&from, &to).with_context(|| format!("{} -> {}", from.display(), to.display()))?;
        println!("installed {}", to.display());
    }
    println!("let your host rescan its plug-ins; Doppel is listed under the vendor Doppel");
    Ok(())
}

/// Copies a file or a folder over what is there.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        if to.exists() {
            std::fs::remove_dir_all(to)?;
        }
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else {
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // A host may have the old file mapped: a new file beside it and a rename leave that one whole.
        let partial = to.with_extension("partial");
        std::fs::copy(from, &partial)?;
        std::fs::rename(&partial, to)?;
    }
    Ok(())
}

/// Runs the validators that are installed on the bundle as it stands.
pub fn validate() -> Result<()> {
    let bundled = run::target_dir()?.join("bundled");
    let (clap, vst3) = (bundled.join("Doppel.clap"), bundled.join("Doppel.vst3"));
    if !(clap.exists() && vst3.exists()) {
        bail!("{}: no bundle yet; run `cargo xtask bundle`", bundled.display());
    }
    let (clap, vst3) = (clap.to_string_lossy().into_owned(), vst3.to_string_lossy().into_owned());
    let calls: [(&str, Vec<&str>); 3] = [
        ("clap-validator", vec!["validate", "--only-failed", &clap]),
        ("pluginval", vec!["--strictness-level", "10", "--validate-in-process", "--validate", &vst3]),
        ("vst3-validator", vec!["-e", &vst3]),
    ];
    let mut failed = Vec::new();
    for (name, args) in calls {
        match Command::new(name).args(args).status() {
            Ok(status) if status.success() => println!("{name}: passed"),
            Ok(status) => failed.push(format!("{name}: {status}")),
            Err(_) => println!("{name}: not on the PATH, left out"),
        }
    }
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    Ok(())
}
