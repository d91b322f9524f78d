"""The fitted line, percentiles, and studies thinned out of a finer one."""

import pathlib
import tempfile
import unittest
import zipfile

import suite  # noqa: F401
import assets
import cost
import service


class Cost(unittest.TestCase):
    def test_points_on_a_line_give_it_back(self):
        constant, slope = cost.line([(20, 0.14), (100, 0.30), (600, 1.30)])
        self.assertAlmostEqual(constant, 0.1)
        self.assertAlmostEqual(slope, 0.002)

    def test_a_line_lies_between_points_that_are_on_none(self):
        constant, slope = cost.line([(0, 0), (1, 2), (2, 1)])
        self.assertAlmostEqual(constant, 0.5)
        self.assertAlmostEqual(slope, 0.5)

    def test_percentiles_are_values_that_were_measured(self):
        self.assertEqual(service.percentile([3, 1, 2], 0.95), 3)
        self.assertEqual(service.percentile(list(range(1, 101)), 0.95), 95)
        self.assertEqual(service.percentile([7], 0.95), 7)

    def test_thinned_slices_are_evenly_spaced_and_from_the_middle(self):
        with tempfile.TemporaryDirectory() as folder:
            source, target = pathlib.Path(folder, "a.zip"), pathlib.Path(folder, "b.zip")
            with zipfile.ZipFile(source, "w") as archive:
                for i in reversed(range(1, 24)):
                    archive.writestr(f"s/IM{i:04}.dcm", str(i) * 100)
            assets.thin_out(source, target, 5, zipfile.ZIP_DEFLATED)
            with zipfile.ZipFile(target) as archive:
                self.assertEqual([name[-6:-4] for name in archive.namelist()], ["02", "06", "10", "14", "18"])
                self.assertEqual(archive.infolist()[0].compress_type, zipfile.ZIP_DEFLATED)
                self.assertEqual(archive.read("s/IM0006.dcm"), b"6" * 100)


if __name__ == "__main__":
    unittest.main()
