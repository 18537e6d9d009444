//! The real-time law: no allocation or free while playing, whatever the block, the rate and the controls; nothing that is
//! not finite gets out; the dry path is exact.
#![allow(unsafe_code)] // A counting allocator can only be written against the unsafe allocator interface.
use kernels::nn::naive::noise;
use kernels::phaser::{Controls, Engine, Phaser};
use kernels::sound_model::config::Config;
use kernels::sound_model::{self, SoundModel};
use kernels::voices::{self, Note, NoteEvent, TimedEvent, Voices};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

struct Counting;

thread_local! {
    /// Allocations and frees of this thread.
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: passes every call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.with(|calls| calls.set(calls.get() + 1));
        // SAFETY: the caller keeps the contract that is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        CALLS.with(|calls| calls.set(calls.get() + 1));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn calls() -> usize {
    CALLS.with(Cell::get)
}

fn model() -> Arc<Phaser> {
    Arc::new(Phaser::load(include_bytes!("../assets/models/phaser/small_stone.safetensors")).unwrap())
}

fn lstm() -> Arc<Phaser> {
    Arc::new(Phaser::load(include_bytes!("golden/phaser_lstm.safetensors")).unwrap())
}

#[test]
fn playing_neither_allocates_nor_frees() {
    for model in [model(), lstm()] {
        for rate_hz in [8_000.0, 44_100.0, 44_123.45, 48_000.0, 192_000.0] {
            let mut engine = Engine::new(model.clone(), rate_hz, 2).unwrap();
            let mut controls = Controls::new(model.info());
            let (mut left, mut right) = (noise(1, 16_384), noise(2, 16_384));
            let before = calls();
            for (k, block) in [0, 1, 2, 63, 64, 65, 480, 4096, 16_384].into_iter().enumerate() {
                controls.rate_hz = 0.3 * k as f32;
                controls.depth = 1.0 - 0.1 * k as f32;
                controls.mix = 0.5;
                controls.phase_turns = (k % 2 == 0).then_some(0.1 * k as f64);
                controls.values[1] = 1.0;
                engine.process(&controls, &mut [&mut left[..block], &mut right[..block]]);
            }
            engine.reset();
            assert_eq!(calls() - before, 0, "at {rate_hz} Hz");
        }
    }
}

#[test]
fn ten_thousand_notes_in_a_block_neither_allocate_nor_free() {
    let note = |n: u32| Note { channel: (n % 16) as u8, key: (n / 16 % 128) as u8, voice_id: Some(n as i32) };
    let events: Vec<_> = (0..10_000)
        .map(|n| {
            let event = match n % 7 {
                0 => NoteEvent::Off { address: note(n - n % 5).into() },
                1 => NoteEvent::Control { channel: (n % 16) as u8, number: 64 + (n % 64) as u8, value: (n % 3) as f32 },
                _ => NoteEvent::On { note: note(n), velocity: 0.7 },
            };
            TimedEvent { offset_samples: n / 4, event }
        })
        .collect();
    for mode in [voices::Mode::Poly, voices::Mode::Mono, voices::Mode::Legato] {
        let mut voices = Voices::new(48_000.0, 16);
        let controls = voices::Controls { mode, ..Default::default() };
        let before = calls();
        for block in [4096, 1, 0, 16_384] {
            voices.process(&controls, &events, block, |_| {});
        }
        voices.set_voice_cap(3);
        voices.reset();
        assert_eq!(calls() - before, 0, "{mode:?}");
        assert!(voices.stolen_notes() > 100 || mode != voices::Mode::Poly);
    }
}

#[test]
fn the_sound_model_neither_allocates_nor_frees() {
    let config = Config { layers: 1, hidden: 32, width: 32, ..Config::paper() };
    let model = Arc::new(SoundModel::load(&sound_model::example::file(1, &config).unwrap()).unwrap());
    let note = |n: u32| Note { channel: 0, key: (40 + n * 7 % 50) as u8, voice_id: Some(n as i32) };
    let event = |n: u32| match n % 4 {
        0 => NoteEvent::Off { address: note(n / 2).into() },
        1 => NoteEvent::Modulation { voice_id: (n / 2) as i32, parameter: n % 16, offset: 0.1 },
        _ => NoteEvent::On { note: note(n), velocity: 0.7 },
    };
    let events: Vec<_> = (0..3_000).map(|n| TimedEvent { offset_samples: n / 3, event: event(n) }).collect();
    for rate_hz in [8_000.0, 16_000.0, 44_123.45, 48_000.0, 192_000.0] {
        let mut engine = sound_model::Engine::new(model.clone(), rate_hz, 16).unwrap();
        let mut controls = sound_model::engine::Controls::new(model.info());
        let (mut left, mut right) = (vec![0.0; 4096], vec![0.0; 4096]);
        let before = calls();
        for block in [0, 1, 2, 63, 64, 65, 480, 4096] {
            controls.values[0] = 1.0 / (1 + block) as f32;
            controls.seed = block as u64;
            engine.process(&controls, &events, &mut [&mut left[..block], &mut right[..block]]);
        }
        engine.set_voice_cap(3);
        engine.process(&controls, &[], &mut [&mut left[..]]);
        engine.reset();
        assert_eq!(calls() - before, 0, "at {rate_hz} Hz");
        assert!(engine.stolen_notes() > 100 && left.iter().all(|y| y.is_finite()));
    }
}

#[test]
fn at_no_mix_the_input_comes_out_delayed_and_otherwise_untouched() {
    for rate_hz in [8_000.0, 44_100.0, 48_000.0, 96_000.0, 768_000.0] {
        for bypass in [false, true] {
            let model = model();
            let mut engine = Engine::new(model.clone(), rate_hz, 1).unwrap();
            let mut controls = Controls::new(model.info());
            (controls.mix, controls.bypass) = (if bypass { 1.0 } else { 0.0 }, bypass);
            let input = noise(3, 20_000);
            let mut audio = input.clone();
            engine.process(&controls, &mut [&mut audio]);
            let latency = engine.latency_samples() as usize;
            assert_eq!(audio[latency..], input[..input.len() - latency], "{rate_hz} Hz");
            assert!(audio[..latency].iter().all(|x| *x == 0.0));
        }
    }
}

#[test]
fn the_wet_sound_lies_where_the_latency_says() {
    // Whatever the host's rate, the same sound must come out at the same place: measured against the model's own rate.
    let model = model();
    let mut controls = Controls::new(model.info());
    (controls.running, controls.phase_turns) = (false, Some(0.3));
    let centre = |rate_hz: f64| {
        let mut engine = Engine::new(model.clone(), rate_hz, 1).unwrap();
        // A smooth bump of 2 ms, far inside the pass band of every rate.
        let bump = |t: f64| (-0.5 * (t / 0.002).powi(2)).exp();
        let at = |n: usize, latency: f64| (n as f64 - latency) / rate_hz - 0.05;
        let length = (0.15 * rate_hz) as usize + engine.latency_samples() as usize;
        let mut audio: Vec<f32> = (0..length).map(|n| 0.5 * bump(at(n, 0.0)) as f32).collect();
        engine.process(&controls, &mut [&mut audio]);
        let latency = f64::from(engine.latency_samples());
        let (mut moment, mut energy) = (0.0, 0.0);
        for (n, y) in audio.iter().enumerate() {
            moment += at(n, latency) * f64::from(*y).powi(2);
            energy += f64::from(*y).powi(2);
        }
        moment / energy
    };
    let expected_s = centre(44_100.0);
    for rate_hz in [48_000.0, 96_000.0, 192_000.0] {
        let off_samples = (centre(rate_hz) - expected_s) * rate_hz;
        assert!(off_samples.abs() < 0.5, "{rate_hz} Hz: {off_samples:.2} samples off");
    }
}

#[test]
fn what_is_not_finite_never_comes_out_and_the_sound_returns() {
    for rate_hz in [44_100.0, 48_000.0] {
        for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, f32::MAX, 1e-40] {
            let model = model();
            let mut engine = Engine::new(model.clone(), rate_hz, 1).unwrap();
            let controls = Controls::new(model.info());
            let mut clean = noise(4, 30_000);
            let mut audio = clean.clone();
            audio[5_000..5_010].fill(poison);
            engine.process(&controls, &mut [&mut audio]);
            assert!(audio.iter().all(|y| y.is_finite()), "{poison}");
            Engine::new(model, rate_hz, 1).unwrap().process(&controls, &mut [&mut clean]);
            // 100 ms later nothing is left of it.
            let later = 5_010 + (0.1 * rate_hz) as usize + engine.latency_samples() as usize;
            for (found, expected) in audio[later..].iter().zip(&clean[later..]) {
                assert!((found - expected).abs() < 1e-4, "{poison} at {rate_hz} Hz: {found} against {expected}");
            }
        }
    }
}

#[test]
fn controls_that_are_no_numbers_harm_nothing() {
    let model = model();
    let mut engine = Engine::new(model.clone(), 48_000.0, 2).unwrap();
    let bad = f32::NAN;
    let controls = Controls {
        drift: bad,
        rate_hz: bad,
        phase_turns: Some(f64::INFINITY),
        running: true,
        stereo_phase_turns: bad,
        depth: f32::INFINITY,
        values: [bad; kernels::phaser::MAX_CONTROLS],
        input_gain: bad,
        output_gain: f32::NEG_INFINITY,
        mix: bad,
        bypass: false,
    };
    let (mut left, mut right) = (noise(1, 4_000), noise(2, 4_000));
    engine.process(&controls, &mut [&mut left, &mut right]);
    assert!(left.iter().chain(&right).all(|y| y.is_finite()));
}

#[test]
fn silence_gives_silence_without_a_thump() {
    let model = model();
    let mut engine = Engine::new(model.clone(), 44_100.0, 1).unwrap();
    let mut audio = vec![0.0; 44_100];
    engine.process(&Controls::new(model.info()), &mut [&mut audio]);
    assert!(audio.iter().all(|y| *y == 0.0));
}

#[test]
fn the_sweep_after_an_hour_is_the_sweep_of_the_first_second() {
    let model = model();
    let second = |start_turns: f64| {
        let mut engine = Engine::new(model.clone(), 44_100.0, 1).unwrap();
        let mut audio = noise(5, 44_100);
        let mut controls = Controls::new(model.info());
        controls.rate_hz = 2.0;
        controls.phase_turns = Some(start_turns);
        engine.process(&controls, &mut [&mut audio]);
        audio
    };
    // An hour at 2 Hz is 7200 whole turns.
    for (now, then) in second(0.25).iter().zip(second(7200.25)) {
        assert!((now - then).abs() < 1e-5);
    }
}
