"""The figures of docs/accuracy.md against cases worked out by hand."""

import unittest

import accuracy_figures as figures


def row(probability, findings=(), shap=None, supervised=None, ctclip=None):
    details = {
        "probabilities": {"supervised": supervised or {}, "ctclip": ctclip or {}},
        "shap": shap or {},
        "features": {},
    }
    return {"answer": {"probability_of_pathology": probability, "details": details}, "findings": list(findings)}


SICK = [{"name": "nodule", "supervised": "", "prompt": "Pulmonary nodule"}]


class Auroc(unittest.TestCase):
    def test_pairs_in_order_count_one_and_ties_a_half(self):
        self.assertEqual(figures.auroc([0.9, 0.8], [0.1, 0.2]), 1)
        self.assertEqual(figures.auroc([0.1], [0.9]), 0)
        self.assertEqual(figures.auroc([0.5, 0.7], [0.5, 0.6]), (0.5 + 0 + 1 + 1) / 4)

    def test_the_interval_holds_the_value_and_shrinks_with_more_studies(self):
        few = figures.auroc_interval([0.4, 0.6, 0.8], [0.3, 0.5, 0.7], 400)
        many = figures.auroc_interval([0.4, 0.6, 0.8] * 20, [0.3, 0.5, 0.7] * 20, 400)
        value = figures.auroc([0.4, 0.6, 0.8], [0.3, 0.5, 0.7])
        for low, high in (few, many):
            self.assertLessEqual(low, value)
            self.assertGreaterEqual(high, value)
        self.assertLess(many[1] - many[0], few[1] - few[0])


class Shares(unittest.TestCase):
    def test_wilsons_interval_as_published(self):
        low, high = figures.share_interval(81, 263)
        self.assertAlmostEqual(low, 0.2553, 3)
        self.assertAlmostEqual(high, 0.3662, 3)


class Calibration(unittest.TestCase):
    def test_brier_and_calibration_error(self):
        rows = [row(0.05), row(0.05), row(0.95, SICK), row(0.95)]
        self.assertAlmostEqual(figures.brier(rows), (3 * 0.05**2 + 0.95**2) / 4)
        self.assertAlmostEqual(figures.expected_calibration_error(rows), (2 * 0.05 + 2 * 0.45) / 4)

    def test_a_probability_of_one_lies_in_the_last_bin(self):
        self.assertEqual(figures.reliability([row(1.0, SICK)]), [(0.9, 1.0, 1, 1.0, 1.0)])


class NamedPathology(unittest.TestCase):
    SUPERVISED = {"covid": 0.2, "cancer": 0.6}
    CTCLIP = {"Pulmonary nodule": 0.4}

    def named(self, shap):
        return figures.named_pathology(row(0.9, SICK, shap, self.SUPERVISED, self.CTCLIP))

    def test_the_largest_contribution_but_never_that_of_another_feature(self):
        shap = {"supervised_covid": 0.1, "ctclip_Pulmonary nodule": 0.3, "diffusion_classifier_mean_probability": 2}
        self.assertEqual(self.named(shap), ("ctclip", "Pulmonary nodule"))

    def test_the_highest_probability_where_nothing_contributes(self):
        self.assertEqual(self.named({"supervised_covid": -0.1, "supervised_cancer": -0.2}), ("supervised", "cancer"))

    def test_it_is_there_by_the_name_that_its_detector_uses(self):
        self.assertTrue(figures.is_there(row(0.9, SICK), ("ctclip", "Pulmonary nodule")))
        self.assertFalse(figures.is_there(row(0.9, SICK), ("supervised", "cancer")))


if __name__ == "__main__":
    unittest.main()
