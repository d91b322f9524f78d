"""What happens to the history of a service: locked, damaged, on a full disk, under a clock that jumps, of another process.

Usage: state_faults_test.py CTCLIP, the program that was built.
"""

import os
import pathlib
import subprocess
import sys

import requests

from service import Service
from studies import ask, bench, ended, send, submit, until

FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
DAY = 86_400


def check_unavailable(answer):
    assert answer.status_code == 503 and answer.json()["error_code"] == "history_unavailable", answer.text
    assert int(answer.headers["Retry-After"]) >= 1


def locked(one):
    """Nothing is accepted that cannot be recorded, what was accepted is answered when it can be."""
    with one.service() as service:
        study = submit(service.url, one.variant(1))
        until("it runs", lambda: ask(service.url, study)["state"] != "queued", 0)
        with one.locked():
            check_unavailable(send(service.url, one.variant(2)))
            check_unavailable(send(service.url, one.variant(2), path="/predict"))
            assert requests.get(f"{service.url}/health", timeout=60).status_code == 200
            assert requests.get(f"{service.url}/v1/studies", timeout=60).status_code == 200
        assert ended(service.url, study)["state"] == "done"
        assert not [upload for upload in one.uploads() if study not in upload.name]
        assert send(service.url, one.variant(2), path="/predict").status_code == 200


def damaged(one):
    """A history that is none any more is put aside with the uploads that it knew, and said so."""
    service = one.started()
    answered = submit(service.url, one.variant(3))
    ended(service.url, answered)
    with one.held(service):
        waiting = [submit(service.url, one.variant(number)) for number in range(4, 8)]
        service.kill()
    left = {upload.name for upload in one.uploads()}
    assert left >= {f"ctclip-{study}.upload" for study in waiting}, "uploads that wait are lost"
    history = one.state / "history.db"
    for name in ("history.db-wal", "history.db-shm"):
        (one.state / name).unlink(missing_ok=True)
    before = bytes(2000) + history.read_bytes()[2000:]
    history.write_bytes(before)
    with one.service() as service:
        (aside,) = one.state.glob("damaged-*")
        assert any("is damaged" in line and str(aside) in line for line in service.log), service.log
        assert (aside / "history.db").read_bytes() == before
        assert {file.name for file in aside.glob("*.upload")} == left and left, "uploads are lost"
        assert requests.get(f"{service.url}/v1/studies/{answered}", timeout=60).status_code == 404
        assert ended(service.url, submit(service.url, one.variant(4)))["state"] == "done"


def later(one):
    with one.database() as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute("PRAGMA user_version = 99")
    refused = subprocess.run(one.command(), capture_output=True, text=True, timeout=240, check=False)
    assert refused.returncode == 2 and "a later ctclip" in refused.stderr, refused
    with one.database() as database:
        database.execute(f"PRAGMA user_version = {version}")


def taken(one):
    """Two services never share a state."""
    with one.service():
        refused = subprocess.run(one.command(), capture_output=True, text=True, timeout=240, check=False)
        assert refused.returncode == 2 and "is used by another service" in refused.stderr, refused


def full_disk(one):
    """A disk of 8 MB that fills up: refusals, and everything that was accepted is answered."""
    disk = one.folder / "disk"
    disk.mkdir()
    inside = ["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs -o size=8m tmpfs "$0" && mkdir "$0/hold" && exec "$@"', disk]
    possible = subprocess.run([*inside, "true"], capture_output=True, check=False).returncode == 0
    assert possible or os.environ.get("CI") != "true", "this machine lets nobody mount"
    if not possible:
        return print("full disk: not tried, this machine lets nobody mount")
    one.state = disk / "state"
    with Service([*inside, *one.command("--disk-reserve", 0)]) as service:
        studies, refused = [], None
        for number in range(400):
            answer = send(service.url, one.variant(number), key=str(number))
            if answer.status_code == 503:
                refused = answer.json()["error_code"]
                break
            studies.append(answer.json()["id"])
        assert refused == "disk_full", refused
        for study in studies:
            assert ended(service.url, study)["state"] == "done"
        assert ended(service.url, submit(service.url, one.variant(999)))["state"] == "done", "it did not recover"


def clock_jumps(one):
    """Durations and order come from a clock that does not jump; times are what the wall clock says."""
    if not FAKETIME.exists():
        raise AssertionError("libfaketime is missing; scripts/install-deps test brings it")
    offset = one.folder / "offset"
    offset.write_text("+0")
    os.environ.update(LD_PRELOAD=str(FAKETIME), FAKETIME_TIMESTAMP_FILE=str(offset), FAKETIME_NO_CACHE="1",
                      FAKETIME_DONT_FAKE_MONOTONIC="1")
    try:
        service = one.service()
    finally:
        for name in ("LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE", "FAKETIME_NO_CACHE", "FAKETIME_DONT_FAKE_MONOTONIC"):
            del os.environ[name]
    with service:
        studies = []
        for number, jump in enumerate(("+0", "-400d", "+400d", "-1d")):
            offset.write_text(jump)
            studies.append(submit(service.url, one.variant(2000 + number), fresh="true"))
        answers = [ended(service.url, study) for study in studies]
        for now in answers:
            assert now["state"] == "done", now
            assert 0 <= now["result"]["time_of_processing"] < DAY
            assert all(0 <= spent < DAY for spent in now["seconds"].values())
        assert answers[1]["received"] < answers[3]["received"] < answers[0]["received"] < answers[2]["received"]
        order = [row[0] for row in one.rows("SELECT study FROM audit WHERE event = 'started' ORDER BY number")]
        assert [study for study in order if study in studies] == studies, "the clock decided who is next"
        newest = requests.get(f"{service.url}/v1/studies?limit=4", timeout=60).json()["studies"]
        assert [study["id"] for study in newest] == studies[::-1]


def main():
    with bench(sys.argv[1]) as one:
        locked(one)
        damaged(one)
        later(one)
        taken(one)
        clock_jumps(one)
    with bench(sys.argv[1]) as one:
        full_disk(one)


if __name__ == "__main__":
    main()
