"""A clean Debian 12 in a folder: debootstrapped once, unpacked for each test, removed after it."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import mirror
from mirror import Unavailable

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build/packages"
SKIPPED = 77  # ctest's SKIP_RETURN_CODE
CLEAN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
         "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
PROXIES = [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "no_proxy")]
ENVIRONMENT = {**CLEAN, **{name: os.environ[name] for name in PROXIES}}

# /proc and the harmless devices, in a mount namespace of the command's own: they vanish with it.
MOUNTS = """
mount --bind "$TREE" "$TREE"
mount -t proc proc "$TREE/proc"
mount -t tmpfs -o mode=755 tmpfs "$TREE/dev"
for name in null zero full random urandom tty; do
  touch "$TREE/dev/$name"
  mount --bind "/dev/$name" "$TREE/dev/$name"
done
mkdir "$TREE/dev/pts" "$TREE/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$TREE/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$TREE/dev/shm"
ln -s /proc/self/fd "$TREE/dev/fd"
ln -s pts/ptmx "$TREE/dev/ptmx"
"""


def check(condition, what):
    assert condition, what


def debootstrap(folder):
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    done = subprocess.run(["debootstrap", "--variant=minbase", mirror.SUITE, folder, mirror.uri()],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          env={**os.environ, "PATH": path})
    if done.returncode != 0:
        raise Unavailable(f"debootstrap failed:\n{done.stdout[-2000:]}{done.stderr}")


def base():
    """Tar of the tree as debootstrap made it, kept in build/."""
    name = hashlib.sha256(f"{mirror.uri()} {mirror.SUITE}".encode()).hexdigest()[:12]
    tar = CACHE / f"{mirror.SUITE}-{name}.tar"
    if not tar.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with temporary_folder() as folder:
            debootstrap(folder)
            shutil.rmtree(folder / "var/cache/apt/archives")
            (folder / "var/cache/apt/archives/partial").mkdir(parents=True)
            subprocess.run(["tar", "--one-file-system", "-C", folder, "-cf", f"{tar}.part", "."],
                           check=True)
        os.replace(f"{tar}.part", tar)
    return tar


@contextlib.contextmanager
def temporary_folder():
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tree-", dir=CACHE))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        # A mount that is left inside would be another's files.
        mounts = pathlib.Path("/proc/self/mounts").read_text()
        check(f" {folder}/" not in mounts, f"something is still mounted below {folder}")
        shutil.rmtree(folder)


@contextlib.contextmanager
def clean_tree():
    """A tree whose apt knows its packages. Throws Unavailable."""
    mirror.require()
    tar = base()
    with temporary_folder() as folder:
        subprocess.run(["tar", "-C", folder, "-xpf", tar], check=True)
        mirror.hand_over(folder)
        run(folder, "apt-get -q update")
        yield folder


def contained(tree, command, *unshared, setup=""):
    """Command line that runs `command` in the tree as process 1 of a namespace of its own."""
    script = f"set -e{MOUNTS}{setup}\nexec chroot \"$TREE\" \"$@\""
    return ["env", f"TREE={tree}", "unshare", "--mount", "--pid", "--fork", "--kill-child",
            *unshared, "sh", "-c", script, "sh", *map(str, command)]


def run(tree, script, seconds=900):
    """Output of a shell script that must succeed in the tree."""
    done = subprocess.run(contained(tree, ["sh", "-euc", script]), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          env=ENVIRONMENT, timeout=seconds)
    check(done.returncode == 0, f"{script}\nended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def run_test(main):
    """Calls main; a machine that can make no tree skips the test, or fails it in CI."""
    try:
        main()
    except Unavailable as reason:
        print(f"no clean Debian tree on this machine: {reason}")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)
