//! The oscillator against sums of cosines, its cuts, and its corners.
use super::*;
use std::f64::consts::TAU;

const RATE_HZ: f64 = 48_000.0;
const FRAME: usize = 96;

fn tone(frequency_hz: f64) -> Tone {
    Tone { frequency_hz, unison: Unison::default(), sub: 0.0 }
}

fn saw(count: usize) -> Vec<Complex32> {
    (1..=count).map(|k| Complex32::new(0.0, -1.0 / k as f32)).collect()
}

/// Plays tones, one a frame, and returns the left and right channels.
fn play(oscillator: &mut WavetableOscillator, frames: usize, tone: impl Fn(usize) -> Tone) -> [Vec<f32>; 2] {
    let mut out = [vec![0.0; frames * FRAME], vec![0.0; frames * FRAME]];
    let [left, right] = &mut out;
    for (frame, (left, right)) in left.chunks_mut(FRAME).zip(right.chunks_mut(FRAME)).enumerate() {
        oscillator.begin_frame(&tone(frame), (frame == 0).then_some(&saw(MOST_HARMONICS)));
        oscillator.add_to(left, right);
    }
    out
}

#[test]
fn a_held_note_is_the_sum_of_the_harmonics_that_fit() {
    for frequency_hz in [440.0, 1234.5, 7199.0] {
        let [sound, right] = play(&mut WavetableOscillator::new(RATE_HZ, FRAME), 50, |_| tone(frequency_hz));
        assert_eq!(sound, right);
        for (n, found) in sound.iter().enumerate() {
            let term = |k: u32| (TAU * (f64::from(k) * n as f64 * frequency_hz / RATE_HZ).fract()).sin() / f64::from(k);
            let expected: f64 = (1..).take_while(|k| f64::from(*k) * frequency_hz <= TOP * RATE_HZ).map(term).sum();
            assert!((f64::from(*found) - expected).abs() < 5e-6, "{frequency_hz} Hz, sample {n}: {found}, {expected}");
        }
    }
}

#[test]
fn cuts_leave_no_trace() {
    let moving = |frame: usize| Tone {
        frequency_hz: 300.0 + 20.0 * frame as f64,
        unison: Unison { copies: 1 + frame % 7, detune_cents: frame as f32, spread: 0.7, phase_spread: 1.0 },
        sub: 0.1 * frame as f32,
    };
    let whole = play(&mut WavetableOscillator::new(RATE_HZ, FRAME), 20, moving);
    let mut cut = [vec![0.0; 20 * FRAME], vec![0.0; 20 * FRAME]];
    let mut oscillator = WavetableOscillator::new(RATE_HZ, FRAME);
    let (mut start, mut length) = (0, 1);
    while start < 20 * FRAME {
        if oscillator.at_frame() {
            let frame = start / FRAME;
            oscillator.begin_frame(&moving(frame), (frame == 0).then_some(&saw(MOST_HARMONICS)));
        }
        let count = length.min(oscillator.left_in_frame());
        let [left, right] = &mut cut;
        oscillator.add_to(&mut left[start..start + count], &mut right[start..start + count]);
        start += count;
        length = length % 37 + 5;
    }
    assert_eq!(whole, cut);
}

#[test]
fn no_harmonic_of_a_bend_passes_the_top() {
    // A jump of two octaves in one frame, the fastest bend there is.
    let mut oscillator = WavetableOscillator::new(RATE_HZ, FRAME);
    let target = |frame: usize| if frame < 5 { 1000.0 } else { 4000.0 };
    let mut previous_room = usize::MAX;
    for frame in 0..10 {
        oscillator.begin_frame(&tone(target(frame)), (frame == 0).then_some(&saw(MOST_HARMONICS)));
        let highest_hz = oscillator.frequency_hz.from.max(oscillator.frequency_hz.to);
        let room = oscillator.room;
        assert!(room as f64 * highest_hz <= TOP * RATE_HZ, "frame {frame}: {room} harmonics at {highest_hz} Hz");
        // The table of the frame before is still heard in this one.
        if previous_room != usize::MAX {
            assert!(
                previous_room as f64 * highest_hz <= TOP * RATE_HZ,
                "frame {frame}: {previous_room} at {highest_hz}"
            );
        }
        previous_room = room;
        oscillator.add_to(&mut [0.0; FRAME], &mut [0.0; FRAME]);
    }
    assert_eq!(oscillator.frequency_hz.from, 4000.0);
}

#[test]
fn copies_keep_the_power_of_one_and_the_octave_below_is_one() {
    let power = |sound: &[f32]| sound.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / sound.len() as f64;
    let mut wide = tone(500.0);
    wide.unison = Unison { copies: 7, detune_cents: 25.0, spread: 1.0, phase_spread: 1.0 };
    let [one, _] = play(&mut WavetableOscillator::new(RATE_HZ, FRAME), 500, |_| tone(500.0));
    let mut oscillator = WavetableOscillator::new(RATE_HZ, FRAME);
    oscillator.start(Some(wide.unison));
    let [left, right] = play(&mut oscillator, 2000, |_| wide);
    let both = 0.5 * (power(&left) + power(&right));
    assert!((both / power(&one) - 1.0).abs() < 0.1, "{both} for {}", power(&one));
    assert!(left.iter().zip(&right).any(|(l, r)| (l - r).abs() > 0.1), "the copies stand apart");

    let mut low = tone(500.0);
    low.sub = 1.0;
    let [sum, _] = play(&mut WavetableOscillator::new(RATE_HZ, FRAME), 100, |_| low);
    // At 500 Hz a table holds half of what the note at 250 Hz alone has room for.
    let octave = |n: usize| -> f64 {
        (1..=43).map(|k| (TAU * (f64::from(k) * n as f64 * 250.0 / RATE_HZ).fract()).sin() / f64::from(k)).sum()
    };
    for n in 0..1000 {
        let found = f64::from(sum[n] - one[n]);
        assert!((found - octave(n)).abs() < 5e-6, "sample {n}: {found} for {}", octave(n));
    }
}

#[test]
fn a_note_starts_at_its_phase_or_runs_on() {
    let mut oscillator = WavetableOscillator::new(RATE_HZ, FRAME);
    let first = play(&mut oscillator, 3, |_| tone(777.0));
    oscillator.start(Some(Unison::default()));
    assert_eq!(play(&mut oscillator, 3, |_| tone(777.0)), first);
    oscillator.start(None);
    let [second, _] = play(&mut oscillator, 3, |_| tone(777.0));
    let at = |n: usize| -> f64 {
        (1..=27)
            .map(|k| (TAU * (f64::from(k) * (3 * FRAME + n) as f64 * 777.0 / RATE_HZ).fract()).sin() / f64::from(k))
            .sum()
    };
    for n in 0..FRAME {
        assert!((f64::from(second[n]) - at(n)).abs() < 5e-6, "sample {n}: {} for {}", second[n], at(n));
    }
}

#[test]
fn a_staggered_oscillator_sounds_the_same_and_needs_its_periods_earlier() {
    let moving = |staggered: bool| {
        let mut oscillator = WavetableOscillator::new(RATE_HZ, FRAME);
        oscillator.stagger(if staggered { 0.25 } else { 0.0 });
        let (mut sound, mut frames) = (vec![0.0; 2 * FRAME], Vec::new());
        let mut start = 0;
        while start < sound.len() {
            if oscillator.at_frame() {
                frames.push(start);
                oscillator.begin_frame(&tone(700.0), (start == 0).then_some(&saw(MOST_HARMONICS)));
            }
            let end = sound.len().min(start + oscillator.left_in_frame());
            let mut right = vec![0.0; end - start];
            oscillator.add_to(&mut sound[start..end], &mut right);
            start = end;
        }
        (sound, frames)
    };
    let (plain, frames) = moving(false);
    assert_eq!(frames, [0, FRAME]);
    let (staggered, frames) = moving(true);
    assert_eq!(frames, [0, FRAME * 3 / 4, FRAME * 7 / 4]);
    assert_eq!(plain, staggered);
}

#[test]
fn unheard_copies_keep_their_phase() {
    let mut path = Path { phase: 12345, step: 1 << 57, rise: -(1 << 40) };
    let mut skipped = Path { phase: 12345, step: 1 << 57, rise: -(1 << 40) };
    (0..1000).for_each(|_| path.advance());
    skipped.skip(1000);
    assert_eq!((path.phase, path.step), (skipped.phase, skipped.step));
}

#[test]
fn notes_beyond_hearing_are_silent_not_folded() {
    let [sound, _] = play(&mut WavetableOscillator::new(RATE_HZ, FRAME), 5, |_| tone(22_500.0));
    assert!(sound.iter().all(|x| *x == 0.0));
}
