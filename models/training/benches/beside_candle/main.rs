//! The kernels beside candle's graphs of the same networks, in one run: `cargo bench -p training --bench beside_candle`.
//!
//! One step of the paper's sound model (3 GRUs x 256, 256 levels) for one voice, and one period of the factory wavetable. All
//! rows are measured in turn, round after round, and each shows its best: on a shared machine anything else shows the
//! neighbours. candle has one thread, since a step waits for the one before. The phaser is in `phaser`; run it with
//! RAYON_NUM_THREADS=1, or candle's small products wait for threads.
mod phaser;

use candle_core::{Device, Result, Tensor, Var};
use kernels::sound_model::config::{Audio, Config as SoundConfig};
use kernels::sound_model::weights::Weights;
use kernels::sound_model::{self, SoundModel, SoundModelState};
use kernels::wavetable::{MAX_CONTROLS, Wavetable};
use nets::wavetable::{Config, Net, Start};
use realfft::num_complex::Complex32;
use std::time::Instant;

/// Measurements of each row; the best one counts.
const ROUNDS: usize = 200;
/// Steps of one measurement.
const STEPS: usize = 32;

/// Random numbers of a shape.
fn random(shape: &[usize]) -> Result<Tensor> {
    (Tensor::rand(-1f32, 1f32, shape, &Device::Cpu)? * 0.06)?.contiguous()
}

/// The paper's network as candle's operations, one step at a time.
struct Graph {
    table: Tensor,
    /// Weights of the inputs and of the outputs, each `[3 hidden, hidden]` turned, and both biases.
    layers: Vec<[Tensor; 4]>,
    head: Tensor,
}

impl Graph {
    fn new(hidden: usize) -> Result<Self> {
        let layer = |_| {
            Ok([
                random(&[hidden, 3 * hidden])?,
                random(&[hidden, 3 * hidden])?,
                random(&[1, 3 * hidden])?,
                random(&[1, 3 * hidden])?,
            ])
        };
        let layers = (0..3).map(layer).collect::<Result<_>>()?;
        Ok(Self { table: random(&[256, hidden])?, layers, head: random(&[hidden, 256])? })
    }

    fn step(&self, level: usize, states: &mut [Tensor]) -> Result<Tensor> {
        let mut x = self.table.narrow(0, level, 1)?;
        let sigmoid = |x: &Tensor| ((x * 0.5)?.tanh()? * 0.5)? + 0.5;
        for ([from_input, from_output, input_bias, output_bias], h) in self.layers.iter().zip(states) {
            let (a, b) = ((x.matmul(from_input)? + input_bias)?, (h.matmul(from_output)? + output_bias)?);
            let (a, b) = (a.chunk(3, 1)?, b.chunk(3, 1)?);
            let (r, z) = (sigmoid(&(&a[0] + &b[0])?)?, sigmoid(&(&a[1] + &b[1])?)?);
            let n = (&a[2] + (r * &b[2])?)?.tanh()?;
            *h = (&n + (z * (&*h - &n)?)?)?;
            x = h.clone();
        }
        let logits = x.matmul(&self.head)?;
        let exp = logits.broadcast_sub(&logits.max_keepdim(1)?)?.exp()?;
        exp.broadcast_div(&exp.sum_keepdim(1)?)
    }
}

fn main() -> Result<()> {
    let config = SoundConfig { audio: Audio::Embedding, ..SoundConfig::paper() };
    let file = Weights::random(1, &config).write(&config, sound_model::example::metadata(&config)).expect("a file");
    let sound = SoundModel::load(&file).expect("a random model loads");
    let controls = [sound_model::Controls::new(sound.info())];
    let mut state = SoundModelState::new(&sound, 1);
    state.start(&sound, 0, &controls[0], 1, 0);
    let mut out = vec![0.0; STEPS];

    let graph = Graph::new(256)?;
    let mut states = (0..3).map(|_| random(&[1, 256])).collect::<Result<Vec<_>>>()?;

    let bytes = include_bytes!("../../../../assets/models/wavetable/bowed_string.safetensors");
    let wavetable = Wavetable::load(bytes).expect("the factory's model loads");
    let (mut decoder, mut harmonics) =
        (wavetable.decoder().state(), vec![Complex32::ZERO; wavetable.decoder().harmonics()]);
    let net = net(&wavetable, bytes)?;
    let row = Tensor::zeros((1, wavetable.info().controls.len()), candle_core::DType::F32, &Device::Cpu)?;

    let mut best = [f64::INFINITY; 4];
    for round in 0..ROUNDS {
        let mut time = |place: usize, work: &mut dyn FnMut(usize) -> Result<()>| -> Result<()> {
            let start = Instant::now();
            work(round)?;
            best[place] = best[place].min(1e6 * start.elapsed().as_secs_f64() / STEPS as f64);
            Ok(())
        };
        time(0, &mut |_| {
            state.render(&sound, &controls, &mut out);
            Ok(())
        })?;
        time(1, &mut |round| (0..STEPS).try_for_each(|n| graph.step((round + n) % 256, &mut states).map(drop)))?;
        time(2, &mut |round| {
            for n in 0..STEPS {
                let seen = [((round + n) % 20) as f32 / 10.0 - 1.0; MAX_CONTROLS];
                wavetable.decoder().decode(wavetable.arch(), &mut decoder, &seen, &mut harmonics);
            }
            Ok(())
        })?;
        time(3, &mut |_| (0..STEPS).try_for_each(|_| net.decode(&row).map(drop)))?;
    }
    let [ours, theirs, period, graph] = best;
    println!(
        "sound model, 3 x 256, 8 bits, a step of one voice  {ours:>8.2} us   candle {theirs:>8.1} us   ratio {:>6.1}",
        theirs / ours
    );
    println!(
        "wavetable, bowed string, a period                  {period:>8.2} us   candle {graph:>8.1} us   ratio {:>6.1}",
        graph / period
    );
    phaser::run()
}

/// The factory's decoder as a candle net.
fn net(model: &Wavetable, bytes: &[u8]) -> Result<Net> {
    let (config, controls) = (model.config(), model.info().controls.len());
    let config = Config {
        inputs: 1,
        encoder_hidden: Vec::new(),
        latents: config.latents,
        conditions: controls - config.latents,
        octaves: config.octaves,
        decoder_hidden: config.hidden.clone(),
        outputs: config.period + usize::from(config.gain),
    };
    let net = Net::new(config, Start::He, 1)?;
    let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?;
    for (name, var) in net.vars.iter().filter(|(name, _)| name.starts_with("decoder.")) {
        Var::set(var, &tensors[name])?;
    }
    Ok(net)
}
