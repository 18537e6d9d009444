//! Where a sound model was trained: the map on the panel's pad, metadata key `map`.
use super::takes::Takes;
use crate::settings::within;
use anyhow::{Context, Result, ensure};
use kernels::checkpoint::ControlInfo;
use serde_json::{Value, json};

/// Most cells along one axis: two octaves, each note its own.
const MOST_CELLS: usize = 25;

/// A named place of the command line: `Reed=0`, or with two timbres `Rain=0.2,0.7`.
pub struct Anchor {
    name: String,
    /// Values of the first timbres, in their units.
    values: Vec<f32>,
}

impl Anchor {
    /// Reads its text.
    pub fn parse(text: &str) -> Result<Self> {
        let what = || format!("--anchor {text}: expected a name and the timbre's value, as in Reed=0");
        let (name, values) = text.split_once('=').with_context(what)?;
        let values: Option<Vec<f32>> = values.split(',').map(|value| value.trim().parse().ok()).collect();
        let values = values.filter(|values| values.iter().all(|value| value.is_finite()) && values.len() <= 2);
        Ok(Self { name: name.trim().into(), values: values.with_context(what)? })
    }
}

/// Anchors, and how many sounds there are in each cell over the first two timbres, or over one timbre and the pitch.
pub fn map(takes: &Takes, anchors: &[Anchor]) -> Result<Value> {
    let controls = &takes.controls;
    let timbres: Vec<usize> =
        (0..controls.len()).filter(|c| !["pitch", "amplitude", "a"].contains(&controls[*c].id.as_str())).collect();
    let pitch = controls.iter().position(|control| control.id == "pitch");
    let axes = [timbres.first().copied(), timbres.get(1).copied().or(pitch)];
    let anchors = anchors
        .iter()
        .map(|anchor| {
            ensure!(
                anchor.values.len() <= timbres.len(),
                "--anchor {}: {} values, but the sounds have {} timbres",
                anchor.name,
                anchor.values.len(),
                timbres.len()
            );
            let place = |n: usize| {
                let value = anchor.values.get(n).map(|value| share(&controls[timbres[n]], *value));
                value.transpose().with_context(|| format!("--anchor {}", anchor.name))
            };
            Ok(json!({ "name": anchor.name, "x": place(0)?.unwrap_or(0.5), "y": place(1)? }))
        })
        .collect::<Result<Vec<_>>>()?;
    let [columns, rows] = axes.map(|axis| cells(takes, axis));
    let mut counts = vec![0u32; columns * rows];
    for take in &takes.takes {
        let [x, y] = [(axes[0], columns), (axes[1], rows)].map(|(axis, cells)| {
            let share = axis.map_or(0.5, |c| 0.5 + 0.5 * controls[c].normalised(take.values[c]));
            ((share * cells as f32) as usize).min(cells - 1)
        });
        counts[y * columns + x] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let values: Vec<f32> = counts.iter().map(|count| (1e3 * *count as f32 / most as f32).round() / 1e3).collect();
    Ok(json!({ "anchors": anchors, "density": { "columns": columns, "values": values } }))
}

/// A value's place in the trained span, 0..1.
fn share(control: &ControlInfo, value: f32) -> Result<f32> {
    within(&control.id, value, control.trained_min, control.trained_max)?;
    Ok(0.5 + 0.5 * control.normalised(value))
}

/// As many cells as there are different values, up to a limit.
fn cells(takes: &Takes, axis: Option<usize>) -> usize {
    let Some(axis) = axis else { return 1 };
    let mut values: Vec<f32> = takes.takes.iter().map(|take| take.values[axis]).collect();
    values.sort_by(f32::total_cmp);
    values.dedup();
    values.len().clamp(1, MOST_CELLS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound_model::takes::Take;
    use kernels::checkpoint::Curve;

    fn control(id: &str, min: f32, max: f32) -> ControlInfo {
        let (trained_min, trained_max, default) = (min, max, min);
        let (id, name, unit, curve) = (id.to_string(), id.to_string(), String::new(), Curve::Linear);
        ControlInfo { id, name, unit, min, max, default, trained_min, trained_max, curve, steps: None }
    }

    fn takes() -> Takes {
        let take = |pitch, timbre| Take {
            name: String::new(),
            sound: Vec::new(),
            values: vec![pitch, timbre],
            phases_turns: Vec::new(),
        };
        let takes = vec![take(60.0, 0.0), take(60.0, 0.0), take(60.0, 1.0), take(72.0, 0.5)];
        Takes { controls: vec![control("pitch", 60.0, 72.0), control("timbre", 0.0, 1.0)], takes }
    }

    #[test]
    fn the_density_counts_sounds_over_timbre_and_pitch() {
        let map = map(&takes(), &[Anchor::parse("Reed=0").unwrap(), Anchor::parse(" Sax = 1 ").unwrap()]).unwrap();
        assert_eq!(map["density"], json!({ "columns": 3, "values": [1.0, 0.0, 0.5, 0.0, 0.5, 0.0] }));
        assert_eq!(map["anchors"][1], json!({ "name": "Sax", "x": 1.0, "y": null }));
    }

    #[test]
    fn anchors_that_lie_nowhere_are_refused() {
        for text in ["Reed", "Reed=", "Reed=one", "Reed=0,1,0"] {
            assert!(Anchor::parse(text).err().unwrap().to_string().contains(text), "{text}");
        }
        let outside = map(&takes(), &[Anchor::parse("Far=2").unwrap()]).unwrap_err();
        assert!(format!("{outside:#}").contains("expected 0 to 1"), "{outside:#}");
        assert!(map(&takes(), &[Anchor::parse("Two=0,0").unwrap()]).is_err());
    }
}
