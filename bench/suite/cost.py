"""The cost model: what comes before the networks against slices and archive, by a fitted line; the
networks see a volume of one size, so what a detector costs does not depend on the study."""

import zipfile

from worker import Worker, seconds, summary, take_turns

METHODS = {"deflated": zipfile.ZIP_DEFLATED, "stored": zipfile.ZIP_STORED}


def line(points):
    """Least squares: (constant, slope)."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    return mean_y - slope * mean_x, slope


def measure(assets, sizes, threads, rounds):
    entries = []
    for size in sizes:
        studies = {name: assets.study(size, method) for name, method in METHODS.items()}
        workers = {name: Worker([assets.bench, "reading", "--study", path, "--threads", threads])
                   for name, path in studies.items()}
        take_turns(list(workers.values()), rounds)
        for name, worker in workers.items():
            entries.append({"slices": size, "archive": name, "mib": studies[name].stat().st_size / 2**20,
                            "seconds": summary(seconds(worker.rounds)), "peak_memory_gib": worker.end()})
    return {"threads": threads, "reading": entries, "lines": {
        name: dict(zip(("constant", "per_slice"), line(
            [(entry["slices"], entry["seconds"]["best"]) for entry in entries if entry["archive"] == name])))
        for name in METHODS}}
