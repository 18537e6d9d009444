//! The phaser's parameters on the command line: the plug-in's ids, units and defaults.
use crate::settings::{parse, within};
use anyhow::{Context, Result, bail};
use kernels::checkpoint::{ControlInfo, ModelInfo};
use kernels::phaser::Controls;

/// Ids that every model has, beside the controls that it declares itself.
const COMMON: [&str; 9] = ["rate", "phase", "stereo_phase", "drift", "depth", "mix", "input", "output", "bypass"];
/// Defaults of the plug-in that differ from a bare engine's.
const RATE_HZ: f32 = 0.5;
const STEREO_PHASE_DEGREES: f32 = 90.0;

/// What a fresh plug-in would play.
pub fn defaults(info: &ModelInfo) -> Controls {
    let mut controls = Controls::new(info);
    controls.rate_hz = RATE_HZ;
    controls.stereo_phase_turns = STEREO_PHASE_DEGREES / 360.0;
    controls
}

/// Sets a parameter by id; `phase` (degrees) is where the LFO stands at that moment.
pub fn set(controls: &mut Controls, info: &ModelInfo, id: &str, value: f32) -> Result<()> {
    let decibels = |db: f32| 10f32.powf(db / 20.0);
    let within = |low, high| within(id, value, low, high);
    match id {
        "rate" => controls.rate_hz = within(0.0, 100.0)?,
        "phase" => controls.phase_turns = Some(f64::from(within(-360.0, 360.0)?) / 360.0),
        "stereo_phase" => controls.stereo_phase_turns = within(-180.0, 180.0)? / 360.0,
        "drift" if info.control("drift").is_none() => controls.drift = within(0.0, 1.0)?,
        "depth" if info.control("depth").is_none() => controls.depth = within(0.0, 1.0)?,
        "mix" => controls.mix = within(0.0, 1.0)?,
        "input" => controls.input_gain = decibels(within(-60.0, 60.0)?),
        "output" => controls.output_gain = decibels(within(-60.0, 60.0)?),
        "bypass" => controls.bypass = within(0.0, 1.0)? >= 0.5,
        _ => {
            let Some((place, control)) = info.control(id) else {
                let own: Vec<&str> =
                    info.controls.iter().map(|c| c.id.as_str()).filter(|c| !COMMON.contains(c)).collect();
                bail!("`{id}` is no parameter of this model; expected one of {} {}", COMMON.join(" "), own.join(" "));
            };
            controls.values[place] = within(control.min, control.max)?;
        }
    }
    Ok(())
}

/// Values of a computed device's controls from text such as `rate=2,colour=1`, those not named at their defaults.
pub fn fixed_values(text: &str, controls: &[ControlInfo]) -> Result<Vec<f64>> {
    let mut values: Vec<f64> = controls.iter().map(|control| f64::from(control.default)).collect();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let (id, value) = parse(part)?;
        let place = controls.iter().position(|control| control.id == id).with_context(|| {
            let ids: Vec<&str> = controls.iter().map(|control| control.id.as_str()).collect();
            format!("--at {part}: no control of this device; expected one of {}", ids.join(", "))
        })?;
        let (min, max) = (controls[place].min, controls[place].max);
        if !(min..=max).contains(&value) {
            bail!("--at {part}: expected {min} to {max}");
        }
        values[place] = f64::from(value);
    }
    Ok(values)
}
