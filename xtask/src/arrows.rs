//! Which crate may depend on which: the drawing in ARCHITECTURE.md, held by a check.
use crate::run;
use anyhow::{Result, bail};
use serde_json::Value;

/// Outside crates that a crate may use.
enum Outside {
    /// These and no others.
    Only(&'static [&'static str]),
    /// All but those whose names begin so.
    AllBut(&'static [&'static str]),
}

/// What one crate may depend on.
struct Rule {
    /// Its name.
    name: &'static str,
    /// Crates of the workspace.
    ours: &'static [&'static str],
    /// Crates from elsewhere.
    outside: Outside,
}

const RULES: [Rule; 7] = [
    Rule {
        name: "kernels",
        ours: &[],
        // Whatever sounds is loaded into other people's programs: it carries as little as possible.
        outside: Outside::Only(&[
            "audioadapter-buffers",
            "half",
            "realfft",
            "rubato",
            "safetensors",
            "serde",
            "serde_json",
            "thiserror",
        ]),
    },
    Rule { name: "nets", ours: &[], outside: Outside::AllBut(&["nice-plug", "egui"]) },
    Rule { name: "sound_files", ours: &[], outside: Outside::AllBut(&["nice-plug", "egui", "candle"]) },
    Rule {
        name: "training",
        ours: &["kernels", "nets", "sound_files"],
        outside: Outside::AllBut(&["nice-plug", "egui"]),
    },
    Rule { name: "plugin", ours: &["kernels", "nets", "sound_files"], outside: Outside::AllBut(&["candle"]) },
    // `cargo xtask demo` waits for these.
    Rule { name: "xtask", ours: &[], outside: Outside::Only(&["anyhow", "nice-plug-xtask", "serde_json"]) },
    // The root package owns tests only.
    Rule { name: "doppel", ours: &[], outside: Outside::Only(&[]) },
];

/// Fails on the first dependency that the drawing does not have. Dependencies of tests are free.
pub fn check() -> Result<()> {
    match strays(&run::metadata()?).first() {
        Some(stray) => {
            bail!("{stray}; a new arrow belongs into ARCHITECTURE.md and xtask/src/arrows.rs, with its reason")
        }
        None => Ok(()),
    }
}

/// Dependencies that no rule allows, one sentence each.
fn strays(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut strays = Vec::new();
    for (package, name) in packages.iter().zip(&names) {
        let Some(rule) = RULES.iter().find(|rule| rule.name == *name) else {
            strays.push(format!("crate `{name}` is not in the drawing"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            let allowed = if dependency["kind"].as_str() == Some("dev") {
                true
            } else if names.contains(&on) {
                rule.ours.contains(&on)
            } else {
                match rule.outside {
                    Outside::Only(some) => some.contains(&on),
                    Outside::AllBut(none) => !none.iter().any(|prefix| on.starts_with(prefix)),
                }
            };
            if !allowed {
                strays.push(format!("crate `{name}` depends on `{on}`"));
            }
        }
    }
    strays
}

#[cfg(test)]
mod tests {
    use super::strays;
    use serde_json::json;

    fn found(krate: &str, on: &str, kind: Option<&str>) -> Vec<String> {
        let others = ["kernels", "nets", "training", "plugin"].map(|name| json!({ "name": name, "dependencies": [] }));
        let mut packages: Vec<_> = others.into_iter().filter(|other| other["name"] != krate).collect();
        packages.push(json!({ "name": krate, "dependencies": [{ "name": on, "kind": kind }] }));
        strays(&json!({ "packages": packages }))
    }

    #[test]
    fn arrows_of_the_drawing_are_allowed() {
        for (krate, on) in [("plugin", "kernels"), ("training", "nets"), ("nets", "candle-core"), ("kernels", "rubato")]
        {
            assert!(found(krate, on, None).is_empty(), "{krate} -> {on}");
        }
    }

    #[test]
    fn arrows_against_the_drawing_are_found() {
        for (krate, on) in [
            ("kernels", "candle-core"),
            ("kernels", "egui"),
            ("kernels", "nets"),
            ("nets", "kernels"),
            ("training", "nice-plug"),
            ("plugin", "training"),
            ("plugin", "candle-nn"),
            ("doppel", "kernels"),
            ("newcomer", "serde"),
        ] {
            assert_eq!(found(krate, on, None).len(), 1, "{krate} -> {on}");
        }
        assert_eq!(found("kernels", "candle-core", Some("build")).len(), 1);
    }

    #[test]
    fn tests_may_depend_on_anything() {
        assert!(found("kernels", "candle-core", Some("dev")).is_empty());
    }
}
