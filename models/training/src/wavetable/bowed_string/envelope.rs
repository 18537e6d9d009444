//! How the speed of the bow rises and falls: straight lines between attack, decay, sustain and release.

/// Which line the envelope is on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Idle,
    Attack,
    Decay,
    Sustain,
    Release,
}

/// Speed of the bow, of the note's full speed.
#[derive(Clone, Debug)]
pub struct Envelope {
    stage: Stage,
    value: f64,
    /// Where the attack ends.
    target: f64,
    sustain: f64,
    /// Rise a sample. Notes set it without regard to the sample rate.
    attack: f64,
    /// Fall or rise a sample towards `sustain`.
    decay: f64,
    /// Fall a sample.
    release: f64,
}

impl Envelope {
    /// At rest, with STK's times: 20, 5 and 10 ms, sustain 0.9.
    pub fn new(rate_hz: f64) -> Self {
        let sustain = 0.9;
        Self {
            stage: Stage::Idle,
            value: 0.0,
            target: 0.0,
            sustain,
            attack: 1.0 / (0.02 * rate_hz),
            decay: (1.0 - sustain) / (0.005 * rate_hz),
            release: sustain / (0.01 * rate_hz),
        }
    }

    /// Moves to another level and stays there; negative ones are ignored.
    pub fn set_target(&mut self, target: f64) {
        if target < 0.0 {
            return;
        }
        self.target = target;
        self.sustain = target;
        if self.value < target {
            self.stage = Stage::Attack;
        }
        if self.value > target {
            self.stage = Stage::Decay;
        }
    }

    /// Rises by a gain a sample.
    pub fn start(&mut self, attack: f64) {
        self.attack = attack;
        if self.target <= 0.0 {
            self.target = 1.0;
        }
        self.stage = Stage::Attack;
    }

    /// Falls by a gain a sample; one of 0 is ignored, as STK does with a warning.
    pub fn release(&mut self, release: f64) {
        if release <= 0.0 {
            return;
        }
        self.release = release;
        self.target = 0.0;
        self.stage = Stage::Release;
    }

    /// The next value.
    #[inline]
    pub fn step(&mut self) -> f64 {
        match self.stage {
            Stage::Attack => {
                self.value += self.attack;
                if self.value >= self.target {
                    self.value = self.target;
                    self.target = self.sustain;
                    self.stage = Stage::Decay;
                }
            }
            Stage::Decay => {
                let above = self.value > self.sustain;
                self.value += if above { -self.decay } else { self.decay };
                if (above && self.value <= self.sustain) || (!above && self.value >= self.sustain) {
                    self.value = self.sustain;
                    self.stage = Stage::Sustain;
                }
            }
            Stage::Release => {
                self.value -= self.release;
                if self.value <= 0.0 {
                    self.value = 0.0;
                    self.stage = Stage::Idle;
                }
            }
            Stage::Idle | Stage::Sustain => {}
        }
        self.value
    }
}
