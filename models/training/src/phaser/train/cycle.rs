//! What an LSTM without input does by itself: the cycle that its state runs through, and the angle that stands for each place on it.
//!
//! `initial_state` maps an angle to a state. After training with predicted states that map means nothing; here it is laid
//! through the cycle, so that a start angle is an LFO phase and phase and re-trigger work without the predictor:
//! ```text
//! state(t) ~ A [cos, sin](2 pi t / T) + b      least squares over the settled cycle
//! ```
use anyhow::Result;
use candle_core::{Device, Tensor};
use nets::phaser::{ModulationConfig, Net};
use realfft::RealFftPlanner;
use std::f64::consts::TAU;

/// Time that a state has to find its cycle, and time that is looked at then, in seconds.
const SETTLE_S: f64 = 10.0;
const WATCH_S: f64 = 20.0;
/// Movement of the modulation, of that at the start, below which it has collapsed.
const ALIVE: f64 = 0.05;
/// Span of rates that is looked for, in Hz.
const RATES_HZ: std::ops::Range<f64> = 0.04..12.0;

/// The modulation, first principal movement first, and the states on the way.
pub struct Run {
    /// Standard deviation of the modulation in its first second and in its last.
    pub movement: [f64; 2],
    /// Rate of the settled cycle in Hz; none if there is no movement left.
    pub rate_hz: Option<f64>,
    /// `[frame][state]`, settled.
    states: Vec<Vec<f32>>,
    /// LFO phase in turns at each of them, by the rate found.
    phases_turns: Vec<f64>,
}

/// Lets the net run from a state `[1, blocks x 2 hidden]`, controls in their middle.
pub fn watch(net: &Net, state: &Tensor, sample_rate_hz: f64) -> Result<Run> {
    let frame_hz = sample_rate_hz / net.config.frame as f64;
    let frames = ((SETTLE_S + WATCH_S) * frame_hz) as usize;
    let (modulation, states) = net.recurrent(&state.detach(), &[vec![0.0; net.controls]], frames, 1)?;
    let modulation: Vec<Vec<f32>> = modulation.squeeze(0)?.to_vec2()?;
    let second = frame_hz as usize;
    let movement = [&modulation[..second], &modulation[modulation.len() - second..]].map(deviation);
    let settled = (SETTLE_S * frame_hz) as usize;
    let states = states.squeeze(0)?.to_vec2::<f32>()?.split_off(settled);
    // Of the last ten seconds: a modulation that is still creeping to its rest is no cycle.
    let all = deviation(&modulation[modulation.len() - settled..]);
    if all < ALIVE * deviation(&modulation[..settled]).max(movement[0]) || all < 1e-4 {
        return Ok(Run { movement, rate_hz: None, states, phases_turns: Vec::new() });
    }
    let rate_hz = kept_rate(&modulation[settled..], strongest_rate(&modulation[settled..], frame_hz), frame_hz);
    // Counted from the start, so that an angle that leads to its own phase keeps it.
    let phases_turns = (settled..settled + states.len()).map(|m| m as f64 * rate_hz / frame_hz).collect();
    Ok(Run { movement, rate_hz: Some(rate_hz), states, phases_turns })
}

/// Standard deviation over time, all outputs together.
fn deviation(frames: &[Vec<f32>]) -> f64 {
    let width = frames[0].len();
    let variance = |k: usize| {
        let mean = frames.iter().map(|f| f64::from(f[k])).sum::<f64>() / frames.len() as f64;
        frames.iter().map(|f| (f64::from(f[k]) - mean).powi(2)).sum::<f64>() / frames.len() as f64
    };
    ((0..width).map(variance).sum::<f64>() / width as f64).sqrt()
}

/// The rate whose harmonics hold most of the movement: spectra of all outputs, Hann-windowed and added up, the peak of the
/// product over the first three harmonics refined by a parabola.
fn strongest_rate(frames: &[Vec<f32>], frame_hz: f64) -> f64 {
    let size = (frames.len() * 8).next_power_of_two();
    let plan = RealFftPlanner::<f64>::new().plan_fft_forward(size);
    let (mut input, mut output) = (plan.make_input_vec(), plan.make_output_vec());
    let mut energy = vec![0.0; output.len()];
    for k in 0..frames[0].len() {
        let mean = frames.iter().map(|f| f64::from(f[k])).sum::<f64>() / frames.len() as f64;
        input.fill(0.0);
        for (n, frame) in frames.iter().enumerate() {
            let hann = 0.5 - 0.5 * (TAU * n as f64 / frames.len() as f64).cos();
            input[n] = hann * (f64::from(frame[k]) - mean);
        }
        plan.process(&mut input, &mut output).expect("buffers were made by the plan");
        energy.iter_mut().zip(&output).for_each(|(e, bin)| *e += bin.norm_sqr());
    }
    let bin_hz = frame_hz / size as f64;
    let span = (RATES_HZ.start / bin_hz) as usize..((RATES_HZ.end / bin_hz) as usize).min(energy.len() / 4);
    // The first harmonic decides, the others break ties between a rate and its fractions.
    let sum = |bin: usize| energy[bin] + 0.1 * (energy[2 * bin] + energy[3 * bin]);
    let best = span.clone().max_by(|a, b| sum(*a).total_cmp(&sum(*b))).unwrap_or(span.start);
    let [a, b, c] = [energy[best - 1], energy[best], energy[best + 1]];
    (best as f64 + 0.5 * (a - c) / (a - 2.0 * b + c)) * bin_hz
}

/// A rate refined by how far the first harmonic's phase strays from it between the two halves of the time.
fn kept_rate(frames: &[Vec<f32>], rate_hz: f64, frame_hz: f64) -> f64 {
    // Hann windows, so that neither the mean nor other harmonics leak in.
    let half = frames.len() / 2;
    let harmonic = |first: usize, k: usize| {
        let mut sums = [0.0; 2];
        for (n, frame) in frames[first..first + half].iter().enumerate() {
            let hann = 0.5 - 0.5 * (TAU * n as f64 / half as f64).cos();
            let (sin, cos) = (TAU * (first + n) as f64 * rate_hz / frame_hz).sin_cos();
            sums[0] += hann * cos * f64::from(frame[k]);
            sums[1] -= hann * sin * f64::from(frame[k]);
        }
        sums
    };
    let (mut along, mut across) = (0.0, 0.0);
    for k in 0..frames[0].len() {
        let ([a, b], [c, d]) = (harmonic(0, k), harmonic(half, k));
        along += a * c + b * d;
        across += a * d - b * c;
    }
    rate_hz + across.atan2(along) / TAU * frame_hz / half as f64
}

/// Lays `initial_state` through the settled cycle; returns the share of the states' variance that one ellipse explains.
pub fn lay_angles(net: &Net, run: &Run) -> Result<f64> {
    let (count, width) = (run.states.len() as f64, run.states[0].len());
    // Cosine, sine and the mean are as good as orthogonal over many turns.
    let (mut weight, mut bias) = (vec![0.0f32; 2 * width], vec![0.0f32; width]);
    let (mut explained, mut all) = (0.0, 0.0);
    for k in 0..width {
        let values = || run.states.iter().map(|s| f64::from(s[k]));
        let mean = values().sum::<f64>() / count;
        let project = |wave: fn(f64) -> f64| {
            2.0 / count * values().zip(&run.phases_turns).map(|(x, t)| (x - mean) * wave(TAU * t)).sum::<f64>()
        };
        let (cos, sin) = (project(f64::cos), project(f64::sin));
        (weight[2 * k], weight[2 * k + 1], bias[k]) = (cos as f32, sin as f32, mean as f32);
        explained += 0.5 * (cos * cos + sin * sin);
        all += values().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    }
    net.vars["initial_state.weight"].set(&Tensor::from_vec(weight, (width, 2), &Device::Cpu)?)?;
    net.vars["initial_state.bias"].set(&Tensor::from_vec(bias, width, &Device::Cpu)?)?;
    Ok(explained / f64::max(all, 1e-12))
}

/// LFO phase in turns that a start angle in turns leads to, for so many angles: the settled cycle's phase led back to the start.
/// An ideal map is a straight line.
pub fn phase_map(net: &Net, rate_hz: f64, sample_rate_hz: f64, angles: usize) -> Result<Vec<(f64, f64)>> {
    let ModulationConfig::Lstm { .. } = net.config.modulation else {
        anyhow::bail!("this model's modulation is an oscillator: its phase is exact");
    };
    let frame_hz = sample_rate_hz / net.config.frame as f64;
    let settled = (SETTLE_S * frame_hz) as usize;
    let turns: Vec<f64> = (0..angles).map(|k| k as f64 / angles as f64).collect();
    let period = frame_hz / rate_hz;
    // Eight turns are enough for a phase, two will do where they are long; outputs weigh by where the first run moves them.
    let counted = (settled as f64 / period).floor().clamp(2.0, 8.0);
    let frames = settled + (counted * period) as usize;
    // One angle after the other: all side by side would take some gigabytes.
    let run = |turns: &f64| -> Result<Vec<Vec<f32>>> {
        let (modulation, _) =
            net.recurrent(&net.states_at(&[*turns])?.detach(), &[vec![0.0; net.controls]], frames, 1)?;
        Ok(modulation.squeeze(0)?.to_vec2()?)
    };
    let modulation = turns.iter().map(run).collect::<Result<Vec<_>>>()?;
    let harmonic = |run: &[Vec<f32>], k: usize| -> [f64; 2] {
        let span = frames - settled;
        let mean = run[settled..].iter().map(|f| f64::from(f[k])).sum::<f64>() / span as f64;
        let mut sums = [0.0; 2];
        for (m, frame) in run.iter().enumerate().skip(settled).take(span) {
            let angle = TAU * m as f64 / period;
            let x = f64::from(frame[k]) - mean;
            sums[0] += x * angle.cos();
            sums[1] += x * angle.sin();
        }
        sums
    };
    let width = modulation[0][0].len();
    let reference: Vec<[f64; 2]> = (0..width).map(|k| harmonic(&modulation[0], k)).collect();
    Ok(turns
        .iter()
        .zip(&modulation)
        .map(|(turns, run)| {
            let (mut along, mut across) = (0.0, 0.0);
            for (k, r) in reference.iter().enumerate() {
                let h = harmonic(run, k);
                along += h[0] * r[0] + h[1] * r[1];
                across += h[0] * r[1] - h[1] * r[0];
            }
            (*turns, (across.atan2(along) / TAU).rem_euclid(1.0))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nets::phaser::{Config, EffectConfig};

    const FS: f64 = 44_100.0;

    /// A net whose first LSTM turns slowly: its output is a rotation of the one before, held by two saturations.
    fn turning(rate_hz: f64) -> Net {
        let config = Config {
            frame: 64,
            effect: EffectConfig {
                blocks: 1,
                channels: 2,
                kernel: 3,
                dilations: vec![1],
                bias: false,
                shift: false,
                limit: false,
                follower: None,
            },
            modulation: ModulationConfig::Lstm {
                channels: 1,
                kernel: 1,
                dilation: 1,
                hidden: 2,
                control_hidden: vec![],
            },
            wander: false,
        };
        let net = Net::new(config, 0, 1, &Device::Cpu).unwrap();
        // c' = f c + i g with i = o = 1, f = 0, g = tanh(W h): h turns by the angle of W, which is a rotation times a gain.
        let angle = TAU * rate_hz * 64.0 / FS;
        // Gain a little over one: the two saturations hold the radius, and are too weak at it to stop the turning.
        let (cos, sin) = ((1.005 * angle.cos()) as f32, (1.005 * angle.sin()) as f32);
        let mut weight = vec![0.0f32; 16];
        weight[8..12].copy_from_slice(&[cos, -sin, sin, cos]);
        let set = |name: &str, values: Vec<f32>, shape: &[usize]| {
            net.vars[name].set(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap();
        };
        set("modulation.0.lstm.weight_hh_l0", weight, &[8, 2]);
        set("modulation.0.lstm.weight_ih_l0", vec![0.0; 8], &[8, 1]);
        set("modulation.0.lstm.bias_ih_l0", vec![20.0, 20.0, -20.0, -20.0, 0.0, 0.0, 20.0, 20.0], &[8]);
        set("modulation.0.lstm.bias_hh_l0", vec![0.0; 8], &[8]);
        net
    }

    #[test]
    fn the_rate_of_a_cycle_is_found_and_angles_become_phases() -> Result<()> {
        let net = turning(2.0);
        let run = watch(&net, &net.states_at(&[0.2])?, FS)?;
        let rate = run.rate_hz.expect("it turns");
        assert!((rate - 2.0).abs() < 0.1, "{rate} Hz");
        // Counted by the upward crossings of one unit, each between two frames.
        let states = net.recurrent(&net.states_at(&[0.2])?, &[vec![]], (25.0 * FS / 64.0) as usize, 1)?.1;
        let unit: Vec<f32> = states.squeeze(0)?.narrow(1, 0, 1)?.flatten_all()?.to_vec1()?;
        let crossing = |m: &usize| unit[*m] < 0.0 && unit[*m + 1] >= 0.0;
        let times: Vec<f64> = ((10.0 * FS / 64.0) as usize..unit.len() - 1)
            .filter(crossing)
            .map(|m| m as f64 + f64::from(unit[m] / (unit[m] - unit[m + 1])))
            .collect();
        let counted = (times.len() - 1) as f64 / (times[times.len() - 1] - times[0]) * FS / 64.0;
        assert!((rate / counted - 1.0).abs() < 1e-5, "{rate} Hz found, {counted} Hz counted");
        assert!(lay_angles(&net, &run)? > 0.9);
        for (angle, phase) in phase_map(&net, rate, FS, 12)? {
            let off = (phase - angle + 0.5).rem_euclid(1.0) - 0.5;
            assert!(off.abs() < 0.03, "angle {angle} leads to phase {phase}");
        }
        Ok(())
    }

    #[test]
    fn a_state_that_comes_to_rest_has_no_rate() -> Result<()> {
        let net = turning(2.0);
        let weight = net.vars["modulation.0.lstm.weight_hh_l0"].as_tensor();
        net.vars["modulation.0.lstm.weight_hh_l0"].set(&(weight * 0.5)?)?;
        let run = watch(&net, &net.states_at(&[0.2])?, FS)?;
        assert!(run.rate_hz.is_none() && run.movement[1] < 1e-3, "{:?}", run.movement);
        Ok(())
    }
}
