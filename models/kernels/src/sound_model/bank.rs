//! Primed states: how the network's memory stands in the middle of a note, so that a new note need not warm up.
use super::config::Config;
use crate::checkpoint::{Checkpoint, LoadError};

/// Most primed states of one file.
pub const MAX_STATES: usize = 256;

/// Memories of notes and the conditions that they were played at; may be empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bank {
    /// `[n][conditions]`, as the network sees them.
    conditions: Vec<f32>,
    /// `[n][state values]`, see [`Config::state_values`].
    states: Vec<f32>,
}

/// One primed state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Primed<'a> {
    /// Outputs of the layers, `[layer][hidden]`, each -1..1.
    pub h: &'a [f32],
    /// Level of the last sample, -1..1.
    pub companded: f32,
    /// Phase of the clock at the next sample, in turns; 0 without one.
    pub phase_turns: f32,
}

impl Bank {
    /// Reads the optional `bank.states` `[n, state values]` and `bank.conditions` `[n, conditions]`.
    pub fn load(file: &Checkpoint, config: &Config) -> Result<Self, LoadError> {
        let Some(states) = file.rows("bank.states", MAX_STATES, config.state_values())? else {
            return Ok(Self::default());
        };
        let n = states.len() / config.state_values();
        let conditions = file.tensor("bank.conditions", &[n, config.conditions])?;
        for (name, values) in [("bank.states", &states), ("bank.conditions", &conditions)] {
            if let Some(index) = values.iter().position(|x| x.abs() > 1.0) {
                let (key, expected) = (format!("tensor `{name}` at {index}"), "-1 to 1".into());
                return Err(LoadError::Config { key, expected, found: values[index].to_string() });
            }
        }
        Ok(Self { conditions, states })
    }

    /// The state whose conditions are nearest, the first of equals; none in an empty bank. Real time.
    pub fn nearest(&self, config: &Config, conditions: &[f32]) -> Option<Primed<'_>> {
        let distance = |row: &[f32]| row.iter().zip(conditions).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        let rows = self.conditions.chunks(config.conditions).map(distance).enumerate();
        let (place, _) = rows.min_by(|a, b| a.1.total_cmp(&b.1))?;
        let state = &self.states[place * config.state_values()..][..config.state_values()];
        let (h, rest) = state.split_at(config.layers * config.hidden);
        Some(Primed { h, companded: rest[0], phase_turns: rest.get(1).copied().unwrap_or(0.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_state_is_found_and_split() {
        let config = Config { conditions: 2, layers: 1, hidden: 2, clock: true, ..Config::paper() };
        let bank = Bank {
            conditions: vec![-1.0, 0.0, 1.0, 0.0, 1.0, 0.0],
            states: vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 0.9, 0.9],
        };
        let near = |x, y| bank.nearest(&config, &[x, y]);
        assert_eq!(near(-0.1, 9.0), Some(Primed { h: &[0.1, 0.2], companded: 0.3, phase_turns: 0.4 }));
        assert_eq!(near(0.1, 9.0), Some(Primed { h: &[0.5, 0.6], companded: 0.7, phase_turns: 0.8 }));
        assert_eq!(Bank::default().nearest(&config, &[0.0, 0.0]), None);
    }
}
