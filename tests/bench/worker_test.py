"""Workers take turns, and one that fails says why."""

import sys
import tempfile
import unittest

import suite  # noqa: F401
import worker

ECHO = """
import sys
print("a library's own chatter")
print('{"ready": true, "start_seconds": 0.5}', flush=True)
for n, line in enumerate(sys.stdin):
    open(sys.argv[1], "a").write(sys.argv[2])
    print('{"seconds": %d}' % n, flush=True)
print('{"peak_memory_gib": 1.5}')
"""


class Workers(unittest.TestCase):
    def test_rounds_take_turns_and_a_warm_up_does_not_count(self):
        with tempfile.NamedTemporaryFile("r") as log:
            started = [worker.Worker([sys.executable, "-c", ECHO, log.name, name]) for name in "ab"]
            worker.take_turns(started, 2, warm_up=1)
            self.assertEqual(worker.seconds(started[0].rounds), [1, 2])
            self.assertEqual([one.end() for one in started], [1.5, 1.5])
            self.assertEqual(log.read(), "ababab")

    def test_one_that_cannot_start_says_why(self):
        with self.assertRaisesRegex(worker.Failed, "no such weights"):
            worker.Worker([sys.executable, "-c", "import sys; sys.exit('no such weights')"])

    def test_a_summary_keeps_every_round(self):
        self.assertEqual(worker.summary([3, 1, 2]), {"median": 2, "best": 1, "rounds": [3, 1, 2]})


if __name__ == "__main__":
    unittest.main()
