//! Time of one wavetable voice with its knobs moving and at rest: `cargo bench -p kernels --bench wavetable`.
//!
//! Throughput is in samples at 48 kHz: a voice in real time takes 20.8 us a sample, so voices = 20,833 ns over the time.
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernels::arch;
use kernels::checkpoint::write;
use kernels::dsp::period_table::{PeriodTable, TableMaker};
use kernels::nn::naive::noise;
use kernels::wavetable::body::Body;
use kernels::wavetable::{Controls, Unison, Voice, Wavetable};
use realfft::num_complex::Complex32;
use std::hint::black_box;

const RATE_HZ: f64 = 48_000.0;
const BLOCK: usize = 64;
const SAMPLES: usize = 4800;

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

criterion_group!(benches, voices);
criterion_main!(benches);
