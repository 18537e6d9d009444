//! What to train how: the published nets and ours.
use super::autoencoder::{Autoencoder, Method};
use super::data::{Data, Draw, Rows};
use crate::trainer::Source;
use anyhow::{Context, Result};
use nets::wavetable::{Config, Discriminator, Net, Start};
use std::sync::Arc;

/// Harmonics that our encoder sees.
pub const HARMONICS: usize = 48;
/// Width of all published hidden layers.
const PUBLISHED_HIDDEN: usize = 100;
/// Bound of the published weights at the start.
pub const PUBLISHED_START: Start = Start::Uniform(0.1);
/// Widths of our encoder's hidden layers.
const ENCODER: [usize; 2] = [128, 128];
/// Widths of our decoder's hidden layers.
const DECODER: [usize; 2] = [192, 192];
/// Most octaves of sines and cosines of our decoder's conditions.
const OCTAVES: usize = 4;
/// Rows that a cycle of the highest octave must have along a condition: with fewer the net would swing between them.
const ROWS_A_CYCLE: f64 = 4.0;

/// One of the paper's six: D with a discriminator and N without, then the numbers of latents and conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// As the paper calls it.
    pub name: &'static str,
    /// Are latents pulled to the prior?
    pub has_discriminator: bool,
    /// Numbers that the network finds by itself.
    pub latents: usize,
    /// Numbers that it is told: pressure, then position.
    pub conditions: usize,
}

const fn published(name: &'static str, has_discriminator: bool, latents: usize, conditions: usize) -> Published {
    Published { name, has_discriminator, latents, conditions }
}

/// All of them.
pub const SIX: [Published; 6] = [
    published("D1z2y", true, 1, 2),
    published("D0z2y", false, 0, 2),
    published("N1z2y", false, 1, 2),
    published("D1z1y", true, 1, 1),
    published("D2z0y", true, 2, 0),
    published("N2z0y", false, 2, 0),
];

impl Published {
    /// The one of that name.
    pub fn named(name: &str) -> Result<Self> {
        let names = || SIX.map(|one| one.name).join(", ");
        SIX.into_iter()
            .find(|one| one.name == name)
            .with_context(|| format!("--net {name}: expected one of {}", names()))
    }
}

/// Everything that a run is made of but its budget.
pub struct Plan {
    /// The set as the net sees it.
    pub data: Arc<Data>,
    /// Sizes of the net.
    pub config: Config,
    /// What is made small.
    pub method: Method,
    /// How weights begin.
    pub start: Start,
}

impl Plan {
    /// Ours.
    pub fn ours(data: Data, latents: usize) -> Self {
        let config = our_net(&data, latents, data.conditions.width);
        Self { data: Arc::new(data), config, method: Method::ours(), start: Start::He }
    }

    /// As published, for frames of so many numbers.
    pub fn published(data: Data, one: Published) -> Self {
        let config = published_net(data.targets.width, one.latents, one.conditions);
        let method = Method::published(one.has_discriminator);
        Self { data: Arc::new(data), config, method, start: PUBLISHED_START }
    }

    /// An untrained run.
    pub fn learner(&self, seed: u64) -> Result<Autoencoder> {
        let latents = self.config.latents.max(1);
        let discriminator = Discriminator::new(latents, PUBLISHED_HIDDEN, self.start, seed ^ 0x5EED)?;
        let net = Net::new(self.config.clone(), self.start, seed)?;
        Ok(Autoencoder::new(net, discriminator, self.method, &self.data))
    }

    /// Batches for it.
    pub fn source(&self, seed: u64) -> Arc<dyn Source<Vec<Rows>>> {
        let Method { rows, dropout, .. } = self.method;
        let (data, draws, latents) = (self.data.clone(), self.method.draws(), self.config.latents);
        Arc::new(Draw { data, rows, draws, latents, dropout, seed })
    }
}

/// The published sizes.
pub fn published_net(frame: usize, latents: usize, conditions: usize) -> Config {
    Config {
        inputs: frame,
        encoder_hidden: vec![PUBLISHED_HIDDEN],
        latents,
        conditions,
        octaves: 0,
        decoder_hidden: vec![PUBLISHED_HIDDEN],
        outputs: frame,
    }
}

/// Our sizes.
pub fn our_net(data: &Data, latents: usize, conditions: usize) -> Config {
    Config {
        inputs: data.inputs.width,
        encoder_hidden: ENCODER.to_vec(),
        latents,
        conditions,
        octaves: octaves(data.learnt.len(), conditions),
        decoder_hidden: DECODER.to_vec(),
        outputs: data.targets.width,
    }
}

/// Octaves that so many rows, evenly spread over so many conditions, can teach.
fn octaves(rows: usize, conditions: usize) -> usize {
    let along = (rows as f64).powf(1.0 / conditions.max(1) as f64);
    let octaves = 1.0 + (along / ROWS_A_CYCLE).log2().round();
    (octaves.max(1.0) as usize).min(OCTAVES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_teach_few_octaves() {
        assert_eq!([octaves(27_000, 3), octaves(900, 2), octaves(20, 1), octaves(3, 1)], [4, 4, 3, 1]);
    }
}
