"""Section "bf16 against f32" against cases worked out by hand, and that bench/precision.py goes on where it stopped."""

import argparse
import json
import struct
import tempfile
import unittest
from pathlib import Path

import precision
import precision_report as report


def answer(probability, ctclip=0.5, named="nodule"):
    return {"probability_of_pathology": probability, "pathology": int(probability >= 0.4), "precision": "",
            "most_dangerous_pathology_type": named,
            "probabilities": {"ctclip": {"nodule": ctclip}, "supervised": {"cancer": 0.25}, "slices": {"4": 0.125}}}


def row(seed, f32, bf16, findings=(), **more):
    return {"seed": seed, "findings": list(findings), "f32": f32, "bf16": bf16, **more}


ROWS = [row(1, answer(0.9), answer(0.8, 0.75), ["nodule"]), row(2, answer(0.39), answer(0.41, named="none")),
        row(3, answer(0.2), answer(0.2))]


class Differences(unittest.TestCase):
    def test_their_sizes_are_summed_up(self):
        self.assertEqual(report.spread([-0.5, 0.25, 0, 0]), ["4", "0.1875", "0", "0.5000", "0.5000", "0.5000"])

    def test_a_percentile_is_a_value_that_so_many_do_not_exceed(self):
        ordered = [v / 100 for v in range(1, 101)]
        self.assertEqual([report.percentile(ordered, p) for p in (0.5, 0.95, 0.99)], [0.5, 0.95, 0.99])
        self.assertEqual(report.percentile([7], 0.5), 7)

    def test_every_probability_is_in_the_table(self):
        text = report.probabilities(ROWS)
        self.assertIn("| fusion: `probability_of_pathology` | 3 | 0.0400 | 0.0200 | 0.1000 | 0.1000 | 0.1000 |", text)
        self.assertIn("| CT-CLIP | 3 | 0.0833 | 0 | 0.2500 |", text)
        self.assertIn("| supervised model | 3 | 0 | 0 |", text)
        self.assertIn("| slice classifier, by slice | 3 | 0 | 0 |", text)

    def test_answers_of_other_pathologies_are_not_compared(self):
        other = answer(0.9)
        other["probabilities"]["ctclip"] = {"cyst": 0.5}
        with self.assertRaises(ValueError):
            report.differences(row(1, answer(0.9), other), "ctclip")


class Decisions(unittest.TestCase):
    def test_flips_and_auroc_are_judged_by_the_goals(self):
        text = report.decisions(ROWS)
        self.assertIn("flips in 1 of 3 studies", text)
        self.assertIn("0.5 % at most: not reached", text)
        self.assertIn("is another in 1", text)
        self.assertIn("AUROC 1.0000 in f32, 1.0000 in bf16; the goal is a difference of 0.002 at most: reached", text)
        worse = [row(1, answer(0.9), answer(0.1), ["nodule"]), row(2, answer(0.2), answer(0.2))]
        self.assertIn("not reached, it is 1.0000", report.decisions(worse))

    def test_one_flip_in_200_is_within_the_goal(self):
        many = ROWS[1:2] + [row(i, answer(0.2), answer(0.2)) for i in range(199)]
        self.assertIn("0.5 % at most: reached", report.decisions(many))
        self.assertNotIn("AUROC", report.decisions(many))  # nobody has a finding


class Latents(unittest.TestCase):
    def test_their_angle(self):
        self.assertAlmostEqual(report.angle([1, 0], [0, 2]), 90)
        self.assertAlmostEqual(report.angle([1, 0], [1, 1e-6]), 5.73e-5, 7)

    def test_are_in_the_section_where_they_were_taken(self):
        values = {"f32": {"ctclip": [1, 0], "supervised": [1, 0]}, "bf16": {"ctclip": [0, 1], "supervised": [1, 0]}}
        text = report.section([row(1, answer(0.9), answer(0.8), latents=values), *ROWS[1:]], None)
        self.assertIn("clinical size, 1 phantom:", text)
        self.assertIn("at most 90.00 degrees apart", text)
        self.assertNotIn("degrees", report.section(ROWS, None))

    def test_npy_as_it_is_written(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.npy"
            header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"
            path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack("<2f", 1.5, -2))
            self.assertEqual(report.read_npy(path), [1.5, -2])
            path.write_bytes(path.read_bytes()[:-4])
            with self.assertRaises(ValueError):
                report.read_npy(path)


class Page(unittest.TestCase):
    def test_the_section_replaces_the_old_one_and_nothing_else(self):
        first = report.put("# Page\n\ntext\n", report.section(ROWS, None))
        self.assertTrue(first.startswith("# Page\n\ntext\n\n" + report.BEGIN))
        again = report.put(first + "\n## More\n", report.section(ROWS[:1], row(0, answer(0.3), answer(0.31))))
        self.assertEqual(again.count(report.BEGIN), 1)
        self.assertTrue(again.endswith(report.END + "\n\n## More\n"))
        self.assertIn("1 phantoms of seeds that nothing was trained on or chosen by, and one real study", again)
        self.assertIn("0.3000 in f32, 0.3100 in bf16", again)
        self.assertEqual(report.put(again, report.kept(again)), again)
        self.assertEqual(report.put("# Page\n", report.kept("# Page without one\n")), "# Page\n")


class Resuming(unittest.TestCase):
    def test_only_what_is_not_answered_is_left_to_do(self):
        with tempfile.TemporaryDirectory() as folder:
            results = Path(folder) / "results.jsonl"
            options = argparse.Namespace(count=4, matrix=256)
            self.assertEqual(len(precision.missing(options, results)), 4)
            done = [json.dumps({"seed": precision.FIRST_SEED + i}) for i in (0, 2, 1)]
            results.write_text("\n".join(done[:2]) + "\n" + done[2][:9])  # killed while it wrote
            left = [job.seed - precision.FIRST_SEED for job in precision.missing(options, results)]
            self.assertEqual(left, [1, 3])
            self.assertEqual(results.read_text(), "\n".join(done[:2]) + "\n")


if __name__ == "__main__":
    unittest.main()
