//! Where the LSTMs of a trained net come to, and where its start angles lead, as it is printed, drawn and kept in the file.
use super::cycle;
use super::stand_in::SAMPLE_RATE_HZ;
use crate::plot;
use anyhow::Result;
use candle_core::Tensor;
use nets::phaser::Net;
use std::path::Path;

/// Looks where the LSTMs settle, and what the start angles lead to; what was found, and `out`.phase_map.png. From a given
/// state, the start angles are laid through the cycle that it runs into; without one they lead to their phases already, and 0
/// is looked at.
pub fn settle(out: &Path, net: &Net, state: Option<&Tensor>) -> Result<serde_json::Value> {
    let zero = net.states_at(&[0.0])?;
    let run = cycle::watch(net, state.unwrap_or(&zero), SAMPLE_RATE_HZ)?;
    let [first, last] = run.movement;
    let Some(rate_hz) = run.rate_hz else {
        println!(
            "the modulation has come to rest: it moves by {first:.4} in the first second, by {last:.4} after 30 s"
        );
        return Ok(serde_json::json!({ "movement_first_s": first, "movement_after_30_s": last }));
    };
    println!("cycle of {rate_hz:.5} Hz, movement {first:.4} in the first second, {last:.4} after 30 s");
    if state.is_some() {
        let explained = cycle::lay_angles(net, &run)?;
        println!("one ellipse explains {explained:.3} of the cycle");
    }
    let map = cycle::phase_map(net, rate_hz, SAMPLE_RATE_HZ, 48)?;
    plot::curves(
        out.with_extension("phase_map.png"),
        "Where a start angle leads",
        "start angle in turns",
        "LFO phase in turns",
        &[("after 10 s", map.clone()), ("ideal", vec![(0.0, 0.0), (1.0, 1.0)])],
        false,
    )?;
    let worst =
        map.iter().map(|(angle, phase)| ((phase - angle + 0.5).rem_euclid(1.0) - 0.5).abs()).fold(0.0, f64::max);
    println!("start angles lead to their phase within {worst:.3} turns");
    Ok(serde_json::json!({
        "rate_hz": rate_hz,
        "movement_first_s": first,
        "movement_after_30_s": last,
        "angle_error_turns": worst,
    }))
}
