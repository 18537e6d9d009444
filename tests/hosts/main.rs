//! The built bundle in real hosts. `cargo xtask test` builds it first; memory that is taken or freed while audio runs ends a
//! test, because the bundle is built with the framework's own check for that.
#![allow(unsafe_code)] // Loading a plug-in means running foreign code; only the user can vouch for it.
mod clap;
mod clap_host;
mod instruments;
mod note_host;
mod projects;
mod song;
mod vst3;
mod vst3_instruments;

use std::path::PathBuf;

/// A file of the bundle.
fn bundled(name: &str) -> PathBuf {
    // <target>/<profile>/deps/<this test>
    let test = std::env::current_exe().unwrap();
    let bundle = test.ancestors().nth(3).unwrap().join("bundled").join(name);
    assert!(bundle.exists(), "{}: run `cargo xtask bundle --dev` first", bundle.display());
    bundle
}
