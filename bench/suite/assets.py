"""What is measured with: a bundle of random weights, a phantom's study in several sizes, its volume.

Everything is made once and kept under build/bench/cache.
"""

import subprocess
import zipfile

SIZES = (20, 50, 100, 200, 300, 450, 600)
USUAL = 300
FINEST_MM = 0.5  # between slices of the study that the others are thinned out of


class Assets:
    def __init__(self, root, models=None):
        self.cache = root / "build" / "bench" / "cache"
        self.cache.mkdir(parents=True, exist_ok=True)
        self.program = root / "build" / "release" / "ctclip"
        self.bench = root / "build" / "release" / "ctclip_bench"
        self.models = models or self.cache / "models"
        if not (self.models / "bundle.json").exists():
            self._run("models", "random", self.models, "--full-size")

    def _run(self, *words):
        subprocess.run([str(self.program), *map(str, words)], check=True, stdout=subprocess.DEVNULL)

    def _made(self, name, make):
        path = self.cache / name
        if not path.exists():
            part = path.with_name("part_" + name)
            part.unlink(missing_ok=True)
            make(part)
            part.rename(path)
        return path

    def finest(self):
        return self._made("finest.zip", lambda path: self._run(
            "phantom", path, "--seed", 1, "--no-localizer", "--kernel", "lung", "--finding", "nodule",
            "--thickness", FINEST_MM, "--increment", FINEST_MM, "--dose", 1))

    def sizes(self):
        with zipfile.ZipFile(self.finest()) as archive:
            most = len(slices_of(archive))
        return [size for size in SIZES if size <= most]

    def study(self, slices=USUAL, method=zipfile.ZIP_DEFLATED):
        """So many slices, evenly spaced: every n-th of the finest study's, from its middle."""
        stored = "stored" if method == zipfile.ZIP_STORED else "deflated"
        return self._made(f"{slices}_{stored}.zip", lambda path: thin_out(self.finest(), path, slices, method))

    def volume(self):
        return self._made("volume.npy", lambda path: self._run("export", self.study(), "--tensor", path))

    def slices(self):
        return self._made("slices.npy", lambda path: subprocess.run(
            [self.bench, "write-slices", "--models", self.models, "--volume", self.volume(), "--output", path],
            check=True))


def slices_of(archive):
    return sorted(name for name in archive.namelist() if not name.endswith((".json", "/", "DICOMDIR")))


def thin_out(source, target, slices, method):
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w", method) as out:
        names = slices_of(archive)
        step = len(names) // slices
        first = (len(names) - step * slices) // 2
        for name in names[first:first + step * slices:step]:
            out.writestr(zipfile.ZipInfo(name), archive.read(name), method)
