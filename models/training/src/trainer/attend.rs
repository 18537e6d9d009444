//! Watching a training: progress bar, plots, checkpoints, previews, and an ear for Ctrl-C.
use super::{Learner, Source, Trainer};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(120);
/// Time between two plots of the loss.
const PLOT_EVERY: Duration = Duration::from_secs(60);
/// Time between two previews.
const PREVIEW_EVERY: Duration = Duration::from_secs(180);
/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Something to do every so often.
struct Timer {
    last: Instant,
    every: Duration,
}

impl Timer {
    fn new(every: Duration) -> Self {
        Self { last: Instant::now(), every }
    }

    fn is_due(&mut self) -> bool {
        let due = self.last.elapsed() > self.every;
        if due {
            self.last = Instant::now();
        }
        due
    }
}

/// Trains to the end of the budget, writing `out`.checkpoint and `out`.loss.png; `preview` is called every few minutes. False
/// if it was stopped.
pub fn attend<L: Learner>(
    trainer: &mut Trainer<L>,
    source: &Arc<dyn Source<L::Batch>>,
    out: &Path,
    loss_name: &str,
    mut preview: impl FnMut(&L) -> Result<()>,
) -> Result<bool> {
    // Said before the training rather than after it.
    sound_files::replaceable(out).with_context(|| out.display().to_string())?;
    let (checkpoint, plot) = (out.with_extension("checkpoint"), out.with_extension("loss.png"));
    let stop = Arc::new(AtomicBool::new(false));
    let heard = stop.clone();
    // A second handler in one process is refused; the first one still stops this run's predecessor only.
    ctrlc::set_handler(move || heard.store(true, Ordering::Relaxed)).ok();
    let bar = ProgressBar::new(1000).with_style(ProgressStyle::with_template("{bar:30} {percent}% {msg}, {eta} left")?);
    let (start, first_step) = (Instant::now(), trainer.progress.step);
    let [mut save, mut draw, mut listen, mut line] =
        [CHECKPOINT_EVERY, PLOT_EVERY, PREVIEW_EVERY, LINE_EVERY].map(Timer::new);
    trainer.run(source, |trainer| {
        let progress = &trainer.progress;
        let per_s = (progress.step - first_step) as f64 / start.elapsed().as_secs_f64();
        let message = format!("step {}, {loss_name} {:.5}, {per_s:.1} steps/s", progress.step, progress.loss);
        bar.set_position((1000.0 * trainer.share()) as u64);
        // Without a terminal the bar is hidden: a line now and then takes its place.
        if bar.is_hidden() && line.is_due() {
            println!("{:.1} % {message}", 100.0 * trainer.share());
        }
        bar.set_message(message);
        let stopped = stop.load(Ordering::Relaxed);
        if stopped || save.is_due() {
            trainer.save(&checkpoint)?;
        }
        if draw.is_due() {
            plot_loss(trainer, &plot, loss_name)?;
        }
        if !stopped && listen.is_due() {
            preview(&trainer.learner)?;
        }
        Ok(!stopped)
    })?;
    bar.finish_and_clear();
    if stop.load(Ordering::Relaxed) {
        println!("stopped: {} keeps step {}; --resume goes on", checkpoint.display(), trainer.progress.step);
        return Ok(false);
    }
    trainer.save(&checkpoint)?;
    plot_loss(trainer, &plot, loss_name)?;
    Ok(true)
}

fn plot_loss<L>(trainer: &Trainer<L>, path: &Path, loss_name: &str) -> Result<()> {
    let curve = trainer.progress.curve.iter().map(|(step, loss)| (*step as f64, *loss)).collect();
    crate::plot::curves(path, "Training loss", "step", loss_name, &[(loss_name, curve)], true)
}
