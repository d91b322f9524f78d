"""kill -9 at every stage of a job: after a restart each accepted study has its one answer.

Usage: recovery_test.py CTCLIP, the program that was built.
"""

import os
import signal
import subprocess
import sys
import threading
import time

import requests

from service import Service
from studies import ask, bench, ended, send, send_and_forget, submit, until

TRIES = 20  # a stage may be over before the signal comes


def state_of(one, study):
    (row,) = one.rows(f"SELECT state, stage, attempts, answer FROM studies WHERE id = '{study}'")
    return dict(zip(("state", "stage", "attempts", "answer"), row))


def check_answered_once(one, studies, url):
    """Every study is done, with the answer that the history has and no other; no upload is left."""
    for study in studies:
        now = ended(url, study)
        assert now["state"] == "done" and now["result"]["processing_status"] == "Success", now
        (count,), = one.rows(f"SELECT count(*) FROM audit WHERE study = '{study}' AND event = 'done'")
        assert count == 1, f"{study} was answered {count} times"
    until("no upload is left", lambda: not one.uploads())


def kill_without_options(one):
    """Nobody has named a state: it is in the user's home, of one service at a time, and nothing accepted is lost."""
    command, home = one.command(), one.folder / "home"
    at = command.index("--state")
    del command[at:at + 2]
    one.state = home / ".local/state/ctclip"
    variables = {"CTCLIP_STATE": None, "XDG_STATE_HOME": "relative/is/ignored", "HOME": str(home)}

    def refused(**more):
        environment = {name: value for name, value in (os.environ | variables | more).items() if value is not None}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 2, done
        return done.stderr

    service = Service(command, environment=variables).__enter__()
    service.says(f"accepted studies and answers are in {one.state}")
    told = refused()
    assert f"{one.state}, is used by another service" in told and "--state" in told, told
    with one.held(service):
        study = submit(service.url, one.study.read_bytes())
        service.kill()
    with Service(command, environment=variables) as service:
        check_answered_once(one, [study], service.url)
    assert one.state.stat().st_mode & 0o777 == 0o700
    listed = subprocess.run([one.ctclip, "history", "list"], env=os.environ | {"XDG_STATE_HOME": str(one.state.parent)},
                            capture_output=True, text=True, check=True).stdout
    assert study in listed, listed
    assert "--state" in refused(HOME=None) and "none" in refused(HOME=None), "a service without a folder"
    with Service(command + ["--state", "none"], environment=variables | {"HOME": None}) as service:
        service.says("nothing outlasts this process")


def kill_queued(one):
    service = one.started()
    with one.held(service):
        studies = [submit(service.url, one.variant(number)) for number in range(4)]
        service.kill()
    assert [state_of(one, study)["state"] for study in studies] == ["queued"] * 4
    with one.service() as service:
        check_answered_once(one, studies, service.url)
        order = [row[0] for row in one.rows("SELECT study FROM audit WHERE event = 'started' ORDER BY number")]
    assert [study for study in order if study in studies] == studies, "not in the order of acceptance"


def kill_in(one, stages, number):
    """Kills the service while a study is in one of these stages."""
    for attempt in range(TRIES):
        service = one.started()
        study = submit(service.url, one.variant(1000 * number + attempt))
        now = until("it is there or over", lambda: seen(service.url, study, stages), 0)
        service.kill()
        before = state_of(one, study)
        with one.service() as service:
            check_answered_once(one, [study], service.url)
        if now["state"] == "running" and before["state"] == "running":
            assert state_of(one, study)["attempts"] == 2
            return
    raise AssertionError(f"never caught in {stages}")


def seen(url, study, stages):
    now = ask(url, study)
    return now if now["stage"] in stages or now["state"] not in ("queued", "running") else None


def kill_before_commit(one):
    """The answer is there and cannot be recorded: the history is locked."""
    service = one.started()
    study = submit(service.url, one.variant(20))
    until("it runs", lambda: state_of(one, study)["state"] == "running", 0)
    with one.locked():
        until("the answer waits for the lock", lambda: any("not recorded yet" in line for line in service.log))
        service.kill()
    assert state_of(one, study)["answer"] == "" and len(one.uploads()) == 1
    with one.service() as service:
        check_answered_once(one, [study], service.url)


def kill_after_commit(one):
    service = one.started()
    study = submit(service.url, one.variant(30))
    with one.database() as database:
        query = f"SELECT answer FROM studies WHERE id = '{study}' AND state = 'done'"
        (answer,) = until("the answer is recorded", lambda: database.execute(query).fetchone(), 0)
        service.kill()
    with one.service() as service:
        check_answered_once(one, [study], service.url)
    assert state_of(one, study)["answer"] == answer, "it has another answer now"


def give_up_on_what_kills(one):
    """A study that ends the service each time is not begun for ever."""
    service = one.started()
    study = submit(service.url, one.variant(40))
    for attempt in (1, 2, 3):
        until("it runs", lambda: state_of(one, study)["attempts"] == attempt, 0)
        service.kill()
        with one.database() as database:  # as if it had not come further than this, however fast it was
            database.execute("UPDATE studies SET state = 'running', finished = NULL, upload = 1, answer = '' "
                             f"WHERE id = '{study}'")
        restore_upload(one, study)
        service = one.started()
    now = ended(service.url, study)
    assert now["state"] == "failed" and "3 times" in now["result"]["error"], now
    assert service.stop() == 0 and not one.uploads()


def restore_upload(one, study):
    file = one.state / "uploads" / f"ctclip-{study}.upload"
    if not file.exists():
        file.write_bytes(one.variant(40))


def lost_uploads(one):
    """An upload that the disk lost is said to be lost; one that nobody knows is removed."""
    service = one.started()
    with one.held(service):
        studies = [submit(service.url, one.variant(50 + number)) for number in range(3)]
        service.kill()
    lost = studies[2]
    (one.state / "uploads" / f"ctclip-{lost}.upload").write_bytes(b"half of it")
    (one.state / "uploads" / f"ctclip-{'a' * 32}.upload").write_bytes(b"nobody's")
    with one.service() as service:
        now = ended(service.url, lost)
        assert now["state"] == "failed" and "send it again" in now["result"]["error"], now
        check_answered_once(one, studies[:2], service.url)


def clients_that_wait(one):
    """A /predict ends with its connection: after a crash nobody waits for its answer."""
    service = one.started()
    with one.held(service):
        client = threading.Thread(target=send_and_forget, args=(service.url, one.variant(60), "again"))
        client.start()
        until("it is accepted", lambda: one.rows("SELECT 1 FROM studies WHERE attached AND state = 'queued'"))
        service.kill()
        client.join()
    with one.service() as service:
        assert not one.rows("SELECT 1 FROM studies WHERE state IN ('queued', 'running')")
        assert send(service.url, one.variant(60), path="/predict", key="again").status_code == 200
        until("no upload is left", lambda: not one.uploads())


def restart_under_load(one):
    """SIGTERM and SIGKILL in turns while clients send: whatever got its 202 has its answer at the end."""
    accepted, stop, url = [], threading.Event(), [""]

    def client(number):
        for study in range(1000):
            if stop.is_set():
                return
            try:
                answer = send(url[0], one.variant(f"{number}/{study}"), key=f"{number}/{study}")
                if answer.status_code == 202:
                    accepted.append(answer.json()["id"])
            except requests.RequestException:
                pass
            time.sleep(0.3)

    service = one.started()
    url[0] = service.url
    clients = [threading.Thread(target=client, args=(number,)) for number in range(3)]
    for thread in clients:
        thread.start()
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        wanted = len(accepted) + 4
        until("more are accepted", lambda wanted=wanted: len(accepted) >= wanted, 0.1)
        service.kill() if how == signal.SIGKILL else service.stop()
        service = one.started()
        url[0] = service.url
    stop.set()
    for thread in clients:
        thread.join()
    check_answered_once(one, accepted, service.url)
    assert service.stop() == 0
    assert not one.rows("SELECT 1 FROM studies WHERE state <> 'done'")


def main():
    with bench(sys.argv[1]) as one:
        kill_without_options(one)
    with bench(sys.argv[1]) as one:
        kill_queued(one)
        kill_in(one, ("scan", "decode"), 1)
        kill_in(one, ("ctclip", "supervised"), 2)
        kill_before_commit(one)
        kill_after_commit(one)
        lost_uploads(one)
        clients_that_wait(one)
    with bench(sys.argv[1]) as one:
        give_up_on_what_kills(one)
    with bench(sys.argv[1]) as one:
        restart_under_load(one)


if __name__ == "__main__":
    main()
