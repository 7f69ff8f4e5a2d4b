# SPDX-License-Identifier: Apache-2.0
"""Parts of k7_report_lib on their own. Run: /usr/bin/python3 -m unittest discover -s tests/tools"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run_folder as rf  # noqa: E402
from run_folder import RunFolderTest  # noqa: E402

sys.path.insert(0, str(rf.TOOLS))
from k7_report_lib import figure, results, samples  # noqa: E402


class DetStatistics(RunFolderTest):
    def test_blocks_give_what_numpy_gives_at_once(self) -> None:
        self.folder.mkdir()
        metric = rf.metrics(1000)
        rf.write_samples(self.folder / "samples.h5", metric)
        determinant = np.linalg.det(metric)

        whole, original = samples.det_statistics(self.folder / "samples.h5"), samples.BLOCK_BYTES
        self.addCleanup(setattr, samples, "BLOCK_BYTES", original)
        samples.BLOCK_BYTES = 37 * 49 * 8
        found = samples.det_statistics(self.folder / "samples.h5")

        self.assertEqual((found.n_samples, found.minimum, found.maximum),
                         (1000, determinant.min(), determinant.max()))
        self.assertAlmostEqual(found.mean, determinant.mean(), delta=1e-13)
        self.assertAlmostEqual(found.std, determinant.std(), delta=1e-13)
        np.testing.assert_array_equal(found.counts, np.histogram(determinant, bins=50)[0])
        np.testing.assert_array_equal(found.counts, whole.counts)

    def test_equal_values_have_no_spread(self) -> None:
        self.folder.mkdir()
        rf.write_samples(self.folder / "samples.h5", rf.metrics(333, spread=0))

        found = samples.det_statistics(self.folder / "samples.h5")

        self.assertEqual((found.std, found.counts.tolist(), found.is_constant), (0.0, [333], True))


    def test_a_wide_range_has_bins_of_equal_ratio_and_loses_no_sample(self) -> None:
        self.folder.mkdir()
        determinant = np.exp(np.random.default_rng(4).uniform(-4, 5, 777))
        rf.write_samples(self.folder / "samples.h5", determinant[:, None, None] ** (1 / 7) * np.eye(7))

        found = samples.det_statistics(self.folder / "samples.h5")

        self.assertEqual(found.counts.sum(), 777)
        np.testing.assert_allclose(np.diff(np.log(found.edges)), np.log(found.maximum / found.minimum) / 50)

    def test_another_unit_of_det_g(self) -> None:
        self.folder.mkdir()
        rf.write_samples(self.folder / "samples.h5", rf.metrics())
        found = samples.det_statistics(self.folder / "samples.h5")

        half = found.over(2.0)

        self.assertIs(found.over(1.0), found)
        self.assertEqual((half.mean, half.std, half.minimum, half.maximum),
                         (found.mean / 2, found.std / 2, found.minimum / 2, found.maximum / 2))
        np.testing.assert_array_equal(half.counts, found.counts)
        np.testing.assert_array_equal(half.edges, found.edges / 2)


class TorsionObjective(RunFolderTest):
    def data(self) -> results.RunData:
        return results.read_run(self.folder)

    def test_terms_with_weight_are_drawn(self) -> None:
        rf.make_torsion_run(self.folder)
        torsion = {"torsion_closed", "torsion_coclosed"}
        self.assertEqual(set(figure.terms_of(self.data())), torsion | {"det", "norm", "smooth"})
        self.edit("train.json", lambda t: t["options"].update({"lambda-norm": "0", "lambda-gauge": "1"}))
        self.assertEqual(set(figure.terms_of(self.data())), torsion | {"det", "smooth", "gauge"})
        self.assertEqual(figure.left_invariant_loss(self.data()), 29.5)
        rf.make_run(self.folder)
        self.assertEqual(set(figure.terms_of(self.data())), {"torsion", "det", "norm", "smooth"})
        self.assertIsNone(figure.left_invariant_loss(self.data()))

    def test_spread_of_det_g_over_a_batch(self) -> None:
        rf.make_torsion_run(self.folder)
        np.testing.assert_allclose(figure.det_spread(self.data().history, rf.DET_TARGET), 0.1)

    def test_whether_det_g_has_a_target(self) -> None:
        rf.make_torsion_run(self.folder)
        for options, wanted in (({}, True), ({"lambda-det": "0"}, False), ({"impose-det": True}, True),
                                ({"impose-det": False, "condition-bound": "2"}, True)):  # each on top of those before
            with self.subTest(options=options):
                self.edit("train.json", lambda t: t["options"].update(options))
                self.assertEqual(self.data().wants_det, wanted)
        rf.make_run(self.folder)
        self.assertTrue(self.data().wants_det)

    def test_frame_of_the_samples(self) -> None:
        rf.make_torsion_run(self.folder)
        data = self.data()
        self.assertAlmostEqual(data.frame_factor, rf.FRAME_FACTOR)
        self.assertAlmostEqual(data.det.over(data.frame_factor).mean, rf.DET_TARGET, delta=0.05)
        self.edit("train.json", lambda t: t["options"].update(manifold="torus7"))
        self.assertEqual(self.data().frame_factor, 1.0)
        rf.make_run(self.folder)
        self.assertEqual(self.data().frame_factor, 1.0)


@pytest.mark.quick
class SmallParts(unittest.TestCase):
    def test_groups_of_the_product_of_spheres(self) -> None:
        values = [0.0, 0.99, 1.01, 2.97, 2.99, 3.0, 3.02, 3.95, 4.0, 4.16, 4.17]

        self.assertEqual(results.groups(values), [(0, 0), (1, 2), (3, 6), (7, 8), (9, 10)])

    def test_zero_modes_are_one_group(self) -> None:
        self.assertEqual(results.groups([-1e-15, 3e-16, 2e-14, 0.5]), [(0, 2), (3, 3)])
        self.assertEqual(results.groups([0.0, 0.0]), [(0, 0), (1, 1)])

    def test_best_value_per_eigenvalue(self) -> None:
        self.assertEqual(figure.best_values([0.0, 1.0], [None, 1.1]), [0.0, 1.1])
        self.assertEqual(figure.best_values([0.0, 1.0], []), [0.0, 1.0])

    def test_fractions(self) -> None:
        self.assertEqual(figure.fraction_text(65 / 32), "65/32 = 2.03125")
        self.assertEqual(figure.fraction_text(1), "1")
        self.assertEqual(figure.fraction_text(0.123456789), "0.123457")

    def test_rounding_noise_is_not_a_loss_term(self) -> None:
        columns = np.array(rf.history_rows()).T
        history = results.History(dict(zip(rf.HISTORY_HEADER, columns)))

        self.assertEqual(set(figure.negligible_terms(history)), {"det"})


if __name__ == "__main__":
    unittest.main()
