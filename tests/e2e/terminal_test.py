"""Progress and lines on one terminal: no line holds both, and nothing is lost. A service that is not there is named at once.

Usage: terminal_test.py CTCLIP, the program that was built.
"""

import fcntl
import os
import pathlib
import pty
import re
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

from service import ROOT, free_port

MODELS = ROOT / "tests/data/tiny"
COLUMNS = 70


class OnTerminal:
    """A program whose stderr, and stdout if nothing else is wanted, is a pseudo-terminal. `said`: [(seconds, bytes)]."""

    def __init__(self, *command, stdout=None):
        reader, writer = pty.openpty()
        fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        self.began, self.said = time.monotonic(), []
        self.program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout or writer, stderr=writer)
        os.close(writer)
        self._reader = threading.Thread(target=self._read, args=[reader], daemon=True)
        self._reader.start()

    def _read(self, terminal):
        try:
            while block := os.read(terminal, 65536):
                self.said.append((time.monotonic() - self.began, block))
        except OSError:  # how a pseudo-terminal ends
            pass
        os.close(terminal)

    def end(self, status=0):
        found = self.program.wait(120)
        self._reader.join(60)
        assert found == status, f"status {found}: {self.text()}"
        return self.text()

    def text(self):
        return b"".join(block for _, block in self.said).decode()


def screen(text):
    """(what a terminal shows in the end, what any of its lines ever held)."""
    lines, ever, column = [""], [], 0
    for token in re.findall(r"\x1b\[K|[^\x1b]", text):
        if token == "\x1b[K":
            ever.append(lines[-1])
            lines[-1] = lines[-1][:column]
        elif token == "\r":
            column = 0
        elif token == "\n":
            ever.append(lines[-1])
            lines.append("")
            column = 0
        else:
            lines[-1] = lines[-1][:column] + token + lines[-1][column + 1:]
            column += 1
            assert column <= COLUMNS or lines[-1][0] != "[", f"the bar wraps: {lines[-1]}"
    return lines, [*ever, lines[-1]]


def check_batch_in_process(ctclip, studies, folder):
    """The models' line comes while the bar is shown."""
    said = OnTerminal(ctclip, "batch", "--models", MODELS, "--input-dir", studies, "--any-anatomy",
                      "--output", folder / "a.csv").end()
    shown, ever = screen(said)
    bars = [line for line in ever if line.startswith("[")]
    assert any("0/2 studies" in line for line in bars) and any("2/2 studies, 2 ok" in line for line in bars), said
    models = [line for line in ever if "info models:" in line]
    assert models and all(re.match(r"\d{4}-\d\d-\d\dT", line) and "studies" not in line for line in models), ever
    assert sum("2/2 studies, 2 ok" in line for line in shown) == 1, shown
    assert said.index("0/2 studies") < said.index("not for patients") < said.index("2/2 studies"), said


def check_predict(ctclip, studies):
    """Two studies of which one has progress while the other's answer is printed, and warnings."""
    said = OnTerminal(ctclip, "predict", "--models", MODELS, "--any-anatomy", *sorted(studies.iterdir())).end()
    shown, ever = screen(said)
    assert any(re.match(r"[01]\.zip: \w+", line) for line in ever), "no progress was shown"
    for line in ever:
        assert "{" not in line or line.startswith("{"), f"an answer shares a line: {line}"
        assert "arning: " not in line or line.startswith("ctclip: warning: "), f"a warning shares a line: {line}"
    assert sum(line.startswith("{") for line in shown) == 2, shown


def check_absent_service(ctclip, studies, folder):
    url = f"http://127.0.0.1:{free_port()}"
    options = ["batch", "--api-url", url, "--input-dir", studies, "--retries", "1"]
    expected = f"waiting for {url}: connection refused; trying again for up to 1 s"
    waiting = OnTerminal(ctclip, *options, "--output", folder / "b.csv")
    said = waiting.end(status=1)
    told = [at for at, block in waiting.said if expected.encode() in block]
    assert told and told[0] < 2, f"{told}: {said}"
    shown, ever = screen(said)
    lines = [line for line in ever if "waiting for" in line]
    assert len(lines) == 1 and lines[0].endswith(expected) and "studies" not in lines[0], lines
    assert any(line.startswith("ctclip: stopped: The service cannot be reached") for line in shown), shown
    done = subprocess.run([ctclip, *options, "--output", folder / "c.csv"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 1 and done.stderr.count("waiting for") == 1, done.stderr
    assert f"tried 2 times: {url}: connection refused." in done.stderr, done.stderr


def check_silent_service(ctclip, studies, folder):
    """A port that neither refuses nor takes a connection: its queue is full."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fill = [socket.socket() for _ in range(4)]
        for one in fill:
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        waiting = OnTerminal(ctclip, "batch", "--api-url", url, "--input-dir", studies, "--retries", "0",
                             "--output", folder / "d.csv")
        deadline = time.monotonic() + 30
        while "no connection yet" not in waiting.text() and time.monotonic() < deadline:
            time.sleep(0.05)
        told = [at for at, block in waiting.said if f"waiting for {url}: no connection yet".encode() in block]
        assert told and told[0] < 2.5, f"{told}: {waiting.text()}"
        waiting.program.kill()
        waiting.end(status=-9)
        for one in fill:
            one.close()


def main():
    ctclip = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        studies = folder / "studies"
        studies.mkdir()
        for seed in (0, 1):
            subprocess.run([ctclip, "phantom", studies / f"{seed}.zip", "--seed", str(seed), "--matrix", "64", "--thickness",
                            "3", "--kernel", "soft"], check=True, capture_output=True)
            (studies / f"{seed}.json").unlink()
        check_batch_in_process(ctclip, studies, folder)
        check_predict(ctclip, studies)
        check_absent_service(ctclip, studies, folder)
        check_silent_service(ctclip, studies, folder)


if __name__ == "__main__":
    main()
