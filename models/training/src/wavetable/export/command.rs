//! `doppel export wavetable`: a sweep along one control as a WAV that other synthesizers load as a wavetable.
use super::{FRAME, MAX_FRAMES, to_wav};
use crate::models;
use anyhow::{Context, Result};
use kernels::wavetable::{Controls, MAX_CONTROLS, Wavetable};
use std::path::PathBuf;

/// What to write.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Model file
    #[arg(long)]
    pub model: PathBuf,
    /// Id of the control that moves from frame to frame, over its trained span
    #[arg(long)]
    pub along: String,
    /// Where other controls stand, as in pressure=80,pitch=110; without it at their defaults
    #[arg(long, value_delimiter = ',')]
    pub at: Vec<String>,
    /// Frames of 2048 samples
    #[arg(long, default_value_t = MAX_FRAMES)]
    pub frames: usize,
    /// WAV file to write
    #[arg(long)]
    pub out: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let bytes = std::fs::read(&args.model).with_context(|| format!("{}: cannot be read", args.model.display()))?;
    let model = Wavetable::load(&bytes).with_context(|| args.model.display().to_string())?;
    let along = place(&model, &args.along).with_context(|| format!("--along {}", args.along))?;
    let (seen, at) = stand(&model, &args.at)?;
    let frames = model.sweep(&seen, along, args.frames, FRAME).context("no such control")?;
    let name = &model.info().name;
    models::write(&args.out, &to_wav(&frames, &format!("{name}, along {}, {at}", args.along))?)?;
    println!("wrote {}: {} frames", args.out.display(), frames.len());
    Ok(())
}

/// The control's place in the file.
fn place(model: &Wavetable, id: &str) -> Result<usize> {
    let controls = &model.info().controls;
    let ids = || controls.iter().map(|c| c.id.as_str()).collect::<Vec<_>>().join(", ");
    controls.iter().position(|c| c.id == id).with_context(|| format!("expected one of {}", ids()))
}

/// All controls as the network sees them, those that are named at their values, and the same in words.
fn stand(model: &Wavetable, at: &[String]) -> Result<([f32; MAX_CONTROLS], String)> {
    let mut values = Controls::new(model.info(), 440.0).values;
    for text in at {
        let expected = || format!("--at {text}: expected an id and a number as in pressure=80");
        let (id, value) = text.split_once('=').with_context(expected)?;
        let value: f32 = value.trim().parse().ok().filter(|v: &f32| v.is_finite()).with_context(expected)?;
        values[place(model, id.trim()).with_context(|| format!("--at {text}"))?] = value;
    }
    let mut seen = [0.0; MAX_CONTROLS];
    let mut words = Vec::new();
    for (i, control) in model.info().controls.iter().enumerate() {
        seen[i] = control.normalised(values[i]);
        words.push(format!("{}={}", control.id, control.value(seen[i])));
    }
    Ok((seen, words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::super::{from_wav, is_table};
    use super::*;
    use kernels::wavetable::example;

    #[test]
    fn a_sweep_is_written_and_what_cannot_be_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let (model, out) = (folder.path().join("m.safetensors"), folder.path().join("t.wav"));
        std::fs::write(&model, example::file().unwrap()).unwrap();
        let args = |along: &str, at: &str, frames| Args {
            model: model.clone(),
            along: along.into(),
            at: at.split(',').filter(|x| !x.is_empty()).map(String::from).collect(),
            frames,
            out: out.clone(),
        };
        run(&args("z1", "pressure=64,pitch=220", 9)).unwrap();
        let bytes = std::fs::read(&out).unwrap();
        let table = from_wav(&bytes).unwrap();
        assert!(is_table(&bytes));
        assert_eq!((table.frames.len(), table.frames[0].len()), (9, FRAME));
        assert!(table.comment.contains("along z1") && table.comment.contains("pressure=64"), "{}", table.comment);
        for (bad, word) in [
            (args("vowel", "", 9), "z1, pressure, pitch"),
            (args("z1", "pressure", 9), "pressure=80"),
            (args("z1", "bow=1", 9), "--at bow=1"),
            (args("z1", "", 0), "1 to 256"),
        ] {
            let error = format!("{:#}", run(&bad).unwrap_err());
            assert!(error.contains(word) && !error.contains('\n'), "{error}");
        }
    }
}
