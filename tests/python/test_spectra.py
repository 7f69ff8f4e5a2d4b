# SPDX-License-Identifier: Apache-2.0
"""k7.spectrum gives what k7_spectral gives; arrays of all kinds; what is refused, in which words."""

from __future__ import annotations

import json
import threading
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import k7
import programs
from programs import ProgramTest

TURN = 2 * np.pi
QUICK = {"threads": 1, "progress": False}


def arrays(path: Path) -> dict[str, np.ndarray]:
    """The datasets of a file."""
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


def flat(n: int, seed: int = 0) -> np.ndarray:
    """Points of the flat torus with sides of length 1."""
    return np.random.default_rng(seed).random((n, 7))


def spectrum(*arguments: Any, **options: Any) -> k7.Spectrum:
    """Of few neighbours, quickly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return k7.spectrum(*arguments, **{"k": 10, "n": 5, **QUICK, **options})


class Equal(ProgramTest):
    """The same numbers as the program's."""

    def check(self, method: str, points: str, **options: Any) -> None:
        file = self.folder / "samples.h5"
        given = arrays(file)
        modes = [] if method == "ritz" else ["--eigenvectors", "modes.h5"]
        done = self.run_here("k7_spectral", file, "--method", method, "-k", 10, "-n", 9, "--threads", 1, *modes)
        self.assert_code(done, 0)
        theirs = json.loads((self.folder / "spectral.json").read_text())["spectral"]

        ours = spectrum(given[points], given["metric"], given.get("weight"), method=method, n=9, **options)

        np.testing.assert_array_equal(ours.raw, theirs["eigenvalues"])
        np.testing.assert_array_equal(ours.residuals, theirs["residual"][: len(ours.residuals)])
        if "extrapolated" in theirs:
            limits = np.array(theirs["extrapolated"], dtype=float)
            np.testing.assert_array_equal(ours.values, np.where(np.isfinite(limits), limits, ours.raw))
            np.testing.assert_array_equal(ours.errors, np.array(theirs["error"], dtype=float))
        self.assertEqual(ours.tree["spectral"], theirs | {})
        self.assertEqual(str(ours).splitlines()[:-1], done.out.replace(
            "The notebook's Laplacian L is not symmetric; these are the eigenvalues of (L + L^T)/2.\n",
            "").splitlines()[: len(str(ours).splitlines()) - 1])
        if modes:
            np.testing.assert_array_equal(ours.functions, arrays(self.folder / "modes.h5")["eigenvectors"])
        else:
            self.assertIsNone(ours.functions)

    def test_ritz(self) -> None:
        programs.write_samples(self.folder / "samples.h5", 400)
        self.check("ritz", "points", manifold="s1xs3xs3")

    @pytest.mark.quick
    def test_neck(self) -> None:
        programs.write_samples(self.folder / "samples.h5", 600)
        self.check("auto", "points", manifold="s1xs3xs3")

    def test_circle_with_weight(self) -> None:
        programs.write_samples(self.folder / "samples.h5", 400, manifold="euclidean")
        with h5py.File(self.folder / "samples.h5", "r+") as file:
            file.attrs["periods"] = [1.0] * 6 + [0.0]
            file["weight"] = np.ones(400)
        self.check("auto", "coords", periods=[1.0] * 6 + [0.0])

    def test_notebook(self) -> None:
        programs.write_samples(self.folder / "samples.h5", 300, manifold="euclidean")
        self.check("notebook", "coords")

    def test_saved_results(self) -> None:
        found = spectrum(flat(200), np.eye(7))
        found.save(self.folder / "spectral.json")

        tree = json.loads((self.folder / "spectral.json").read_text())

        self.assertEqual(tree["spectral"]["eigenvalues"], list(found.raw))
        self.assertEqual(tree["metadata"]["program"], "k7.spectrum")
        self.assertEqual((tree["options"]["neighbors"], tree["options"]["threads"]), ("10", "1"))
        self.assertEqual(tree["parallel"]["ranks"], 1)


def test_samples_are_those_of_the_program(tmp_path: Path) -> None:
    done = programs.run("k7_sample", "--radii", "1,1,1", "-N", 50, "--seed", 3, "-o", "s.h5", cwd=tmp_path)
    assert done.code == 0, str(done)

    np.testing.assert_array_equal(k7.manifold("s1xs3xs3").sample(50, 3), arrays(tmp_path / "s.h5")["points"])


def test_known_metric_is_exact() -> None:
    torus = k7.manifold("torus7")

    found = k7.spectrum_of_function(lambda points: np.eye(7), torus, accuracy=1.0, **QUICK)  # type: ignore[arg-type]

    np.testing.assert_allclose(found.values, torus.spectrum_of_constant(np.eye(7)), atol=1e-11)
    np.testing.assert_allclose(found.values, [0] + 14 * [1], atol=1e-11)


def test_readable() -> None:
    found = spectrum(flat(900), np.eye(7), periods=[1] * 7, n=15)

    assert "lambda_1 * H* = " in repr(found)
    assert [m.first for m in found.multiplets][0] == 1
    assert abs(found.values[1] / TURN**2 - 1) * TURN**2 < found.errors[1]
    assert f"{found.multiplets[0].value:.6g}" in found._repr_html_()
    assert found.verdict == "NEEDS_REFINEMENT"
    assert len(found.plot().get_lines()) > 0


# ---- Arrays ----


def test_arrays_of_other_layouts_and_types() -> None:
    points = flat(300).astype(np.float32).astype(float)
    metric = np.broadcast_to(np.eye(7), (300, 7, 7))
    wanted = spectrum(points, metric).raw

    padded = np.zeros((600, 9))
    padded[::2, 1:8] = points
    for given in (points.astype(np.float32), np.asfortranarray(points), padded[::2, 1:8], points.tolist(),
                  points[::-1][::-1]):
        np.testing.assert_array_equal(spectrum(given, metric).raw, wanted)
    np.testing.assert_array_equal(spectrum(points, np.eye(7, dtype=int)).raw, wanted)


def test_arrays_are_not_modified() -> None:
    given = [flat(200), np.tile(np.eye(7), (200, 1, 1)), np.ones(200)]
    copies = [array.copy() for array in given]
    for array in given:
        array.flags.writeable = False

    spectrum(*given[:2], weight=given[2])

    for array, copy in zip(given, copies):
        np.testing.assert_array_equal(array, copy)


POINTS = flat(50)
NAN = POINTS.copy()
NAN[7, 2] = np.nan
REFUSED: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((POINTS[:, :6], np.eye(7)), {}, "points: has shape (50, 6); (N, 7) is needed"),
    ((POINTS, np.eye(6)), {}, "metric: has shape (6, 6); (50, 7, 7) or (7, 7) is needed"),
    ((POINTS, np.ones((49, 7, 7))), {}, "metric: has shape (49, 7, 7); (50, 7, 7) or (7, 7) is needed"),
    ((POINTS, np.eye(7), np.ones((50, 1))), {}, "weight: has shape (50, 1); (50,) is needed"),
    ((POINTS, np.eye(7), -np.ones(50)), {}, "weight row 0: is -1.000000; a positive finite sampling density is needed"),
    ((POINTS.astype(complex), np.eye(7)), {}, "points: has dtype complex128; real numbers are needed"),
    ((POINTS.astype(str), np.eye(7)), {}, "points: has dtype <U32; real numbers are needed"),
    (("a.npy", np.eye(7)), {}, "points: has dtype <U5; real numbers"),
    ((np.ma.masked_greater(POINTS, 0.5), np.eye(7)), {}, "points: has masked entries"),
    ((NAN, np.eye(7)), {}, "points row 7: entry 2 is NaN; finite numbers are needed"),
    ((POINTS, -np.eye(7)), {}, "metric row 0: "),
    ((np.zeros((0, 7)), np.eye(7)), {}, "points: has no rows"),
    ((POINTS, np.eye(7)), {"periods": [1, 2]}, "periods: has shape (2,); (7,) is needed"),
    ((POINTS, np.eye(7)), {"periods": [-1] * 7}, "period"),
    ((POINTS, np.eye(7)), {"method": "magic"}, "method: 'magic' is none of auto, graph, ritz, notebook"),
    ((POINTS, np.eye(7)), {"manifold": "sphere"}, "sphere"),
    ((POINTS, np.eye(7)), {"manifold": "s1xs3xs3"}, "points: has shape (50, 7); (N, 9) is needed"),
    ((POINTS, np.eye(7)), {"k": 0}, "k: is 0; at least 1 is needed"),
    ((POINTS, np.eye(7)), {"k": 2.5}, "k: is 2.5; a whole number is needed"),
    ((POINTS, np.eye(7)), {"k": 2**80}, "k: is"),
    ((POINTS, np.eye(7)), {"k": 50}, "50"),
    ((POINTS, np.eye(7)), {"h_star": -1}, "h_star: is -1; a number above 0 is needed"),
    ((POINTS, np.eye(7)), {"comm": "world"}, "comm: is 'world'; a communicator of mpi4py is needed"),
]


@pytest.mark.parametrize("arguments, options, words", REFUSED, ids=[words[:40] for _, _, words in REFUSED])
def test_refusals(arguments: tuple[Any, ...], options: dict[str, Any], words: str) -> None:
    with pytest.raises(k7.InputError) as caught:
        spectrum(*arguments, **options)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, (k7.Error, ValueError))


def test_errors_of_a_metric_function() -> None:
    def fails(points: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        k7.spectrum_of_function(fails, "torus7", **QUICK)  # type: ignore[arg-type]
    with pytest.raises(k7.InputError, match=r"metric: has shape \(3,\); \(\d+, 7, 7\) or \(7, 7\) is needed"):
        k7.spectrum_of_function(lambda points: np.ones(3), "torus7", **QUICK)  # type: ignore[arg-type]
    with pytest.raises(k7.InputError, match="metric: at a node of the quadrature, "):
        k7.spectrum_of_function(lambda points: -np.eye(7), "torus7", **QUICK)  # type: ignore[arg-type]
    with pytest.raises(k7.InputError, match="no quadrature rules"):
        k7.spectrum_of_function(lambda points: np.eye(7), "euclidean", **QUICK)  # type: ignore[arg-type]


def test_warnings_are_those_of_python() -> None:
    with pytest.warns(RuntimeWarning, match="points: coordinates 0, 1, .* if they are periodic, say so with periods"):
        k7.spectrum(flat(2000), np.eye(7), k=8, n=2, extrapolate=False, **QUICK)


def test_progress_is_shown_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    spectrum(flat(200), np.eye(7), progress=True)

    shown = capfd.readouterr()
    assert "found 10 neighbours of each point" in shown.err
    assert shown.out == ""


def test_other_threads_run() -> None:
    """While the library computes, which takes most of the time, another thread counts."""
    counted = 0
    running = True

    def count() -> None:
        nonlocal counted
        while running:
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    before = counted
    spectrum(flat(3000), np.eye(7), k=32)
    after = counted
    running = False
    thread.join()

    assert after - before > 10000


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # other threads do not know what is ignored here
def test_calls_from_many_threads() -> None:
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(spectrum(flat(200), np.eye(7)).raw)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 3
    for values in found:
        np.testing.assert_array_equal(values, found[0])
