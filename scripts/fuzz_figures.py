#!/usr/bin/env python3
"""A table in Markdown of what libFuzzer's logs say. Usage: fuzz_figures.py LOGS [--into DOCUMENT]

--into adds them to the table between the document's lines "<!-- fuzz -->" and "<!-- end of fuzz -->", and moves the logs to
LOGS/added, so that they count once. LOGS holds a file for each run, TARGET.START.RUN.log, as scripts/fuzz writes them.
Executions, time (by the clock, and of the processor) and stops of a target's runs are added up; coverage and memory are the
largest of them.
"""

import collections
import pathlib
import re
import sys

STATUS = re.compile(r"^#(\d+)\s+(?:INITED|NEW|REDUCE|pulse|DONE|RELOAD)\s+cov: (\d+) ft: (\d+)", re.M)
DONE = re.compile(r"^Done (\d+) runs in", re.M)
STAT = re.compile(r"^stat::(\w+):\s+(\d+)", re.M)
CLOCK = re.compile(r"^Clock: (\d+) s", re.M)
CPU = re.compile(r"^CPU time: (\d+)m([\d.]+)s (\d+)m([\d.]+)s", re.M)


class Target:
    def __init__(self):
        self.executions = self.edges = self.features = self.stopped = 0
        self.clock = self.cpu = 0.0
        self.memory = 0

    def add(self, text):
        clock, cpu = CLOCK.search(text), CPU.search(text)
        if not clock or not cpu:  # it was killed, nobody knows how long it ran
            return
        statuses = STATUS.findall(text)
        done = DONE.search(text)
        stats = dict(STAT.findall(text))
        self.executions += int(stats.get("number_of_executed_units", done.group(1) if done else 0))
        self.stopped += done is None
        self.memory = max(self.memory, int(stats.get("peak_rss_mb", 0)))
        for _, edges, features in statuses:
            self.edges, self.features = max(self.edges, int(edges)), max(self.features, int(features))
        minutes, seconds, system_minutes, system_seconds = map(float, cpu.groups())
        self.clock += float(clock.group(1))
        self.cpu += 60 * (minutes + system_minutes) + seconds + system_seconds

    def add_row(self, cells):
        """A row of the table, as `table` writes it."""
        executions, _, edges, features, minutes, cpu, memory, stopped = (float(cell.replace(",", "")) for cell in cells)
        self.executions += int(executions)
        self.clock += 60 * minutes
        self.cpu += cpu
        self.stopped += int(stopped)
        self.edges, self.features = max(self.edges, int(edges)), max(self.features, int(features))
        self.memory = max(self.memory, int(memory))


def read(logs, before=""):
    """What the logs say, added to the rows of a table."""
    targets = collections.defaultdict(Target)
    for line in before.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 9 and cells[1][:1].isdigit():
            targets[cells[0]].add_row(cells[1:])
    for log in logs:
        targets[log.name.split(".")[0]].add(log.read_text(errors="replace"))
    return targets


def table(targets):
    lines = ["| target | executions | per CPU second | edges | features | minutes | CPU seconds | peak, MB | runs that stopped |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name, target in sorted(targets.items()):
        rate = target.executions / target.cpu if target.cpu else 0
        lines.append(f"| {name} | {target.executions:,} | {rate:,.0f} | {target.edges:,} | {target.features:,} | "
                     f"{target.clock / 60:.1f} | {target.cpu:.1f} | {target.memory} | {target.stopped} |")
    return "\n".join(lines) + "\n"


def main():
    folder = pathlib.Path(sys.argv[1])
    logs = sorted(folder.glob("*.log"))
    if sys.argv[2:3] != ["--into"]:
        print(table(read(logs)), end="")
        return
    document = pathlib.Path(sys.argv[3])
    before, rest = document.read_text().split("<!-- fuzz -->\n", 1)
    kept, after = rest.split("<!-- end of fuzz -->", 1)
    document.write_text(f"{before}<!-- fuzz -->\n\n{table(read(logs, kept))}\n<!-- end of fuzz -->{after}")
    (folder / "added").mkdir(exist_ok=True)
    for log in logs:
        log.rename(folder / "added" / log.name)


main()
