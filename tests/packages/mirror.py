"""Where this machine gets Debian from: a clean tree asks the same mirror in the same way."""

import os
import shutil
import subprocess

SUITE = "bookworm"


class Unavailable(Exception):
    """This machine cannot make a clean Debian tree; the message says why."""


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def sources():
    """[(URI, suite, component)] of Debian 12's archives that apt knows here."""
    told = output("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                  "Created-By: Packages")
    rows = {tuple(line.split()) for line in told.splitlines() if line.count(" ") == 2}
    found = sorted(row for row in rows if row[1].split("-")[0] == SUITE)
    if not any(row[1:] == (SUITE, "main") for row in found):
        raise Unavailable(f"apt knows no mirror of {SUITE}")
    return found


def require():
    """Throws Unavailable where a tree cannot be made at all."""
    if os.geteuid() != 0:
        raise Unavailable("only root can make one")
    for program in ("debootstrap", "apt-get", "unshare", "nsenter"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            raise Unavailable(f"there is no {program}")


def uri():
    return next(row[0] for row in sources() if row[1:] == (SUITE, "main"))


def apt_settings():
    """Proxies, certificates and the like, as this machine's apt has them."""
    return "".join(line + "\n" for line in output("apt-config", "dump").splitlines()
                   if line.startswith("Acquire::") and not line.startswith("Acquire::GzipIndexes"))


def hand_over(tree):
    """The tree's apt and resolver work as this machine's do. The archives' keys are in the tree."""
    lines = [f"deb {uri} {suite} {component}\n" for uri, suite, component in sources()]
    (tree / "etc/apt/sources.list").write_text("".join(lines))
    (tree / "etc/apt/apt.conf.d/00machine").write_text(apt_settings())
    for name in ("apt/auth.conf", "apt/auth.conf.d", "apt/preferences.d", "resolv.conf", "hosts",
                 "ssl/certs/ca-certificates.crt"):
        copy(f"/etc/{name}", tree / "etc" / name)


def copy(source, target):
    if os.path.isdir(source):
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif os.path.exists(source):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
