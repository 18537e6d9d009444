//! Pictures: spectrograms and curves as PNG files.

use std::path::Path;
use std::sync::Once;

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;

mod heat_map;

/// Width and height of a picture in pixels.
const SIZE: (u32, u32) = (1200, 560);

/// Height of one chart of several in pixels.
const STACKED: u32 = 280;

/// Name under which the font is registered.
const FONT: &str = "ubuntu-light";

/// Colours of curves, told apart by colour-blind eyes too (Okabe and Ito, 2008).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
];

/// A curve's label and its points `(x, y)`.
pub type Curve<'a> = (&'a str, Vec<(f64, f64)>);

/// A drawing in progress.
type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// Draws one spectrogram, frequency logarithmic.
pub fn spectrogram(path: impl AsRef<Path>, sound: &[f32], sample_rate_hz: f64, title: &str) -> Result<()> {
    picture(path.as_ref(), SIZE, |area| heat_map::draw(area, &[(title, sound)], sample_rate_hz))
}

/// Draws two spectrograms of the same colours, one above the other: a recording and its clone, or dry and wet.
pub fn spectrogram_pair(path: impl AsRef<Path>, sounds: [(&str, &[f32]); 2], sample_rate_hz: f64) -> Result<()> {
    picture(path.as_ref(), (SIZE.0, 2 * SIZE.1), |area| heat_map::draw(area, &sounds, sample_rate_hz))
}

/// Draws curves of points `(x, y)`, with a legend if there are several. With `log_y`, points that are not positive are left out.
pub fn curves(
    path: impl AsRef<Path>,
    title: &str,
    x_label: &str,
    y_label: &str,
    curves: &[(&str, Vec<(f64, f64)>)],
    log_y: bool,
) -> Result<()> {
    let curves: Vec<(&str, Vec<(f64, f64)>)> = curves
        .iter()
        .map(|(label, points)| {
            let drawable = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite() && (!log_y || *y > 0.0);
            (*label, points.iter().copied().filter(drawable).collect())
        })
        .collect();
    let points = || curves.iter().flat_map(|(_, points)| points);
    let x = span(points().map(|point| point.0), 0.0);
    picture(path.as_ref(), SIZE, |area| {
        if log_y {
            let y = span(points().map(|point| point.1.log10()), 0.05);
            let y = 10f64.powf(y.start)..10f64.powf(y.end);
            line_chart(area, [title, x_label, y_label], &curves, x.clone(), y.log_scale(), &short)
        } else {
            let y = span(points().map(|point| point.1), 0.05);
            line_chart(area, [title, x_label, y_label], &curves, x.clone(), y, &short)
        }
    })
}

/// Draws charts with a common span of both axes one above the other; of each a title and its curves.
pub fn curve_stack(
    path: impl AsRef<Path>,
    charts: &[(&str, Vec<Curve<'_>>)],
    x_label: &str,
    y_label: &str,
) -> Result<()> {
    let points = || charts.iter().flat_map(|(_, curves)| curves).flat_map(|(_, points)| points);
    let (x, y) = (span(points().map(|point| point.0), 0.0), span(points().map(|point| point.1), 0.05));
    picture(path.as_ref(), (SIZE.0, STACKED * charts.len() as u32), |area| {
        for (area, (title, curves)) in area.split_evenly((charts.len(), 1)).iter().zip(charts) {
            line_chart(area, [title, x_label, y_label], curves, x.clone(), y.clone(), &short)?;
        }
        Ok(())
    })
}

/// Makes a white picture, draws on it and puts it into place whole.
fn picture(path: &Path, size: (u32, u32), draw: impl Fn(&Area<'_>) -> Result<()>) -> Result<()> {
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        let registered = plotters::style::register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
        assert!(registered.is_ok(), "the built-in font is one");
    });
    let name = path.display();
    let file_name = path.file_name().with_context(|| format!("{name}: is not a file name; end it with .png"))?;
    // The encoder goes by the ending.
    let part = path.with_file_name(format!(".{}.{}.png", file_name.to_string_lossy(), std::process::id()));
    let drawn = (|| -> Result<()> {
        let area = BitMapBackend::new(&part, size).into_drawing_area();
        area.fill(&WHITE).map_err(|error| anyhow!("{error}"))?;
        draw(&area)?;
        area.present().map_err(|error| anyhow!("{error}"))?;
        Ok(sound_files::put_in_place(&part, path)?)
    })();
    if drawn.is_err() {
        // Nothing more can be done about the part if it cannot be removed either.
        let _ = std::fs::remove_file(&part);
    }
    drawn.with_context(|| format!("{name}: cannot draw; check that the folder exists and has room"))
}

/// One chart with lines, axes and legend. `show` writes the numbers of the y axis.
fn line_chart<Y>(
    area: &Area<'_>,
    [title, x_label, y_label]: [&str; 3],
    curves: &[(&str, Vec<(f64, f64)>)],
    x: std::ops::Range<f64>,
    y: impl plotters::coord::ranged1d::AsRangedCoord<CoordDescType = Y, Value = f64>,
    show: &dyn Fn(&f64) -> String,
) -> Result<()>
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let failed = |error: &dyn std::fmt::Display| anyhow!("{error}");
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 26))
        .margin(14)
        .x_label_area_size(48)
        .y_label_area_size(84)
        .build_cartesian_2d(x, y)
        .map_err(|error| failed(&error))?;
    chart
        .configure_mesh()
        .x_desc(x_label)
        .y_desc(y_label)
        .axis_desc_style((FONT, 20))
        .label_style((FONT, 17))
        .x_label_formatter(&short)
        .y_label_formatter(&show)
        .light_line_style(TRANSPARENT)
        .draw()
        .map_err(|error| failed(&error))?;
    for ((label, points), colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))
            .map_err(|error| failed(&error))?
            .label(*label)
            .legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(3)));
    }
    if curves.len() > 1 {
        let rise = |points: &[(f64, f64)]| Some(points.last()?.1 - points.first()?.1);
        let rises = curves.iter().filter_map(|(_, points)| rise(points)).sum::<f64>() > 0.0;
        chart
            .configure_series_labels()
            .position(if rises { SeriesLabelPosition::UpperLeft } else { SeriesLabelPosition::UpperRight })
            .label_font((FONT, 18))
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .draw()
            .map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Smallest and largest value, widened by a margin; something sensible where there is nothing to span.
fn span(values: impl Iterator<Item = f64>, margin: f64) -> std::ops::Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    let widened = margin * (high - low) + if high > low { 0.0 } else { 0.5 };
    low - widened..high + widened
}

/// A number with as many digits as it needs, at most three after the point.
fn short(value: &f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        return format!("{value:.0e}");
    }
    let digits = format!("{value:.3}");
    digits.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_png_files_of_the_right_size() {
        let folder = std::env::temp_dir().join(format!("doppel-plot-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let sound: Vec<f32> = (0..20_000).map(|n| (n as f32 * 0.1).sin()).collect();
        let path = folder.join("a.png");
        let size = |path: &Path| {
            let bytes = std::fs::read(path).unwrap();
            assert_eq!(&bytes[1..4], b"PNG");
            [16, 20].map(|at| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()))
        };
        spectrogram(&path, &sound, 44_100.0, "one").unwrap();
        assert_eq!(size(&path), [1200, 560]);
        spectrogram_pair(&path, [("one", &sound), ("none", &[])], 44_100.0).unwrap();
        assert_eq!(size(&path), [1200, 1120]);
        let points = vec![(0.0, 1.0), (1.0, 0.01), (2.0, -1.0), (f64::NAN, 1.0)];
        for log_y in [false, true] {
            curves(&path, "loss", "step", "ESR", &[("train", points.clone()), ("none", vec![])], log_y).unwrap();
            assert_eq!(size(&path), [1200, 560]);
        }
        let curve = ("one", vec![(0.0, 1.0), (1.0, 2.0)]);
        curve_stack(&path, &[("a", vec![curve.clone()]), ("b", vec![curve])], "x", "y").unwrap();
        assert_eq!(size(&path), [1200, 560]);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(spectrogram(folder.join("gone.png"), &sound, 44_100.0, "x").is_err());
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        assert_eq!([0.0, 0.5, 2.0, 1e-5, 12_345.678].map(|x| short(&x)), ["0", "0.5", "2", "1e-5", "12345.678"]);
    }
}
