"""The clang-tidy runner finds what is planted, and looks again at what has changed."""

import io
import json
import pathlib
import tempfile
import unittest

import tidy

CHECKS = "Checks: '-*,performance-for-range-copy'\nWarningsAsErrors: '*'\n"
COPY = ("struct Big { char bytes[100]; Big(const Big&); };\nstruct Row { Big* begin(); Big* end(); };\n"
        "inline int count(Row& row) {\n  int n = 0;\n  for (Big big : row) n += big.bytes[0];\n"
        "  return n;\n}\n")


class Tidy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        self.build = self.root / "build"
        for path in (self.build, self.root / "src"):
            path.mkdir()
        (self.root / ".clang-tidy").write_text(CHECKS + "HeaderFilterRegex: 'src/.*'\n")
        self.write("a.h", "inline int one() { return 1; }\n")
        self.write("a.cc", '#include "a.h"\nint two() { return one() + one(); }\n')
        (self.build / "compile_commands.json").write_text(json.dumps([
            {"directory": str(self.root), "file": str(self.root / "src/a.cc"),
             "command": "c++ -std=c++20 -c src/a.cc"}]))

    def write(self, name, text):
        (self.root / "src" / name).write_text(text)

    def check(self):
        out = io.StringIO()
        return tidy.check(self.root, self.build, out), out.getvalue()

    def test_a_finding_is_told_and_never_remembered_as_good(self):
        self.write("a.cc", COPY)
        for _ in range(2):
            bad, told = self.check()
            self.assertEqual(bad, 1)
            self.assertIn("performance-for-range-copy", told)

    def test_a_clean_file_is_not_checked_twice(self):
        self.assertIn("1 files checked, 0 unchanged", self.check()[1])
        self.assertIn("0 files checked, 1 unchanged", self.check()[1])

    def test_a_changed_header_is_checked_again(self):
        self.assertEqual(self.check()[0], 0)
        self.write("a.h", COPY + "inline int one() { return 1; }\n")
        self.assertEqual(self.check()[0], 1)

    def test_a_file_that_does_not_compile(self):
        self.write("a.cc", "int two( {\n")
        self.assertEqual(self.check()[0], 1)


if __name__ == "__main__":
    unittest.main()
