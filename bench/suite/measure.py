"""Stages and networks, each against the peak that is measured between its rounds."""

from worker import Failed, Worker, seconds, summary, take_turns


def has_bf16(machine):
    return any(flag.endswith("_bf16") for flag in machine["instructions"])


class Configuration:
    """ctclip_bench with one precision and thread count."""

    def __init__(self, assets, precision, threads):
        self.assets, self.precision, self.threads = assets, precision, threads

    def worker(self, what, *more):
        return Worker([self.assets.bench, what, "--models", self.assets.models, "--precision", self.precision,
                       "--threads", self.threads, *more])


def peak_of(worker):
    return {"gflops": max(seconds(worker.rounds, "gflops")),
            "thread_gflops": max(seconds(worker.rounds, "thread_gflops"))}


def stage_table(worker, gflop):
    """Seconds by stage, and what is not in any as "other"."""
    names = list(worker.rounds[0]["stages"])
    table = {name: summary([one["stages"][name] for one in worker.rounds]) for name in names}
    table["total"] = summary(seconds(worker.rounds))
    for name, work in gflop.items():
        if name in table:
            table[name]["gflop"] = work
    return table


def stages(assets, precisions, threads, rounds):
    """The whole program on the usual study: one entry for each precision at this thread count."""
    entries = []
    for precision in precisions:
        configuration = Configuration(assets, precision, threads)
        peak, study = configuration.worker("peak"), configuration.worker("study", "--study", assets.study())
        entries.append((precision, peak, study))
    take_turns([worker for _, peak, study in entries for worker in (peak, study)], rounds)
    found = []
    for precision, peak, study in entries:
        entry = {"precision": precision, "threads": threads, "start_seconds": study.facts["start_seconds"],
                 "peak": peak_of(peak), "stages": stage_table(study, study.facts["gflop"]),
                 "cpu_seconds": summary(seconds(study.rounds, "cpu_seconds"))}
        peak.end()
        found.append({**entry, "peak_memory_gib": study.end()})
    return found


def contenders(assets, network, configuration, peers):
    """(name, worker) of ctclip and every peer that can; and a word on each that can't."""
    started = [("ctclip", configuration.worker(network, "--volume", assets.volume()))]
    skipped = []
    for name, command in peers:
        try:
            started.append((name, Worker([*command, network, "--models", assets.models, "--cache", assets.cache,
                                          "--precision", configuration.precision, "--threads",
                                          configuration.threads])))
        except Failed as failure:
            skipped.append({"name": name, "why": str(failure)})
    return started, skipped


def agreement(network, ours, theirs):
    if network == "encoder":
        return {"same_codes": sum(a == b for a, b in zip(ours, theirs)) / len(ours)}
    return {"largest_difference": max(abs(a - b) for a, b in zip(ours, theirs))}


def against_peers(assets, network, configuration, peers, rounds):
    """The same network in ctclip and in the peers, by turns; ratios are of neighbours in time."""
    assets.slices()
    started, skipped = contenders(assets, network, configuration, peers)
    peak = configuration.worker("peak")
    take_turns([peak, *(worker for _, worker in started)], rounds, warm_up=1)
    ours = started[0][1]
    reference = ours.ask("outcome")
    entry = {"network": network, "precision": configuration.precision, "threads": configuration.threads,
             "gflop": ours.facts["gflop"], "peak": peak_of(peak), "skipped": skipped, "contenders": []}
    for name, worker in started:
        one = {"name": name, "version": worker.facts.get("version", "ctclip"),
               "variant": worker.facts.get("variant", ""), "seconds": summary(seconds(worker.rounds)),
               "cpu_seconds": summary(seconds(worker.rounds, "cpu_seconds"))}
        if worker is not ours:
            one["ratios"] = [a / b for a, b in zip(seconds(worker.rounds), seconds(ours.rounds))]
            one["cpu_ratios"] = [a / b for a, b in zip(seconds(worker.rounds, "cpu_seconds"),
                                                       seconds(ours.rounds, "cpu_seconds"))]
            one["agreement"] = agreement(network, reference, worker.ask("outcome"))
        entry["contenders"].append(one)
    peak.end()
    for one, (_, worker) in zip(entry["contenders"], started):
        one["peak_memory_gib"] = worker.end()
    return entry


def denoiser(assets, threads, rounds):
    """One evaluation on each thread, and what a reconstruction takes by it (guidance not counted)."""
    configuration = Configuration(assets, "f32", threads)
    peak = configuration.worker("peak")
    worker = configuration.worker("denoiser", "--volume", assets.volume())
    take_turns([peak, worker], rounds, warm_up=1)
    entry = {"threads": threads, "gflop": worker.facts["gflop"], "peak": peak_of(peak),
             "seconds": summary(seconds(worker.rounds)),
             "rounds_of_a_reconstruction": worker.facts["rounds_of_a_reconstruction"]}
    peak.end()
    return {**entry, "peak_memory_gib": worker.end()}
