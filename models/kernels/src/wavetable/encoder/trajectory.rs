//! A sound as movements of a model's knobs: drop a sound, and the knobs are set.
//!
//! Every few milliseconds the pitch is found and one period cut; the encoder says which knobs would make it; a short search
//! through the decoder brings them nearer. It compares magnitudes of harmonics: phases are a room's and a microphone's as much as
//! the instrument's.
use super::cuts::{Cut, cuts};
use super::features::features;
use crate::wavetable::decoder::DecoderState;
use crate::wavetable::period::{Period, Synthesis};
use crate::wavetable::{MAX_CONTROLS, Wavetable};
use realfft::num_complex::Complex32;

/// Time from one frame to the next, in seconds.
pub const HOP_S: f64 = 0.01;
/// Harmonics that are compared, if the decoder has as many.
const COMPARED: usize = 64;
/// First and last step of the search, of a span of 2.
const STEPS: [f32; 2] = [0.25, 0.002];
/// Distance at which a search has arrived.
const NEAR: f32 = 2e-4;
/// Growth of the distance from frame to frame that calls for a look everywhere.
const JUMP: f32 = 1.5;
/// Places of that look.
const PLACES: usize = 1500;
/// How many of the best are followed.
const REFINED: usize = 12;

/// What sounds at a moment, and the knobs that would make it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// The moment, in seconds from the start.
    pub time_s: f64,
    /// Pitch in Hz; 0 where there is no tone.
    pub f0_hz: f64,
    /// RMS of the tone, or of the sound where there is no tone.
    pub level: f32,
    /// Values of the declared controls, in their units and in the file's order; that of `pitch` is the pitch. Where there is no
    /// tone they are the last ones, or the defaults.
    pub values: [f32; MAX_CONTROLS],
    /// 0..1: how clear the tone is times how much of its harmonics the knobs explain; 0 where there is no tone.
    pub confidence: f32,
}

impl Wavetable {
    /// Knobs over time for a mono sound, a frame every [`HOP_S`]; none if the file has no encoder. Allocates and takes its time: not
    /// for the audio thread.
    pub fn encode(&self, sound: &[f32], rate_hz: f64) -> Option<Vec<Frame>> {
        let mut search = Search::new(self)?;
        let mut last: Option<[f32; MAX_CONTROLS]> = None;
        let mut values = [0.0; MAX_CONTROLS];
        values.iter_mut().zip(&self.info().controls).for_each(|(value, control)| *value = control.default);
        let frame = |Cut { time_s, level, tone }| {
            let level = level as f32;
            let Some((pitch, period)) = tone else {
                return Frame { time_s, f0_hz: 0.0, level, values, confidence: 0.0 };
            };
            let f0_hz = rate_hz / pitch.period_samples;
            let (seen, explained) = search.knobs(&period, f0_hz, last);
            last = Some(seen);
            for (i, control) in self.info().controls.iter().enumerate() {
                values[i] = if control.id == "pitch" { f0_hz as f32 } else { control.value(seen[i]) };
            }
            let confidence = (pitch.clarity.clamp(0.0, 1.0) as f32) * explained.max(0.0);
            Frame { time_s, f0_hz, level, values, confidence }
        };
        Some(cuts(sound, rate_hz, HOP_S).into_iter().map(frame).collect())
    }
}

/// Looks for knobs.
struct Search<'a> {
    model: &'a Wavetable,
    synthesis: Synthesis,
    decoder: DecoderState,
    harmonics: Vec<Complex32>,
    /// Distance at which the last frame's search ended.
    last_error: f32,
}

impl<'a> Search<'a> {
    fn new(model: &'a Wavetable) -> Option<Self> {
        model.encoder()?;
        let decoder = model.decoder().state();
        let harmonics = vec![Complex32::ZERO; model.decoder().harmonics()];
        Some(Self { model, synthesis: Synthesis::new(512), decoder, harmonics, last_error: 0.0 })
    }

    /// Controls from -1 to 1 whose period is like the given one, and the share of its magnitudes that they explain. The search
    /// begins with the encoder's answer and the last frame's knobs, and looks everywhere if neither is near.
    fn knobs(&mut self, period: &Period, f0_hz: f64, last: Option<[f32; MAX_CONTROLS]>) -> ([f32; MAX_CONTROLS], f32) {
        let model = self.model;
        let Some(encoder) = model.encoder() else { return ([0.0; MAX_CONTROLS], 0.0) };
        let controls = &model.info().controls;
        let pitch = controls.iter().position(|c| c.id == "pitch");
        let height = pitch.map(|place| controls[place].normalised(f0_hz as f32));
        let features = features(&self.synthesis, period, encoder.harmonics());
        let wanted =
            magnitudes(period.harmonics.iter().map(|h| h.norm() as f32).take(COMPARED.min(self.harmonics.len())));
        let mut starts: Vec<_> = [encoder.estimate(model.arch(), &features, height)].into_iter().chain(last).collect();
        let mut best = ([0.0; MAX_CONTROLS], f32::INFINITY);
        for round in 0..2 {
            for start in &mut starts {
                if let (Some(place), Some(height)) = (pitch, height) {
                    start[place] = height;
                }
            }
            let mut judged: Vec<_> = starts.iter().map(|seen| (*seen, self.distance(&wanted, seen))).collect();
            judged.sort_by(|a, b| a.1.total_cmp(&b.1));
            for start in judged.into_iter().take(REFINED) {
                let found = self.refine(&wanted, start, controls.len(), pitch);
                if found.1 < best.1 {
                    best = found;
                }
            }
            if round == 1 || best.1 < NEAR.max(JUMP * self.last_error) {
                break;
            }
            starts = everywhere(controls.len());
        }
        self.last_error = best.1;
        (best.0, 1.0 - best.1)
    }

    /// Moves controls one by one, and on in a direction that was good (Hooke, Jeeves 1961), by ever smaller steps.
    fn refine(
        &mut self,
        wanted: &[f32],
        start: ([f32; MAX_CONTROLS], f32),
        controls: usize,
        pitch: Option<usize>,
    ) -> ([f32; MAX_CONTROLS], f32) {
        let (mut best, mut error) = start;
        let mut step = STEPS[0];
        while step > STEPS[1] {
            let before = (best, error);
            for control in (0..controls).filter(|c| Some(*c) != pitch) {
                for direction in [step, -step] {
                    let mut tried = best;
                    tried[control] = (tried[control] + direction).clamp(-1.0, 1.0);
                    let found = self.distance(wanted, &tried);
                    if found < error {
                        (best, error) = (tried, found);
                    }
                }
            }
            if error >= before.1 {
                step *= 0.5;
                continue;
            }
            let mut further = best;
            for (x, before) in further.iter_mut().zip(before.0) {
                *x = (2.0 * *x - before).clamp(-1.0, 1.0);
            }
            let found = self.distance(wanted, &further);
            if found < error {
                (best, error) = (further, found);
            }
        }
        (best, error)
    }

    /// Sum of squared differences of magnitudes.
    fn distance(&mut self, wanted: &[f32], seen: &[f32; MAX_CONTROLS]) -> f32 {
        self.model.decoder().decode(self.model.arch(), &mut self.decoder, seen, &mut self.harmonics);
        let found = magnitudes(self.harmonics.iter().map(|h| h.norm()).take(wanted.len()));
        wanted.iter().zip(&found).map(|(a, b)| (a - b).powi(2)).sum()
    }
}

/// Places spread evenly over all controls (Roberts 2018).
fn everywhere(controls: usize) -> Vec<[f32; MAX_CONTROLS]> {
    let mut root = 1.0f64;
    for _ in 0..64 {
        root = (1.0 + root).powf(1.0 / (controls as f64 + 1.0));
    }
    let place = |n: usize| {
        let mut seen = [0.0; MAX_CONTROLS];
        for (d, x) in seen.iter_mut().enumerate().take(controls) {
            *x = (2.0 * (0.5 + n as f64 * root.powi(-(d as i32) - 1)).fract() - 1.0) as f32;
        }
        seen
    };
    (0..PLACES).map(place).collect()
}

/// Square roots of magnitudes, scaled to a sum of squares of 1: between loudness, which would only hear the lowest harmonics,
/// and levels, which would hear the noise between them.
fn magnitudes(harmonics: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut roots: Vec<f32> = harmonics.map(f32::sqrt).collect();
    let norm = roots.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    roots.iter_mut().for_each(|x| *x /= norm);
    roots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::write;
    use crate::wavetable::{Controls, Voice, example};

    /// The example with an encoder that knows nothing: its answer is the middle, the search does the rest.
    fn model() -> Wavetable {
        let mut tensors = example::tensors();
        tensors.push(("encoder.0.weight".into(), vec![3, 25], vec![0.0; 75]));
        tensors.push(("encoder.0.bias".into(), vec![3], vec![0.0; 3]));
        let mut metadata = example::metadata();
        let config = metadata["config"].replace('}', r#","encoder":{"harmonics":8,"hidden":[]}}"#);
        metadata.insert("config".into(), config);
        Wavetable::load(&write(metadata, &tensors).unwrap()).unwrap()
    }

    #[test]
    fn knobs_of_the_models_own_notes_come_back() {
        let model = model();
        for (z, pitch_hz) in [(0.6, 220.0), (-0.4, 523.3)] {
            let mut voice = Voice::new(&model, 48_000.0);
            voice.start(None);
            let mut controls = Controls::new(model.info(), pitch_hz);
            controls.values[0] = z;
            let (mut left, mut right) = (vec![0.0; 9600], vec![0.0; 9600]);
            voice.render(&model, |_| controls, &mut left, &mut right);
            let frames = model.encode(&left, 48_000.0).unwrap();
            assert_eq!(frames.len(), 20);
            for frame in &frames[4..16] {
                assert!((frame.values[0] - z).abs() < 0.03, "{z}: {frame:?}");
                assert!((frame.f0_hz / pitch_hz - 1.0).abs() < 1e-3 && frame.confidence > 0.9, "{frame:?}");
            }
        }
    }

    #[test]
    fn silence_short_sounds_and_nonsense_have_no_tone() {
        let model = model();
        for sound in [vec![0.0; 4800], vec![0.1; 700], vec![f32::NAN; 4800], vec![]] {
            for frame in model.encode(&sound, 48_000.0).unwrap() {
                assert_eq!((frame.f0_hz, frame.confidence), (0.0, 0.0));
                assert_eq!(frame.values[1], 128.0);
            }
        }
        assert_eq!(Wavetable::load(&example::file().unwrap()).unwrap().encode(&[0.0; 4800], 48_000.0), None);
    }

    /// Pressure and latent both bend the same harmonics: now and then one is taken for the other.
    #[test]
    fn knobs_of_the_factory_string_come_back_from_its_sound() {
        let bytes = include_bytes!("../../../../../assets/models/wavetable/bowed_string.safetensors");
        let model = Wavetable::load(bytes).unwrap();
        let mut squares = [0.0f32; 3];
        let mut count = 0.0;
        for n in 0..12usize {
            let mut controls = Controls::new(model.info(), 98.0 * 2f64.powf((n * 7 % 12) as f64 / 5.0));
            let mut seen = [0.0f32; 3];
            for (i, control) in model.info().controls.iter().enumerate().take(3) {
                seen[i] = 0.85 * (2.0 * ((n * [5, 3, 11][i] % 13) as f32 / 12.0) - 1.0);
                controls.values[i] = control.value(seen[i]);
            }
            let mut voice = Voice::new(&model, 48_000.0);
            voice.start(None);
            let (mut left, mut right) = (vec![0.0; 12_000], vec![0.0; 12_000]);
            voice.render(&model, |_| controls, &mut left, &mut right);
            for frame in &model.encode(&left, 48_000.0).unwrap()[8..18] {
                let cents = 1200.0 * (frame.f0_hz / controls.frequency_hz).log2();
                assert!(cents.abs() < 2.0, "{cents} cents at {}", controls.frequency_hz);
                for i in 0..3 {
                    let found = model.info().controls[i].normalised(frame.values[i]);
                    squares[i] += (0.5 * (found - seen[i])).powi(2);
                }
                count += 1.0;
            }
        }
        let errors = squares.map(|sum| (sum / count).sqrt());
        println!("latent, pressure, position: RMS errors of the span {errors:.4?}");
        assert!(errors[0] < 0.1 && errors[1] < 0.15 && errors[2] < 0.05, "{errors:?}");
    }
}
