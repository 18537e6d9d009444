//! The whole network against the paper's drawing, made of candle's operations a step at a time.
use super::*;
use candle_core::IndexOp;

fn config(audio: Audio, clock: bool, relu: bool) -> Config {
    Config { audio, conditions: 2, clock, width: 6, relu, layers: 2, hidden: 5, classes: CLASSES }
}

fn window(config: &Config, shape: [usize; 3], seed: u64) -> Window {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let rows: usize = shape.iter().product();
    let classes = (0..rows).map(|_| rng.random()).collect();
    let numbers = (0..rows * config.beside_audio()).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
    let next = (0..rows).map(|_| rng.random()).collect();
    Window { shape, heard: Arc::new(Heard { classes, numbers }), next: Arc::new(next) }
}

/// One stream of the window, step by step; logits `[time, 256]`.
fn oracle(net: &Net, window: &Window, group: usize, stream: usize) -> Result<Tensor> {
    let [_, time, streams] = window.shape;
    let (config, beside) = (&net.config, net.config.beside_audio());
    let dense = |name: &str, suffix: &str, x: &Tensor| -> Result<Tensor> {
        let var = |kind: &str| net.var(&format!("{name}.{kind}{suffix}"));
        x.matmul(&var("weight")?.t()?)?.broadcast_add(var("bias")?)
    };
    let mut h = vec![Tensor::zeros((1, config.hidden), DType::F32, &Device::Cpu)?; config.layers];
    let mut all = Vec::new();
    for t in 0..time {
        let row = (group * time + t) * streams + stream;
        let class = usize::from(window.heard.classes[row]);
        let mut numbers = window.heard.numbers[row * beside..][..beside].to_vec();
        if config.audio == Audio::Scalar {
            numbers.insert(0, 2.0 * class as f32 / 255.0 - 1.0);
        }
        let count = numbers.len();
        let mut x = dense("i2d", "", &Tensor::from_vec(numbers, (1, count), &Device::Cpu)?)?;
        if config.audio == Audio::Embedding {
            x = (x + net.var("embedding.weight")?.i(class)?.unsqueeze(0)?)?;
        }
        if config.relu {
            x = x.relu()?;
        }
        for n in 0..config.layers {
            let sums = |kind: &str, x: &Tensor| -> Result<Tensor> {
                let var = |what: &str| net.var(&format!("gru.{what}_{kind}_l{n}"));
                x.matmul(&var("weight")?.t()?)?.broadcast_add(var("bias")?)
            };
            let (from_x, from_h) = (sums("ih", &x)?, sums("hh", &h[n])?);
            let part = |sums: &Tensor, k: usize| sums.narrow(1, k * config.hidden, config.hidden);
            let sigmoid = |x: Tensor| ((x * 0.5)?.tanh()? * 0.5)? + 0.5;
            let r = sigmoid((part(&from_x, 0)? + part(&from_h, 0)?)?)?;
            let z = sigmoid((part(&from_x, 1)? + part(&from_h, 1)?)?)?;
            let new = (part(&from_x, 2)? + (r * part(&from_h, 2)?)?)?.tanh()?;
            h[n] = (&new + (z * (&h[n] - &new)?)?)?;
            x = h[n].clone();
        }
        all.push(dense("h2o", "", &x)?);
    }
    Tensor::cat(&all, 0)
}

#[test]
fn every_kind_of_input_gives_the_drawings_logits_and_gradients() -> Result<()> {
    for (audio, clock, relu) in
        [(Audio::Scalar, false, true), (Audio::Embedding, true, false), (Audio::Scalar, true, false)]
    {
        let net = Net::new(config(audio, clock, relu), 1)?;
        let window = window(&net.config, [2, 6, 3], 2);
        let (logits, _) = net.logits(&window, &net.rest(2, 3)?)?;
        let logits = logits.reshape((2, 6, 3, CLASSES))?;
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        for (group, stream) in [(0, 0), (1, 2)] {
            found.push(logits.i((group, .., stream))?);
            expected.push(oracle(&net, &window, group, stream)?);
        }
        let (found, expected) = (Tensor::cat(&found, 0)?, Tensor::cat(&expected, 0)?);
        let far = (&found - &expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(far < 1e-5, "{audio:?}, clock {clock}, ReLU {relu}: logits {far} away");
        let (found, expected) = (found.sqr()?.mean_all()?.backward()?, expected.sqr()?.mean_all()?.backward()?);
        for (name, var) in &net.vars {
            let [f, e] = [&found, &expected].map(|grads| grads.get(var.as_tensor()).unwrap());
            let far = (f - e)?.abs()?.max_all()?.to_scalar::<f32>()?;
            assert!(far < 1e-5, "{audio:?}, clock {clock}, ReLU {relu}: gradient of {name} {far} away");
        }
    }
    Ok(())
}

#[test]
fn two_windows_with_carried_states_are_one_long_window() -> Result<()> {
    let net = Net::new(config(Audio::Embedding, true, false), 3)?;
    let long = window(&net.config, [1, 8, 2], 4);
    let part = |from: usize, to: usize| {
        let (rows, beside) = (from * 2..to * 2, net.config.beside_audio());
        let heard = Heard {
            classes: long.heard.classes[rows.clone()].to_vec(),
            numbers: long.heard.numbers[rows.start * beside..rows.end * beside].to_vec(),
        };
        Window { shape: [1, to - from, 2], heard: Arc::new(heard), next: Arc::new(long.next[rows].to_vec()) }
    };
    let (whole, _) = net.logits(&long, &net.rest(1, 2)?)?;
    let (first, carried) = net.logits(&part(0, 3), &net.rest(1, 2)?)?;
    let (second, _) = net.logits(&part(3, 8), &carried)?;
    let far = (whole - Tensor::cat(&[first, second], 0)?)?.abs()?.max_all()?.to_scalar::<f32>()?;
    assert!(far < 1e-6, "{far}");
    Ok(())
}
