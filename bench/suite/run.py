"""Measures, and writes build/bench/report.json and report.md (scripts/bench)."""

import argparse
import json
import pathlib
import sys

import cost
import machine
import measure
import report
import service
from assets import USUAL, Assets

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUNDS = {"encoder": 5, "slices": 3}  # beside the peers; a round of all over the slices takes half a minute
FRAMEWORKS = ("pytorch", "onnxruntime", "openvino")


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures ctclip on this machine.")
    parser.add_argument("--quick", action="store_true", help="a round or two of the main things: two minutes")
    parser.add_argument("--models", type=pathlib.Path, help="bundle of the clinical size; by default random weights")
    parser.add_argument("--threads", type=int, default=0, help="the most to measure with; by default one for each core")
    parser.add_argument("--denoiser", action="store_true", help="the anomaly detector's denoiser as well")
    parser.add_argument("--only", nargs="*", choices=["stages", "networks", "service", "cost"], help="just these")
    return parser.parse_args()


def peers():
    """(name, command) of the peers that bench/peers/install has installed."""
    python = ROOT / "build" / "peers-venv" / "bin" / "python"
    if not python.exists():
        print("No peers: bench/peers/install installs them.", file=sys.stderr)
        return []
    return [(name, [python, "-W", "ignore", ROOT / "bench" / "peers" / "worker.py", name]) for name in FRAMEWORKS]


def tell(what):
    print(f"... {what}", file=sys.stderr, flush=True)


def run(options, found, keep):
    """Measures what was asked for into `found`; calls keep() after each part."""
    assets = Assets(ROOT, options.models)
    precisions = ["f32"] + ["bf16"] * measure.has_bf16(found["machine"])
    most = options.threads or found["machine"]["cores"]
    rounds = 1 if options.quick else 3
    wanted = options.only or ["stages", "service", "cost"] + ["networks"] * (not options.quick)
    assets.study()
    if "stages" in wanted:
        tell("a study, stage by stage")
        found["stages"] = [entry for threads in ([most] if options.quick or most == 1 else [1, most])
                           for entry in measure.stages(assets, precisions, threads, rounds)]
        keep()
    if "networks" in wanted:
        found["networks"] = []
        for network in ("encoder", "slices"):
            for precision in precisions:
                tell(f"{network}, {precision}, beside the peers")
                configuration = measure.Configuration(assets, precision, most)
                found["networks"].append(measure.against_peers(
                    assets, network, configuration, peers(), 2 if options.quick else ROUNDS[network]))
                keep()
    if "service" in wanted:
        tell("the service")
        loads = [(1, 2), (4, 1)] if options.quick else [(1, 4), (2, 3), (4, 3)]
        found["service"] = service.measure(assets, precisions[-1], loads)
        keep()
    if "cost" in wanted:
        tell("the cost model")
        sizes = (20, USUAL) if options.quick else assets.sizes()
        found["cost"] = cost.measure(assets, sizes, most, rounds)
    if options.denoiser:
        tell("the denoiser")
        found["denoiser"] = measure.denoiser(assets, most, rounds)


def main():
    options = arguments()
    found = {"machine": machine.describe(ROOT), "quick": options.quick}
    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)

    def keep():
        found["machine"]["load_after"] = machine.load()
        (folder / "report.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (folder / "report.md").write_text(report.markdown(found), encoding="utf-8")

    run(options, found, keep)
    keep()
    print(report.markdown(found))


if __name__ == "__main__":
    main()
