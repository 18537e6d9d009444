//! System packages: found, installed where that is possible, named where it is not.
use anyhow::{Result, bail};
use std::process::{Command, Stdio};

/// What any Rust build needs.
pub const COMPILER: &[&str] = &["build-essential"];

/// What building the plug-in and drawing its panels without a screen needs.
pub const PLUGIN: &[&str] = &[
    "build-essential",
    "pkg-config",
    "libasound2-dev",
    "libjack-jackd2-dev",
    "libgl1-mesa-dev",
    "libx11-dev",
    "libx11-xcb-dev",
    "libxcb1-dev",
    "libxcb-dri2-0-dev",
    "libxcb-icccm4-dev",
    "libxcb-shape0-dev",
    "libxcb-xfixes0-dev",
    "libxcursor-dev",
    "libxkbcommon-dev",
    "libxkbcommon-x11-dev",
    "mesa-vulkan-drivers",
];

/// The same under other package managers, to be read by a person.
const ELSEWHERE: &str = "\
  Fedora:  sudo dnf install gcc pkgconf alsa-lib-devel jack-audio-connection-kit-devel mesa-libGL-devel libX11-devel \
libxcb-devel libXcursor-devel libxkbcommon-devel libxkbcommon-x11-devel mesa-vulkan-drivers
  Arch:    sudo pacman -S base-devel pkgconf alsa-lib jack2 mesa libx11 libxcb libxcursor libxkbcommon \
libxkbcommon-x11 vulkan-swrast
  openSUSE: sudo zypper install gcc pkgconf alsa-devel libjack-devel Mesa-libGL-devel libX11-devel libxcb-devel \
libXcursor-devel libxkbcommon-devel libxkbcommon-x11-devel Mesa-vulkan-drivers";

fn quiet(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn is_installed(package: &str) -> bool {
    let query = Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]).stderr(Stdio::null()).output();
    query.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("install ok installed"))
}

/// Makes sure that the packages are there. On macOS and Windows nothing is needed.
pub fn need(packages: &[&str]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    if !quiet("dpkg-query", &["--version"]) {
        // Without dpkg only a missing compiler can be seen; the rest shows when it is linked.
        if !quiet("cc", &["--version"]) {
            bail!("no C compiler and linker; install with one of\n{ELSEWHERE}");
        }
        if packages.len() > 1 && !quiet("pkg-config", &["--exists", "alsa", "xcursor", "xkbcommon-x11"]) {
            bail!("system libraries are missing; install with one of\n{ELSEWHERE}");
        }
        return Ok(());
    }
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() || (packages == COMPILER && quiet("cc", &["--version"])) {
        return Ok(());
    }
    let line = format!("sudo apt-get update && sudo apt-get install -y --no-install-recommends {}", missing.join(" "));
    println!("system packages are missing: {}", missing.join(" "));
    let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0");
    let prefix: &[&str] = if root {
        &["env", "DEBIAN_FRONTEND=noninteractive"]
    } else if quiet("sudo", &["-n", "true"]) {
        &["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive"]
    } else {
        bail!("they can only be installed by an administrator: {line}");
    };
    let apt = |args: &[&str]| {
        Command::new(prefix[0])
            .args(&prefix[1..])
            .arg("apt-get")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let install: Vec<&str> =
        ["install", "-y", "-q", "--no-install-recommends"].into_iter().chain(missing.iter().copied()).collect();
    // One broken source among many makes `update` fail, and what is needed may still be there.
    apt(&["update", "-q"]);
    if !apt(&install) {
        bail!("apt-get failed; by hand: {line}");
    }
    Ok(())
}

/// Makes sure that parts of the Rust toolchain are there that a minimal installation lacks.
pub fn need_components(components: &[&str]) -> Result<()> {
    for component in components {
        let command = if *component == "rustfmt" { "fmt" } else { component };
        if quiet("cargo", &[command, "--version"]) || quiet("rustup", &["component", "add", component]) {
            continue;
        }
        bail!("`cargo {command}` is missing; install it with: rustup component add {component}");
    }
    Ok(())
}
