"""The Dockerfile's steps in a clean Debian 12, and what comes of them run as compose.yaml says.

No engine is needed. The image's own stage is taken step by step. Of the stage that builds the
package, which is what `make deb` does on this machine and would take minutes again, what is copied
is looked at; CTCLIP_CONTAINER_BUILD=1 takes its steps as well.
"""

import fnmatch
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import yaml

import dockerfile
from guide import blocks_in
from tree import CACHE, ENVIRONMENT, ROOT, check, clean_tree, contained, run, run_test

sys.path.insert(0, str(ROOT / "tests/e2e"))
from service import real_study  # noqa: E402

# Brings the loopback device up in a network namespace of its own, without any program of Debian's.
LOOPBACK = """import fcntl, socket, struct
with socket.socket() as s: fcntl.ioctl(s, 0x8914, struct.pack("16sH", b"lo", 0x1 | 0x40))"""


def service():
    """The one of compose.yaml; `state` is what its named volume lies on."""
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    (found,) = composed["services"].values()
    (name,) = composed["volumes"]
    (found["state"],) = (volume.split(":")[1] for volume in found["volumes"] if volume.startswith(f"{name}:"))
    return found


def check_compose(compose):
    check(compose["read_only"] is True and compose["cap_drop"] == ["ALL"], compose)
    check(compose["security_opt"] == ["no-new-privileges:true"], compose)
    check(all(port.startswith("127.0.0.1:") for port in compose["ports"]), compose["ports"])
    writable = [volume for volume in compose["volumes"] if not volume.endswith(":ro")]
    check(writable == [f"state:{compose['state']}"], compose["volumes"])
    unit = (ROOT / "packaging/ctclip.service.in").read_text(encoding="utf-8")
    check(f"TimeoutStopSec={compose['stop_grace_period']}in" in unit, "the unit stops otherwise")


def context(folder):
    """The build's context, as .dockerignore leaves it."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    found = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others"],
                           check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, found):
        top = pathlib.PurePath(name).parts[0]
        if top not in ignored and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def check_build_stage(stage):
    """What `make deb` of the context needs is in the context, but for the tests."""
    folder = CACHE / "context"
    shutil.rmtree(folder, ignore_errors=True)
    context(folder)
    for source, names, _ in dockerfile.copies(stage):
        check(source is None and all((folder / name).exists() for name in names), names)
    done = subprocess.run(["cmake", "--preset", "release", "-DCTCLIP_PACKAGE=ON"], cwd=folder,
                          capture_output=True, text=True, check=False)
    check(done.returncode == 0, done.stdout + done.stderr)
    for name in ("models/demo/bundle.json", "README.md", "CHANGELOG.md", "NOTICE", "docs"):
        check((folder / name).exists(), f".dockerignore leaves out {name}, which is installed")
    shutil.rmtree(folder)


def build(tree, stage):
    """The first stage in full; returns the package that it leaves."""
    source = tree / "src"
    source.mkdir()
    context(source)
    for rest in (rest for name, rest in stage if name == "RUN"):
        run(tree, f"cd /src\n{rest}")
    return next(source.glob("build/packages/ctclip_*.deb"))


def package_of(stage):
    if os.environ.get("CTCLIP_CONTAINER_BUILD") == "1":
        with clean_tree() as tree:
            return shutil.copy(build(tree, stage), CACHE)
    check_build_stage(stage)
    subprocess.run(["make", "-C", ROOT, "deb"], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    return max(CACHE.glob("ctclip_*.deb"), key=os.path.getmtime)


def make_image(tree, stage, package):
    for source, names, target in dockerfile.copies(stage):
        check(source == "build" and target.endswith("/"), (source, target))
        built = f"/src/build/packages/{package.name}"
        check(all(fnmatch.fnmatch(built, name) for name in names), names)
        shutil.copy(package, tree / target.strip("/"))
    for rest in (rest for name, rest in stage if name == "RUN"):
        run(tree, rest)


class Container:
    """`with`: the image's command as compose.yaml runs it, as process 1 of its own namespaces."""

    def __init__(self, tree, stage, compose):
        (tmpfs,) = compose["tmpfs"]
        folder, options = tmpfs.split(":")
        user, group = dockerfile.only(stage, "USER").split(":")
        state = f'"$TREE{compose["state"]}"'
        setup = (f'mount -t tmpfs -o {options} tmpfs "$TREE{folder}"\nmount --bind {state} {state}\n'
                 'mount -o remount,bind,ro "$TREE"')
        confined = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups",
                    "--bounding-set=-all", "--no-new-privs"]
        command = contained(tree, confined + dockerfile.command(stage), "--net", setup=setup)
        environment = {**ENVIRONMENT, **dockerfile.environment(stage), **compose["environment"]}
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         text=True)
        self._confined = confined

    def __enter__(self):
        children = pathlib.Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        while not children.read_text().strip():
            time.sleep(0.05)
        self.init = int(children.read_text())
        subprocess.run(["nsenter", "--target", str(self.init), "--net", sys.executable, "-c",
                        LOOPBACK], check=True)
        return self

    def run(self, script):
        """(status, output) of a shell script in the container, as its user."""
        inside = ["nsenter", "--target", str(self.init), "--mount", "--pid", "--net", "--root",
                  "--wd", *self._confined]
        done = subprocess.run([*inside, "sh", "-c", script], env=ENVIRONMENT, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              timeout=300)
        return done.returncode, done.stdout + done.stderr

    def stop(self):
        """As `docker stop` does; the exit status."""
        os.kill(self.init, signal.SIGTERM)
        return self._process.wait(60)

    def __exit__(self, *_):
        # Another user's process does not die with unshare, its parent.
        if self._process.poll() is None:
            os.kill(self.init, signal.SIGKILL)
        print(self._process.communicate()[0])


def await_health(container, command):
    deadline = time.monotonic() + 60
    while (answer := container.run(command))[0] != 0:
        check(time.monotonic() < deadline, f"{command}: {answer}")
        time.sleep(0.3)
    check(json.loads(answer[1]) == {"status": "healthy"}, answer)


def check_service(container, health):
    await_health(container, health)
    status, told = container.run("curl -sf --retry 60 http://127.0.0.1:8000/ready && "
                                 "curl -sf -F file=@/study.zip http://127.0.0.1:8000/predict")
    answer = json.loads(told[told.index('{"study_uid"'):]) if status == 0 else told
    check(status == 0 and answer["processing_status"] == "Success", answer)
    check("not for patients" in answer["bundle"], answer)
    status, told = container.run("touch /anywhere /usr/bin/it")
    check(status != 0 and "Read-only" in told, told)
    status, told = container.run("ctclip history list --state /var/lib/ctclip")
    check(status == 0 and " done " in told, told)
    check(container.stop() == 0, "SIGTERM did not end the service well")


def check_guide(compose):
    """What the guide shows for an engine is what is tried here: context, name, variable."""
    (block,) = blocks_in("container")
    check("docker build -t ctclip .\n" in block, block)
    check((compose["image"], compose["build"]) == ("ctclip", "."), compose)
    check(any("${CTCLIP_MODELS_DIR:-" in volume for volume in compose["volumes"]), compose["volumes"])
    check("CTCLIP_MODELS_DIR=" in block and "docker compose up" in block, block)


def main():
    study, compose = real_study(), service()
    check_compose(compose)
    check_guide(compose)
    build_stage, image = dockerfile.stages(ROOT / "Dockerfile")
    check(dockerfile.environment(image)["CTCLIP_STATE"] == compose["state"], compose["state"])
    with clean_tree() as tree:
        package = pathlib.Path(package_of(build_stage))
        make_image(tree, image, package)
        options, health = dockerfile.health(image)
        check(set(options) == {"interval", "timeout", "start-period"}, options)
        shutil.copy(study, tree / "study.zip")
        models = compose["volumes"][0].split(":-")[1].split("}")[0]
        shutil.copytree(ROOT / models, tree / compose["environment"]["CTCLIP_MODELS"].strip("/"))
        with Container(tree, image, compose) as container:
            check_service(container, health)


if __name__ == "__main__":
    run_test(main)
