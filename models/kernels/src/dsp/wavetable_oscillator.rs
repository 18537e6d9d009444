//! An oscillator that reads a period at any pitch: band-limited for each note, in up to eight detuned copies and an octave
//! below.
//!
//! Time goes in frames. At the start of each the caller says what the note is to be; during it, periods cross-fade at equal
//! phase and frequencies and gains move on straight lines. The pitch follows one frame behind everything else: so a table
//! is made knowing the highest pitch that it will be read at, and even a fast bend never folds a harmonic back.
mod reader;
mod unison;

use super::period_table::{MOST_HARMONICS, PeriodTable, TableMaker};
use crate::voices::mix;
use reader::{GainRamp, Glide, Path, Reader, read};
use realfft::num_complex::Complex32;
pub use unison::Unison;

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
/// Shortest frame in samples: then a step of the phase stays below half a turn even at the end of the steepest bend.
const SHORTEST_FRAME: usize = 16;

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

/// One note's oscillator. `new` allocates, `reset` forgets, the rest only computes.
#[derive(Clone)]
pub struct WavetableOscillator {
    rate_hz: f64,
    /// Samples of a frame.
    frame: usize,
    /// Samples of this frame already heard; at 0 a frame begins.
    position: usize,
    /// Samples by which a note's first frame is shorter than the others.
    lead: usize,
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
    /// Allocates a silent oscillator; `frame` samples, at least 16, pass between two looks at the
    /// tone.
    pub fn new(rate_hz: f64, frame: usize) -> Self {
        let mut oscillator = Self {
            rate_hz,
            frame: frame.max(SHORTEST_FRAME),
            position: 0,
            lead: 0,
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

    /// Makes the first frame of each note shorter by a share of it, 0..1. Oscillators with different shares that begin together
    /// need their next periods at different times, so that not all the work falls into one block.
    pub fn stagger(&mut self, share: f64) {
        self.lead = ((share * self.frame as f64) as usize).min(self.frame - 1);
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

    /// Begins a note with phases that a seed decides, as if the oscillators had never stopped.
    pub fn start_anywhere(&mut self, seed: u64) {
        self.start(None);
        for (copy, reader) in self.readers.iter_mut().enumerate() {
            reader.phase = mix(seed.wrapping_add(copy as u64));
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
        if self.fresh {
            // Nothing moves in the first frame, so any part of it is like another.
            self.position = self.lead;
        }
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
            let step = |hz: f64, ratio: f64| ((hz * ratio / self.rate_hz).clamp(0.0, TOP) * TURN) as i64;
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

#[cfg(test)]
mod tests;
