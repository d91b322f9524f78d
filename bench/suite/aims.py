"""What ctclip's speed and memory are meant to be, beside what a report says they are."""

import statistics

SHARES = {"f32": 0.85, "bf16": 0.70}  # of the peak, by the encoder
TIMES_PEER = {"encoder": 1.25, "slices": 2.0}  # the fastest peer's seconds in the same precision
CLASSIFIER_SECONDS = 7.0  # for 216 slices
TIMES_PEAK = 1.5  # a study against its networks' GFLOP at the peak
READING_SECONDS = 1.5
MEMORY_GIB = {"bf16": 3.0, "f32": 5.0}
READING = ("scan", "decode", "lungs", "prepare")


def row(what, aim, found, reached):
    return [what, aim, found, "yes" if reached else "**no**"]


def of_network(entry):
    own = entry["contenders"][0]
    network, precision = entry["network"], entry["precision"]
    name = {"encoder": "CT-ViT encoder", "slices": "slice classifier"}[network] + ", " + precision
    if network == "encoder":
        share = entry["gflop"] / own["cpu_seconds"]["best"] / entry["peak"]["thread_gflops"]
        yield row(f"{name}: of the peak, CPU clock", f"{SHARES[precision]:.0%}", f"{share:.1%}", share >= SHARES[precision])
    else:
        seconds = own["seconds"]["best"]
        yield row(f"{name}: s", f"{CLASSIFIER_SECONDS:.0f}", f"{seconds:.1f}", seconds <= CLASSIFIER_SECONDS)
    ratios = [statistics.median(peer["cpu_ratios"]) for peer in entry["contenders"][1:]]
    if ratios:
        aim = TIMES_PEER[network]
        yield row(f"{name}: times as quick as the fastest peer, CPU clock", aim, f"{min(ratios):.2f}", min(ratios) >= aim)


def of_study(entry):
    precision, stages = entry["precision"], entry["stages"]
    work = sum(one.get("gflop", 0) for one in stages.values())
    times = stages["total"]["best"] * entry["peak"]["gflops"] / work
    reading = sum(stages[name]["best"] for name in READING if name in stages)
    yield row(f"a study, {precision}: times its GFLOP at the peak", f"{TIMES_PEAK}", f"{times:.2f}", times <= TIMES_PEAK)
    yield row(f"a study, {precision}: unzip, decode, prepare, s", READING_SECONDS, f"{reading:.2f}", reading <= READING_SECONDS)
    yield row(f"a study, {precision}: peak memory, GiB", MEMORY_GIB[precision], f"{entry['peak_memory_gib']:.1f}",
              entry["peak_memory_gib"] <= MEMORY_GIB[precision])


def rows(report):
    widest = max(entry["threads"] for entry in report["stages"])
    found = [one for entry in report["stages"] if entry["threads"] == widest for one in of_study(entry)]
    return found + [one for entry in report.get("networks", []) for one in of_network(entry)]
