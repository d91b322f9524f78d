"""Many studies cost no more memory than few, and a study's own cost does not grow with them.

Usage: batch_memory_test.py CTCLIP, the program that was built.

The service here is a stand-in that answers at once, so that what is measured is the client.
"""

import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import batch_studies

FEW, MANY = 10, 1000
# What may differ: the cache of the one database that is open at a time, 2 MB
# (src/batch/scratch_database.h), and the buffers of discovery (256 paths and headers). The rows of
# 1,000 studies with their details would be 1,000 x 72 names and numbers, 4 MB as JSON and twice that
# in memory.
ALLOWED_KB = 3_000

PROBABILITIES = {f"Pathology {i:02} of a model": 0.5 for i in range(70)}
ANSWER = json.dumps({
    "study_uid": "1.2.3", "series_uid": "1.2.3.4", "probability_of_pathology": 0.25, "pathology": 0,
    "most_dangerous_pathology_type": "No significant pathology", "processing_status": "Success",
    "time_of_processing": 0.1, "details": {"probabilities": {"ctclip": PROBABILITIES},
                                           "bundle": {"sha256": "abc"}}}).encode()


class StandIn(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        # In one piece: two would wait for each other (Nagle, delayed acknowledgement).
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
        self.wfile.write(head.encode() + ANSWER)

    def log_message(self, *_):
        pass


def peak_of(ctclip, url, studies, output):
    """Peak resident memory in KB of a whole batch, and its seconds."""
    command = ["/usr/bin/python3", "-c",
               "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]).returncode;"
               "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done)",
               ctclip, "batch", "--input-dir", studies, "--output", output, "--api-url", url, "--details"]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    seconds = time.monotonic() - began
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return int(done.stdout.split()[-1]), seconds


def main():
    ctclip = pathlib.Path(sys.argv[1]).resolve()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        peaks = {}
        for count in (FEW, MANY):
            batch_studies.write_tiny(folder / str(count), count)
            for ending in ("xlsx", "csv"):
                output = folder / f"{count}.{ending}"
                peaks[count, ending], seconds = peak_of(ctclip, url, folder / str(count), output)
                print(f"{count} studies, {ending}: peak {peaks[count, ending]} KB, {seconds:.1f} s, "
                      f"{count / seconds:.0f} studies/s")
    for ending in ("xlsx", "csv"):
        more = peaks[MANY, ending] - peaks[FEW, ending]
        assert more < ALLOWED_KB, f"{ending}: {MANY} studies take {more} KB more than {FEW}"


if __name__ == "__main__":
    main()
