"""report.json as Markdown.

Usage: report.py report.json                what scripts/bench prints
       report.py --into FILE report.json    puts the tables between FILE's markers
       report.py --check FILE report.json   exit status 1 where FILE holds other tables
"""

import json
import pathlib
import statistics
import sys

import aims

NAMES = {"ctclip": "CT-CLIP", "supervised": "supervised model", "diffusion_classifier": "slice classifier, 216 slices",
         "encoder": "CT-ViT encoder, 240x480x480", "slices": "slice classifier, 216 slices of 256x256"}
NETWORKS = ("ctclip", "supervised", "diffusion_classifier")


def table(head, rows):
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines)


BUSY = " **Others used this machine, too: only ratios and CPU seconds mean something here.**"


def machine(report):
    it = report["machine"]
    return (f"{it['processor']}, {it['cores']} cores, {', '.join(it['instructions'])}, {it['memory_gib']} GiB; "
            f"{it['date']}, commit {it['commit']}; load average {it['load_before']} before, "
            f"{it['load_after']} after." + BUSY * (it["load_before"] > 0.5))


def rate(gflop, seconds, peak):
    return [f"{gflop:.0f}", f"{gflop / seconds:.0f}", f"{100 * gflop / seconds / peak:.0f} %"]


def stage_rows(entry):
    rows = []
    for name, one in entry["stages"].items():
        if one["median"] < 0.005 or name == "total":
            continue
        work = rate(one["gflop"], one["best"], entry["peak"]["gflops"]) if "gflop" in one else ["", "", ""]
        rows.append([NAMES.get(name, name), f"{one['median']:.2f}", f"{one['best']:.2f}", *work])
    total = entry["stages"]["total"]
    work = sum(one.get("gflop", 0) for one in entry["stages"].values())
    rows.append(["**the study**", f"**{total['median']:.2f}**", f"**{total['best']:.2f}**",
                 *rate(work, total["best"], entry["peak"]["gflops"])])
    return rows


def cpu_share(entry):
    work = sum(one.get("gflop", 0) for one in entry["stages"].values())
    return 100 * work / entry["cpu_seconds"]["best"] / entry["peak"]["thread_gflops"]


def stages(report):
    parts = []
    for entry in report["stages"]:
        parts.append(f"**{entry['precision']}, {entry['threads']} thread{'s' * (entry['threads'] > 1)}**: peak "
                     f"{entry['peak']['gflops']:.0f} GFLOP/s; start {entry['start_seconds']:.1f} s; peak memory "
                     f"{entry['peak_memory_gib']:.2f} GiB, start included; "
                     f"{entry['cpu_seconds']['best']:.1f} CPU seconds, {cpu_share(entry):.0f} % of the peak by "
                     "that clock.")
        parts.append(table(["stage", "s, median", "s, best", "GFLOP", "GFLOP/s", "of the peak"], stage_rows(entry)))
    return "\n\n".join(parts)


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def agreement(one):
    it = one.get("agreement")
    if it is None:
        return ""
    if "same_codes" in it:
        return f"{100 * it['same_codes']:.1f} % of the codes"
    return f"within {it['largest_difference']:.1g}"


def contender_row(one, entry):
    name = one["version"] + (f", {one['variant']}" if one["variant"] else "")
    seconds, cpu = one["seconds"], one["cpu_seconds"]
    share = entry["gflop"] / cpu["best"] / entry["peak"]["thread_gflops"]
    return [name, f"{seconds['median']:.2f}", f"{seconds['best']:.2f}", f"{cpu['best']:.2f}", f"{100 * share:.0f} %",
            spread(one["ratios"]) if "ratios" in one else "1",
            spread(one["cpu_ratios"]) if "cpu_ratios" in one else "1",
            agreement(one), f"{one['peak_memory_gib']:.1f}"]


def networks(report):
    parts = []
    for entry in report["networks"]:
        skipped = "".join(f" {it['name']} left out: {it['why']}." for it in entry["skipped"])
        parts.append(f"**{NAMES[entry['network']]}, {entry['precision']}, {entry['threads']} threads**: "
                     f"{entry['gflop']:.0f} GFLOP; peak {entry['peak']['gflops']:.0f} GFLOP/s, of a thread by the CPU "
                     f"clock {entry['peak']['thread_gflops']:.0f}.{skipped}")
        parts.append(table(["", "s, median", "s, best", "CPU s", "of the peak (CPU)", "times ctclip's seconds",
                            "times ctclip's CPU seconds", "same answer", "GiB"],
                           [contender_row(one, entry) for one in entry["contenders"]]))
    return "\n\n".join(parts)


def service(report):
    it = report["service"]
    rows = [[one["clients"], one["studies"], f"{one['studies_an_hour']:.0f}", f"{one['p50']:.1f}", f"{one['p95']:.1f}"]
            for one in it["loads"]]
    return (f"`ctclip serve --precision {it['precision']}`, uploads included; ready {it['start_seconds']:.1f} s after "
            f"it was started; peak memory {it['peak_memory_gib']:.2f} GiB.\n\n"
            + table(["clients", "studies", "studies an hour", "p50, s", "p95, s"], rows))


def cost(report):
    it = report["cost"]
    sizes = sorted({entry["slices"] for entry in it["reading"]})
    rows = []
    for size in sizes:
        found = {entry["archive"]: entry for entry in it["reading"] if entry["slices"] == size}
        rows.append([size] + [cell for name in ("deflated", "stored") for cell in
                              (f"{found[name]['mib']:.0f}", f"{found[name]['seconds']['best']:.2f}")])
    fitted = "; ".join(f"{name}: {line['constant']:.2f} s + {1e3 * line['per_slice']:.2f} ms a slice"
                       for name, line in it["lines"].items())
    parts = [table(["slices of 512x512", "deflated, MiB", "s", "stored, MiB", "s"], rows),
             f"Fitted, {it['threads']} threads: {fitted}."]
    for entry in report["stages"]:
        if entry["threads"] == it["threads"]:
            seconds = {name: entry["stages"][name]["best"] for name in NETWORKS if name in entry["stages"]}
            parts.append(f"Then the detectors, {entry['precision']}: " + ", ".join(
                f"{NAMES[name]} {value:.2f} s" for name, value in seconds.items())
                + "; switched off, a detector saves its whole figure, whatever the study.")
    return "\n\n".join(parts)


def denoiser(report):
    it = report["denoiser"]
    return (f"One evaluation on each of {it['threads']} threads, f32: {it['seconds']['median']:.1f} s, "
            + ", ".join(rate(it["gflop"], it["seconds"]["best"], it["peak"]["gflops"])[1:]).replace(",", " GFLOP/s,")
            + f" of the peak; {it['rounds_of_a_reconstruction']:.0f} of them make a reconstruction: "
            f"{it['rounds_of_a_reconstruction'] * it['seconds']['median'] / 60:.0f} min, guidance not counted; "
            f"peak memory {it['peak_memory_gib']:.2f} GiB.")


def aimed_for(report):
    return table(["", "aim", "found", "reached"], aims.rows(report))


SECTIONS = [("What is aimed for", "stages", aimed_for), ("A study", "stages", stages), ("Beside the peers", "networks", networks),
            ("The service", "service", service),
            ("Cost model", "cost", cost), ("The denoiser", "denoiser", denoiser)]


def markdown(report):
    parts = [machine(report)]
    for title, key, section in SECTIONS:
        if report.get(key):
            parts += [f"### {title}", section(report)]
    return "\n\n".join(parts) + "\n"


def summary(report):
    """The few lines of README.md: the study by stage in each precision, ratios to the fastest peer."""
    widest = max(entry["threads"] for entry in report["stages"])
    rows = []
    for entry in report["stages"]:
        if entry["threads"] != widest:
            continue
        total = entry["stages"]["total"]["best"]
        work = sum(one.get("gflop", 0) for one in entry["stages"].values())
        nets = [f"{entry['stages'][name]['best']:.2f}" for name in NETWORKS]
        rest = total - sum(entry["stages"][name]["best"] for name in NETWORKS)
        rows.append([entry["precision"], f"{rest:.2f}", *nets, f"{total:.1f}",
                     f"{100 * work / total / entry['peak']['gflops']:.0f} %", f"{entry['start_seconds']:.1f}",
                     f"{entry['peak_memory_gib']:.1f}"])
    head = ["", "unzip, decode, prepare", "CT-CLIP", "supervised", "slice classifier", "the study, s",
            "of the peak", "start, s", "memory, GiB"]
    ratios = [fastest(entry) for entry in report.get("networks", [])]
    return "\n\n".join([machine(report), table(head, rows), *([" ".join(filter(None, ratios))] if ratios else [])]) + "\n"


def fastest(entry):
    peers = [one for one in entry["contenders"] if "cpu_ratios" in one]
    if not peers:
        return ""
    best = min(peers, key=lambda one: statistics.median(one["cpu_ratios"]))
    return (f"{NAMES[entry['network']]}, {entry['precision']}: {best['version']}, the fastest peer, takes "
            f"{statistics.median(best['cpu_ratios']):.2f} times as long.")


BLOCKS = {"bench": markdown, "bench summary": summary}


def filled(text, report):
    """`text` with every block between `<!-- NAME -->` and `<!-- end of NAME -->` made anew; without a report
    a block has no figures."""
    for name, make in BLOCKS.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        if begin in text:
            before, rest = text.split(begin)
            text = before + begin + "\n" + (make(report) + "\n" if report else "") + end + rest.split(end)[1]
    return text


def main(words):
    source = pathlib.Path(words[-1])
    missing = words[0] == "--check" and not source.exists()
    report = None if missing else json.loads(source.read_text(encoding="utf-8"))
    if len(words) == 1:
        print(markdown(report), end="")
        return 0
    path = pathlib.Path(words[1])
    text = path.read_text(encoding="utf-8")
    if not any(f"<!-- {name} -->" in text for name in BLOCKS):
        raise SystemExit(f"{path}: no block of figures in it")
    if words[0] == "--into":
        path.write_text(filled(text, report), encoding="utf-8")
        return 0
    if filled(text, report) != text:
        print(f"{path}: its figures are not those of {words[-1]}; bench/suite/report.py --into {path} {words[-1]}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
