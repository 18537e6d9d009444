//! One voice: the note that owns it, its level and pitch in time, and what is expressed by it.
use super::channels::{Channels, Own};
use super::controls::Controls;
use super::envelope::Envelope;
use super::event::{Expression, MAX_MODULATIONS, Note};
use super::glide::Glide;
use super::keys::Held;
use super::lines::{Begin, LINES, Line, Lines};

/// Loudest expression of a note, linear: CLAP's limit.
const MAX_VOLUME: f32 = 4.0;
/// Farthest tuning of a note in semitones: CLAP's limit.
const MAX_TUNING_SEMITONES: f32 = 120.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Silent, without a note.
    Free,
    /// Its note sounds, held or released.
    Sounding,
    /// Falls silent quickly, and is free then.
    Fading,
    /// The sound of another note falls silent quickly; its own note begins then.
    Waiting,
}

/// What the host expressed by this note alone.
#[derive(Clone, Copy, Debug)]
struct Expressed {
    /// 0..1.
    pressure: f32,
    /// Linear, 0..[`MAX_VOLUME`].
    volume: f32,
    /// -1..1.
    pan: f32,
    /// Semitones.
    tuning_semitones: f32,
    /// 0..1.
    vibrato: f32,
    /// 0..1.
    expression: f32,
    /// 0..1; none leaves the channel's slide.
    brightness: Option<f32>,
    /// Shares of the parameters' ranges, -1..1.
    modulations: [f32; MAX_MODULATIONS],
}

impl Expressed {
    const NOTHING: Self = Self {
        pressure: 0.0,
        volume: 1.0,
        pan: 0.0,
        tuning_semitones: 0.0,
        vibrato: 0.0,
        expression: 1.0,
        brightness: None,
        modulations: [0.0; MAX_MODULATIONS],
    };
}

/// One voice's memory. Nothing in it allocates.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    /// What it is doing.
    pub life: Life,
    /// The note that owns it; the sound may still be another's while it waits.
    pub held: Held,
    /// Is the note held by a finger or a pedal?
    pub gate: bool,
    /// Clock at which the note was let go, in samples.
    pub released_at: u64,
    /// Did the sound begin from silence with the present segment?
    pub started: bool,
    /// Does its envelope begin again with the present segment, from silence or from where it stands?
    pub struck: bool,
    /// Level without velocity and volume, 0..1.
    pub envelope: Envelope,
    /// Pitch without bends.
    pub glide: Glide,
    /// What was expressed since the note began.
    expressed: Expressed,
    /// What it hears of its own channel; a member of a zone stops listening when its key goes up, because the next finger
    /// may get the same channel.
    own: Own,
    /// Clock at which the note was begun, in samples.
    begun_at: u64,
    /// For how many samples a note was held that was let go before its voice was free; it sounds as long, later.
    short_samples: Option<u64>,
    /// Where the lines begin that are drawn next.
    begin: Begin,
    /// What it plays in this cell.
    pub lines: Lines,
}

impl Voice {
    /// Free.
    pub fn new(rate_hz: f64) -> Self {
        let note = Note { channel: 0, key: 60, voice_id: None };
        Self {
            life: Life::Free,
            held: Held { note, velocity: 0.0, number: 0, key_down: false, captured: false },
            gate: false,
            released_at: 0,
            started: false,
            struck: false,
            envelope: Envelope::new(rate_hz),
            glide: Glide::new(60.0),
            expressed: Expressed::NOTHING,
            own: Own { bend_semitones: 0.0, pressure: 0.0, slide: 0.5 },
            begun_at: 0,
            short_samples: None,
            begin: Begin::Fresh,
            lines: Lines::new(),
        }
    }

    /// Does a note own it, sounding or about to?
    pub fn owns_note(&self) -> bool {
        matches!(self.life, Life::Sounding | Life::Waiting)
    }

    /// Gives the voice to a note: from silence, over the sound of the note before it, or after that has faded.
    pub fn take(&mut self, held: Held, tied: bool, channels: &Channels, controls: &Controls, clock: u64) {
        self.held = held;
        self.gate = true;
        self.begun_at = clock;
        self.short_samples = None;
        self.expressed = Expressed::NOTHING;
        self.own = channels.own(held.note.channel);
        match self.life {
            Life::Free => self.start(controls),
            Life::Sounding => {
                if self.begin == Begin::On {
                    self.begin = Begin::Jumped;
                }
                if !tied {
                    self.struck = true;
                    self.envelope.attack(&controls.envelope);
                }
            }
            Life::Fading | Life::Waiting => self.life = Life::Waiting,
        }
    }

    /// Takes the sound away; whoever called gives the voice to another note.
    pub fn fade(&mut self) {
        self.envelope.fade();
        self.gate = false;
        self.life = if self.envelope.is_silent() { Life::Free } else { Life::Fading };
    }

    /// Neither finger nor pedal holds the note any more. Returns whether it is over at once, because it was not heard yet.
    pub fn let_go(&mut self, controls: &Controls, clock: u64) -> bool {
        if !self.gate || self.short_samples.is_some() {
            return false;
        }
        self.held.key_down = false;
        if self.life == Life::Waiting {
            self.short_samples = Some((clock - self.begun_at).max(1));
            return false;
        }
        self.gate = false;
        self.released_at = clock;
        self.envelope.release(&controls.envelope);
        let over = self.envelope.is_silent();
        if over {
            self.life = Life::Free;
        }
        over
    }

    /// The host expresses the note.
    pub fn express(&mut self, expression: Expression, value: f32) {
        let expressed = &mut self.expressed;
        match expression {
            Expression::Pressure => expressed.pressure = value.clamp(0.0, 1.0),
            Expression::Volume => expressed.volume = value.clamp(0.0, MAX_VOLUME),
            Expression::Pan => expressed.pan = value.clamp(-1.0, 1.0),
            Expression::Tuning => {
                expressed.tuning_semitones = value.clamp(-MAX_TUNING_SEMITONES, MAX_TUNING_SEMITONES);
            }
            Expression::Vibrato => expressed.vibrato = value.clamp(0.0, 1.0),
            Expression::Expression => expressed.expression = value.clamp(0.0, 1.0),
            Expression::Brightness => expressed.brightness = Some(value.clamp(0.0, 1.0)),
        }
    }

    /// The host moves a parameter for the note alone.
    pub fn modulate(&mut self, parameter: usize, offset: f32) {
        if let Some(modulation) = self.expressed.modulations.get_mut(parameter) {
            *modulation = offset.clamp(-1.0, 1.0);
        }
    }

    /// How loud it is, or is about to be: a note that has just begun is not the quietest one.
    pub fn loudness(&self, controls: &Controls) -> f32 {
        let level = if self.life == Life::Waiting || self.envelope.is_rising() { 1.0 } else { self.envelope.level() };
        level * controls.velocity_gain(self.held.velocity) * self.expressed.volume * self.expressed.expression
    }

    /// Samples until the voice changes by itself in a way that must not lie inside of a segment.
    pub fn change_samples(&self) -> usize {
        match (self.life, self.short_samples) {
            (Life::Free, _) => usize::MAX,
            (Life::Sounding, Some(samples)) => samples as usize,
            _ if self.envelope.is_ending() => self.envelope.left_samples(),
            _ => usize::MAX,
        }
    }

    /// Draws the lines from `at` to the end of the cell, if a cell or a note begins there. `share`: how much of the way to its
    /// target a value goes within a cell.
    pub fn aim(&mut self, channels: &Channels, controls: &Controls, at: usize, cell: usize, share: f32) {
        if at > 0 && self.begin == Begin::On {
            return;
        }
        // While the sound is taken away it stays as it is.
        if matches!(self.life, Life::Waiting | Life::Fading) {
            return self.lines.hold(at);
        }
        let targets = self.targets(channels, controls);
        let pitch = |samples, bend| controls.range.limit(self.glide.after(samples) + f64::from(bend));
        self.lines.draw(self.begin, &targets, at, cell - at, share, pitch);
        self.begin = Begin::On;
    }

    /// Where the lines go.
    fn targets(&mut self, channels: &Channels, controls: &Controls) -> [f32; LINES] {
        let channel = self.held.note.channel;
        if self.held.key_down || channels.zones().leader(channel).is_none() {
            self.own = channels.own(channel);
        }
        let (own, shared, expressed) = (self.own, channels.shared(channel), &self.expressed);
        let mut targets = [0.0; LINES];
        let mut set = |line: Line, value: f32| targets[line as usize] = value;
        let velocity = self.held.velocity;
        set(Line::Gain, controls.velocity_gain(velocity) * shared.gain * expressed.volume * expressed.expression);
        let bends = own.bend_semitones + shared.bend_semitones + expressed.tuning_semitones;
        set(Line::Bend, bends + controls.tune_semitones);
        set(Line::Pressure, own.pressure.max(shared.pressure).max(expressed.pressure));
        set(Line::Slide, (expressed.brightness.unwrap_or(own.slide) + shared.slide).clamp(0.0, 1.0));
        set(Line::Vibrato, shared.vibrato.max(expressed.vibrato));
        set(Line::Pan, (shared.pan + expressed.pan).clamp(-1.0, 1.0));
        set(Line::Timbre, controls.velocity_to_timbre * (2.0 * velocity - 1.0));
        targets[Line::Modulation as usize..].copy_from_slice(&expressed.modulations);
        targets
    }

    /// The next levels, from `at` in the cell on.
    pub fn fill(&mut self, controls: &Controls, at: usize, levels: &mut [f32]) {
        self.envelope.fill(&controls.envelope, levels);
        for (n, level) in levels.iter_mut().enumerate() {
            *level *= self.lines.value(Line::Gain as usize, at + n);
        }
    }

    /// Passes over samples that were heard. Returns whether the note is over.
    pub fn advance(&mut self, controls: &Controls, clock: u64, samples: usize) -> bool {
        (self.started, self.struck) = (false, false);
        if self.life == Life::Waiting {
            if self.envelope.is_silent() {
                self.start(controls);
            }
            return false;
        }
        self.glide.advance(samples);
        if let Some(left) = self.short_samples {
            self.short_samples = left.checked_sub(samples as u64).filter(|left| *left > 0);
            if self.short_samples.is_none() {
                self.let_go(controls, clock);
            }
        }
        let over = self.envelope.is_silent();
        if over {
            self.life = Life::Free;
            self.gate = false;
        }
        over
    }

    /// Begins from silence.
    fn start(&mut self, controls: &Controls) {
        self.life = Life::Sounding;
        (self.started, self.struck) = (true, true);
        self.begin = Begin::Fresh;
        self.envelope.attack(&controls.envelope);
    }
}
