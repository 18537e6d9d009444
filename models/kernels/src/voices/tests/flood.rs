//! Streams that no player would send: nothing hangs, sticks or blows up, and no cut into blocks is heard.
use super::*;

/// Xorshift of Marsaglia, 2003: the same stream on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Mostly 0..1, sometimes what no parameter is.
    fn value(&mut self) -> f32 {
        match self.below(40) {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => -1e30,
            3 => f32::MAX,
            4 => -1.0,
            5 => 1e-40,
            _ => self.below(1 << 20) as f32 / (1 << 20) as f32,
        }
    }

    fn note(&mut self) -> Note {
        let voice_id = (self.below(3) == 0).then(|| self.below(50) as i32 - 1);
        Note { channel: self.below(17) as u8, key: self.below(131) as u8, voice_id }
    }

    fn address(&mut self) -> Address {
        match self.below(50) {
            0 => Address { channel: None, key: None, voice_id: None },
            _ => self.note().into(),
        }
    }

    fn event(&mut self) -> NoteEvent {
        const EXPRESSIONS: [Expression; 7] = [
            Expression::Pressure,
            Expression::Volume,
            Expression::Pan,
            Expression::Tuning,
            Expression::Vibrato,
            Expression::Expression,
            Expression::Brightness,
        ];
        const CONTROLLERS: [u8; 19] = [1, 6, 6, 7, 10, 11, 38, 64, 64, 66, 66, 74, 98, 100, 101, 101, 121, 123, 130];
        let channel = self.below(17) as u8;
        match self.below(12) {
            0..=3 => NoteEvent::On { note: self.note(), velocity: self.value() },
            4..=6 => NoteEvent::Off { address: self.address() },
            7 if self.below(20) == 0 => NoteEvent::Choke { address: self.address() },
            7 | 8 => NoteEvent::Expression {
                address: self.address(),
                expression: EXPRESSIONS[self.below(7) as usize],
                value: self.value(),
            },
            9 => NoteEvent::Modulation {
                voice_id: self.below(50) as i32,
                parameter: self.below(18) as u32,
                offset: self.value(),
            },
            10 if self.below(2) == 0 => NoteEvent::PitchBend { channel, bend: 2.0 * self.value() - 1.0 },
            10 => NoteEvent::ChannelPressure { channel, pressure: self.value() },
            // Small numbers, so that bend ranges and zones are really met.
            _ => NoteEvent::Control {
                channel,
                number: CONTROLLERS[self.below(19) as usize],
                value: if self.below(2) == 0 { self.below(8) as f32 / 127.0 } else { self.value() },
            },
        }
    }
}

fn players() -> [Controls; 4] {
    let base = Controls {
        portamento: Portamento { seconds: 0.02, ..Default::default() },
        envelope: Adsr { attack_s: 0.003, decay_s: 0.01, sustain: 0.6, release_s: 0.03 },
        ..Default::default()
    };
    let range = PitchRange { low_note: 40.0, high_note: 80.0, outside: Outside::Fold };
    [
        base,
        Controls { mpe: true, range, ..base },
        Controls { mode: Mode::Mono, velocity_to_level: 1.0, ..base },
        Controls { mode: Mode::Legato, mpe: true, ..base },
    ]
}

/// A number for all that was played, the same for any order of segments and voices.
struct Played {
    sum: u64,
    first: usize,
}

impl Played {
    fn hear(&mut self, segment: &Segment) {
        let mix = |sum: u64, bits: u64| (sum ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
        for voice in segment.voices() {
            let levels = voice.levels();
            assert_eq!(levels.len(), segment.count);
            for n in 0..segment.count {
                let (level, pitch_note) = (levels[n], voice.pitch_note(n));
                assert!((0.0..=4.0).contains(&level), "level {level}");
                assert!(pitch_note.abs() < 600.0, "pitch {pitch_note}");
                let mut sum = mix(voice.slot as u64, (self.first + segment.first + n) as u64);
                let begins = u64::from(voice.started() && n == 0);
                let bits = [level.to_bits().into(), pitch_note.to_bits(), voice.seed(), voice.is_held().into(), begins];
                sum = bits.into_iter().fold(sum, mix);
                for value in Dimension::ALL.map(|dimension| voice.value(dimension, n)) {
                    assert!((-1.0..=1.0).contains(&value));
                    sum = mix(sum, value.to_bits().into());
                }
                for parameter in 0..event::MAX_MODULATIONS {
                    let value = voice.modulation(parameter, n);
                    assert!((-1.0..=1.0).contains(&value));
                    sum = mix(sum, value.to_bits().into());
                }
                self.sum = self.sum.wrapping_add(sum);
            }
        }
    }
}

/// Plays events at their samples, in blocks as `cut` wants them.
fn play(
    voices: &mut Voices,
    controls: &Controls,
    stream: &[(usize, NoteEvent)],
    samples: usize,
    mut cut: impl FnMut() -> usize,
) -> u64 {
    let mut played = Played { sum: 0, first: 0 };
    let mut rest = stream;
    while played.first < samples {
        let frames = cut().min(samples - played.first);
        let end = played.first + frames;
        let (now, later) = rest.split_at(rest.partition_point(|(time, _)| *time < end));
        let events: Vec<_> = now.iter().map(|(time, event)| at((time - played.first) as u32, *event)).collect();
        voices.process(controls, &events, frames, |segment| played.hear(segment));
        played.first = end;
        rest = later;
    }
    played.sum
}

fn all_notes_off() -> Vec<TimedEvent> {
    (0..16).map(|channel| at(0, NoteEvent::Control { channel, number: 123, value: 0.0 })).collect()
}

#[test]
fn a_hundred_thousand_random_events_do_no_harm_and_no_cut_is_heard() {
    for (seed, controls) in (1..).zip(players()) {
        let mut random = Random(0x1234_5678_9abc_def0 + seed);
        let mut time = 0;
        let stream: Vec<_> = (0..25_000)
            .map(|_| {
                // Gaps in which notes end, and heaps in which they are many.
                time += if random.below(100) == 0 { random.below(2_000) } else { random.below(4) } as usize;
                (time, random.event())
            })
            .collect();
        let samples = time + 1;
        let mut whole = Voices::new(RATE_HZ, 6);
        let expected = play(&mut whole, &controls, &stream, samples, || samples);
        for sizes in [&[1][..], &[64], &[480], &[0, 1, 17, 63, 64, 65, 3000]] {
            let mut voices = Voices::new(RATE_HZ, 6);
            let mut k = 0;
            let cut = || {
                k += 1;
                sizes[k % sizes.len()]
            };
            assert_eq!(play(&mut voices, &controls, &stream, samples, cut), expected, "{sizes:?} {:?}", controls.mode);
            assert_eq!(voices.ignored_events(), whole.ignored_events());
        }
        assert!(whole.ignored_events() > 1_000 && whole.stolen_notes() > 0 || controls.mode != Mode::Poly);
        // Nothing sticks: the longest fade, the release, and a cell.
        whole.process(&controls, &all_notes_off(), 40 * MS, |_| {});
        assert_eq!(whole.sounding(), 0);
        // And it still plays.
        whole.process(&controls, &[at(0, on(60))], 1, |_| {});
        assert_eq!(whole.sounding(), 1);
    }
}

#[test]
fn ten_thousand_notes_in_one_block_leave_as_many_voices_as_there_are() {
    for controls in players() {
        for spread in [0, 1] {
            let mut voices = Voices::new(RATE_HZ, 16);
            let events: Vec<_> = (0..10_000u32)
                .map(|n| {
                    let note = Note { channel: (n % 16) as u8, key: (n / 16 % 128) as u8, voice_id: Some(n as i32) };
                    at(n * spread / 40, NoteEvent::On { note, velocity: 1.0 })
                })
                .collect();
            let mut played = Played { sum: 0, first: 0 };
            voices.process(&controls, &events, 256, |segment| {
                played.hear(segment);
                assert!(segment.voices().count() <= 16);
            });
            assert_eq!(voices.sounding(), if controls.mode == Mode::Poly { 16 } else { 1 });
            assert_eq!(voices.ended().len(), MAX_ENDED);
            voices.process(&controls, &all_notes_off(), 40 * MS, |_| {});
            assert_eq!(voices.sounding(), 0);
        }
    }
}

#[test]
fn controls_that_are_no_numbers_harm_nothing() {
    let bad = f32::NAN;
    let controls = Controls {
        envelope: Adsr { attack_s: bad, decay_s: -1.0, sustain: f32::INFINITY, release_s: bad },
        portamento: Portamento { seconds: f32::INFINITY, ..Default::default() },
        bend_range_semitones: bad,
        tune_semitones: f32::NEG_INFINITY,
        velocity_to_level: bad,
        velocity_to_timbre: bad,
        range: PitchRange { low_note: bad, high_note: 1.0, outside: Outside::Clamp },
        ..Default::default()
    };
    for rate_hz in [8_000.0, 16_000.0, 44_123.45, 768_000.0] {
        let mut voices = Voices::new(rate_hz, 2);
        let mut played = Played { sum: 0, first: 0 };
        let bend = NoteEvent::PitchBend { channel: 0, bend: -0.3 };
        voices.process(&controls, &[at(0, on(60)), at(9, bend), at(5_000_000, off(60))], 5_000, |segment| {
            assert!(segment.count <= MAX_CELL);
            played.hear(segment);
        });
        assert!(played.sum != 0);
        let release_samples = (0.151 * rate_hz) as usize;
        voices.process(&controls, &[], release_samples, |segment| played.hear(segment));
        assert_eq!(voices.sounding(), 0, "{rate_hz} Hz");
    }
}
