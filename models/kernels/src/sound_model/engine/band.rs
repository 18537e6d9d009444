//! All voices of the network as they sound at the model's rate: from segments of playing to two channels.
use super::controls::{Controls, Outside};
use super::reader::{Kernel, REACH};
use super::roles::Roles;
use super::slot::{GAINS, Reading, Slot, sides};
use crate::dsp::ramp::Ramp;
use crate::sound_model::config::MAX_CONDITIONS;
use crate::sound_model::{self, MAX_VOICES, SoundModel, SoundModelState};
use crate::voices::{Dimension, Segment, VoiceControls, hz_of};

/// Duration of the way to a new value of a control, in seconds.
const RAMP_S: f64 = 0.01;
/// Speed of the vibrato in Hz.
const VIBRATO_HZ: f64 = 5.5;
/// Level below which the envelope scales the sound of a network that plays its own amplitude: the last 24 dB, which no network
/// plays down to silence.
const QUIET: f32 = 1.0 / 16.0;

/// The network with all its voices.
pub(super) struct Band {
    roles: Roles,
    state: SoundModelState,
    slots: Vec<Slot>,
    kernel: Kernel,
    /// What the network hears of each voice.
    heard: [sound_model::Controls; MAX_VOICES],
    /// The player's controls as the network sees them.
    values: [Ramp; MAX_CONDITIONS],
    level: Ramp,
    /// Place of the present sample among the gains.
    turn: usize,
    /// Samples a second.
    rate_hz: f64,
    /// Were there no controls since the start?
    fresh: bool,
    guard_events: u64,
}

impl Band {
    pub fn new(model: &SoundModel, voices: usize) -> Self {
        let rate_hz = model.info().sample_rate_hz;
        let ramp = |value, seconds: f64| Ramp::new(value, (seconds * rate_hz) as usize);
        Self {
            roles: Roles::new(model.info(), model.calibration()),
            state: SoundModelState::new(model, voices),
            slots: (0..voices).map(|slot| Slot::new(slot, rate_hz)).collect(),
            kernel: Kernel::new(),
            heard: [sound_model::Controls::new(model.info()); MAX_VOICES],
            values: [ramp(0.0, RAMP_S); MAX_CONDITIONS],
            level: ramp(1.0, RAMP_S),
            turn: 0,
            rate_hz,
            fresh: true,
            guard_events: 0,
        }
    }

    pub fn reset(&mut self) {
        self.state.reset();
        self.slots.iter_mut().for_each(Slot::reset);
        self.turn = 0;
        self.fresh = true;
    }

    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    pub fn guard_events(&self) -> u64 {
        self.guard_events
    }

    pub fn readings(&self) -> impl Iterator<Item = Reading> {
        self.slots.iter().filter(|slot| slot.playing).map(|slot| slot.reading)
    }

    /// Points the ramps at the controls; the first controls after a start are not ramped to.
    pub fn aim(&mut self, model: &SoundModel, controls: &Controls) {
        let seen = model.info().controls.iter().zip(&controls.values).map(|(info, value)| info.normalised(*value));
        let ramps = self.values.iter_mut().zip(seen).chain([(&mut self.level, controls.level)]);
        for (ramp, target) in ramps {
            if self.fresh {
                ramp.jump(target);
            }
            ramp.set(target);
        }
        self.fresh = false;
    }

    /// Plays a segment into both channels, from `first` on.
    pub fn play(
        &mut self,
        model: &SoundModel,
        controls: &Controls,
        segment: &Segment,
        audio: &mut [Vec<f32>],
        first: usize,
    ) {
        let mut sounding = [false; MAX_VOICES];
        for voice in segment.voices() {
            sounding[voice.slot] = true;
        }
        for (n, slot) in self.slots.iter_mut().enumerate().filter(|(n, slot)| slot.playing && !sounding[*n]) {
            self.state.stop(n);
            (slot.playing, slot.left) = (false, REACH);
        }
        if sounding == [false; MAX_VOICES] && self.slots.iter().all(|slot| slot.left == 0) {
            return self.rest(segment.count, audio, first);
        }
        for sample in 0..segment.count {
            let player = self.values.each_mut().map(Ramp::advance);
            for voice in segment.voices() {
                self.tell(model, controls, &voice, sample, &player);
            }
            self.draw(model, segment);
            let level = self.level.advance();
            let sides = self.mix(&sounding);
            (audio[0][first + sample], audio[1][first + sample]) = (level * sides[0], level * sides[1]);
        }
    }

    /// Silence passes.
    fn rest(&mut self, count: usize, audio: &mut [Vec<f32>], first: usize) {
        self.values.iter_mut().chain([&mut self.level]).for_each(|ramp| ramp.skip(count));
        self.turn = (self.turn + count) % GAINS;
        audio.iter_mut().for_each(|audio| audio[first..first + count].fill(0.0));
    }

    /// Tells the network what a voice plays in a sample, and starts it where its note begins.
    fn tell(
        &mut self,
        model: &SoundModel,
        controls: &Controls,
        voice: &VoiceControls,
        sample: usize,
        player: &[f32; MAX_CONDITIONS],
    ) {
        let slot = &mut self.slots[voice.slot];
        let starts = sample == 0 && voice.started();
        if starts {
            slot.vibrato_turns = 0.0;
            if !slot.playing && slot.left == 0 {
                slot.gains = [0.0; GAINS];
            }
        }
        let depth = controls.vibrato_semitones * voice.value(Dimension::Vibrato, sample);
        let mut pitch_note = voice.pitch_note(sample);
        if depth > 0.0 {
            pitch_note += f64::from(depth) * (std::f64::consts::TAU * slot.vibrato_turns).sin();
        }
        slot.vibrato_turns = (slot.vibrato_turns + VIBRATO_HZ / self.rate_hz).fract();
        let (note, speed) = self.roles.place(pitch_note, controls.outside);
        let level = voice.levels()[sample];
        let conditions = self.roles.conditions(player, controls, voice, sample, note, level);
        slot.speed = speed;
        slot.sides = sides(voice.value(Dimension::Pan, sample));
        slot.gains[self.turn] = if self.roles.has_amplitude() { (level / QUIET).min(1.0) } else { level };
        let pitch_note = if controls.outside == Outside::Transpose { pitch_note } else { note };
        slot.reading = Reading {
            slot: voice.slot,
            note: voice.note(),
            pitch_note: pitch_note as f32,
            conditions,
            level,
            speed: speed as f32,
        };
        let Controls { temperature, top_k, .. } = *controls;
        self.heard[voice.slot] = sound_model::Controls { conditions, clock_hz: hz_of(note) as f32, temperature, top_k };
        if starts {
            self.state.start(model, voice.slot, &self.heard[voice.slot], voice.seed(), 0);
            slot.reader.begin();
            slot.guard.reset();
            slot.recover.jump(1.0);
            (slot.playing, slot.left) = (true, 0);
        }
    }

    /// Draws as many samples of each voice as its reader lacks: one, unless it is transposed. Voices step together.
    fn draw(&mut self, model: &SoundModel, segment: &Segment) {
        loop {
            let (mut names, mut count) = ([0; MAX_VOICES], 0);
            for (n, slot) in self.slots.iter().enumerate() {
                if slot.playing && slot.reader.lacks(slot.speed) {
                    names[count] = n as u8;
                    count += 1;
                }
            }
            if count == 0 {
                return;
            }
            let mut drawn = [0.0; MAX_VOICES];
            self.state.step(model, &names[..count], &self.heard, &mut drawn);
            for n in names[..count].iter().map(|name| usize::from(*name)) {
                let mut y = [if self.state.is_broken(n) { f32::NAN } else { drawn[n] }];
                if self.slots[n].guard.check_output(&mut y) {
                    self.mend(model, segment, n);
                    self.slots[n].reader.write(y[0]);
                } else {
                    let gain = self.slots[n].recover.advance();
                    self.slots[n].reader.write(gain * y[0]);
                }
            }
        }
    }

    /// Starts a voice anew whose network went out of all bounds, and lets it return slowly.
    fn mend(&mut self, model: &SoundModel, segment: &Segment, slot: usize) {
        // One that stays broken is one event.
        self.guard_events += u64::from(!self.slots[slot].recover.is_moving());
        self.slots[slot].recover.jump(0.0);
        self.slots[slot].recover.set(1.0);
        let seed = segment.voices().find(|voice| voice.slot == slot).map_or(0, |voice| voice.seed());
        // Another stream than the one that led there.
        self.state.start(model, slot, &self.heard[slot], seed, 1);
    }

    /// Reads all voices and adds them up, left and right.
    fn mix(&mut self, sounding: &[bool; MAX_VOICES]) -> [f32; 2] {
        let mut sum = [0.0; 2];
        let next = (self.turn + 1) % GAINS;
        for (slot, sounding) in self.slots.iter_mut().zip(sounding) {
            if !sounding {
                if slot.left == 0 {
                    continue;
                }
                slot.left -= 1;
                slot.gains[self.turn] = 0.0;
            }
            // The oldest gain is the one that is replaced next: as late as the sound.
            let y = slot.reader.read(&self.kernel, slot.speed) * slot.gains[next];
            sum = [sum[0] + slot.sides[0] * y, sum[1] + slot.sides[1] * y];
        }
        self.turn = next;
        sum
    }
}
