//! The field of a spectrogram: time to the right, log frequency up, level as colour.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::{Area, FONT, SIZE, short};
use crate::stft::Stft;

/// Dynamic range of a spectrogram in dB below its loudest point.
const RANGE_DB: f64 = 90.0;

/// Lowest frequency of a spectrogram in Hz.
const LOWEST_HZ: f64 = 40.0;

/// Samples of a spectrogram's frames.
const FRAME: usize = 4096;

/// At most this many frames are averaged in a column of pixels.
const FRAMES_A_COLUMN: usize = 4;

/// From silence to loudest: black, violet, red, orange, pale yellow, brighter in even steps.
const HEAT: [[f64; 3]; 6] = [
    [0.0, 0.0, 4.0],
    [58.0, 9.0, 100.0],
    [136.0, 34.0, 106.0],
    [213.0, 72.0, 66.0],
    [249.0, 152.0, 20.0],
    [252.0, 255.0, 164.0],
];

/// Spectrograms one above the other, in common colours.
pub(super) fn draw(area: &Area<'_>, sounds: &[(&str, &[f32])], sample_rate_hz: f64) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| anyhow!("{error}");
    let highest_hz = (0.5 * sample_rate_hz).clamp(2.0 * LOWEST_HZ, 20_000.0);
    let columns = SIZE.0 as usize;
    let pictures: Vec<Vec<f64>> = sounds.iter().map(|(_, sound)| column_powers(sound, columns)).collect();
    let loudest = pictures.iter().flatten().copied().fold(1e-30, f64::max);
    for ((panel, (title, sound)), powers) in area.split_evenly((sounds.len(), 1)).iter().zip(sounds).zip(&pictures) {
        let seconds = (sound.len() as f64 / sample_rate_hz).max(1e-3);
        let title = format!("{title}   (colours: 0 to -{RANGE_DB} dB)");
        let mut chart = ChartBuilder::on(panel)
            .caption(title, (FONT, 26))
            .margin(14)
            .x_label_area_size(48)
            .y_label_area_size(84)
            .build_cartesian_2d(0.0..seconds, (LOWEST_HZ..highest_hz).log_scale())
            .map_err(|error| failed(&error))?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_desc("time (s)")
            .y_desc("frequency (Hz)")
            .axis_desc_style((FONT, 20))
            .label_style((FONT, 17))
            .x_label_formatter(&short)
            .y_label_formatter(&|hz| format!("{hz:.0}"))
            .draw()
            .map_err(|error| failed(&error))?;
        let field = chart.plotting_area().strip_coord_spec();
        let (width, height) = field.dim_in_pixel();
        for row in 0..height {
            let bin = |row: f64| {
                let hz = highest_hz * (LOWEST_HZ / highest_hz).powf(row / f64::from(height));
                hz / sample_rate_hz * FRAME as f64
            };
            let (low, high) = (bin(f64::from(row) + 1.0), bin(f64::from(row)));
            for column in 0..width {
                let column_powers = &powers[column as usize * columns / width as usize * BINS..][..BINS];
                let level = 10.0 * (between(column_powers, low, high) / loudest).max(1e-30).log10();
                field
                    .draw_pixel((column as i32, row as i32), &heat(1.0 + level / RANGE_DB))
                    .map_err(|error| failed(&error))?;
            }
        }
    }
    Ok(())
}

/// Bins of a frame's spectrum.
const BINS: usize = FRAME / 2 + 1;

/// Mean power spectrum of each column of pixels, `[column, bin]`.
fn column_powers(sound: &[f32], columns: usize) -> Vec<f64> {
    let hop = sound.len() as f64 / columns as f64;
    let frames = ((hop / FRAME as f64) as usize).clamp(1, FRAMES_A_COLUMN);
    let mut powers = vec![0.0; columns * BINS];
    // Silence around the sound lets its first and last column be in the middle of a frame.
    let mut padded = vec![0.0; FRAME / 2];
    padded.extend_from_slice(sound);
    padded.resize(sound.len() + 2 * FRAME, 0.0);
    let mut stft = Stft::new(FRAME, FRAME);
    for (column, power) in powers.chunks_exact_mut(BINS).enumerate() {
        for frame in 0..frames {
            let middle = (column as f64 + (frame as f64 + 0.5) / frames as f64) * hop;
            let start = (middle as usize).min(sound.len());
            let spectrum = stft.spectrum(&padded[start..start + FRAME]);
            power.iter_mut().zip(spectrum).for_each(|(sum, bin)| *sum += bin.norm_sqr() / frames as f64);
        }
    }
    powers
}

/// Mean power between two fractional bins, linear within a bin where they are closer than one.
fn between(powers: &[f64], low: f64, high: f64) -> f64 {
    let last = powers.len() - 1;
    if high - low > 1.0 {
        let bins = &powers[(low as usize).min(last)..(high as usize + 1).min(powers.len())];
        bins.iter().sum::<f64>() / bins.len() as f64
    } else {
        let middle = 0.5 * (low + high);
        let (bin, along) = ((middle as usize).min(last - 1), middle.fract());
        powers[bin] * (1.0 - along) + powers[bin + 1] * along
    }
}

/// Colour of a level, 0..1; beyond that the ends hold.
fn heat(level: f64) -> RGBColor {
    let position = level.clamp(0.0, 1.0) * (HEAT.len() - 1) as f64;
    let step = (position as usize).min(HEAT.len() - 2);
    let along = position - step as f64;
    let part = |i: usize| (HEAT[step][i] + (HEAT[step + 1][i] - HEAT[step][i]) * along).round() as u8;
    RGBColor(part(0), part(1), part(2))
}
