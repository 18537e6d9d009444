//! Time of every kernel on every path of this CPU, side by side: `cargo bench -p kernels`.
//!
//! Names are `group/case/path`; throughput is in samples or elements, so criterion prints time a sample as well. Weights and
//! sound are noise: zeros would sit in one page and flatter the memory.
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernels::arch::{self, Lanes};
use kernels::nn::conv1d::{Conv1d, Kind};
use kernels::nn::gru::Gru;
use kernels::nn::lstm::Lstm;
use kernels::nn::naive::{Recurrent, noise};
use kernels::phaser::{Controls, Engine, Phaser, PhaserState};
use kernels::voices::{self, Note, NoteEvent, TimedEvent, Voices};
use std::hint::black_box;
use std::sync::Arc;

fn activations(c: &mut Criterion) {
    let mut group = c.benchmark_group("act");
    let x: Vec<f32> = noise(1, 1024).into_iter().map(|x| 4.0 * x).collect();
    group.throughput(Throughput::Elements(1024));
    for arch in arch::available() {
        group.bench_function(BenchmarkId::new("tanh", arch.name), |b| {
            let mut y = x.clone();
            b.iter(|| {
                y.copy_from_slice(&x);
                (arch.tanh)(black_box(&mut y));
            });
        });
    }
    group.bench_function("tanh/libm", |b| {
        let mut y = x.clone();
        b.iter(|| y.iter_mut().zip(&x).for_each(|(y, x)| *y = black_box(*x).tanh()));
    });
}

fn recurrent(c: &mut Criterion) {
    for hidden in [8, 16, 20, 40] {
        let mut group = c.benchmark_group("lstm");
        group.throughput(Throughput::Elements(1));
        let lstm = Lstm::from_torch(&Recurrent::random(1, 4, 1, hidden), 1, hidden);
        for arch in arch::available() {
            let mut state = lstm.state();
            group.bench_function(BenchmarkId::new(format!("1x{hidden}"), arch.name), |b| {
                b.iter(|| lstm.step(arch, &mut state, black_box(&[0.3])));
            });
        }
        drop(group);
        let mut group = c.benchmark_group("gru");
        group.throughput(Throughput::Elements(1));
        let gru = Gru::from_torch(&Recurrent::random(1, 3, 1, hidden), 1, hidden);
        for arch in arch::available() {
            let mut state = gru.state();
            group.bench_function(BenchmarkId::new(format!("1x{hidden}"), arch.name), |b| {
                b.iter(|| gru.step(arch, &mut state, black_box(&[0.3])));
            });
        }
    }
}

fn depthwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("dwconv");
    for (channels, taps) in [(16, 3), (32, 3), (32, 7)] {
        let conv = Conv1d::from_torch(Kind::Depthwise, &noise(1, channels * taps), &[], channels, taps, 4);
        for block in [1, 64] {
            group.throughput(Throughput::Elements(block as u64));
            let x = vec![Lanes([0.1; arch::LANES]); (block + conv.history()) * conv.panels()];
            for arch in arch::available() {
                let mut y = vec![Lanes::ZERO; block * conv.panels()];
                group.bench_function(BenchmarkId::new(format!("c{channels}/k{taps}/b{block}"), arch.name), |b| {
                    b.iter(|| conv.process(arch, black_box(&x), &mut y));
                });
            }
        }
    }
}

fn phaser(c: &mut Criterion) {
    let file = include_bytes!("../../../assets/models/phaser/small_stone.safetensors");
    let sound = noise(1, 4096);
    let mut group = c.benchmark_group("phaser");
    group.throughput(Throughput::Elements(4096));
    for arch in arch::available() {
        let model = Arc::new(Phaser::load_on(file, arch).expect("the factory model loads"));
        let controls = Controls::new(model.info());
        let mut state = PhaserState::new(&model);
        group.bench_function(BenchmarkId::new("model", arch.name), |b| {
            let mut audio = sound.clone();
            b.iter(|| state.process(&model, &controls, 0.0, black_box(&mut audio)));
        });
        for host_hz in [44_100.0, 48_000.0] {
            for block in [1, 16, 64, 512] {
                let mut engine = Engine::new(model.clone(), host_hz, 1).expect("a common rate");
                group.bench_function(BenchmarkId::new(format!("full/{host_hz}/b{block}"), arch.name), |b| {
                    let mut audio = sound.clone();
                    b.iter(|| {
                        audio.copy_from_slice(&sound);
                        for chunk in audio.chunks_mut(block) {
                            engine.process(&controls, &mut [black_box(chunk)]);
                        }
                    });
                });
            }
        }
    }
}

fn voices(c: &mut Criterion) {
    let mut group = c.benchmark_group("voices");
    group.throughput(Throughput::Elements(512));
    let controls = voices::Controls::default();
    for (rate_hz, count) in [(16_000.0, 8), (48_000.0, 1), (48_000.0, 32)] {
        let mut voices = Voices::new(rate_hz, count);
        let chord: Vec<_> = (0..count)
            .map(|n| {
                let note = Note { channel: 0, key: 40 + n as u8, voice_id: None };
                TimedEvent { offset_samples: 0, event: NoteEvent::On { note, velocity: 0.7 } }
            })
            .collect();
        voices.process(&controls, &chord, 512, |_| {});
        group.bench_function(format!("held/{rate_hz}/v{count}"), |b| {
            b.iter(|| {
                voices.process(&controls, &[], 512, |segment| {
                    for voice in segment.voices() {
                        black_box((voice.levels(), voice.pitch_note(0)));
                    }
                });
            });
        });
    }
    // Worst case: ten thousand notes at once.
    let flood: Vec<_> = (0..10_000u32)
        .map(|n| {
            let note = Note { channel: (n % 16) as u8, key: (n / 16 % 128) as u8, voice_id: Some(n as i32) };
            TimedEvent { offset_samples: n / 40, event: NoteEvent::On { note, velocity: 0.7 } }
        })
        .collect();
    let mut voices = Voices::new(48_000.0, 32);
    group.bench_function("flood/48000/v32", |b| b.iter(|| voices.process(&controls, black_box(&flood), 512, |_| {})));
}

criterion_group!(benches, activations, recurrent, depthwise, phaser, voices);
criterion_main!(benches);
