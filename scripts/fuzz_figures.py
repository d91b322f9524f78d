#!/usr/bin/env python3
"""A table in Markdown of what libFuzzer's logs say. Usage: fuzz_figures.py LOGS [--into DOCUMENT]

--into puts it between the document's lines "<!-- fuzz -->" and "<!-- end of fuzz -->".
LOGS holds a file for each run, TARGET.SECONDS.log, as scripts/fuzz writes them. Executions, CPU time and stops of a
target's runs are added up; coverage is the largest of them.
"""

import collections
import pathlib
import re
import sys

STATUS = re.compile(r"^#(\d+)\s+(?:INITED|NEW|REDUCE|pulse|DONE|RELOAD)\s+cov: (\d+) ft: (\d+)", re.M)
DONE = re.compile(r"^Done (\d+) runs in", re.M)
STAT = re.compile(r"^stat::(\w+):\s+(\d+)", re.M)
CPU = re.compile(r"^CPU time: (\d+)m([\d.]+)s (\d+)m([\d.]+)s", re.M)


class Target:
    def __init__(self):
        self.executions = self.edges = self.features = self.stopped = 0
        self.cpu = 0.0
        self.memory = 0

    def add(self, text):
        statuses = STATUS.findall(text)
        done = DONE.search(text)
        stats = dict(STAT.findall(text))
        self.executions += int(stats.get("number_of_executed_units", done.group(1) if done else 0))
        self.stopped += done is None
        self.memory = max(self.memory, int(stats.get("peak_rss_mb", 0)))
        for _, edges, features in statuses:
            self.edges, self.features = max(self.edges, int(edges)), max(self.features, int(features))
        if cpu := CPU.search(text):
            minutes, seconds, system_minutes, system_seconds = map(float, cpu.groups())
            self.cpu += 60 * (minutes + system_minutes) + seconds + system_seconds


def table(logs):
    targets = collections.defaultdict(Target)
    for log in sorted(logs.glob("*.log")):
        targets[log.name.split(".")[0]].add(log.read_text(errors="replace"))
    lines = ["| target | executions | per CPU second | edges | features | CPU seconds | peak, MB | runs that stopped |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name, target in sorted(targets.items()):
        rate = target.executions / target.cpu if target.cpu else 0
        lines.append(f"| {name} | {target.executions:,} | {rate:,.0f} | {target.edges:,} | {target.features:,} | "
                     f"{target.cpu:.1f} | {target.memory} | {target.stopped} |")
    return "\n".join(lines) + "\n"


def main():
    figures = table(pathlib.Path(sys.argv[1]))
    if sys.argv[2:3] != ["--into"]:
        print(figures, end="")
        return
    document = pathlib.Path(sys.argv[3])
    before, rest = document.read_text().split("<!-- fuzz -->\n", 1)
    after = rest.split("<!-- end of fuzz -->", 1)[1]
    document.write_text(f"{before}<!-- fuzz -->\n\n{figures}\n<!-- end of fuzz -->{after}")


main()
