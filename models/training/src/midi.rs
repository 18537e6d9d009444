//! Standard MIDI files as a list of note events in seconds.
//!
//! After the Standard MIDI Files 1.0 specification (RP-001). The reader is our own: players' libraries forgive files that are
//! cut short, and half a song in a render is worse than an error.
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use kernels::voices::NoteEvent;

/// Longest song that is played, in seconds: a damaged time would otherwise render for years.
const LONGEST_S: f64 = 24.0 * 3600.0;
/// Largest file that is read, in bytes; an hour of dense controllers is a tenth of it.
const LARGEST_BYTES: u64 = 64 << 20;
/// Microseconds of a quarter note until the file says otherwise: 120 beats a minute.
const DEFAULT_TEMPO_US: u32 = 500_000;

/// All tracks of a file, merged.
#[derive(Clone, Debug, PartialEq)]
pub struct Song {
    /// In the order of their times, and of the file where times are equal.
    pub events: Vec<SongEvent>,
    /// Where the longest track ends, in seconds.
    pub seconds: f64,
}

/// An event and when it happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SongEvent {
    /// Seconds from the start of the song.
    pub time_s: f64,
    /// What happens.
    pub event: NoteEvent,
}

/// What matters of a track's event.
#[derive(Clone, Copy, Debug)]
enum Message {
    Note(NoteEvent),
    /// Microseconds of a quarter note from here on.
    Tempo(u32),
    End,
}

/// What the file counts time in.
#[derive(Clone, Copy, Debug)]
enum TimeBase {
    /// Ticks of a quarter note.
    Beats(u16),
    /// Ticks of a second.
    Seconds(f64),
}

impl Song {
    /// Reads a file of format 0 or 1.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display();
        let file =
            std::fs::metadata(path).with_context(|| format!("{name}: cannot open; check the path and its rights"))?;
        ensure!(!file.is_dir(), "{name}: is a folder; name a MIDI file in it");
        ensure!(
            file.len() <= LARGEST_BYTES,
            "{name}: has {} bytes, and the largest song {LARGEST_BYTES}; is it a MIDI file?",
            file.len()
        );
        let bytes = std::fs::read(path).with_context(|| format!("{name}: cannot read; check its rights"))?;
        Self::parse(&bytes).map_err(|error| anyhow::anyhow!("{name}: {error}"))
    }

    /// Reads a file's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        ensure!(bytes.starts_with(b"MThd"), "not a MIDI file (no MThd at its start); export the song as a .mid file");
        let mut file = Reader { bytes, at: 0, end: bytes.len(), place: "the header".into() };
        let mut header = file.chunk()?.1;
        let (format, tracks) = (header.u16()?, header.u16()?);
        ensure!(format <= 1, "format {format}, expected 0 or 1; export it as a type 1 MIDI file");
        let base = TimeBase::read(header.u16()?)?;

        ensure!(tracks > 0, "holds no track; export it anew");
        let mut messages = Vec::new();
        let mut found = 0;
        // What lies behind the last track is padding.
        while found < tracks {
            ensure!(file.at < file.end, "cut short: {found} of {tracks} tracks; export it anew");
            file.place = format!("track {} of {tracks}", found + 1);
            // Chunks of other kinds are for other programs.
            if let (b"MTrk", track) = file.chunk()? {
                found += 1;
                track.messages(&mut messages)?;
            }
        }
        messages.sort_by_key(|(tick, _)| *tick);
        Self::timed(&messages, base)
    }

    /// Ticks into seconds, tempo by tempo.
    fn timed(messages: &[(u64, Message)], base: TimeBase) -> Result<Self> {
        let mut song = Self { events: Vec::new(), seconds: 0.0 };
        // Where the present tempo began: times are counted from there, so that no rounding adds up from event to event.
        let (mut tempo_tick, mut tempo_s, mut tempo_us) = (0, 0.0, DEFAULT_TEMPO_US);
        for (tick, message) in messages {
            let passed = (tick - tempo_tick) as f64;
            let time_s = tempo_s
                + match base {
                    TimeBase::Beats(ticks) => passed * f64::from(tempo_us) / (1e6 * f64::from(ticks)),
                    TimeBase::Seconds(ticks) => passed / ticks,
                };
            ensure!(
                time_s <= LONGEST_S,
                "lasts more than {time_s:.0} s, and the longest song {LONGEST_S:.0} s; its times are damaged"
            );
            song.seconds = time_s;
            match *message {
                Message::Note(event) => song.events.push(SongEvent { time_s, event }),
                Message::Tempo(us) => (tempo_tick, tempo_s, tempo_us) = (*tick, time_s, us),
                Message::End => {}
            }
        }
        Ok(song)
    }
}

impl TimeBase {
    /// Ticks of a beat, or with the highest bit a negative number of frames a second and the ticks of a frame.
    fn read(division: u16) -> Result<Self> {
        let [high, ticks] = division.to_be_bytes();
        if high < 0x80 {
            ensure!(division > 0, "a beat has 0 ticks, expected at least 1; export it anew");
            return Ok(Self::Beats(division));
        }
        let frames_hz = match 256 - u16::from(high) {
            rate @ (24 | 25 | 30) => f64::from(rate),
            // Drop-frame video.
            29 => 30.0 / 1.001,
            rate => {
                bail!("a second has {rate} frames, expected 24, 25, 29 or 30; export it with beats as its time base")
            }
        };
        ensure!(ticks > 0, "a frame has 0 ticks, expected at least 1; export it anew");
        Ok(Self::Seconds(frames_hz * f64::from(ticks)))
    }
}

/// A place in the file, and where what is read there ends.
#[derive(Clone, Debug)]
struct Reader<'a> {
    bytes: &'a [u8],
    /// Next byte.
    at: usize,
    /// End of the chunk, within the file.
    end: usize,
    /// What is read, for errors.
    place: String,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (at, place) = (self.at, &self.place);
        ensure!(count <= self.end - at, "{place} is cut short at byte {at}; export it anew");
        self.at += count;
        Ok(&self.bytes[at..self.at])
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    /// Kind and contents of the next chunk.
    fn chunk(&mut self) -> Result<(&'a [u8], Self)> {
        let kind = self.take(4)?;
        let length = u32::from_be_bytes([self.u8()?, self.u8()?, self.u8()?, self.u8()?]) as usize;
        let at = self.at;
        self.take(length)?;
        Ok((kind, Self { at, end: self.at, ..self.clone() }))
    }

    /// A number in up to four bytes, of which all but the last have their highest bit set.
    fn number(&mut self) -> Result<u32> {
        let mut number = 0;
        for _ in 0..4 {
            let byte = self.u8()?;
            number = number << 7 | u32::from(byte & 0x7f);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        bail!("{} holds a number of more than four bytes before byte {}; export it anew", self.place, self.at)
    }

    /// A byte of a channel message.
    fn data(&mut self) -> Result<u8> {
        let byte = self.u8()?;
        ensure!(byte < 0x80, "{} has {byte:#x} at byte {}, expected data below 0x80", self.place, self.at - 1);
        Ok(byte)
    }

    /// Adds a track's messages and their ticks.
    fn messages(mut self, messages: &mut Vec<(u64, Message)>) -> Result<()> {
        let mut tick = 0;
        // By the specification other events end a running status. Files exist that go on with it, and nothing else can be meant.
        let mut running = None;
        while self.at < self.end {
            tick += u64::from(self.number()?);
            match self.u8()? {
                0xff => {
                    let (kind, length) = (self.u8()?, self.number()? as usize);
                    match (kind, self.take(length)?) {
                        (0x2f, _) => break,
                        // No time at all for a beat would be no tempo.
                        (0x51, &[0, 0, 0]) => {}
                        (0x51, &[a, b, c]) => messages.push((tick, Message::Tempo(u32::from_be_bytes([0, a, b, c])))),
                        _ => {}
                    }
                }
                0xf0 | 0xf7 => {
                    let length = self.number()? as usize;
                    self.take(length)?;
                }
                status @ 0xf1.. => {
                    bail!("{} has the message {status:#x} at byte {}, which no file may hold", self.place, self.at - 1)
                }
                status @ 0x80.. => {
                    running = Some(status);
                    let first = self.data()?;
                    self.channel_message(status, first, tick, messages)?;
                }
                first => {
                    let Some(status) = running else {
                        bail!("{} has data without a message at byte {}; export it anew", self.place, self.at - 1)
                    };
                    self.channel_message(status, first, tick, messages)?;
                }
            }
        }
        messages.push((tick, Message::End));
        Ok(())
    }

    /// Reads the rest of a channel message; programs and pressures of a channel have one byte, the others two.
    fn channel_message(&mut self, status: u8, first: u8, tick: u64, messages: &mut Vec<(u64, Message)>) -> Result<()> {
        let second = if matches!(status & 0xf0, 0xc0 | 0xd0) { 0 } else { self.data()? };
        messages.extend(NoteEvent::from_midi(status, [first, second]).map(|event| (tick, Message::Note(event))));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
