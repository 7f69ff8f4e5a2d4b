# SPDX-License-Identifier: Apache-2.0
"""Training, models and torsion give what k7_train, k7_sample and k7_torsion give; training can be stopped."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import k7
import programs
from golden_fields import golden, golden_names
from package import run_script

# A form on the neck whose coframe is stretched, so that a frame that is mixed up with another shows.
SMALL = {"manifold": "s1xs3xs3", "radii": [1.5, 1.2, 0.8], "hidden": [8], "epochs": 4, "batch_size": 64,
         "start": "random", "log_every": 1}
QUIET = {"threads": 1, "progress": False}


def train(out: Path, **options: Any) -> k7.Training:
    """A small training."""
    return k7.train("neck", out=out, **{**SMALL, **QUIET, **options})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a small training."""
    folder = tmp_path_factory.mktemp("model") / "run"
    found = train(folder)
    assert (found.stop, found.epochs, found.out) == ("finished", 4, folder)
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> k7.Model:
    return k7.Model(run / "best.h5", threads=1)


@pytest.fixture(scope="module")
def torus(tmp_path_factory: pytest.TempPathFactory) -> k7.Model:
    """On a space whose frame is that of coordinates."""
    return train(tmp_path_factory.mktemp("torus") / "run", manifold="torus7").model(threads=1)


def contents(path: Path) -> dict[str, Any]:
    """All that a file holds."""
    with h5py.File(path) as file:
        return {name: item[()].tolist() for name, item in file.items()} | {
            name: np.asarray(value).tolist() for name, value in file.attrs.items()}


def words_of(options: dict[str, Any]) -> list[str]:
    """The same options on the command line."""
    def text(value: Any) -> str:
        return ",".join(map(str, value)) if isinstance(value, list) else str(value)

    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", text(value))]


@pytest.mark.quick
def test_training_gives_the_bits_of_the_program(run: Path, tmp_path: Path) -> None:
    done = programs.run("k7_train", "--preset", "neck", *words_of(SMALL), "--threads", 1, "--out", "run", cwd=tmp_path)
    assert done.code == 0, str(done)

    for name in ("best.h5", "last.h5"):
        with h5py.File(run / name) as ours, h5py.File(tmp_path / "run" / name) as theirs:
            for layer in theirs["model"]:
                np.testing.assert_array_equal(ours["model"][layer][()], theirs["model"][layer][()])
    ours, theirs = (json.loads((folder / "train.json").read_text()) for folder in (run, tmp_path / "run"))
    for part in ("constants", "model", "training"):
        assert ours[part] == theirs[part]
    assert set(ours) == set(theirs)
    given = {name: value for name, value in theirs["options"].items() if name not in ("out", "threads")}
    for name, value in given.items():
        found = ours["options"][name]
        if found != value and not isinstance(value, bool):  # the program writes defaults in another way
            assert list(map(float, found.split(","))) == list(map(float, value.strip("[]").split(","))), name


def test_every_option_of_the_program_is_there() -> None:
    done = programs.run("k7_train", "--help", cwd=Path("/"))
    names = set(re.findall(r"--([a-z][a-z0-9-]+)", " ".join(
        line.split("  ")[1] for line in done.out.splitlines() if re.match(r"  -", line))))
    ours = {name.replace("_", "-") for name in k7._calls.model_library().train_options()}

    others = {"help", "version", "config", "verbose", "quiet", "describe-files"}  # of the command line alone
    assert {name for name in names - others if not name.startswith("no-")} - ours == {"comm", "threads"}
    assert ours - names == {"transport"}


def test_history(run: Path) -> None:
    found = train(run)  # it is finished already

    assert found.epochs == 4
    assert found.history().shape == (4,)
    assert found.history()["loss"][-1] > 0.0
    assert found.model().manifold.name == "s1xs3xs3"


def test_samples_are_those_of_the_program(run: Path, model: k7.Model, tmp_path: Path) -> None:
    done = programs.run("k7_sample", "--model", run / "best.h5", "-N", 40, "--seed", 2, "--threads", 1, "-o", "s.h5",
                        cwd=tmp_path)
    assert done.code == 0, str(done)

    found = model.sample(40, 2)

    with h5py.File(tmp_path / "s.h5") as file:
        for name in ("coords", "points", "phi", "metric", "weight"):
            np.testing.assert_array_equal(getattr(found, name), file[name][()], err_msg=name)
    found.save(tmp_path / "ours.h5")
    assert contents(tmp_path / "ours.h5") == contents(tmp_path / "s.h5")
    np.testing.assert_array_equal(model.phi(found.points), found.phi)
    np.testing.assert_array_equal(model.metric(found.points), found.metric)
    assert np.linalg.eigvalsh(found.metric).min() > 0.0
    np.testing.assert_array_equal(k7.manifold("s1xs3xs3").sample(40, 2), found.points)


def test_report_is_that_of_the_program(run: Path, model: k7.Model, tmp_path: Path) -> None:
    done = programs.run("k7_torsion", "--model", run / "best.h5", "-N", 500, "--threads", 1, "-o", "t.json", cwd=tmp_path)
    assert done.code == 0, str(done)

    assert model.report(500) == json.loads((tmp_path / "t.json").read_text())["torsion"]


def test_torsion_of_points_and_report_agree(model: k7.Model) -> None:
    """The report is of other points, and computed in the stretched coframe instead of the manifold's frame."""
    report = model.report(4000)
    points = model.manifold.sample(4000)

    found = model.torsion(points)

    for name in ("norm2_dphi", "norm2_dpsi", "norm2_tau0", "norm2_tau1", "norm2_tau2", "norm2_tau3"):
        noise = found[name].std() / np.sqrt(len(points))
        assert abs(found[name].mean() - report[name]["mean"]) < 6 * noise, name
    np.testing.assert_allclose(found["g"], model.metric(points), rtol=0, atol=1e-12)
    assert found["positive"].min() == 1.0


def test_torsion_is_that_of_the_jet(model: k7.Model) -> None:
    points = model.manifold.sample(30)
    phi, slopes = model.jet(points)

    found = k7.torsion(phi, slopes, model.manifold.structure)

    assert set(found) == set(model.torsion(points))
    for name, values in model.torsion(points).items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12, atol=1e-13, err_msg=name)


def moved(points: np.ndarray, a: int, step: float) -> np.ndarray:
    """Points a step along the frame vector E_a: a coordinate, or q exp(step e_a) on a sphere."""
    result = points.copy()
    if points.shape[1] == 7 or a == 0:
        result[:, a] += step
        return result
    w, x, y, z = points[:, 1 + 4 * ((a - 1) // 3) :][:, :4].T
    rows = {0: (-x, w, z, -y), 1: (-y, -z, w, x), 2: (-z, y, -x, w)}[(a - 1) % 3]  # q times i, j or k
    first = 1 + 4 * ((a - 1) // 3)
    result[:, first : first + 4] = np.cos(step) * points[:, first : first + 4] + np.sin(step) * np.stack(rows, axis=1)
    return result


@pytest.mark.parametrize("space", ["torus", "model"])
def test_derivatives_are_those_of_differences(space: str, request: pytest.FixtureRequest) -> None:
    found: k7.Model = request.getfixturevalue(space)
    points = found.manifold.sample(5)
    step = 1e-5
    slopes = found.jet(points)[1]

    assert np.abs(slopes).max(axis=(0, 2)).min() > 1e-3  # it varies along every vector
    for a in range(7):
        ahead, behind = (found.phi(moved(points, a, sign * step)) for sign in (1, -1))
        np.testing.assert_allclose(slopes[:, a], (ahead - behind) / (2 * step), rtol=0, atol=1e-8)


def test_torsion_of_golden_fields() -> None:
    for name in golden_names():
        known = golden(name)
        found = k7.torsion(known["phi"], known["E_phi"], known.get("structure"))
        assert len(set(found) & set(known)) >= 16
        for field in set(found) & set(known):
            scale = max(1.0, float(np.max(np.abs(known[field]))))
            np.testing.assert_allclose(found[field], known[field], rtol=0, atol=1e-11 * scale, err_msg=f"{name} {field}")


def test_spectrum_is_that_of_the_program(torus: k7.Model, tmp_path: Path) -> None:
    done = programs.run("k7_spectral", "--model", torus.path, "--threads", 1, "-n", 4, "--accuracy", 1.0, cwd=tmp_path)
    assert done.code == 0, str(done)
    theirs = json.loads((tmp_path / "spectral.json").read_text())["spectral"]

    found = torus.spectrum(n=4, accuracy=1.0, **QUIET)

    np.testing.assert_allclose(found.values, theirs["eigenvalues"], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.errors, theirs["error"], rtol=1e-9, atol=1e-12)


def test_graph_of_samples(model: k7.Model) -> None:
    found = model.sample(300).spectrum(k=10, n=4, extrapolate=False, **QUIET)

    assert found.functions is not None and found.functions.shape == (300, 4)
    assert found.values[1] > 0.0


def test_report_of_a_folder_from_python(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    samples = train(folder).model(threads=1).sample(400)
    samples.save(folder / "samples.h5")
    found = samples.spectrum(k=10, n=4, extrapolate=False, **QUIET)
    found.save(folder / "spectral.json")

    done = run_script("import sys\nfrom k7._programs import k7_report\nsys.argv = ['k7_report', 'run']\nk7_report()\n",
                      cwd=tmp_path)

    assert done.code == 0, str(done)
    tree = json.loads((folder / "results.json").read_text())
    assert tree["spectral"]["eigenvalues"] == list(found.raw)
    assert tree["training"]["epochs"] == 4


# ---- What is refused ----


def test_refusals(run: Path, model: k7.Model, tmp_path: Path) -> None:
    points = model.manifold.sample(3)
    wrong: list[tuple[Any, str]] = [
        (lambda: k7.Model(tmp_path / "none.h5"), r"none.h5"),
        (lambda: k7.Model(run / "history.csv"), r"history.csv"),
        (lambda: k7.Model(run / "best.h5", device="tpu"), "device: 'tpu' is none of auto, cpu, cuda"),
        (lambda: model.phi(points[:, :7]), r"points: has shape \(3, 7\); \(N, 9\) is needed"),
        (lambda: model.phi(2 * points), "points row 0: "),
        (lambda: model.sample(0), "n: is 0; at least 1 is needed"),
        (lambda: k7.torsion(np.ones((2, 35)), np.ones((2, 35, 7))), r"E_phi: has shape \(2, 35, 7\); \(2, 7, 35\)"),
        (lambda: k7.torsion(np.ones(35), np.ones((1, 7, 35))), r"phi: has shape \(35,\); \(N, 35\) is needed"),
        (lambda: k7.train("quickly"), "preset: 'quickly' is none of neck, quick, "),
        (lambda: train(tmp_path / "x", epoch=3), "epoch: is no option of training; there are preset, manifold, "),
        (lambda: train(tmp_path / "x", epochs=0), "--epochs: '0' is too small; at least 1"),
        (lambda: train(tmp_path / "x", epochs="many"), "epochs: is 'many'; a whole number is needed"),
        (lambda: train(tmp_path / "x", epochs=2.5), "epochs: is 2.5; a whole number is needed"),
        (lambda: train(tmp_path / "x", radii=[1.0]), r"radii: is \[1.0\]; a list of numbers, of the right length"),
        (lambda: train(tmp_path / "x", optimizer="magic"), "optimizer: 'magic' is none of adamw, soap, lbfgs"),
        (lambda: train(tmp_path / "x", lambda_torsion=-1), "--lambda-torsion: '-1' is too small"),
        (lambda: train(run, seed=3), "seed"),
    ]
    for call, words in wrong:
        with pytest.raises(k7.InputError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "x").exists()


# ---- Stops ----


def test_callback_sees_epochs_and_can_stop(tmp_path: Path) -> None:
    seen: list[tuple[int, float]] = []

    def stop_at_three(epoch: int, loss: float) -> bool:
        seen.append((epoch, loss))
        return epoch == 3

    found = train(tmp_path / "run", callback=stop_at_three, epochs=50)

    assert found.stop == "signal"
    assert [epoch for epoch, _ in seen][:3] == [1, 2, 3]
    assert found.epochs in (3, 4)
    np.testing.assert_array_equal([loss for _, loss in seen], found.history()["loss"])
    assert train(tmp_path / "run", epochs=6).epochs == 6  # it goes on from there


def test_what_a_callback_raises_comes_out(tmp_path: Path) -> None:
    def fails(epoch: int, loss: float) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        train(tmp_path / "run", callback=fails, epochs=50)
    assert (tmp_path / "run" / "last.h5").exists()


INTERRUPTED = """
    import os, signal, sys, threading, time
    import numpy as np
    import k7

    def interrupt_soon():
        threading.Timer(float(sys.argv[1]), lambda: os.kill(os.getpid(), signal.SIGINT)).start()

    began = time.monotonic()
    try:
        {call}
        print("not interrupted")
    except KeyboardInterrupt:
        print("interrupted", time.monotonic() - began < 30)
    print(k7.manifold("torus7").sample(1).shape)
"""


def test_training_is_interrupted(tmp_path: Path) -> None:
    call = ("k7.train('neck', out='run', hidden=[8], epochs=10**6, batch_size=64, threads=1, "
            "callback=lambda epoch, loss: interrupt_soon() if epoch == 2 else None)")
    done = run_script(INTERRUPTED.format(call=call), 0.3, cwd=tmp_path)

    assert (done.code, done.out.split("\n")[:2]) == (0, ["interrupted True", "(1, 7)"]), str(done)
    assert (tmp_path / "run" / "last.h5").exists()


def test_spectrum_is_interrupted(tmp_path: Path) -> None:
    call = "interrupt_soon(); k7.spectrum(np.random.default_rng(0).random((40000, 7)), np.eye(7), n=40, threads=1)"
    done = run_script(INTERRUPTED.format(call=call), 1.0, cwd=tmp_path)

    assert (done.code, done.out.split("\n")[:2]) == (0, ["interrupted True", "(1, 7)"]), str(done)
