//! The straight lines that a voice follows within a cell: gain, pitch, and everything that is expressed.
use super::event::MAX_MODULATIONS;

/// What moves, besides pitch. The host's modulations come after these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Line {
    /// Velocity and volume, linear.
    Gain,
    /// All bends and tunings, in semitones.
    Bend,
    /// 0..1.
    Pressure,
    /// 0..1 with its middle at 0.5.
    Slide,
    /// 0..1.
    Vibrato,
    /// -1..1.
    Pan,
    /// -1..1.
    Timbre,
    /// The first of the host's, -1..1.
    Modulation,
}

/// How many lines there are.
pub const LINES: usize = Line::Modulation as usize + MAX_MODULATIONS;
/// Distance at which a following value has arrived: a hundredth of a cent, or nothing of what is 0..1.
const ARRIVED: f32 = 1e-4;

/// Where a voice's lines begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At the targets: a note begins from silence.
    Fresh,
    /// Where they are, but the pitch has jumped to another note.
    Jumped,
    /// Where they are.
    On,
}

/// All lines of one voice, from `anchor` to the end of the cell.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Place in the cell at which they begin, in samples.
    anchor: usize,
    /// Values at `anchor`.
    start: [f32; LINES],
    /// Change a sample.
    step: [f32; LINES],
    /// Values at the end of the cell.
    end: [f32; LINES],
    /// Pitch at `anchor` in MIDI notes.
    pitch_start: f64,
    /// Its change a sample.
    pitch_step: f64,
    /// Pitch at the end of the cell in MIDI notes.
    pitch_end: f64,
}

impl Lines {
    /// Flat.
    pub fn new() -> Self {
        Self {
            anchor: 0,
            start: [0.0; LINES],
            step: [0.0; LINES],
            end: [0.0; LINES],
            pitch_start: 60.0,
            pitch_step: 0.0,
            pitch_end: 60.0,
        }
    }

    /// A value at a place in the cell.
    pub fn value(&self, line: usize, at: usize) -> f32 {
        self.start[line] + self.step[line] * (at - self.anchor) as f32
    }

    /// The pitch at a place in the cell, in MIDI notes.
    pub fn pitch_note(&self, at: usize) -> f64 {
        self.pitch_start + self.pitch_step * (at - self.anchor) as f64
    }

    /// Draws them from `at` over `length` samples to the end of the cell. `share`: how much of the way to its target a value
    /// goes within a cell. `pitch`: where a glide is after some samples, bent by some semitones.
    pub fn draw(
        &mut self,
        begin: Begin,
        targets: &[f32; LINES],
        at: usize,
        length: usize,
        share: f32,
        pitch: impl Fn(usize, f32) -> f64,
    ) {
        for line in 0..LINES {
            if begin == Begin::Fresh {
                (self.start[line], self.end[line]) = (targets[line], targets[line]);
            } else if at > 0 {
                // The end stands since the cell began; only the pitch is drawn anew.
                self.start[line] = self.value(line, at);
            } else {
                self.start[line] = self.end[line];
                let way = targets[line] - self.start[line];
                self.end[line] = if way.abs() < ARRIVED { targets[line] } else { self.start[line] + way * share };
            }
            self.step[line] = (self.end[line] - self.start[line]) / length as f32;
        }
        let bend = Line::Bend as usize;
        self.pitch_start = if begin == Begin::On { self.pitch_end } else { pitch(0, self.start[bend]) };
        self.pitch_end = pitch(length, self.end[bend]);
        self.pitch_step = (self.pitch_end - self.pitch_start) / length as f64;
        self.anchor = at;
    }

    /// Everything stays as it is from `at` on.
    pub fn hold(&mut self, at: usize) {
        for line in 0..LINES {
            let value = if at == 0 { self.end[line] } else { self.value(line, at) };
            (self.start[line], self.step[line], self.end[line]) = (value, 0.0, value);
        }
        let pitch_note = if at == 0 { self.pitch_end } else { self.pitch_note(at) };
        (self.pitch_start, self.pitch_step, self.pitch_end) = (pitch_note, 0.0, pitch_note);
        self.anchor = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(lines: &mut Lines, begin: Begin, at: usize, gain: f32) -> [f32; 2] {
        let mut targets = [0.0; LINES];
        targets[Line::Gain as usize] = gain;
        lines.draw(begin, &targets, at, 32 - at, 0.5, |samples, bend| 60.0 + samples as f64 + f64::from(bend));
        [at, 32].map(|at| lines.value(Line::Gain as usize, at))
    }

    #[test]
    fn a_value_goes_its_share_of_the_way_in_each_cell_and_arrives() {
        let mut lines = Lines::new();
        assert_eq!(drawn(&mut lines, Begin::Fresh, 8, 1.0), [1.0, 1.0]);
        assert_eq!(drawn(&mut lines, Begin::On, 0, 0.0), [1.0, 0.5]);
        assert_eq!(drawn(&mut lines, Begin::On, 0, 0.0), [0.5, 0.25]);
        for _ in 0..13 {
            drawn(&mut lines, Begin::On, 0, 0.0);
        }
        assert_eq!(drawn(&mut lines, Begin::On, 0, 0.0), [0.0, 0.0]);
    }

    #[test]
    fn a_jump_of_pitch_leaves_the_other_lines_where_they_go() {
        let mut lines = Lines::new();
        drawn(&mut lines, Begin::Fresh, 0, 1.0);
        drawn(&mut lines, Begin::On, 0, 0.0);
        assert_eq!(drawn(&mut lines, Begin::Jumped, 16, 9.0), [0.75, 0.5]);
        assert_eq!((lines.pitch_note(16), lines.pitch_note(32)), (60.0, 76.0));
    }

    #[test]
    fn what_is_held_stays_at_the_value_it_had() {
        let mut lines = Lines::new();
        drawn(&mut lines, Begin::Fresh, 0, 1.0);
        drawn(&mut lines, Begin::On, 0, 0.0);
        let mut later = lines.clone();
        lines.hold(8);
        assert_eq!([8, 32].map(|at| lines.value(0, at)), [0.875, 0.875]);
        later.hold(0);
        assert_eq!([0, 32].map(|at| later.value(0, at)), [0.5, 0.5]);
    }
}
