"""The Debian package in a clean Debian 12 with a systemd of its own.

Every block of the deployment guide is run as it stands there, from `make deb` to the purge; what the
guide and the package promise besides is looked at in between.
"""

import json
import re
import shutil
import subprocess
import sys
import time

from booted import Booted, install_systemd
from guide import blocks_in
from tree import CACHE, ROOT, check, clean_tree, run, run_test

sys.path.insert(0, str(ROOT / "tests/e2e"))
from service import real_study  # noqa: E402

FIELDS = ["study_uid", "series_uid", "probability_of_pathology", "pathology",
          "most_dangerous_pathology_type", "processing_status", "time_of_processing"]
MODELS = ROOT / "tests/data/tiny"  # stands for the reader's models
LARGEST = 12_500_000  # bytes of the package; the demo models alone, compressed, are 9.4 million
MOST_PACKAGES = 43  # that come with it on a minimal Debian; curl brings 15 of them, DCMTK 14
EXPOSURE = 2  # at most, of 10, as systemd-analyze judges the unit


def run_in_source_tree():
    """`make deb` and `make install`; returns the package."""
    shutil.rmtree(CACHE / "_CPack_Packages", ignore_errors=True)
    for old in CACHE.glob("ctclip_*.deb"):
        old.unlink()
    for block in blocks_in("source"):
        done = subprocess.run(["sh", "-euc", block], cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900,
                              check=False)
        check(done.returncode == 0, f"{block}ended with {done.returncode}:\n{done.stdout[-4000:]}")
    packages = list(CACHE.glob("ctclip_*.deb"))
    check(len(packages) == 1, f"expected one package, found {packages}")
    size = packages[0].stat().st_size
    check(size <= LARGEST, f"the package has {size} bytes; at most {LARGEST} are wanted")
    return packages[0]


def check_dependencies(tree, package):
    """How many packages a minimal Debian gets with ours."""
    shutil.copy(package, tree / "root")
    told = run(tree, f"apt-get install -s --no-install-recommends /root/{package.name}")
    names = [line.split()[1] for line in told.splitlines() if line.startswith("Inst ")]
    check("ctclip" in names, told)
    check(len(names) - 1 <= MOST_PACKAGES, f"{len(names) - 1} packages come with ours: {names}")
    check(not any("x11" in name or "cairo" in name for name in names), names)


def lay_out(tree, package):
    """What the guide's reader has: the package, a study, models, and the old service's files."""
    home = tree / "root"
    shutil.copy(package, home)
    shutil.copy(real_study(), home / "study.zip")
    shutil.copytree(MODELS, home / "models")
    shutil.copytree(MODELS, tree / "srv/ct-service")
    # The service's own user must be able to read what was copied as it lay in a checkout.
    subprocess.run(["chmod", "-R", "u=rwX,go=rX", tree / "srv"], check=True)


def answers(text):
    """The answers of predict or of the service in what a block printed."""
    begins = [match.start() for match in re.finditer(r'\{"study_uid"', text)]
    return [json.JSONDecoder().raw_decode(text, begin)[0] for begin in begins]


def run_guide(machine, blocks):
    found = []
    for block in blocks:
        began = time.monotonic()
        printed = machine.run(block)
        print(f"{time.monotonic() - began:6.1f} s  {block.splitlines()[0]}", flush=True)
        if "predict" in block:
            check(answers(printed), f"{block}no answer in:\n{printed}")
            found += answers(printed)
    return found


def check_answers(found):
    for answer in found:
        check(list(answer)[:7] == FIELDS and answer["processing_status"] == "Success", answer)
        check("not for patients" in answer["bundle"], answer)
    check(len({answer["series_uid"] for answer in found}) == 1, found)


def check_files(machine):
    check("radiologist" in machine.run("MANWIDTH=120 man ctclip"), "the man page has no warning")
    completion = machine.run("source /usr/share/bash-completion/bash_completion\n"
                             "_completion_loader ctclip || true\ncomplete -p ctclip")
    check("_ctclip" in completion, completion)
    for shell, name in (("zsh", "zsh/vendor-completions/_ctclip"), ("fish", "fish/vendor_completions.d/ctclip.fish")):
        machine.run(f"ctclip completion {shell} | cmp - /usr/share/{name}")
    machine.run("dpkg --verify ctclip | grep -v ' c /etc/default/ctclip$' && exit 1 || true")
    machine.run("grep -q CTCLIP_MODELS=/srv/ctclip/models /etc/default/ctclip")  # kept by the upgrade
    missing = machine.run("ldd /usr/bin/ctclip")
    check("not found" not in missing, missing)


def check_unit(machine):
    machine.run("systemd-analyze verify ctclip.service")
    machine.run(f"systemd-analyze security --no-pager --threshold={EXPOSURE * 10} ctclip.service")
    user = machine.run("stat -c %u /proc/$(systemctl show --value -p MainPID ctclip)")
    check(int(user) >= 61184, f"expected a dynamic user, found {user}")
    spools = machine.run("find /var/tmp /var/lib/private/ctclip -name '*.upload'")
    check(not spools, f"an upload is left: {spools}")
    mode = machine.run("stat -c %a /var/lib/private/ctclip").strip()
    check(mode == "700", f"others may look into the state: {mode}")
    machine.run("ctclip history list --state /var/lib/ctclip | grep -q ' done '")


def state_of(machine, name):
    return machine.run(f"systemctl show --value -p {name} ctclip").strip()


def wait_until_ready(machine):
    machine.run("curl -sf --retry 60 --retry-connrefused http://127.0.0.1:8000/ready")


def check_restarts(machine):
    """A crash is followed by a restart; models that cannot be used are not; a stop is no failure."""
    machine.run("kill -KILL $(systemctl show --value -p MainPID ctclip); sleep 6")
    wait_until_ready(machine)
    check(state_of(machine, "NRestarts") == "1", "no restart after a crash")
    machine.run("systemctl stop ctclip")
    check(state_of(machine, "Result") == "success", "a stop is a failure")
    check(not machine.run("ls /var/tmp"), "the private folder is still there")
    machine.run("sed -i s,^CTCLIP_MODELS=.*,CTCLIP_MODELS=/nowhere, /etc/default/ctclip\n"
                "! systemctl start ctclip || exit 1  # it waits for the models\n"
                "for _ in $(seq 120); do systemctl -q is-failed ctclip && break; sleep 0.5; done")
    state = state_of(machine, "ActiveState"), state_of(machine, "NRestarts")
    check(state == ("failed", "0"), f"after a start with unusable models: {state}")
    journal = machine.run("journalctl -u ctclip --no-pager")
    check("bad_model" in journal, f"the journal does not say why:\n{journal}")


def check_refused(machine):
    """The proxy's limit answers an upload that is too large before a byte of it was sent."""
    status = machine.run("curl -s -o /dev/null -w '%{http_code}' --http1.1 "
                         "--cacert /etc/ssl/certs/ctclip.pem "
                         "--resolve ctclip.example.org:443:127.0.0.1 "
                         "-H 'Content-Length: 1200000000' --data x "
                         "https://ctclip.example.org/predict")
    check(status == "413", status)


def check_purged(machine):
    left = machine.run("find / -xdev \\( -path /proc -o -path /sys -o -path /root -o -path /srv \\) "
                       "-prune -o -name '*ctclip*' -print")
    # The guide's own certificate, the logs and what man-db keeps are not the package's.
    own = ("/etc/ssl/", "/var/log/", "/var/cache/man/")
    rest = [line for line in left.splitlines() if not line.startswith(own)]
    check(not rest, f"the purge leaves {rest}")
    known = machine.run("dpkg-query -W -f '${db:Status-Status}' ctclip 2>/dev/null || true")
    check(known in ("", "not-installed"), f"dpkg still knows the package: {known}")


def main():
    study = real_study()
    check(study.exists(), study)
    package = run_in_source_tree()
    with clean_tree() as tree:
        check_dependencies(tree, package)
        install_systemd(tree)
        lay_out(tree, package)
        *blocks, purge = blocks_in("server")
        with Booted(tree) as machine:
            check_answers(run_guide(machine, blocks))
            check_files(machine)
            check_unit(machine)
            check_refused(machine)
            check_restarts(machine)
            run_guide(machine, [purge])
            check_purged(machine)


if __name__ == "__main__":
    run_test(main)
