//! Files built in memory: good ones, odd ones, hostile ones.
use kernels::voices::Note;

use super::*;

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [kind, &(data.len() as u32).to_be_bytes()[..], data].concat()
}

/// A file of format 1 with the given time base and tracks; each track gets its end.
fn file(division: u16, tracks: &[&[u8]]) -> Vec<u8> {
    let [high, low] = division.to_be_bytes();
    let mut bytes = chunk(b"MThd", &[0, 1, 0, tracks.len() as u8, high, low]);
    for track in tracks {
        bytes.extend(chunk(b"MTrk", &[track, &[0, 0xff, 0x2f, 0][..]].concat()));
    }
    bytes
}

fn on(channel: u8, key: u8) -> NoteEvent {
    NoteEvent::On { note: Note { channel, key, voice_id: None }, velocity: 1.0 }
}

fn times(song: &Song) -> Vec<f64> {
    song.events.iter().map(|event| event.time_s).collect()
}

fn error(bytes: &[u8]) -> String {
    Song::parse(bytes).expect_err("a broken file").to_string()
}

#[test]
fn tracks_are_merged_by_time_and_keep_their_order_where_times_are_equal() {
    let song = Song::parse(&file(
        100,
        &[
            &[0, 0x90, 60, 127, 100, 0x90, 62, 127],
            &[0, 0x91, 70, 127, 50, 0x91, 71, 127, 50, 0x91, 72, 127, 100, 0x81, 72, 0],
        ],
    ))
    .unwrap();
    let found: Vec<_> = song.events.iter().map(|event| (event.time_s, event.event)).collect();
    let end = NoteEvent::Off { address: Note { channel: 1, key: 72, voice_id: None }.into() };
    let expected =
        [(0.0, on(0, 60)), (0.0, on(1, 70)), (0.25, on(1, 71)), (0.5, on(0, 62)), (0.5, on(1, 72)), (1.0, end)];
    assert_eq!(found, expected);
    assert_eq!(song.seconds, 1.0);
}

#[test]
fn a_tempo_holds_for_all_tracks_from_its_place_on() {
    // 120, then 60, then 240 beats a minute.
    let tempo: &[u8] = &[100, 0xff, 0x51, 3, 0x0f, 0x42, 0x40, 100, 0xff, 0x51, 3, 0x03, 0xd0, 0x90];
    let notes: &[u8] = &[50, 0x90, 60, 127, 100, 0x90, 60, 127, 100, 0x90, 60, 127];
    let song = Song::parse(&file(100, &[tempo, notes])).unwrap();
    assert_eq!(times(&song), [0.25, 1.0, 1.625]);
}

#[test]
fn video_frames_count_time_without_a_tempo() {
    let tempo: &[u8] = &[0, 0xff, 0x51, 3, 0x0f, 0x42, 0x40];
    for (frames_hz, byte) in [(24.0, 0xe8), (25.0, 0xe7), (30.0 / 1.001, 0xe3), (30.0, 0xe2u16)] {
        let song = Song::parse(&file(byte << 8 | 40, &[tempo, &[100, 0x90, 60, 127]])).unwrap();
        assert_eq!(times(&song), [100.0 / (frames_hz * 40.0)]);
    }
}

#[test]
fn a_status_runs_on_over_notes_texts_and_system_messages() {
    let track: &[u8] =
        &[0, 0x90, 60, 127, 10, 62, 127, 0, 0xff, 1, 2, b'h', b'i', 0, 0xf0, 1, 0xf7, 0, 64, 127, 0, 0xc0, 3, 0, 4];
    let keys: Vec<_> = Song::parse(&file(100, &[track])).unwrap().events.iter().map(|event| event.event).collect();
    assert_eq!(keys, [on(0, 60), on(0, 62), on(0, 64)]);
}

#[test]
fn long_gaps_and_foreign_chunks_are_read() {
    let mut bytes = file(100, &[]);
    bytes[11] = 1;
    bytes.extend(chunk(b"XFIH", &[1, 2, 3]));
    // 0x3fff ticks in two bytes; no end of the track; padding.
    bytes.extend(chunk(b"MTrk", &[0xff, 0x7f, 0x90, 60, 127]));
    bytes.extend([0; 3]);
    assert_eq!(times(&Song::parse(&bytes).unwrap()), [0x3fff as f64 / 200.0]);
}

#[test]
fn a_tempo_without_time_is_none() {
    let track: &[u8] = &[0, 0xff, 0x51, 3, 0, 0, 0, 100, 0x90, 60, 127];
    assert_eq!(times(&Song::parse(&file(100, &[track])).unwrap()), [0.5]);
}

#[test]
fn the_time_of_a_late_event_has_not_gathered_the_roundings_of_those_before_it() {
    let track = [1, 0x90, 60, 127].repeat(100_000);
    let song = Song::parse(&file(960, &[&track])).unwrap();
    assert_eq!(song.events[95_999].time_s, 50.0);
}

#[test]
fn what_is_no_midi_file_is_said_to_be_none() {
    for bytes in [&b""[..], b"MTh", b"RIFF\x24\0\0\0WAVE", &[0; 100]] {
        assert!(error(bytes).contains("not a MIDI file"), "{}", error(bytes));
    }
}

#[test]
fn a_file_that_is_cut_anywhere_is_an_error_of_one_line() {
    let whole = file(
        100,
        &[
            &[0, 0xff, 0x51, 3, 0x0f, 0x42, 0x40, 0, 0xf0, 2, 1, 0xf7],
            &[0, 0x90, 60, 127, 0x81, 0x00, 60, 0, 0, 0xe0, 0, 0x40],
        ],
    );
    assert!(Song::parse(&whole).is_ok());
    for length in 0..whole.len() {
        let error = error(&whole[..length]);
        assert!(!error.contains('\n') && error.len() < 120, "{length}: {error}");
    }
    assert!(error(&whole[..whole.len() - 10]).contains("track 2 of 2 is cut short at byte"));
}

#[test]
fn every_fault_says_what_is_wrong() {
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = file(100, &[&[0, 0x90, 60, 127]]);
        change(&mut bytes);
        error(&bytes)
    };
    assert!(with(&|bytes| bytes[9] = 2).contains("format 2, expected 0 or 1"));
    assert!(with(&|bytes| bytes[11] = 3).contains("1 of 3 tracks"));
    assert!(with(&|bytes| bytes[13] = 0).contains("a beat has 0 ticks"));
    assert!(with(&|bytes| bytes[12..14].copy_from_slice(&[0x80, 40])).contains("128 frames"));
    assert!(with(&|bytes| bytes[12..14].copy_from_slice(&[0xe8, 0])).contains("a frame has 0 ticks"));
    assert!(with(&|bytes| bytes[24] = 0x80).contains("0x80 at byte 24, expected data below 0x80"));
    assert!(with(&|bytes| bytes[23] = 60).contains("data without a message at byte 23"));
    assert!(with(&|bytes| bytes[23] = 0xf4).contains("message 0xf4 at byte 23"));
    assert!(with(&|bytes| bytes[22..26].fill(0xff)).contains("more than four bytes"));
    assert!(with(&|bytes| bytes.truncate(14)).contains("0 of 1 tracks"));
    assert!(error(&file(100, &[])).contains("holds no track"));
    assert!(error(&file(1, &[&[0xff, 0xff, 0xff, 0x7f, 0x90, 60, 127]])).contains("lasts more than"));
}

#[test]
fn no_damage_panics_or_takes_memory_beyond_the_file() {
    let whole = file(
        96,
        &[
            &[0, 0xff, 0x51, 3, 0x0f, 0x42, 0x40, 0, 0xf0, 2, 1, 0xf7],
            &[0, 0x90, 60, 127, 0x81, 0x00, 60, 0, 0, 0xe0, 0, 0x40, 0, 0xd0, 3],
        ],
    );
    let mut read = 0;
    for place in 0..whole.len() {
        for byte in 0..=255 {
            let mut bytes = whole.clone();
            bytes[place] = byte;
            if let Ok(song) = Song::parse(&bytes) {
                read += 1;
                assert!(song.events.len() <= bytes.len());
                assert!(song.events.iter().all(|event| event.event.is_sane()));
                assert!(song.events.windows(2).all(|pair| pair[0].time_s <= pair[1].time_s));
            }
        }
    }
    assert!(read > 1_000);
}

#[test]
fn a_file_that_cannot_be_opened_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Song::read(folder.path().join("none.mid")).unwrap_err().to_string();
    assert!(missing.contains("none.mid: cannot open"), "{missing}");
    assert!(Song::read(folder.path()).unwrap_err().to_string().contains("is a folder"));
    let path = folder.path().join("song.mid");
    std::fs::write(&path, b"MThd").unwrap();
    let broken = Song::read(&path).unwrap_err().to_string();
    assert!(broken.contains("song.mid: the header is cut short at byte 4"), "{broken}");
}
