//! Parameters of every instrument that is played: how notes become voices, and their level in time.
use crate::project::{Listed, decibels, milliseconds, percent, with_unit};
use kernels::voices::{Adsr, Controls, Mode, Portamento, Priority};
use nice_plug::prelude::*;

/// Highest seed that the knob reaches.
const MAX_SEED: i32 = 9_999;

/// How many notes sound.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModeChoice {
    /// Each note has a voice.
    #[id = "poly"]
    Poly,
    /// One voice, begun again by every note.
    #[id = "mono"]
    Mono,
    /// One voice that goes on from note to note.
    #[id = "legato"]
    Legato,
}

/// Which of the held keys sounds where one voice does.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityChoice {
    /// The one pressed last.
    #[id = "last"]
    Last,
    /// The highest.
    #[id = "high"]
    High,
    /// The lowest.
    #[id = "low"]
    Low,
}

/// When a note glides.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlideChoice {
    /// Always.
    #[id = "always"]
    Always,
    /// Only from a note that is still held.
    #[id = "legato"]
    Legato,
}

/// Notes into voices.
#[derive(Params)]
pub struct VoiceParams {
    /// How many notes sound.
    #[id = "mode"]
    pub mode: EnumParam<ModeChoice>,
    /// Which of the held keys sounds where one voice does.
    #[id = "priority"]
    pub priority: EnumParam<PriorityChoice>,
    /// Most voices at once.
    #[id = "voices"]
    pub voices: IntParam,
    /// Time of a glide, ms.
    #[id = "glide"]
    pub glide: FloatParam,
    /// When a note glides.
    #[id = "glide_when"]
    pub glide_when: EnumParam<GlideChoice>,
    /// Farthest bend, semitones.
    #[id = "bend"]
    pub bend: IntParam,
    /// Does each channel carry one note?
    #[id = "mpe"]
    pub mpe: BoolParam,
    /// Added to every pitch, semitones.
    #[id = "tune"]
    pub tune: FloatParam,
    /// What decides everything random; 0 is another each time.
    #[id = "seed"]
    pub seed: IntParam,
}

/// Level in time.
#[derive(Params)]
pub struct EnvelopeParams {
    /// Time to full level, ms.
    #[id = "attack"]
    pub attack: FloatParam,
    /// Time from there to the sustain level, ms.
    #[id = "decay"]
    pub decay: FloatParam,
    /// Level while a note is held, 0..1.
    #[id = "sustain"]
    pub sustain: FloatParam,
    /// Time to silence, ms.
    #[id = "release"]
    pub release: FloatParam,
    /// How much the velocity decides the level, 0..1.
    #[id = "vel_level"]
    pub velocity: FloatParam,
    /// Level of the whole, dB.
    #[id = "output"]
    pub output: FloatParam,
}

/// Both.
#[derive(Params)]
pub struct PlayingParams {
    /// Notes into voices.
    #[nested(group = "Voice")]
    pub voice: VoiceParams,
    /// Level in time.
    #[nested(group = "Envelope")]
    pub envelope: EnvelopeParams,
}

impl PlayingParams {
    /// Defaults, for an instrument of at most so many voices, `voices` of them at first.
    pub fn new(voices: usize, max_voices: usize) -> Self {
        let count = |name: &str, default: usize, max: usize| {
            IntParam::new(name, default as i32, IntRange::Linear { min: 1, max: max as i32 })
        };
        let tune = FloatRange::SymmetricalSkewed { min: -24.0, max: 24.0, factor: 0.5, center: 0.0 };
        Self {
            voice: VoiceParams {
                mode: EnumParam::new("Mode", ModeChoice::Poly),
                priority: EnumParam::new("Priority", PriorityChoice::Last),
                voices: count("Voices", voices, max_voices),
                glide: milliseconds("Glide", 0.0, 5_000.0),
                glide_when: EnumParam::new("Glide when", GlideChoice::Always),
                bend: IntParam::new("Bend range", 2, IntRange::Linear { min: 0, max: 48 }).with_unit(" st"),
                mpe: BoolParam::new("MPE", false),
                tune: with_unit(FloatParam::new("Tune", 0.0, tune), 2, " st"),
                seed: IntParam::new("Seed", 1, IntRange::Linear { min: 0, max: MAX_SEED }).non_automatable(),
            },
            envelope: EnvelopeParams {
                attack: milliseconds("Attack", 2.0, 10_000.0),
                decay: milliseconds("Decay", 300.0, 10_000.0),
                sustain: percent("Sustain", 1.0),
                release: milliseconds("Release", 150.0, 20_000.0),
                velocity: percent("Velocity", 0.5),
                output: decibels("Output"),
            },
        }
    }

    /// Every parameter, in the order of `docs/parameters.md`.
    pub fn list(&self) -> Vec<Listed<'_>> {
        let (voice, envelope) = (&self.voice, &self.envelope);
        vec![
            (
                "mode",
                &voice.mode,
                "Poly gives each note a voice, Mono begins its one voice anew, Legato goes on sounding.",
            ),
            ("priority", &voice.priority, "Which of several held keys sounds in Mono and Legato."),
            ("voices", &voice.voices, "Most voices at once; fewer if this computer cannot keep up."),
            ("glide", &voice.glide, "Time of the way from one pitch to the next."),
            ("glide_when", &voice.glide_when, "Always, or only from a note that is still held."),
            (
                "bend",
                &voice.bend,
                "How far the pitch wheel bends. Notes of MPE controllers bend by their own 48 semitones.",
            ),
            ("mpe", &voice.mpe, "Each channel carries one note, with its own bend, pressure and slide."),
            ("tune", &voice.tune, "Added to every pitch."),
            ("seed", &voice.seed, "Decides everything random: the same seed and notes give the same sound. 0 is free."),
            ("attack", &envelope.attack, "Time to full level."),
            ("decay", &envelope.decay, "Time from there to the sustain level."),
            ("sustain", &envelope.sustain, "Level while a note is held."),
            ("release", &envelope.release, "Time from the end of a note to silence."),
            ("vel_level", &envelope.velocity, "How much a note's velocity decides its level."),
            ("output", &envelope.output, "Level of the whole instrument."),
        ]
    }

    /// The parameters as the voices take them.
    pub fn controls(&self) -> Controls {
        let (voice, envelope) = (&self.voice, &self.envelope);
        let seconds = |ms: &FloatParam| 1e-3 * ms.value();
        Controls {
            mode: match voice.mode.value() {
                ModeChoice::Poly => Mode::Poly,
                ModeChoice::Mono => Mode::Mono,
                ModeChoice::Legato => Mode::Legato,
            },
            priority: match voice.priority.value() {
                PriorityChoice::Last => Priority::Last,
                PriorityChoice::High => Priority::High,
                PriorityChoice::Low => Priority::Low,
            },
            envelope: Adsr {
                attack_s: seconds(&envelope.attack),
                decay_s: seconds(&envelope.decay),
                sustain: envelope.sustain.value(),
                release_s: seconds(&envelope.release),
            },
            portamento: Portamento {
                seconds: seconds(&voice.glide),
                per_octave: false,
                legato_only: voice.glide_when.value() == GlideChoice::Legato,
            },
            bend_range_semitones: voice.bend.value() as f32,
            mpe: voice.mpe.value(),
            tune_semitones: voice.tune.value(),
            velocity_to_level: envelope.velocity.value(),
            ..Controls::default()
        }
    }

    /// The seed, unless it is free.
    pub fn seed(&self) -> Option<u64> {
        u64::try_from(self.voice.seed.value()).ok().filter(|seed| *seed > 0)
    }

    /// Level of the whole, linear.
    pub fn level(&self) -> f32 {
        util::db_to_gain(self.envelope.output.value())
    }
}
