//! `cargo xtask test`: everything that must hold before a change lands.
use crate::{arrows, bundle, packages, run};
use anyhow::Result;
use std::time::Instant;

/// Runs all checks, the quickest first; the bundle comes before the tests that load it into hosts.
pub fn run() -> Result<()> {
    let start = Instant::now();
    let mut counts = run::Counts::default();
    step("packages", || {
        packages::need(packages::PLUGIN)?;
        packages::need_components(&["rustfmt", "clippy"])
    })?;
    step("arrows", arrows::check)?;
    step("format", || run::cargo(&["fmt", "--all", "--check"]))?;
    step("lints", || run::cargo(&["clippy", "-q", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("bundle", || bundle::make(bundle::Profile::Dev))?;
    step("tests", || {
        // Not xtask: it is running, and its features would have the rest compiled a second time.
        run::cargo_counting(&["test", "--workspace", "--exclude", "xtask"], &mut counts)?;
        run::cargo_counting(&["test", "-p", "xtask"], &mut counts)
    })?;
    println!(
        "{} passed, {} failed, {} ignored, in {:.0} s",
        counts.passed,
        counts.failed,
        counts.ignored,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("== {name}");
    let start = Instant::now();
    work()?;
    println!("== {name}: {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
