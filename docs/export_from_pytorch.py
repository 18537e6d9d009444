#!/usr/bin/env python3
"""Writes a Doppel phaser from a plain PyTorch module: python export_from_pytorch.py OUT.safetensors

Train `Phaser` as you like before `export`; here it keeps its random start. docs/model-format.md describes the file.
"""
import functools, json, math, sys
import torch
from safetensors.torch import save_file
from torch import nn

RATE_HZ, FRAME = 44100, 64
CONFIG = {"frame": FRAME, "modulation": {"kind": "oscillator", "harmonics": 2, "hidden": [16]}, "effect": {
    "blocks": 3, "channels": 8, "kernel": 3, "dilations": [1, 4, 16], "bias": False, "shift": False}}
CONTROLS = [{"id": "rate", "name": "Rate", "unit": "Hz", "min": 0.02, "max": 10.0, "default": 0.5,
             "trained_min": 0.1, "trained_max": 2.0, "curve": "log"}]


def normalised(control, value):
    g = math.log if control["curve"] == "log" else float
    low, high = g(control["trained_min"]), g(control["trained_max"])
    return 2 * (g(min(max(value, control["trained_min"]), control["trained_max"])) - low) / (high - low) - 1


def causal(conv, x):
    return conv(nn.functional.pad(x, ((conv.kernel_size[0] - 1) * conv.dilation[0], 0)))


class Block(nn.Module):
    def __init__(self, inputs, channels, kernel, dilations, **_):
        super().__init__()
        self.conv = nn.ModuleList(
            nn.Conv1d(channels if i else inputs, channels, kernel, dilation=d, groups=channels if i else 1, bias=False)
            for i, d in enumerate(dilations))  # the attributes' names are the tensors' names in the file
        self.prelu = nn.PReLU(channels, init=1.0)
        self.residual = nn.Conv1d(inputs, channels, 1, bias=False)

    def forward(self, x, gain):
        q = functools.reduce(lambda q, conv: causal(conv, q), self.conv, x)
        return self.prelu(gain * q) + self.residual(x)


class Phaser(nn.Module):
    def __init__(self, effect, modulation, controls, **_):
        super().__init__()
        blocks, channels, self.harmonics = effect["blocks"], effect["channels"], modulation["harmonics"]
        self.effect = nn.ModuleList(Block(channels if j else 1, **effect) for j in range(blocks))
        self.output = nn.Conv1d(channels, 1, 1, bias=False)
        widths = [2 * self.harmonics + controls, *modulation["hidden"], blocks * channels]
        self.modulation = nn.ModuleDict({"mlp": nn.ModuleList(map(nn.Linear, widths, widths[1:]))})

    def forward(self, x, turns, controls):
        """x [1, 1, time]; turns [frames + 1], the LFO's phase at every frame; controls as the network sees them."""
        angles = 2 * math.pi * torch.outer(turns, torch.arange(1, self.harmonics + 1))
        harmonics = torch.stack([angles.cos(), angles.sin()], dim=2).flatten(1)
        z = torch.cat([harmonics, torch.tensor(controls).expand(len(turns), -1)], dim=1)
        for layer in self.modulation["mlp"][:-1]:
            z = layer(z).tanh()
        z = self.modulation["mlp"][-1](z)  # [frames + 1, blocks * channels]
        share = (torch.arange(FRAME) / FRAME)[None, :, None]  # straight lines between frames
        ramps = torch.lerp(z[:-1, None], z[1:, None], share).flatten(0, 1).T
        for block, gain in zip(self.effect, ramps.chunk(len(self.effect))):
            x = block(x, gain[None])
        return self.output(x)


def export(net, path, frames=64):
    x = 0.3 * torch.randn(1, 1, frames * FRAME)
    turns = torch.arange(frames + 1) * FRAME * CONTROLS[0]["default"] / RATE_HZ
    with torch.no_grad():
        y = net(x, turns, [normalised(c, c["default"]) for c in CONTROLS])
    tensors = {name: value.float().contiguous() for name, value in net.state_dict().items()}
    save_file({**tensors, "aux.input": x.flatten(), "aux.output": y.flatten()}, path, {
        "format": "doppel", "format_version": "1.0.0", "noun": "phaser", "sample_rate": str(RATE_HZ),
        "config": json.dumps(CONFIG), "controls": json.dumps(CONTROLS), "selftest": json.dumps({"tolerance": 1e-4}),
        "name": "From PyTorch", "author": "you", "license": "CC0-1.0", "redistribute": "true"})


if __name__ == "__main__":
    torch.manual_seed(1)
    export(Phaser(CONFIG["effect"], CONFIG["modulation"], len(CONTROLS)), sys.argv[1])
