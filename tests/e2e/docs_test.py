"""README, the guides and every other document: their blocks run, their answers are as shown, their links lead somewhere.

Usage: docs_test.py CTCLIP [DOCUMENT...], the program that was built; all documents where none is named.

The blocks of a document run in order in one fresh folder, as a reader would type them. What they find there is in
docs_contexts.py. An HTML comment before a fence says what is special about it:

    <!-- not run: WHY; tested by FILE -->   for what cannot be run here, with the test that does it elsewhere
    <!-- background -->                     a program that stays until the end of the document: ctclip serve
    <!-- exit: 1 -->                        it ends with this status
    <!-- file: NAME -->                     the JSON is in this file rather than in what was printed
    <!-- output -->                         a text block: what the block before printed, but for numbers and values

A json block is what the block before it printed: the same keys and types. Needs requests, pandas, tqdm and port 8000.
"""

import contextlib
import io
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

from docs_contexts import CONTEXTS, Context
from docs_pages import Page, compare_translations, dead_links
from docs_shapes import difference, last_json, prints_as_shown
from service import ROOT, Service, default_models

SHOWN = {"", "text", "ini", "nginx", "yaml", "dockerfile", "cpp", "csv", "cmake"}  # languages that are never run
LINKED = ("api", "docs", "models", "packaging", "scripts", "tests", "training")
SECONDS = 600  # for one block


def require_free_port():
    """The documents name port 8000, so that no other will do."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 8000))
        except OSError as error:
            raise AssertionError(f"the documents' examples need port 8000: {error}") from error


class Studies:
    """Two phantoms, small ones, made once: what contexts hand out copies of."""

    def __init__(self, ctclip, folder):
        self.archives = [folder / "first.zip", folder / "second.zip"]
        self.folder = folder / "first"
        for seed, archive in enumerate(self.archives, start=1):
            subprocess.run([ctclip, "phantom", archive, "--seed", str(seed), "--matrix", "128", "--thickness", "5"],
                           check=True, capture_output=True)
        shutil.unpack_archive(self.archives[0], self.folder)

    def lay_out(self, context, folder):
        for name in context.studies:
            shutil.copy(self.archives[0], folder / name)
        for name in context.folders:
            shutil.copytree(self.folder, folder / name)
        if context.archives:
            (folder / "archives").mkdir()
            for archive in self.archives:
                shutil.copy(archive, folder / "archives")
            (folder / "archives/no_study.zip").write_text("This is no ZIP archive.\n")


class Sandbox:
    """A folder in which the blocks of one document run."""

    def __init__(self, ctclip, folder, context):
        self.folder, self.context = folder, context
        self.names = {"__name__": "__main__"}
        self.printed = ""
        self.background = contextlib.ExitStack()
        (folder / "bin").mkdir()
        (folder / "bin/python").symlink_to("/usr/bin/python3")
        (folder / "build/release").mkdir(parents=True)
        for place in ("bin", "build/release"):
            (folder / place / "ctclip").symlink_to(ctclip)
        for name in LINKED:
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)
        os.environ["PATH"] = f"{folder}/bin:{ORIGINAL_PATH}"

    def shell(self, text, status):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=self.folder, stdin=subprocess.DEVNULL,
                              text=True, capture_output=True, timeout=SECONDS, check=False)
        assert done.returncode == status, f"ended with {done.returncode}, not {status}:\n{done.stdout}{done.stderr}"
        self.printed = done.stdout

    def python(self, text):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.chdir(self.folder):
            exec(compile(text, "<document>", "exec"), self.names)  # noqa: S102 - it is the document's code
        self.printed = printed.getvalue()

    def serve(self, text):
        self.background.close()
        require_free_port()
        command = text.strip()
        assert "\n" not in command.replace("\\\n", ""), "a background block is one command"
        self.background.enter_context(Service(["bash", "-c", f"exec {command}"], self.folder))
        self.printed = ""

    def compare_json(self, shown, file):
        text = (self.folder / file).read_text(encoding="utf-8") if file else self.printed
        wrong = difference(last_json(shown), last_json(text))
        assert not wrong, f"{wrong}; it is\n{text}"

    def compare_text(self, shown):
        assert prints_as_shown(shown, self.printed), f"shown is\n{shown}\nprinted was\n{self.printed}"

    def run(self, block):
        """What was done with a block: "run", "compared", "shown", or "not run: why"."""
        text = block.text
        for example, real in self.context.replaced.items():
            text = text.replace(example, real)
        if block.mark == "not run":
            return excuse(block.value)
        if block.mark == "background":
            self.serve(text)
        elif block.language in ("sh", "bash"):
            self.shell(text, int(block.value) if block.mark == "exit" else 0)
        elif block.language == "python":
            self.python(text)
        elif block.language == "json" and block.mark in ("", "file"):
            self.compare_json(text, block.value)
            return "compared"
        elif block.mark == "output":
            self.compare_text(text)
            return "compared"
        else:
            assert block.language in SHOWN or block.mark == "shown", f"a block that cannot be run: {block.language}"
            return "shown"
        return "run"


def excuse(reason):
    found = re.fullmatch(r"(.+); tested by (\S+)", reason)
    assert found, f"expected 'WHY; tested by FILE', found '{reason}'"
    assert (ROOT / found.group(2)).is_file(), f"there is no {found.group(2)}"
    return f"not run: {reason}"


def prepared(block, context):
    """The block with what its context says about it, and the step, if there is one."""
    for step in context.steps:
        if step.text in block.text:
            if step.mark[0]:
                block.mark, block.value = step.mark
            return step
    return None


def run_block(sandbox, block):
    step = prepared(block, sandbox.context)
    if step:
        with contextlib.chdir(sandbox.folder):
            sandbox.names.update(step.names())
    outcome = sandbox.run(block)
    if step:
        assert step.prints in sandbox.printed, f"expected '{step.prints}' in\n{sandbox.printed}"
    return outcome


def run_page(page, name, ctclip, studies):
    """Runs a document's blocks; raises at the first that is wrong."""
    context = CONTEXTS.get(name, Context())
    for step in context.steps:
        count = sum(step.text in block.text for block in page.blocks)
        assert count == 1, f"{name}: {count} blocks with {step.text!r}"
    if not page.blocks:
        return
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(ctclip, pathlib.Path(folder).resolve(), context)
        studies.lay_out(context, sandbox.folder)
        with sandbox.background:
            if context.service:
                sandbox.serve("ctclip serve")
            for block in page.blocks:
                try:
                    outcomes.append(run_block(sandbox, block))
                except Exception as error:
                    raise AssertionError(f"{name}:{block.line}:\n{block.text}{error}") from error
    report(name, page, outcomes)


def report(name, page, outcomes):
    counts = [f"{outcomes.count(word)} {word}" for word in ("run", "compared", "shown")]
    excused = [(block.line, one) for block, one in zip(page.blocks, outcomes) if one.startswith("not run")]
    print(f"{name}: {', '.join(counts)}, {len(excused)} not run", flush=True)
    for line, why in excused:
        print(f"  line {line}: {why}", flush=True)


def check_texts(pages):
    """Links, translations, and that no probability goes without the warning."""
    assert not dead_links(pages.values()), "dead links:\n" + "\n".join(dead_links(pages.values()))
    for name, page in pages.items():
        if name.startswith("docs/ru/"):
            wrong = compare_translations(page, pages[name.replace("docs/ru/", "docs/en/")])
            assert not wrong, wrong
        if re.search(r"probabilit|вероятн", page.text, re.IGNORECASE):
            assert re.search(r"radiologist|рентгенолог", page.text), f"{name} shows probabilities without the warning"


def documents():
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md")),
             ROOT / "tests/data/user-guide.ru.md"]
    return {str(file.relative_to(ROOT)): Page(file) for file in files}


def main():
    ctclip = pathlib.Path(sys.argv[1]).resolve()
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost"
    os.environ["CTCLIP_MODELS"] = str(default_models())
    pages = documents()
    if len(sys.argv) == 2:
        check_texts({name: page for name, page in pages.items() if not name.startswith("tests/")})
    with tempfile.TemporaryDirectory() as folder:
        studies = Studies(ctclip, pathlib.Path(folder))
        for name in sys.argv[2:] or pages:
            run_page(pages[name], name, ctclip, studies)


ORIGINAL_PATH = os.environ["PATH"]

if __name__ == "__main__":
    main()
