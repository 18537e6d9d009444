//! Drawing the next sample from the network's 256 logits, by random numbers that a note counts off.
use super::mu_law::CLASSES;
use crate::arch::{Arch, LANES, Lanes, flat};

/// Groups of sixteen logits.
pub const PANELS: usize = CLASSES / LANES;
/// Least temperature that is told from 0, which takes the most probable level.
const COLD: f32 = 1e-3;

/// The random numbers of one note: number `n` is a function of seed, note and `n` alone, so that no cut into blocks, and no
/// other voice, changes what a note draws (SplitMix64, Steele, Lea, Flood 2014, entered at a counter).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Where seed and note put the generator.
    key: u64,
    /// Numbers drawn so far.
    count: u64,
}

impl Stream {
    /// The golden ratio's odd 64 bits, the generator's step.
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

    /// The stream of one note of a seed.
    pub fn new(seed: u64, note: u64) -> Self {
        Self { key: mix(mix(seed.wrapping_add(Self::STEP)).wrapping_add(note.wrapping_mul(Self::STEP))), count: 0 }
    }

    /// The next number, 0 to just below 1 in steps of 2^-24.
    pub fn draw(&mut self) -> f32 {
        self.count = self.count.wrapping_add(1);
        let bits = mix(self.key.wrapping_add(self.count.wrapping_mul(Self::STEP)));
        (bits >> 40) as f32 / (1u32 << 24) as f32
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// How freely a voice draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Freedom {
    /// 1 is as trained, below calmer, above wilder; 0 takes the most probable level always.
    pub temperature: f32,
    /// So many of the most probable levels are drawn from (and equals of the last); 256 is all.
    pub top_k: usize,
}

impl Freedom {
    /// As trained.
    pub const TRAINED: Self = Self { temperature: 1.0, top_k: CLASSES };
}

/// What [`choose`] computes in, so that nothing is allocated.
#[derive(Clone, Debug)]
pub struct Scratch {
    /// Logits being put in order.
    ordered: [f32; CLASSES],
    /// A weight for every level.
    weights: [Lanes; PANELS],
}

impl Default for Scratch {
    fn default() -> Self {
        Self { ordered: [0.0; CLASSES], weights: [Lanes::ZERO; PANELS] }
    }
}

/// The level at `u` (0..1) of the cumulative distribution `softmax(logits / temperature)`. Real time.
pub fn choose(arch: &Arch, logits: &[Lanes], freedom: Freedom, u: f32, scratch: &mut Scratch) -> u8 {
    let top = largest(logits);
    if freedom.temperature < COLD || freedom.top_k <= 1 {
        return flat(logits).iter().position(|x| *x == top).unwrap_or(0) as u8;
    }
    let floor = if freedom.top_k < CLASSES {
        scratch.ordered.copy_from_slice(flat(logits));
        *scratch.ordered.select_nth_unstable_by(freedom.top_k - 1, |a, b| b.total_cmp(a)).1
    } else {
        f32::NEG_INFINITY
    };
    (arch.weigh)(&mut scratch.weights, logits, top, floor, 1.0 / freedom.temperature);
    at(&scratch.weights, u)
}

/// The place at `u` of the sum of all weights, group by group and then within one; one of no weight is never found.
fn at(weights: &[Lanes; PANELS], u: f32) -> u8 {
    let totals = weights.map(|group| sum(&group));
    let mut rest = u * totals.iter().sum::<f32>();
    let mut last = 0;
    for (g, total) in totals.iter().enumerate() {
        if rest >= *total {
            rest -= total;
            continue;
        }
        for (l, weight) in weights[g].0.iter().enumerate() {
            if *weight > 0.0 {
                last = g * LANES + l;
                if rest < *weight {
                    return last as u8;
                }
                rest -= weight;
            }
        }
        // Rounding left a crumb beyond the group's last weight.
        return last as u8;
    }
    flat(weights).iter().rposition(|w| *w > 0.0).unwrap_or(last) as u8
}

/// The largest logit, lane by lane before across them.
fn largest(logits: &[Lanes]) -> f32 {
    let higher = |a: f32, b: f32| if b > a { b } else { a };
    let mut most = [f32::NEG_INFINITY; LANES];
    for group in logits {
        for l in 0..LANES {
            most[l] = higher(most[l], group.0[l]);
        }
    }
    most.into_iter().fold(f32::NEG_INFINITY, higher)
}

/// Sixteen numbers in pairs of pairs: short chains, and the same order on every CPU.
fn sum(group: &Lanes) -> f32 {
    let mut x = group.0;
    for half in [8, 4, 2, 1] {
        for l in 0..half {
            x[l] += x[l + half];
        }
    }
    x[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{self, flat_mut};
    use crate::nn::naive::noise;

    fn logits(seed: u64, size: f32) -> [Lanes; PANELS] {
        let mut logits = [Lanes::ZERO; PANELS];
        flat_mut(&mut logits).iter_mut().zip(noise(seed, CLASSES)).for_each(|(y, x)| *y = size * x);
        logits
    }

    fn softmax(logits: &[Lanes], temperature: f64) -> Vec<f64> {
        let weights: Vec<f64> = flat(logits).iter().map(|x| (f64::from(*x) / temperature).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|w| w / total).collect()
    }

    #[test]
    fn every_path_inverts_the_cumulative_distribution() {
        for (temperature, size) in [(1.0, 6.0), (0.4, 6.0), (1.5, 40.0)] {
            let logits = logits(1, size);
            let expected = softmax(&logits, f64::from(temperature));
            for arch in arch::available() {
                let freedom = Freedom { temperature, top_k: CLASSES };
                for i in 0..4000 {
                    let u = i as f32 / 4000.0;
                    let found = usize::from(choose(arch, &logits, freedom, u, &mut Scratch::default()));
                    let below: f64 = expected[..found].iter().sum();
                    let within = below - 2e-6..=below + expected[found] + 2e-6;
                    assert!(within.contains(&f64::from(u)), "{}: {u} found {found}, {within:?}", arch.name);
                }
            }
        }
    }

    #[test]
    fn weights_stay_within_their_stated_error_on_every_path() {
        let logits = logits(2, 30.0);
        for arch in arch::available() {
            let mut weights = [Lanes::ZERO; PANELS];
            (arch.weigh)(&mut weights, &logits, 30.0, -30.0, 1.2);
            for (x, w) in flat(&logits).iter().zip(flat(&weights)) {
                let exponent = (f64::from(*x) - 30.0) * f64::from(1.2f32);
                let error = f64::from(*w) / exponent.exp() - 1.0;
                assert!(error.abs() <= 3e-7 + 2e-7 * exponent.abs(), "{}: exp({exponent}) = {w}, {error:e}", arch.name);
            }
        }
    }

    #[test]
    fn cold_draws_take_the_first_of_the_most_probable() {
        let mut logits = logits(3, 1.0);
        (logits[2].0[5], logits[9].0[1]) = (4.0, 4.0);
        for freedom in [Freedom { temperature: 0.0, top_k: 256 }, Freedom { temperature: 1.0, top_k: 1 }] {
            assert_eq!(choose(arch::best(), &logits, freedom, 0.999, &mut Scratch::default()), 2 * 16 + 5);
        }
    }

    #[test]
    fn the_top_three_are_drawn_and_no_others() {
        let mut logits = logits(4, 1.0);
        (logits[0].0[3], logits[7].0[0], logits[15].0[15]) = (3.0, 2.5, 2.0);
        let freedom = Freedom { temperature: 1.5, top_k: 3 };
        let mut seen = [0; CLASSES];
        let mut stream = Stream::new(1, 1);
        for _ in 0..3000 {
            seen[usize::from(choose(arch::best(), &logits, freedom, stream.draw(), &mut Scratch::default()))] += 1;
        }
        assert_eq!(seen.iter().filter(|n| **n > 0).count(), 3);
        assert!(seen[3] > seen[112] && seen[112] > seen[255] && seen[255] > 500, "{seen:?}");
    }

    #[test]
    fn the_ends_of_the_distribution_are_reached_but_never_a_level_of_no_weight() {
        let mut weights = [Lanes::ZERO; PANELS];
        weights[3].0[7] = 0.3;
        weights[8].0[0] = 0.7;
        assert_eq!([0.0, 0.29, 0.31, 1.0 - f32::EPSILON / 2.0].map(|u| at(&weights, u)), [55, 55, 128, 128]);
        assert_eq!(at(&weights, 1.0), 128);
    }

    #[test]
    fn streams_are_even_and_differ_by_seed_and_note() {
        let draws = |seed, note| {
            let mut stream = Stream::new(seed, note);
            (0..20_000).map(|_| stream.draw()).collect::<Vec<_>>()
        };
        let a = draws(1, 1);
        assert_eq!(a, draws(1, 1));
        for other in [draws(1, 2), draws(2, 1)] {
            assert!(a.iter().zip(&other).filter(|(a, b)| a == b).count() < 3);
        }
        assert!(a.iter().all(|u| (0.0..1.0).contains(u)));
        let mean = a.iter().sum::<f32>() / a.len() as f32;
        let lag = a.windows(2).map(|w| (w[0] - 0.5) * (w[1] - 0.5)).sum::<f32>() / a.len() as f32;
        // Five standard deviations of 20,000 even numbers.
        assert!((mean - 0.5).abs() < 0.0103 && lag.abs() < 0.003, "mean {mean}, product {lag}");
    }
}
