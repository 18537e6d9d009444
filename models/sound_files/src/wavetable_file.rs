//! Wavetables as WAV files that other synthesizers load, and such files read.
//!
//! A wavetable is a mono WAV of frames in a row, each one period, with a chunk `clm ` that says so. Its text is
//! `<!>2048 10000000 wavetable (name)`: after `<!>` the samples of a frame, then eight digits of which the first tells how
//! to go from frame to frame (0 step, 1 cross-fade, 2 to 4 spectral) and the second that the file is a factory table; the
//! rest is free. So it was explained by the author of Serum on the KVR forum (topic 517146, December 2018). We add a comment
//! (`LIST`, `INFO`, `ICMT`) with the model and the knobs, so that a table can be made again.
use anyhow::{Context, Result, bail, ensure};

/// Samples of a frame that is written.
pub const FRAME: usize = 2048;
/// Most frames that every reader takes.
pub const MAX_FRAMES: usize = 256;
/// Rate in the header. A table has none; this is what others write.
const HEADER_RATE_HZ: u32 = 44_100;
/// Frame sizes that are read.
const FRAME_SIZES: std::ops::RangeInclusive<usize> = 16..=65_536;
/// WAV's numbers for samples that are integers, floats, or as a longer header says.
const INTEGER: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xfffe;

/// A WAV of 32-bit floats. All frames are as long as the first; `comment` is how they were made.
pub fn to_wav(frames: &[Vec<f32>], comment: &str) -> Result<Vec<u8>> {
    let size = frames.first().map_or(0, Vec::len);
    ensure!((1..=MAX_FRAMES).contains(&frames.len()), "expected 1 to {MAX_FRAMES} frames, found {}", frames.len());
    ensure!(FRAME_SIZES.contains(&size), "expected frames of {FRAME_SIZES:?} samples, found {size}");
    ensure!(frames.iter().all(|frame| frame.len() == size), "expected frames of {size} samples all");
    let mut format = Vec::new();
    let (block_bytes, bits) = (4u16, 32u16);
    format.extend(FLOAT.to_le_bytes());
    format.extend(1u16.to_le_bytes());
    format.extend(HEADER_RATE_HZ.to_le_bytes());
    format.extend((HEADER_RATE_HZ * u32::from(block_bytes)).to_le_bytes());
    format.extend(block_bytes.to_le_bytes());
    format.extend(bits.to_le_bytes());
    let mut info = b"INFO".to_vec();
    chunk(&mut info, b"ICMT", &[comment.as_bytes(), b"\0"].concat());
    let samples: Vec<u8> = frames.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();

    let mut body = b"WAVE".to_vec();
    chunk(&mut body, b"fmt ", &format);
    chunk(&mut body, b"clm ", format!("<!>{size} 10000000 wavetable (doppel)").as_bytes());
    chunk(&mut body, b"LIST", &info);
    chunk(&mut body, b"data", &samples);
    let mut file = Vec::new();
    chunk(&mut file, b"RIFF", &body);
    Ok(file)
}

/// A name, a length, the content, and a zero where that is odd.
fn chunk(file: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    file.extend(name);
    file.extend((content.len() as u32).to_le_bytes());
    file.extend(content);
    if content.len() % 2 == 1 {
        file.push(0);
    }
}

/// What a WAV holds of a wavetable.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// One period each, `[frame][size]`, as they are in the file.
    pub frames: Vec<Vec<f32>>,
    /// How they were made, if the file says so.
    pub comment: String,
}

/// Does a WAV say that it is a wavetable?
pub fn is_table(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(12..).unwrap_or(&[]);
    while let Some((name, _, after)) = next_chunk(rest) {
        if name == b"clm " {
            return bytes.starts_with(b"RIFF");
        }
        rest = after;
    }
    false
}

/// Reads the first channel of a WAV of 16, 24 or 32-bit integers or floats. Without the chunk `clm ` a frame has [`FRAME`]
/// samples.
pub fn from_wav(bytes: &[u8]) -> Result<Table> {
    let riff = bytes.get(..12).filter(|b| b.starts_with(b"RIFF") && b.ends_with(b"WAVE"));
    ensure!(riff.is_some(), "expected a WAV file, found none");
    let (mut format, mut clm, mut data, mut comment) = (None, None, None, String::new());
    let mut rest = &bytes[12..];
    while let Some((name, content, after)) = next_chunk(rest) {
        match name {
            b"fmt " => format = Some(Format::read(content)?),
            b"clm " => clm = Some(frame_size(content)?),
            b"data" => data = Some(content),
            b"LIST" => comment = comment_of(content).unwrap_or_default(),
            _ => {}
        }
        rest = after;
    }
    let format = format.context("chunk `fmt `: missing")?;
    let samples = format.samples(data.context("chunk `data`: missing")?)?;
    let size = clm.unwrap_or(FRAME);
    let count = samples.len() / size;
    ensure!(count > 0, "expected at least one frame of {size} samples, found {} samples", samples.len());
    ensure!(samples.iter().all(|x| x.is_finite()), "a sample is no number");
    Ok(Table { frames: samples.chunks_exact(size).map(<[f32]>::to_vec).collect(), comment })
}

/// Name and content of the first chunk, and what comes behind it; a last chunk that claims too much ends with the file.
fn next_chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (name, after) = bytes.split_first_chunk::<4>()?;
    let (length, after) = after.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let (content, after) = after.split_at(length.min(after.len()));
    Some((name, content, after.get(length % 2..).unwrap_or(&[])))
}

/// The number behind `<!>`.
fn frame_size(clm: &[u8]) -> Result<usize> {
    let text = String::from_utf8_lossy(clm);
    let digits = text.strip_prefix("<!>").map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or(""));
    let size = digits.and_then(|digits| digits.parse().ok()).filter(|size| FRAME_SIZES.contains(size));
    size.with_context(|| {
        let found: String = text.chars().take(16).collect();
        format!("chunk `clm `: expected `<!>` and {FRAME_SIZES:?}, found `{}`", found.escape_default())
    })
}

/// The text of `ICMT` in a list of information.
fn comment_of(list: &[u8]) -> Option<String> {
    let mut rest = list.strip_prefix(b"INFO")?;
    while let Some((name, content, after)) = next_chunk(rest) {
        if name == b"ICMT" {
            return Some(String::from_utf8_lossy(content).trim_end_matches('\0').to_string());
        }
        rest = after;
    }
    None
}

/// How samples lie in the file.
struct Format {
    float: bool,
    channels: usize,
    bytes: usize,
}

impl Format {
    fn read(chunk: &[u8]) -> Result<Self> {
        let word = |at: usize| chunk.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        let (Some(tag), Some(channels), Some(bits)) = (word(0), word(2), word(14)) else {
            bail!("chunk `fmt `: expected 16 bytes, found {}", chunk.len());
        };
        // The longer header repeats the number at the start of its sub-format.
        let tag = if tag == EXTENSIBLE { word(24).unwrap_or(0) } else { tag };
        let float = tag == FLOAT;
        let known = matches!((tag, bits), (INTEGER, 16 | 24 | 32) | (FLOAT, 32));
        ensure!(known, "chunk `fmt `: expected integers of 16, 24 or 32 bits or floats of 32, found {tag} of {bits}");
        ensure!(channels > 0, "chunk `fmt `: expected a channel, found none");
        Ok(Self { float, channels: channels.into(), bytes: usize::from(bits) / 8 })
    }

    /// The first channel.
    fn samples(&self, data: &[u8]) -> Result<Vec<f32>> {
        let blocks = data.chunks_exact(self.bytes * self.channels);
        blocks
            .map(|block| match (self.float, &block[..self.bytes]) {
                (true, &[a, b, c, d]) => Ok(f32::from_le_bytes([a, b, c, d])),
                (false, &[a, b]) => Ok(f32::from(i16::from_le_bytes([a, b])) / 32_768.0),
                (false, &[a, b, c]) => Ok((i32::from_le_bytes([0, a, b, c]) >> 8) as f32 / 8_388_608.0),
                (false, &[a, b, c, d]) => Ok(i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0),
                _ => bail!("chunk `data`: samples of {} bytes", self.bytes),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
