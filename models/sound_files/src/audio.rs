//! Sound files in and out: whatever a musician has, as equally long channels of `f32`.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::{FormatOptions, TrackType, probe::Hint};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use crate::resample;

/// A recording in memory. Full scale is ±1.
#[derive(Clone, Debug, PartialEq)]
pub struct Audio {
    /// Samples a second of each channel.
    pub sample_rate_hz: f64,
    /// `[channel][sample]`, all of one length.
    pub channels: Vec<Vec<f32>>,
}

impl Audio {
    /// One channel.
    pub fn from_mono(sample_rate_hz: f64, samples: Vec<f32>) -> Self {
        Self { sample_rate_hz, channels: vec![samples] }
    }

    /// Reads WAV (8 to 32 bit, float), FLAC, MP3 or OGG Vorbis. The silence that an MP3 encoder put before and after the
    /// sound is cut off, so that pairs of files stay aligned.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display();
        let file = File::open(path).with_context(|| format!("{name}: cannot open; check the path and its rights"))?;
        ensure!(!path.is_dir(), "{name}: is a folder; name a sound file in it");
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
            hint.with_extension(extension);
        }
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let supported = "save it as WAV, FLAC, MP3 or OGG Vorbis";
        let mut format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| anyhow::anyhow!("{name}: not a sound file that can be read ({error}); {supported}"))?;
        let track = format
            .default_track(TrackType::Audio)
            .with_context(|| format!("{name}: holds no audio track; {supported}"))?;
        let id = track.id;
        let parameters = track
            .codec_params
            .as_ref()
            .and_then(|parameters| parameters.audio())
            .with_context(|| format!("{name}: does not say how its audio is coded; {supported}"))?;
        let mut decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|error| anyhow::anyhow!("{name}: its audio coding cannot be read ({error}); {supported}"))?;

        let mut audio = Self { sample_rate_hz: 0.0, channels: Vec::new() };
        let mut block: Vec<Vec<f32>> = Vec::new();
        loop {
            let packet = match format.next_packet() {
                Ok(Some(packet)) => packet,
                // A file cut short in the middle of a packet still plays up to there.
                Ok(None) | Err(DecodeError::IoError(_)) => break,
                Err(DecodeError::ResetRequired) => {
                    bail!("{name}: is several streams in one file; split it, or export it anew as WAV")
                }
                Err(error) => bail!("{name}: damaged ({error}); export it anew"),
            };
            if packet.track_id != id {
                continue;
            }
            match decoder.decode(&packet) {
                Ok(decoded) => {
                    let spec = decoded.spec();
                    let (rate_hz, count) = (f64::from(spec.rate()), spec.channels().count());
                    if audio.channels.is_empty() {
                        audio = Self { sample_rate_hz: rate_hz, channels: vec![Vec::new(); count] };
                    }
                    ensure!(
                        audio.sample_rate_hz == rate_hz && audio.channels.len() == count,
                        "{name}: changes its sample rate or channel count on the way; export it anew as WAV"
                    );
                    decoded.copy_to_vecs_planar(&mut block);
                    for (channel, more) in audio.channels.iter_mut().zip(&block) {
                        channel.extend_from_slice(more);
                    }
                }
                // Silence instead of a broken packet keeps everything after it in its place.
                Err(DecodeError::DecodeError(_) | DecodeError::IoError(_)) => {
                    let gap = packet.dur.get() as usize;
                    audio.channels.iter_mut().for_each(|channel| channel.resize(channel.len() + gap, 0.0));
                }
                Err(error) => bail!("{name}: damaged ({error}); export it anew"),
            }
        }
        ensure!(!audio.is_empty(), "{name}: holds no sound (0 samples); record or export it anew");
        ensure!(
            audio.channels.iter().flatten().all(|x| x.is_finite()),
            "{name}: holds samples that are not numbers; export it anew"
        );
        Ok(audio)
    }

    /// Samples of each channel.
    pub fn len(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// No samples?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.len() as f64 / self.sample_rate_hz
    }

    /// The mean of all channels.
    pub fn mono(&self) -> Vec<f32> {
        let gain = 1.0 / self.channels.len().max(1) as f32;
        (0..self.len()).map(|n| gain * self.channels.iter().map(|channel| channel[n]).sum::<f32>()).collect()
    }

    /// The same sound at another sample rate: sample 0 stays at time 0, the length is rounded up.
    pub fn resampled(&self, sample_rate_hz: f64) -> Result<Self> {
        let channels = self
            .channels
            .iter()
            .map(|channel| resample::resample(channel, self.sample_rate_hz, sample_rate_hz))
            .collect::<Result<_>>()?;
        Ok(Self { sample_rate_hz, channels })
    }
}

/// Writes a 32-bit float WAV. Whoever looks sees the old file or the whole new one: it is written beside the place and moved
/// there.
pub fn write(path: impl AsRef<Path>, audio: &Audio) -> Result<()> {
    let path = path.as_ref();
    let name = path.display();
    ensure!(!audio.channels.is_empty(), "{name}: no channel to write");
    let spec = hound::WavSpec {
        channels: u16::try_from(audio.channels.len()).with_context(|| format!("{name}: too many channels for WAV"))?,
        sample_rate: audio.sample_rate_hz.round() as u32,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let file_name = path.file_name().with_context(|| format!("{name}: is not a file name; end it with .wav"))?;
    let part = path.with_file_name(format!(".{}.{}.part", file_name.to_string_lossy(), std::process::id()));
    let written = (|| -> Result<(), hound::Error> {
        let mut writer = hound::WavWriter::create(&part, spec)?;
        for n in 0..audio.len() {
            for channel in &audio.channels {
                writer.write_sample(channel[n])?;
            }
        }
        writer.finalize()?;
        Ok(crate::put_in_place(&part, path)?)
    })();
    if written.is_err() {
        // Nothing more can be done about the part if it cannot be removed either.
        let _ = std::fs::remove_file(&part);
    }
    written.with_context(|| format!("{name}: cannot write; check that the folder exists and has room"))
}

#[cfg(test)]
mod tests;
