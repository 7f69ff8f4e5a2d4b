# SPDX-License-Identifier: Apache-2.0
"""tools/scaling: what it counts, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("K7_BIN_DIR", ROOT / "build" / "bin"))
KINDS = {"sends", "send_bytes", "exchanges", "exchange_messages", "exchange_bytes", "collectives", "collective_bytes", "seconds",
         "mpi_seconds", "partners"}
STAGES = {"outside", "partition", "kNN", "assemble", "eigensolve", "limits", "Ritz"}

sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.path.insert(0, str(ROOT / "tools"))
from programs import environment  # noqa: E402
from scaling_model import A100, CORE, Work, stages, training_step  # noqa: E402


def scaling(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ROOT / "tools" / "scaling"), *map(str, words)], env=environment(), capture_output=True, text=True,
                          timeout=200, check=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """{ranks: record} of 1000 points on 1, 2 and 4 ranks."""
    out = tmp_path_factory.mktemp("scaling")
    done = scaling("strong", "--points", 1000, "--ranks", 4, 1, 2, "-k", 16, "--epochs", 2, "--batch", 64, "--bin", BIN, "--out", out)
    assert done.returncode == 0, done.stderr
    assert (out / "scaling.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in out.iterdir()} == {"scaling.json", "scaling.png"}, "nothing else is left behind"
    tree = json.loads((out / "scaling.json").read_text())
    for record in tree["runs"]:
        assert f"{record['ranks']:>6} {record['points']:>10} " in done.stdout
    return {record["ranks"]: record for record in tree["runs"]}


def test_every_stage_is_counted(runs: dict[int, dict[str, Any]]) -> None:
    assert list(runs) == [1, 2, 4]
    for ranks, record in runs.items():
        assert set(record["stages"]) == STAGES
        assert record["points"] == 1000
        assert len(record["peak_memory_mib"]) == ranks
        assert record["training_step_s"] > 0.0
        assert record["lambda_1"] == pytest.approx(runs[1]["lambda_1"], rel=1e-8)
        for name, counts in record["stages"].items():
            assert set(counts) == KINDS, name
            for low, mean, high in counts.values():
                assert 0 <= low <= mean <= high
            assert counts["mpi_seconds"][2] <= counts["seconds"][2] * 1.001
        total = sum(counts["seconds"][2] for counts in record["stages"].values())
        assert total >= record["total_s"]


def test_messages_are_those_between_ranks(runs: dict[int, dict[str, Any]]) -> None:
    for name, counts in runs[1]["stages"].items():
        for kind in ("sends", "exchange_messages", "partners"):
            assert counts[kind] == [0, 0, 0], f"one rank has nobody to talk to: {name}"
    for ranks in (2, 4):
        stages = runs[ranks]["stages"]
        assert stages["eigensolve"]["sends"][0] > 0
        assert stages["kNN"]["exchange_bytes"][0] > 0
        for name, counts in stages.items():
            assert counts["partners"][2] <= ranks - 1
            if name != "outside":  # rank 0 alone reads and writes there
                assert counts["collectives"][0] == counts["collectives"][2], f"collective calls are everyone's: {name}"
    # A product with the matrix sends each rank's boundary once; more ranks have more boundary in all.
    bytes_of = {ranks: ranks * runs[ranks]["stages"]["eigensolve"]["send_bytes"][1] for ranks in (2, 4)}
    assert bytes_of[4] > bytes_of[2]


def test_counts_are_those_of_the_model(runs: dict[int, dict[str, Any]]) -> None:
    """docs/scaling.md says how many messages each stage sends."""
    assert [runs[ranks]["stages"]["partition"]["collectives"][2] for ranks in (2, 4)] == [14, 21]
    for ranks in (2, 4):
        stages = runs[ranks]["stages"]
        assert stages["kNN"]["exchange_messages"] == [6 * (ranks - 1)] * 3
        assert stages["Ritz"]["collectives"] == runs[2]["stages"]["Ritz"]["collectives"]
        assert stages["Ritz"]["sends"] == [0, 0, 0]
        solve = stages["eigensolve"]
        assert solve["sends"][2] % solve["partners"][2] == 0, "one message to each neighbour for every product"


def test_the_model_counts_what_is_counted(runs: dict[int, dict[str, Any]]) -> None:
    for ranks in (2, 4):
        counted, model = runs[ranks]["stages"], stages(Work(1000, ranks, neighbors=16))
        assert set(model) == set(counted) - {"outside"}
        assert model["partition"].collectives == counted["partition"]["collectives"][2]
        assert model["kNN"].messages == counted["kNN"]["exchange_messages"][2]
        assert model["Ritz"].collectives == counted["Ritz"]["collectives"][2]
        assert model["assemble"].messages == pytest.approx(counted["assemble"]["exchange_messages"][2], rel=0.25)


def counts_of(points: int, ranks: int, folder: Path) -> dict[str, Any]:
    """{stage: {kind: (least, mean, largest rank)}} of a spectrum."""
    samples, counts = folder / f"{points}.h5", folder / f"{points}.json"
    subprocess.run([str(BIN / "k7_sample"), "--manifold", "s1xs3xs3", "--radii", "33,33,28", "-N", str(points), "-o", str(samples)],
                   env=environment(), capture_output=True, check=True)
    setting = [f"LD_PRELOAD={BIN / 'libk7_mpi_counts.so'}", f"K7_MPI_COUNTS={counts}"]
    words = [str(BIN / "k7_spectral"), str(samples), "-k", "16", "-n", "8", "-o", str(folder / "spectral.json")]
    subprocess.run(["mpirun", "--oversubscribe", "-n", str(ranks), "env", *setting, *words],
                   env=environment(), capture_output=True, check=True, timeout=280)
    stages: dict[str, Any] = json.loads(counts.read_text())["stages"]
    return stages


@pytest.mark.long
def test_sixty_four_ranks_gather_nothing(tmp_path: Path) -> None:
    """Twice the points, the same collective bytes: no rank has an array of all of them. Messages are those of the model."""
    few, many = (counts_of(points, 64, tmp_path) for points in (3000, 6000))
    model = stages(Work(6000, 64, neighbors=16))
    for name in ("partition", "kNN", "assemble", "eigensolve"):
        assert many[name]["collective_bytes"][2] < 1.2 * few[name]["collective_bytes"][2], name
        assert many[name]["partners"][2] <= 63
    assert many["partition"]["collectives"][2] == model["partition"].collectives
    assert many["kNN"]["exchange_messages"][2] == model["kNN"].messages
    assert many["assemble"]["exchange_messages"][2] <= 55 * 63
    assert many["eigensolve"]["sends"][2] % many["eigensolve"]["partners"][2] == 0


@pytest.mark.parametrize(("points", "ranks", "knn", "assemble", "eigensolve"), [  # docs/performance.md, seconds
    (5e5, 1, 14.7, 3.3, 21.0), (1e6, 2, 25.0, 5.9, 25.6), (1e6, 1, 39.6, 7.2, 49.6), (4e6, 2, 150, 26, 154)])
def test_the_model_takes_as_long_as_measured(points: float, ranks: int, knn: float, assemble: float, eigensolve: float) -> None:
    model = stages(Work(points, ranks, neighbors=30))
    for name, measured in (("kNN", knn), ("assemble", assemble), ("eigensolve", eigensolve)):
        assert 0.5 < model[name].seconds(CORE, ranks) / measured < 2.0, name


def test_more_ranks_have_less_work_each() -> None:
    previous = Work(1e8, 8)
    for ranks in (64, 512):
        work = Work(1e8, ranks)
        assert work.halo < previous.halo and work.own < previous.own
        for name, stage in stages(work).items():
            if name != "partition":  # its histograms grow
                assert stage.seconds(A100, ranks) < stages(previous)[name].seconds(A100, previous.ranks), name
        previous = work


def test_a_step_takes_as_long_as_its_launches_at_least() -> None:
    """A batch of 4096 does not scale to many GPUs; one of 262144 does."""
    def speedup(batch: float) -> float:
        return training_step(Work(1e6, 1, batch=batch), A100) / training_step(Work(1e6, 64, batch=batch), A100)

    assert speedup(4096) < 10
    assert speedup(262144) > 50


def test_the_model_runs_nothing(tmp_path: Path) -> None:
    done = scaling("model", "--points", 1e9, "--ranks", 512, 64, "--machine", "a100", "--bin", "/nowhere", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ranks", "64", "512"]
    assert not list(tmp_path.iterdir())


def write_result(folder: Path, ranks: int, seconds: float) -> None:
    """What is read of a spectral.json."""
    timing = {"partition_s": 0.1, "knn_s": seconds, "assemble_s": 0.2, "eigensolve_s": 1.0, "total_s": 2.0 * seconds}
    (folder / f"spectral_{ranks}.json").write_text(json.dumps({
        "timing": timing, "parallel": {"ranks": ranks, "peak_memory_mib": [100.0] * ranks},
        "spectral": {"n_points": 1000 * ranks, "lambda_1": 1.0}, "metadata": {}}))


def test_results_that_are_there_are_drawn(tmp_path: Path) -> None:
    for ranks, seconds in ((1, 4.0), (16, 8.0), (2, 5.0)):
        write_result(tmp_path, ranks, seconds)
    done = scaling("weak", "--from", tmp_path, "--bin", "/nowhere", "--out", tmp_path / "picture")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [["1", "1000"], ["2", "2000"], ["16", "16000"]]
    assert "8 s   50 %" in lines[3], "twice the seconds of one rank"
    assert (tmp_path / "picture" / "scaling.png").read_bytes().startswith(b"\x89PNG")

    (tmp_path / "spectral_2.json").write_text('{"timing": {}}')
    done = scaling("weak", "--from", tmp_path, "--out", tmp_path / "other")
    assert done.returncode == 2
    assert "spectral_2.json" in done.stderr and "is no result of k7_spectral" in done.stderr
    done = scaling("weak", "--from", tmp_path / "picture", "--out", tmp_path / "other")
    assert done.returncode == 2 and "has no spectral_RANKS.json" in done.stderr


@pytest.mark.parametrize(("words", "text"), [
    (("strong", "--bin", "/nowhere"), "k7_sample: is missing"),
    (("weak", "--bin", BIN, "--launch", "mpirun"), "{ranks}"),
    (("weak", "--points", "0"), "positive whole number"),
    (("sideways",), "invalid choice"),
    (("strong", "--bin", BIN, "--launch", "sh -c 'exit {ranks}'"), "ended with 1"),
])
def test_what_cannot_be_done_is_said(words: tuple[object, ...], text: str, tmp_path: Path) -> None:
    done = scaling(*words, *(() if words[0] == "sideways" else ("--out", tmp_path)))
    assert done.returncode == 2
    assert text in done.stderr.splitlines()[-1]
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
