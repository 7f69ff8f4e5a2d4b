# SPDX-License-Identifier: Apache-2.0
"""What k7_report shows of files that may be there, what it says where they are not, and how it writes numbers."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run_folder as rf  # noqa: E402
from run_folder import RunFolderTest  # noqa: E402

sys.path.insert(0, str(rf.TOOLS))
from k7_report_lib import charts, details, digits, lambda1, page, results, samples, series, svg  # noqa: E402

N = rf.N_SAMPLES


class Optional(RunFolderTest):
    """Eigenfunctions, neighbour lists and torsion in the run folder."""

    def setUp(self) -> None:
        super().setUp()
        rf.make_run(self.folder, training=False)

    def name_files(self, **names: str) -> None:
        self.edit("spectral.json", lambda t: t["options"].update(names))

    def write(self, name: str, **datasets: Any) -> None:
        with h5py.File(self.folder / name, "w") as file:
            for key, values in datasets.items():
                file[key] = values

    def page(self) -> str:
        done = rf.run("k7_report", self.folder, "-q")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return (self.folder / "results.html").read_text(encoding="utf-8")

    def test_what_is_not_there_is_a_sentence(self) -> None:
        self.name_files(eigenvectors="out/modes.h5", graph="")
        page = self.page()
        for sentence in ("The eigenfunctions are not in this folder", "The neighbour lists are not in this folder",
                         "No torsion in this folder", "holds no series of graphs", "No training in this run folder"):
            self.assertIn(sentence, page)

    def test_eigenfunctions_over_the_coordinates_that_they_depend_on(self) -> None:
        with h5py.File(self.folder / "samples.h5") as file:
            coords = file["coords"][()]
        functions = np.stack([np.ones(N), coords[:, 3] - 0.5, np.sin(7 * coords[:, 5])], axis=1)
        functions[11] = np.nan  # a row that was left out
        self.write("modes.h5", eigenvectors=functions)
        self.name_files(eigenvectors="elsewhere/modes.h5")

        page = self.page()

        self.assertEqual(page.count('class="cloud f'), page.count('class="cloud'))
        self.assertRegex(page, r'aria-label="eigenfunction 1 over c(3 and c\d|\d and c3)"')
        self.assertRegex(page, r'aria-label="eigenfunction 2 over c(5 and c\d|\d and c5)"')
        self.assertNotIn("eigenfunction 3 over", page)
        self.assertIn(f"at {N - 1} of {N} points", page)

    def test_neighbour_lists_are_counted(self) -> None:
        neighbors = (np.arange(N)[:, None] + [1, 2, 3]) % N
        neighbors[:, 2] = 0
        self.write("g.h5", neighbors=neighbors, distance_sq=np.sort(np.random.default_rng(1).random((N, 3)) + 1, axis=1))
        self.name_files(graph="g.h5")

        page = self.page()

        self.assertIn(f"the last of 3 neighbours are. A point is a neighbour of 2 to {N + 2} others", page)
        self.assertIn("neighbour 3</li>", page)

    def test_torsion_row_by_row_and_of_a_model(self) -> None:
        values = np.linspace(1, 3, 50)
        values[:10] = np.nan
        self.write("torsion.h5", **{name: values for name in details.NORMS})
        page = self.page()
        self.assertIn("torsion.h5, over 50 points", page)
        self.assertIn('<th scope="row">|dφ|²</th><td>length⁻²</td><td class="number">2.20408</td><td class="number">3</td>', page)
        self.assertIn('where φ is a G₂-structure</th><td>1</td><td class="number">0.8</td>', page)
        self.assertIn("Torsion over the rows", page)

        report = {"points": 7000, "positive_fraction": 1.0, "norm2_dphi": {"mean": 25.5, "max": 26.25}}
        rf.write_json(self.folder / "torsion.json", {"torsion": report})
        page = self.page()
        self.assertIn("torsion.json, over 7,000 points", page)
        self.assertIn('<td class="number">25.5</td><td class="number">26.25</td>', page)

    def test_text_of_files_is_escaped(self) -> None:
        bad = '"><script>alert(1)</script>'
        self.edit("spectral.json", lambda t: t["spectral"].update(
            multiplets=[{"first": 1, "count": 2, "extrapolated": 1.05, "error": bad, "method": bad}],
            ladder=[{"part": bad, "k": bad, "n_points": 10}, bad], graph={"multiplets": [{"first": 1, "count": 1, "extrapolated": bad}]}))
        rf.write_json(self.folder / "torsion.json", {"torsion": {"points": bad, "positive_fraction": bad, bad: {"mean": 1}}})
        self.name_files(eigenvectors=bad, graph=bad)

        page = self.page()

        self.assertNotIn("<script", page)
        self.assertIn("half &quot;&gt;&lt;script&gt;", page)

    def test_what_is_refused(self) -> None:
        with h5py.File(self.folder / "samples.h5") as file:
            coords = file["coords"][()]
        good = np.ones((N, 3))
        cases: list[tuple[dict[str, Any], str, tuple[str, ...]]] = [
            ({"eigenvectors": good[:-1]}, "eigenvectors", ("dataset /eigenvectors", "239 rows", "run k7_spectral again")),
            ({"eigenvectors": good.astype(int)}, "eigenvectors", ("dataset /eigenvectors", "has type int64")),
            ({"eigenvectors": good[:, 0]}, "eigenvectors", ("dataset /eigenvectors", "has shape (240,)")),
            ({"coords": coords}, "eigenvectors", ("dataset /eigenvectors: is missing",)),
            ({"neighbors": np.full((N, 2), N), "distance_sq": good[:, :2]}, "graph", ("names a row that is not there",)),
            ({"neighbors": np.zeros((N, 2), int), "distance_sq": good}, "graph", ("dataset /distance_sq", "has shape")),
        ]
        for datasets, option, parts in cases:
            with self.subTest(parts=parts):
                self.write("x.h5", **datasets)
                self.name_files(eigenvectors="", graph="")
                self.name_files(**{option: "x.h5"})
                self.assert_refused("x.h5: ", *parts)
        (self.folder / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
        self.assert_refused("x.h5: ")
        self.name_files(graph="")
        for content, part in (({"torsion": [1]}, "key torsion: is missing"),
                              ({"torsion": {"norm2_dphi": 3}}, "key torsion.norm2_dphi: is 3")):
            rf.write_json(self.folder / "torsion.json", content)
            self.assert_refused("torsion.json: " + part)

    def test_names_of_files_that_lead_nowhere(self) -> None:
        for name in ("/", "..", "a\0b", "x" * 5000, 7, None, ["x"]):
            self.assertIsNone(details.beside(self.folder, name))
        self.assertEqual(details.beside(self.folder, "/away/samples.h5"), self.folder / "samples.h5")

    def test_links_to_other_files_are_not_followed(self) -> None:
        with h5py.File(self.folder / "modes.h5", "w") as file:
            file["eigenvectors"] = h5py.ExternalLink("samples.h5", "/coords")
        self.name_files(eigenvectors="modes.h5")
        self.assert_refused("modes.h5: dataset /eigenvectors: is an external link")


class MetricOfSamples(RunFolderTest):
    def test_eigenvalues_of_g(self) -> None:
        rf.make_run(self.folder, training=False)
        metric = np.tile(np.diag(np.arange(7.0, 0, -1)), (5, 1, 1))
        metric[3] *= 2
        rf.write_samples(self.folder / "samples.h5", metric)

        found = details._eigenvalues_of_g(self.folder / "samples.h5")

        np.testing.assert_allclose(found["rows"], [[i, 1.2 * i, 2 * i] for i in range(1, 8)])
        self.assertEqual((sum(found["histogram"]["counts"]), found["used"], found["of"]), (35, 5, 5))

    def test_every_so_many_th_row_of_a_long_file(self) -> None:
        rf.make_run(self.folder, training=False)
        metric = np.arange(1.0, 1001)[:, None, None] * np.eye(7)
        rf.write_samples(self.folder / "samples.h5", metric)
        for most, block in ((1000, 37), (999, 37), (300, 41), (10, 37)):
            with mock.patch.object(details, "MOST_METRICS", most), mock.patch.object(samples, "BLOCK_BYTES", block * 392):
                found = details._eigenvalues_of_g(self.folder / "samples.h5")
            step = -(-1000 // most)
            expected = np.arange(1.0, 1001)[::step]
            self.assertEqual((found["used"], found["of"]), (len(expected), 1000))
            np.testing.assert_allclose(found["rows"][3], [1.0, expected.mean(), expected.max()])


class Excess(RunFolderTest):
    """Loss curves as what is above the best constants."""

    def test_the_page_and_the_figure_draw_what_is_above(self) -> None:
        rf.make_torsion_run(self.folder)
        rows, header = rf.torsion_history_rows(), [*rf.TORSION_HEADER, "validation"]
        rf.write_history(self.folder / "history.csv", [[*row, "nan" if i == 3 else row[1] + 0.5] for i, row in enumerate(rows)], header)

        found = series.excess(results.read_run(self.folder))

        np.testing.assert_allclose(found["loss"], np.array([row[1] for row in rows]) - 29.5)
        self.assertTrue(np.isnan(found["validation"][3]))
        np.testing.assert_allclose(found["validation"][4:], found["loss"][4:] + 0.5)
        self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)
        page = (self.folder / "results.html").read_text()
        self.assertIn("Training loss above the best constants. How to read this:", page)
        self.assertIn("on points that training never sees</li>", page)

    def test_without_the_constants_terms_are_drawn(self) -> None:
        rf.make_torsion_run(self.folder)
        self.edit("train.json", lambda t: t["training"].pop("left_invariant"))
        data = results.read_run(self.folder)
        self.assertEqual(series.excess(data), {})
        self.assertIn("total</li>", charts.loss_chart(data)[1])

    def test_a_network_that_is_better_everywhere(self) -> None:
        rf.make_torsion_run(self.folder)
        self.edit("train.json", lambda t: t["training"]["left_invariant"].update(loss=1e9))
        self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)


class AnySize(RunFolderTest):
    def test_pictures_of_numbers_beyond_all_sizes(self) -> None:
        rf.make_torsion_run(self.folder)
        nothing = details.Details({"rows": [[1.0] * 3] * 7, "histogram": None, "used": 1, "of": 1}, None, None, None)
        for value in (1e308, -1e308, 1e300, 5e-324, 0.0, -1.0):
            for columns in ((1,), (6,), (3, 7, 8), (1, 3, 6)):
                with self.subTest(value=value, columns=columns):
                    rows = rf.torsion_history_rows(10)
                    for column in columns:
                        rows[4][column] = value
                    rf.write_history(self.folder / "history.csv", rows, rf.TORSION_HEADER)
                    self.edit("train.json", lambda t: t["training"].update(
                        epochs=10, final_loss=rows[-1][1], final_torsion=rows[-1][2], torsion_closed=rows[-1][7], torsion_coclosed=rows[-1][8]))
                    data = results.read_run(self.folder)
                    with np.errstate(all="ignore"):
                        text = page.render(data, results.build(data), nothing)
                    self.assertNotRegex(text, r' (?:d|x|y|cx|cy)="[^"]*(?:nan|inf)')


class FirstEigenvalue(unittest.TestCase):
    def tree(self) -> dict[str, Any]:
        part = {"extrapolated": 0.7534, "error": 0.0025, "first": 1, "count": 2, "method": "ritz"}
        graph = {"multiplets": [{"first": 1, "count": 1, "extrapolated": 0.731, "error": 0.033}]}
        limit = {"lambda_1": 0.7534, "error": 0.029, "lambda1_times_Hstar": 0.7534 * 99, "deviation_percent": 474.0}
        witness = {"eigenvalues": [0.0, 0.75, 0.76, 2.0], "lower": [0.0, 0.74, 0.75, 1.9], "upper": [0.0, 0.77, 0.78, 2.1]}
        return {"spectral": {"method": "auto", "lambda_1": 0.662, "limit": limit, "multiplets": [part], "graph": graph,
                             "ritz": {"multiplets": [part]}, "constant_metric": witness},
                "validation": {"basis": "limit", "method": "ritz"}, "constants": {"H_star": 99}}

    def test_all_methods_with_the_bars_of_their_means(self) -> None:
        found = {e.name: e for e in lambda1.estimates(self.tree())}
        self.assertEqual(list(found), ["one graph", "limit of graphs", "Rayleigh–Ritz", "judged", "constant metric"])
        self.assertEqual([e.text for e in found.values()],
                         ["0.6620", "0.731 ± 0.033", "0.7534 ± 0.0025", "0.7534 ± 0.0025", "0.755 ± 0.020"])
        self.assertEqual(found["judged"].times(99), "74.59 ± 0.25")
        self.assertTrue(found["judged"].is_judged)

    def test_an_exact_spectrum(self) -> None:
        tree = self.tree()
        witness = tree["spectral"]["constant_metric"]
        witness["lower"] = witness["upper"] = witness["eigenvalues"]
        exact = lambda1.estimates(tree)[-1]
        self.assertEqual((exact.name, exact.value, exact.bar), ("exact", 0.755, 0.0))
        witness["eigenvalues"][2] = None  # the list does not hold the whole multiplet
        self.assertEqual(lambda1.estimates(tree)[-1].value, 0.75)

    def test_parts_that_are_not_what_they_should_be(self) -> None:
        tree = self.tree()
        for multiplets in (None, 3, [3], [{"first": "1", "count": 2}], [{"first": 1, "count": 2, "extrapolated": None}]):
            with self.subTest(multiplets=multiplets):
                tree["spectral"]["ritz"] = {"multiplets": multiplets} if multiplets != 3 else 3
                self.assertNotIn("Rayleigh–Ritz", [e.name for e in lambda1.estimates(tree)])


@pytest.mark.quick
class Digits(unittest.TestCase):
    def test_the_bar_has_two_digits_and_the_value_as_many_decimals(self) -> None:
        for value, bar, text in ((0.750552, 0.0619727, "0.751 ± 0.062"), (74.5877, 0.24527, "74.59 ± 0.25"),
                                 (3.10775, 0.0848, "3.108 ± 0.085"), (22.097, 16.3, "22 ± 16"), (12345.6, 678.9, "12350 ± 680"),
                                 (1.0, 0.0996, "1.00 ± 0.10"), (0.753756906, 1.5e-10, "0.75375690600 ± 1.5·10⁻¹⁰"),
                                 (0.7534, None, "0.7534"), (0.7534, 0.0, "0.7534"), (-0.5, 0.25, "-0.50 ± 0.25")):
            self.assertEqual(digits.measured(value, bar), text)

    def test_powers(self) -> None:
        self.assertEqual([digits.power(v) for v in (0.0, 0.0246, 3.2e-5, 1.23e7)], ["0", "0.025", "3.2·10⁻⁵", "1.2·10⁷"])
        self.assertEqual(digits.plain(1.23456789e-12), "1.23457·10⁻¹²")


@pytest.mark.quick
class Plots(unittest.TestCase):
    def test_ticks_are_round_and_within(self) -> None:
        for low, high, log in ((0.0, 1.0, False), (-3e-7, 8e-7, False), (1.79314, 1.79319, False), (1e-9, 1e3, True),
                               (2.0, 3.0, True), (1e8, 1e9, False), (5.0, 5.0, False)):
            with self.subTest(low=low, high=high):
                scale = svg.Scale(low, high, 0, 100, log)
                ticks = scale.ticks(5)
                self.assertTrue(2 <= len(ticks) <= 8, ticks)
                self.assertEqual(len({text for _, text in ticks}), len(ticks))
                at = scale.at(np.array([value for value, _ in ticks]))
                self.assertTrue(np.all((at >= -1e-6) & (at <= 100 + 1e-6)), at)

    def test_whole_numbers_where_they_are_asked_for(self) -> None:
        self.assertEqual([text for _, text in svg.Scale(-0.7, 1.7, 0, 100, whole=True).ticks(6)], ["0", "1"])

    def test_a_long_line_keeps_its_spikes(self) -> None:
        y = np.zeros(100000)
        y[12345], y[54321], y[99999] = 7, -9, np.nan
        x, thin = svg.thinned(np.arange(100000.0), y)
        self.assertLessEqual(len(x), svg.MOST_POINTS)
        self.assertEqual((np.nanmax(thin), np.nanmin(thin)), (7, -9))
        self.assertTrue(np.all(np.diff(x) > 0))

    def test_numbers_that_are_not_finite_are_gaps(self) -> None:
        plot = svg.Plot("<label>", (0, 3), (1, 10), "x", log_y=True)
        plot.line(np.arange(4.0), np.array([1.0, np.nan, 5.0, -1.0]), "s1")
        text = plot.svg()
        self.assertNotIn("nan", text)
        self.assertEqual(text.split('class="line s1" d="')[1].split('"')[0].count("M"), 2)
        self.assertIn("&lt;label&gt;", text)


if __name__ == "__main__":
    unittest.main()
