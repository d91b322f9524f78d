"""Adds up a test run: GoogleTest's JSON files for the cases, ctest's JUnit file for everything else.

Usage: summarise_tests.py RESULTS, a folder with ctest.xml and gtest/<executable>.json.
Closes with "N passed, N failed[, N skipped]"; exit status 1 when a test failed or none ran.
"""

import collections
import json
import pathlib
import sys
import xml.etree.ElementTree


def count_cases(report, counts, failures):
    """Counts the cases of one GoogleTest executable; returns how many of them failed."""
    data = json.loads(report.read_text(encoding="utf-8"))
    failed = 0
    for suite in data["testsuites"]:
        for case in suite["testsuite"]:
            if case.get("failures"):
                failed += 1
                failures.append(f"{report.stem}: {suite['name']}.{case['name']}")
            elif case["status"] == "NOTRUN" or case["result"] in ("SKIPPED", "SUPPRESSED"):
                counts["skipped"] += 1
            else:
                counts["passed"] += 1
    counts["failed"] += failed
    return failed


def summarise(results):
    """(counts, names of what failed) of the whole run."""
    counts = collections.Counter()
    failures = []

    def fail(name):
        counts["failed"] += 1
        failures.append(name)

    try:
        entries = list(xml.etree.ElementTree.parse(results / "ctest.xml").iter("testcase"))
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        entries = []
        fail(f"ctest did not finish: {error}")
    reports = {path.stem: path for path in sorted((results / "gtest").glob("*.json"))}

    for entry in entries:
        name, status = entry.get("name"), entry.get("status")
        report = reports.pop(name, None)
        passed = status == "run" and entry.find("failure") is None
        if report is not None:
            try:
                failed = count_cases(report, counts, failures)
            except (ValueError, KeyError) as error:
                failed = 1
                fail(f"{name}: unreadable report: {error}")
            if not passed and not failed:  # it crashed or timed out outside its cases
                fail(f"{name}: its cases passed, but the executable did not")
        elif status == "disabled":
            counts["skipped"] += 1
        elif status == "notrun":
            message = entry.find("skipped").get("message", "")
            if message.startswith("SKIP_"):  # SKIP_RETURN_CODE, SKIP_REGULAR_EXPRESSION
                counts["skipped"] += 1
            else:  # its executable is missing, say
                fail(f"{name}: not run: {message}")
        elif passed:
            counts["passed"] += 1
        else:
            fail(name)

    for report in reports.values():  # ctest was stopped before it wrote about them
        try:
            count_cases(report, counts, failures)
        except (ValueError, KeyError) as error:
            fail(f"{report.stem}: unreadable report: {error}")
    return counts, failures


def main():
    counts, failures = summarise(pathlib.Path(sys.argv[1]))
    for name in failures:
        print(f"FAILED {name}")
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    if counts["skipped"]:
        line += f", {counts['skipped']} skipped"
    print(line)
    return 0 if counts["passed"] and not counts["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
