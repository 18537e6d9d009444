#!/usr/bin/env python3
"""Plays a sound through Doppel.vst3 in pedalboard, a host that is not ours, and prints what a DAW user would see.

    pip install pedalboard
    python docs/hear_in_pedalboard.py target/bundled/Doppel.vst3 dry.wav wet.wav rate_hz=0.7 colour=100

With --compare FILE it also says how far the result is from another rendering, such as `doppel render phaser` makes.
"""
import argparse
import sys

import numpy as np
from pedalboard import load_plugin
from pedalboard.io import AudioFile


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plugin", help="Doppel.vst3")
    parser.add_argument("dry", help="sound file to play")
    parser.add_argument("wet", help="WAV file to write")
    parser.add_argument("settings", nargs="*", metavar="name=value", help="parameters by pedalboard's names")
    parser.add_argument("--block", type=int, default=512, help="samples of a block")
    parser.add_argument("--compare", help="sound file to measure the difference to")
    arguments = parser.parse_args()

    plugin = load_plugin(arguments.plugin)
    for setting in arguments.settings:
        name, _, value = setting.partition("=")
        if name not in plugin.parameters:
            sys.exit(f"{name}: no parameter; expected one of {', '.join(plugin.parameters)}")
        try:
            setattr(plugin, name, float(value))
        except ValueError:
            setattr(plugin, name, value)

    with AudioFile(arguments.dry) as file:
        rate, dry = file.samplerate, file.read(file.frames)
    wet = plugin(dry, rate, buffer_size=arguments.block)
    with AudioFile(arguments.wet, "w", rate, wet.shape[0], bit_depth=32) as file:
        file.write(wet)

    print(f"{plugin.name}, {plugin.manufacturer_name} {plugin.version}")
    for name, parameter in plugin.parameters.items():
        print(f"  {name:14} {parameter.string_value} {parameter.label or ''}")
    decibels = lambda sound: 20 * np.log10(max(float(np.sqrt(np.mean(sound**2))), 1e-10))
    print(f"{arguments.wet}: {wet.shape[1] / rate:.2f} s, {wet.shape[0]} channels, {decibels(wet):.1f} dB RMS")
    if arguments.compare:
        with AudioFile(arguments.compare) as file:
            other = file.read(file.frames)
        length = min(other.shape[1], wet.shape[1])
        difference = float(np.abs(other[:, :length] - wet[:, :length]).max())
        print(f"largest difference to {arguments.compare}: {difference:g} of full scale over {length} samples")


if __name__ == "__main__":
    main()
