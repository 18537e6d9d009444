#!/usr/bin/env python3
"""Streams a Doppel phaser in PyTorch, checks it against `doppel render` and says how much faster `doppel` is.

    pip install torch safetensors numpy
    python docs/stream_in_pytorch.py target/release/doppel assets/models/phaser/small_stone.safetensors

Blocks of 64 samples on one thread, every convolution keeping its past; docs/model-format.md describes the file.
"""
import functools, json, math, os, struct, subprocess, sys, tempfile, time, wave

import torch
from safetensors import safe_open
from torch.nn import functional as F

BLOCK, ROUNDS, SECONDS = 64, 200, 2


class Phaser:
    """An oscillator model with its past: call it with [1, 1, 64] samples after [1, 1, 64] samples."""

    def __init__(self, path):
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            self.weights = {name: file.get_tensor(name).float() for name in file.keys()}
        config, self.controls = json.loads(metadata["config"]), json.loads(metadata.get("controls", "[]"))
        self.effect, self.modulation = config["effect"], config["modulation"]
        self.sample_rate = float(metadata["sample_rate"])
        if self.modulation["kind"] != "oscillator" or config["frame"] != BLOCK:
            sys.exit(f"{path}: expected an oscillator model with frames of {BLOCK} samples")
        self.rate_hz = next((c["default"] for c in self.controls if c["id"] == "rate"), 0.5)
        self.seen = [self.normalised(c, c["default"]) for c in self.controls]
        self.share = torch.arange(BLOCK) / BLOCK
        self.reset()

    @staticmethod
    def normalised(control, value):
        g = math.log if control.get("curve") == "log" else float
        low, high = g(control["trained_min"]), g(control["trained_max"])
        return 2 * (g(min(max(value, control["trained_min"]), control["trained_max"])) - low) / (high - low) - 1

    def reset(self):
        self.pasts, self.turns, self.energy = {}, 0.0, 0.0
        self.start = self.at(self.turns)

    def at(self, turns):
        """The modulation at a phase: [blocks, gains and then shifts and swings if there are any, channels, 1]."""
        angles = [2 * math.pi * (m * turns % 1) for m in range(1, self.modulation["harmonics"] + 1)]
        z = torch.tensor([f(angle) for angle in angles for f in (math.cos, math.sin)] + self.seen)
        last = len(self.modulation["hidden"])
        for i in range(last + 1):
            z = F.linear(z, self.weights[f"modulation.mlp.{i}.weight"], self.weights[f"modulation.mlp.{i}.bias"])
            z = z if i == last else z.tanh()
        return z.view(self.effect["blocks"], -1, self.effect["channels"], 1)

    def levels(self, x, follower):
        """What an envelope follower hears of a block."""
        heard = []
        for square in x.flatten().square().tolist():
            self.energy += (min(square, follower["loudest"]) - self.energy) / follower["samples"]
            heard.append(math.log1p(self.energy / follower["knee"]))
        return torch.tensor(heard)

    def conv(self, name, x, dilation=1):
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
        past = (weight.shape[2] - 1) * dilation
        if past:
            before = self.pasts.get(name)
            x = torch.cat([x.new_zeros(1, x.shape[1], past) if before is None else before, x], 2)
            self.pasts[name] = x[:, :, -past:]
        if weight.shape[1] == x.shape[1]:
            return F.conv1d(x, weight, bias, dilation=dilation)
        # Depthwise tap by tap: at this length twice as fast as `conv1d` with groups, whose kernels are made for long signals.
        taps = [(x[:, :, k * dilation:][:, :, :BLOCK], weight[:, 0, k, None]) for k in range(weight.shape[2])]
        first, *rest = taps
        y = functools.reduce(lambda y, tap: torch.addcmul(y, *tap), rest, first[0] * first[1])
        return y if bias is None else y + bias[:, None]

    def __call__(self, x):
        self.turns += BLOCK * self.rate_hz / self.sample_rate
        end = self.at(self.turns)
        ramps, self.start = torch.lerp(self.start, end, self.share), end
        follower = self.effect.get("follower")
        levels = self.levels(x, follower) if follower else None
        for j, ramp in enumerate(ramps):
            q = x
            for i, dilation in enumerate(self.effect["dilations"]):
                q = self.conv(f"effect.{j}.conv.{i}", q, dilation)
            gain = ramp[0] + ramp[-1] * levels if follower else ramp[0]
            v = gain * q + (ramp[1] if self.effect["shift"] else 0)
            if self.effect.get("limit"):
                v = v / (1 + (self.weights[f"effect.{j}.limit.weight"][:, None] * v).square()).sqrt()
            x = F.prelu(v, self.weights[f"effect.{j}.prelu.weight"]) + self.conv(f"effect.{j}.residual", x)
        return self.conv("output", x)


def rendered(doppel, model, phaser, sound):
    """What `doppel render` makes of 16-bit samples."""
    with tempfile.TemporaryDirectory() as folder:
        dry, wet = os.path.join(folder, "dry.wav"), os.path.join(folder, "wet.wav")
        with wave.open(dry, "wb") as file:
            file.setparams((1, 2, int(phaser.sample_rate), 0, "NONE", ""))
            file.writeframes(struct.pack(f"<{len(sound)}h", *sound))
        settings = [part for c in phaser.controls for part in ("--set", f"{c['id']}={c['default']}")]
        command = [doppel, "render", "phaser", "--model", model, "--in", dry, "--out", wet, *settings]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        data = open(wet, "rb").read()
    return torch.frombuffer(bytearray(data[-4 * len(sound):]), dtype=torch.float32)


def main(doppel, model):
    torch.set_num_threads(1)
    phaser = Phaser(model)
    count = int(SECONDS * phaser.sample_rate) // BLOCK * BLOCK
    sound = (torch.randn(count, generator=torch.Generator().manual_seed(1)) * 3000).clamp(-32768, 32767).short()
    blocks = (sound.float() / 32768).view(-1, 1, 1, BLOCK)
    best = math.inf
    with torch.inference_mode():
        found = torch.cat([phaser(block).flatten() for block in blocks])
        apart = (found - rendered(doppel, model, phaser, sound.tolist())).abs().max().item()
        print(f"largest difference to `doppel render`: {apart:.1e} of full scale over {SECONDS} s")
        if apart > 1e-4:
            sys.exit("the two do not play the same: nothing to compare")
        for _ in range(ROUNDS):
            start = time.perf_counter()
            for block in blocks[:10]:
                phaser(block)
            best = min(best, (time.perf_counter() - start) / (10 * BLOCK))
    benched = subprocess.run([doppel, "bench", model, "--json"], check=True, capture_output=True, text=True).stdout
    row = min(json.loads(benched)["rows"], key=lambda row: row["ns_per_sample"])
    theirs, ours = 1e9 * best, row["ns_per_sample"]
    print(f"PyTorch {torch.__version__} {theirs:.0f} ns a sample, doppel ({row['path']}) {ours:.1f} ns: {theirs / ours:.0f} x")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
