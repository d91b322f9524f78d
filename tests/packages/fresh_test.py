"""scripts/demo in a clean Debian 12: bare, with libgtest-dev only, and with stray tools and libraries in /usr/local.

The bare tree builds everything. In the others the configuration is removed and made again: the objects must still fit,
as what is built depends on nothing else that is installed, and so the build is done once.
"""

import shutil
import subprocess

from tree import ROOT, check, clean_tree, run, run_test

TOOLS = ("cmake", "ninja", "ccache", "c++", "g++", "cc", "gcc", "ld", "ld.lld", "pkg-config")
PACKAGES = ("fmt", "spdlog", "nlohmann_json", "CLI11", "DCMTK", "SQLiteCpp")
STRAY = "CXXFLAGS=-DSTRAY LDFLAGS=-lstray CMAKE_GENERATOR='Unix Makefiles' CMAKE_PREFIX_PATH=/usr/local"


def clone(target):
    """The files that a clone would have, as they are now."""
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                           check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def demo(tree, environment=""):
    printed = run(tree, f"cd /root/ctclip\n{environment} scripts/demo", seconds=2400)
    for study in ("healthy", "findings"):
        check(f"\n{study}\n  truth " in printed, printed)
    return printed


def demo_again(tree, environment=""):
    """The demo after a new configuration, which must need nothing that was not built before."""
    release = tree / "root/ctclip/build/release"
    (release / "CMakeCache.txt").unlink()
    for folder in release.glob("CMakeFiles/[0-9]*"):
        shutil.rmtree(folder)
    printed = demo(tree, environment)
    check("Configuring done" in printed and "Building CXX" not in printed, printed)


def add_strays(local):
    """Tools that fail if they are called, and packages that stop cmake if they are found."""
    for name in TOOLS:
        tool = local / "bin" / name
        tool.write_text('#!/bin/sh\necho "stray $0 was called" >&2\nexit 1\n')
        tool.chmod(0o755)
    for name in PACKAGES:
        folder = local / "lib/cmake" / name
        folder.mkdir(parents=True)
        (folder / f"{name}Config.cmake").write_text(f'message(FATAL_ERROR "stray {name}")\n')
    (local / "lib/pkgconfig").mkdir()
    (local / "lib/pkgconfig/libzip.pc").write_text("Name: libzip\nDescription: stray\nVersion: 99\nLibs: -lstray\n")


def main():
    with clean_tree() as tree:
        clone(tree / "root/ctclip")
        print(demo(tree)[-1500:], flush=True)
        run(tree, "apt-get install -q -y --no-install-recommends libgtest-dev")
        check(not (tree / "usr/include/gmock").exists(), "libgtest-dev brings GoogleMock: this tree shows nothing")
        demo_again(tree)
        add_strays(tree / "usr/local")
        demo_again(tree, STRAY)


if __name__ == "__main__":
    run_test(main)
