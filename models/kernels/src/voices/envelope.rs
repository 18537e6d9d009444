//! The level of a note in time: attack, decay, sustain, release, and the short fade of a voice that is taken away.
//!
//! Each stage is an exponential that aims beyond its target and is cut where it meets it, like a capacitor that is charged
//! towards a voltage above the comparator's. So it lasts exactly as long as its knob says, from whatever level it begins.

/// Overshoot of the attack, in shares of its way: nearly straight, round at the top.
const ATTACK_OVERSHOOT: f64 = 0.3;
/// Overshoot of decay and release: their way is done when it has fallen by 60 dB.
const FALL_OVERSHOOT: f64 = 1e-3;
/// Overshoot of fades: nearly straight, or their loud end would be shorter than they are.
const FADE_OVERSHOOT: f64 = 1.0;
/// Duration of the fade of a voice that is stolen or choked, in seconds.
pub const FADE_S: f64 = 0.005;
/// Duration of the way to a sustain level that was changed while it sounds, in seconds.
const FOLLOW_S: f64 = 0.01;

/// The four knobs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adsr {
    /// Time to full level in seconds, 0..10.
    pub attack_s: f32,
    /// Time from there to the sustain level in seconds, 0..10.
    pub decay_s: f32,
    /// Level while the note is held, 0..1.
    pub sustain: f32,
    /// Time to silence in seconds, 0.001..20.
    pub release_s: f32,
}

impl Default for Adsr {
    fn default() -> Self {
        Self { attack_s: 0.002, decay_s: 0.3, sustain: 1.0, release_s: 0.15 }
    }
}

impl Adsr {
    /// The same with everything finite and in range.
    pub(crate) fn sane(&self) -> Self {
        let or = |x: f32, low: f32, high: f32, other: f32| if x.is_finite() { x.clamp(low, high) } else { other };
        let default = Self::default();
        Self {
            attack_s: or(self.attack_s, 0.0, 10.0, default.attack_s),
            decay_s: or(self.decay_s, 0.0, 10.0, default.decay_s),
            sustain: or(self.sustain, 0.0, 1.0, default.sustain),
            release_s: or(self.release_s, 0.001, 20.0, default.release_s),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Silent,
    Attack,
    Decay,
    Sustain,
    Release,
    Fade,
}

/// One voice's envelope.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Where in the note it is.
    stage: Stage,
    /// Level of the last sample, 0..1. In f64: a release of 20 s at 768 kHz moves by 5e-7 of itself a sample.
    level: f64,
    /// Level that the stage ends on, 0..1.
    target: f64,
    /// Level that the exponential would reach in infinite time.
    aim: f64,
    /// Share of the distance to `aim` that is left a sample later.
    factor: f64,
    /// Samples until `target`.
    left: u32,
    /// Samples a second.
    rate_hz: f64,
}

impl Envelope {
    /// Silent.
    pub fn new(rate_hz: f64) -> Self {
        Self { stage: Stage::Silent, level: 0.0, target: 0.0, aim: 0.0, factor: 0.0, left: 0, rate_hz }
    }

    /// Silent at once.
    pub fn reset(&mut self) {
        *self = Self::new(self.rate_hz);
    }

    /// Begins or begins again, from the level where it stands.
    pub fn attack(&mut self, adsr: &Adsr) {
        self.go(Stage::Attack, 1.0, adsr.attack_s.into(), ATTACK_OVERSHOOT);
    }

    /// Lets go, from whatever stage; a fade goes on, and what was not heard yet ends at once.
    pub fn release(&mut self, adsr: &Adsr) {
        match self.stage {
            Stage::Silent | Stage::Release | Stage::Fade => {}
            _ if self.level == 0.0 => self.reset(),
            _ => self.go(Stage::Release, 0.0, adsr.release_s.into(), FALL_OVERSHOOT),
        }
    }

    /// Falls silent within [`FADE_S`], from whatever stage.
    pub fn fade(&mut self) {
        if self.level == 0.0 {
            self.reset();
        } else if self.stage != Stage::Fade {
            self.go(Stage::Fade, 0.0, FADE_S, FADE_OVERSHOOT);
        }
    }

    /// Is it over, or not begun?
    pub fn is_silent(&self) -> bool {
        self.stage == Stage::Silent
    }

    /// Is it still on its way up?
    pub fn is_rising(&self) -> bool {
        self.stage == Stage::Attack
    }

    /// Is it on its way to silence?
    pub fn is_ending(&self) -> bool {
        matches!(self.stage, Stage::Release | Stage::Fade)
    }

    /// Level of the last sample, 0..1.
    pub fn level(&self) -> f32 {
        self.level as f32
    }

    /// Samples until the present stage ends; 0 for a stage that lasts.
    pub fn left_samples(&self) -> usize {
        self.left as usize
    }

    /// The next samples; the same for any cut.
    pub fn fill(&mut self, adsr: &Adsr, levels: &mut [f32]) {
        let mut rest = levels;
        while !rest.is_empty() {
            if self.stage == Stage::Sustain && self.left == 0 && self.level != f64::from(adsr.sustain) {
                self.go(Stage::Sustain, adsr.sustain.into(), FOLLOW_S, FADE_OVERSHOOT);
            }
            if self.left == 0 {
                rest.fill(self.level as f32);
                return;
            }
            let (now, later) = rest.split_at_mut(rest.len().min(self.left as usize));
            for level in now.iter_mut() {
                self.level = self.aim + (self.level - self.aim) * self.factor;
                *level = self.level as f32;
            }
            self.left -= now.len() as u32;
            if self.left == 0 {
                self.level = self.target;
                if let Some(last) = now.last_mut() {
                    *last = self.target as f32;
                }
                self.next_stage(adsr);
            }
            rest = later;
        }
    }

    fn next_stage(&mut self, adsr: &Adsr) {
        match self.stage {
            Stage::Attack => self.go(Stage::Decay, adsr.sustain.into(), adsr.decay_s.into(), FALL_OVERSHOOT),
            Stage::Decay => self.stage = Stage::Sustain,
            Stage::Release | Stage::Fade => self.stage = Stage::Silent,
            Stage::Sustain | Stage::Silent => {}
        }
    }

    /// Starts towards a target from the present level.
    ///
    /// ```text
    /// level(t) = aim + (from - aim) ((o / (1 + o))^(t / T)),   aim = target + o (target - from),   level(T) = target
    /// ```
    fn go(&mut self, stage: Stage, target: f64, duration_s: f64, overshoot: f64) {
        let samples = (duration_s * self.rate_hz).round().max(1.0);
        self.stage = stage;
        self.target = target;
        self.aim = target + overshoot * (target - self.level);
        self.factor = (overshoot / (1.0 + overshoot)).powf(1.0 / samples);
        self.left = samples as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADSR: Adsr = Adsr { attack_s: 0.01, decay_s: 0.02, sustain: 0.5, release_s: 0.03 };

    fn run(envelope: &mut Envelope, samples: usize) -> Vec<f32> {
        let mut levels = vec![0.0; samples];
        envelope.fill(&ADSR, &mut levels);
        levels
    }

    #[test]
    fn every_stage_lasts_as_long_as_its_knob_says() {
        let mut envelope = Envelope::new(1000.0);
        envelope.attack(&ADSR);
        let held = run(&mut envelope, 40);
        assert!(held[8] < 1.0);
        assert_eq!(held[9], 1.0);
        assert!(held[28] > 0.5);
        assert!(held[29..].iter().all(|level| *level == 0.5));
        envelope.release(&ADSR);
        let released = run(&mut envelope, 31);
        assert!(released[28] > 0.0);
        assert_eq!(released[29..], [0.0, 0.0]);
        assert!(envelope.is_silent());
    }

    #[test]
    fn a_release_falls_by_60_db_over_its_time_from_any_level() {
        for held_samples in [3, 10, 15, 40] {
            let mut envelope = Envelope::new(1000.0);
            envelope.attack(&ADSR);
            let from = run(&mut envelope, held_samples)[held_samples - 1];
            envelope.release(&ADSR);
            let released = run(&mut envelope, 30);
            // Half of the time is half of the 60 dB.
            let fallen_db = 20.0 * (released[14] / from).log10();
            assert!((fallen_db + 30.0).abs() < 0.5, "{fallen_db}");
            assert_eq!(released[29], 0.0);
        }
    }

    #[test]
    fn a_note_again_rises_from_where_it_stands() {
        let mut envelope = Envelope::new(48_000.0);
        envelope.attack(&ADSR);
        run(&mut envelope, 2_000);
        envelope.release(&ADSR);
        let before = *run(&mut envelope, 200).last().unwrap();
        envelope.attack(&ADSR);
        let after = run(&mut envelope, 480);
        assert!((after[0] - before).abs() < 0.005, "{before} then {}", after[0]);
        assert!(after.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(after[479], 1.0);
    }

    #[test]
    fn a_fade_is_over_within_5_ms_and_has_no_step() {
        for held_samples in [10, 480, 5_000] {
            let mut envelope = Envelope::new(48_000.0);
            envelope.attack(&ADSR);
            let from = *run(&mut envelope, held_samples).last().unwrap();
            envelope.fade();
            let fade = run(&mut envelope, 240);
            let mut last = from;
            for level in fade {
                assert!(level < last && last - level < 0.01);
                last = level;
            }
            assert_eq!(last, 0.0);
            assert!(envelope.is_silent());
        }
    }

    #[test]
    fn the_longest_release_at_the_highest_rate_ends_on_its_sample() {
        let longest = Adsr { release_s: 20.0, attack_s: 0.0, ..ADSR };
        let mut envelope = Envelope::new(768_000.0);
        envelope.attack(&longest);
        let mut levels = vec![0.0; 1024];
        envelope.fill(&longest, &mut levels);
        envelope.release(&longest);
        for _ in 0..14_999 {
            envelope.fill(&longest, &mut levels);
            assert!(levels[1023] > 0.0);
        }
        envelope.fill(&longest, &mut levels);
        assert_eq!(levels[1023], 0.0);
        assert!(levels[1022] > 0.0);
    }

    #[test]
    fn the_same_levels_for_any_cut() {
        let mut whole = Envelope::new(44_100.0);
        whole.attack(&ADSR);
        let mut cut = whole.clone();
        let found: Vec<f32> = (0..999).flat_map(|k| run(&mut cut, [1, 5, 3][k % 3])).collect();
        assert!(found == run(&mut whole, found.len()));
    }

    #[test]
    fn a_sustain_knob_that_moves_is_followed_without_a_step() {
        let mut envelope = Envelope::new(48_000.0);
        envelope.attack(&ADSR);
        run(&mut envelope, 5_000);
        let mut levels = vec![0.0; 480];
        envelope.fill(&Adsr { sustain: 1.0, ..ADSR }, &mut levels);
        assert!(levels.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.005));
        assert_eq!(levels[479], 1.0);
    }
}
