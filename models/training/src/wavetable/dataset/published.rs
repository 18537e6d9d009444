//! Records as the author of Sinclair 2017 prepared them: rotated, differenced, scaled element by element.
//!
//! Kept for comparison. A record is not a whole number of periods, so its rotation puts a step inside; the flip turns about
//! 44 % of a string upside down that has a definite polarity. [`super::periods`] has neither.
use super::capture::{RATE_HZ, RECORD, Record};
use super::{About, Condition, Dataset};
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Numbers of a frame: differences of a record's samples.
pub const FRAME: usize = RECORD - 1;
/// Records that are summed to what all are aligned with.
const REFERENCES: usize = 10;
/// What the network sees is a normalised element over this.
const SCALE: f64 = 4.0;

/// How a record is turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// To the highest correlation, of either sign, with ten records drawn by chance; negative ones are flipped.
    Correlation,
    /// Its largest magnitude first, not flipped: the author's rule for the random walk.
    Extreme,
}

/// Prepares records under the name `bowed1` or `bowed2`. `captures` is how many were tried to get them.
pub fn prepare(name: &str, records: &[Record], captures: usize, alignment: Alignment, seed: u64) -> Dataset {
    let mut set = Dataset::empty(About {
        name: name.into(),
        period: FRAME,
        differences: true,
        body: true,
        sample_rate_hz: RATE_HZ,
        conditions: ["pressure", "position"].map(|id| Condition::controller(id, 0.0, 128.0)).into(),
        rejected: captures - records.len(),
        seed,
    });
    let sounds: Vec<Vec<f64>> = records.iter().map(|r| r.sound.iter().copied().map(six_digits).collect()).collect();
    let reference = match alignment {
        Alignment::Correlation => reference(&sounds, seed),
        Alignment::Extreme => Vec::new(),
    };
    let frames: Vec<Vec<f64>> = sounds.iter().map(|sound| differences(sound, alignment, &reference)).collect();
    let (mean, std) = statistics(&frames);
    for (record, frame) in records.iter().zip(&frames) {
        let normalised = frame.iter().zip(&mean).zip(&std).map(|((d, mean), std)| (d - mean) / (SCALE * std));
        set.push(normalised, &[record.pressure, record.position], record.rms(), 1);
    }
    set.mean = mean.iter().map(|x| *x as f32).collect();
    set.std = std.iter().map(|x| (SCALE * x) as f32).collect();
    set.reference = reference.iter().map(|x| *x as f32).collect();
    set
}

/// Other records as `set` was prepared: turned to its reference, scaled by its mean and deviation. The author's evaluation
/// turned each test record to the training record of its true parameters instead.
pub fn prepare_like(set: &Dataset, records: &[Record]) -> Dataset {
    let reference: Vec<f64> = set.reference.iter().map(|x| f64::from(*x)).collect();
    let alignment = if reference.is_empty() { Alignment::Extreme } else { Alignment::Correlation };
    let mut like = Dataset::empty(About { rejected: 0, ..set.about.clone() });
    for record in records {
        let sound: Vec<f64> = record.sound.iter().copied().map(six_digits).collect();
        let frame = differences(&sound, alignment, &reference).into_iter().zip(&set.mean).zip(&set.std);
        let normalised = frame.map(|((d, mean), std)| (d - f64::from(*mean)) / f64::from(*std));
        like.push(normalised, &[record.pressure, record.position], record.rms(), 1);
    }
    (like.mean, like.std, like.reference) = (set.mean.clone(), set.std.clone(), set.reference.clone());
    like
}

/// The turned record's differences.
fn differences(sound: &[f64], alignment: Alignment, reference: &[f64]) -> Vec<f64> {
    let turned = match alignment {
        Alignment::Correlation => correlated(sound, reference),
        Alignment::Extreme => from_extreme(sound),
    };
    turned.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// What is left of a sample in the author's text file.
fn six_digits(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x)
}

/// Ten records drawn by chance, each without its mean and of norm 1, summed.
fn reference(sounds: &[Vec<f64>], seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut sum = vec![0.0; RECORD];
    for sound in sounds.sample(&mut rng, REFERENCES) {
        let mean = sound.iter().sum::<f64>() / RECORD as f64;
        let norm = sound.iter().map(|x| (x - mean).powi(2)).sum::<f64>().sqrt();
        sum.iter_mut().zip(sound).for_each(|(sum, x)| *sum += (x - mean) / norm);
    }
    sum
}

/// The record turned to its highest correlation with the reference, and flipped if that is negative.
fn correlated(sound: &[f64], reference: &[f64]) -> Vec<f64> {
    let doubled = [sound, sound].concat();
    // Turned by i, the sample that comes first is the one i before the end.
    let turned = |by: usize| &doubled[RECORD - by..][..RECORD];
    let correlation = |by: usize| turned(by).iter().zip(reference).map(|(x, r)| x * r).sum::<f64>();
    let mut best = (0, 0.0f64);
    for by in 0..RECORD {
        let found = correlation(by);
        if found.abs() > best.1.abs() {
            best = (by, found);
        }
    }
    turned(best.0).iter().map(|x| x * best.1.signum()).collect()
}

/// The record from its largest magnitude on.
fn from_extreme(sound: &[f64]) -> Vec<f64> {
    let first = (0..sound.len()).max_by(|a, b| sound[*a].abs().total_cmp(&sound[*b].abs())).unwrap_or(0);
    [&sound[first..], &sound[..first]].concat()
}

/// Mean and deviation of each element over all frames.
fn statistics(frames: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let over = |f: &dyn Fn(&Vec<f64>) -> f64| frames.iter().map(f).sum::<f64>() / frames.len() as f64;
    let mean: Vec<f64> = (0..FRAME).map(|n| over(&|frame| frame[n])).collect();
    let std = (0..FRAME).map(|n| over(&|frame| (frame[n] - mean[n]).powi(2)).sqrt()).collect();
    (mean, std)
}

#[cfg(test)]
mod tests {
    use super::super::capture::{trajectory, walk};
    use super::*;

    #[test]
    fn a_turned_and_flipped_record_is_turned_back() {
        let record = &walk(3, 1)[0].sound;
        let moved: Vec<f64> = (0..RECORD).map(|n| -record[(n + 57) % RECORD]).collect();
        assert_eq!(correlated(&moved, record), *record);
        let first = from_extreme(record)[0].abs();
        assert!(record.iter().all(|x| x.abs() <= first));
    }

    #[test]
    fn scaled_frames_have_the_papers_size_and_give_back_the_differences() {
        let records = walk(300, 2);
        for alignment in [Alignment::Correlation, Alignment::Extreme] {
            let set = prepare("bowed2", &records, 300, alignment, 5);
            assert_eq!((set.len() + set.about.rejected, set.about.period), (300, 200));
            let power = set.frames.iter().map(|x| x * x).sum::<f32>() / set.frames.len() as f32;
            assert!((power.sqrt() - 0.25).abs() < 1e-4, "{}", power.sqrt());
            // Differences around a circle sum to zero but for the one that is left out.
            let back = |n: usize| set.frame(7)[n] * set.std[n] + set.mean[n];
            let total: f32 = (0..FRAME).map(back).sum();
            let sound = &records[7].sound;
            let widest = sound.iter().fold(0.0f64, |m, x| m.max(x.abs())) as f32;
            assert!(total.abs() <= 2.0 * widest, "{total} for samples within {widest}");
            assert_eq!(set, prepare("bowed2", &records, 300, alignment, 5));
            let like = prepare_like(&set, &records[..20]);
            assert!((0..20 * FRAME).all(|n| (like.frames[n] - set.frames[n]).abs() < 1e-4));
        }
        assert_eq!(prepare("known", &trajectory(), 714, Alignment::Extreme, 1).len(), 714);
    }

    #[test]
    fn text_keeps_six_digits() {
        assert_eq!(six_digits(-0.123456789), -0.123457);
        assert_eq!(six_digits(1.23456789e-7), 1.23457e-7);
    }
}
