#!/usr/bin/env python3
"""One step of a sound model in PyTorch and onnxruntime beside Doppel's and candle's: python step_beside_peers.py MODEL.safetensors

Needs torch, onnx, onnxruntime, safetensors. The peers' logits are first held against the file's self-test. Every row is the
best of many short measurements, one voice, one thread, logits and one drawn sample included; then `cargo bench` measures the
kernel and candle on the same machine.
"""
import json, logging, subprocess, sys, tempfile, time, warnings
import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import quantize_dynamic
from safetensors import safe_open
from torch import nn

ROUNDS, STEPS = 200, 32


def matrix(file, name, shape):
    """A weight in full, whichever of the three forms the file has (docs/model-format.md)."""
    names = file.keys()
    if name in names and name + "_scale" not in names:
        return file.get_tensor(name).float()
    scale = file.get_tensor(name + "_scale")[:, None]
    if name in names:
        return file.get_tensor(name).float() * scale
    whole = torch.zeros(shape[0] // 8, shape[1] // 4, 8, 4)
    whole[file.get_tensor(name + "_mask").bool()] = file.get_tensor(name + "_blocks").float()
    return whole.permute(0, 2, 1, 3).reshape(shape) * scale


class Step(nn.Module):
    """The network as matrix products and gates, which every exporter and quantiser understands."""

    def __init__(self, file, config):
        super().__init__()
        width, hidden, self.layers = config["width"], config["hidden"], config["layers"]
        self.table = nn.Embedding.from_pretrained(file.get_tensor("embedding.weight"))
        self.enter = nn.Linear(file.get_tensor("i2d.weight").shape[1], width)
        self.below = nn.ModuleList(nn.Linear(hidden if n else width, 3 * hidden) for n in range(self.layers))
        self.across = nn.ModuleList(nn.Linear(hidden, 3 * hidden) for _ in range(self.layers))
        self.head = nn.Linear(hidden, 256)
        with torch.no_grad():
            def lay(layer, name, bias):
                layer.weight.copy_(matrix(file, name, tuple(layer.weight.shape)))
                layer.bias.copy_(file.get_tensor(bias))
            lay(self.enter, "i2d.weight", "i2d.bias")
            lay(self.head, "h2o.weight", "h2o.bias")
            for n in range(self.layers):
                lay(self.below[n], f"gru.weight_ih_l{n}", f"gru.bias_ih_l{n}")
                lay(self.across[n], f"gru.weight_hh_l{n}", f"gru.bias_hh_l{n}")

    def forward(self, level, conditions, states):
        x, after = self.table(level) + self.enter(conditions), []
        for n, (below, across) in enumerate(zip(self.below, self.across)):
            (ri, zi, ni), (rh, zh, nh) = below(x).chunk(3, 1), across(states[n]).chunk(3, 1)
            r, z = torch.sigmoid(ri + rh), torch.sigmoid(zi + zh)
            new = torch.tanh(ni + r * nh)
            x = new + z * (states[n] - new)
            after.append(x)
        return self.head(x), torch.stack(after)


class Layers(nn.Module):
    """The same with PyTorch's own GRU."""

    def __init__(self, step):
        super().__init__()
        self.step = step
        hidden = step.head.in_features
        self.gru = nn.GRU(step.enter.out_features, hidden, step.layers)
        with torch.no_grad():
            for n in range(step.layers):
                for kind, layer in (("ih", step.below[n]), ("hh", step.across[n])):
                    getattr(self.gru, f"weight_{kind}_l{n}").copy_(layer.weight)
                    getattr(self.gru, f"bias_{kind}_l{n}").copy_(layer.bias)

    def forward(self, level, conditions, states):
        x, after = self.gru((self.step.table(level) + self.step.enter(conditions))[None], states)
        return self.step.head(x[0]), after


def held_to_the_file(run, file, controls, clock):
    """The largest distance of the logits from the file's own, over its self-test."""
    def normal(c):
        g = np.log if c["curve"] == "log" else float
        low, high = g(c["trained_min"]), g(c["trained_max"])
        return 2 * (g(c["default"]) - low) / (high - low) - 1
    conditions = torch.tensor([[normal(c) for c in controls] + [0.0, 1.0] * clock], dtype=torch.float32)
    heard = file.get_tensor("aux.input")
    expected = file.get_tensor("aux.output").reshape(len(heard), 256)
    states, worst = run.rest.clone(), 0.0
    for level, logits in zip(((heard + 1) / 2 * 255 + 0.5).floor().long(), expected):
        found, states = run(level.reshape(1), conditions, states)
        worst = max(worst, float((found[0] - logits).abs().max()))
    return worst


def session(model, inputs, quantised):
    """The graph as onnxruntime runs it: f32, or weights in 8 bits and activations rounded at every step."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        path, small = f"{folder}/step.onnx", f"{folder}/step8.onnx"
        torch.onnx.export(model, inputs, path, dynamo=False, opset_version=17,
                          input_names=["level", "conditions", "states"], output_names=["logits", "after"])
        if quantised:
            quantize_dynamic(path, small)
        run = onnxruntime.InferenceSession(small if quantised else path, options, providers=["CPUExecutionProvider"])

    def step(level, conditions, states):
        feed = {"level": level.numpy(), "conditions": conditions.numpy(), "states": states.numpy()}
        return [torch.from_numpy(x) for x in run.run(None, feed)]
    step.rest = inputs[2]
    return step


def best_us(run, conditions):
    """Time of a step in microseconds: the best of ROUNDS measurements of STEPS steps, each heard by the next."""
    states, level, best = run.rest, torch.tensor([128]), float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(STEPS):
            logits, states = run(level, conditions, states)
            level = torch.multinomial(torch.softmax(logits[0], 0), 1)
        best = min(best, (time.perf_counter() - start) / STEPS)
    return 1e6 * best


def main(path):
    warnings.simplefilter("ignore")
    logging.disable()
    torch.set_num_threads(1)
    with safe_open(path, "pt") as file, torch.inference_mode():
        meta = file.metadata()
        config, controls = json.loads(meta["config"]), json.loads(meta["controls"])
        step = Step(file, config).eval()
        rest = torch.zeros(config["layers"], 1, config["hidden"])
        conditions = torch.zeros(1, step.enter.in_features)
        inputs = (torch.tensor([128]), conditions, rest)
        frozen = torch.jit.freeze(torch.jit.trace(step, inputs, check_trace=False))
        layers = Layers(step).eval()
        layers8 = torch.ao.quantization.quantize_dynamic(layers, {nn.GRU, nn.Linear}, dtype=torch.qint8)
        peers = {
            f"PyTorch {torch.__version__}, nn.GRU": layers, "PyTorch, TorchScript, frozen": frozen,
            "PyTorch, nn.GRU in 8 bits": layers8,
            f"onnxruntime {onnxruntime.__version__}": session(step, inputs, False),
            "onnxruntime, 8 bits": session(step, inputs, True)}
        for name, run in peers.items():
            run.rest = rest if isinstance(run, nn.Module) else run.rest
            far = held_to_the_file(run, file, controls, config["clock"])
            assert far < 0.01 or "8 bits" in name, f"{name}: logits {far} away from the file's"
            print(f"{name:<36} {best_us(run, conditions):8.1f} us a step   logits within {far:.4f}", flush=True)
    subprocess.run(["cargo", "bench", "-q", "-p", "training", "--bench", "beside_candle"], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
