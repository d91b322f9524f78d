"""`ctclip history` beside a running service, and after it: list, show, export; read-only.

Usage: history_test.py CTCLIP, the program that was built.
"""

import csv
import json
import os
import subprocess
import sys

import openpyxl

from studies import bench, ended, submit


def history(one, *arguments, status=0):
    done = subprocess.run([one.ctclip, "history", *map(str, arguments)], capture_output=True, text=True, timeout=240,
                          env=os.environ | {"XDG_STATE_HOME": str(one.folder / "nobody")}, check=False)
    assert done.returncode == status, f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


def check_list(one, good, bad):
    printed = history(one, "list", "--state", one.state)
    lines = printed.stdout.splitlines()
    assert len(lines) == 3 and lines[1].startswith(bad) and lines[2].startswith(good), printed.stdout
    assert "unsupported_format" in lines[1] and "0." in lines[2] and "radiologist" in printed.stderr
    for filters, expected in ((["--status", "done"], [good]), (["--status", "failed"], [bad]), (["--limit", "1"], [bad]),
                              (["--to", "2020-01-01"], []), (["--from", "2020-01-01T00:00:00Z"], [bad, good])):
        found = history(one, "list", "--state", one.state, *filters).stdout.splitlines()[1:]
        assert [line.split()[0] for line in found] == expected, filters


def check_json_list(one, good, bad):
    """A line for each study, which holds what `show` tells of it."""
    printed = history(one, "list", "--json", "--state", one.state)
    assert "radiologist" in printed.stderr
    studies = [json.loads(line) for line in printed.stdout.splitlines()]
    assert [study["id"] for study in studies] == [bad, good], printed.stdout
    for study in studies:
        assert study == json.loads(history(one, "show", "--state", one.state, study["id"]).stdout)
    assert studies[0]["error_code"] == "unsupported_format" and studies[1]["answer"]["processing_status"] == "Success"
    limited = history(one, "list", "--json", "--limit", "1", "--state", one.state).stdout
    assert [json.loads(line)["id"] for line in limited.splitlines()] == [bad]
    assert history(one, "list", "--json", "--to", "2020-01-01", "--state", one.state).stdout == ""


def check_show(one, good):
    shown = json.loads(history(one, "show", "--state", one.state, good).stdout)
    assert shown["answer"]["processing_status"] == "Success" and "radiologist" in shown["warning"]
    assert shown["client"] == "127.0.0.1" and shown["attempts"] == 1


def check_export(one, good, bad):
    table = one.folder / "studies.csv"
    assert history(one, "export", "--state", one.state, table).stdout == f"{table}: 2 rows\n"
    with open(table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [bad, good]
    assert float(rows[1]["probability_of_pathology"]) >= 0 and rows[0]["probability_of_pathology"] == ""
    assert rows[0]["error_code"] == "unsupported_format" and rows[1]["study_uid"]
    history(one, "export", "--state", one.state, one.folder / "studies.xlsx", "--status", "done")
    sheet = openpyxl.load_workbook(one.folder / "studies.xlsx").active
    (header, values) = sheet.iter_rows(values_only=True)
    row = dict(zip(header, values))
    assert row["id"] == good and isinstance(row["probability_of_pathology"], (int, float))
    assert "radiologist" in sheet.oddHeader.center.text
    history(one, "export", "--state", one.state, one.folder / "studies.jsonl")
    lines = [json.loads(line) for line in (one.folder / "studies.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == [bad, good]


def check_audit(one, good, bad):
    table = one.folder / "audit.csv"
    history(one, "export", "--state", one.state, table, "--audit")
    with open(table, encoding="utf-8", newline="") as file:
        events = [(row["study"], row["event"]) for row in csv.DictReader(file) if row["event"] != "read"]
    assert events == [(good, "accepted"), (good, "started"), (good, "done"), (bad, "accepted"), (bad, "started"),
                      (bad, "failed")], events


def check_refusals(one):
    assert "nobody/ctclip/history.db: there is no history" in history(one, "list", status=2).stderr
    history(one, "list", "--state", "none", status=2)
    history(one, "list", "--state", one.folder / "nowhere", status=2)
    history(one, "list", "--state", one.state, "--from", "yesterday", status=2)
    history(one, "list", "--state", one.state, "--status", "new", status=2)
    history(one, "show", "--state", one.state, "0" * 32, status=2)
    history(one, "export", "--state", one.state, one.folder / "studies.txt", status=2)


def main():
    with bench(sys.argv[1]) as one:
        with one.service() as service:
            good = submit(service.url, one.study.read_bytes())
            ended(service.url, good)
            bad = submit(service.url, b"This is no study.\n")
            ended(service.url, bad)
            check_list(one, good, bad)
            check_json_list(one, good, bad)
            check_show(one, good)
            check_export(one, good, bad)
        before = (one.state / "history.db").read_bytes()
        check_list(one, good, bad)
        check_audit(one, good, bad)
        check_refusals(one)
        assert (one.state / "history.db").read_bytes() == before, "looking at it changed it"


if __name__ == "__main__":
    main()
