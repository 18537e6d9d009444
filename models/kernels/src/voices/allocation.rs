//! Which voice plays which note: allocation, stealing, pedals, one voice for many keys.
use super::channel::Request;
use super::controls::{Controls, Mode};
use super::event::{Address, Note, NoteEvent};
use super::glide::Glide;
use super::keys::Held;
use super::voice::{Life, Voice};
use super::{Ended, MAX_ENDED, Voices};

impl Voices {
    /// One event, at the present sample.
    pub(super) fn handle(&mut self, controls: &Controls, event: &NoteEvent) {
        if !event.is_sane() {
            self.ignored_events += 1;
            return;
        }
        match *event {
            NoteEvent::On { note, velocity } if velocity > 0.0 => self.press(controls, note, velocity.min(1.0)),
            NoteEvent::On { note, .. } => self.lift(controls, &note.into()),
            NoteEvent::Off { address } => self.lift(controls, &address),
            NoteEvent::Choke { address } => self.silence(controls, |note| address.matches(note)),
            NoteEvent::Expression { address, expression, value } => {
                for voice in self.voices.iter_mut().filter(|v| v.owns_note() && address.matches(&v.held.note)) {
                    voice.express(expression, value);
                }
            }
            NoteEvent::Modulation { voice_id, parameter, offset } => {
                for voice in &mut self.voices {
                    if voice.owns_note() && voice.held.note.voice_id == Some(voice_id) {
                        voice.modulate(parameter as usize, offset);
                    }
                }
            }
            NoteEvent::ChannelPressure { channel, pressure } => self.channels.pressure(channel, pressure),
            NoteEvent::PitchBend { channel, bend } => self.channels.bend(channel, bend),
            NoteEvent::Control { channel, number, value } => {
                let request = self.channels.control(channel, number, value);
                self.obey(controls, channel, request);
            }
        }
    }

    /// What a controller asks of the voices.
    fn obey(&mut self, controls: &Controls, sender: u8, request: Request) {
        let zones = *self.channels.zones();
        let concerned = |held: &Held| zones.speaks_for(sender, held.note.channel);
        match request {
            Request::None | Request::BendRange { .. } | Request::Zone { .. } => {}
            Request::SustainUp => self.settle(controls),
            Request::SostenutoDown => self.each_held(|held| held.captured |= concerned(held) && held.key_down),
            Request::SostenutoUp => {
                self.each_held(|held| held.captured &= !concerned(held));
                self.settle(controls);
            }
            Request::AllNotesOff => {
                self.each_held(|held| {
                    held.key_down &= !concerned(held);
                    held.captured &= !concerned(held);
                });
                self.settle(controls);
            }
            Request::AllSoundOff => self.silence(controls, |note| zones.speaks_for(sender, note.channel)),
            Request::NewZones => self.let_all_go(controls),
        }
    }

    /// Every note is released, whatever holds it.
    pub(super) fn let_all_go(&mut self, controls: &Controls) {
        self.keys.clear();
        for slot in 0..self.voices.len() {
            self.let_go(controls, slot);
        }
    }

    /// A key goes down.
    fn press(&mut self, controls: &Controls, note: Note, velocity: f32) {
        let held = Held { note, velocity, number: self.notes, key_down: true, captured: false };
        self.notes += 1;
        if controls.mode == Mode::Poly {
            let slot = self.same_key(&note).unwrap_or_else(|| self.place());
            self.give(controls, slot, held, false);
        } else {
            self.keys.press(held);
            self.play_top(controls);
        }
    }

    /// Keys go up.
    fn lift(&mut self, controls: &Controls, address: &Address) {
        self.each_held(|held| held.key_down &= !address.matches(&held.note));
        self.settle(controls);
    }

    /// Takes away the sound of some notes.
    fn silence(&mut self, controls: &Controls, concerned: impl Fn(&Note) -> bool) {
        self.keys.retain(|held| !concerned(&held.note));
        for slot in 0..self.voices.len() {
            if self.voices[slot].owns_note() && concerned(&self.voices[slot].held.note) {
                self.fade(slot);
            }
        }
        self.settle(controls);
    }

    /// Whatever is held, in voices or waiting for the one voice.
    fn each_held(&mut self, mut change: impl FnMut(&mut Held)) {
        self.keys.iter_mut().for_each(&mut change);
        self.voices.iter_mut().filter(|voice| voice.gate).for_each(|voice| change(&mut voice.held));
    }

    /// Lets go whatever neither finger nor pedal holds any more.
    fn settle(&mut self, controls: &Controls) {
        let channels = &self.channels;
        self.keys.retain(|held| held.is_held(channels));
        if controls.mode != Mode::Poly && !self.keys.is_empty() {
            return self.play_top(controls);
        }
        for slot in 0..self.voices.len() {
            if !self.voices[slot].held.is_held(&self.channels) {
                self.let_go(controls, slot);
            }
        }
    }

    /// One voice plays the key that has priority.
    fn play_top(&mut self, controls: &Controls) {
        let Some(top) = self.keys.top(controls.priority).copied() else { return };
        let voice = &mut self.voices[0];
        if voice.gate && voice.held.number == top.number {
            voice.held = top;
            return;
        }
        let tied = controls.mode == Mode::Legato && voice.gate;
        self.give(controls, 0, top, tied);
    }

    /// The voice that plays this key already: a key that is struck again does not take another one.
    fn same_key(&self, note: &Note) -> Option<usize> {
        self.voices.iter().position(|voice| {
            voice.owns_note() && (voice.held.note.channel, voice.held.note.key) == (note.channel, note.key)
        })
    }

    /// A voice for a new note: a free one within the cap, one that is fading anyway, or one that is taken from its note.
    fn place(&mut self) -> usize {
        let owned = self.voices.iter().filter(|voice| voice.owns_note()).count();
        let sounding = self.sounding();
        if owned < self.cap {
            let free = self.voices.iter().position(|voice| voice.life == Life::Free);
            let fading = self.voices.iter().position(|voice| voice.life == Life::Fading);
            if let Some(slot) = free.filter(|_| sounding < self.cap).or(fading) {
                return slot;
            }
        }
        self.steal()
    }

    /// Takes a voice from the note that will be missed least.
    pub(super) fn steal(&mut self) -> usize {
        let controls = self.controls;
        let victims = self.voices.iter().enumerate().filter(|(_, voice)| voice.owns_note());
        let slot = victims.min_by_key(|(_, voice)| missed(voice, &controls)).map_or(0, |(slot, _)| slot);
        self.fade(slot);
        self.stolen_notes += 1;
        slot
    }

    /// Releases a voice, at once where it was not heard yet.
    fn let_go(&mut self, controls: &Controls, slot: usize) {
        let voice = &mut self.voices[slot];
        if voice.let_go(controls, self.clock) {
            let note = voice.held.note;
            self.end(note);
        }
    }

    /// Takes the sound away, at once where it was not heard yet.
    fn fade(&mut self, slot: usize) {
        let voice = &mut self.voices[slot];
        voice.fade();
        if voice.life == Life::Free {
            let note = voice.held.note;
            self.end(note);
        }
    }

    /// Gives a voice to a note. `tied`: the sound of the note before it goes on.
    fn give(&mut self, controls: &Controls, slot: usize, held: Held, tied: bool) {
        // One voice that returns to an earlier key is still held, though the key that it leaves is up.
        let legato = match controls.mode {
            Mode::Poly => self.voices.iter().any(|voice| voice.gate && voice.held.key_down),
            Mode::Mono | Mode::Legato => self.voices[slot].gate,
        };
        let voice = &mut self.voices[slot];
        let before = (voice.life != Life::Free).then_some(voice.held.note);
        let from = if voice.life == Life::Sounding { Some(voice.glide.after(0)) } else { self.last_note };
        let to = controls.range.place(held.note.key);
        let portamento = &controls.portamento;
        match from {
            Some(from) if legato || !portamento.legato_only => voice.glide.start(from, to, portamento, self.rate_hz),
            _ => voice.glide = Glide::new(to),
        }
        self.last_note = Some(to);
        voice.take(held, tied, &self.channels, controls, self.clock);
        if let Some(note) = before.filter(|before| *before != held.note) {
            self.end(note);
        }
    }

    /// Remembers for the host that a note is over.
    pub(super) fn end(&mut self, note: Note) {
        if self.ended.len() < MAX_ENDED {
            self.ended.push(Ended { note, offset_samples: self.block_samples as u32 });
        }
    }
}

/// How much a note would be missed; the least is stolen. Released notes come first, the one released longest ago before the
/// others; then what only a pedal holds; then keys. Among those that are held the quietest goes, in steps of 6 dB since less is
/// no reason to prefer a newer note, and of equal ones the oldest.
fn missed(voice: &Voice, controls: &Controls) -> (u8, i32, u64, u64) {
    let number = voice.held.number;
    if !voice.gate {
        return (0, 0, voice.released_at, number);
    }
    let steps = voice.loudness(controls).max(1e-6).log2().floor() as i32;
    (1 + u8::from(voice.held.key_down), steps, number, 0)
}
