//! How far off the pitch that a network plays is, as its trainer measured it, so that a player can ask for a bit more or less.
//!
//! Draws below temperature 1 make a network without clock flat, by the same cents at every timbre and run.
use crate::checkpoint::{LoadError, ModelInfo};
use serde::{Deserialize, Serialize};

/// Key of the metadata.
pub const KEY: &str = "calibration";
/// Most temperatures and notes of a table.
const MAX_LENGTH: usize = 128;
/// Farthest that a pitch is moved, in cents.
const MAX_CENTS: f32 = 100.0;

/// The table of a file; empty in most of them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Calibration {
    /// Where it was measured, rising.
    pub temperatures: Vec<f32>,
    /// Where it was measured, in MIDI notes, rising.
    pub notes: Vec<f32>,
    /// How much too high the network plays, in cents, `[temperature][note]`.
    pub cents: Vec<Vec<f32>>,
}

impl Calibration {
    /// Reads the metadata's `calibration`; empty without it.
    pub fn load(info: &ModelInfo) -> Result<Self, LoadError> {
        let Some(text) = info.metadata.get(KEY) else { return Ok(Self::default()) };
        let wrong = |found: String| LoadError::Metadata {
            key: KEY.into(),
            expected: "JSON with rising `temperatures` and `notes`, and for each of them `cents` from -100 to 100"
                .into(),
            found,
        };
        let table: Self = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
        let rises = |values: &[f32]| {
            (1..=MAX_LENGTH).contains(&values.len())
                && values.iter().all(|v| v.is_finite())
                && values.windows(2).all(|pair| pair[0] < pair[1])
        };
        let is_cents =
            |row: &Vec<f32>| row.len() == table.notes.len() && row.iter().all(|c| (-MAX_CENTS..=MAX_CENTS).contains(c));
        if !rises(&table.temperatures) || !rises(&table.notes) {
            return Err(wrong("others".into()));
        }
        if table.cents.len() != table.temperatures.len() || !table.cents.iter().all(is_cents) {
            return Err(wrong("other `cents`".into()));
        }
        Ok(table)
    }

    /// The note to ask for so that `note` sounds; straight lines between the table's points. Real time.
    pub fn asked(&self, note: f64, temperature: f32) -> f64 {
        let Some((t, share)) = place(&self.temperatures, temperature) else { return note };
        let Some((n, between)) = place(&self.notes, note as f32) else { return note };
        let row = |row: &[f32]| row[n] + between * (row[(n + 1).min(row.len() - 1)] - row[n]);
        let (low, high) = (row(&self.cents[t]), row(&self.cents[(t + 1).min(self.cents.len() - 1)]));
        note - f64::from(low + share * (high - low)) / 100.0
    }
}

/// Which of the rising values lies below `x`, and how far on the way to the next one it is, 0..1; none without values.
fn place(values: &[f32], x: f32) -> Option<(usize, f32)> {
    let below = values.iter().rposition(|v| *v <= x).unwrap_or(0);
    let (low, high) = (*values.get(below)?, *values.get(below + 1).unwrap_or(&f32::INFINITY));
    Some((below, ((x - low) / (high - low)).clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound_model::config::Config;
    use crate::sound_model::{SoundModel, example, weights::Weights};

    const TABLE: &str = r#"{"temperatures": [0.8, 1.0], "notes": [60, 72], "cents": [[-20, -10], [0, 4]]}"#;

    fn load(table: Option<&str>) -> Result<Calibration, LoadError> {
        let config = Config { layers: 1, hidden: 8, width: 8, ..Config::paper() };
        let mut metadata = example::metadata(&config);
        metadata.extend(table.map(|table| (KEY.to_string(), table.to_string())));
        let model = SoundModel::load(&Weights::random(1, &config).write(&config, metadata)?)?;
        Ok(model.calibration().clone())
    }

    #[test]
    fn a_flat_network_is_asked_for_more() {
        let table = load(Some(TABLE)).unwrap();
        for (note, temperature, cents) in
            [(60.0, 0.8, 20.0), (66.0, 0.8, 15.0), (60.0, 0.9, 10.0), (90.0, 1.5, -4.0), (10.0, 0.1, 20.0)]
        {
            let found = 100.0 * (table.asked(note, temperature) - note);
            assert!((found - cents).abs() < 1e-3, "{note} at {temperature}: {found}");
        }
    }

    #[test]
    fn a_file_without_table_asks_for_what_is_played_and_a_broken_table_is_refused() {
        assert_eq!(load(None).unwrap().asked(61.5, 0.9), 61.5);
        for (from, to) in
            [("[60, 72]", "[72, 60]"), ("[-20, -10]", "[-20]"), ("-20", "-200"), ("{", "x"), ("0.8, ", "")]
        {
            let error = load(Some(&TABLE.replacen(from, to, 1))).unwrap_err().to_string();
            assert!(error.contains(KEY), "{error}");
        }
    }
}
