//! Primed states: how the network stands in the middle of each sound, found by holding it to the recordings.
use super::takes::Takes;
use anyhow::Result;
use candle_core::IndexOp;
use kernels::sound_model::mu_law;
use nets::lookup_fused::Heard;
use nets::sound_model::{Net, Window};
use std::f32::consts::TAU;
use std::sync::Arc;

/// Most states of a file: each is as long as all outputs of the network, and players look for the nearest at every note.
const MOST_STATES: usize = 65;
/// Samples that the network hears before.
const HEARD_SAMPLES: usize = 2048;
/// Takes that are heard at once.
const AT_ONCE: usize = 13;

/// The tensors `bank.states` and `bank.conditions`, row after row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bank {
    /// `[n, layers hidden + 1 (+ 1)]`.
    pub states: Vec<f32>,
    /// `[n, conditions]`.
    pub conditions: Vec<f32>,
    /// Rows.
    pub count: usize,
}

impl Bank {
    /// States of takes that lie as far from each other as can be; with `amplitude` at full level.
    pub fn prime(net: &Net, takes: &Takes, amplitude: bool) -> Result<Self> {
        let mut bank = Self::default();
        let chosen = spread(&takes.takes.iter().map(|take| takes.conditions(take)).collect::<Vec<_>>(), MOST_STATES);
        for places in chosen.chunks(AT_ONCE) {
            bank.add(net, takes, places, amplitude)?;
        }
        Ok(bank)
    }

    fn add(&mut self, net: &Net, takes: &Takes, places: &[usize], amplitude: bool) -> Result<()> {
        let streams = places.len();
        let each = net.config.beside_audio();
        let rows = HEARD_SAMPLES * streams;
        let (mut classes, mut numbers) = (vec![0; rows], Vec::with_capacity(rows * each));
        let starts: Vec<usize> =
            places.iter().map(|place| (takes.takes[*place].sound.len() - HEARD_SAMPLES - 2) / 2).collect();
        let conditions: Vec<Vec<f32>> = places
            .iter()
            .map(|place| takes.conditions(&takes.takes[*place]).into_iter().chain(amplitude.then_some(1.0)).collect())
            .collect();
        for t in 0..HEARD_SAMPLES {
            for (stream, place) in places.iter().enumerate() {
                let take = &takes.takes[*place];
                classes[t * streams + stream] = mu_law::encode(take.sound[starts[stream] + t]);
                numbers.extend(&conditions[stream]);
                if net.config.clock {
                    let (sine, cosine) = (TAU * take.phases_turns[starts[stream] + t + 1]).sin_cos();
                    numbers.extend([sine, cosine]);
                }
            }
        }
        let heard = Arc::new(Heard { classes, numbers });
        let window = Window { shape: [1, HEARD_SAMPLES, streams], heard, next: Arc::default() };
        let (_, after) = net.logits(&window, &net.rest(1, streams)?)?;
        for (stream, place) in places.iter().enumerate() {
            let (take, last) = (&takes.takes[*place], starts[stream] + HEARD_SAMPLES);
            let h: Vec<f32> = after.i((.., 0, stream, ..))?.flatten_all()?.to_vec1()?;
            self.states.extend(h.into_iter().map(|h| h.clamp(-1.0, 1.0)));
            self.states.push(mu_law::companded(mu_law::encode(take.sound[last])));
            self.states.extend(net.config.clock.then(|| take.phases_turns[last + 1]));
            self.conditions.extend(&conditions[stream]);
            self.count += 1;
        }
        Ok(())
    }
}

/// Places of at most `most` points, each as far from those before it as can be; equal points count once.
fn spread(points: &[Vec<f32>], most: usize) -> Vec<usize> {
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let mut chosen = vec![0];
    let mut nearest: Vec<f32> = points.iter().map(|p| distance(p, &points[0])).collect();
    while chosen.len() < most {
        let Some((far, _)) = nearest.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).filter(|(_, d)| **d > 1e-9)
        else {
            break;
        };
        chosen.push(far);
        nearest.iter_mut().zip(points).for_each(|(d, p)| *d = d.min(distance(p, &points[far])));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_points_come_first_and_equal_ones_once() {
        let points: Vec<Vec<f32>> = [0.0, 0.1, 1.0, 0.5, 1.0].map(|x| vec![x]).to_vec();
        assert_eq!(spread(&points, 3), [0, 4, 3]);
        assert_eq!(spread(&points, 9), [0, 4, 3, 1]);
    }
}
