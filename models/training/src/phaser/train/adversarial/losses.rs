//! What the two players want: hinge losses (Lim, Ye 2017) and mode seeking (Mao et al. 2019, with the STFT distance).
use crate::spectral_loss::SpectralLoss;
use candle_core::{Result, Tensor};

/// Keeps the inverse of a distance finite.
const MODE_EPSILON: f64 = 0.01;

/// `mean max(0, 1 - D(real)) + mean max(0, 1 + D(fake))`.
pub fn critic_hinge(real: &Tensor, fake: &Tensor) -> Result<Tensor> {
    (1.0 - real)?.relu()?.mean_all()? + (fake + 1.0)?.relu()?.mean_all()?
}

/// `-mean D(fake)`.
pub fn generator_hinge(fake: &Tensor) -> Result<Tensor> {
    fake.mean_all()?.neg()
}

/// `1 / (distance + epsilon)` between the two halves of `[2 windows, samples]`, which come from two start states: small when
/// different states sound different. The distance is taken both ways, since only its first sound has a gradient.
pub fn mode_seeking(spectral: &SpectralLoss, sounds: &Tensor) -> Result<Tensor> {
    let windows = sounds.dim(0)? / 2;
    let (one, other) = (sounds.narrow(0, 0, windows)?, sounds.narrow(0, windows, windows)?);
    let (forth, back) = (spectral.distance(&one, &other.detach())?, spectral.distance(&other, &one.detach())?);
    (((forth + back)? * 0.5)? + MODE_EPSILON)?.recip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    #[test]
    fn hinges_are_as_computed_by_hand() -> Result<()> {
        // Real: (0 + 0.5 + 2) / 3; fake: (0 + 1.2 + 3) / 3.
        let hinge = critic_hinge(&tensor(&[1.5, 0.5, -1.0]), &tensor(&[-2.0, 0.2, 2.0]))?.to_scalar::<f32>()?;
        assert!((hinge - (2.5 / 3.0 + 4.2 / 3.0)).abs() < 1e-6, "{hinge}");
        assert!((generator_hinge(&tensor(&[1.0, -4.0]))?.to_scalar::<f32>()? - 1.5).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn mode_seeking_is_the_inverse_distance_and_drives_equal_sounds_apart() -> Result<()> {
        let spectral = SpectralLoss::default();
        let sound = |hz: f32| (0..4096).map(|n| (hz * n as f32 / 7000.0).sin()).collect::<Vec<f32>>();
        let both = Tensor::from_vec([sound(300.0), sound(310.0)].concat(), (2, 4096), &Device::Cpu)?;
        let row = |n: usize| both.narrow(0, n, 1);
        let forth = spectral.distance(&row(0)?, &row(1)?)?.to_scalar::<f32>()?;
        let back = spectral.distance(&row(1)?, &row(0)?)?.to_scalar::<f32>()?;
        let expected = 1.0 / (0.5 * (forth + back) + 0.01);
        let sounds = Var::from_tensor(&both)?;
        let loss = mode_seeking(&spectral, sounds.as_tensor())?;
        assert!((loss.to_scalar::<f32>()? - expected).abs() < 1e-4 * expected);
        let step = (loss.backward()?.get(&sounds).unwrap() * 1e-3)?;
        sounds.set(&(sounds.as_tensor() - step)?.detach())?;
        assert!(mode_seeking(&spectral, sounds.as_tensor())?.to_scalar::<f32>()? < expected);
        Ok(())
    }
}
