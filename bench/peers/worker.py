"""A peer's worker: one network in one framework, precision and thread count.

Usage: worker.py FRAMEWORK NETWORK --models DIR --cache DIR --precision P --threads N
"""

import argparse
import importlib
import pathlib

import protocol

parser = argparse.ArgumentParser()
parser.add_argument("framework", choices=["pytorch", "onnxruntime", "openvino"])
parser.add_argument("network", choices=["encoder", "slices"])
parser.add_argument("--models", type=pathlib.Path, required=True)
parser.add_argument("--cache", type=pathlib.Path, required=True)
parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--batch", type=int, help="slices in a call; by default the peer's best")
parser.add_argument("--variant", help="a setting of the peer; by default its best (README.md)")
options = parser.parse_args()

peer = importlib.import_module(f"run_{options.framework}")
call, facts = peer.prepare(options)
protocol.serve(call, {"version": peer.VERSION, **facts})
