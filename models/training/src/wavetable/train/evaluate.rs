//! How well a net does on rows that it did not learn from: variance explained, conditions found, latents spread.
use super::autoencoder::PUBLISHED_DEVIATION;
use super::basis::Basis;
use super::data::Data;
use anyhow::Result;
use candle_core::Tensor;
use nets::wavetable::Net;

/// Rows that go through the net at once.
const CHUNK: usize = 2048;
/// Bins of a latent in which the mean of a condition is taken.
const BINS: usize = 20;

/// What a net was found to do; shares are 0..1.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Variance of the frames explained through the encoder's codes.
    pub explained: f64,
    /// The same by the knobs alone: true conditions, latents 0.
    pub explained_by_knobs: f64,
    /// RMS error of the log gain by knobs and latents, in dB; 0 where the net gives none.
    pub gain_error_db: f64,
    /// RMS error of each condition that the encoder finds, of a span of 2.
    pub condition_errors: Vec<f64>,
    /// Largest distance of a latent's distribution from the prior's (Kolmogorov, Smirnov); 0 without latents.
    pub ks: f64,
    /// Largest share of a condition's variance that one latent tells.
    pub told: f64,
    /// Correlation of the first latent with what the network was not told, where that is known.
    pub hidden: f64,
    /// Mean and deviation of the first latent.
    pub latent: [f64; 2],
}

/// Which prior latents are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Normal, of the published deviation.
    Normal,
    /// Uniform over -1..1.
    Uniform,
}

/// Latents and found conditions of rows, [rows][latents + conditions].
pub fn codes(net: &Net, data: &Data, rows: &[usize]) -> Result<Vec<Vec<f32>>> {
    let mut codes = Vec::new();
    for rows in rows.chunks(CHUNK) {
        codes.extend(net.encode(&data.inputs.tensor(rows)?)?.to_vec2()?);
    }
    Ok(codes)
}

/// What the decoder makes of controls, [rows][outputs].
pub fn decoded(net: &Net, controls: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
    let mut found = Vec::new();
    for chunk in controls.chunks(CHUNK) {
        found.extend(net.decode(&Tensor::new(chunk.to_vec(), &candle_core::Device::Cpu)?)?.to_vec2()?);
    }
    Ok(found)
}

/// Judges a net on rows. `told` as in training: does the decoder hear the true conditions or the encoder's?
pub fn evaluate(net: &Net, data: &Data, rows: &[usize], told: bool, prior: Target, hidden: &[f32]) -> Result<Report> {
    let latents = net.config.latents;
    let codes = codes(net, data, rows)?;
    let truth = |row: usize| data.conditions.row(row);
    let controls = |latent: &dyn Fn(&[f32]) -> Vec<f32>, told: bool| -> Vec<Vec<f32>> {
        let row = |(code, row): (&Vec<f32>, &usize)| {
            let conditions = if told { truth(*row) } else { &code[latents..] };
            [latent(&code[..latents]).as_slice(), conditions].concat()
        };
        codes.iter().zip(rows).map(row).collect()
    };
    let whole = decoded(net, &controls(&|z| z.to_vec(), told))?;
    let by_knobs = decoded(net, &controls(&|z| vec![0.0; z.len()], true))?;
    let numbers = data.targets.width - usize::from(data.gain.is_some());
    let gain_error_db = data.gain.map_or(0.0, |[_, deviation]| {
        let error = |(found, row): (&Vec<f32>, &usize)| found[numbers] - data.targets.row(*row)[numbers];
        let errors: Vec<f64> = whole.iter().zip(rows).map(|pair| f64::from(error(pair)) * deviation).collect();
        rms(&errors) * 20.0 / std::f64::consts::LN_10
    });
    let condition_errors = (0..net.config.conditions).map(|c| {
        let error = |(code, row): (&Vec<f32>, &usize)| f64::from(code[latents + c] - truth(*row)[c]);
        rms(&codes.iter().zip(rows).map(error).collect::<Vec<_>>())
    });
    let latent = |n: usize| codes.iter().map(|code| f64::from(code[n])).collect::<Vec<_>>();
    let condition = |n: usize| rows.iter().map(|row| f64::from(truth(*row)[n])).collect::<Vec<_>>();
    let conditions = data.conditions.width;
    let pairs = (0..latents).flat_map(|z| (0..conditions).map(move |c| (z, c)));
    let hidden = if latents > 0 && !hidden.is_empty() {
        let hidden: Vec<f64> = rows.iter().map(|row| f64::from(hidden[*row])).collect();
        correlation(&latent(0), &hidden)
    } else {
        0.0
    };
    Ok(Report {
        explained: explained(data, rows, &whole),
        explained_by_knobs: explained(data, rows, &by_knobs),
        gain_error_db,
        condition_errors: condition_errors.collect(),
        ks: (0..latents).map(|z| ks(&latent(z), prior)).fold(0.0, f64::max),
        told: pairs.map(|(z, c)| told_share(&latent(z), &condition(c))).fold(0.0, f64::max),
        hidden,
        latent: if latents > 0 { mean_and_deviation(&latent(0)) } else { [0.0; 2] },
    })
}

/// Share of the frames' variance about the mean frame that found numbers explain.
fn explained(data: &Data, rows: &[usize], found: &[Vec<f32>]) -> f64 {
    let numbers = data.targets.width - usize::from(data.gain.is_some());
    let weight = |n: usize| match &data.basis {
        Basis::Frame => 1.0,
        Basis::Harmonics { units } => units[n / 2].powi(2),
    };
    let (mut error, mut variance) = (0.0, 0.0);
    for n in 0..numbers {
        let target = |row: &usize| f64::from(data.targets.row(*row)[n]);
        let mean = rows.iter().map(target).sum::<f64>() / rows.len() as f64;
        let pairs = rows.iter().zip(found);
        error += weight(n) * pairs.map(|(row, found)| (target(row) - f64::from(found[n])).powi(2)).sum::<f64>();
        variance += weight(n) * rows.iter().map(|row| (target(row) - mean).powi(2)).sum::<f64>();
    }
    1.0 - error / variance.max(f64::MIN_POSITIVE)
}

/// Root of the mean square.
pub fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|x| x * x).sum::<f64>() / values.len().max(1) as f64).sqrt()
}

fn mean_and_deviation(values: &[f64]) -> [f64; 2] {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    [mean, rms(&values.iter().map(|x| x - mean).collect::<Vec<_>>())]
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let ([mean_a, deviation_a], [mean_b, deviation_b]) = (mean_and_deviation(a), mean_and_deviation(b));
    let product = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / a.len() as f64;
    product / (deviation_a * deviation_b).max(1e-30)
}

/// Largest distance of two cumulative distributions: the values' and the prior's.
fn ks(values: &[f64], prior: Target) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let below = |x: f64| match prior {
        Target::Uniform => (0.5 + 0.5 * x).clamp(0.0, 1.0),
        Target::Normal => normal_below(x / PUBLISHED_DEVIATION),
    };
    let distance = |(n, x): (usize, &f64)| {
        let expected = below(*x);
        ((n as f64 + 1.0) / count - expected).max(expected - n as f64 / count)
    };
    sorted.iter().enumerate().map(distance).fold(0.0, f64::max)
}

/// Share of the normal distribution below x; off by less than 1.2e-7 (the error function of Press et al., Numerical Recipes,
/// as a Chebyshev fit).
fn normal_below(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * z);
    const FIT: [f64; 10] = [
        -1.26551223,
        1.00002368,
        0.37409196,
        0.09678418,
        -0.18628806,
        0.27886807,
        -1.13520398,
        1.48851587,
        -0.82215223,
        0.17087277,
    ];
    let tail = 0.5 * t * (-z * z + FIT.iter().rev().fold(0.0, |sum, c| sum * t + c)).exp();
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// Share of y's variance that z tells: the variance of y's mean in [`BINS`] bins of z that hold equally many rows, less what
/// chance gives.
fn told_share(z: &[f64], y: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..z.len()).collect();
    order.sort_by(|a, b| z[*a].total_cmp(&z[*b]));
    let bins = BINS.min(z.len() / 10).max(1);
    let [mean, deviation] = mean_and_deviation(y);
    let size = z.len() as f64 / bins as f64;
    let between: f64 = (0..bins)
        .map(|bin| {
            let place = |bin: usize| (bin as f64 * size) as usize;
            let rows = &order[place(bin)..place(bin + 1)];
            let inside = rows.iter().map(|row| y[*row]).sum::<f64>() / rows.len() as f64;
            (inside - mean).powi(2) * rows.len() as f64
        })
        .sum::<f64>()
        / z.len() as f64;
    let found = between / (deviation * deviation).max(1e-30);
    let by_chance = (bins - 1) as f64 / (z.len() - 1).max(1) as f64;
    ((found - by_chance) / (1.0 - by_chance).max(1e-9)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_from_a_prior_is_that_of_the_distributions() {
        let even: Vec<f64> = (0..1000).map(|n| 2.0 * (n as f64 + 0.5) / 1000.0 - 1.0).collect();
        assert!(ks(&even, Target::Uniform) < 1e-3);
        let half: Vec<f64> = even.iter().map(|x| 0.5 * x).collect();
        assert!((ks(&half, Target::Uniform) - 0.25).abs() < 2e-3);
        assert!((normal_below(1.0) - 0.841_344_746).abs() < 2e-7 && (normal_below(-2.0) - 0.022_750_132).abs() < 2e-7);
    }

    #[test]
    fn an_even_dependence_is_told_where_correlation_sees_none() {
        let z: Vec<f64> = (0..2000).map(|n| 2.0 * f64::from(n) / 2000.0 - 1.0).collect();
        let y: Vec<f64> = z.iter().map(|z| z * z).collect();
        assert!(correlation(&z, &y).abs() < 0.01 && told_share(&z, &y) > 0.98);
        let other: Vec<f64> = (0..2000).map(|n| f64::from(n * 977 % 2000)).collect();
        assert!(told_share(&z, &other) < 0.01);
    }
}
