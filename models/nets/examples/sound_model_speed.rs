//! Samples a second of a training step of the sound model, forward and backward: `sound_model_speed LAYERS UNITS [STEPS]`.
use candle_core::Result;
use nets::lookup_fused::Heard;
use nets::sound_model::{Audio, CLASSES, Config, Net, Window};
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<()> {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let (layers, hidden, steps) = match sizes[..] {
        [layers, hidden] => (layers, hidden, 10),
        [layers, hidden, steps] => (layers, hidden, steps),
        _ => candle_core::bail!("expected layers, units and perhaps steps, as in `3 256 10`"),
    };
    let audio = Audio::Embedding;
    let config =
        Config { audio, conditions: 2, clock: false, width: hidden, relu: false, layers, hidden, classes: CLASSES };
    let net = Net::new(config, 1)?;
    let shape = [2, 256, 16];
    let rows: usize = shape.iter().product();
    let classes = (0..rows).map(|i| (i * 7919 % 251) as u8).collect();
    let heard = Arc::new(Heard { classes, numbers: vec![0.3; rows * 2] });
    let window = Window { shape, heard, next: Arc::new((0..rows).map(|i| (i * 31 % 251) as u8).collect()) };
    let mut best = [f64::MAX; 2];
    for _ in 0..steps {
        let start = Instant::now();
        let (loss, _) = net.loss(&window, &net.rest(shape[0], shape[2])?)?;
        best[0] = best[0].min(start.elapsed().as_secs_f64());
        loss.backward()?;
        best[1] = best[1].min(start.elapsed().as_secs_f64());
    }
    let [forward, both] = best.map(|s| 1e3 * s);
    println!("{layers} x {hidden}: forward {forward:.1} ms, with the way back {both:.1} ms of {rows} samples");
    println!("{:.0} samples a second, best of {steps} steps", rows as f64 / best[1]);
    Ok(())
}
