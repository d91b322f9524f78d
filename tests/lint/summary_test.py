"""The count at the end of scripts/test: every case once, and nothing that broke is left out."""

import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "scripts"))
import summarise_tests  # noqa: E402


def case(name, result="COMPLETED", failures=()):
    status = "NOTRUN" if result == "SUPPRESSED" else "RUN"
    return {"name": name, "status": status, "result": result,
            **({"failures": list(failures)} if failures else {})}


class Summary(unittest.TestCase):
    def summarise(self, ctest, gtest):
        with tempfile.TemporaryDirectory() as folder:
            results = pathlib.Path(folder)
            (results / "gtest").mkdir()
            if ctest is not None:
                (results / "ctest.xml").write_text(f"<testsuite>{ctest}</testsuite>")
            for name, cases in gtest.items():
                text = cases if isinstance(cases, str) else json.dumps(
                    {"testsuites": [{"name": "Suite", "testsuite": cases}]})
                (results / "gtest" / f"{name}.json").write_text(text)
            counts, failures = summarise_tests.summarise(results)
            return counts["passed"], counts["failed"], counts["skipped"], failures

    def test_cases_and_plain_entries_are_added_up(self):
        found = self.summarise(
            '<testcase name="a_test" status="run"/><testcase name="lint" status="run"/>',
            {"a_test": [case("x"), case("y"), case("z", "SKIPPED"), case("w", "SUPPRESSED")]})
        self.assertEqual(found, (3, 0, 2, []))

    def test_a_failed_case_counts_once(self):
        found = self.summarise('<testcase name="a_test" status="fail"><failure/></testcase>',
                               {"a_test": [case("x"), case("y", failures=[{"failure": "no"}])]})
        self.assertEqual(found, (1, 1, 0, ["a_test: Suite.y"]))

    def test_a_crash_without_a_report(self):
        found = self.summarise('<testcase name="a_test" status="fail"><failure/></testcase>', {})
        self.assertEqual(found[:2], (0, 1))

    def test_a_crash_after_good_cases(self):
        found = self.summarise('<testcase name="a_test" status="fail"><failure/></testcase>',
                               {"a_test": [case("x")]})
        self.assertEqual(found[:2], (1, 1))

    def test_a_report_cut_short(self):
        found = self.summarise('<testcase name="a_test" status="run"/>', {"a_test": '{"testsui'})
        self.assertEqual(found[:2], (0, 1))

    def test_skipped_and_missing_are_not_the_same(self):
        found = self.summarise(
            '<testcase name="s" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>'
            '<testcase name="m" status="notrun"><skipped message="Unable to find executable"/>'
            '</testcase><testcase name="d" status="disabled"/>', {})
        self.assertEqual(found[:3], (0, 1, 2))

    def test_ctest_that_was_stopped(self):
        found = self.summarise(None, {"a_test": [case("x")]})
        self.assertEqual(found[:2], (1, 1))


if __name__ == "__main__":
    unittest.main()
