//! Time of one wavetable voice and of the whole instrument with their knobs moving and at rest: `cargo bench -p kernels --bench wavetable`.
//!
//! Throughput is in samples at 48 kHz: a voice in real time takes 20.8 us a sample, so voices = 20,833 ns over the time.
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernels::arch;
use kernels::checkpoint::write;
use kernels::dsp::period_table::{PeriodTable, TableMaker};
use kernels::nn::naive::noise;
use kernels::voices::{Note, NoteEvent, TimedEvent};
use kernels::wavetable::body::Body;
use kernels::wavetable::{Controls, Engine, Knobs, Unison, Voice, Wavetable};
use realfft::num_complex::Complex32;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const RATE_HZ: f64 = 48_000.0;
const BLOCK: usize = 64;
const SAMPLES: usize = 4800;
const VOICES: usize = 32;

/// A file of the size that the bowed string trains to, its weights noise: one latent, three conditions with four octaves,
/// two layers of 128, periods of 512.
fn file() -> Vec<u8> {
    let control = |id: &str| {
        let ends = r#""min":1,"max":1000,"default":100,"trained_min":1,"trained_max":1000"#;
        format!(r#"{{"id":"{id}","name":"{id}",{ends}}}"#)
    };
    let controls: Vec<_> = ["z1", "pressure", "position", "pitch"].iter().map(|id| control(id)).collect();
    let config = r#"{"period":512,"output":"period","latents":1,"octaves":4,"hidden":[128,128],"gain":true}"#;
    let metadata = [
        ("format", "doppel"),
        ("format_version", "1.0.0"),
        ("noun", "wavetable"),
        ("config", config),
        ("sample_rate", "48000"),
        ("controls", &format!("[{}]", controls.join(","))),
        ("name", "noise"),
        ("author", "noise"),
        ("license", "CC0-1.0"),
    ];
    let tensor = |name: &str, shape: &[usize]| {
        (name.to_string(), shape.to_vec(), noise(shape[0] as u64, shape.iter().product()))
    };
    let tensors = [
        tensor("decoder.0.weight", &[128, 28]),
        tensor("decoder.0.bias", &[128]),
        tensor("decoder.1.weight", &[128, 128]),
        tensor("decoder.1.bias", &[128]),
        tensor("decoder.2.weight", &[513, 128]),
        tensor("decoder.2.bias", &[513]),
    ];
    write(metadata.map(|(k, v)| (k.to_string(), v.to_string())).into(), &tensors).expect("tensors of these shapes")
}

fn voices(c: &mut Criterion) {
    let mut group = c.benchmark_group("voice");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    let file = file();
    for arch in arch::available() {
        let model = Wavetable::load_on(&file, arch).expect("the file fits");
        for (case, moving, copies) in [("resting", false, 1), ("moving", true, 1), ("moving_unison_7", true, 7)] {
            let mut controls = Controls::new(model.info(), 110.0);
            controls.unison = Unison { copies, detune_cents: 15.0, spread: 0.8, phase_spread: 1.0 };
            let mut voice = Voice::new(&model, RATE_HZ);
            let (mut left, mut right) = ([0.0; BLOCK], [0.0; BLOCK]);
            let mut knobs = 0.0f32;
            group.bench_function(BenchmarkId::new(case, arch.name), |b| {
                b.iter(|| {
                    for _ in 0..SAMPLES / BLOCK {
                        if moving {
                            knobs = (knobs + 0.37) % 1.0;
                            controls.values = [1.0 + 999.0 * knobs; 8];
                            controls.frequency_hz = 110.0 * (1.0 + f64::from(knobs));
                        }
                        voice.render(&model, |_| controls, black_box(&mut left), black_box(&mut right));
                    }
                });
            });
        }
        group.bench_function(BenchmarkId::new("decode", arch.name), |b| {
            let mut state = model.decoder().state();
            let mut harmonics = vec![Complex32::ZERO; model.decoder().harmonics()];
            b.iter(|| model.decoder().decode(arch, &mut state, black_box(&[0.3; 8]), &mut harmonics));
        });
    }
    group.bench_function("table", |b| {
        let (mut maker, mut table) = (TableMaker::default(), PeriodTable::default());
        let harmonics = vec![Complex32::ONE; 255];
        b.iter(|| maker.fill(black_box(&harmonics), &mut table));
    });
    group.bench_function("body", |b| {
        let (mut body, mut audio) = (Body::new(RATE_HZ), noise(1, SAMPLES));
        b.iter(|| body.process(black_box(&mut audio)));
    });
}

/// The whole instrument, a chord of all its keys held.
fn instrument(copies: usize) -> (Engine, Knobs) {
    let model = Wavetable::load(&file()).expect("the file fits");
    let mut engine = Engine::new(Arc::new(model), RATE_HZ, VOICES).expect("a rate");
    let mut knobs = Knobs::new(engine.model().info());
    knobs.unison = Unison { copies, detune_cents: 15.0, spread: 0.8, phase_spread: 1.0 };
    (knobs.body, knobs.filter.resonance) = (0.5, 0.3);
    let event = |n: usize| {
        let note = Note { channel: 0, key: 40 + n as u8, voice_id: None };
        TimedEvent { offset_samples: 0, event: NoteEvent::On { note, velocity: 1.0 } }
    };
    let (mut left, mut right) = ([0.0; BLOCK], [0.0; BLOCK]);
    engine.process(&knobs, &(0..VOICES).map(event).collect::<Vec<_>>(), &mut [&mut left, &mut right]);
    (engine, knobs)
}

/// Plays one block; with `moving` all knobs and the pitch stand elsewhere in each.
fn block(engine: &mut Engine, knobs: &mut Knobs, moving: bool, place: &mut f32) {
    let (mut left, mut right) = ([0.0; BLOCK], [0.0; BLOCK]);
    let mut bend = None;
    if moving {
        *place = (*place + 0.37) % 1.0;
        knobs.values = [1.0 + 999.0 * *place; 8];
        knobs.filter.cutoff_hz = 500.0 + 5000.0 * *place;
        let event = NoteEvent::PitchBend { channel: 0, bend: *place };
        bend = Some(TimedEvent { offset_samples: 7, event });
    }
    engine.process(knobs, bend.as_slice(), &mut [&mut left, &mut right]);
    black_box((left, right));
}

fn engine(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine_32_voices");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    for (case, moving, copies) in [("resting", false, 1), ("moving", true, 1), ("moving_unison_3", true, 3)] {
        let (mut engine, mut knobs) = instrument(copies);
        assert_eq!(engine.sounding(), VOICES);
        let mut place = 0.0;
        // Two seconds of blocks by themselves: a host waits for the slowest.
        let mut times: Vec<f64> = (0..1500)
            .map(|_| {
                let start = Instant::now();
                block(&mut engine, &mut knobs, moving, &mut place);
                start.elapsed().as_secs_f64() * RATE_HZ / BLOCK as f64
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let share = |place: usize| 100.0 * times[place];
        println!(
            "{case}: blocks of {BLOCK} take {:.0} % of their time, one in a hundred {:.0} %",
            share(750),
            share(1485)
        );
        group.bench_function(case, |b| {
            b.iter(|| (0..SAMPLES / BLOCK).for_each(|_| block(&mut engine, &mut knobs, moving, &mut place)));
        });
    }
}

criterion_group!(benches, voices, engine);
criterion_main!(benches);
