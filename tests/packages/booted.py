"""A clean tree with systemd as its process 1, in namespaces of its own, network included."""

import os
import pathlib
import subprocess
import tempfile
import time

from tree import CLEAN, ENVIRONMENT, Unavailable, check, contained, run

BOOT_SECONDS = 90
# What the kernel shares with this machine stays as it is: /proc/sys and /sys are read-only, and the
# capabilities that reach further are dropped.
DROPPED = "-sys_module,-sys_time,-sys_rawio,-sys_boot,-syslog,-mknod"
SETUP = f"""
mount --bind "$TREE/proc/sys" "$TREE/proc/sys"
mount -o remount,bind,ro "$TREE/proc/sys"
mount -t tmpfs -o mode=755 tmpfs "$TREE/run"
mount -t sysfs -o ro sysfs "$TREE/sys"
mount -t cgroup2 cgroup2 "$TREE/sys/fs/cgroup"
exec setpriv --bounding-set={DROPPED} chroot "$TREE" "$@"
"""


def cgroup_home():
    """Folder of the version 2 control groups in which this process may make its own."""
    rows = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    mounts = [row[1] for row in rows if row[2] == "cgroup2"]
    own = pathlib.Path("/proc/self/cgroup").read_text()
    if not mounts or "0::" not in own:
        raise Unavailable("there are no control groups of version 2 for its systemd")
    return pathlib.Path(mounts[0] + own.split("0::")[1].splitlines()[0])


class Booted:
    """`with Booted(tree) as machine`: systemd runs in it. The tree must have it installed."""

    def __init__(self, tree):
        self._tree = tree
        self._group = None
        self._process = None
        self._init = None

    def __enter__(self):
        home = cgroup_home()
        try:
            self._group = pathlib.Path(tempfile.mkdtemp(prefix="ctclip-test-", dir=home))
        except OSError as error:
            raise Unavailable(f"no control group can be made for its systemd: {error}") from error
        command = contained(self._tree, ["/lib/systemd/systemd"], "--cgroup", "--uts", "--ipc",
                            "--net", setup=SETUP)
        join = ["sh", "-c", f'echo $$ >{self._group}/cgroup.procs && exec "$@"', "sh"]
        self._process = subprocess.Popen([*join, *command], env={**CLEAN, "container": "test"},
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True)
        try:
            self._await_boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _await_boot(self):
        deadline = time.monotonic() + BOOT_SECONDS
        children = pathlib.Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        state = ""
        while state not in ("running", "degraded"):
            if self._process.poll() is not None:
                raise Unavailable(f"its systemd ended: {self._process.stdout.read()}")
            if time.monotonic() > deadline:
                raise Unavailable(f"its systemd did not start within {BOOT_SECONDS} s: {state}")
            time.sleep(0.2)
            self._init = children.read_text().strip()
            state = self._state() if self._init else ""

    def _state(self):
        return self._call("systemctl is-system-running 2>&1 || true").stdout.strip()

    def _call(self, script, network=False):
        inside = ["nsenter", "--target", self._init, "--mount", "--pid", "--uts", "--ipc", "--cgroup",
                  "--root", "--wd"]
        # Debian's mirror is out of the machine's own network's reach.
        inside += [] if network else ["--net"]
        command = [*inside, "bash", "-euo", "pipefail", "-c", "cd /root\n" + script]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT, check=False,
                              timeout=600)

    def run(self, script, status=0):
        """Output of a script, run as root in /root, that must end with `status`."""
        done = self._call(script, network="apt-get" in script)
        if done.returncode != status:
            journal = self._call("journalctl --no-pager --lines 40 2>&1 || true").stdout
            check(False, f"{script}\nended with {done.returncode}:\n{done.stdout}\nThe journal:\n{journal}")
        return done.stdout

    def __exit__(self, *_):
        self._process.kill()  # and with it, as unshare's child, every process of its namespace
        self._process.communicate()
        for _ in range(50):
            for folder in sorted(self._group.glob("**/"), reverse=True):
                try:
                    folder.rmdir()
                except OSError:
                    pass
            if not self._group.exists():
                return
            time.sleep(0.1)
        raise AssertionError(f"{self._group} could not be removed")


def install_systemd(tree):
    run(tree, "apt-get -q -y --no-install-recommends install systemd systemd-sysv man-db "
              "bash-completion curl")
