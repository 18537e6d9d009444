//! Sets of periods of the bowed string with the conditions that they were played under, as columns, in one file.
//!
//! [`published`] is what Sinclair 2017 (arXiv 1806.09617) and the author's program trained on, step by step; [`periods`] is
//! ours. Both are decided by their settings and a seed.
pub mod alignment;
pub mod capture;
pub mod periods;
pub mod published;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

/// Periods and everything known of each, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// What holds for all rows.
    pub about: About,
    /// One period a row, `[rows][about.period]`.
    pub frames: Vec<f32>,
    /// What the string was played with, `[rows][about.conditions]`, in the units of [`Condition`].
    pub conditions: Vec<f32>,
    /// Logarithm (base e) of the RMS that the period had before it was scaled, `[rows]`.
    pub log_gain: Vec<f32>,
    /// Which harmonic of the tuned pitch the string sounds, `[rows]`: 1 but where it slips more than once a period.
    pub mode: Vec<f32>,
    /// What the machine was set to without the network being told, 0..1, `[rows]`; empty where there is no such thing.
    pub hidden: Vec<f32>,
    /// What a frame is multiplied with, element by element, before `mean` is added; empty for frames in their own units.
    pub std: Vec<f32>,
    /// Added to the product, `[about.period]`; empty as `std`.
    pub mean: Vec<f32>,
    /// What rows were aligned with; empty where they follow a rule of their own.
    pub reference: Vec<f32>,
}

/// What holds for all rows of a [`Dataset`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// `bowed1`, `bowed2`, `strings`, a source or a recording.
    pub name: String,
    /// Numbers of a frame.
    pub period: usize,
    /// Is a frame the differences of a period's samples? It is then integrated around the circle.
    pub differences: bool,
    /// Does the sound have the body in it?
    pub body: bool,
    /// Rate in Hz at which the string ran.
    pub sample_rate_hz: f64,
    /// Columns of `conditions`.
    pub conditions: Vec<Condition>,
    /// Captures that were left out because nothing steady sounded.
    pub rejected: usize,
    /// Decides all that is drawn by chance.
    pub seed: u64,
}

/// One column of conditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// `pressure`, `position` (0..128, as STK's controllers), `pitch` (Hz) or what else was turned.
    pub id: String,
    /// Lowest value.
    pub min: f32,
    /// Highest value.
    pub max: f32,
    /// Does the network see its logarithm?
    pub log: bool,
}

impl Condition {
    /// A controller of STK between two of its values.
    fn controller(id: &str, min: f32, max: f32) -> Self {
        Self { id: id.into(), min, max, log: false }
    }
}

impl Dataset {
    /// Rows.
    pub fn len(&self) -> usize {
        self.log_gain.len()
    }

    /// Is there no row?
    pub fn is_empty(&self) -> bool {
        self.log_gain.is_empty()
    }

    /// One row's period.
    pub fn frame(&self, row: usize) -> &[f32] {
        &self.frames[row * self.about.period..][..self.about.period]
    }

    /// One row's conditions.
    pub fn row_conditions(&self, row: usize) -> &[f32] {
        let columns = self.about.conditions.len();
        &self.conditions[row * columns..][..columns]
    }

    /// Appends a row.
    pub fn push(&mut self, frame: impl IntoIterator<Item = f64>, conditions: &[f64], gain: f64, mode: usize) {
        self.frames.extend(frame.into_iter().map(|x| x as f32));
        self.conditions.extend(conditions.iter().map(|c| *c as f32));
        self.log_gain.push(gain.ln() as f32);
        self.mode.push(mode as f32);
    }

    /// No rows yet.
    pub fn empty(about: About) -> Self {
        Self {
            about,
            frames: Vec::new(),
            conditions: Vec::new(),
            log_gain: Vec::new(),
            mode: Vec::new(),
            hidden: Vec::new(),
            std: Vec::new(),
            mean: Vec::new(),
            reference: Vec::new(),
        }
    }

    /// Writes all columns to a safetensors file.
    pub fn save(&self, path: &Path) -> Result<()> {
        let (rows, columns) = (self.len(), self.about.conditions.len());
        let tensor = |name: &str, shape: &[usize], values: &[f32]| (name.to_string(), shape.to_vec(), values.to_vec());
        let tensors = [
            tensor("frames", &[rows, self.about.period], &self.frames),
            tensor("conditions", &[rows, columns], &self.conditions),
            tensor("log_gain", &[rows], &self.log_gain),
            tensor("mode", &[rows], &self.mode),
            tensor("hidden", &[self.hidden.len()], &self.hidden),
            tensor("std", &[self.std.len()], &self.std),
            tensor("mean", &[self.mean.len()], &self.mean),
            tensor("reference", &[self.reference.len()], &self.reference),
        ];
        let about = BTreeMap::from([("about".to_string(), serde_json::to_string(&self.about)?)]);
        let bytes = kernels::checkpoint::write(about, &tensors)?;
        std::fs::write(path, bytes)
            .with_context(|| format!("{}: cannot write; check that the disk has room", path.display()))
    }

    /// Reads what [`Self::save`] wrote.
    pub fn load(path: &Path) -> Result<Self> {
        let refused =
            || format!("{}: not a set of periods; make it again with `doppel dataset wavetable`", path.display());
        let bytes = std::fs::read(path).with_context(|| format!("{}: cannot read", path.display()))?;
        let (_, header) = SafeTensors::read_metadata(&bytes).with_context(refused)?;
        let about = header.metadata().as_ref().and_then(|m| m.get("about")).with_context(refused)?;
        let about: About = serde_json::from_str(about).with_context(refused)?;
        let file = SafeTensors::deserialize(&bytes).with_context(refused)?;
        let column = |name: &str| -> Result<Vec<f32>> {
            let data = file.tensor(name).with_context(refused)?.data();
            Ok(data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
        };
        let set = Self {
            frames: column("frames")?,
            conditions: column("conditions")?,
            log_gain: column("log_gain")?,
            mode: column("mode")?,
            hidden: column("hidden")?,
            std: column("std")?,
            mean: column("mean")?,
            reference: column("reference")?,
            about,
        };
        for (name, found, width) in [
            ("frames", set.frames.len(), set.about.period),
            ("conditions", set.conditions.len(), set.about.conditions.len()),
            ("mode", set.mode.len(), 1),
        ] {
            let expected = set.len() * width;
            ensure!(found == expected, "{}: {name}: expected {expected} numbers, found {found}", path.display());
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_back_as_it_was_written() {
        let about = About {
            name: "strings".into(),
            period: 2,
            differences: false,
            body: false,
            sample_rate_hz: 48_000.0,
            conditions: vec![Condition::controller("pressure", 0.0, 128.0)],
            rejected: 3,
            seed: 7,
        };
        let mut set = Dataset::empty(about);
        set.push([0.5, -0.5], &[64.0], 0.1, 1);
        set.push([0.25, -0.25], &[65.0], 0.2, 2);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.safetensors");
        set.save(&path).unwrap();
        assert_eq!(Dataset::load(&path).unwrap(), set);
        assert_eq!((set.frame(1), set.row_conditions(1)), (&[0.25, -0.25][..], &[65.0][..]));
        std::fs::write(&path, b"something else").unwrap();
        assert!(Dataset::load(&path).unwrap_err().to_string().contains("not a set of periods"));
    }
}
