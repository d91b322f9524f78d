"""The text format of Prometheus (version 0.0.4), read strictly: what a scraper would misread is refused."""

import dataclasses
import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
TYPES = {"counter", "gauge", "histogram"}
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


@dataclasses.dataclass
class Family:
    name: str
    help: str
    type: str = ""
    samples: dict = dataclasses.field(default_factory=dict)  # (name, ((label, value), ...)) -> value

    def label_names(self):
        """Of its samples, but for a histogram's own."""
        return {label for _, labels in self.samples for label, _ in labels} - ({"le"} if self.type == "histogram" else set())

    def value(self, **labels):
        """Of a counter or gauge; 0 where there is no such sample yet."""
        return self.samples.get((self.name, tuple(sorted(labels.items()))), 0.0)

    def count(self, **labels):
        """Of a histogram: how often it was observed."""
        return self.samples.get((f"{self.name}_count", tuple(sorted(labels.items()))), 0.0)


def labels_of(text):
    found, at = [], 0
    while text is not None and at < len(text):
        match = LABEL.match(text, at)
        assert match, f"labels: {text}"
        found.append(match.groups())
        at = match.end()
        assert at == len(text) or text[at] == ",", f"labels: {text}"
        at += 1
    assert len({name for name, _ in found}) == len(found), f"a label twice: {text}"
    return tuple(sorted(found))


def add_sample(family, line):
    match = SAMPLE.fullmatch(line)
    assert match, f"no sample: {line!r}"
    name, labels, value = match.group(1), labels_of(match.group(2)), float(match.group(3))
    allowed = [family.name + suffix for suffix in SUFFIXES.get(family.type, ("",))]
    assert name in allowed, f"{name} stands in the family {family.name}"
    assert (name, labels) not in family.samples, f"twice: {line}"
    assert math.isfinite(value) and (family.type == "gauge" or value >= 0), line
    family.samples[name, labels] = value


def check_histogram(family):
    rows = {}
    for (name, labels), value in family.samples.items():
        rest = tuple(one for one in labels if one[0] != "le")
        row = rows.setdefault(rest, {"buckets": []})
        if name.endswith("_bucket"):
            row["buckets"].append((float(dict(labels)["le"]), value))
        else:
            row[name.rsplit("_", 1)[1]] = value
    for labels, row in rows.items():
        bounds, counts = zip(*row["buckets"])
        assert list(bounds) == sorted(bounds) and bounds[-1] == math.inf, f"{family.name}{labels}: {bounds}"
        assert list(counts) == sorted(counts), f"{family.name}{labels}: {counts}"
        assert counts[-1] == row["count"] and "sum" in row, f"{family.name}{labels}: {row}"


def parse(text):
    """{name: Family} of an exposition. AssertionError says what is wrong with it."""
    assert text.endswith("\n"), "the last line does not end"
    families, now = {}, None
    for line in text[:-1].split("\n"):
        if match := re.fullmatch(rf"# HELP ({NAME}) (.*)", line):
            assert match.group(1) not in families, f"a family in two pieces: {line}"
            now = families[match.group(1)] = Family(*match.groups())
        elif match := re.fullmatch(rf"# TYPE ({NAME}) (\w+)", line):
            assert now and match.group(1) == now.name and not now.type and not now.samples, line
            now.type = match.group(2)
            assert now.type in TYPES, line
            assert (now.type == "counter") == now.name.endswith("_total"), line
        else:
            assert now and now.type, f"a sample before its TYPE: {line}"
            add_sample(now, line)
    for family in families.values():
        assert family.samples, f"{family.name} has no sample"
        if family.type == "histogram":
            check_histogram(family)
    return families
