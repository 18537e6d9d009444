//! What 8 bits cost: how far the next sample's distribution moves, on sound that the model itself plays.
use super::evaluate::{Point, grid};
use super::export::controls;
use anyhow::Result;
use kernels::arch;
use kernels::sound_model::selftest::divergence;
use kernels::sound_model::{MAX_VOICES, Precision, SoundModel, SoundModelState};

/// Notes and timbres that are played at once.
const POINTS: [usize; 2] = [5, 2];
/// Samples of each.
const SAMPLES: usize = 3800;

/// Mean Kullback-Leibler divergence of the 8-bit file from the full one, in nats a sample: the 8-bit one plays, the full one is
/// held to what it says.
pub fn cost(full: &[u8], rounded: &[u8], temperature: f32) -> Result<f64> {
    let rounded = SoundModel::load(rounded)?;
    let full = SoundModel::load_on(full, Precision::Full, arch::best(), arch::integer::best())?;
    let mut points: Vec<Point> = grid(rounded.info(), POINTS[0], POINTS[1]);
    points.truncate(MAX_VOICES);
    let controls: Vec<_> = points.iter().map(|point| controls(&rounded, point, temperature)).collect();
    let mut states = [&rounded, &full].map(|model| SoundModelState::new(model, points.len()));
    for (voice, controls) in controls.iter().enumerate() {
        states[0].start(&rounded, voice, controls, 5, voice as u64);
        states[1].start(&full, voice, controls, 5, voice as u64);
    }
    let [playing, held] = &mut states;
    let mut one = vec![0.0; points.len()];
    let mut sum = 0.0;
    for _ in 0..SAMPLES {
        playing.render(&rounded, &controls, &mut one);
        held.render(&full, &controls, &mut one);
        for voice in 0..points.len() {
            sum += divergence(held.logits(voice), playing.logits(voice));
            held.hear(voice, playing.class(voice));
        }
    }
    Ok(sum / (SAMPLES * points.len()) as f64)
}
