"""Tables say what was measured, and the check of a page sees a figure that is not from the report."""

import json
import pathlib
import tempfile
import unittest

import suite  # noqa: F401
import report


def one(median, best=None, **more):
    return {"median": median, "best": best or median, "rounds": [median], **more}


REPORT = {
    "machine": {"processor": "P", "cores": 2, "instructions": ["avx2"], "memory_gib": 8, "commit": "c", "date": "d",
                "load_before": 0.1, "load_after": 2.0},
    "stages": [{"precision": "f32", "threads": 2, "start_seconds": 3.0, "peak_memory_gib": 2.5,
                "peak": {"gflops": 200.0, "thread_gflops": 100.0}, "cpu_seconds": one(30.0),
                "stages": {"decode": one(1.0), "fusion": one(0.001), "ctclip": one(5.0, 4.0, gflop=400),
                           "supervised": one(4.0, gflop=400), "diffusion_classifier": one(8.0, gflop=800),
                           "total": one(18.5, 17.0)}}],
    "networks": [{"network": "encoder", "precision": "f32", "threads": 2, "gflop": 400.0,
                  "peak": {"gflops": 200.0, "thread_gflops": 100.0}, "skipped": [{"name": "onnxruntime", "why": "absent"}],
                  "contenders": [
                      {"name": "ctclip", "version": "ctclip", "variant": "", "seconds": one(4.0),
                       "cpu_seconds": one(8.0), "peak_memory_gib": 1.0},
                      {"name": "pytorch", "version": "PyTorch 9", "variant": "eager", "seconds": one(8.0),
                       "cpu_seconds": one(16.0), "ratios": [2.0, 1.9, 2.4], "cpu_ratios": [2.0, 2.0, 2.5],
                       "agreement": {"same_codes": 0.998}, "peak_memory_gib": 3.0}]}],
}


class Report(unittest.TestCase):
    def test_a_share_of_the_peak_is_of_the_best_seconds(self):
        self.assertIn("| CT-CLIP | 5.00 | 4.00 | 400 | 100 | 50 % |", report.markdown(REPORT))

    def test_the_study_counts_all_its_networks(self):
        self.assertIn("| **the study** | **18.50** | **17.00** | 1600 | 94 | 47 % |", report.markdown(REPORT))

    def test_a_busy_machine_is_named(self):
        busy = {**REPORT, "machine": {**REPORT["machine"], "load_before": 3.0}}
        self.assertIn("Others used this machine", report.markdown(busy))
        self.assertNotIn("Others used this machine", report.markdown(REPORT))

    def test_the_cpu_clock_has_its_own_share(self):
        self.assertIn("30.0 CPU seconds, 53 % of the peak by that clock.", report.markdown(REPORT))

    def test_a_stage_that_takes_no_time_has_no_row(self):
        self.assertNotIn("fusion", report.markdown(REPORT))

    def test_a_peer_has_its_ratio_its_agreement_and_a_missing_one_its_reason(self):
        text = report.markdown(REPORT)
        self.assertIn("| PyTorch 9, eager | 8.00 | 8.00 | 16.00 | 25 % | 2.00 (1.90 to 2.40) | 2.00 (2.00 to 2.50) "
                      "| 99.8 % of the codes | 3.0 |", text)
        self.assertIn("onnxruntime left out: absent.", text)

    def test_aims_say_what_is_reached_and_what_not(self):
        text = report.markdown(REPORT)
        self.assertIn("| CT-ViT encoder, f32: of the peak, CPU clock | 85% | 50.0% | **no** |", text)
        self.assertIn("| CT-ViT encoder, f32: times as quick as the fastest peer, CPU clock | 1.25 | 2.00 | yes |", text)
        self.assertIn("| a study, f32: times its GFLOP at the peak | 1.5 | 2.12 | **no** |", text)
        self.assertIn("| a study, f32: unzip, decode, prepare, s | 1.5 | 1.00 | yes |", text)
        self.assertIn("| a study, f32: peak memory, GiB | 5.0 | 2.5 | yes |", text)

    def test_what_was_not_measured_has_no_section(self):
        self.assertNotIn("### The service", report.markdown(REPORT))

    def test_a_page_is_filled_once_and_then_agrees(self):
        with tempfile.TemporaryDirectory() as folder:
            data, page = pathlib.Path(folder, "report.json"), pathlib.Path(folder, "page.md")
            data.write_text(json.dumps(REPORT), encoding="utf-8")
            page.write_text("Before\n<!-- bench -->\n<!-- end of bench -->\nAfter\n", encoding="utf-8")
            self.assertEqual(report.main(["--check", str(page), str(data)]), 1)
            report.main(["--into", str(page), str(data)])
            self.assertEqual(report.main(["--check", str(page), str(data)]), 0)
            text = page.read_text(encoding="utf-8")
            self.assertTrue(text.startswith("Before\n") and text.endswith("\nAfter\n"))
            page.write_text(text.replace("17.00", "16.00"), encoding="utf-8")
            self.assertEqual(report.main(["--check", str(page), str(data)]), 1)

    def test_without_a_report_a_page_may_hold_no_figures(self):
        with tempfile.TemporaryDirectory() as folder:
            data, page = pathlib.Path(folder, "report.json"), pathlib.Path(folder, "page.md")
            page.write_text("<!-- bench -->\n\n<!-- end of bench -->\n", encoding="utf-8")
            self.assertEqual(report.main(["--check", str(page), str(data)]), 0)
            page.write_text("<!-- bench -->\n\n17 s\n\n<!-- end of bench -->\n", encoding="utf-8")
            self.assertEqual(report.main(["--check", str(page), str(data)]), 1)

    def test_a_page_without_a_block_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            data, page = pathlib.Path(folder, "report.json"), pathlib.Path(folder, "page.md")
            data.write_text(json.dumps(REPORT), encoding="utf-8")
            page.write_text("nothing", encoding="utf-8")
            with self.assertRaises(SystemExit):
                report.main(["--check", str(page), str(data)])


if __name__ == "__main__":
    unittest.main()
