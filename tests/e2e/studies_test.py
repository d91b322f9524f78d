"""/v1/studies from end to end: acceptance, state, events, list, cancelling, keys, answers from the history.

Usage: studies_test.py CTCLIP, the program that was built.
"""

import sys

import requests

from readers import await_none, await_reader, children, stopped
from studies import ENDED, ask, bench, ended, events, send, submit, until

FIELDS = ["study_uid", "series_uid", "probability_of_pathology", "pathology", "most_dangerous_pathology_type",
          "processing_status", "time_of_processing", "bundle"]


def but_for_the_request(now):
    """The study without the id of the request that it was an answer to."""
    now["result"]["details"].pop("request_id")
    return now


def check_a_study(one, url):
    study = submit(url, one.study.read_bytes(), details="true")
    told = list(events(url, study))
    states = [event["state"] for event in told]
    assert states == sorted(states, key=("queued", "running", "done").index) and states[-1] == "done", states
    now = ask(url, study)
    assert but_for_the_request(now) == but_for_the_request(told[-1]), "the last event is not what GET gives"
    assert list(now["result"])[:8] == FIELDS and "radiologist" in now["warning"]
    assert now["result"]["details"]["bundle"]["sha256"] == now["bundle_sha256"]
    assert now["study_uid"] == now["result"]["study_uid"] and now["bytes"] == one.study.stat().st_size
    assert now["received"] <= now["started"] <= now["finished"]
    assert set(now["seconds"]) >= {"scan", "decode", "fusion"} and now["position"] is None
    until("its upload is gone", lambda: not one.uploads())
    return study


def check_stages(one, service):
    await_none(service.pid)
    study = submit(service.url, one.large(), any_anatomy="true")
    told = events(service.url, study)
    with stopped(await_reader(service.pid, sealed=True)):
        seen = [next(event for event in told if event["state"] == "running")]
    seen += told
    assert seen[-1]["state"] == "done", seen[-1]
    stages = list(dict.fromkeys(event["stage"] for event in seen if event["stage"]))
    assert len(stages) >= 2 and stages[0] in ("scan", "decode") and stages[-1] == "fusion", stages


def check_answers_from_history(one, url, study):
    data = one.study.read_bytes()
    again = send(url, data, details="true")
    assert again.status_code == 200
    assert but_for_the_request(again.json()) == but_for_the_request(ask(url, study))
    assert submit(url, data, details="true", fresh="true") != study
    assert submit(url, data) != study  # another question: without details
    computed = send(url, data, path="/predict", details="true")
    assert computed.status_code == 200 and "X-CTCLIP-From-History" not in computed.headers
    found = send(url, data, path="/predict", details="true", fresh="false")
    assert found.headers["X-CTCLIP-From-History"] == "true" and found.json()["details"]
    requests_until_quiet(url)


def requests_until_quiet(url):
    until("everything is answered", lambda: all(study["state"] in ENDED for study in listed(url)), 0.2)


def listed(url, **query):
    answer = requests.get(f"{url}/v1/studies", params=query, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["studies"]


def check_keys(one, url):
    study = submit(url, one.variant(1), key="k 1")
    assert send(url, one.variant(1), key="k 1").json()["id"] == study
    for changed in (lambda: send(url, one.variant(2), key="k 1"),
                    lambda: send(url, one.variant(1), key="k 1", details="true")):
        refused = changed()
        assert refused.status_code == 422 and refused.json()["error_code"] == "idempotency_conflict", refused.text
    waited = send(url, one.variant(1), path="/predict", key="k 1")
    assert waited.status_code == 200 and waited.headers["X-CTCLIP-Study"] == study
    assert waited.json() == ended(url, study)["result"]
    assert ended(url, study)["state"] == "done"
    assert not one.rows("SELECT 1 FROM keys WHERE key LIKE '%k 1%'"), "the key is stored as it came"


def check_failure(url):
    study = submit(url, b"This is no study.\n" * 10)
    now = ended(url, study)
    assert now["state"] == "failed" and now["error_code"] == "unsupported_format", now
    assert now["result"]["processing_status"] == "Failure" and "warning" not in now
    assert submit(url, b"This is no study.\n" * 10) != study  # a failure is tried again


def check_refusals(url):
    missing = "0" * 32
    for path in (f"/v1/studies/{missing}", f"/v1/studies/{missing}/events", "/v1/studies/x", "/v1/studies/"):
        assert requests.get(url + path, timeout=60).json()["error_code"] == "not_found", path
    assert requests.delete(f"{url}/v1/studies/{missing}", timeout=60).status_code == 404
    assert requests.put(f"{url}/v1/studies", timeout=60).headers["Allow"] == "GET, HEAD, POST"
    assert requests.post(f"{url}/v1/studies/{missing}", timeout=60).headers["Allow"] == "GET, HEAD, DELETE"
    for query in ("state=new", "from=yesterday", "limit=0", "limit=501", "after=x", "page=2"):
        assert requests.get(f"{url}/v1/studies?{query}", timeout=60).json()["error_code"] == "bad_parameter", query


def cancel(url, study):
    return requests.delete(f"{url}/v1/studies/{study}", timeout=60).json()


def check_cancelling(one, service):
    """Queued, running and ended ones."""
    url = service.url
    with one.held(service):
        first, third = submit(url, one.variant(10)), submit(url, one.variant(12))
        assert [ask(url, study)["position"] for study in (first, third)] == [1, 2]
        assert cancel(url, third)["state"] == "cancelled"
    assert ended(url, first)["state"] == "done"
    await_none(service.pid)
    second = submit(url, one.large(), any_anatomy="true", fresh="true")
    reader = await_reader(service.pid, sealed=True)
    with stopped(reader):
        cancelled = cancel(url, second)
    assert cancelled["state"] == "cancelled" and cancelled["started"], cancelled
    until("its reader is gone", lambda: reader not in children(service.pid))
    assert cancel(url, first)["state"] == "done"
    assert ask(url, third)["result"] is None and [event["state"] for event in events(url, third)] == ["cancelled"]
    until("no upload is left", lambda: not one.uploads())
    assert ask(url, second) == cancelled, "a cancelled study changed"


def check_listing(url):
    everything = listed(url, limit=500)
    pages, after = [], {}
    while True:
        page = requests.get(f"{url}/v1/studies", params={"limit": 3} | after, timeout=60).json()
        pages += page["studies"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert [study["id"] for study in pages] == [study["id"] for study in everything] and len(pages) > 5
    for state in ENDED:
        assert {study["state"] for study in listed(url, state=state)} == {state}
    assert listed(url, to="2020-01-01") == [] and len(listed(url, **{"from": "2020-01-01T00:00:00Z"})) == len(pages)
    assert not any("result" in study for study in everything)


def check_privacy(one, service):
    kept = b"".join(path.read_bytes() for path in one.state.iterdir() if path.is_file())
    for name in (b"Ivanov", b"PatientName", b"PHANTOM^"):
        assert name not in kept and name.decode() not in "".join(service.log), name


def main():
    with bench(sys.argv[1]) as one:
        with one.service() as service:
            study = check_a_study(one, service.url)
            check_answers_from_history(one, service.url, study)
            check_stages(one, service)
            check_keys(one, service.url)
            check_failure(service.url)
            check_refusals(service.url)
            check_cancelling(one, service)
            check_listing(service.url)
            check_privacy(one, service)
        with one.service() as service:
            assert ask(service.url, study)["state"] == "done", "the history did not outlast the service"


if __name__ == "__main__":
    main()
