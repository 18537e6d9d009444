//! Parameters on the command line: `id=value`, and tables of changes on the way.
use anyhow::{Context, Result, bail};
use std::path::Path;

/// An `id=value` of the command line.
pub fn parse(text: &str) -> Result<(String, f32)> {
    let (id, value) = text.split_once('=').with_context(|| format!("`{text}`: expected id=value, as in rate=0.5"))?;
    let number = value.trim().parse().ok().filter(|v: &f32| v.is_finite());
    Ok((id.trim().into(), number.with_context(|| format!("`{text}`: `{value}` is no number"))?))
}

/// The value of a parameter, or an error that says what was expected.
pub fn within(id: &str, value: f32, low: f32, high: f32) -> Result<f32> {
    if !(low..=high).contains(&value) {
        bail!("{id}={value}: expected {low} to {high}");
    }
    Ok(value)
}

/// One change of a parameter on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Time from the start, in seconds.
    pub time_s: f64,
    /// Parameter.
    pub id: String,
    /// New value, in the parameter's unit.
    pub value: f32,
}

/// A table of changes: lines of `seconds,id,value`, a header and comments with # allowed; sorted by time.
pub fn automation(path: &Path) -> Result<Vec<Change>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let mut changes = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let is_header = number == 0 && fields[0].parse::<f64>().is_err();
        if line.trim().is_empty() || line.starts_with('#') || is_header {
            continue;
        }
        let change = match fields.as_slice() {
            [time, id, value] => time.parse().ok().zip(value.parse().ok()).map(|(time_s, value)| Change {
                time_s,
                id: (*id).into(),
                value,
            }),
            _ => None,
        };
        let change = change.filter(|c| c.time_s.is_finite() && c.time_s >= 0.0 && c.value.is_finite());
        changes.push(change.with_context(|| {
            format!("{}:{}: expected `seconds,id,value`, found `{line}`", path.display(), number + 1)
        })?);
    }
    changes.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    Ok(changes)
}
