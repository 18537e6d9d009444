//! What keeps latents spread as a knob should be, and what the paper's two players play for.
use candle_core::{D, Result, Tensor};

/// Keeps the logarithm of a probability finite, as the author's program does.
const SMALL: f64 = 1e-9;
/// Widths of the kernel of [`discrepancy`], in the latents' and conditions' own unit.
const WIDTHS: [f64; 3] = [0.1, 0.3, 1.0];

/// Mean square of a difference.
pub fn mean_square(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    (a - b)?.sqr()?.mean_all()
}

/// What the encoder wants: latents that the discriminator takes for drawn ones. `judged` are its probabilities of them.
pub fn generator(judged: &Tensor) -> Result<Tensor> {
    (judged + SMALL)?.log()?.mean_all()?.neg()
}

/// What the discriminator wants: drawn latents found likely, encoded ones unlikely.
pub fn discriminator(drawn: &Tensor, encoded: &Tensor) -> Result<Tensor> {
    let told = ((drawn + SMALL)?.log()? + (1.0 + SMALL - encoded)?.log()?)?;
    told.mean_all()? * -0.5
}

/// Mean square distance of sorted latents [rows, latents] from where as many rows of the uniform distribution over -1..1
/// would lie, each latent by itself. In one dimension this is the exact distance from the prior (Wasserstein 2), without a
/// second network.
pub fn quantiles(z: &Tensor) -> Result<Tensor> {
    let (rows, latents) = z.dims2()?;
    let columns = z.t()?.contiguous()?;
    let order = columns.detach().arg_sort_last_dim(true)?;
    let sorted = columns.gather(&order, D::Minus1)?;
    let even: Vec<f32> = (0..rows).map(|n| (2.0 * (n as f64 + 0.5) / rows as f64 - 1.0) as f32).collect();
    let even = Tensor::from_vec(even, (1, rows), z.device())?.broadcast_as((latents, rows))?;
    mean_square(&sorted, &even)
}

/// [`quantiles`] of all rows, and of the rows below and above the middle of each condition [rows, conditions]: so latents tell
/// nothing of conditions. The mean of all of them.
pub fn quantiles_within(z: &Tensor, conditions: &Tensor) -> Result<Tensor> {
    let z = &z.contiguous()?;
    let mut sum = quantiles(z)?;
    let columns = conditions.t()?.contiguous()?;
    let (count, rows) = columns.dims2()?;
    for condition in 0..count {
        let order = columns.get(condition)?.arg_sort_last_dim(true)?;
        for half in [order.narrow(0, 0, rows / 2)?, order.narrow(0, rows / 2, rows - rows / 2)?] {
            sum = (sum + quantiles(&z.index_select(&half.contiguous()?, 0)?)?)?;
        }
    }
    sum / (1 + 2 * count) as f64
}

/// Squares of all distances between rows, [rows of a, rows of b].
fn distances(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let norms = |x: &Tensor| x.sqr()?.sum(1);
    let products = a.matmul(&b.t()?)?;
    let sums = norms(a)?.unsqueeze(1)?.broadcast_add(&norms(b)?.unsqueeze(0)?)?;
    (sums - (products * 2.0)?)?.relu()
}

/// Sum of `w^2 / (w^2 + distance)` over widths w.
fn likeness(distances: &Tensor) -> Result<Tensor> {
    let mut sum = distances.zeros_like()?;
    for width in WIDTHS {
        let square = width * width;
        sum = (sum + ((distances + square)?.recip()? * square)?)?;
    }
    sum / WIDTHS.len() as f64
}

/// Maximum mean discrepancy (Gretton et al. 2012) between latents with their conditions and drawn latents with the same
/// conditions, all [rows, ..]: zero when latents are as if drawn, whatever the conditions.
pub fn discrepancy(z: &Tensor, drawn: &Tensor, conditions: Option<&Tensor>) -> Result<Tensor> {
    let within = likeness(&distances(z, z)?)?;
    let across = likeness(&distances(z, drawn)?)?;
    let of_drawn = likeness(&distances(drawn, drawn)?)?;
    let difference = ((within + of_drawn)? - (across * 2.0)?)?;
    match conditions {
        Some(conditions) => (difference * likeness(&distances(conditions, conditions)?)?)?.mean_all(),
        None => difference.mean_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    type Loss<'a> = Box<dyn Fn(&Tensor) -> Result<Tensor> + 'a>;

    fn column(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap().unsqueeze(1).unwrap()
    }

    fn value(x: Result<Tensor>) -> f64 {
        f64::from(x.unwrap().to_scalar::<f32>().unwrap())
    }

    #[test]
    fn losses_have_the_values_found_by_hand() {
        let (half, quarter) = (column(&[0.5, 0.5]), column(&[0.25, 0.25]));
        assert!((value(generator(&quarter)) - 4f64.ln()).abs() < 1e-6);
        assert!((value(discriminator(&half, &quarter)) - 0.5 * (2f64.ln() - 0.75f64.ln())).abs() < 1e-6);
        // Sorted -0.5, 0.5, against -0.5, 0.5; shifted by one, every distance is one.
        assert!(value(quantiles(&column(&[0.5, -0.5]))) < 1e-12);
        assert!((value(quantiles(&column(&[1.5, 0.5]))) - 1.0).abs() < 1e-6);
        let one = |distance: f64| WIDTHS.iter().map(|w| w * w / (w * w + distance)).sum::<f64>() / 3.0;
        let expected = 2.0 - 2.0 * one(0.25);
        assert!((value(discrepancy(&column(&[0.5]), &column(&[0.0]), None)) - expected).abs() < 1e-6);
    }

    #[test]
    fn latents_that_follow_a_condition_are_found_though_they_fill_the_prior() {
        let even = column(&(0..64).map(|n| (2.0 * (n as f32 + 0.5)) / 64.0 - 1.0).collect::<Vec<_>>());
        // A stride that is prime to the count mixes the order.
        let mixed = column(&(0..64).map(|n| (2.0 * ((n * 27 % 64) as f32 + 0.5)) / 64.0 - 1.0).collect::<Vec<_>>());
        assert!(value(quantiles(&even)) < 1e-12);
        assert!(value(quantiles_within(&even, &even)) > 20.0 * value(quantiles_within(&mixed, &even)));
        let other = column(&(0..64).map(|n| (2.0 * ((n * 45 % 64) as f32 + 0.5)) / 64.0 - 1.0).collect::<Vec<_>>());
        let found = |z| value(discrepancy(z, &other, Some(&even)));
        assert!(found(&even) > 5.0 * found(&mixed).abs(), "{} {}", found(&even), found(&mixed));
    }

    #[test]
    fn gradients_are_the_slopes() {
        let place = [0.31f32, -0.72, 0.05, 0.6];
        let drawn = column(&[-0.4, 0.2, 0.9, -0.8]);
        let conditions = column(&[-1.0, -0.3, 0.4, 0.8]);
        let losses: [(&str, Loss); 5] = [
            ("generator", Box::new(|z| generator(&(z.sqr()? + 0.1)?))),
            ("discriminator", Box::new(|z| discriminator(&(z.sqr()? + 0.1)?, &(z.sqr()? * 0.5)?))),
            ("quantiles", Box::new(quantiles)),
            ("quantiles within", Box::new(|z| quantiles_within(z, &conditions))),
            ("discrepancy", Box::new(|z| discrepancy(z, &drawn, Some(&conditions)))),
        ];
        for (name, loss) in losses {
            let z = Var::from_tensor(&column(&place)).unwrap();
            let grads = loss(z.as_tensor()).unwrap().backward().unwrap();
            let grad: Vec<f32> = grads.get(z.as_tensor()).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            for n in 0..place.len() {
                let at = |step: f32| {
                    let mut moved = place;
                    moved[n] += step;
                    value(loss(&column(&moved)))
                };
                let slope = (at(5e-3) - at(-5e-3)) / 1e-2;
                assert!(
                    (slope - f64::from(grad[n])).abs() < 2e-3 + 0.01 * slope.abs(),
                    "{name} {n}: {} for {slope}",
                    grad[n]
                );
            }
        }
    }
}
