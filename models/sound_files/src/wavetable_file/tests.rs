//! Tables that come back as they were written, in every format of samples, and files that are none.
use super::*;
use std::f64::consts::TAU;

#[test]
fn frames_come_back_bit_for_bit_with_their_recipe() {
    let frame = |shift: usize| (0..FRAME).map(|n| (((n + shift) * 37) % 101) as f32 / 101.0 - 0.5).collect();
    let frames: Vec<Vec<f32>> = (0..9).map(frame).collect();
    let wav = to_wav(&frames, "z1 -1 to 1, pressure 128").unwrap();
    assert_eq!(wav.len() % 2, 0);
    assert_eq!(u32::from_le_bytes([wav[4], wav[5], wav[6], wav[7]]) as usize, wav.len() - 8);
    assert!(wav.windows(19).any(|bytes| bytes == b"<!>2048 10000000 wa"));
    assert_eq!(from_wav(&wav).unwrap(), Table { frames, comment: "z1 -1 to 1, pressure 128".into() });
}

/// A WAV of integers with two channels, the second of which is silent.
fn integers(bits: u16, frame: &[f32], clm: Option<&str>, extensible: bool) -> Vec<u8> {
    let bytes = usize::from(bits) / 8;
    let mut format = Vec::new();
    format.extend((if extensible { EXTENSIBLE } else { INTEGER }).to_le_bytes());
    format.extend(2u16.to_le_bytes());
    format.extend([0; 8]);
    format.extend((2 * bytes as u16).to_le_bytes());
    format.extend(bits.to_le_bytes());
    if extensible {
        format.extend([22, 0, 0, 0, 0, 0, 0, 0]);
        format.extend(INTEGER.to_le_bytes());
        format.extend([0; 14]);
    }
    let mut data = Vec::new();
    for x in frame {
        let whole = (f64::from(*x) * 2f64.powi(i32::from(bits) - 1)) as i32;
        data.extend(&(whole << (32 - bits)).to_le_bytes()[4 - bytes..]);
        data.extend(vec![0; bytes]);
    }
    let mut body = b"WAVE".to_vec();
    chunk(&mut body, b"fmt ", &format);
    chunk(&mut body, b"odd ", b"odd");
    if let Some(clm) = clm {
        chunk(&mut body, b"clm ", clm.as_bytes());
    }
    chunk(&mut body, b"data", &data);
    let mut file = Vec::new();
    chunk(&mut file, b"RIFF", &body);
    file
}

#[test]
fn integers_of_every_width_and_other_frame_sizes_are_read() {
    let sine: Vec<f32> = (0..FRAME).map(|n| 0.9 * (TAU * n as f64 / 256.0).sin() as f32).collect();
    for bits in [16, 24, 32] {
        for extensible in [false, true] {
            let table = from_wav(&integers(bits, &sine, Some("<!>256 00000000 other"), extensible)).unwrap();
            assert_eq!((table.frames.len(), table.frames[0].len()), (8, 256));
            let step = 2f32.powi(1 - i32::from(bits)).max(1e-7);
            for (found, expected) in table.frames.concat().iter().zip(&sine) {
                assert!((found - expected).abs() <= step, "{bits} bits: {found} for {expected}");
            }
        }
    }
    assert_eq!(from_wav(&integers(16, &sine, None, false)).unwrap().frames.len(), 1);
}

#[test]
fn what_is_no_table_is_refused_with_its_reason() {
    let sine = vec![0.5; FRAME];
    let refused = |bytes: &[u8], expected: &str| {
        let text = from_wav(bytes).unwrap_err().to_string();
        assert!(text.contains(expected), "expected a text with `{expected}`, found `{text}`");
    };
    refused(b"", "expected a WAV file");
    refused(b"RIFF\0\0\0\0AIFF", "expected a WAV file");
    refused(b"RIFF\0\0\0\0WAVE", "chunk `fmt `: missing");
    refused(&integers(16, &sine[..100], None, false), "expected at least one frame of 2048 samples, found 100");
    refused(&integers(16, &sine, Some("<!>0 "), false), "chunk `clm `: expected `<!>`");
    refused(&integers(16, &sine, Some("2048"), false), "found `2048`");
    refused(&integers(16, &sine, Some("<!>99999999999999999999"), false), "chunk `clm `");
    let whole = to_wav(&[sine], "").unwrap();
    for length in 0..200 {
        assert!(from_wav(&whole[..length]).is_err(), "{length} bytes");
    }
    assert!(to_wav(&[], "").is_err() && to_wav(&[vec![0.0; 32], vec![0.0; 33]], "").is_err());
    refused(&to_wav(&[vec![f32::NAN; 32]], "").unwrap(), "no number");
}
