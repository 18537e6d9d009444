//! Measured numbers of a four-stage OTA phaser, the Electro-Harmonix Small Stone, and what lies between them.
//!
//! The values are facts measured from a real pedal: those that the grey-box fits published with Carson et al.,
//! "Differentiable grey-box modelling of phaser effects using frame-based spectral processing" (DAFx23) and its
//! time-domain sequel (repository DiffAPF/EHX-SmallStone) arrived at, at 44.1 kHz, rounded. With equal stages and nothing
//! else they reproduce recordings of the pedal with its colour switch off to an error-to-signal ratio of 0.012.

/// Sample rate at which `Setting::numerator` and `Setting::denominator` were fitted.
pub const FITTED_RATE_HZ: f64 = 44_100.0;

/// Points of a stored LFO curve: phases 0, 15, … 180 degrees. The second half of the period mirrors the first.
pub const CURVE_POINTS: usize = 13;

/// Everything about the pedal that depends on where its rate knob and colour switch stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// LFO frequency that the knob position gives.
    pub rate_hz: f64,
    /// Gain of the direct path, `g1`.
    pub direct: f64,
    /// Gain from the end of the all-pass chain back to its start, `g2`.
    pub feedback: f64,
    /// `b0, b1, b2` of the output filter `B(z)` at `FITTED_RATE_HZ`.
    pub numerator: [f64; 3],
    /// `a1, a2` of the output filter; `a0` is 1.
    pub denominator: [f64; 2],
    /// log2 of the all-pass break frequency in Hz at LFO phases 0 (highest), 15, … 180 degrees (lowest).
    pub curve: [f64; CURVE_POINTS],
}

/// One row of the tables, break frequencies in Hz from the highest to the lowest.
struct Row {
    rate_hz: f64,
    direct: f64,
    feedback: f64,
    numerator: [f64; 3],
    denominator: [f64; 2],
    curve_hz: [f64; CURVE_POINTS],
}

/// Colour switch off; rate knob at 9, 12 and 3 o'clock.
const COLOUR_OFF: [Row; 3] = [
    Row {
        rate_hz: 0.0881,
        direct: 1.048,
        feedback: 0.058,
        numerator: [0.6612, 0.6966, 0.0797],
        denominator: [0.8455, 0.0054],
        curve_hz: [1996., 1464., 1008., 700., 479., 326., 220., 150., 101., 66., 45., 35., 33.],
    },
    Row {
        rate_hz: 0.6126,
        direct: 1.053,
        feedback: 0.039,
        numerator: [0.6671, 0.8742, 0.2219],
        denominator: [1.1199, 0.1836],
        curve_hz: [1772., 1500., 1167., 939., 738., 573., 446., 349., 272., 207., 156., 124., 113.],
    },
    Row {
        rate_hz: 2.3301,
        direct: 1.054,
        feedback: 0.029,
        numerator: [0.6707, 0.7784, 0.1426],
        denominator: [0.9817, 0.0917],
        curve_hz: [1562., 1415., 1203., 1054., 904., 767., 662., 574., 489., 408., 341., 299., 285.],
    },
];

/// Colour switch on; rate knob at 9, 12 and 3 o'clock.
const COLOUR_ON: [Row; 3] = [
    Row {
        rate_hz: 0.0559,
        direct: 0.555,
        feedback: 0.689,
        numerator: [0.5584, 0.8831, 0.3151],
        denominator: [1.0038, 0.0657],
        curve_hz: [3295., 2246., 1426., 823., 469., 251., 133., 75., 40., 21., 17., 16., 16.],
    },
    Row {
        rate_hz: 0.3894,
        direct: 0.634,
        feedback: 0.626,
        numerator: [0.6853, 0.1806, -0.1359],
        denominator: [-0.1677, -0.0185],
        curve_hz: [2834., 2603., 2028., 1400., 946., 665., 471., 318., 203., 129., 87., 67., 62.],
    },
    Row {
        rate_hz: 1.3888,
        direct: 0.643,
        feedback: 0.623,
        numerator: [0.7088, 0.1758, -0.0957],
        denominator: [-0.0440, 0.0268],
        curve_hz: [2709., 2599., 2284., 1839., 1407., 1092., 877., 698., 524., 371., 264., 207., 190.],
    },
];

impl Setting {
    /// The pedal at an LFO frequency: between the three measured knob positions everything is linear over log rate, beyond
    /// them the nearest holds.
    pub fn at(colour: bool, rate_hz: f64) -> Self {
        let rows = if colour { &COLOUR_ON } else { &COLOUR_OFF };
        let (low, high) = if rate_hz < rows[1].rate_hz { (&rows[0], &rows[1]) } else { (&rows[1], &rows[2]) };
        let along = ((rate_hz / low.rate_hz).ln() / (high.rate_hz / low.rate_hz).ln()).clamp(0.0, 1.0);
        let mix = |a: f64, b: f64| a * (1.0 - along) + b * along;
        Self {
            rate_hz,
            direct: mix(low.direct, high.direct),
            feedback: mix(low.feedback, high.feedback),
            numerator: std::array::from_fn(|i| mix(low.numerator[i], high.numerator[i])),
            denominator: std::array::from_fn(|i| mix(low.denominator[i], high.denominator[i])),
            curve: std::array::from_fn(|i| mix(low.curve_hz[i].log2(), high.curve_hz[i].log2())),
        }
    }

    /// LFO frequencies in Hz between which the pedal was measured.
    pub fn measured_span_hz(colour: bool) -> [f64; 2] {
        let rows = if colour { &COLOUR_ON } else { &COLOUR_OFF };
        [rows[0].rate_hz, rows[2].rate_hz]
    }

    /// log2 of the break frequency in Hz at an LFO phase: linear between the points of the curve.
    #[inline]
    pub fn log2_break_frequency(&self, turns: f64) -> f64 {
        let half = (turns - turns.floor() - 0.5).abs();
        let position = (0.5 - half) * (2 * (CURVE_POINTS - 1)) as f64;
        let point = (position as usize).min(CURVE_POINTS - 2);
        let along = position - point as f64;
        self.curve[point] + (self.curve[point + 1] - self.curve[point]) * along
    }

    /// Frequency in Hz at which each all-pass stage turns the phase by a quarter of a turn.
    pub fn break_frequency_hz(&self, turns: f64) -> f64 {
        self.log2_break_frequency(turns).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_knob_position_gives_its_own_row() {
        for (colour, rows) in [(false, &COLOUR_OFF), (true, &COLOUR_ON)] {
            for row in rows {
                let setting = Setting::at(colour, row.rate_hz);
                assert!((setting.direct - row.direct).abs() < 1e-12);
                assert!((setting.feedback - row.feedback).abs() < 1e-12);
                assert!((setting.numerator[2] - row.numerator[2]).abs() < 1e-12);
                assert!((setting.denominator[0] - row.denominator[0]).abs() < 1e-12);
                for (point, &hz) in row.curve_hz.iter().enumerate() {
                    let turns = point as f64 / 24.0;
                    assert!((setting.break_frequency_hz(turns) / hz - 1.0).abs() < 1e-9);
                    assert!((setting.break_frequency_hz(7.0 - turns) / hz - 1.0).abs() < 1e-9, "mirrored");
                }
            }
        }
    }

    #[test]
    fn beyond_the_measured_knob_positions_the_nearest_holds() {
        for colour in [false, true] {
            let [slowest, fastest] = Setting::measured_span_hz(colour);
            assert_eq!(Setting::at(colour, slowest / 10.0).curve, Setting::at(colour, slowest).curve);
            assert_eq!(Setting::at(colour, fastest * 10.0).curve, Setting::at(colour, fastest).curve);
        }
    }

    #[test]
    fn half_way_in_log_rate_is_half_way_in_log_frequency() {
        let rate_hz = (0.0881f64 * 0.6126).sqrt();
        let top_hz = Setting::at(false, rate_hz).break_frequency_hz(0.0);
        assert!((top_hz - (1996.0f64 * 1772.0).sqrt()).abs() < 1e-6);
    }
}
