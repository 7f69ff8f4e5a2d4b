# SPDX-License-Identifier: Apache-2.0
"""The whole way from training to the report, and what must not depend on ranks, signals or where options stand."""

from __future__ import annotations

import csv
import itertools
import json
import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import programs
from programs import ROOT, ProgramTest

sys.path.insert(0, str(ROOT / "tests" / "tools"))
from run_folder import CONTRACT_KEYS  # noqa: E402

PROGRAMS = ("k7_train", "k7_sample", "k7_spectral")
SMALL = "--preset notebook --hidden 32,32 --batch-size 256"
EXIT_NOT_PASSED = 3
EXIT_INTERRUPTED = 75


def report(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/usr/bin/python3", str(ROOT / "tools" / "k7_report"), str(folder)], capture_output=True,
                          text=True, timeout=120, check=False)


def history(run_folder: Path) -> dict[str, np.ndarray]:
    """The columns of history.csv."""
    with (run_folder / "history.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def datasets(path: Path, group: str) -> dict[str, np.ndarray]:
    """Every dataset below a group."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path, "r") as file:
        file[group].visititems(
            lambda name, item: found.update({name: item[...]}) if isinstance(item, h5py.Dataset) else None)
    return found


def hitchin_metric(phi: np.ndarray) -> np.ndarray:
    """The metrics (n, 7, 7) of 3-forms (n, 35): b(u, v) vol = (u | phi) ^ (v | phi) ^ phi, g = b / det(b)^(1/9).

    The constant in b is the one that makes the standard form's metric the identity.
    """
    orders = np.array(list(itertools.permutations(range(7))))
    signs = np.round(np.linalg.det(np.eye(7)[orders]))
    standard = np.zeros((7, 7, 7))
    for i in range(7):
        set_component(standard, (i, (i + 1) % 7, (i + 3) % 7), 1.0)

    def b_of(t: np.ndarray) -> np.ndarray:
        a, b, c, d, e, f, g = orders.T
        return np.einsum("ip,jp,p->ij", t[:, a, b], t[:, c, d], signs * t[e, f, g], optimize=True)

    scale = b_of(standard)[0, 0]
    metrics = []
    for form in phi:
        t = np.zeros((7, 7, 7))
        for indices, value in zip(itertools.combinations(range(7), 3), form):
            set_component(t, indices, value)
        b = b_of(t) / scale
        metrics.append(b / np.cbrt(np.cbrt(np.linalg.det(b))))
    return np.array(metrics)


def set_component(t: np.ndarray, indices: tuple[int, ...], value: float) -> None:
    """One component of an alternating tensor, with all its permutations."""
    i, j, k = indices
    t[i, j, k] = t[j, k, i] = t[k, i, j] = value
    t[j, i, k] = t[i, k, j] = t[k, j, i] = -value


class Pipeline(ProgramTest):
    def run_ok(self, program: str, arguments: str, ranks: int = 1) -> programs.Done:
        done = self.run_here(program, *arguments.split(), ranks=ranks)
        self.assert_code(done, 0)
        return done

    def spectrum(self, arguments: str, ranks: int = 1) -> dict[str, Any]:
        """The tree of spectral.json."""
        self.run_ok("k7_spectral", f"{arguments} -o spectral.json", ranks)
        return json.loads((self.folder / "spectral.json").read_text())

    def whole_way(self, ranks: int, training: str) -> dict[str, Any]:
        """From training to the report; returns the tree of results.json."""
        self.run_ok("k7_train", f"{training} --out run", ranks)
        self.run_ok("k7_sample", "--model run/best.h5 -N 400 -o run/samples.h5", ranks)
        self.run_ok("k7_spectral", "run/samples.h5 -k 12 -n 6 -o run/spectral.json", ranks)
        done = report(self.folder / "run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLessEqual({"best.h5", "last.h5", "history.csv", "train.json", "samples.h5", "spectral.json",
                              "results.json", "results.png", "results.html"}, set(os.listdir(self.folder / "run")))
        self.assertEqual([name for name in os.listdir(self.folder / "run") if name.startswith(".")], [])
        tree = json.loads((self.folder / "run" / "results.json").read_text())
        self.assertLessEqual({"metadata", "timing", "parallel", "options", "files"}, set(tree))
        for part, keys in CONTRACT_KEYS.items():
            self.assertLessEqual(keys, set(tree[part]), part)
        self.assertLessEqual({"ranks", "threads", "device", "comm", "blas"}, set(tree["parallel"]))
        self.assertEqual(tree["parallel"]["ranks"], ranks)
        self.assertEqual((tree["metric"]["n_samples"], tree["spectral"]["n_points"]), (400, 400))
        self.assertEqual((tree["spectral"]["k"], len(tree["spectral"]["eigenvalues"])), (12, 6))
        self.assertAlmostEqual(tree["spectral"]["lambda1_times_Hstar"], 99 * tree["spectral"]["lambda_1"])
        return tree

    @pytest.mark.quick
    def test_notebook(self) -> None:
        for ranks in (1, 2):
            with self.subTest(ranks=ranks):
                tree = self.whole_way(ranks, "--preset notebook --hidden 16,16 --batch-size 64 --epochs 30 "
                                      "--resume never")
                self.assertEqual(tree["training"]["epochs"], 30)
                self.assertAlmostEqual(tree["metric"]["det_mean"], 65 / 32, places=9)
                self.assertIsNone(tree["training"]["torsion_closed"])
                self.assertNotIn("best_form", tree["training"])

    @pytest.mark.long
    def test_neck_one_rank(self) -> None:
        self.check_neck(1)

    def test_neck_three_ranks(self) -> None:
        self.check_neck(3)

    def check_neck(self, ranks: int) -> None:
        tree = self.whole_way(ranks, "--preset quick --hidden 8 --batch-size 32 --epochs 3 --threads 1")
        training = tree["training"]
        self.assertEqual(training["epochs"], 3)
        self.assertAlmostEqual(training["torsion_closed"] + training["torsion_coclosed"], training["final_torsion"], 9)
        self.assertGreater(training["left_invariant"]["starts_that_reached_it"], 0)
        self.assertLess(training["left_invariant"]["loss"], training["best_loss"])
        self.assertEqual(training["best_form"]["positive_fraction"], 1.0)
        self.check_samples("run/samples.h5", "s1xs3xs3", "left-invariant", 9)
        det = np.linalg.det(datasets(self.folder / "run" / "samples.h5", "/")["metric"])
        # The file's frame is not the learned coframe, which has the radii in it.
        frame_factor = np.prod(np.array(tree["model"]["radii"]) ** [1, 3, 3]) ** 2
        np.testing.assert_allclose(det.mean() / frame_factor, training["best_form"]["det_g"]["mean"], rtol=0.02)

    def check_samples(self, name: str, manifold: str, frame: str, point_size: int) -> None:
        """/metric is the metric that /phi defines; points are there where seven coordinates do not tell them apart."""
        with h5py.File(self.folder / name, "r") as file:
            names = [np.asarray(file.attrs[key]).astype(str) for key in ("manifold", "frame")]
            self.assertEqual(names, [manifold, frame])
            self.assertEqual("points" in file, point_size != 7)
            if point_size != 7:
                self.assertEqual(file["points"].shape, (len(file["coords"]), point_size))
            self.assertEqual(file["coords"].shape[1:], (7,))
            metric, phi = file["metric"][...], file["phi"][...]
        expected = hitchin_metric(phi)
        np.testing.assert_allclose(metric, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())

    @pytest.mark.long
    def test_torus_and_bryant_salamon(self) -> None:
        for preset, manifold, frame, size in (("torus", "torus7", "coordinate", 7),
                                              ("bryant-salamon", "interval-s3xs3", "left-invariant", 9)):
            with self.subTest(preset):
                self.run_ok("k7_train", f"--preset {preset} --hidden 8 --batch-size 32 --epochs 3 --out {preset}", 3)
                for ranks in (1, 3):
                    self.run_ok("k7_sample", f"--model {preset}/best.h5 -N 50 -o {ranks}.h5", ranks)
                    self.check_samples(f"{ranks}.h5", manifold, frame, size)
                one, three = (datasets(self.folder / f"{ranks}.h5", "/") for ranks in (1, 3))
                for name, values in one.items():
                    np.testing.assert_allclose(three[name], values, rtol=1e-12, atol=1e-12, err_msg=name)

    def test_samples_do_not_depend_on_ranks(self) -> None:
        self.run_ok("k7_train", f"{SMALL} --epochs 2 --out run")
        for arguments in ("--model run/best.h5", "--radii 3,2,1", "--radii 3,2,1 --seed 1"):
            files = []
            for ranks in (1, 3):
                self.run_ok("k7_sample", f"{arguments} -N 101 -o samples_{ranks}.h5", ranks)
                files.append(datasets(self.folder / f"samples_{ranks}.h5", "/"))
            self.assertEqual(files[0].keys(), files[1].keys())
            for name in files[0]:
                np.testing.assert_allclose(files[0][name], files[1][name], rtol=1e-12, atol=1e-12, err_msg=name)

    def test_metric_of_radii_and_of_a_file(self) -> None:
        self.run_ok("k7_sample", "--manifold s1xs3xs3 --radii 3,2,1 -N 7 -o radii.h5")
        metric = np.diag([9.0, 4, 4, 4, 1, 1, 1])
        np.savetxt(self.folder / "g.txt", metric)
        self.run_ok("k7_sample", "--manifold s1xs3xs3 --metric-constant g.txt -N 7 -o file.h5")
        for name in ("radii.h5", "file.h5"):
            with h5py.File(self.folder / name, "r") as file:
                texts = [np.asarray(file.attrs[key]).astype(str) for key in ("format", "manifold", "frame")]
                self.assertEqual(texts, ["k7-samples", "s1xs3xs3", "left-invariant"])
                self.assertEqual(file.attrs["version"], 1)
                np.testing.assert_array_equal(file["metric"], np.broadcast_to(metric, (7, 7, 7)))
                points = file["points"][...]
                np.testing.assert_allclose(np.linalg.norm(points[:, 1:5], axis=1), 1, rtol=1e-12)
                stereographic = points[:, 2:5] / (1 + np.abs(points[:, 1:2]) + 1e-8)  # the notebook's
                np.testing.assert_allclose(file["coords"][:, 1:4], stereographic, rtol=1e-12)

    def test_metrics_of_any_size(self) -> None:
        """Radii s times as large: densities over s^7, also where det g is no float64, and eigenvalues over s^2."""
        def sampled(s: float) -> tuple[np.ndarray, np.ndarray]:
            self.run_ok("k7_sample", f"--radii {s},{2 * s},{s} -N 400 -o s.h5")
            result = self.spectrum("s.h5 -k 10 -n 6 --no-extrapolate")["spectral"]
            with h5py.File(self.folder / "s.h5") as file:
                return file["weight"][...] * s**7, np.array(result["eigenvalues"][1:]) * s**2

        weights, eigenvalues = sampled(1.0)
        for s in (1e-30, 1e40):
            for found, expected in zip(sampled(s), (weights, eigenvalues)):
                np.testing.assert_allclose(found, expected, rtol=1e-8)

    def test_eigenvalues_do_not_depend_on_ranks(self) -> None:
        self.compare_eigenvalues(3)

    @pytest.mark.long
    def test_eigenvalues_do_not_depend_on_ranks_two_and_four(self) -> None:
        self.compare_eigenvalues(2, 4)

    def compare_eigenvalues(self, *rank_counts: int) -> None:
        self.run_ok("k7_sample", "--radii 33,33,28 -N 3000 -o s.h5")
        for method in ("graph", "notebook"):
            first, *others = [self.spectrum(f"s.h5 --method {method}", ranks)["spectral"]["eigenvalues"]
                              for ranks in (1, *rank_counts)]
            for ranks, values in zip(rank_counts, others):
                with self.subTest(method=method, ranks=ranks):
                    np.testing.assert_allclose(values, first, rtol=1e-8, atol=1e-8 * first[1])

    @pytest.mark.long
    def test_limits_do_not_depend_on_ranks(self) -> None:
        """Radii (1, 1, 28/33): 1 twice, 3 four times, 4 ten times and 3 (33/28)^2 four times."""
        self.run_ok("k7_sample", "--radii 33,33,28 -N 6000 -o s.h5")
        for method, tolerance in (("graph", 1e-6), ("ritz", 1e-9)):
            trees = [self.spectrum(f"s.h5 --method {method} -n 7", ranks) for ranks in (1, 2, 3, 4)]
            for ranks, tree in enumerate(trees, start=1):
                with self.subTest(method=method, ranks=ranks):
                    self.assertEqual(tree["validation"]["basis"], "limit")
                    limits, bars = (np.array(tree["spectral"][key], dtype=float) for key in ("extrapolated", "error"))
                    first = trees[0]["spectral"]
                    np.testing.assert_allclose(limits[1:], np.array(first["extrapolated"][1:], dtype=float),
                                               rtol=tolerance)
                    np.testing.assert_allclose(bars[1:], np.array(first["error"][1:], dtype=float), rtol=1e3 * tolerance)
                    exact = np.repeat([1.0, 3.0], [2, 4]) / 33**2
                    self.assertTrue(np.all(np.abs(limits[1:] - exact) < 2 * bars[1:]), (limits, bars))

    def test_too_few_points_for_a_limit(self) -> None:
        self.run_ok("k7_sample", "--radii 33,33,28 -N 500 -o s.h5")
        tree = self.spectrum("s.h5 -n 6 --method graph")
        spectral = tree["spectral"]
        self.assertEqual(tree["validation"]["basis"], "graph")
        self.assertEqual(spectral["extrapolated"], [None] * 6)
        self.assertEqual(spectral["ladder"], [])
        self.assertEqual(spectral["limit"]["obstacle"], "500 points are too few with -k 32; at least 768 are needed")
        exact = np.repeat([1.0, 3.0], [2, 3]) / 33**2
        raw, bars = np.array(spectral["eigenvalues"][1:]), np.array(spectral["error"][1:])
        self.assertTrue(np.all(np.abs(raw - exact) < bars), (raw, bars))

    def test_eigenvectors_and_graph_files(self) -> None:
        self.run_ok("k7_sample", "--radii 33,33,28 -N 500 -o s.h5")
        for ranks in (1, 3):
            tree = self.spectrum("s.h5 -k 10 -n 4 --eigenvectors modes.h5 --graph graph.h5", ranks)
            with h5py.File(self.folder / "graph.h5", "r") as file:
                neighbors, distance = file["neighbors"][...], file["distance_sq"][...]
            self.assertEqual((neighbors.shape, distance.shape), ((500, 10), (500, 10)))
            self.assertTrue(np.all(np.diff(distance, axis=1) >= 0))
            self.assertFalse(np.any(neighbors == np.arange(500)[:, None]))
            with h5py.File(self.folder / "modes.h5", "r") as file:
                self.assertEqual(file["eigenvectors"].shape, (500, 4))
                np.testing.assert_allclose(file["eigenvalues"], tree["spectral"]["eigenvalues"], rtol=1e-12)
                constant = file["eigenvectors"][:, 0]
                self.assertLess(np.ptp(constant), 1e-6 * np.abs(constant).max())

    def test_training_does_not_depend_on_ranks(self) -> None:
        for ranks in (1, 2, 3):
            self.run_ok("k7_train", f"{SMALL} --epochs 12 --out run{ranks}", ranks)
        reference = history(self.folder / "run1")
        self.assertEqual(len(reference["loss"]), 12)
        self.assertLess(reference["loss"][-1], reference["loss"][0])
        for ranks in (2, 3):
            for name, values in history(self.folder / f"run{ranks}").items():
                # The det term is zero but for rounding, and so differs as a whole.
                atol = 1e-20 if name == "det" else 0.0
                with self.subTest(ranks=ranks, column=name):
                    np.testing.assert_allclose(values, reference[name], rtol=1e-9, atol=atol)

    def interrupt_and_resume(self, number: signal.Signals, ranks: int) -> None:
        """A run that is told to stop and started again ends as one that was left alone, bit for bit."""
        epochs = 600
        arguments = f"{SMALL} --epochs {epochs} --log-every 1"
        self.run_ok("k7_train", f"{arguments} --out whole", ranks)
        process = self.start_here("k7_train", *arguments.split(), "--out", "parts", ranks=ranks)
        assert process.stderr is not None
        for line in process.stderr:
            if f" 20/{epochs}" in line:
                break
        os.kill(programs.wait_for_ranks(process, ranks)[-1], number)  # one rank is told, all stop
        done = programs.finish(process)
        self.assert_code(done, EXIT_INTERRUPTED)
        stopped_after = len(history(self.folder / "parts")["loss"])
        self.assertTrue(20 <= stopped_after < epochs, stopped_after)
        with h5py.File(self.folder / "parts" / "last.h5", "r") as file:
            self.assertEqual(file.attrs["epoch"], stopped_after)
        self.assertEqual(json.loads((self.folder / "parts" / "train.json").read_text())["training"]["epochs"],
                         stopped_after)
        self.run_ok("k7_train", f"{arguments} --out parts", ranks)
        self.assertEqual((self.folder / "parts" / "history.csv").read_text(),
                         (self.folder / "whole" / "history.csv").read_text())
        for name in ("last.h5", "best.h5"):
            for group in ("model", "optimizer"):
                parts = datasets(self.folder / "parts" / name, group)
                whole = datasets(self.folder / "whole" / name, group)
                self.assertEqual(parts.keys(), whole.keys())
                for key in parts:
                    np.testing.assert_array_equal(parts[key], whole[key], f"{name}: {group}/{key}")

    def test_surroundings_that_a_program_sets_itself(self) -> None:
        """Without GOMP_SPINCOUNT it sets it and starts again, with the same name, process number and result."""
        plain = {name: value for name, value in programs.environment().items() if name != "GOMP_SPINCOUNT"}
        arguments = f"{SMALL} --epochs 2 --out plain --log-every 1"
        process = subprocess.Popen(programs.command("k7_train", *arguments.split()), cwd=self.folder, env=plain,
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(lambda: process.poll() is None and programs.finish(process, 0))
        assert process.stderr is not None
        process.stderr.readline()  # it has started
        self.assertIn(b"GOMP_SPINCOUNT=30000", Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"))
        self.assertEqual(Path(f"/proc/{process.pid}/comm").read_text(), "k7_train\n")
        self.assert_code(programs.finish(process), 0)
        self.run_ok("k7_train", f"{SMALL} --epochs 2 --out again")
        files = [(self.folder / name / "history.csv").read_text() for name in ("plain", "again")]
        self.assertEqual(files[0], files[1])

    @pytest.mark.long
    def test_sigterm_and_resume(self) -> None:
        self.interrupt_and_resume(signal.SIGTERM, 1)

    def test_sigterm_to_one_of_two_ranks_and_resume(self) -> None:
        self.interrupt_and_resume(signal.SIGTERM, 2)

    @pytest.mark.long
    def test_sigusr1_and_resume(self) -> None:
        self.interrupt_and_resume(signal.SIGUSR1, 1)

    def test_a_finished_run_started_again_is_done(self) -> None:
        arguments = f"{SMALL} --epochs 5 --out run"
        self.run_ok("k7_train", arguments)
        before = (self.folder / "run" / "history.csv").read_text()
        self.run_ok("k7_train", arguments)
        self.assertEqual((self.folder / "run" / "history.csv").read_text(), before)
        self.run_ok("k7_sample", "--model run/best.h5 -N 100 -o run/samples.h5")
        self.run_ok("k7_spectral", "run/samples.h5 -k 8 -n 4 -o run/spectral.json")
        done = report(self.folder / "run")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_help_and_version(self) -> None:
        for program in PROGRAMS:
            for option in ("--help", "--version"):
                for ranks in (1, 2):
                    with self.subTest(program, option=option, ranks=ranks):
                        done = self.run_ok(program, option, ranks)
                        self.assertEqual(done.err, "")
                        self.assertIn(program, done.out)
                        if option == "--version":
                            self.assertRegex(done.out, rf"\A{program} \d+\.\d+\.\d+[^\n]*\n\Z")
                        else:
                            self.assertEqual(done.out.count("--config"), 1)
        self.assertEqual(programs.listing(self.folder), [])

    def test_every_option_of_the_contract_is_in_the_help(self) -> None:
        options = {
            "k7_train": "preset manifold objective start metric-map ansatz radii interval impose-det no-impose-det "
                        "condition-bound hidden activation epochs batch-size lr lr-min weight-decay warmup-epochs "
                        "scheduler optimizer clip-norm patience min-delta lambda-torsion lambda-det lambda-norm "
                        "lambda-smooth lambda-trace lambda-gauge seed dtype device comm threads out resume "
                        "checkpoint-every log-every",
            "k7_sample": "model seed out manifold metric-constant radii device",
            "k7_spectral": "neighbors eigenvalues method extrapolate no-extrapolate h-star lambda1-target require-pass "
                           "out eigenvectors graph device seed",
        }
        for program, names in options.items():
            text = self.run_ok(program, "--help").out
            for name in [*names.split(), "config", "version", "verbose", "quiet"]:
                self.assertRegex(text, rf"--{name}\b", program)
            if program == "k7_train":
                for value in ("neck", "quick", "torus", "bryant-salamon", "notebook", "lbfgs", "exponential"):
                    self.assertIn(value, text)

    def test_config_equals_command_line(self) -> None:
        (self.folder / "train.toml").write_text(
            'preset = "notebook"\nhidden = [16, 16]\nbatch-size = 64\nepochs = 4\nlr = 2e-3\nseed = 3\n')
        self.run_ok("k7_train", "--config train.toml --out by_file")
        self.run_ok("k7_train", "--preset notebook --hidden 16,16 --batch-size 64 --epochs 4 --lr 2e-3 --seed 3 "
                    "--out by_words")
        self.run_ok("k7_train", "--config train.toml --epochs 2 --out words_win")
        by_file = (self.folder / "by_file" / "history.csv").read_text()
        self.assertEqual(by_file, (self.folder / "by_words" / "history.csv").read_text())
        self.assertEqual(len(history(self.folder / "words_win")["loss"]), 2)
        # A preset in the file gives way to the other keys, as it does on the command line.
        (self.folder / "torus.toml").write_text(
            'epochs = 3\nhidden = [16]\nbatch-size = 8\nthreads = 1\npreset = "torus"\n')
        self.run_ok("k7_train", "--config torus.toml --out torus")
        self.assertEqual(len(history(self.folder / "torus")["loss"]), 3)
        self.assertEqual(json.loads((self.folder / "torus" / "train.json").read_text())["model"]["n_parameters"],
                         15 * 16 + 17 * 49)

        (self.folder / "sample.toml").write_text("radii = [3.0, 2.0, 1.0]\npoints = 200\nseed = 9\n")
        self.run_ok("k7_sample", "--config sample.toml -o by_file.h5")
        self.run_ok("k7_sample", "--radii 3,2,1 -N 200 --seed 9 -o by_words.h5")
        by_words = datasets(self.folder / "by_words.h5", "/")
        for name, values in datasets(self.folder / "by_file.h5", "/").items():
            np.testing.assert_array_equal(values, by_words[name])

        (self.folder / "spectral.toml").write_text('neighbors = 9\neigenvalues = 4\nmethod = "graph"\n')
        by_file = self.spectrum("by_file.h5 --config spectral.toml")["spectral"]
        self.assertEqual(by_file["eigenvalues"], self.spectrum("by_file.h5 -k 9 -n 4")["spectral"]["eigenvalues"])
        self.assertEqual(self.spectrum("by_file.h5 --config spectral.toml -k 7")["spectral"]["k"], 7)

    @pytest.mark.long
    def test_require_pass(self) -> None:
        self.run_ok("k7_sample", "--radii 1,1,1 -N 800 -o s.h5")
        tree = self.spectrum("s.h5")
        self.assertEqual(tree["validation"]["basis"], "limit")
        product = tree["spectral"]["limit"]["lambda1_times_Hstar"]  # what the verdict judges
        self.assertEqual(tree["validation"], {"passed": False, "status": "NEEDS_REFINEMENT"} | tree["validation"])
        for ranks in (1, 2):
            done = self.run_here("k7_spectral", "s.h5", "--require-pass", "-o", "failed.json", ranks=ranks)
            self.assert_code(done, EXIT_NOT_PASSED)
            self.assertTrue((self.folder / "failed.json").exists(), "the result is written all the same")
        for target, status in ((product, "PASSED"), (1.1 * product, "PARTIAL"), (1.3 * product, "NEEDS_REFINEMENT")):
            with self.subTest(status):
                done = self.run_here("k7_spectral", "s.h5", "--require-pass", "--lambda1-target", repr(target), "-o",
                                     "spectral.json")
                self.assert_code(done, 0 if status == "PASSED" else EXIT_NOT_PASSED)
                validation = json.loads((self.folder / "spectral.json").read_text())["validation"]
                self.assertEqual((validation["status"], validation["passed"]), (status, status == "PASSED"))


if __name__ == "__main__":
    unittest.main()
