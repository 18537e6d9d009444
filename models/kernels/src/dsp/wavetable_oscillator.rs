//! An oscillator that reads a period at any pitch: band-limited for each note, in up to eight detuned copies and an octave
//! below.
//!
//! Time goes in frames. At the start of each the caller says what the note is to be; during it, periods cross-fade at equal
//! phase and frequencies and gains move on straight lines. The pitch follows one frame behind everything else: so a table
//! is made knowing the highest pitch that it will be read at, and even a fast bend never folds a harmonic back.
use super::period_table::{MOST_HARMONICS, PeriodTable, TableMaker};
use realfft::num_complex::Complex32;
use std::f64::consts::SQRT_2;

/// Most copies of a note.
pub const MOST_COPIES: usize = 8;
/// Readers of the table: the copies, then the octave below.
const READERS: usize = MOST_COPIES + 1;
/// The reader an octave below.
const SUB: usize = MOST_COPIES;
/// A turn of the phase is 2^64.
const TURN: f64 = 18_446_744_073_709_551_616.0;
/// Highest frequency of any harmonic, of the sample rate: 19.8 kHz at 44.1 kHz. The rest is room for the sidebands of
/// harmonics that come and go in a bend; without it they folded back at -85 dB.
pub const TOP: f64 = 0.45;
/// Fastest that a phase advances, in turns a sample; nothing is heard there.
const FASTEST: f64 = 0.49;

/// What a note is to be; the oscillator moves towards it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tone {
    /// Fundamental in Hz.
    pub frequency_hz: f64,
    /// Copies of the note.
    pub unison: Unison,
    /// Gain of the octave below, linear.
    pub sub: f32,
}

/// Detuned copies of one note; their gains keep the power of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unison {
    /// Copies, 1 to [`MOST_COPIES`].
    pub copies: usize,
    /// The outermost copies' distance from the note, in cents.
    pub detune_cents: f32,
    /// How far they stand apart between the loudspeakers, 0..1.
    pub spread: f32,
    /// How far apart their phases start, 0..1; 0 starts all together.
    pub phase_spread: f32,
}

impl Default for Unison {
    /// One copy.
    fn default() -> Self {
        Self { copies: 1, detune_cents: 0.0, spread: 0.0, phase_spread: 1.0 }
    }
}

impl Unison {
    /// Where a copy stands among the others, -1..1.
    fn place(&self, copy: usize) -> f64 {
        if self.copies < 2 { 0.0 } else { 2.0 * copy as f64 / (self.copies - 1) as f64 - 1.0 }
    }

    /// A copy's frequency over the note's.
    fn ratio(&self, copy: usize) -> f64 {
        (self.place(copy) * f64::from(self.detune_cents) / 1200.0).exp2()
    }

    /// Gains of a copy in the left and right channel: equal power, 1 in the middle for a single one.
    fn gains(&self, copy: usize) -> [f32; 2] {
        if copy >= self.copies {
            return [0.0; 2];
        }
        let (sin, cos) = ((self.place(copy) * f64::from(self.spread) + 1.0) * std::f64::consts::FRAC_PI_4).sin_cos();
        [cos, sin].map(|g| (g * SQRT_2 / (self.copies as f64).sqrt()) as f32)
    }

    /// Phase that a copy starts at, in turns: steps of the golden section lie evenly for any number of copies.
    fn start_turns(&self, copy: usize) -> f64 {
        (copy as f64 * 0.618_033_988_749_895).fract() * f64::from(self.phase_spread)
    }
}

/// A number known one frame ahead.
#[derive(Clone, Copy, Debug, Default)]
struct Glide {
    /// At the start of this frame.
    from: f64,
    /// At its end.
    to: f64,
    /// At the end of the next one.
    next: f64,
}

impl Glide {
    fn jump(&mut self, x: f64) {
        *self = Self { from: x, to: x, next: x };
    }

    fn step(&mut self, next: f64) {
        *self = Self { from: self.to, to: self.next, next };
    }

    fn highest(&self) -> f64 {
        self.from.max(self.to).max(self.next)
    }
}

/// One place where the table is read.
#[derive(Clone, Copy, Debug, Default)]
struct Reader {
    /// In 2^-64 turns.
    phase: u64,
    /// Frequency over the note's.
    ratio: Glide,
    /// Gains of the two channels at the start of the frame.
    from: [f32; 2],
    /// And at its end.
    to: [f32; 2],
}

impl Reader {
    fn is_heard(&self) -> bool {
        self.from != [0.0; 2] || self.to != [0.0; 2]
    }
}

/// One note's oscillator. `new` allocates, `reset` forgets, the rest only computes.
#[derive(Clone)]
pub struct WavetableOscillator {
    rate_hz: f64,
    /// Samples of a frame.
    frame: usize,
    /// Samples of this frame already heard; at 0 a frame begins.
    position: usize,
    maker: TableMaker,
    /// The note's harmonics, all of them.
    harmonics: Vec<Complex32>,
    /// How many of them the newest table holds.
    room: usize,
    /// The period at the start of the frame.
    from: PeriodTable,
    /// And at its end, while `fading`.
    to: PeriodTable,
    /// Does the period change during this frame?
    fading: bool,
    /// Also by harmonics at its top? These come and go without a corner in their level: a corner's sidebands would fold back,
    /// at -85 dB in a fast bend. All other changes go on straight lines, which meet without a ripple when a knob moves on.
    smooth: bool,
    frequency_hz: Glide,
    readers: [Reader; READERS],
    /// Has nothing been heard since the start?
    fresh: bool,
}

impl WavetableOscillator {
    /// Allocates a silent oscillator; `frame` samples pass between two looks at the tone.
    pub fn new(rate_hz: f64, frame: usize) -> Self {
        let mut oscillator = Self {
            rate_hz,
            frame: frame.max(1),
            position: 0,
            maker: TableMaker::default(),
            harmonics: vec![Complex32::ZERO; MOST_HARMONICS],
            room: 0,
            from: PeriodTable::default(),
            to: PeriodTable::default(),
            fading: false,
            smooth: false,
            frequency_hz: Glide::default(),
            readers: [Reader::default(); READERS],
            fresh: true,
        };
        oscillator.reset();
        oscillator
    }

    /// Forgets the note and its phases; does not allocate.
    pub fn reset(&mut self) {
        self.start(Some(Unison::default()));
    }

    /// Begins a note with the next frame: nothing of the last one is faded from. With a unison the phases start as it says,
    /// without they run on.
    pub fn start(&mut self, retrigger: Option<Unison>) {
        self.fresh = true;
        self.position = 0;
        if let Some(unison) = retrigger {
            for (copy, reader) in self.readers.iter_mut().enumerate() {
                reader.phase = if copy == SUB { 0 } else { (unison.start_turns(copy) * TURN) as u64 };
            }
        }
    }

    /// Does the next sample begin a frame? Then [`Self::begin_frame`] comes first.
    pub fn at_frame(&self) -> bool {
        self.position == 0
    }

    /// Samples until the next frame.
    pub fn left_in_frame(&self) -> usize {
        self.frame - self.position
    }

    /// The period that sounds at the end of this frame.
    pub fn table(&self) -> &PeriodTable {
        if self.fading { &self.to } else { &self.from }
    }

    /// Says what the note is to be at the end of the frame; `harmonics` only when they changed. Real time.
    pub fn begin_frame(&mut self, tone: &Tone, harmonics: Option<&[Complex32]>) {
        let copies = tone.unison.copies.clamp(1, MOST_COPIES);
        let unison = Unison { copies, ..tone.unison };
        for (copy, reader) in self.readers.iter_mut().enumerate() {
            let (ratio, to) = if copy == SUB { (0.5, [tone.sub; 2]) } else { (unison.ratio(copy), unison.gains(copy)) };
            (reader.from, reader.to) = (if self.fresh { to } else { reader.to }, to);
            if self.fresh || reader.from == [0.0; 2] {
                reader.ratio.jump(ratio);
            } else {
                reader.ratio.step(ratio);
            }
        }
        if self.fresh {
            self.frequency_hz.jump(tone.frequency_hz);
        } else {
            self.frequency_hz.step(tone.frequency_hz);
        }
        self.renew_table(harmonics);
        self.fresh = false;
    }

    /// Makes a new table if the harmonics are new or the room for them is another.
    fn renew_table(&mut self, harmonics: Option<&[Complex32]>) {
        if let Some(harmonics) = harmonics {
            let count = harmonics.len().min(MOST_HARMONICS);
            self.harmonics[..count].copy_from_slice(&harmonics[..count]);
            self.harmonics[count..].fill(Complex32::ZERO);
        }
        if self.fading {
            std::mem::swap(&mut self.from, &mut self.to);
        }
        let room = self.room();
        self.smooth = room != self.room;
        self.fading = harmonics.is_some() || room != self.room;
        if self.fresh {
            self.maker.fill(&self.harmonics[..room], &mut self.from);
            self.fading = false;
        } else if self.fading {
            self.maker.fill(&self.harmonics[..room], &mut self.to);
        }
        self.room = room;
    }

    /// Harmonics that stay below [`TOP`] during this frame and the next one, for every reader.
    fn room(&self) -> usize {
        let heard = self.readers.iter().filter(|reader| reader.is_heard());
        let ratio = heard.fold(0.5, |highest: f64, reader| highest.max(reader.ratio.highest()));
        let highest_hz = self.frequency_hz.highest() * ratio;
        ((TOP * self.rate_hz / highest_hz.max(1e-3)) as usize).min(MOST_HARMONICS)
    }

    /// Adds the note to both channels, at most up to the end of the frame; real time.
    pub fn add_to(&mut self, left: &mut [f32], right: &mut [f32]) {
        let count = left.len().min(right.len()).min(self.left_in_frame());
        let (left, right) = (&mut left[..count], &mut right[..count]);
        let to = if self.fading { Some(&self.to) } else { None };
        for reader in &mut self.readers {
            let step = |hz: f64, ratio: f64| ((hz * ratio / self.rate_hz).clamp(0.0, FASTEST) * TURN) as i64;
            let from_step = step(self.frequency_hz.from, reader.ratio.from);
            // Whole numbers, so that the phase does not depend on where a block was cut. With half a rise the phase is the
            // exact integral of a frequency on a straight line, without a jump where two lines meet.
            let rise = (step(self.frequency_hz.to, reader.ratio.to) - from_step) / self.frame as i64;
            let step = from_step + rise / 2 + rise * self.position as i64;
            let mut path = Path { phase: reader.phase, step, rise };
            if reader.is_heard() {
                let ramp = GainRamp { reader: *reader, first: self.position, per_sample: 1.0 / self.frame as f32 };
                match to {
                    Some(to) if self.smooth => read(&mut path, &ramp, left, right, |phase, share| {
                        self.from.read_towards(to, share * share * (3.0 - 2.0 * share), phase)
                    }),
                    Some(to) => {
                        read(&mut path, &ramp, left, right, |phase, share| self.from.read_towards(to, share, phase))
                    }
                    None => read(&mut path, &ramp, left, right, |phase, _| self.from.read(phase)),
                }
            } else {
                path.skip(count);
            }
            reader.phase = path.phase;
        }
        self.position = (self.position + count) % self.frame;
    }
}

/// A phase on its way through a frame.
struct Path {
    phase: u64,
    /// Change of the phase a sample.
    step: i64,
    /// Change of the step a sample.
    rise: i64,
}

impl Path {
    #[inline(always)]
    fn advance(&mut self) {
        self.phase = self.phase.wrapping_add(self.step as u64);
        self.step += self.rise;
    }

    /// As many advances at once.
    fn skip(&mut self, count: usize) {
        let n = count as u64;
        let rises = (self.rise as u64).wrapping_mul(n * n.saturating_sub(1) / 2);
        self.phase = self.phase.wrapping_add((self.step as u64).wrapping_mul(n)).wrapping_add(rises);
        self.step += self.rise * count as i64;
    }
}

/// A reader's gains over a frame.
struct GainRamp {
    reader: Reader,
    /// Sample of the frame that comes first.
    first: usize,
    /// One over the frame's length.
    per_sample: f32,
}

#[inline(always)]
fn read(path: &mut Path, ramp: &GainRamp, left: &mut [f32], right: &mut [f32], value: impl Fn(u64, f32) -> f32) {
    let ([left_from, right_from], [left_to, right_to]) = (ramp.reader.from, ramp.reader.to);
    for (n, (left, right)) in left.iter_mut().zip(right).enumerate() {
        let share = (ramp.first + n) as f32 * ramp.per_sample;
        let y = value(path.phase, share);
        *left += y * (left_from + share * (left_to - left_from));
        *right += y * (right_from + share * (right_to - right_from));
        path.advance();
    }
}

#[cfg(test)]
mod tests;
