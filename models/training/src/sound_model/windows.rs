//! What each step of a training hears: windows of many takes at once, that follow on from step to step.
use super::takes::{FEWEST_SAMPLES, Takes};
use crate::trainer::Source;
use kernels::sound_model::mu_law;
use nets::lookup_fused::Heard;
use nets::sound_model::{CLASSES, Window};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f32::consts::TAU;
use std::sync::Arc;

/// Groups of streams, one thread each; streams of a group; samples of a window.
pub const SHAPE: [usize; 3] = [2, 16, 256];
/// Windows that a stream stays with one take, at most.
const MOST_VISIT: usize = 32;
/// Levels by which a heard sample may be off: the network will hear its own mistakes when it plays.
const NOISE_LEVELS: f32 = 3.0;
/// Share of the heard samples that are any level at all.
const WRONG_SHARE: f32 = 0.003;
/// Levels of loudness that a model with an amplitude is taught, from silence up.
pub const AMPLITUDES: u32 = 10;

/// One step: the window, and which streams begin anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// What is heard and what came next.
    pub window: Window,
    /// 0 where a stream comes to another take, 1 where it goes on, `[groups, streams]`.
    pub goes_on: Vec<f32>,
}

/// Makes the windows. A stream stays with a take for a fixed number of windows, so that any step can be made without those
/// before it; the streams change at different steps.
pub struct Windows {
    takes: Arc<Takes>,
    /// Conditions of each take as the network sees them.
    conditions: Vec<Vec<f32>>,
    clock: bool,
    /// Does the network play loudness itself? Then takes are heard at [`AMPLITUDES`] levels, the last condition.
    amplitude: bool,
    /// Windows that a stream stays with a take.
    visit: usize,
    seed: u64,
}

impl Windows {
    /// Windows of these takes.
    pub fn new(takes: Arc<Takes>, clock: bool, amplitude: bool, seed: u64) -> Self {
        let shortest = takes.takes.iter().map(|take| take.sound.len()).min().unwrap_or(FEWEST_SAMPLES);
        let visit = ((shortest - 1) / SHAPE[2]).clamp(1, MOST_VISIT);
        let conditions = takes.takes.iter().map(|take| takes.conditions(take)).collect();
        Self { takes, conditions, clock, amplitude, visit, seed }
    }

    fn numbers(&self) -> usize {
        self.conditions[0].len() + usize::from(self.amplitude) + if self.clock { 2 } else { 0 }
    }
}

impl Source<Batch> for Windows {
    fn batch(&self, step: u64) -> Batch {
        let [groups, streams, time] = SHAPE;
        let (rows, each) = (groups * streams * time, self.numbers());
        let (mut classes, mut numbers, mut next) = (vec![0; rows], vec![0.0; rows * each], vec![0; rows]);
        let mut goes_on = Vec::new();
        for stream in 0..groups * streams {
            // Streams start at different places of their first visit.
            let turn = step + (stream * self.visit / (groups * streams)) as u64;
            let (visit, part) = (turn / self.visit as u64, (turn % self.visit as u64) as usize);
            goes_on.push(if part == 0 || step == 0 { 0.0 } else { 1.0 });
            let mut choice = self.random(stream, visit, 0);
            let place = choice.random_range(0..self.takes.takes.len());
            let take = &self.takes.takes[place];
            let start = choice.random_range(0..take.sound.len() - self.visit * time) + part * time;
            let level = choice.random_range(0..AMPLITUDES) as f32 / (AMPLITUDES - 1) as f32;
            let gain = if self.amplitude { level } else { 1.0 };
            let mut noise = self.random(stream, step, 1);
            let off = NOISE_LEVELS * noise.random::<f32>();
            for t in 0..time {
                let row = ((stream / streams) * time + t) * streams + stream % streams;
                let heard = f32::from(mu_law::encode(gain * take.sound[start + t]));
                let moved = (heard + off * (2.0 * noise.random::<f32>() - 1.0)).round();
                let is_wrong = noise.random::<f32>() < WRONG_SHARE;
                let wrong = (noise.next_u32() % CLASSES as u32) as u8;
                classes[row] = if is_wrong { wrong } else { moved.clamp(0.0, 255.0) as u8 };
                next[row] = mu_law::encode(gain * take.sound[start + t + 1]);
                let numbers = &mut numbers[row * each..][..each];
                let own = self.conditions[place].len();
                numbers[..own].copy_from_slice(&self.conditions[place]);
                if self.amplitude {
                    numbers[own] = 2.0 * level - 1.0;
                }
                if self.clock {
                    // Of the sample that is to be said next.
                    let (sine, cosine) = (TAU * take.phases_turns[start + t + 1]).sin_cos();
                    numbers[each - 2..].copy_from_slice(&[sine, cosine]);
                }
            }
        }
        let heard = Arc::new(Heard { classes, numbers });
        Batch { window: Window { shape: [groups, time, streams], heard, next: Arc::new(next) }, goes_on }
    }
}

impl Windows {
    /// Random numbers of one stream and place, `kind` apart.
    fn random(&self, stream: usize, place: u64, kind: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ (kind << 63));
        rng.set_stream(((stream as u64) << 40) | place);
        rng
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sound_model::takes::Take;
    use kernels::checkpoint::{ControlInfo, Curve};

    /// MIDI note of a period of 8 samples.
    pub const LOW: f32 = 95.21309;

    /// Square waves of two periods, the first control telling which: a known answer for the smallest network.
    pub fn squares() -> Takes {
        let take = |half: usize, value: f32| Take {
            name: format!("square {half}"),
            sound: (0..9000_usize).map(|t| if (t / half).is_multiple_of(2) { 0.2 } else { -0.2 }).collect(),
            values: vec![value],
            phases_turns: (0..9000).map(|t| (t % (2 * half)) as f32 / (2 * half) as f32).collect(),
        };
        let text = |text: &str| text.to_string();
        let (min, max, trained_min, trained_max) = (LOW, LOW + 12.0, LOW, LOW + 12.0);
        let control = ControlInfo {
            id: text("pitch"),
            name: text("Pitch"),
            unit: text(""),
            min,
            max,
            default: LOW,
            trained_min,
            trained_max,
            curve: Curve::Linear,
            steps: None,
        };
        Takes { controls: vec![control], takes: vec![take(4, LOW), take(2, LOW + 12.0)] }
    }

    #[test]
    fn windows_follow_on_until_a_stream_changes_its_take() {
        let windows = Windows::new(Arc::new(squares()), true, true, 7);
        let [groups, streams, time] = SHAPE;
        let (now, later) = (windows.batch(40), windows.batch(41));
        assert_eq!(now.window.heard.numbers.len(), groups * streams * time * 4);
        let row = |stream: usize, t: usize| ((stream / streams) * time + t) * streams + stream % streams;
        let mut going_on = 0;
        for stream in 0..groups * streams {
            if later.goes_on[stream] == 0.0 {
                continue;
            }
            going_on += 1;
            // The level that came last is the first one heard afterwards, but for its noise.
            let came = now.window.next[row(stream, time - 1)];
            let heard = later.window.heard.classes[row(stream, 0)];
            assert!((i32::from(came) - i32::from(heard)).abs() <= 3, "{stream}: {came}, {heard}");
        }
        assert!((28..32).contains(&going_on), "{going_on}");
        assert_eq!(windows.batch(41), later);
    }
}
